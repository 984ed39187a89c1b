"""From an Engine.IO message to the packet that is recorded."""

from typing import Any

from socketio import packet

from chatlib.lab.links import Link
from chatlib.lab.trace import SERVER, Packet, Trace

# What follows a packet that has announced it; it is recorded with that.
BINARY = "(binary)"


class PacketReader:
    """Reads what goes over the wire, and notes what it says of a connection.

    Args:
        trace: Where the clients' ids are noted.

    Attributes:
        refusals: What the server last said to each client that it refused.
    """

    def __init__(self, trace: Trace) -> None:
        self.refusals: dict[str, Any] = {}
        self._trace = trace

    def read(self, link: Link, data: str | bytes, source: str, target: str) -> Packet:
        """Make of an Engine.IO message the packet to record.

        Args:
            link: The connection.
            data: The message.
            source: The name of the sender.
            target: The name of the receiver.
        """
        if isinstance(data, bytes | bytearray):
            return Packet("event", source, target, BINARY)
        try:
            read = packet.Packet(encoded_packet=data)
        except ValueError:
            return Packet("event", source, target, "(not a Socket.IO packet)")
        match read.packet_type:
            case packet.CONNECT if source == SERVER:
                return self._connected(link, read, target)
            case packet.CONNECT:
                return Packet("connect", source, target, data=(read.data,) if read.data else ())
            case packet.CONNECT_ERROR:
                self.refusals[target] = read.data
                return Packet("refused", source, target, data=(read.data,))
            case packet.DISCONNECT:
                link.goodbye = Packet("disconnect", source, target)
                return link.goodbye
            case packet.ACK | packet.BINARY_ACK:
                event = link.asked.pop((target, read.id), "")
                answer = _without_placeholders(read.data or [])
                return Packet("ack", source, target, event, tuple(answer))
        return _event(link, read, source, target)

    def _connected(self, link: Link, read: packet.Packet, target: str) -> Packet:
        link.accepted = True
        self._trace.ids[read.data["sid"]] = link.name
        return Packet("connected", SERVER, target)


def _event(link: Link, read: packet.Packet, source: str, target: str) -> Packet:
    event, *arguments = _without_placeholders(read.data or [""])
    if read.id is not None:
        link.asked[source, read.id] = event
    return Packet("event", source, target, str(event), tuple(arguments))


def _without_placeholders(data: Any) -> Any:
    if isinstance(data, dict):
        if data.get("_placeholder"):
            return "<binary>"
        return {key: _without_placeholders(value) for key, value in data.items()}
    return [_without_placeholders(value) for value in data] if isinstance(data, list) else data
