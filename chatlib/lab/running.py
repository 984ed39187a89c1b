"""What runs now: the handlers, and the server's background tasks."""

import asyncio
import contextlib
import contextvars
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any

from chatlib.lab.blocking import stoppable
from chatlib.lab.changes import Changes
from chatlib.lab.errors import Errors

# Which handler the code belongs to, in which lab; a task has that of the code that started it.
_handler: contextvars.ContextVar[tuple["Running | None", str]] = contextvars.ContextVar(
    "handler", default=(None, "")
)


class Running:
    """The handlers and background tasks of one lab that have not ended.

    Args:
        changes: Whom to tell when one ends.
        errors: Where to keep what they raise.

    Attributes:
        is_left_out: Tells which background tasks somebody else looks after.
    """

    def __init__(self, changes: Changes, errors: Errors) -> None:
        self.is_left_out: Callable[[object], bool] = lambda task: False  # noqa: ARG005
        self._changes = changes
        self._errors = errors
        self._running: dict[object, str] = {}
        # When a turn that blocked the event loop ended, for how long it had lasted, and whose.
        self._blocks: deque[tuple[float, float, str]] = deque(maxlen=100)
        self._log = _ErrorLog(self, errors)

    @contextlib.contextmanager
    def busy(self, what: str) -> Iterator[None]:
        """Count the code within as something that has not ended.

        Args:
            what: What it is.
        """
        key = object()
        self._running[key] = what
        try:
            yield
        finally:
            del self._running[key]
            self._changes.notify()

    @contextlib.contextmanager
    def handling(self, what: str) -> Iterator[None]:
        """Count the code within as a handler, and keep what it raises.

        Args:
            what: Whose handler it is, and of what.
        """
        token = _handler.set((self, what))
        try:
            with self.busy(what):
                yield
        except Exception as error:  # noqa: BLE001  (the cell that waits raises it)
            self._errors.add(error, what)
        finally:
            _handler.reset(token)

    async def handle(self, what: str, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Await a handler, keep what it raises, and let an Interrupt stop it if it blocks the loop.

        Args:
            what: Whose handler it is, and of what.
            coroutine: What to await.
        """
        with self.handling(what):
            await stoppable(coroutine, partial(self._blocked, what))

    def blocker(self, since: float, seconds: float) -> str:
        """Return what blocked the event loop for longest, or nothing.

        Args:
            since: From when on, by `time.monotonic`.
            seconds: For how long it must have been blocked altogether.
        """
        blocks = [(lasted, what) for ended, lasted, what in self._blocks if ended > since]
        return max(blocks)[1] if sum(lasted for lasted, _ in blocks) >= seconds else ""

    def is_handling(self) -> bool:
        """Tell whether the code that asks is a handler's, for whose end `settle` would wait."""
        _, what = _handler.get()
        return bool(what)

    def track(self, task: asyncio.Task[Any], name: str) -> None:
        """Count a background task of the server's until it ends, and keep what it raises.

        Args:
            task: The task.
            name: What to call it, if no handler has started it.
        """
        self._running[task] = self._task(name)
        task.add_done_callback(self._ended)

    def interruptible(self, target: Callable[..., Any], name: str) -> Callable[..., Any]:
        """Return a background task's function, with an Interrupt that stops it if it blocks.

        Args:
            target: The function.
            name: What to call the task.
        """

        def start(*args: Any, **kwargs: Any) -> Any:
            started = target(*args, **kwargs)
            if not asyncio.iscoroutine(started):
                return started
            return stoppable(started, partial(self._blocked, self._task(name)))

        return start

    def is_quiet(self) -> bool:
        """Tell whether nothing runs, but for what is left out."""
        return all(map(self.is_left_out, self._running))

    def names(self) -> list[str]:
        """Return what has not ended, but for what is left out."""
        return [what for key, what in self._running.items() if not self.is_left_out(key)]

    def start_log(self) -> None:
        """Keep the exceptions that `chatlib` logs, too: those are caught and answered otherwise."""
        logging.getLogger("chatlib").addHandler(self._log)

    def stop_log(self) -> None:
        """Let `chatlib` log what it will."""
        logging.getLogger("chatlib").removeHandler(self._log)

    def _task(self, name: str) -> str:
        _, what = _handler.get()
        return what or f"the server's background task {name}"

    def _blocked(self, what: str, seconds: float) -> None:
        self._blocks.append((time.monotonic(), seconds, what))

    def _ended(self, task: asyncio.Task[Any]) -> None:
        what = self._running.pop(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._errors.add(error, what)
        self._changes.notify()


class _ErrorLog(logging.Handler):
    """Keeps the exceptions that are logged."""

    def __init__(self, running: Running, errors: Errors) -> None:
        super().__init__(logging.ERROR)
        self._running = running
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info and record.exc_info[1]
        running, what = _handler.get()
        if isinstance(error, Exception) and running in (None, self._running):  # not another lab's
            self._errors.add(error, what or record.getMessage())
