"""A WebSocket on which frames are written as they are, past aiohttp."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from aiohttp import WebSocketError, WSCloseCode, WSMsgType, web

from chatlib.engine.outbox import Outbox

# So many seconds a client has to answer the end of its WebSocket, before the connection is cut.
_GOODBYE = 1.0
# The reason that a WebSocket is closed for may have so many bytes.
_LONGEST_REASON = 123

_FAULTS: dict[int, str] = {
    WSCloseCode.INVALID_TEXT: "its text is not UTF-8",
    WSCloseCode.MESSAGE_TOO_BIG: "it sent a frame that is too long",
}


class WebSocket:
    """The WebSocket of a session, or one that is to become it.

    aiohttp does its handshakes, reads, and writes nothing else than the answers to pings; so what
    it has public is enough to write beside it: `web.Request.transport`, its protocol's
    `writing_paused`, and `drain` of what `WebSocketResponse.prepare` returns.

    Args:
        request: The request that it begins with.
        longest: How many bytes a message of the client may have.
        start: Starts a background task.
    """

    __slots__ = (
        "_ending", "_outbox", "_protocol", "_resuming", "_start", "_transport", "_writer",
        "response",
    )  # fmt: skip

    def __init__(self, request: web.Request, longest: int, start: Callable[..., Any]) -> None:
        # Without compression: it takes four times the memory, and a frame could not be shared.
        self.response: web.WebSocketResponse[Any] = web.WebSocketResponse(
            compress=False, max_msg_size=longest, timeout=_GOODBYE
        )
        self._start = start
        self._outbox = Outbox()
        self._protocol = request.protocol
        self._transport: Any = request.transport
        self._writer: Any = None
        self._resuming: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None

    async def accept(self, request: web.Request) -> None:
        """Answer the request."""
        self._writer = await self.response.prepare(request)

    async def receive(self) -> str | bytes | None:
        """Return the next message; None if the connection has ended.

        Raises:
            ValueError: It has ended because of what came; the text says why.
        """
        message = await self.response.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            data: str | bytes = message.data
            return data
        if not isinstance(message.data, WebSocketError):
            return None
        raise ValueError(_FAULTS.get(message.data.code, "it does not speak WebSocket"))

    def carry(self, outbox: Outbox) -> None:
        """Write what waits in an outbox, now and at each `flush`."""
        self._outbox = outbox
        self.flush()

    def flush(self) -> None:
        """Write what waits, as far as the connection takes it; the rest once it does again."""
        while self._outbox.frames:
            if self._transport.is_closing():
                self._outbox.clear()
            elif self._protocol.writing_paused:
                self._resuming = self._resuming or self._start(self._resume)
                return
            else:
                self._transport.write(b"".join(self._outbox.take()))

    def write(self, frame: bytes) -> None:
        """Write a frame at once."""
        self._transport.write(frame)

    async def _resume(self) -> None:
        with contextlib.suppress(OSError):  # the connection is lost, which its reader learns too
            await self._writer.drain()
        self._resuming = None
        self.flush()

    def end(self, why: str = "") -> asyncio.Task[None]:
        """Write what waits, and close it, in a task of its own.

        Args:
            why: Why the server hangs up; empty if it does not.
        """
        self._ending = self._ending or self._start(self._end, why)
        return self._ending

    async def _end(self, why: str) -> None:
        # No goodbye is said on it: a client of python-engineio that is told goodbye, and finds its
        # WebSocket closed as well, waits for half a minute.
        code = WSCloseCode.POLICY_VIOLATION if why else WSCloseCode.OK
        reason = why.encode()[:_LONGEST_REASON].decode(errors="ignore").encode()
        cut = asyncio.get_running_loop().call_later(_GOODBYE, self._transport.abort)
        try:
            with contextlib.suppress(OSError):
                self.flush()
                while self._outbox.frames:
                    await self._writer.drain()
                    self.flush()
                await self.response.close(code=code, message=reason)
        finally:
            cut.cancel()
