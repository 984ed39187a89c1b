"""Pictures of what happened: a sequence diagram, frames, and a matrix of who heard what."""

from chatlib.lab.pictures.diagram import SequenceDiagram
from chatlib.lab.pictures.frames import Frames
from chatlib.lab.pictures.matrix import Matrix

__all__ = ["Frames", "Matrix", "SequenceDiagram"]
