"""Waiting in the lab: always with a limit, and for the errors of handlers, too."""

import asyncio
import contextlib
import contextvars
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from chatlib.lab.changes import Changes
from chatlib.lab.errors import Errors, LabTimeoutError, add_note, without_library
from chatlib.lab.handling import Handlers
from chatlib.lab.links import Links
from chatlib.lab.running import Running

# What still runs gets so many seconds to end, after an error and before the lab closes.
CALM = 0.5

# So often the event loop turns for what is not waited for, until it has acted on what has come.
_TURNS = 20

_Result = TypeVar("_Result")


class Waiting:
    """Waits until all is quiet in a lab, or until something is so.

    Args:
        changes: What tells that something has changed.
        links: What is under way.
        running: What runs.
        handlers: What may block the event loop.
        errors: What was raised.

    Attributes:
        beyond: What `settle` waits for besides, with its timeout: servers beside the lab's.
    """

    def __init__(
        self, changes: Changes, links: Links, running: Running, handlers: Handlers, errors: Errors
    ) -> None:
        self.beyond: Callable[[float], Awaitable[None]] | None = None
        self._changes = changes
        self._links = links
        self._running = running
        self._handlers = handlers
        self._errors = errors

    async def settle(self, timeout: float) -> None:
        """Wait until every packet has arrived, and every handler and background task has ended.

        What never ends by design gets a turn and is not waited for: what the client manager starts
        itself, such as a listener to Redis; a function that cannot end by its own source, a ``while
        True`` without ``break`` and ``return``; and what `Lab.leave_out` names.

        Args:
            timeout: How long to wait, in seconds.

        Raises:
            LabTimeoutError: That took too long.
            Exception: What a handler raised.
        """
        __tracebackhide__ = True
        await self._wait(self.is_quiet, timeout, self.what_is_left)
        await self._give_turns(timeout)
        if self.beyond:
            await self.beyond(timeout)

    async def calm_down(self, timeout: float) -> None:
        """Give what still runs a little time to end, and keep its errors for later.

        Args:
            timeout: How long to wait, in seconds.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._changes.until(self.is_quiet)

    async def until(self, true: Callable[[], object], timeout: float, what: str) -> None:
        """Wait until something is true.

        Args:
            true: What is looked at whenever anything has changed.
            timeout: How long to wait, in seconds.
            what: Who waits for what, for the error.

        Raises:
            LabTimeoutError: That took too long.
            Exception: What a handler raised meanwhile.
        """
        __tracebackhide__ = True
        await self._wait(true, timeout, lambda: what)

    async def watch(
        self,
        coroutine: Coroutine[Any, Any, _Result],
        timeout: float,
        what: str,
        context: contextvars.Context | None = None,
        hopeless: Callable[[], str] = lambda: "",
    ) -> _Result:
        """Wait for a coroutine's result, or for an error anywhere in the lab.

        Args:
            coroutine: What to wait for.
            timeout: How long to wait, in seconds.
            what: Who waits for what, for the error: "{what}" follows "Waited 5 s for".
            context: The context to run it in; by default, a copy of the current one.
            hopeless: Tells why it is of no use to wait longer, if it is not.

        Returns:
            What the coroutine returned.

        Raises:
            LabTimeoutError: It took too long, or is hopeless.
            Exception: What the coroutine raised, or a handler.
        """
        __tracebackhide__ = True
        task = asyncio.create_task(coroutine, context=context)
        task.add_done_callback(lambda _: self._changes.notify())
        try:
            await self.until(lambda: task.done() or hopeless(), timeout, what)
            for _ in range(_TURNS):  # what was waited for may have come right before
                await asyncio.sleep(0)
                if task.done():
                    break
            else:
                raise LabTimeoutError(f"It is in vain to wait for {what}: {hopeless()}.")
        finally:
            task.cancel()
        if error := task.exception():
            raise without_library(error)
        return task.result()

    async def _give_turns(self, timeout: float) -> None:
        """Let what never ends act on what has just arrived: a worker that waits at its queue."""
        __tracebackhide__ = True
        for _ in range(_TURNS if self._running.has_left_out() else 0):
            await asyncio.sleep(0)
            await self._wait(self.is_quiet, timeout, self.what_is_left)

    async def _wait(
        self, true: Callable[[], object], timeout: float, what: Callable[[], str]
    ) -> None:
        __tracebackhide__ = True
        since = time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                await self._changes.until(lambda: self._errors or true())
        except TimeoutError:
            if blocker := self._handlers.blocker(since, timeout / 2):
                left = f"{blocker}, which blocked the event loop: nobody else got a turn"
            else:
                left = what()
            late = LabTimeoutError(f"Waited {timeout:g} s for {left}.")
            if hint := self._running.hint():
                add_note(late, hint)
            raise late from None
        if self._errors:  # one may leave others behind, or something that waits in vain
            await self.calm_down(CALM)
        self._errors.raise_all()

    def is_quiet(self) -> bool:
        """Tell whether every packet has arrived and every handler has ended."""
        return self._links.is_quiet() and self._running.is_quiet()

    def what_is_left(self) -> str:
        """Return what is still to come, as it follows "Waited 5 s for"."""
        left = [f"{what} to end" for what in self._running.names()] + self._links.unsettled()
        return ", and for ".join([*dict.fromkeys(left)][:3]) or "the lab to become quiet"
