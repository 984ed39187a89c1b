"""The lab's pen: it writes down what the lab hears a server and its clients say to each other.

It knows nothing of the objects that say it, and only of the connections that they say it on.
"""

import contextlib
import contextvars
from collections import deque
from collections.abc import Iterator
from typing import Any, Literal

import engineio
from socketio import packet

from chatlib.lab.guests import Guests
from chatlib.lab.links import Link, Links
from chatlib.lab.packets import BINARY, PacketReader, snapshot
from chatlib.lab.trace import SERVER, Emission, Packet, Trace

# Which call of `io.emit` a packet comes from, and whose packet the server handles.
_emission: contextvars.ContextVar[Emission | None] = contextvars.ContextVar(
    "emission", default=None
)
_caller: contextvars.ContextVar[str] = contextvars.ContextVar("caller", default="")
_is_calling: contextvars.ContextVar[bool] = contextvars.ContextVar("is_calling", default=False)


class Recorder:
    """Records the emissions, the packets and the frames of one lab.

    Args:
        trace: Where to record.
        links: The connections, and what is under way on them.

    Attributes:
        guests: What those are called who are not the lab's own clients.
        refusals: What the server last said to each client that it refused.
    """

    def __init__(self, trace: Trace, links: Links) -> None:
        self.guests = Guests(trace, links)
        self._trace = trace
        self._links = links
        self._reader = PacketReader(trace)
        self.refusals = self._reader.refusals

    def use(self, packet_class: type[packet.Packet]) -> None:
        """Read packets as a server writes them.

        Args:
            packet_class: The class of its packets.
        """
        self._reader.use(packet_class)

    @contextlib.contextmanager
    def emitting(
        self,
        event: str,
        data: Any,
        to: Any,
        skip: Any,
        namespace: str | None = None,
        *,
        is_foreign: bool = False,
    ) -> Iterator[Emission]:
        """Record an emission, with the packets that the code within makes of it.

        Args:
            event: The event's name.
            data: Its data; a tuple for several arguments.
            to: A room or a socket id, a list of them, or None for everyone.
            skip: A socket id that is left out, a list of them, or None.
            namespace: The Socket.IO namespace.
            is_foreign: Whether another server made it.
        """
        namespace = namespace or "/"
        emission = Emission(
            event=event,
            data=snapshot(data if isinstance(data, tuple) else (data,) * (data is not None)),
            to=as_tuple(to),
            skip=as_tuple(skip),
            present=tuple(link.name for link in self._links.all() if namespace in link.namespaces),
            namespace=namespace,
            caller="" if is_foreign else _caller.get(),
            is_foreign=is_foreign,
            is_call=_is_calling.get(),
        )
        self._trace.add(emission)
        token = _emission.set(emission)
        try:
            yield emission
        finally:
            _emission.reset(token)

    def server_sends(self, link: Link, data: str | bytes, *, is_polling: bool) -> None:
        """Record a message that the server sends.

        Args:
            link: The connection.
            data: The message.
            is_polling: Whether it goes over HTTP requests, as there is no WebSocket.
        """
        sent = self._reader.read(link, data, SERVER, link.name)
        self._note_frame(link, data, sent, "GET" if is_polling else "")
        if link.is_lab_client:
            self._depart(link.down, sent, link)
        elif sent.event != BINARY:
            sent.arrived = True
            self.record(sent)

    def client_sends(self, link: Link, data: str | bytes, *, is_polling: bool) -> None:
        """Record a message that a client sends.

        Args:
            link: The connection.
            data: The message.
            is_polling: Whether it goes over HTTP requests, as there is no WebSocket.
        """
        sent = self._reader.read(link, data, link.name, SERVER)
        if sent.asks:
            sent.asks = "call" if _is_calling.get() else "callback"
        if sent.kind == "connect" and not link.namespaces:
            self.guests.introduce(link, sent)
        self._trace.add_client(link.name)
        self._note_frame(link, data, sent, "POST" if is_polling else "")
        self._depart(link.up, sent, link)

    def record(self, sent: Packet) -> None:
        """Record a packet, as a part of the emission that it comes from, if it does."""
        emission = _emission.get()
        if emission and sent.kind == "event":
            emission.deliveries.append(sent)
        else:
            self._trace.add(sent)

    def _note_frame(
        self, link: Link, data: str | bytes, sent: Packet, over: Literal["", "GET", "POST"]
    ) -> None:
        """Record the frame of a message.

        Args:
            link: The connection.
            data: The message.
            sent: The packet that it is, or is a part of.
            over: By which HTTP request it goes, if not over a WebSocket.
        """
        frame = engineio.packet.Packet(engineio.packet.MESSAGE, data).encode(b64=bool(over))
        if sent.event != BINARY:  # what follows a packet is a part of the same
            is_emitted = sent.kind == "event" and sent.source == SERVER
            link.carried[sent.source] = (is_emitted and _emission.get()) or sent
        self._trace.add_frame(
            sent.source,
            sent.target,
            frame,
            part_of=link.carried.get(sent.source, sent),
            by_hand=link.is_raw and sent.target == SERVER,
            over=over,
        )

    def _depart(self, queue: deque[Packet], sent: Packet, link: Link) -> None:
        self._links.depart(queue, sent, link)
        if sent.event != BINARY:
            self.record(sent)


def current_emission() -> Emission | None:
    """Return the emission that the code that asks belongs to, if it is recorded."""
    return _emission.get()


@contextlib.contextmanager
def calling() -> Iterator[None]:
    """Note that what the code within sends is sent by a ``call``."""
    token = _is_calling.set(True)
    try:
        yield
    finally:
        _is_calling.reset(token)


@contextlib.contextmanager
def called_by(link: Link) -> Iterator[None]:
    """Note that the code within handles what came from a client.

    Args:
        link: The client's connection.
    """
    token = _caller.set(link.name)
    try:
        yield
    finally:
        _caller.reset(token)


def as_tuple(value: Any) -> tuple[str, ...]:
    """Return rooms and socket ids, however python-socketio lets them be given."""
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)
