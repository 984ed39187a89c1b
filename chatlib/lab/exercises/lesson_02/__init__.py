"""The exercises of lesson 02: answers, several arguments, and questions from the server."""

from chatlib.lab.exercises.lesson_02 import area, forecast, names, paint, prediction

EXERCISES = [
    area.EXERCISE,
    paint.EXERCISE,
    names.EXERCISE,
    prediction.EXERCISE,
    forecast.EXERCISE,
]
