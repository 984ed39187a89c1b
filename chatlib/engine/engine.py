"""An Engine.IO v4 server for aiohttp, in the place of python-engineio's own."""

import asyncio
import inspect
import json
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import engineio
from aiohttp import hdrs, web
from engineio.packet import MESSAGE, Packet

from chatlib.engine import frames, http
from chatlib.engine.http import Refusal
from chatlib.engine.log import OnceASecond
from chatlib.engine.session import Session
from chatlib.engine.transports import WebSocket

# So many seconds a polling client has to fetch what waits for it after its session.
_LEAVE = 5.0
# So many seconds what ends by itself may take when the server stops, and then what was cancelled.
_STOP = 0.4
# aiohttp warns of longer ones that they are compressed in one go.
_COMPRESSED = 1_000_000


class Engine(engineio.AsyncServer):  # type: ignore[misc]
    """An `engineio.AsyncServer` with sessions of its own, which python-socketio knows as `eio`.

    There are no cookies and there is no JSONP; a session always ends at its ping timeout. In a list
    of ``cors_allowed_origins``, ``"self"`` stands for the server's own origin.

    Args:
        unread_bytes: How much may wait for one client, before the server hangs up on it.
        packets_per_request: How many packets one POST request may carry.
        request_timeout: How many seconds a POST request may take to arrive.
        upgrade_timeout: How many seconds a WebSocket has to take over from long-polling.
        **options: Passed on to `engineio.AsyncServer`.

    Attributes:
        session_class: What a client's session is made of.
        sockets: The sessions, by their ids.
        background_tasks: What `start_background_task` has started, and has not ended.
        loop: The event loop of the last request.

    Raises:
        ValueError: An option is not supported.
    """

    session_class: type[Session] = Session
    loop: asyncio.AbstractEventLoop

    def __init__(
        self,
        *,
        unread_bytes: int = 4_000_000,
        packets_per_request: int = 64,
        request_timeout: float = 10.0,
        upgrade_timeout: float = 10.0,
        **options: Any,
    ) -> None:
        if options.get("cookie") is not None:
            raise ValueError("The engine sets no cookie.")
        if options.setdefault("async_mode", "aiohttp") != "aiohttp":
            raise ValueError("The engine runs with aiohttp only.")
        super().__init__(**options)
        self.unread_bytes = unread_bytes
        self.packets_per_request = packets_per_request
        self.request_timeout = request_timeout
        self.upgrade_timeout = upgrade_timeout
        self.sockets: dict[str, Session] = {}
        self.background_tasks: set[asyncio.Task[Any]] = set()
        self._finishing: set[asyncio.Task[Any]] = set()
        self._leaving: dict[str, Session] = {}
        self._unflushed: list[Session] = []
        self._refusals = OnceASecond(self.logger)

    # -- The face of `engineio.AsyncServer`

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
        if isinstance(data, str):
            return frames.text("4" + data)
        return _frame(Packet(MESSAGE, data))

    async def get_session(self, sid: str) -> dict[Any, Any]:
        """Return what the application keeps with a client."""
        return self._session(sid).data

    async def save_session(self, sid: str, session: dict[Any, Any]) -> None:
        """Keep something with a client."""
        self._session(sid).data = session

    def transport(self, sid: str) -> str:
        """Return ``polling`` or ``websocket``."""
        return self._session(sid).transport

    def _session(self, sid: str) -> Session:
        if sid not in self.sockets:
            raise KeyError("Session not found")
        return self.sockets[sid]

    async def disconnect(self, sid: str | None = None) -> None:
        """End the session of a client, or all; the application has been told when this returns.

        Only where one of its handlers still runs for the client, it is told after that.
        """
        ended = [each for each in self.sockets.values() if sid in (None, each.sid)]
        for session in ended:
            session.close(self.reason.SERVER_DISCONNECT)
        if telling := [session.told for session in ended if session.told]:
            await asyncio.wait(telling)

    async def shutdown(self) -> None:
        """End all sessions and all that runs in the background; takes under a second."""
        for session in list(self.sockets.values()):
            session.close(self.reason.SERVER_DISCONNECT)
        if self._finishing:
            await asyncio.wait(self._finishing, timeout=_STOP)
        if left := self.background_tasks - {asyncio.current_task()}:
            for task in left:
                task.cancel()
            await asyncio.wait(left, timeout=_STOP)
        self._leaving.clear()

    def start_background_task(
        self, target: Callable[..., Coroutine[Any, Any, Any]], *args: Any, **kwargs: Any
    ) -> asyncio.Task[Any]:
        """Run a coroutine function in the background; it does not begin before this returns."""
        # Not by the loop's factory, which may be one of eager tasks: what a connect handler starts
        # is to emit after the client is told that it is connected.
        task = asyncio.Task(target(*args, **kwargs), loop=asyncio.get_running_loop())
        self.background_tasks.add(task)
        task.add_done_callback(self.background_tasks.discard)
        return task

    # -- What sessions ask for

    def finish(
        self, target: Callable[..., Coroutine[Any, Any, Any]], *args: Any
    ) -> asyncio.Task[Any]:
        """Run in the background what belongs to the end of a session; a stop waits for it."""
        task = self.start_background_task(target, *args)
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)
        return task

    async def trigger(self, event: str, *args: Any) -> Any:
        """Call the application's handler of an event, if there is one."""
        handler = self.handlers.get(event)
        result = handler(*args) if handler else None
        return await result if inspect.isawaitable(result) else result

    async def tell_end(self, sid: str, reason: str) -> None:
        """Tell the application that a session has ended."""
        try:
            await self.trigger("disconnect", sid, reason)
        except Exception:
            self.logger.exception("A disconnect handler failed")

    def flush_soon(self, session: Session) -> None:
        """Flush a session once all that runs now has run: what it sends then travels together."""
        if not self._unflushed:
            self.loop.call_soon(self._flush)
        self._unflushed.append(session)

    def _flush(self) -> None:
        sessions, self._unflushed = self._unflushed, []
        for session in sessions:
            try:
                session.flush()
            except Exception:  # or the others would never be flushed again
                self.logger.exception("A transport failed")
                session.hang_up("its transport failed")

    def forget(self, session: Session) -> None:
        """Count a session as ended."""
        self.sockets.pop(session.sid, None)

    def let_leave(self, session: Session) -> None:
        """Let a session that has ended be polled once more for what still waits."""
        self._leaving[session.sid] = session
        self.loop.call_later(_LEAVE, self._leaving.pop, session.sid, None)

    # -- Requests

    async def handle_request(self, request: web.Request) -> web.StreamResponse:
        """Answer a request to the path of `attach`."""
        self._follow(asyncio.get_running_loop())
        if refusal := self._why_refused(request):
            return self._refuse(request, refusal)
        if request.method == hdrs.METH_OPTIONS:
            return self._answer(request, b"ok")
        sid, is_socket = request.query.get("sid"), request.query["transport"] == "websocket"
        if is_socket and not web.WebSocketResponse().can_prepare(request):
            return self._refuse(request, Refusal.REQUEST)
        if sid is None:
            return await self._open(request, is_socket=is_socket)
        session = self.sockets.get(sid) or self._leaving.get(sid)
        if session is None:
            return self._refuse(request, Refusal.SESSION)
        if is_socket:
            return await self._serve(request, session.upgrade)
        if request.method == hdrs.METH_POST:
            return await self._post(request, session)
        return await self._poll(request, session)

    def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        if getattr(self, "loop", None) is not loop:  # what an earlier one left can never go on
            self.loop = loop
            self.sockets.clear()
            self._leaving.clear()
            self._unflushed.clear()

    def _why_refused(self, request: web.Request) -> Refusal | None:
        query, method = request.query, request.method
        transport = query.get("transport")
        if not http.is_allowed(request, self.cors_allowed_origins):
            return Refusal.ORIGIN
        if method == hdrs.METH_OPTIONS:
            return None
        if transport not in self.transports:
            return Refusal.TRANSPORT
        if "sid" not in query and query.get("EIO") != "4":
            return Refusal.VERSION
        if "sid" not in query and method != hdrs.METH_GET:
            return Refusal.METHOD
        if transport == "websocket":
            is_fine = method == hdrs.METH_GET and ("sid" not in query or self.allow_upgrades)
        else:
            is_fine = method in (hdrs.METH_GET, hdrs.METH_POST) and "j" not in query
        return None if is_fine else Refusal.REQUEST

    async def _open(self, request: web.Request, *, is_socket: bool) -> web.StreamResponse:
        session = self.session_class(self, self.generate_id(), request.remote)
        self.sockets[session.sid] = session
        session.send(frames.text("0" + self._handshake(session.sid, is_socket=is_socket)))
        try:
            refusal = await session.connect(http.environ(request))
            if refusal is not None:
                body = json.dumps(refusal or "Unauthorized").encode()
                return self._answer(request, body, 401)
            if is_socket:
                return await self._serve(request, session.serve)
            return await self._poll(request, session)
        except BaseException:
            session.close(self.reason.TRANSPORT_CLOSE)
            raise

    def _handshake(self, sid: str, *, is_socket: bool) -> str:
        can_upgrade = self.allow_upgrades and not is_socket and "websocket" in self.transports
        interval = self.ping_interval + self.ping_interval_grace_period
        handshake = {
            "sid": sid,
            "upgrades": ["websocket"] if can_upgrade else [],
            "pingInterval": round(interval * 1000),
            "pingTimeout": round(self.ping_timeout * 1000),
            "maxPayload": self.max_http_buffer_size,
        }
        return json.dumps(handshake, separators=(",", ":"))

    async def _serve(
        self, request: web.Request, serve: Callable[[WebSocket], Coroutine[Any, Any, None]]
    ) -> web.StreamResponse:
        websocket = WebSocket(request, self.max_http_buffer_size, self.finish)
        await websocket.accept(request)
        await serve(websocket)
        return websocket.response

    async def _poll(self, request: web.Request, session: Session) -> web.StreamResponse:
        try:
            body = await session.poll()
        except asyncio.CancelledError:
            session.close(self.reason.TRANSPORT_CLOSE)
            raise
        if request.transport is None:  # it did not wait for the answer, which is lost
            session.close(self.reason.TRANSPORT_CLOSE)
        if session.closed and not session.waits:
            self._leaving.pop(session.sid, None)
        return self._answer(request, body) if body else self._refuse(request, Refusal.REQUEST)

    async def _post(self, request: web.Request, session: Session) -> web.StreamResponse:
        most, seconds = self.max_http_buffer_size, self.request_timeout
        if await session.post(partial(http.read_body, request, most, seconds)):
            return self._answer(request, b"ok")
        return self._refuse(request, Refusal.REQUEST, session.fault)

    def _refuse(self, request: web.Request, refusal: Refusal, why: str = "") -> web.Response:
        code, text = refusal.value
        if not why:  # or it was said when the server hung up
            self._refusals.warning("Refusing a request from %s: %s", request.remote, text)
        body = json.dumps({"code": code, "message": f"{text}: {why}" if why else text}).encode()
        return self._answer(request, body, 403 if refusal is Refusal.ORIGIN else 400)

    def _answer(self, request: web.Request, body: bytes, status: int = 200) -> web.Response:
        headers = http.cors_headers(
            request, self.cors_allowed_origins, credentials=self.cors_credentials
        )
        response = web.Response(
            body=body, status=status, headers=headers, content_type="text/plain", charset="UTF-8"
        )
        if self.http_compression and self.compression_threshold <= len(body) <= _COMPRESSED:
            response.enable_compression()
        return response


def _frame(packet: Packet) -> bytes:
    data = packet.encode()
    return frames.text(data) if isinstance(data, str) else frames.binary(data)
