"""The gate: what comes over the network is checked before python-engineio reads it.

python-engineio believes that every frame comes from an Engine.IO client. One that does not makes it
end the connection with a traceback, or answer "OK" to a request that it has dropped.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qs

import engineio
from aiohttp import WSCloseCode, web
from aiohttp.http import HttpProcessingError
from engineio.async_drivers.aiohttp import WebSocket

from chatlib.limits import Limits

# What a client may say besides messages: goodbye, the probe of an upgrade, pong, and the upgrade.
_GOODBYE, _PROBE, _PONG, _UPGRADE = "1", "2probe", "3", "5"
_SOCKETIO_TYPES = frozenset("0123456")

_NO_FRAME: dict[int, str] = {
    WSCloseCode.PROTOCOL_ERROR: "it does not speak WebSocket",
    WSCloseCode.INVALID_TEXT: "its text is not UTF-8",
    WSCloseCode.MESSAGE_TOO_BIG: "it sent a frame that is too long",
}

logger = logging.getLogger("chatlib")

HangUp = Callable[[str, str], Awaitable[None]]


class Gate:
    """Checks the requests and the WebSocket frames of an Engine.IO server.

    Args:
        eio: The server.
        limits: What one request may carry.
        hang_up: Ends the session of the given id, for the given reason.
    """

    def __init__(self, eio: engineio.AsyncServer, limits: Limits, hang_up: HangUp) -> None:
        self.hang_up = hang_up
        self.transports: dict[str, asyncio.Transport] = {}  # of open WebSockets, by session
        self._eio = eio
        self._limits = limits
        # Private, but python-engineio has no public place between its driver and itself. If it
        # changes, this raises at once, or `tests/test_circuit.py` is red.
        self._translate = eio._async["translate_request"]
        eio._async = eio._async | {
            "translate_request": self._read_request,
            "websocket": lambda handler, eio: _GuardedWebSocket(self, handler, eio),
        }

    def cut(self, session: str, delay: float) -> None:
        """Cut a session's WebSocket, if it is still open after a delay in seconds."""
        asyncio.get_running_loop().call_later(delay, self._cut, session)

    def _cut(self, session: str) -> None:
        if transport := self.transports.get(session):
            transport.abort()

    async def _read_request(self, request: web.Request) -> dict[str, Any]:
        environ: dict[str, Any] = self._translate(request)
        query = parse_qs(environ["QUERY_STRING"])
        session = query.get("sid", [""])[0]
        if session and session not in self._eio.sockets:
            await self._refuse(request, "", "it has no such session")
        if "j" in query:
            await self._refuse(request, session, "it speaks JSONP")
        if request.method == "POST":
            try:
                body = await request.read()
            except web.HTTPRequestEntityTooLarge:
                await self._refuse(request, session, "it sent a request that is too long")
            except (OSError, HttpProcessingError, web.RequestPayloadError) as error:
                # The client vanished, or its chunks make no sense.
                raise web.HTTPBadRequest from error
            if why := _why_refused(body, self._limits.packets_per_request):
                await self._refuse(request, session, why)
            # python-engineio's own reading ends where the first piece of a long body does.
            environ["wsgi.input"] = _Body(body)
        return environ

    async def _refuse(self, request: web.Request, session: str, why: str) -> None:
        if session:
            await self.hang_up(session, why)
        else:
            logger.warning("Refusing a request from %s: %s", request.remote, why)
        raise web.HTTPBadRequest(text=f"Refused: {why}.")


class _Body:
    """The body of a request, as python-engineio reads one."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self, _: int) -> bytes:
        return self._body


class _GuardedWebSocket(WebSocket):  # type: ignore[misc]
    """python-engineio's WebSocket, which lets through only what a Socket.IO client may send."""

    def __init__(self, gate: Gate, handler: Any, eio: engineio.AsyncServer) -> None:
        super().__init__(handler, eio)
        self._gate = gate
        self._session = handler.__self__

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        session = self._session
        if session.upgrading:
            await self._gate.hang_up(session.sid, "it upgrades twice at once")
            raise web.HTTPBadRequest
        try:
            self._gate.transports[session.sid] = environ["aiohttp.request"].transport
            response: web.WebSocketResponse = await super().__call__(environ)
        except Exception as error:
            await self._gate.hang_up(session.sid, f"its WebSocket failed: {error}")
            raise
        else:
            return response
        finally:
            self._gate.transports.pop(session.sid, None)
            session.upgrading = False  # or polling would never be answered again

    async def wait(self) -> str | bytes:
        """Return the next frame, or raise `OSError` if there is none, or none that is allowed."""
        if self._session.closed:
            raise OSError
        try:
            frame: str | bytes = await super().wait()
        except OSError:
            code: int = getattr(self._sock.exception(), "code", 0)
            if why := _NO_FRAME.get(code):
                await self._gate.hang_up(self._session.sid, why)
            raise
        if why := _why_no_frame(frame, (_GOODBYE, _PROBE, _PONG, _UPGRADE)):
            await self._gate.hang_up(self._session.sid, why)
            raise OSError
        return frame


def _why_no_frame(frame: str | bytes, others: Sequence[str]) -> str:
    """Return why a frame is not one of a Socket.IO client, or empty text if it is."""
    if isinstance(frame, bytes) or frame in others:
        return ""
    if frame[:1] == "4" and frame[1:2] in _SOCKETIO_TYPES:
        return ""
    if frame[:1] == "b" and _is_base64(frame[1:]):
        return ""
    return "it does not speak Socket.IO"


def _why_refused(body: bytes, most: int) -> str:
    """Return why the body of a polling client's request is refused, or empty text if it is not."""
    try:
        frames = body.decode().split("\x1e")
    except UnicodeDecodeError:
        return "its text is not UTF-8"
    if len(frames) > most:
        return f"it sent {len(frames)} packets in one request, and {most} are allowed"
    if _GOODBYE in frames[:-1]:
        return "it goes on after its goodbye"
    reasons = (_why_no_frame(frame, (_GOODBYE, _PONG)) for frame in frames)
    return next(filter(None, reasons), "")


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
