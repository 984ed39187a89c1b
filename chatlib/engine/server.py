"""A Socket.IO server on the engine, which reads no more of a packet than it has to."""

import asyncio
import inspect
import math
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, NoReturn

import socketio
from socketio import packet

from chatlib.engine.engine import Engine
from chatlib.engine.fanout import Fanout
from chatlib.engine.packets import MalformedError, Packet, ProtocolError, Unread
from chatlib.engine.session import Session
from chatlib.private_names import check

# After a refused event, nothing is read of its client for so many seconds: whoever sends too much
# is slowed down, and not the others.
_PAUSE, _PAUSE_PER_BYTE = 0.001, 1e-7

# What is to be awaited before the next packet of a client is looked at, if anything.
_Work = Coroutine[Any, Any, None] | None


@dataclass(slots=True)
class _Client:
    """A connection, what ends it if it joins nothing, and what of it has not come whole."""

    session: Session
    late: asyncio.TimerHandle
    # Each time that it asks to join counts for a second; the last of these ends then.
    last_asked: float = -math.inf
    unread: Unread | None = None
    # The last socket that it was let in with, by namespace; it may have left since.
    sids: dict[str, str] = field(default_factory=dict)


class Server(socketio.AsyncServer):  # type: ignore[misc]
    """A `socketio.AsyncServer` with an `Engine` below it.

    Args:
        client_manager: As for `socketio.AsyncServer`; if not given, a `Fanout`.
        json: As for `socketio.AsyncServer`, but for this server alone.
        connect_timeout: How many seconds a client has to join a namespace.
        connect_burst: How often it may ask to join one at once; over time, once a second.
        auth_size: How many bytes it may send with that.
        **options: Passed on to `socketio.AsyncServer` and to `Engine`. There is no ``serializer``.
    """

    engine_class: type[Engine] = Engine

    def __init__(
        self,
        client_manager: socketio.AsyncManager | None = None,
        *,
        json: Any = None,
        connect_timeout: float = 45.0,
        connect_burst: int = 50,
        auth_size: int = 65_536,
        **options: Any,
    ) -> None:
        if "serializer" in options:
            raise TypeError("The packets of this server are JSON; it takes no serializer.")
        packet_class = type("Packet", (Packet,), {"json_module": json}) if json else Packet
        super().__init__(client_manager or Fanout(), serializer=packet_class, **options)
        check(self, self.eio, self.manager)
        self.connect_timeout = connect_timeout
        self.connect_burst = connect_burst
        self.auth_size = auth_size
        self._listens = False
        self._clients: dict[str, _Client] = {}
        # What python-socketio does with what has been looked at here.
        self._received = self.eio.handlers["message"]
        self._closed = self.eio.handlers["disconnect"]
        self.eio.on("connect", self._open)
        self.eio.on("message", self._receive)
        self.eio.on("disconnect", self._close)

    def _engineio_server_class(self) -> type[Engine]:
        return self.engine_class

    async def shutdown(self) -> None:
        """Stop; what the manager has running in the background starts again with the server."""
        await super().shutdown()
        self._listens = False

    # -- What a subclass may decide

    def refusal(self, sid: str, size: int) -> Any:  # noqa: ARG002
        """Return the answer to an event of so many bytes that is not to be read; None if it is.

        It is asked for an acknowledgement, too, to which there is no answer.
        """
        return None

    def malformed(self, sid: str, why: str) -> Any:  # noqa: ARG002
        """Return the answer to an event that no handler can be called with.

        Raises:
            ProtocolError: Its connection is to end, as it does if this is not overridden.
        """
        raise ProtocolError(why)

    # -- Connections

    def connection(self, sid: str, namespace: str = "/") -> Session | None:
        """Return the session of a socket, if it is still here."""
        eio: Engine = self.eio
        return eio.sockets.get(self.manager.eio_sid_from_sid(sid, namespace))

    def start_handler(self, target: Callable[..., Coroutine[Any, Any, Any]], *args: Any) -> None:
        """Run the handler of an event, as `Engine.start_handler` does."""
        self.eio.start_handler(target, *args)

    def instrument(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: the admin UI looks into python-engineio's own sessions."""
        raise NotImplementedError("The admin UI cannot look into this server.")

    async def _open(self, eio_sid: str, environ: dict[str, Any]) -> None:
        session = self.eio.sockets[eio_sid]
        late = asyncio.get_running_loop().call_later(
            self.connect_timeout, session.hang_up, "it joins no namespace"
        )
        self._clients[eio_sid] = _Client(session, late)
        if not self._listens:  # python-socketio does so only once
            self._listens = True
            self.manager.initialize()
        self.environ[eio_sid] = environ

    async def _close(self, eio_sid: str, reason: str) -> None:
        if client := self._clients.pop(eio_sid, None):
            client.late.cancel()
        try:
            await self._closed(eio_sid, reason)
        finally:
            await self._forget(eio_sid)
            self.environ.pop(eio_sid, None)

    async def _forget(self, eio_sid: str) -> None:
        """Keep no socket of a client; python-socketio does if a handler raises or is cancelled."""
        for namespace in list(self.manager.get_namespaces()):
            if sid := self.manager.sid_from_eio_sid(eio_sid, namespace):
                await self.manager.disconnect(sid, namespace, ignore_queue=True)

    def _connect(self, client: _Client, asked: Unread) -> _Work:
        now = time.monotonic()
        client.last_asked = max(client.last_asked, now) + 1
        if client.last_asked > now + self.connect_burst:
            client.session.hang_up("it asks too often to be let in")
            return None
        if asked.size > self.auth_size:
            raise ProtocolError("A CONNECT is too long.")
        known = (self.handlers, self.namespace_handlers, self.namespaces)
        if self.namespaces != "*" and not any(asked.namespace in each for each in known):
            why = {"message": "Invalid namespace"}
            self._send(client, packet.CONNECT_ERROR, why, asked)
            return None
        return self._let_in(client, asked, asked.read(self.packet_class.json_module.loads))

    async def _let_in(self, client: _Client, asked: Unread, auth: Any) -> None:
        await self._hand_on(client, asked, auth)
        if (task := asyncio.current_task()) and task.cancelling():
            # python-socketio takes a connect handler that was cancelled for one that lets in.
            await self._forget(client.session.sid)
            raise asyncio.CancelledError
        sid = self.manager.sid_from_eio_sid(client.session.sid, asked.namespace)
        if sid and self.manager.is_connected(sid, asked.namespace):
            client.late.cancel()
            client.session.name = client.sids[asked.namespace] = sid

    def _sid(self, client: _Client, namespace: str) -> str | None:
        """Return the id of a client's socket in a namespace, if it has been let in there."""
        sid = client.sids.get(namespace)
        return sid if sid and self.manager.is_connected(sid, namespace) else None

    # -- Packets

    def _receive(self, eio_sid: str, data: str | bytes) -> _Work:
        client = self._clients[eio_sid]
        try:
            received = client.unread or Unread(data)
            if received is client.unread:
                received.attach(data, self.eio.max_http_buffer_size)
            elif received.kind != packet.CONNECT and client.last_asked < 0:
                raise ProtocolError("The first packet must be a CONNECT.")
            client.unread = received if received.missing else None
            if client.unread:
                return None
            if received.kind == packet.CONNECT:
                return self._connect(client, received)
            if received.kind == packet.DISCONNECT:
                return self._hand_on(client, received, None)
            return self._heed(client, received)
        except ProtocolError as error:
            client.session.hang_up(f"it does not speak Socket.IO: {error}")
        return None

    def _heed(self, client: _Client, received: Unread) -> _Work:
        sid = self._sid(client, received.namespace)
        try:
            if sid is None:  # it may have left just now
                return self._slow_down(received)
            if (answer := self.refusal(sid, received.size)) is not None:
                return self._refuse(client, received, answer)
            if received.kind == packet.EVENT:
                return self._handle(client, sid, received)
            data = received.read(self.packet_class.json_module.loads)
            is_ours = isinstance(self.manager, Fanout)
            answered = self.manager.answered if is_ours else self.manager.trigger_callback
            return self._finish(answered(sid, received.id, data))
        except ProtocolError:
            raise
        except Exception:
            self.logger.exception("A handler failed")
        return None

    async def _finish(self, handling: Coroutine[Any, Any, None]) -> None:
        try:
            await handling
        except Exception:
            self.logger.exception("A handler failed")

    def _handle(self, client: _Client, sid: str, received: Unread) -> _Work:
        try:
            event, *arguments = received.read_event(self.packet_class.json_module.loads)
        except MalformedError as error:
            return self._refuse(client, received, self.malformed(sid, str(error)))
        handlers = self.handlers.get(received.namespace, {})
        arguments.insert(0, sid)
        if not (handler := handlers.get(event)) and (handler := handlers.get("*")):
            arguments.insert(0, event)
        if not handler:  # there may be one in a class for the namespace
            return self._finish(self._hand_on(client, received, [event, *arguments[1:]]))
        if self.async_handlers:
            self.start_handler(self._run, handler, arguments, client, received)
            return None
        return self._finish(self._run(handler, arguments, client, received))

    async def _run(
        self, handler: Callable[..., Any], arguments: list[Any], client: _Client, received: Unread
    ) -> None:
        answer = handler(*arguments)
        if inspect.isawaitable(answer):
            answer = await answer
        self._answer(client, received, answer)

    def _refuse(self, client: _Client, received: Unread, answer: Any) -> _Work:
        if received.kind == packet.EVENT:
            self._answer(client, received, answer)
        return self._slow_down(received)

    async def _slow_down(self, unheeded: Unread) -> None:
        await asyncio.sleep(_PAUSE + unheeded.size * _PAUSE_PER_BYTE)

    def _answer(self, client: _Client, received: Unread, answer: Any) -> None:
        if received.id is not None:
            data = list(answer) if isinstance(answer, tuple) else [] if answer is None else [answer]
            self._send(client, packet.ACK, data, received)

    def _send(self, client: _Client, kind: int, data: Any, to: Unread) -> None:
        for part in self.packet_class.write(kind, data, to.namespace, to.id):
            client.session.send(self.eio.message(part))

    async def _hand_on(self, client: _Client, received: Unread, data: Any) -> None:
        """Let python-socketio deal with a packet that has been read."""
        read = Packet(received.kind, data, received.namespace, received.id)
        await self._received(client.session.sid, read)
