"""A class that people join from their phones, led from a notebook; needs ``chatlib[lab]``."""

from chatlib.classroom.room import Classroom

__all__ = ["Classroom"]
