"""What handlers raised: kept where it is noticed, raised in the cell that waits."""

import contextlib
from typing import Any

import IPython
from IPython.core import ultratb
from socketio.exceptions import TimeoutError as SocketTimeoutError

from chatlib.lab.changes import Changes

# The first IPython that shows the notes of an error by itself.
_SHOWS_NOTES = (8, 14)


class LabTimeoutError(SocketTimeoutError):  # type: ignore[misc]
    """Something in the lab took too long; the message says who waited for what.

    It is python-socketio's error and not Python's, so that what catches it here does so outside the
    lab too.
    """

    def _render_traceback_(self) -> list[str]:
        return _lines(self)  # IPython would show where the lab waits


class Errors:
    """What handlers raised and no cell has shown yet.

    Args:
        changes: Whom to tell of an error.
    """

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._errors: list[Exception] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    def add(self, error: Exception, where: str) -> None:
        """Keep an error for the cell that waits.

        Args:
            error: What was raised; an error that is kept already, as it was logged, is kept once.
            where: Whose code raised it: "the server's handler of 'say' from alice".
        """
        if not any(error is kept for kept in self._errors):
            add_note(error, f"Raised in {where}.")
            self._errors.append(without_library(error))
        self._changes.notify()

    def raise_all(self) -> None:
        """Raise what handlers raised since the last time, if anything.

        Raises:
            Exception: That, or an `ExceptionGroup` of several.
        """
        __tracebackhide__ = True
        errors, self._errors = self._errors, []
        if len(errors) == 1:
            raise errors[0]
        if errors:
            group = ExceptionGroup(f"{len(errors)} handlers failed", errors)
            for error in errors:  # IPython 7 shows none of them
                add_note(group, in_words(error))
            raise group


def add_note(error: BaseException, note: str) -> None:
    """Add a note to an error, and let every IPython show it: 7, as on Colab, would not by itself.

    Args:
        error: The error.
        note: A sentence.
    """
    with contextlib.suppress(Exception):  # one that is frozen takes no note, and is raised as it is
        error.add_note(note)
        if IPython.version_info < _SHOWS_NOTES and not hasattr(error, "_render_traceback_"):
            error._render_traceback_ = lambda: _with_notes(error)  # type: ignore[attr-defined]


def without_library(error: BaseException) -> Any:
    """Return an error without the frames of the libraries that called what raised it.

    Where that leaves none, IPython shows the error alone.
    """
    start = error.__traceback__
    while start and is_library(start.tb_frame.f_globals.get("__name__", "")):
        start = start.tb_next
    if not start:
        with contextlib.suppress(Exception):  # see above
            error._render_traceback_ = lambda: _lines(error)  # type: ignore[attr-defined]
    return error.with_traceback(start)


def in_words(error: BaseException) -> str:
    """Return an error and its notes as one line."""
    return " ".join(_lines(error))


def is_library(module: str) -> bool:
    """Tell whether a module is none of the reader's."""
    return module.split(".")[0] in ("asyncio", "chatlib", "engineio", "socketio")


def _lines(error: BaseException) -> list[str]:
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  (a class of the reader's)
        text = "it has no text"
    kind = type(error).__name__
    return [f"{kind}: {text}" if text else kind, *getattr(error, "__notes__", [])]


def _with_notes(error: BaseException) -> list[str]:
    """Return what an old IPython shows of an error, with the notes."""
    old: Any = ultratb.AutoFormattedTB
    tracebacks = old("Context", IPython.get_ipython().colors, tb_offset=1)
    shown: list[str] = tracebacks.structured_traceback(type(error), error, error.__traceback__)
    return shown + getattr(error, "__notes__", [])
