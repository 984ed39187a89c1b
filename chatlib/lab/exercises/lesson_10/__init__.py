"""The exercises of lesson 10: frames by hand, and who hears what across namespaces."""

from chatlib.lab.exercises.lesson_10 import client, frames, namespaces, staff

EXERCISES = [frames.EXERCISE, client.EXERCISE, namespaces.EXERCISE, staff.EXERCISE]
