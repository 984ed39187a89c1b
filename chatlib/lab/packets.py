"""From an Engine.IO message to the packet that is recorded."""

from collections.abc import Iterable
from typing import Any

from socketio import packet

from chatlib.lab.links import Link
from chatlib.lab.trace import SERVER, Packet, Trace

# What follows a packet that has announced it; it is recorded with that.
BINARY = "(binary)"

# What stands for a message that is none of Socket.IO's.
UNREADABLE = "(not a Socket.IO packet)"
_SHOWN = "<binary>"
_WITH_ATTACHMENTS = (packet.BINARY_EVENT, packet.BINARY_ACK)


class PacketReader:
    """Reads what goes over the wire, and notes what it says of a connection.

    Args:
        trace: Where the clients' ids are noted.

    Attributes:
        refusals: What the server last said to each client that it refused.
    """

    def __init__(self, trace: Trace) -> None:
        self.refusals: dict[str, Any] = {}
        self._packet_class: type[packet.Packet] = packet.Packet
        self._trace = trace

    def use(self, packet_class: type[packet.Packet]) -> None:
        """Read packets as a server writes them.

        Args:
            packet_class: The class of its packets. If they are text, python-socketio's own reads
                them: the server's may refuse more.
        """
        writes_text = isinstance(packet_class(packet.EVENT, [""]).encode(), str)
        self._packet_class = packet.Packet if writes_text else packet_class

    def read(self, link: Link, data: str | bytes, source: str, target: str) -> Packet:
        """Make of an Engine.IO message the packet to record.

        Args:
            link: The connection.
            data: The message.
            source: The name of the sender.
            target: The name of the receiver.
        """
        if self._packet_class is packet.Packet and isinstance(data, bytes | bytearray):
            return Packet("event", source, target, BINARY)
        try:
            read = self._packet_class(encoded_packet=data)
            found = self._packet(link, read, source, target)
        except (ValueError, TypeError, LookupError):
            return Packet("event", source, target, UNREADABLE)
        found.namespace = read.namespace or "/"
        return found

    def _packet(self, link: Link, read: packet.Packet, source: str, target: str) -> Packet:
        data = read.data
        match read.packet_type:
            case packet.CONNECT if source == SERVER:
                link.enter(read.namespace or "/")
                self._trace.ids[data["sid"]] = link.name
                return Packet("connected", SERVER, target)
            case packet.CONNECT:
                return Packet("connect", source, target, data=snapshot((data,) if data else ()))
            case packet.CONNECT_ERROR:
                self.refusals[target] = data
                return Packet("refused", source, target, data=snapshot((data,)))
            case packet.DISCONNECT:
                return _goodbye(link, read.namespace or "/", source, target)
        if read.packet_type in _WITH_ATTACHMENTS:
            data = _without_placeholders(data)
        namespace = read.namespace or "/"
        if read.packet_type in (packet.ACK, packet.BINARY_ACK):
            event = link.asked.pop((target, namespace, read.id), "")
            return Packet("ack", source, target, event, snapshot(data or ()))
        event, *arguments = data or [""]
        if read.id is not None:
            link.asked[source, namespace, read.id] = str(event)
        found = Packet("event", source, target, str(event), snapshot(arguments))
        found.asks = "" if read.id is None else "call"
        return found


def snapshot(values: Iterable[Any]) -> tuple[Any, ...]:
    """Return an event's arguments as they are now: their owner may change them later."""
    try:
        return tuple(map(_copy, values))
    except RecursionError:  # a list within itself, which nobody can send
        return (repr(values),)


def _goodbye(link: Link, namespace: str, source: str, target: str) -> Packet:
    goodbye = Packet("disconnect", source, target, namespace=namespace)
    link.goodbyes.append(goodbye)
    if source == SERVER:
        link.leave(namespace)
    return goodbye


def _copy(value: Any) -> Any:
    match value:
        case dict():
            return {key: _copy(one) for key, one in value.items()}
        case list() | tuple():
            return [*map(_copy, value)]
        case bytes() | bytearray():
            return _SHOWN
    return value


def _without_placeholders(data: Any) -> Any:
    # As python-socketio finds the places of what follows the packet.
    match data:
        case {"_placeholder": placeholder, "num": _} if placeholder:
            return _SHOWN
        case dict():
            return {key: _without_placeholders(value) for key, value in data.items()}
        case list():
            return [*map(_without_placeholders, data)]
    return data
