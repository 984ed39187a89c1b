"""The exercises of lesson 11: a vote, breakout rooms, and somebody who is removed."""

from chatlib.lab.exercises.lesson_11 import prediction, removal, vote

EXERCISES = [vote.EXERCISE, prediction.EXERCISE, removal.EXERCISE]
