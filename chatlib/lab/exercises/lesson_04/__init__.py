"""The exercises of lesson 04: rooms."""

from chatlib.lab.exercises.lesson_04 import enter, game, move, prediction, say

EXERCISES = [
    enter.EXERCISE,
    say.EXERCISE,
    move.EXERCISE,
    prediction.EXERCISE,
    game.EXERCISE,
]
