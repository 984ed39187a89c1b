"""What the exercises of lesson 01 share."""

from collections.abc import Iterable

from chatlib.lab.exercises.exercise import Stage
from chatlib.lab.handlers import handled_events
from chatlib.lab.words import enumerated


def comes_from_the_handler(error: Exception) -> bool:
    """Tell whether a handler raised this error, and not a client that was refused."""
    return any(note.startswith("Raised in") for note in getattr(error, "__notes__", []))


def see_that_somebody_is_at_the_door(stage: Stage) -> None:
    """Judge the answer to be wrong if the server has no handler for ``connect``."""
    if "connect" not in (handled := handled_events(stage.io)):
        stage.fail(f'The server has no handler for "connect"{has_others(handled)}.')


def has_others(events: Iterable[str]) -> str:
    """Return which events there are handlers for, as the end of a sentence, or nothing."""
    own = [f'"{event}"' for event in events]
    return f"; it has one for {enumerated(own)}" if own else ""


def with_article(value: object) -> str:
    """Return the name of a value's type, with its article: ``an int``."""
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"
