"""A WebSocket on which frames are read and written past aiohttp."""

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import Callable, Coroutine
from typing import Any, cast

from aiohttp import WSCloseCode, hdrs, web

from chatlib.engine import frames, reader

# So many seconds a client has to close its WebSocket, too, when the server does.
GOODBYE = 1.0
# So many bytes are read at once, and so many frames: then others have their turn.
_AT_ONCE, _TURN = 16_384, 32
# What a server adds to the key of a client, to show that it speaks WebSocket.
_SHOWN = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

# Deals with a message, and returns what is to be awaited before the next one, if anything.
Handle = Callable[[str | bytes], Coroutine[Any, Any, None] | None]


class WebSocket(asyncio.Protocol):
    """The WebSocket of a session, or one that is to become it.

    aiohttp reads its request; once that is answered, it is the protocol of the request's transport
    itself, until the connection is lost, which aiohttp's is told. There is no compression, which
    takes four times the memory, and with which a frame could not be shared.
    """

    def __init__(self, request: web.Request, longest: int) -> None:
        key = request.headers[hdrs.SEC_WEBSOCKET_KEY].encode()
        accept = base64.b64encode(hashlib.sha1(key + _SHOWN, usedforsecurity=False).digest())
        self.response = web.StreamResponse(
            status=101,
            headers={
                hdrs.UPGRADE: "websocket",
                hdrs.CONNECTION: "upgrade",
                hdrs.SEC_WEBSOCKET_ACCEPT: accept.decode(),
            },
        )
        self._protocol = request.protocol
        self._transport = cast("asyncio.Transport", request.transport)
        with contextlib.suppress(AttributeError):  # of asyncio's, which reads 256 KiB by itself
            self._transport.max_size = _AT_ONCE  # type: ignore[attr-defined]
        self._loop = asyncio.get_running_loop()
        self._drained: asyncio.Future[None] | None = None  # while it takes no more
        self._reader = reader.Reader(longest)
        self._handle: Handle | None = None
        self._done: asyncio.Future[str | bytes | None] | None = None
        self._work: asyncio.Task[None] | None = None
        self._is_held = True  # nothing is handled now
        self._is_over = False  # nothing comes any more
        self._error: ValueError | None = None

    async def accept(self, request: web.Request) -> None:
        """Answer the request."""
        await self.response.prepare(request)
        self._protocol.keep_alive(False)
        # A client that sends frames before it has the answer, which no client may, loses them.
        self._transport.set_protocol(self)
        self._transport.resume_reading()

    # -- Reading

    async def receive(self) -> str | bytes | None:
        """Return the next message; None if the connection has ended.

        Raises:
            ValueError: It has ended because of what came; the text says why.
        """
        return await self.read(self.stop)

    async def read(self, handle: Handle) -> str | bytes | None:
        """Have each message dealt with, until the end of the connection, or what `stop` was given.

        Raises:
            ValueError: It has ended because of what came; the text says why.
        """
        self.stop()
        self._done = self._loop.create_future()
        self._handle, self._is_held = handle, False
        self._go_on()
        if self._is_over:
            self.stop()
        message = await self._done
        if self._error:
            raise ValueError(str(self._error))
        return message

    def stop(self, message: str | bytes | None = None) -> None:
        """Read no further."""
        self._handle, self._is_held = None, True
        if self._done and not self._done.done():
            self._done.set_result(message)

    def data_received(self, data: bytes) -> None:
        """Take what came next."""
        if not self._is_held and (text := self._reader.whole(data)) is not None:
            if not self._transport.is_closing():
                self._attempt(reader.TEXT, text)
            return
        self._reader.feed(data)
        if self._is_held:
            self._transport.pause_reading()
        else:
            self._go_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """Note that the connection is lost; what is under way is cancelled."""
        self._is_over = True
        if self._work:
            self._work.cancel()
        self.stop()
        self.resume_writing()
        self._protocol.connection_lost(exc)

    def _go_on(self) -> None:
        if self._transport.is_closing():  # or it would be cancelled before it has begun
            return
        for _ in range(_TURN):
            if self._is_held:
                return
            try:
                received = self._reader.read()
            except ValueError as error:
                self._fail(error)
                return
            if not received:
                self._transport.resume_reading()
                return
            if self._attempt(*received):
                break
        self._transport.pause_reading()
        self._loop.call_soon(self._go_on)

    def _fail(self, error: ValueError) -> None:
        self._error = error.with_traceback(None)
        self.stop()

    def _attempt(self, kind: int, data: bytes | bytearray) -> bool:
        try:
            return self._deal_with(kind, data)
        except ValueError as error:
            self._fail(error)
            return False

    def _deal_with(self, kind: int, data: bytes | bytearray) -> bool:
        """Deal with a frame, and tell whether others are to have their turn now."""
        if kind == reader.TEXT:
            try:
                text = data.decode()
            except UnicodeDecodeError:
                raise reader.BadFrameError(
                    WSCloseCode.INVALID_TEXT, "its text is not UTF-8"
                ) from None
            self._hand_over(text)
        elif kind == reader.BINARY:
            self._hand_over(bytes(data))
        elif kind == reader.CLOSED:
            self._is_over = True
            self.stop()
        elif kind == reader.PINGED and self.is_ready:  # who reads no answers gets none
            self.write(frames.pong(data))
        return kind in (reader.PINGED, reader.PONGED)  # a client may send nothing else

    def _hand_over(self, message: str | bytes) -> None:
        if self._handle and (work := self._handle(message)):
            self._is_held = True
            self._work = self._loop.create_task(work)
            self._work.add_done_callback(self._end_work)

    def _end_work(self, _: asyncio.Task[None]) -> None:
        self._work = None
        if self._handle:
            self._is_held = False
            self._go_on()

    # -- Writing

    @property
    def is_ready(self) -> bool:
        """Whether it takes more; once the connection is lost, it takes and forgets anything."""
        return not self._drained or self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Write one frame, or several."""
        if not self._transport.is_closing():
            self._transport.write(data)

    async def ready(self) -> None:
        """Wait until it takes more."""
        if self._drained:
            await asyncio.shield(self._drained)

    def pause_writing(self) -> None:
        """Note that it takes no more for now."""
        self._drained = self._drained or self._loop.create_future()

    def resume_writing(self) -> None:
        """Note that it takes more."""
        if self._drained:
            self._drained.set_result(None)
            self._drained = None

    # -- The end

    async def close(self, why: str) -> None:
        """Close it; ``why`` tells what the client did, if the server hangs up."""
        # No goodbye is said before: a client of python-engineio that is told goodbye, and finds its
        # WebSocket closed as well, waits for half a minute.
        self.stop()
        if self._transport.is_closing():
            return
        if why:
            await self._hang_up(why)
            return
        self.write(frames.close(WSCloseCode.OK, ""))
        try:
            async with asyncio.timeout(GOODBYE):
                await self.read(lambda _: None)
        except (TimeoutError, ValueError):
            self.cut()
        self._transport.close()

    async def _hang_up(self, why: str) -> None:
        # To read on until the client closes it, too, would be a second's work with a flood.
        self._transport.pause_reading()
        code = getattr(self._error, "code", WSCloseCode.POLICY_VIOLATION)
        try:
            self.write(frames.close(code, why))
            if self._transport.can_write_eof():
                with contextlib.suppress(OSError):  # the client has gone
                    self._transport.write_eof()
            await asyncio.sleep(GOODBYE)
        finally:
            self.cut()

    def cut(self) -> None:
        """Close the connection at once."""
        self._transport.abort()
