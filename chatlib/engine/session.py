"""The session of one client, from its handshake to its end."""

from __future__ import annotations

import asyncio
import inspect
from itertools import accumulate, takewhile
from typing import TYPE_CHECKING, Any

from chatlib.engine import frames
from chatlib.engine.websocket import GOODBYE, WebSocket

if TYPE_CHECKING:
    from collections.abc import Awaitable, Coroutine

    from chatlib.engine.engine import Engine

# About how many bytes a frame takes in memory besides its own.
_OVERHEAD = 50
# What leaves at once: as many bytes as the event loop takes before it asks for a pause.
_PORTION = 65_536
# A polling client in Python reads 16 packets at once, and one may be the goodbye.
_PACKETS = 15
_FAILED = "the server failed to handle what it sent"


class Session:
    """One Engine.IO client.

    Frames leave in the order of `send`, as there is one list, and all is taken from its front.

    Attributes:
        name: What log lines call it.
        session: What the application keeps with it.
        fault: Why the server hung up on it; empty if it did not.
    """

    def __init__(self, engine: Engine, sid: str, remote: str | None) -> None:
        self.sid = sid
        self.remote = remote
        self.name = f"a client at {remote}"
        self.session: dict[Any, Any] = {}
        self.closed = False
        self.fault = ""
        self._engine = engine
        self._out: list[bytes] = []  # what waits to be sent
        self._size = 0  # of that in memory, in bytes
        self._drained: asyncio.Future[None] | None = None
        self._poll: asyncio.Future[None] | None = None
        self._posting = False
        self._websocket: WebSocket | None = None
        self._probe: asyncio.Timeout | None = None  # while another one is to become it
        self._resuming: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._running = 0  # handlers of the application
        self._reason = ""  # of the end
        self._is_told = False  # the application, of the end
        self._beat = engine.loop.call_later(engine.ping_interval, self._ping)

    @property
    def upgraded(self) -> bool:
        """Whether a WebSocket carries it."""
        return self._websocket is not None

    # -- Sending

    def send(self, frame: bytes) -> None:
        """Send a frame, after all that were sent before; nothing if the session has ended."""
        if self.closed:
            return
        if not self._out:
            self._engine.flush_soon(self)
        self._out.append(frame)
        self._size += len(frame) + _OVERHEAD
        most = self._engine.unread_bytes
        if self._size > most:
            self.flush()
            if self._size > most:
                self._out, self._size = [], 0
                self.hang_up(f"it reads too slowly, and more than {most} bytes wait")

    def flush(self) -> None:
        """Hand over what waits, as far as it can go now."""
        websocket = self._websocket
        if not websocket:
            self._answer_poll()
            return
        while self._out and websocket.is_ready:
            waiting = self._take(len(self._out))
            websocket.write(b"".join(waiting) if len(waiting) > 1 else waiting[0])
        if self._out and not self._resuming:
            self._resuming = self._engine.start_background_task(self._resume, websocket)

    async def _resume(self, websocket: WebSocket) -> None:
        await websocket.ready()
        self._resuming = None
        self.flush()

    def _take(self, most: int) -> list[bytes]:
        taken = self._out
        if self._size <= _PORTION and len(taken) <= most:
            self._out, self._size = [], 0
        else:
            sizes = takewhile(lambda size: size <= _PORTION, accumulate(map(len, taken[:most])))
            taken = taken[: max(1, len(list(sizes)))]
            del self._out[: len(taken)]
            self._size -= sum(map(len, taken)) + len(taken) * _OVERHEAD
        if not self._out:
            self._wake()
        return taken

    async def drained(self) -> None:
        """Wait until nothing waits to be sent, or the session has ended."""
        if self._out and not self.closed:
            self._drained = self._drained or self._engine.loop.create_future()
            await asyncio.shield(self._drained)

    def _wake(self) -> None:
        if self._drained:
            self._drained.set_result(None)
            self._drained = None

    def _ping(self) -> None:
        self.send(frames.PING)
        if not self.closed:
            late = self._beat.when() + self._engine.ping_timeout
            reason = self._engine.reason.PING_TIMEOUT
            self._beat = self._engine.loop.call_at(late, self.close, reason)

    # -- Receiving

    def receive(self, packet: str | bytes) -> Coroutine[Any, Any, None] | None:
        """Deal with a packet of the client, as `frames.read_packet` returns it.

        Returns:
            What is to be awaited before the next packet, if anything.
        """
        if self.closed:  # what comes after the end is not read
            return None
        message = packet if isinstance(packet, bytes) else packet[1:]
        if message is packet or packet[0] == "4":
            result = self._call("message", message)
            return result if inspect.iscoroutine(result) else None
        if packet == "1":
            self.close(self._engine.reason.CLIENT_DISCONNECT)
        else:
            self._beat.cancel()
            self._beat = self._engine.loop.call_later(self._engine.ping_interval, self._ping)
        return None

    async def run(self, event: str, *arguments: Any) -> Any:
        """Return what the application's handler of an event does; if it fails, hang up."""
        result = self._call(event, *arguments)
        return await result if inspect.iscoroutine(result) else result

    def _call(self, event: str, *arguments: Any) -> Any:
        handler = self._engine.handlers.get(event)
        try:
            result = handler(self.sid, *arguments) if handler else None
        except Exception:
            self._engine.logger.exception("A handler failed")
            self.hang_up(_FAILED)
            return None
        if result is None or not inspect.isawaitable(result):
            return result
        self._running += 1
        return self._finish(result)

    async def _finish(self, handling: Awaitable[Any]) -> Any:
        try:
            return await handling
        except Exception:
            self._engine.logger.exception("A handler failed")
            self.hang_up(_FAILED)
        finally:
            self._running -= 1
            self._tell_if_ended()

    # -- HTTP long-polling

    async def poll(self) -> bytes:
        """Return the answer to a GET request; empty if it may not have one."""
        if self._probe:
            return frames.payload([frames.NOOP])
        if self._poll:
            self.hang_up("it polls twice at a time")
        if self._poll or self.upgraded:
            return b""
        if not self._out and not self.closed:
            self._poll = self._engine.loop.create_future()
            try:
                await self._poll
            finally:
                self._poll = None
        taken = self._take(_PACKETS)
        if self.closed and not self._out:
            self._engine.leaving.pop(self.sid, None)
            is_answer = self._reason == self._engine.reason.CLIENT_DISCONNECT
            taken.append(frames.NOOP if is_answer else frames.CLOSE)
        return frames.payload(taken or [frames.NOOP])

    def _answer_poll(self) -> None:
        if self._poll and not self._poll.done():
            self._poll.set_result(None)

    async def post(self, packets: list[str | bytes]) -> None:
        """Deal with the packets of a POST request."""
        if self._posting:
            self.hang_up("it sends two requests at a time")
        self._posting = True
        try:
            for packet in packets:
                if work := self.receive(packet):
                    await work
        except asyncio.CancelledError:  # what was not dealt with is lost
            self.close(self._engine.reason.TRANSPORT_CLOSE)
            raise
        finally:
            self._posting = False

    # -- The WebSocket

    async def upgrade(self, websocket: WebSocket) -> None:
        """Move from long-polling to a WebSocket that proves itself, and read that to its end."""
        is_proven = False
        try:
            if not (self._probe or self.upgraded or self.closed):  # or the first one goes on
                is_proven = await self._prove(websocket)
        except TimeoutError:
            pass
        except ValueError as error:
            self.hang_up(str(error))
        if is_proven:
            await self.serve(websocket)
        else:
            await websocket.close(self.fault)

    async def _prove(self, websocket: WebSocket) -> bool:
        self._probe = asyncio.timeout(self._engine.timeout)
        try:
            async with self._probe:
                packet = await websocket.receive()
                if packet == "2probe":
                    websocket.write(frames.PONG_TO_PROBE)
                    self._answer_poll()  # the client waits for that before it goes on
                    packet = await websocket.receive()
                    if packet == "5":
                        return True
        finally:
            self._probe = None
            self.flush()
        if packet is None:
            return False
        raise ValueError("it does not speak Engine.IO")

    async def serve(self, websocket: WebSocket) -> None:
        """Read a WebSocket to its end, which is also the end of the session."""
        self._websocket = websocket
        self.flush()
        try:
            if not self.closed:
                await websocket.read(self._receive)
        except ValueError as error:
            self.hang_up(str(error))
        finally:
            self.close(self._engine.reason.TRANSPORT_CLOSE)
        await asyncio.wait([self._end(websocket)])

    def _receive(self, message: str | bytes) -> Coroutine[Any, Any, None] | None:
        return self.receive(frames.read_packet(message) if isinstance(message, str) else message)

    # -- The end

    def hang_up(self, why: str) -> None:
        """End the session because of what the client did; the log line names both."""
        if not self.closed:
            self.fault = why
            self._engine.logger.warning("Hanging up on %s: %s", self.name, why)
            self.close(self._engine.reason.TRANSPORT_ERROR)

    def close(self, reason: str) -> None:
        """End the session; the application is told once none of its handlers runs for it.

        Args:
            reason: One of `engineio.AsyncServer.reason`; if empty, the application is not told.
        """
        if self.closed:
            return
        self.closed, self._reason, self._is_told = True, reason, not reason
        self._beat.cancel()
        self._engine.sockets.pop(self.sid, None)
        if self._websocket:
            self._end(self._websocket)
        else:
            self._leave(is_ours=reason == self._engine.reason.SERVER_DISCONNECT)
        self._wake()
        self._tell_if_ended()

    def _leave(self, *, is_ours: bool) -> None:
        if is_ours:  # what waits for the client is left for it
            self._engine.let_leave(self)
        else:
            self._out, self._size = [], 0
        if self._probe and not self._probe.expired():
            self._probe.reschedule(self._engine.loop.time() + is_ours * GOODBYE)
        self._answer_poll()

    def _end(self, websocket: WebSocket) -> asyncio.Task[None]:
        if not self._ending:
            websocket.stop()
            self._ending = self._engine.start_background_task(self._close, websocket)
        return self._ending

    async def _close(self, websocket: WebSocket) -> None:
        try:
            async with asyncio.timeout(GOODBYE):
                self.flush()
                while self._out:
                    await websocket.ready()
                    self.flush()
                await websocket.close(self.fault)
        except TimeoutError:
            websocket.cut()

    def _tell_if_ended(self) -> None:
        if self.closed and not self._running and not self._is_told:
            self._is_told = True
            self._engine.tell_end(self, self._reason)
