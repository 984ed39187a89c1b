"""Who is in which room, and how an event gets to all who are there."""

import asyncio
import inspect
import itertools
from collections.abc import Callable
from typing import Any

import socketio
from socketio import packet

# So many bytes may be emitted in a row, of which each recipient counts as some; then others run. Or
# what is emitted in a loop would all wait in memory, where not much may wait for one client.
_TURN, _RECIPIENT = 262_144, 16


class Fanout(socketio.AsyncManager):  # type: ignore[misc]
    """A client manager that encodes an event once, and needs no task for each who gets it.

    It can also do so beneath a message queue: ``class Queue(AsyncRedisManager, Fanout): pass``.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # By the socket that is to answer: what counts the questions, and what waits for answers.
        self._asked: dict[
            str, tuple[itertools.count[int], dict[int | None, Callable[..., Any]]]
        ] = {}
        self._emitted = 0

    async def emit(
        self,
        event: str,
        data: Any,
        namespace: str,
        room: Any = None,
        skip_sid: Any = None,
        callback: Callable[..., Any] | None = None,
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
        recipients = 0
        for sid, eio_sid in self.get_participants(namespace, to or room):
            if sid in skipped or not (session := sockets.get(eio_sid)):
                continue
            if callback:
                numbers, callbacks = self._asked.setdefault(sid, (itertools.count(1), {}))
                callbacks[number := next(numbers)] = callback
                frames = self._frames([event, *arguments], namespace, number)
            for frame in frames:
                session.send(frame)
            recipients += 1
        if not self._emitted:
            asyncio.get_running_loop().call_soon(self._begin_turn)
        self._emitted += sum(map(len, frames)) + recipients * _RECIPIENT
        if self._emitted > _TURN:
            self._emitted = 0
            await asyncio.sleep(0)

    def _begin_turn(self) -> None:
        self._emitted = 0

    def _frames(self, data: list[Any], namespace: str, number: int | None = None) -> list[bytes]:
        parts = self.server.packet_class.write(packet.EVENT, data, namespace, number)
        return [self.server.eio.message(part) for part in parts]

    async def answered(self, sid: str, number: int | None, data: list[Any]) -> None:
        """Call back who asked a socket for an acknowledgement, if anybody did."""
        _, callbacks = self._asked.get(sid, (None, {}))
        if callback := callbacks.pop(number, None):
            result = callback(*data)
            if inspect.isawaitable(result):
                await result

    async def disconnect(self, sid: str, namespace: str, **options: Any) -> None:
        """Take a socket out of its rooms, and expect no answer of it any more."""
        self._asked.pop(sid, None)
        await super().disconnect(sid, namespace, **options)
