"""From an accepted message to the sockets that it is for, now or when they come back."""

from collections.abc import Sequence
from typing import Any

from chatlib.circuit import Circuit
from chatlib.history import History, Message, Page
from chatlib.messages import Ack, BadInputError, read_offset


class Delivery:
    """Delivers messages; with a history, once they are kept, and later to those who missed them.

    Args:
        io: The server whose sockets they go to.
        history: Where they are kept, if anywhere.
    """

    def __init__(self, io: Circuit, history: History | None) -> None:
        self._io = io
        self._history = history
        if history:
            history.deliver_with(self._emit)

    async def send(self, message: Message) -> Ack:
        """Deliver a message, and return its acknowledgement.

        Raises:
            BadInputError: The history cannot keep it.
            sqlite3.Error: It could not be written to the disk, and was not delivered either.
        """
        if not self._history:
            await self._emit(message)
            return {"ok": True}
        return {"ok": True, "id": await self._history.append(message)}

    def read_offset(self, given: Any) -> int | None:
        """Return the ``offset`` that a client gave, if any.

        Raises:
            BadInputError: It is not a message's id, or nothing is kept here.
        """
        offset = read_offset(given)
        if offset is not None and not self._history:
            raise BadInputError("This server keeps no history.")
        return offset

    async def let_in(self, sid: str, rooms: Sequence[str], offset: int | None = None) -> None:
        """Bring a socket into rooms; with an offset, once it has got what it missed there.

        What is delivered meanwhile comes next: no message is left out, and none comes twice.

        Args:
            sid: The socket.
            rooms: The rooms of one group, or the socket's own audience.
            offset: The id of the last message that the client has.
        """
        if not self._is_here(sid):
            return
        if self._history:
            self._history.is_closed = False  # a socket shows that the server runs, or runs again
        if offset is None or not self._history:
            await self._enter(sid, rooms)
            return
        was_in = [room for room in rooms if room in self._io.rooms(sid)]
        for room in was_in:  # nothing live must come between what was missed
            await self._io.leave_room(sid, room)
        try:
            await self._catch_up(sid, rooms, offset, self._history)
        except BaseException:
            await self._enter(sid, was_in)
            raise

    async def _catch_up(
        self, sid: str, rooms: Sequence[str], offset: int, history: History
    ) -> None:
        after, left_out = await history.start_of_replay(rooms, offset)
        if left_out:
            await self._io.emit("history-gap", {"after": offset, "missed": left_out}, to=sid)
        more = True
        while more and self._is_here(sid):
            after, more = await self._replay(sid, await history.missed(rooms, after))
            if more:
                await self._io.drained(sid)
                continue
            async with history.turn:  # nothing else is delivered until the socket is in
                after, more = await self._replay(sid, await history.missed(rooms, after))
                if not more:
                    await self._enter(sid, rooms)

    def _is_here(self, sid: str) -> bool:
        return bool(self._io.manager.is_connected(sid, "/"))

    async def _replay(self, sid: str, page: Page) -> tuple[int, bool]:
        for message in page.messages:
            if message.skip != sid:
                await self._io.emit(message.event, (message.delivered_data(),), to=sid)
        return page.after, page.more

    async def _emit(self, message: Message) -> None:
        # In a tuple, `None` is still one argument.
        data = (message.delivered_data(),)
        await self._io.emit(message.event, data, to=message.rooms, skip_sid=message.skip)

    async def _enter(self, sid: str, rooms: Sequence[str]) -> None:
        for room in rooms if self._is_here(sid) else ():
            await self._io.enter_room(sid, room)
