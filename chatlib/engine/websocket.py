"""A WebSocket on which frames are written as they are, past aiohttp."""

import asyncio
import contextlib
from typing import Any, cast

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web

from chatlib.engine import frames

# So many seconds a client has to close its WebSocket, too, when the server does.
GOODBYE = 1.0
# So many bytes are read at once: what aiohttp makes of them it does without others' having a turn.
_AT_ONCE = 16_384
# Python 3.11 takes long to look these up.
_DATA = (WSMsgType.TEXT, WSMsgType.BINARY)
_CONTROL = (WSMsgType.PING, WSMsgType.PONG)
_FAULTS: dict[int, str] = {
    WSCloseCode.INVALID_TEXT: "its text is not UTF-8",
    WSCloseCode.MESSAGE_TOO_BIG: "it sent a frame that is too long",
}


class WebSocket:
    """The WebSocket of a session, or one that is to become it.

    aiohttp does its handshakes, and reads. It writes nothing but pongs meanwhile, so what it has
    public is enough to write beside it: the request's transport, and `drain` of what `prepare`
    returns.
    """

    def __init__(self, request: web.Request, longest: int) -> None:
        # Without compression: it takes four times the memory, and a frame could not be shared.
        self.response: web.WebSocketResponse[Any] = web.WebSocketResponse(
            compress=False, max_msg_size=longest, timeout=GOODBYE, autoping=False
        )
        self._transport = cast("Any", request.transport)
        with contextlib.suppress(AttributeError):  # of asyncio's, which reads 256 KiB by itself
            self._transport.max_size = _AT_ONCE
        self._writer: Any = None
        self._most_kept = 0

    async def accept(self, request: web.Request) -> None:
        """Answer the request."""
        self._writer = await self.response.prepare(request)
        _, self._most_kept = self._transport.get_write_buffer_limits()

    async def receive(self) -> str | bytes | None:
        """Return the next message; None if the connection has ended.

        Raises:
            ValueError: It has ended because of what came; the text says why.
        """
        while (message := await self.response.receive()).type not in _DATA:
            if message.type == WSMsgType.ERROR and isinstance(message.data, WebSocketError):
                raise ValueError(_FAULTS.get(message.data.code, "it does not speak WebSocket"))
            if message.type not in _CONTROL:
                return None
            if message.type == WSMsgType.PING:
                with contextlib.suppress(OSError):  # the connection is lost
                    await self.response.pong(message.data)
            await asyncio.sleep(0)  # a client may send nothing else, without a pause
        data: str | bytes = message.data
        return data

    @property
    def is_ready(self) -> bool:
        """Whether it takes more; once the connection is lost, it takes and forgets anything."""
        transport = self._transport
        is_full: bool = transport.get_write_buffer_size() > self._most_kept
        return not is_full or transport.is_closing()

    def write(self, data: bytes) -> None:
        """Write one frame, or several."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def ready(self) -> None:
        """Wait until it takes more."""
        with contextlib.suppress(OSError):  # the connection is lost, which its reader learns too
            await self._writer.drain()

    async def close(self, why: str) -> None:
        """Close it; ``why`` tells what the client did, if the server hangs up."""
        # No goodbye is said before: a client of python-engineio that is told goodbye, and finds its
        # WebSocket closed as well, waits for half a minute.
        if self._transport.is_closing():
            return
        if not why:
            await self.response.close()
            return
        # aiohttp would read on until the client closes it, too: a second's work with a flood.
        self._transport.pause_reading()
        self.write(frames.close(WSCloseCode.POLICY_VIOLATION, why))
        if self._transport.can_write_eof():
            self._transport.write_eof()
        await asyncio.sleep(GOODBYE)
        self.cut()

    def cut(self) -> None:
        """Close the connection at once."""
        self._transport.abort()
