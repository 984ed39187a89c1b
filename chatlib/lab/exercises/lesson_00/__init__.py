"""The exercises of lesson 00: one of each kind that a first lesson needs, and a handler to mend."""

from chatlib.lab.exercises.lesson_00 import knock, prediction, share

EXERCISES = [
    knock.EXERCISE,
    prediction.EXERCISE,
    share.EXERCISE,
]
