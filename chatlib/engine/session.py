"""The session of one client, from its handshake to its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode

from chatlib.engine import frames
from chatlib.engine.transports import Outbox, Polling, WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chatlib.engine.engine import Engine

# After so many packets of one client, others have their turn.
_TURN = 32


class Session:
    """One Engine.IO client.

    Args:
        engine: The server that it is a client of.
        sid: Its id.
        remote: The address that it connected from.

    Attributes:
        sid: Its id.
        remote: The address that it connected from.
        name: What log lines call it.
        closed: Whether it has ended.
        data: What the application keeps with it.
        fault: Why the server hung up on it; empty if it did not.
        told: The task that tells the application of its end, once there is one.
    """

    __slots__ = (
        "__weakref__",
        "_beat",
        "_engine",
        "_is_pinged",
        "_outbox",
        "_probe",
        "_reason",
        "_running",
        "_transport",
        "closed",
        "data",
        "fault",
        "name",
        "remote",
        "sid",
        "told",
    )

    def __init__(self, engine: Engine, sid: str, remote: str | None) -> None:
        self.sid = sid
        self.remote = remote
        self.name = f"a client at {remote}"
        self.closed = False
        self.data: dict[Any, Any] = {}
        self.fault = ""
        self.told: asyncio.Task[None] | None = None
        self._engine = engine
        self._outbox = Outbox()
        self._transport: Polling | WebSocket = Polling(self._outbox)
        self._probe: WebSocket | None = None
        self._running = 0  # handlers of the application
        self._reason: str | None = ""  # of the end; None if the application need not be told of it
        self._is_pinged = False
        self._beat = engine.loop.call_later(engine.ping_interval, self._ping)

    @property
    def transport(self) -> str:
        """``polling`` or ``websocket``."""
        return self._transport.name

    @property
    def waits(self) -> bool:
        """Whether anything waits to be sent."""
        return bool(self._outbox.frames)

    # -- Sending

    def send(self, frame: bytes) -> None:
        """Send a frame, after all that were sent before; nothing if the session has ended."""
        if self.closed:
            return
        outbox = self._outbox
        if not outbox.frames:
            self._engine.flush_soon(self)
        outbox.put(frame)
        if outbox.size > self._engine.unread_bytes:
            self.flush()
            self._hang_up_if_slow()

    def _hang_up_if_slow(self) -> None:
        most = self._engine.unread_bytes
        if self._outbox.size > most:
            self._outbox.clear()
            self.hang_up(f"it reads too slowly, and more than {most} bytes wait")

    def flush(self) -> None:
        """Hand over what waits, as far as it can go now; during an upgrade it waits."""
        if self._outbox.frames and not self._probe:
            self._transport.flush()

    async def drained(self) -> None:
        """Wait until nothing waits to be sent, or the session has ended."""
        if self._outbox.frames and not self.closed:
            await self._outbox.emptied()

    def _ping(self) -> None:
        self.send(frames.PING)
        if not self.closed:
            late = self._beat.when() + self._engine.ping_timeout
            reason = self._engine.reason.PING_TIMEOUT
            self._beat = self._engine.loop.call_at(late, self.close, reason)
            self._is_pinged = True

    # -- Receiving

    async def connect(self, environ: dict[str, Any]) -> Any:
        """Ask the application to take the client; return None if it does, or what it refuses with.

        It does by returning None or True.
        """
        self._running += 1
        try:
            answer = await self._engine.trigger("connect", self.sid, environ)
        except Exception:
            self._engine.logger.exception("A connect handler failed")
            answer = False
        finally:
            self._running -= 1
            self._tell_if_ended()
        if answer is not None and answer is not True:
            self._reason = None
            self.close(self._engine.reason.TRANSPORT_CLOSE)
            return answer
        return None

    async def receive(self, packet: str | bytes) -> None:
        """Deal with a packet of the client, as `frames.read_packet` returns it."""
        if isinstance(packet, str):
            if packet[:1] != "4":
                self._obey(packet)
                return
            packet = packet[1:]
        self._running += 1
        if self._engine.async_handlers:
            self._engine.start_background_task(self._handle, packet)
        else:
            await self._handle(packet)

    def _obey(self, packet: str) -> None:
        if packet == "1":
            self.close(self._engine.reason.CLIENT_DISCONNECT)
        elif self._is_pinged:
            self._is_pinged = False
            self._beat.cancel()
            self._beat = self._engine.loop.call_later(self._engine.ping_interval, self._ping)

    async def _handle(self, message: str | bytes) -> None:
        try:
            await self._engine.trigger("message", self.sid, message)
        except Exception:
            self._engine.logger.exception("A handler failed")
            self.hang_up("the server failed to handle what it sent")
        finally:
            self._running -= 1
            self._tell_if_ended()

    # -- HTTP long-polling

    async def poll(self) -> bytes:
        """Return the answer to a GET request; empty if it may not have one."""
        polling = self._transport
        if self._probe:
            return frames.payload([frames.NOOP])
        if not isinstance(polling, Polling):
            return b""
        if polling.is_polled:
            self.hang_up("it polls twice at a time")
            return b""
        if not self._outbox.frames and not self.closed:
            await polling.wait()
        return polling.take()

    async def post(self, read: Callable[[], Awaitable[bytes]]) -> bool:
        """Deal with the packets in a POST request, and return whether they were in order.

        Args:
            read: Reads the request; a `ValueError` of it says what is wrong with that.
        """
        polling = self._transport
        if not isinstance(polling, Polling):
            return False
        if polling.is_posting:
            self.hang_up("it sends two requests at a time")
            return False
        polling.is_posting = True
        try:
            for packet in frames.read_payload(await read(), self._engine.packets_per_request):
                if not self.closed:
                    await self.receive(packet)
        except ValueError as error:
            self.hang_up(str(error))
        finally:
            polling.is_posting = False
        return not self.fault

    # -- The WebSocket

    async def upgrade(self, websocket: WebSocket) -> None:
        """Move from long-polling to a WebSocket that proves itself, and read that to its end."""
        if self._probe or self.closed or not isinstance(self._transport, Polling):
            await websocket.close()  # as the protocol wants it, and the first one goes on
            return
        self._probe = websocket
        try:
            is_proven = await self._prove(websocket)
        finally:
            self._probe = None
            self.flush()
        if is_proven:
            await self.serve(websocket)
        else:
            await websocket.close()

    async def _prove(self, websocket: WebSocket) -> bool:
        try:
            async with asyncio.timeout(self._engine.upgrade_timeout):
                if not await self._says(websocket, "2probe"):
                    return False
                websocket.write(frames.PONG_TO_PROBE)
                self._transport.flush()  # a client waits for the answer to its poll
                return await self._says(websocket, "5")
        except TimeoutError:
            return False
        except ValueError as error:
            self.hang_up(str(error))
            return False

    async def _says(self, websocket: WebSocket, expected: str) -> bool:
        packet = await websocket.receive()
        if packet not in (None, expected):
            raise ValueError("it does not speak Engine.IO")
        return packet == expected and not self.closed

    async def serve(self, websocket: WebSocket) -> None:
        """Read a WebSocket to its end, which is also the end of the session."""
        if self.closed:
            await websocket.close()
            return
        self._transport = websocket
        websocket.carry(self._outbox)
        try:
            await self._read(websocket)
        except ValueError as error:
            self.hang_up(str(error))
        finally:
            self.close(self._engine.reason.TRANSPORT_CLOSE)

    async def _read(self, websocket: WebSocket) -> None:
        count = 0
        while not self.closed and (packet := await websocket.receive()) is not None:
            await self.receive(frames.read_packet(packet) if isinstance(packet, str) else packet)
            count += 1
            if count % _TURN == 0:  # reading does not wait while there is something to read
                await asyncio.sleep(0)

    # -- The end

    def hang_up(self, why: str) -> None:
        """End the session because of what the client did.

        Args:
            why: What that was; with the client's name before it, a sentence for the log.
        """
        if not self.closed:
            self.fault = why
            self._engine.logger.warning("Hanging up on %s: %s", self.name, why)
            self.close(self._engine.reason.TRANSPORT_ERROR, WSCloseCode.POLICY_VIOLATION, why)

    def close(self, reason: str, code: int = WSCloseCode.OK, why: str = "") -> None:
        """End the session; the application is told once none of its handlers runs for it.

        Args:
            reason: One of `engineio.AsyncServer.reason`.
            code: The code to close a WebSocket with.
            why: The reason to close a WebSocket with.
        """
        if self.closed:
            return
        self._beat.cancel()
        self._engine.forget(self)
        if isinstance(self._transport, WebSocket):
            self._transport.end(code, why)
        else:
            self._end_polling(reason)
        if self._probe:
            self._probe.end(code, why)
        self.closed = True
        self._outbox.wake()
        if self._reason is not None:
            self._reason = reason
        self._tell_if_ended()

    def _end_polling(self, reason: str) -> None:
        is_ours = reason == self._engine.reason.SERVER_DISCONNECT
        if not is_ours:
            self._outbox.clear()
        if reason != self._engine.reason.CLIENT_DISCONNECT:
            self._outbox.put(frames.CLOSE)
        self._transport.flush()
        if is_ours:
            self._engine.let_leave(self)

    def _tell_if_ended(self) -> None:
        if self.closed and not self._running and self._reason:
            self.told = self._engine.finish(self._engine.tell_end, self.sid, self._reason)
            self._reason = None
