"""Handlers and background tasks: what they raise, and what they may not do to the kernel."""

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
from chatlib.lab.errors import Errors, is_library, without_library
from chatlib.lab.running import Run, Running
from chatlib.lab.source import function_behind, name_of

# Which handler the code belongs to, in which lab; a task has that of the code that started it.
_handler: contextvars.ContextVar[tuple["Handlers | None", str]] = contextvars.ContextVar(
    "handler", default=(None, "")
)


class Handlers:
    """The handlers and background tasks of one lab.

    Args:
        running: What has not ended.
        errors: Where to keep what they raise.

    Attributes:
        log: Keeps the exceptions that `chatlib` logs, as those are caught and answered otherwise.
    """

    def __init__(self, running: Running, errors: Errors) -> None:
        self.log = _ErrorLog(self, errors)
        self._running = running
        self._errors = errors
        # When a turn that blocked the event loop ended, for how long it had lasted, and whose.
        self._blocks: deque[tuple[float, float, str]] = deque(maxlen=100)

    @contextlib.contextmanager
    def handling(self, what: str) -> Iterator[None]:
        """Count the code within as a handler, and keep what it raises.

        Args:
            what: Whose handler it is, and of what.
        """
        token = _handler.set((self, what))
        before = _cancellations()
        try:
            with self._running.busy(what):
                yield
        except BaseException as error:  # the cell that waits raises it
            if _is_the_end(error, before):
                raise
            self._errors.add(_harmless(error), what)
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

    def guarded(self, target: Callable[..., Any], what: str = "") -> Callable[..., Any]:
        """Return a background task's function that can neither block the loop nor end the kernel.

        An Interrupt stops it if it blocks, and `SystemExit` and the like become an ordinary error.

        Args:
            target: The function.
            what: What to call the task, if it is not the server's.
        """

        def start(*args: Any, **kwargs: Any) -> Any:
            started = target(*args, **kwargs)
            if not asyncio.iscoroutine(started):
                return started
            return self._guard(started, what or _run(target).what)

        return start

    def track(self, task: asyncio.Task[Any], target: Callable[..., Any]) -> None:
        """Count a background task of the server's until it ends, and keep what it raises.

        Args:
            task: The task.
            target: The function that it begins with.
        """
        run = _run(target)
        self.keep_error(task, run.what)
        self._running.track(task, run)

    def keep_error(self, task: asyncio.Task[Any], what: str) -> None:
        """Keep what a task raises that nobody waits for.

        Args:
            task: The task.
            what: Whose it is.
        """
        task.add_done_callback(partial(self._keep_error, what))

    async def _guard(self, coroutine: Coroutine[Any, Any, Any], what: str) -> Any:
        before = _cancellations()
        try:
            return await stoppable(coroutine, partial(self._blocked, what))
        except Exception:
            raise
        except BaseException as error:
            if _is_the_end(error, before):
                raise
            raise _harmless(error) from error

    def _blocked(self, what: str, seconds: float) -> None:
        self._blocks.append((time.monotonic(), seconds, what))

    def _keep_error(self, what: str, task: asyncio.Task[Any]) -> None:
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._errors.add(error, what)


def is_readers(target: object) -> bool:
    """Tell whether a function is the reader's, and not a library's."""
    return not is_library(getattr(function_behind(target), "__module__", None) or "")


def _run(target: object) -> Run:
    _, handler = _handler.get()
    is_own = is_readers(target)
    if handler and not is_own:  # a handler that python-socketio runs in a task
        return Run(handler)
    what = f"the server's background task {name_of(target)}"
    what += f" (started by {handler})" * bool(handler)
    return Run(what, target if is_own else None)


def _cancellations() -> int:
    """Return how often somebody has cancelled the task that runs."""
    task = asyncio.current_task()
    return task.cancelling() if task else 0


def _is_the_end(error: BaseException, before: int) -> bool:
    """Tell whether an error ends the task that runs, and is none of the code's own.

    Args:
        error: What was raised.
        before: How often the task had been cancelled when the code began.
    """
    if isinstance(error, asyncio.CancelledError):  # a task that was cancelled raises one, too
        return _cancellations() > before
    return isinstance(error, GeneratorExit)


def _harmless(error: BaseException) -> Exception:
    """Return an error, or another one in place of one that would end the kernel, or the task."""
    if isinstance(error, Exception):
        return error
    if isinstance(error, asyncio.CancelledError):
        replaced = RuntimeError("A handler asked for the result of something that was cancelled.")
    else:
        called = "sys.exit()" if isinstance(error, SystemExit) else type(error).__name__
        replaced = RuntimeError(f"A handler ends its own work with `return`, not with {called}.")
    replaced = replaced.with_traceback(error.__traceback__)
    replaced.__cause__ = without_library(error)
    return replaced


class _ErrorLog(logging.Handler):
    """Keeps the exceptions that are logged."""

    def __init__(self, handlers: Handlers, errors: Errors) -> None:
        super().__init__(logging.ERROR)
        self._handlers = handlers
        self._errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info and record.exc_info[1]
        handlers, what = _handler.get()
        if isinstance(error, Exception) and handlers in (None, self._handlers):  # not another lab's
            self._errors.add(error, what or record.getMessage())
