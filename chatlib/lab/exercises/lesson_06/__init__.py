"""The exercises of lesson 06: events of one's own for the chat server, and clients of it."""

from chatlib.lab.exercises.lesson_06 import direct, hello, prediction, seen, typing

EXERCISES = [
    typing.EXERCISE,
    hello.EXERCISE,
    direct.EXERCISE,
    prediction.EXERCISE,
    seen.EXERCISE,
]
