"""A Socket.IO server on the engine, which reads no more of a packet than it has to."""

import asyncio
import inspect
import math
import time
from collections.abc import Callable
from typing import Any, NoReturn

import socketio
from socketio import packet

from chatlib.engine.engine import Engine
from chatlib.engine.fanout import Fanout
from chatlib.engine.packets import MalformedError, Packet, ProtocolError, Unread
from chatlib.engine.session import Session
from chatlib.private_names import check


class Server(socketio.AsyncServer):  # type: ignore[misc]
    """A `socketio.AsyncServer` with an `Engine` below it.

    Args:
        client_manager: As for `socketio.AsyncServer`; if not given, a `Fanout`.
        json: As for `socketio.AsyncServer`, but for this server alone.
        connect_timeout: How many seconds a client has to join a namespace.
        connect_burst: How often it may ask to join one at once; over time, once a second.
        auth_size: How many bytes it may send with that.
        **options: Passed on to `socketio.AsyncServer` and to `Engine`. There is no ``serializer``.

    Attributes:
        engine_class: What the server below is made of.
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
        packet_class = type("Packet", (Packet,), {"json": json}) if json else Packet
        super().__init__(client_manager or Fanout(), serializer=packet_class, **options)
        check(self, self.eio, self.manager)
        self.connect_timeout = connect_timeout
        self.connect_burst = connect_burst
        self.auth_size = auth_size
        self._clients: dict[str, _Client] = {}
        # What python-socketio does with what has been looked at here.
        self._opened = self.eio.handlers["connect"]
        self._received = self.eio.handlers["message"]
        self._closed = self.eio.handlers["disconnect"]
        self.eio.on("connect", self._open)
        self.eio.on("message", self._receive)
        self.eio.on("disconnect", self._close)

    def _engineio_server_class(self) -> type[Engine]:
        return self.engine_class

    def instrument(self, *_: Any, **__: Any) -> NoReturn:
        """Refuse: the admin UI looks into python-engineio's own sessions."""
        raise NotImplementedError("The admin UI cannot look into this server.")

    def connection(self, sid: str, namespace: str | None = None) -> Session | None:
        """Return the session of a socket, if it is still here.

        Args:
            sid: The socket.
            namespace: Its namespace; ``/`` if not given.
        """
        eio: Engine = self.eio
        return eio.sockets.get(self.manager.eio_sid_from_sid(sid, namespace or "/"))

    # -- What a subclass may decide

    def refusal(self, sid: str, size: int) -> Any:  # noqa: ARG002
        """Return the answer to an event that is not to be read; None if it is.

        Args:
            sid: The socket that sent it, or an acknowledgement, to which there is no answer.
            size: How many bytes it has, with its attachments.
        """
        return None

    def malformed(self, sid: str, why: str) -> Any:  # noqa: ARG002
        """Return the answer to an event that no handler can be called with.

        Args:
            sid: The socket that sent it.
            why: What is wrong with it, in a sentence.

        Raises:
            ProtocolError: The connection is to end, as it does if this is not overridden.
        """
        raise ProtocolError(why)

    # -- Connections

    async def _open(self, eio_sid: str, environ: dict[str, Any]) -> None:
        session = self.eio.sockets[eio_sid]
        self._clients[eio_sid] = _Client(session, self.connect_timeout)
        await self._opened(eio_sid, environ)

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

    async def _connect(self, eio_sid: str, asked: Unread) -> None:
        client = self._clients[eio_sid]
        if not client.may_ask(self.connect_burst):
            client.session.hang_up("it asks too often to be let in")
            return
        if asked.size > self.auth_size:
            raise ProtocolError("A CONNECT is too long.")
        if not self._knows(asked.namespace):
            why = {"message": "Invalid namespace"}
            await self._send(eio_sid, packet.CONNECT_ERROR, why, asked.namespace)
            return
        auth = asked.read(self.packet_class.json.loads)
        await self._received(eio_sid, Packet(packet.CONNECT, auth, asked.namespace))
        if (task := asyncio.current_task()) and task.cancelling():
            # python-socketio takes a connect handler that was cancelled for one that lets in.
            await self._forget(eio_sid)
            raise asyncio.CancelledError
        if sid := self._sid(eio_sid, asked.namespace):
            client.late.cancel()
            client.session.name = sid

    def _knows(self, namespace: str) -> bool:
        known = (self.handlers, self.namespace_handlers, self.namespaces)
        return self.namespaces == "*" or any(namespace in each for each in known)

    def _sid(self, eio_sid: str, namespace: str) -> str | None:
        """Return the id of a client's socket in a namespace, if it has been let in there."""
        sid: str | None = self.manager.sid_from_eio_sid(eio_sid, namespace)
        return sid if self.manager.is_connected(sid, namespace) else None

    # -- Packets

    async def _receive(self, eio_sid: str, data: str | bytes) -> None:
        client = self._clients[eio_sid]
        try:
            received = client.take(data, self.eio.max_http_buffer_size)
            if received is None:
                return
            if received.kind == packet.CONNECT:
                await self._connect(eio_sid, received)
            elif received.kind == packet.DISCONNECT:
                await self._received(eio_sid, Packet(packet.DISCONNECT, None, received.namespace))
            elif sid := self._sid(eio_sid, received.namespace):  # it may have left just now
                await self._receive_from(sid, eio_sid, received)
        except ProtocolError as error:
            client.session.hang_up(f"it does not speak Socket.IO: {error}")

    async def _receive_from(self, sid: str, eio_sid: str, received: Unread) -> None:
        answer = self.refusal(sid, received.size)
        if received.kind == packet.ACK:
            if answer is None:
                await self._call_back(sid, eio_sid, received)
            return
        if answer is None:
            try:
                event = received.read_event(self.packet_class.json.loads)
            except MalformedError as error:
                answer = self.malformed(sid, str(error))
            else:
                await self._handle(sid, eio_sid, received, event)
                return
        await self._answer(eio_sid, received, answer)

    async def _handle(self, sid: str, eio_sid: str, received: Unread, event: list[Any]) -> None:
        handlers = self.handlers.get(received.namespace, {})
        handler, arguments = handlers.get(event[0]), [sid, *event[1:]]
        if handler is None:
            handler, arguments = handlers.get("*"), [event[0], *arguments]
        if self.async_handlers and inspect.iscoroutinefunction(handler):
            self.start_background_task(self._run, handler, arguments, eio_sid, received)
            return
        long_way = Packet(packet.EVENT, event, received.namespace, received.id)
        try:
            await self._received(eio_sid, long_way)
        except Exception:
            self.logger.exception("A handler failed")

    async def _run(
        self, handler: Callable[..., Any], arguments: list[Any], eio_sid: str, received: Unread
    ) -> None:
        await self._answer(eio_sid, received, await handler(*arguments))

    async def _answer(self, eio_sid: str, received: Unread, answer: Any) -> None:
        if received.id is not None:
            data = list(answer) if isinstance(answer, tuple) else [] if answer is None else [answer]
            await self._send(eio_sid, packet.ACK, data, received.namespace, received.id)

    async def _send(
        self, eio_sid: str, kind: int, data: Any, namespace: str, number: int | None = None
    ) -> None:
        encoded = self.packet_class(kind, data, namespace, number).encode()
        for part in encoded if isinstance(encoded, list) else [encoded]:
            await self.eio.send(eio_sid, part)

    async def _call_back(self, sid: str, eio_sid: str, received: Unread) -> None:
        data = received.read_ack(self.packet_class.json.loads)
        try:
            if isinstance(self.manager, Fanout):
                await self.manager.answered(sid, received.id, data)
            else:
                ack = Packet(packet.ACK, data, received.namespace, received.id)
                await self._received(eio_sid, ack)
        except Exception:
            self.logger.exception("What waited for an acknowledgement failed")


class _Client:
    """A connection: what has not come whole, and how long and how often it may ask to be let in."""

    __slots__ = ("_asks", "_unread", "late", "session")

    def __init__(self, session: Session, timeout: float) -> None:
        self.session = session
        loop = asyncio.get_running_loop()
        self.late = loop.call_later(timeout, session.hang_up, "it joins no namespace")
        self._asks = -math.inf
        self._unread: Unread | None = None

    def may_ask(self, burst: int) -> bool:
        """Count that it asks to be let in: it may once a second, and some times at once."""
        now = time.monotonic()
        self._asks = max(self._asks, now) + 1
        return self._asks <= now + burst

    def take(self, data: str | bytes, longest: int) -> Unread | None:
        """Return a packet once it is whole.

        Args:
            data: Its text, or an attachment.
            longest: How many bytes its attachments may take in memory.
        """
        unread = self._unread
        if unread:
            unread.attach(data, longest)
        else:
            unread = Unread(data)
            if unread.kind != packet.CONNECT and self._asks < 0:
                raise ProtocolError("The first packet must be a CONNECT.")
        self._unread = unread if unread.missing else None
        return None if unread.missing else unread
