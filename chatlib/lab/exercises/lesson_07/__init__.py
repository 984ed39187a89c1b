"""The exercises of lesson 07: answers for all, a limit to waiting, order, and a turn for all."""

from chatlib.lab.exercises.lesson_07 import bakery, message, note, prediction, share

EXERCISES = [
    share.EXERCISE,
    message.EXERCISE,
    note.EXERCISE,
    prediction.EXERCISE,
    bakery.EXERCISE,
]
