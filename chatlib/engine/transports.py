"""What waits for a client, and the two ways on which it travels: long-polling and a WebSocket.

Both take from the front of one outbox, so that order holds, whatever carries the frames.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web

from chatlib.engine import frames

# About how many bytes a frame takes in memory besides its own.
_OVERHEAD = 50
# What is handed over at once: as many bytes as the event loop takes before it asks for a pause,
# and of packets in an answer to a poll as many as a polling client in Python reads.
_BYTES, _PACKETS = 65_536, 16
# So many seconds a client has to answer the end of its WebSocket, before the connection is cut.
_GOODBYE = 1.0
# The reason that a WebSocket is closed with may have so many bytes.
_LONGEST_REASON = 123

_FAULTS = {
    WSCloseCode.INVALID_TEXT: "its text is not UTF-8",
    WSCloseCode.MESSAGE_TOO_BIG: "it sent a frame that is too long",
}


class Outbox:
    """The frames that wait for one client, in the order in which they were sent.

    Attributes:
        frames: The frames.
        size: How many bytes they take in memory.
    """

    __slots__ = ("_emptied", "frames", "size")

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.size = 0
        self._emptied: asyncio.Future[None] | None = None

    def put(self, frame: bytes) -> None:
        """Add a frame at the end."""
        self.frames.append(frame)
        self.size += len(frame) + _OVERHEAD

    def take(self, most: int) -> list[bytes]:
        """Take frames from the front: at most so many, and of some bytes only, but at least one."""
        if self.size <= _BYTES and len(self.frames) <= most:
            taken, self.frames, self.size = self.frames, [], 0
        else:
            taken = self._first(most)
            del self.frames[: len(taken)]
            self.size -= sum(map(len, taken)) + len(taken) * _OVERHEAD
        if not self.frames:
            self.wake()
        return taken

    def _first(self, most: int) -> list[bytes]:
        size = 0
        for count, frame in enumerate(self.frames[:most]):
            size += len(frame)
            if count and size > _BYTES:
                return self.frames[:count]
        return self.frames[:most]

    def clear(self) -> None:
        """Forget all that waits, as nobody will read it."""
        self.frames, self.size = [], 0

    def wake(self) -> None:
        """End all waiting for `emptied`."""
        if self._emptied:
            self._emptied.set_result(None)
            self._emptied = None

    async def emptied(self) -> None:
        """Wait until the last frame has been taken."""
        if not self._emptied:
            self._emptied = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._emptied)


class Polling:
    """HTTP long-polling: a request of the client takes what waits, or waits for something."""

    __slots__ = ("_outbox", "_poll", "is_posting")

    name = "polling"

    def __init__(self, outbox: Outbox) -> None:
        self.is_posting = False
        self._outbox = outbox
        self._poll: asyncio.Future[None] | None = None

    @property
    def is_polled(self) -> bool:
        """Whether a request waits."""
        return self._poll is not None

    async def wait(self) -> None:
        """Wait until there is something to answer."""
        self._poll = asyncio.get_running_loop().create_future()
        try:
            await self._poll
        finally:
            self._poll = None

    def flush(self) -> None:
        """Let a request that waits go on."""
        if self._poll and not self._poll.done():
            self._poll.set_result(None)

    def take(self) -> bytes:
        """Return the answer to a poll."""
        return frames.payload(self._outbox.take(_PACKETS) or [frames.NOOP])


class WebSocket:
    """A WebSocket, on which frames are written as they are.

    aiohttp does the handshakes, and reads. It writes nothing while the connection is open, but the
    answers to a WebSocket's own pings, so that frames can be written past it to the transport. That
    relies on `web.Request.protocol` and its `writing_paused`, which tell when to wait.

    Args:
        request: The request that it began with.
        longest: How many bytes a message of the client may have.
        start: Starts a background task.
    """

    __slots__ = ("_outbox", "_protocol", "_resuming", "_start", "_transport", "_writer", "response")

    name = "websocket"

    def __init__(self, request: web.Request, longest: int, start: Callable[..., Any]) -> None:
        # Without compression: it takes four times the memory, and a frame could not be shared.
        self.response: web.WebSocketResponse[Any] = web.WebSocketResponse(
            compress=False, max_msg_size=longest, timeout=_GOODBYE
        )
        self._outbox = Outbox()
        self._protocol = request.protocol
        self._transport: Any = request.transport
        self._start = start
        self._resuming: asyncio.Task[None] | None = None
        self._writer: Any = None

    async def accept(self, request: web.Request) -> None:
        """Answer the request."""
        self._writer = await self.response.prepare(request)

    def carry(self, outbox: Outbox) -> None:
        """Write what waits, from now on."""
        self._outbox = outbox
        self.flush()

    async def receive(self) -> str | bytes | None:
        """Return the next message; None if the connection has ended.

        Raises:
            ValueError: What came is no WebSocket's, and the connection has ended.
        """
        message = await self.response.receive()
        if message.type is WSMsgType.TEXT or message.type is WSMsgType.BINARY:
            data: str | bytes = message.data
            return data
        if not isinstance(message.data, WebSocketError):
            return None
        fault = WSCloseCode(message.data.code)
        raise ValueError(_FAULTS.get(fault, "it does not speak WebSocket"))

    def flush(self) -> None:
        """Write what waits, as far as the connection takes it; the rest when it does again."""
        outbox = self._outbox
        while outbox.frames:
            if self._is_gone:
                outbox.clear()
            elif self._protocol.writing_paused:
                self._resuming = self._resuming or self._start(self._resume)
                return
            else:
                self.write(b"".join(outbox.take(len(outbox.frames))))

    def write(self, data: bytes) -> None:
        """Write frames now, before all that waits."""
        if not self._is_gone:
            self._transport.write(data)

    @property
    def _is_gone(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    async def _resume(self) -> None:
        try:
            with contextlib.suppress(OSError):  # the connection is lost, as the reader learns too
                await self._writer.drain()
        finally:
            self._resuming = None
        self.flush()

    def end(self, code: int, why: str) -> None:
        """Close it in the background, once all that waits is written."""
        if not self.response.closed:
            self._start(self.close, code, why)

    async def close(self, code: int = WSCloseCode.OK, why: str = "") -> None:
        """Close it once all that waits is written; cut it if the client lets that take long.

        Args:
            code: The code to close it with.
            why: The reason.
        """
        # It is not told goodbye as well: a client of python-engineio that is, and finds its
        # WebSocket closed, waits for half a minute.
        cut = asyncio.get_running_loop().call_later(_GOODBYE, self._cut)
        reason = why.encode()[:_LONGEST_REASON].decode(errors="ignore").encode()
        try:
            with contextlib.suppress(OSError):
                while self._outbox.frames and not self._is_gone:
                    await self._writer.drain()
                    self.flush()
                await self.response.close(code=code, message=reason)
        finally:
            cut.cancel()

    def _cut(self) -> None:
        if self._transport:
            self._transport.abort()
