"""The exercises of lesson 00: a first handler, a guess, and a handler with two branches."""

from chatlib.lab.exercises.lesson_00 import knock, prediction, share

EXERCISES = [
    knock.EXERCISE,
    prediction.EXERCISE,
    share.EXERCISE,
]
