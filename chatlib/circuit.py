"""The circuit: a `socketio.AsyncServer` that withstands clients that break the rules."""

import asyncio
import contextlib
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import socketio
from engineio.async_socket import AsyncSocket
from engineio.payload import Payload
from socketio.exceptions import ConnectionRefusedError

from chatlib.gate import Gate
from chatlib.limits import Limits
from chatlib.messages import ChatPacket, new_socket_id

# How many seconds a replay waits for a slow reader before it sends the next page all the same.
_DRAIN = 5.0
# How many seconds a client has to read the goodbye before its connection is cut.
_GOODBYE = 1.0
# How much a connection's writer takes from its queue at once: nobody counts what it has taken.
# A polling client in Python reads no more packets at once than these.
_BATCH_BYTES, _BATCH_PACKETS = 65_536, 16
# About how many bytes a packet takes in memory besides its data.
_OVERHEAD = 200

logger = logging.getLogger("chatlib")
# Only python-engineio's errors: what it says about well-behaved clients is not worth a line.
_engineio_logger = logging.getLogger("chatlib.engineio")
_engineio_logger.setLevel(logging.ERROR)


class Circuit(socketio.AsyncServer):  # type: ignore[misc]
    """A Socket.IO server for ``chatlib``: unguessable ids, and no client can hold up another.

    Args:
        limits: What one client may do.
        at_shutdown: Closes what belongs to the server, when it stops.
        **options: Passed on to `socketio.AsyncServer`.
    """

    def __init__(
        self, limits: Limits, at_shutdown: Callable[[], Awaitable[None]], **options: Any
    ) -> None:
        class LimitedPacket(ChatPacket):
            longest = limits.transport_bytes

        super().__init__(
            async_mode="aiohttp",
            serializer=LimitedPacket,
            **{
                "max_http_buffer_size": limits.transport_bytes,
                "engineio_logger": _engineio_logger,
            }
            | options,
        )
        self._at_shutdown = at_shutdown
        self._limits = limits
        self._receive = self.eio.handlers["message"]
        self._disconnected = self.eio.handlers["disconnect"]
        self.eio.on("message", self._receive_or_hang_up)
        self.eio.on("disconnect", self._leave)
        self.eio.generate_id = new_socket_id
        self.eio.create_queue = self._create_queue
        self._start = self.eio.start_background_task
        self._pings: dict[str, asyncio.Task[Any]] = {}
        self.eio.start_background_task = self._start_and_note_ping
        self._gate = Gate(self.eio, limits, self._hang_up)
        Payload.max_decode_packets = max(Payload.max_decode_packets, limits.packets_per_request)

    def on(self, event: str, handler: Any = None, namespace: str | None = None) -> Any:
        """Register an event handler, as `socketio.AsyncServer.on` does."""
        if handler is None:
            return lambda handler: self.on(event, handler, namespace) or handler
        if event == "connect" and inspect.iscoroutinefunction(handler):
            handler = _refusing_if_cancelled(handler)
        return super().on(event, handler, namespace)

    async def shutdown(self) -> None:
        """Stop the background tasks, and close what belongs to the server."""
        await super().shutdown()
        await self._at_shutdown()

    async def drained(self, sid: str) -> None:
        """Wait until a client has read what waits for it or has gone, but only for some seconds."""
        eio_sid = self.manager.eio_sid_from_sid(sid, "/")
        if eio_sid in self.eio.sockets:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.eio.sockets[eio_sid].queue.join(), _DRAIN)

    async def _receive_or_hang_up(self, eio_sid: str, data: str | bytes) -> None:
        if eio_sid not in self.environ:  # python-socketio would let it in again, for ever
            return
        try:
            if not data and eio_sid not in self._binary_packet:
                raise ValueError("A packet must not be empty.")
            await self._receive(eio_sid, data)
        except ValueError as error:
            await self._hang_up(eio_sid, f"it does not speak Socket.IO: {error}")
        except Exception:
            logger.exception("A handler failed")
            await self._hang_up(eio_sid, "the server failed to handle what it sent")
        if eio_sid not in self.environ:
            await self._forget_socket(eio_sid)

    async def _hang_up(self, eio_sid: str, why: str) -> None:
        session = self.eio.sockets.get(eio_sid)
        if session and not session.closing:
            logger.warning("Hanging up on %s: %s", self._name(eio_sid), why)
            # It must not wait for the goodbye: this may be the connection's own read loop.
            await session.close(wait=False)

    async def _leave(self, eio_sid: str, reason: str) -> None:
        await self._disconnected(eio_sid, reason)
        self._binary_packet.pop(eio_sid, None)  # it stays if the socket was not let in yet
        # Once the goodbye is in the queue: python-engineio puts it there right after this.
        asyncio.get_running_loop().call_soon(self._end_session, eio_sid)

    def _end_session(self, eio_sid: str) -> None:
        """Forget a session that has ended, and see to it that its WebSocket ends too."""
        # At first the client is left to close it: a python-engineio client that is told goodbye and
        # finds the WebSocket closed as well waits for half a minute.
        self.eio.sockets.pop(eio_sid, None)
        if ping := self._pings.pop(eio_sid, None):
            ping.cancel()  # it would keep all that the session held, for up to 25 seconds
        self._gate.cut(eio_sid, _GOODBYE)

    def _start_and_note_ping(self, target: Any, *args: Any, **kwargs: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = self._start(target, *args, **kwargs)
        session = getattr(target, "__self__", None)
        if isinstance(session, AsyncSocket):  # it starts nothing but its pings, one at a time
            self._pings[session.sid] = task
        return task

    async def _forget_socket(self, eio_sid: str) -> None:
        """Remove the socket of a client that left, or failed, while it was being let in."""
        await self._disconnected(eio_sid, self.reason.TRANSPORT_CLOSE)
        for namespace in list(self.manager.get_namespaces()):
            if sid := self.manager.sid_from_eio_sid(eio_sid, namespace):
                await self.manager.disconnect(sid, namespace, ignore_queue=True)

    def _create_queue(self) -> asyncio.Queue[Any]:
        return _MeteredQueue(self._limits.unread_bytes, self._hang_up_on_slow_reader)

    def _hang_up_on_slow_reader(self, queue: asyncio.Queue[Any]) -> None:
        for eio_sid, session in self.eio.sockets.items():
            if session.queue is queue and not session.closing:
                why = f"it reads too slowly, and more than {self._limits.unread_bytes} bytes wait"
                self.start_background_task(self._hang_up, eio_sid, why)

    def _name(self, eio_sid: str) -> str:
        sid: str | None = self.manager.sid_from_eio_sid(eio_sid, "/")
        return sid or f"a client at {self.environ[eio_sid]['aiohttp.request'].remote}"


def _refusing_if_cancelled(connect: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    """Make a connect handler refuse the client when it is cancelled, as its request broke off.

    python-socketio takes a handler that was cancelled for one that has let the client in.
    """

    @functools.wraps(connect)
    async def guarded(*arguments: Any) -> Any:
        try:
            return await connect(*arguments)
        except asyncio.CancelledError:
            raise ConnectionRefusedError("The connection broke off.") from None

    return guarded


class _MeteredQueue(asyncio.Queue[Any]):
    """A queue of packets that says once when it holds too much, and takes no more from then on."""

    def __init__(self, limit: int, too_much: Callable[[asyncio.Queue[Any]], None]) -> None:
        super().__init__()
        self._limit = limit
        self._too_much = too_much
        self._bytes = 0
        self._batch: list[int] = []

    def put_nowait(self, item: Any) -> None:
        if self._bytes > self._limit and item is not None:  # `None` ends the writer
            return
        self._bytes += _size(item)
        super().put_nowait(item)
        if self._bytes > self._limit:
            self._too_much(self)

    async def get(self) -> Any:
        self._batch = []
        return await super().get()

    def get_nowait(self) -> Any:
        if len(self._batch) >= _BATCH_PACKETS or sum(self._batch) >= _BATCH_BYTES:
            raise asyncio.QueueEmpty
        item = super().get_nowait()
        self._batch.append(_size(item))
        if self._bytes <= self._limit:
            self._bytes -= _size(item)
        return item


def _size(packet: Any) -> int:
    data = getattr(packet, "data", None)
    return _OVERHEAD + (len(data) if isinstance(data, str | bytes | bytearray) else 0)
