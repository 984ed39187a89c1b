"""The exercises of lesson 08: a sender, a server and receivers that lose and double nothing."""

from chatlib.lab.exercises.lesson_08 import keys, member, prediction, receiver, sender

EXERCISES = [
    sender.EXERCISE,
    keys.EXERCISE,
    receiver.EXERCISE,
    prediction.EXERCISE,
    member.EXERCISE,
]
