"""A message store: ids, de-duplication, replay from an offset, retention.

Messages get increasing ids in the order in which they are kept. That is what makes an offset enough
to say what somebody has missed.
"""

import asyncio
import logging
import math
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from chatlib.database import Database, Gap, Kept, Message, Page
from chatlib.messages import Audience, BadInputError

__all__ = ["Gap", "History", "Kept", "Message", "Page"]

logger = logging.getLogger("chatlib")

_DAY = 24 * 60 * 60
# How often old messages are looked for, and the pause between two steps of removing them, in
# seconds.
_RETENTION_INTERVAL = 10.0
_RETENTION_PAUSE = 0.02

_Result = TypeVar("_Result")


class History:
    """Keeps messages in a file, that only its owner can read, and finds them again.

    Args:
        path: The file; ``":memory:"`` for a history that ends with the process.
        bound: How many missed messages are replayed at most.
        keep_days: After how many days a message is removed; by default, never. In a file of an
            earlier version, they count from when it was first opened by this one.
        keep_bytes: How large the file may grow before the oldest messages are removed.
        factory: The class of the connection to the file, as for `sqlite3.connect`.

    Raises:
        ValueError: ``keep_days`` or ``keep_bytes`` is not positive.
    """

    def __init__(
        self,
        path: str | Path = ":memory:",
        *,
        bound: int = 1000,
        keep_days: float | None = None,
        keep_bytes: int | None = None,
        factory: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        for name, value in (("keep_days", keep_days), ("keep_bytes", keep_bytes)):
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be more than 0.")
        self.path = path
        self.bound = bound
        self._keep_seconds = math.inf if keep_days is None else keep_days * _DAY
        self._keep_bytes = math.inf if keep_bytes is None else keep_bytes
        self._factory = factory
        self._database = Database(path, factory)
        self._thread: ThreadPoolExecutor | None = None
        self._opening: Future[int] | None = None  # of no loop: one may end meanwhile
        self._retention: asyncio.Task[None] | None = None

    async def open(self) -> int:
        """Open the file, unless it is open, and return the id of the last message it had then.

        Raises:
            sqlite3.Error: It cannot be opened, is not a history, or damaged, or another server
                has it open.
        """
        if not self._opening:
            self._database = Database(self.path, self._factory)
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="chatlib history")
            self._opening = self._thread.submit(self._database.open)
            if min(self._keep_seconds, self._keep_bytes) < math.inf:
                self._retention = asyncio.create_task(self._remove_old(), name="chatlib retention")
        opening = self._opening
        try:
            if opening.done():
                return opening.result()
            return await asyncio.shield(asyncio.wrap_future(opening))
        except Exception:
            if opening is self._opening:  # for the next one to try again
                await self.close()
            raise

    async def keep(self, batch: Sequence[Message]) -> list[Kept | BadInputError]:
        """Keep messages, all at once; leave out those whose key was used before.

        A key whose message was removed meanwhile counts as new.

        Returns:
            What became of each, or why it cannot be kept.

        Raises:
            sqlite3.Error: None of them could be written to the disk.
        """
        return await self._run(self._database.keep, batch)

    async def start_of_replay(
        self, audience: Sequence[Audience], after: int, until: int
    ) -> tuple[int, Gap | None]:
        """Return where a replay may begin, and what that leaves out.

        Its arguments are those of `missed`. An ``after`` that this history has not given yet comes
        from another one; then all of this one was missed.
        """
        return await self._run(self._database.start_of_replay, audience, after, until, self.bound)

    async def missed(self, audience: Sequence[Audience], after: int, until: int) -> Page:
        """Return the first page of what an audience has missed.

        Args:
            audience: One or two audiences. With a user's comes what that user sent to users.
            after: The last id that was heard.
            until: The last id of those that count as missed.
        """
        if after >= until:
            return Page([], after, more=False)
        return await self._run(self._database.missed, audience, after, until)

    async def close(self) -> None:
        """Close the file once all that was asked of it is done; nothing is kept or read then."""
        if self._retention:
            self._retention.cancel()
        thread, self._thread, self._opening, self._retention = self._thread, None, None, None
        if thread:
            closed = asyncio.get_running_loop().run_in_executor(thread, self._database.close)
            thread.shutdown(wait=False)  # it ends once it has done that
            await closed

    def _run(self, work: Callable[..., _Result], *given: Any) -> asyncio.Future[_Result]:
        """Do something with the database in its own thread, one thing after the other."""
        if not self._thread:
            raise sqlite3.ProgrammingError("The history is closed.")
        return asyncio.get_running_loop().run_in_executor(self._thread, work, *given)

    async def _remove_old(self) -> None:
        pause = _RETENTION_INTERVAL
        while True:
            await asyncio.sleep(pause)
            before = time.time() - self._keep_seconds
            pause = _RETENTION_INTERVAL
            try:
                if await self._run(self._database.remove_some, before, self._keep_bytes):
                    pause = _RETENTION_PAUSE
            except sqlite3.Error as error:
                logger.warning("Old messages cannot be removed: %s", error)
