"""The exercises of lesson 09: a door, what is heard at it, and what a token is worth."""

from chatlib.lab.exercises.lesson_09 import door, prediction, present, tabs, waiting

EXERCISES = [
    door.EXERCISE,
    waiting.EXERCISE,
    tabs.EXERCISE,
    prediction.EXERCISE,
    present.EXERCISE,
]
