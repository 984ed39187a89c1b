"""What runs now: the handlers, and the server's background tasks."""

import asyncio
import contextlib
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import Any

from chatlib.lab.changes import Changes
from chatlib.lab.source import function_behind, is_endless

# What may be left out: the tasks that begin with a function, or some tasks.
LeftOut = Callable[..., Any] | Container[asyncio.Task[Any]]


@dataclass(frozen=True)
class Run:
    """Something that runs.

    Attributes:
        what: Its name, for errors.
        function: The function that it begins with, if it is a background task of the reader's.
    """

    what: str
    function: object = None


class Running:
    """The handlers and background tasks of one lab that have not ended.

    Args:
        changes: Whom to tell when one ends.
    """

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._running: dict[object, Run] = {}
        self._endless: set[object] = set()
        self._left_out: list[LeftOut] = []

    @contextlib.contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Count the code within as something that has not ended.

        Args:
            what: What it is.
        """
        key = object()
        self._running[key] = Run(what)
        try:
            yield
        finally:
            del self._running[key]
            self._changes.notify()

    def track(self, task: asyncio.Task[Any], run: Run) -> None:
        """Count a background task until it ends.

        Args:
            task: The task.
            run: What it is.
        """
        self._running[task] = run
        if is_endless(run.function):
            self._endless.add(task)
        task.add_done_callback(self._ended)

    def leave_out(self, what: LeftOut) -> None:
        """Wait no longer for some background tasks.

        Args:
            what: The function that they begin with, or the tasks.
        """
        self._left_out.append(what)
        self._changes.notify()

    def has_left_out(self) -> bool:
        """Tell whether something runs that nobody waits for."""
        return any(map(self._is_left_out, self._running))

    def is_quiet(self) -> bool:
        """Tell whether nothing runs, but for what is left out."""
        return all(map(self._is_left_out, self._running))

    def names(self) -> list[str]:
        """Return what has not ended, but for what is left out."""
        return [run.what for run in self._unended()]

    def hint(self) -> str:
        """Return how not to wait for the first background task that has not ended, if there is."""
        for function in (run.function for run in self._unended() if run.function):
            name = _name_to_write(function)
            call = f"lab.leave_out({name or 'its function'})"
            return f"If {name or 'it'} is not to end: {call} tells the lab so."
        return ""

    def cancel_left_out(self) -> None:
        """Cancel the background tasks that nobody waits for."""
        for key in filter(self._is_left_out, [*self._running]):
            if isinstance(key, asyncio.Task):
                key.cancel()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        del self._running[task]
        self._endless.discard(task)
        self._changes.notify()

    def _unended(self) -> list[Run]:
        return [run for key, run in self._running.items() if not self._is_left_out(key)]

    def _is_left_out(self, key: Any) -> bool:
        function = self._running[key].function
        return key in self._endless or any(
            what in (function, function_behind(function)) if callable(what) else key in what
            for what in self._left_out
        )


def _name_to_write(function: object) -> str:
    """Return how a cell calls a function, or nothing where it has no name."""
    name = getattr(function_behind(function), "__qualname__", "").rpartition("<locals>.")[2]
    return "" if "<" in name else name
