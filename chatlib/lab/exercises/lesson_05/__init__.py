"""The exercises of lesson 05: direct messages."""

from chatlib.lab.exercises.lesson_05 import away, handler, names, person, prediction

EXERCISES = [
    person.EXERCISE,
    names.EXERCISE,
    handler.EXERCISE,
    prediction.EXERCISE,
    away.EXERCISE,
]
