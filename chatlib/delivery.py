"""From an accepted message to the sockets that it is for, now or when they come back."""

import asyncio
import contextlib
import logging
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

from chatlib.circuit import Circuit
from chatlib.engine.log import OnceASecond
from chatlib.history import Gap, History, Kept, Message
from chatlib.messages import Ack, Audience, BadInputError, read_offset, refused

logger = logging.getLogger("chatlib")

# How many messages may share one wait for the disk.
_BATCH = 400
_NOT_KEPT = "The message was not kept: the server cannot write to its history."
# How long a pause before the next wait for the disk may be, in seconds, and how much shorter than
# the last such wait it may become.
_LONGEST_PAUSE = 0.02
_LEAST_PATIENCE = 1 / 16


class Delivery:
    """Delivers messages; with a history, once they are kept, and later to those who missed them.

    Messages are kept, delivered and acknowledged in one order, that of their ids.

    Args:
        io: The server whose sockets they go to.
        history: Where they are kept, if anywhere.
    """

    def __init__(self, io: Circuit, history: History | None) -> None:
        self._io = io
        io.keeps_history = history is not None
        self._history = history
        self._is_closed = False
        self._waiting: list[tuple[Message, asyncio.Future[int]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._back: asyncio.Future[None] | None = None  # done when as many wait as before
        self._in_flight = 0
        self._patience = 1.0
        self._delivered = 0  # the id of the last message that was
        # Held while messages are delivered, and while a client passes from replay to live.
        self._turn = asyncio.Lock()
        self._log = OnceASecond(logger)

    async def open(self) -> None:
        """Open the history, if there is one and it is not open; the first use does so, too.

        Raises:
            sqlite3.Error: It cannot be opened.
        """
        self._is_closed = False
        if self._history:
            await self._open(self._history)

    async def close(self) -> None:
        """Wait until all that was accepted is kept and delivered, then close the history."""
        self._is_closed = True
        if self._writer:
            await asyncio.wait([self._writer])  # which does not cancel it, if this is cancelled
        if self._history:
            await self._history.close()
        self._delivered, self._turn = 0, asyncio.Lock()  # the next loop may be another

    async def send(self, message: Message) -> Ack:
        """Deliver a message; with a history, once it is kept.

        Returns:
            Its acknowledgement, or why it was not kept and not delivered.

        Raises:
            BadInputError: The history does not take it.
        """
        if not self._history:
            await self._emit(message)
            return {"ok": True}
        if self._is_closed:
            return refused("The server is stopping; the message was not kept.")
        kept: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, kept))
        if self._back and not self._back.done() and len(self._waiting) >= self._in_flight:
            self._back.set_result(None)
        if not self._writer:
            self._writer = asyncio.create_task(self._write(self._history), name="chatlib history")
        try:
            return {"ok": True, "id": await kept}
        except sqlite3.Error as error:
            self._log.warning("Messages cannot be kept: %s", error)
            return refused(_NOT_KEPT)

    def read_offset(self, given: Any) -> int | None:
        """Return the ``offset`` that a client gave, if any.

        Raises:
            BadInputError: It is not a message's id, or nothing is kept here.
        """
        offset = read_offset(given)
        if offset is not None and not self._history:
            raise BadInputError("This server keeps no history.")
        return offset

    async def catch_up(self, sid: str, audience: Sequence[Audience], offset: int) -> None:
        """Give a socket what it has missed and let it in, or else end its connection."""
        try:
            await self.let_in(sid, audience, offset)
        except Exception:
            logger.exception("The replay for %s failed", sid)
            # As a lost connection, not as a goodbye: a browser comes back by itself then.
            if eio_sid := self._io.manager.eio_sid_from_sid(sid, "/"):
                await self._io.eio.disconnect(eio_sid)

    async def let_in(
        self,
        sid: str,
        audience: Sequence[Audience],
        offset: int | None = None,
        is_due: Callable[[], bool] = lambda: True,
    ) -> None:
        """Bring a socket into an audience; with an offset, once it has got what it missed there.

        What is delivered meanwhile comes next: no message is left out, and none comes twice.

        Args:
            sid: The socket.
            audience: A group, or what the socket is without a group: everyone and its user.
            offset: The id of the last message that the client has.
            is_due: Tells whether the socket still belongs there, which may change while a client
                reads slowly what it missed.
        """
        if not self._is_here(sid):
            return
        self._is_closed = False  # a socket shows that the server runs, or runs again
        rooms = [each.room for each in audience]
        if offset is None or not self._history:
            await self._enter(sid, rooms)
            return
        await self._open(self._history)
        was_in = [room for room in rooms if room in self._io.rooms(sid)]
        for room in was_in:  # nothing live must come between what was missed
            await self._io.leave_room(sid, room)
        try:
            await self._replay(sid, audience, offset, self._history, is_due)
        except BaseException:
            if is_due():
                await self._enter(sid, was_in)
            raise

    # -- from the writer to everybody --

    async def _open(self, history: History) -> None:
        last = await history.open()
        self._delivered = max(self._delivered, last)

    async def _write(self, history: History) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                started = loop.time()
                await self._write_batch(batch, history)
                await self._gather(len(batch) + len(self._waiting), loop.time() - started)
        finally:
            self._writer = None

    async def _write_batch(
        self, batch: Sequence[tuple[Message, asyncio.Future[int]]], history: History
    ) -> None:
        results: Sequence[Kept | Exception]
        try:
            await self._open(history)
            results = await history.keep([message for message, _ in batch])
        except Exception as error:  # noqa: BLE001  (each that waits raises it)
            results = [error] * len(batch)
        async with self._turn:
            for (message, _), result in zip(batch, results, strict=True):
                if isinstance(result, Kept) and result.is_new:
                    await self._deliver(message._replace(id=result.id))
        for (_, kept), result in zip(batch, results, strict=True):
            if kept.done():  # whoever sent it has gone
                continue
            if isinstance(result, Kept):
                kept.set_result(result.id)
            else:
                kept.set_exception(result)

    async def _deliver(self, message: Message) -> None:
        try:
            await self._emit(message)
        except Exception:  # it is kept, and replayed to those whom it did not reach
            logger.exception("Message %d was kept, but not delivered", message.id)
        self._delivered = message.id

    async def _emit(self, message: Message) -> None:
        # In a tuple, `None` is still one argument.
        data = (message.delivered_data(),)
        await self._io.emit(message.event, data, to=message.rooms, skip_sid=message.skip)

    async def _gather(self, in_flight: int, took: float) -> None:
        """Give those who were just answered the time to send again.

        Without it, one half of them would wait while the messages of the other half are written:
        everybody for two commits.

        Args:
            in_flight: How many messages there may be soon.
            took: How many seconds the last commit took; the pause is as long at most, and shorter
                once it was in vain.
        """
        if in_flight == 1 or len(self._waiting) >= _BATCH or self._is_closed:
            return
        self._in_flight = min(in_flight, _BATCH)
        self._back = asyncio.get_running_loop().create_future()
        await asyncio.wait([self._back], timeout=min(self._patience * took, _LONGEST_PAUSE))
        paid = len(self._waiting) > 0.75 * in_flight
        self._patience = 1.0 if paid else max(self._patience / 2, _LEAST_PATIENCE)

    # -- from the history to one socket --

    async def _replay(
        self,
        sid: str,
        audience: Sequence[Audience],
        offset: int,
        history: History,
        is_due: Callable[[], bool],
    ) -> None:
        after, gap = await history.start_of_replay(audience, offset, self._delivered)
        if gap:
            await self._tell_gap(sid, gap)
        more = True
        while self._is_here(sid) and is_due():
            # The last page comes in the turn: nothing else is delivered until the socket is in.
            async with contextlib.nullcontext() if more else self._turn:
                page = await history.missed(audience, after, self._delivered)
                if not is_due():
                    return
                for entry in page.entries:
                    await self._replay_one(sid, entry)
                if not more and not page.more:
                    await self._enter(sid, [each.room for each in audience])
                    return
            after, more = page.after, page.more
            if more:
                await self._io.drained(sid)

    async def _replay_one(self, sid: str, entry: Message | Gap) -> None:
        if isinstance(entry, Gap):
            await self._tell_gap(sid, entry)
        elif entry.skip != sid:
            try:
                await self._io.emit(entry.event, (entry.delivered_data(),), to=sid)
            except (TypeError, ValueError) as error:  # or it would end every replay
                self._log.warning("Message %d cannot be replayed: %s", entry.id, error)
                await self._tell_gap(sid, Gap(entry.id - 1, 1))

    async def _tell_gap(self, sid: str, gap: Gap) -> None:
        data = {"after": gap.after, "missed": gap.missed}
        await self._io.emit("history-gap", data | {"more": True} if gap.more else data, to=sid)

    def _is_here(self, sid: str) -> bool:
        return bool(self._io.manager.is_connected(sid, "/"))

    async def _enter(self, sid: str, rooms: Sequence[str]) -> None:
        for room in rooms if self._is_here(sid) else ():
            await self._io.enter_room(sid, room)
