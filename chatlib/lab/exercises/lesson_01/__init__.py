"""The exercises of lesson 01: who may connect, when to welcome them, and ids."""

from chatlib.lab.exercises.lesson_01 import door, ids, listening, prediction, welcome

EXERCISES = [
    door.EXERCISE,
    welcome.EXERCISE,
    ids.EXERCISE,
    prediction.EXERCISE,
    listening.EXERCISE,
]
