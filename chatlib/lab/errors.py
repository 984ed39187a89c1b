"""What handlers raised: kept where it is noticed, raised in the cell that waits."""

from typing import Any

from socketio.exceptions import TimeoutError as SocketTimeoutError

from chatlib.lab.changes import Changes


class LabTimeoutError(SocketTimeoutError):  # type: ignore[misc]
    """Something in the lab took too long; the message says who waited for what.

    It is python-socketio's error and not Python's, so that what catches it here does so outside the
    lab too.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]  # IPython would show where the lab waits


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
            error: What was raised.
            where: Whose code raised it: "the server's handler of 'say' from alice".
        """
        if error not in self._errors:
            error.add_note(f"Raised in {where}.")
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
            raise ExceptionGroup(f"{len(errors)} handlers failed", errors)


def without_library(error: BaseException) -> Any:
    """Return an error without the frames of the libraries that called what raised it.

    Where that leaves none, IPython shows the error alone.
    """
    start = error.__traceback__
    while start and _is_library(start.tb_frame.f_globals.get("__name__", "")):
        start = start.tb_next
    if not start:
        error._render_traceback_ = lambda: [  # type: ignore[attr-defined]
            f"{type(error).__name__}: {error}",
            *getattr(error, "__notes__", []),
        ]
    return error.with_traceback(start)


def _is_library(module: str) -> bool:
    return module.split(".")[0] in ("aiosqlite", "asyncio", "chatlib", "engineio", "socketio")
