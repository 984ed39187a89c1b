"""An Engine.IO v4 server for aiohttp, in the place of python-engineio's own."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import engineio
from aiohttp import hdrs, web
from engineio.packet import MESSAGE, Packet

from chatlib.engine import frames, http
from chatlib.engine.log import OnceASecond
from chatlib.engine.session import Session
from chatlib.engine.websocket import WebSocket

# So many seconds a polling client has to fetch what waits for it after its session.
_LEAVE = 5.0
# So many seconds what ends by itself may take when the server stops, and then what was cancelled.
_STOP = 0.4
# What `engineio.AsyncServer` can do and this cannot.
_MISSING = ("async_handlers", "cookie", "http_compression")
# What is wrong with a request, by the number that Engine.IO gives it.
_TRANSPORT, _SESSION, _METHOD, _REQUEST, _ORIGIN, _VERSION = range(6)
_WHY = (
    "Transport unknown", "Session ID unknown", "Bad handshake method", "Bad request", "Forbidden",
    "Unsupported protocol version",
)  # fmt: skip


class Engine(engineio.AsyncServer):  # type: ignore[misc]
    """An `engineio.AsyncServer` with sessions of its own, which python-socketio knows as `eio`.

    The messages of one client are handled one after the other; text is handed on as it came, even
    if it is JSON. A session always ends at its ping timeout. In a list of ``cors_allowed_origins``,
    ``"self"`` stands for the server's own origin.

    Args:
        unread_bytes: How much may wait for one client, before the server hangs up on it.
        packets_per_request: How many packets one POST request may carry.
        timeout: How many seconds a client has to send a POST request, or to finish an upgrade.
        **options: Passed on to `engineio.AsyncServer`.

    Attributes:
        session_class: What a client's session is made of.
        sockets: The sessions, by their ids.
        leaving: Sessions that have ended, and what they were sent last may still be polled.
        background_tasks: What `start_background_task` has started, and has not ended.

    Raises:
        TypeError, ValueError: An option is not supported.
    """

    session_class: type[Session] = Session
    loop: asyncio.AbstractEventLoop

    def __init__(
        self,
        *,
        unread_bytes: int = 4_000_000,
        packets_per_request: int = 64,
        timeout: float = 10.0,
        **options: Any,
    ) -> None:
        for name in filter(options.get, _MISSING):
            raise ValueError(f"The engine does not support {name}.")
        if isinstance(options.get("ping_interval"), tuple):
            raise TypeError("ping_interval is a number of seconds here, without a grace.")
        if callable(options.get("cors_allowed_origins")):
            raise TypeError("cors_allowed_origins is an origin here, or a list of them.")
        if options.setdefault("async_mode", "aiohttp") != "aiohttp":
            raise ValueError("The engine is for aiohttp.")
        super().__init__(**options)
        self.unread_bytes = unread_bytes
        self.packets_per_request = packets_per_request
        self.timeout = timeout
        self.sockets: dict[str, Session] = {}
        self.background_tasks: set[asyncio.Task[Any]] = set()
        self._ended: dict[str, tuple[Session, asyncio.Task[None]]] = {}  # which tells of that
        self.leaving: dict[str, Session] = {}
        self._unflushed: list[Session] = []
        self._refusals = OnceASecond(self.logger)

    # -- What `engineio.AsyncServer` has

    def attach(self, app: web.Application, engineio_path: str = "engine.io") -> None:
        """Serve the requests of an application to a path."""
        app.router.add_route("*", f"/{engineio_path.strip('/')}/", self.handle_request)

    async def send(self, sid: str, data: Any) -> None:
        """Send a message to a client, if it is here."""
        if session := self.sockets.get(sid):
            session.send(self.message(data))

    async def send_packet(self, sid: str, pkt: Packet) -> None:
        """Send a packet of python-engineio to a client, if it is here."""
        if session := self.sockets.get(sid):
            session.send(_frame(pkt))

    @staticmethod
    def message(data: Any) -> bytes:
        """Return a message as a frame, to be sent to as many sessions as you like."""
        return frames.text("4" + data) if isinstance(data, str) else _frame(Packet(MESSAGE, data))

    async def get_session(self, sid: str) -> dict[Any, Any]:
        """Return what the application keeps with a client; it may ask until it was told the end."""
        return self._known(sid).session

    async def save_session(self, sid: str, session: dict[Any, Any]) -> None:
        """Keep something else with a client."""
        self._known(sid).session = session

    def transport(self, sid: str) -> str:
        """Return what carries a client: ``"polling"`` or ``"websocket"``."""
        return "websocket" if self._known(sid).upgraded else "polling"

    def _known(self, sid: str) -> Session:
        session = self.sockets.get(sid) or self._ended.get(sid, (None, None))[0]
        if session is None:
            raise KeyError("Session not found")
        return session

    async def disconnect(self, sid: str | None = None) -> None:
        """End the session of a client, or of all; the application is told right after this."""
        for session in [each for each in self.sockets.values() if sid in (None, each.sid)]:
            session.close(self.reason.SERVER_DISCONNECT)

    async def shutdown(self) -> None:
        """End all sessions, and cancel what runs in the background; takes under a second."""
        await self.disconnect()
        if telling := [task for _, task in self._ended.values()]:
            await asyncio.wait(telling, timeout=_STOP)
        if left := self.background_tasks - {asyncio.current_task()}:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=_STOP)
        self.leaving.clear()
        self._unflushed.clear()

    def start_background_task(
        self, target: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any
    ) -> asyncio.Task[Any]:
        """Run a coroutine function in the background; it begins after this has returned."""
        # Not by the loop's factory, which may be one of eager tasks: what a connect handler starts
        # is to emit after the client is told that it is connected.
        return self._keep(asyncio.Task(target(*args, **kwargs)))

    def start_handler(self, target: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> None:
        """Run a coroutine function in a task that begins before this returns.

        With Python 3.11, which has no such tasks, it begins after that.
        """
        if sys.version_info < (3, 12):
            self.start_background_task(target, *args)
            return
        task = asyncio.Task(target(*args), loop=self.loop, eager_start=True)
        if not task.done():  # most handlers wait for nothing
            self._keep(task)
        elif not task.cancelled() and (error := task.exception()):
            # As a task does that nobody asks, but some versions of Python keep this one for long.
            context = {"message": "A handler failed", "exception": error, "task": task}
            self.loop.call_exception_handler(context)

    def _keep(self, task: asyncio.Task[Any]) -> asyncio.Task[Any]:
        self.background_tasks.add(task)
        task.add_done_callback(self.background_tasks.discard)
        return task

    # -- What sessions ask for

    def tell_end(self, session: Session, reason: str) -> None:
        """Tell the application in the background that a session has ended."""
        task = self.start_background_task(session.run, "disconnect", reason)
        self._ended[session.sid] = session, task
        task.add_done_callback(lambda _: self._ended.pop(session.sid))

    def flush_soon(self, session: Session) -> None:
        """Flush a session once all that runs now has run: what it sends then travels together."""
        if not self._unflushed:
            self.loop.call_soon(self._flush)
        self._unflushed.append(session)

    def _flush(self) -> None:
        sessions, self._unflushed = self._unflushed, []
        for session in sessions:
            session.flush()

    def let_leave(self, session: Session) -> None:
        """Let a session that has ended be polled for what still waits."""
        self.leaving[session.sid] = session
        self.loop.call_later(_LEAVE, self.leaving.pop, session.sid, None)

    # -- Requests

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Answer a request to the path of `attach`."""
        self.loop = asyncio.get_running_loop()
        sid, transport = request.query.get("sid"), request.query.get("transport")
        is_get, is_socket = request.method == hdrs.METH_GET, transport == "websocket"
        if not http.is_allowed(request, self.cors_allowed_origins):
            return self._refuse(request, _ORIGIN, 403)
        if request.method == hdrs.METH_OPTIONS:
            return self._answer(request, b"ok")
        if transport not in self.transports:
            return self._refuse(request, _TRANSPORT)
        if sid is None and request.query.get("EIO") != "4":
            return self._refuse(request, _VERSION)
        if sid is None and not is_get:
            return self._refuse(request, _METHOD)
        if is_socket:
            is_known = is_get and (self.allow_upgrades or sid is None)
            is_known = is_known and bool(web.WebSocketResponse().can_prepare(request))
        else:
            is_known = is_get or request.method == hdrs.METH_POST
        if not is_known or "j" in request.query:
            return self._refuse(request, _REQUEST)
        if sid is None:
            return await self._open(request, is_socket=is_socket)
        session = self.sockets.get(sid) or self.leaving.get(sid)
        if session is None:
            return self._refuse(request, _SESSION)
        if is_socket:
            return await self._serve(request, session.upgrade)
        if is_get:
            return await self._poll(request, session)
        return await self._post(request, session)

    async def _open(self, request: web.Request, *, is_socket: bool) -> web.StreamResponse:
        session = self.session_class(self, self.generate_id(), request.remote)
        self.sockets[session.sid] = session
        session.send(frames.text("0" + self._handshake(session.sid, is_socket=is_socket)))
        try:
            answer = await session.run("connect", http.environ(request))
            if session.fault or answer not in (None, True):
                session.close("")
                return self._answer(request, json.dumps(answer or "Unauthorized").encode(), 401)
            if is_socket:
                return await self._serve(request, session.serve)
            return await self._poll(request, session)
        except BaseException:
            session.close(self.reason.TRANSPORT_CLOSE)
            raise

    def _handshake(self, sid: str, *, is_socket: bool) -> str:
        can_upgrade = self.allow_upgrades and not is_socket and "websocket" in self.transports
        handshake = {
            "sid": sid,
            "upgrades": ["websocket"] if can_upgrade else [],
            "pingInterval": round(self.ping_interval * 1000),
            "pingTimeout": round(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        return json.dumps(handshake, separators=(",", ":"))

    async def _serve(
        self, request: web.Request, serve: Callable[[WebSocket], Coroutine[Any, Any, None]]
    ) -> web.StreamResponse:
        websocket = WebSocket(request, self.max_http_buffer_size)
        try:
            await websocket.accept(request)
        except ConnectionError as error:  # the client did not wait for the answer
            raise web.HTTPBadRequest from error
        await serve(websocket)
        return websocket.response

    async def _poll(self, request: web.Request, session: Session) -> web.StreamResponse:
        try:
            body = await session.poll()
        finally:
            if request.transport is None:  # it did not wait for the answer, which is lost
                session.close(self.reason.TRANSPORT_CLOSE)
        return self._answer(request, body) if body else self._refuse(request, _REQUEST)

    async def _post(self, request: web.Request, session: Session) -> web.StreamResponse:
        if session.upgraded or session.closed:
            return self._refuse(request, _REQUEST)
        try:
            body = await http.read_body(request, self.max_http_buffer_size, self.timeout)
            await session.post(frames.read_payload(body, self.packets_per_request))
        except ValueError as error:
            session.hang_up(str(error))
        if session.fault:
            return self._refuse(request, _REQUEST)
        return self._answer(request, b"ok")

    def _refuse(self, request: web.Request, code: int, status: int = 400) -> web.Response:
        self._refusals.warning("Refusing a request from %s: %s", request.remote, _WHY[code])
        body = json.dumps({"code": code, "message": _WHY[code]})
        return self._answer(request, body.encode(), status)

    def _answer(self, request: web.Request, body: bytes, status: int = 200) -> web.Response:
        allowed = self.cors_allowed_origins != [] and status != 403
        headers = http.cors_headers(request, credentials=self.cors_credentials) if allowed else {}
        kind = "text/plain" if status == 200 else "application/json"
        return web.Response(
            body=body, status=status, headers=headers, content_type=kind, charset="UTF-8"
        )


def _frame(packet: Packet) -> bytes:
    data = packet.encode()
    return frames.text(data) if isinstance(data, str) else frames.binary(data)
