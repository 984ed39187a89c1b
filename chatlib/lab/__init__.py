"""Everything a lesson needs: a live server and clients in the notebook's own kernel."""

from chatlib.lab.client import Client
from chatlib.lab.errors import LabTimeoutError
from chatlib.lab.exercises import exercise
from chatlib.lab.lab import Lab

__all__ = ["Client", "Lab", "LabTimeoutError", "exercise"]
