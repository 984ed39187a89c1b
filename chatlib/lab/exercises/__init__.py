"""The exercises of the lessons: each checks an answer against live clients."""

from importlib import import_module
from pkgutil import iter_modules

from chatlib.lab.exercises.exercise import Exercise, Repair, Stage, Verdict
from chatlib.lab.exercises.prediction import Prediction

__all__ = ["Exercise", "Prediction", "Repair", "Stage", "Verdict", "exercise", "exercises"]


def exercise(number: str) -> Exercise | Prediction:
    """Return the exercise with a number, for example ``"03.1"``: the first of lesson 03.

    Raises:
        KeyError: There is no such exercise.
    """
    for found in exercises():
        if found.number == number:
            return found
    numbers = ", ".join(found.number for found in exercises())
    raise KeyError(f"There is no exercise {number}; there are {numbers}.")


def exercises() -> list[Exercise | Prediction]:
    """Return all exercises, in the order of the lessons."""
    lessons = sorted(found.name for found in iter_modules(__path__) if "lesson_" in found.name)
    modules = [import_module(f"{__name__}.{lesson}") for lesson in lessons]
    return [found for module in modules for found in module.EXERCISES]
