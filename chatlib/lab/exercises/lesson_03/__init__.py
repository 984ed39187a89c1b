"""The exercises of lesson 03: everyone, only you, everyone but you."""

from chatlib.lab.exercises.lesson_03 import goal, joke, prediction, question, typing

EXERCISES = [
    question.EXERCISE,
    joke.EXERCISE,
    goal.EXERCISE,
    prediction.EXERCISE,
    typing.EXERCISE,
]
