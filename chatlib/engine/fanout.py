"""Who is in which room, and how an event gets to all who are there."""

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import socketio
from socketio import packet

# After so many bytes an emission lets others run, or what is sent in a loop would all wait in
# memory, where what a client may hold is bounded. Each recipient counts as some of them.
_TURN, _PER_RECIPIENT = 65_536, 32


_Callback = Callable[..., Any]


class Fanout(socketio.AsyncManager):  # type: ignore[misc]
    """A client manager that encodes an event once, and needs no task for each who gets it.

    It can also do so beneath a message queue: ``class Queue(AsyncRedisManager, Fanout): pass``.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._asked: dict[str, _Asked] = {}  # by the id of the socket that is to answer
        self._sent = 0

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: _Callback | None = None,
        to: Any = None,
        **_: Any,
    ) -> None:
        """Emit an event to a socket, to those in a room or in several, or to all in a namespace."""
        if namespace not in self.get_namespaces():
            return
        arguments = list(data) if isinstance(data, tuple) else [] if data is None else [data]
        frames = [] if callback else self._frames([event, *arguments], namespace)
        skipped = skip_sid if isinstance(skip_sid, list) else [skip_sid]
        sockets = self.server.eio.sockets
        for sid, eio_sid in self.get_participants(namespace, to or room):
            if sid in skipped or not (session := sockets.get(eio_sid)):
                continue
            if callback:
                number = self._asked.setdefault(sid, _Asked()).ask(callback)
                frames = self._frames([event, *arguments], namespace, number)
            for frame in frames:
                session.send(frame)
            self._sent += _PER_RECIPIENT
        self._sent += sum(map(len, frames))
        if self._sent > _TURN:
            self._sent = 0
            await asyncio.sleep(0)

    def _frames(self, data: list[Any], namespace: str, number: int | None = None) -> list[bytes]:
        packet_class, message = self.server.packet_class, self.server.eio.message
        encoded = packet_class(packet.EVENT, data, namespace, number).encode()
        return [message(part) for part in (encoded if isinstance(encoded, list) else [encoded])]

    async def answered(self, sid: str, number: int | None, data: list[Any]) -> None:
        """Call back who asked a socket for an acknowledgement, if anybody did.

        Args:
            sid: The socket.
            number: The acknowledgement's.
            data: What it says.
        """
        if callback := self._asked.get(sid, _NOTHING).pop(number, None):
            result = callback(*data)
            if inspect.isawaitable(result):
                await result

    async def disconnect(self, sid: str, namespace: str, **options: Any) -> None:
        """Take a socket out of its rooms, and expect no answer of it any more."""
        self._asked.pop(sid, None)
        await super().disconnect(sid, namespace, **options)


class _Asked(dict[int | None, _Callback]):
    """What to call with the acknowledgements of one socket, by their numbers."""

    _last = 0

    def ask(self, callback: _Callback) -> int:
        self._last += 1
        self[self._last] = callback
        return self._last


_NOTHING = _Asked()
