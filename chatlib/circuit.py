"""The circuit: a `socketio.AsyncServer` that stands up to clients that do not keep the rules."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import socketio
from engineio.payload import Payload

from chatlib.limits import Limits
from chatlib.messages import ChatPacket, new_socket_id

# So many seconds a replay waits for a slow reader, page by page; then the reader has its queue.
_DRAIN = 5.0

logger = logging.getLogger("chatlib")


class Circuit(socketio.AsyncServer):  # type: ignore[misc]
    """A Socket.IO server for ``chatlib``: unguessable ids, and no client can hold up another.

    Args:
        limits: What one client may do.
        at_shutdown: What else to close when the server stops.
        **options: Passed on to `socketio.AsyncServer`.
    """

    def __init__(
        self, limits: Limits, at_shutdown: Callable[[], Awaitable[None]], **options: Any
    ) -> None:
        super().__init__(
            async_mode="aiohttp",
            serializer=ChatPacket,
            **{"max_http_buffer_size": limits.transport_bytes} | options,
        )
        self._at_shutdown = at_shutdown
        self._limits = limits
        self._receive = self.eio.handlers["message"]
        self.eio.on("message", self._receive_or_hang_up)
        self.eio.generate_id = new_socket_id
        self.eio.create_queue = self._create_queue
        Payload.max_decode_packets = max(Payload.max_decode_packets, limits.packets_per_request)

    async def shutdown(self) -> None:
        """Stop the background tasks, and close what belongs to the server."""
        await super().shutdown()
        await self._at_shutdown()

    async def drained(self, sid: str) -> None:
        """Wait until a client has been sent what waits for it, or has gone."""
        eio_sid = self.manager.eio_sid_from_sid(sid, "/")
        if eio_sid in self.eio.sockets:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.eio.sockets[eio_sid].queue.join(), _DRAIN)

    async def _receive_or_hang_up(self, eio_sid: str, data: str | bytes) -> None:
        try:
            await self._receive(eio_sid, data)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            logger.warning("Hanging up on a client that does not speak Socket.IO: %s", error)
            # Not awaited: this is the connection's own read loop.
            self.start_background_task(self.eio.disconnect, eio_sid)

    def _create_queue(self) -> asyncio.Queue[Any]:
        return _MeteredQueue(self._limits.unread_bytes, self._hang_up_on_slow_reader)

    def _hang_up_on_slow_reader(self, queue: asyncio.Queue[Any]) -> None:
        for eio_sid, socket in list(self.eio.sockets.items()):
            if socket.queue is queue:
                logger.warning("Hanging up on a client that reads too slowly")
                transport = self.environ[eio_sid]["aiohttp.request"].transport
                if transport:  # a goodbye would have to wait in the same queue
                    transport.abort()
                else:  # a polling client, between two requests
                    self.start_background_task(self.eio.disconnect, eio_sid)


class _MeteredQueue(asyncio.Queue[Any]):
    """A queue of packets that tells when it holds too much, and takes no more from then on."""

    def __init__(self, limit: int, too_much: Callable[[asyncio.Queue[Any]], None]) -> None:
        super().__init__()
        self._limit = limit
        self._too_much = too_much
        self._bytes = 0

    def put_nowait(self, item: Any) -> None:
        if self._bytes > self._limit and item is not None:  # `None` ends the writer
            return
        self._bytes += _length(item)
        super().put_nowait(item)
        if self._bytes > self._limit:
            self._too_much(self)

    def get_nowait(self) -> Any:
        item = super().get_nowait()
        if self._bytes <= self._limit:
            self._bytes -= _length(item)
        return item


def _length(item: Any) -> int:
    data = getattr(item, "data", None)
    return len(data) if isinstance(data, str | bytes | bytearray) else 0
