"""How Python writes the calls that made what is drawn."""

from collections.abc import Callable, Sequence
from typing import Any

from chatlib.lab.trace import SERVER, Emission, Packet, Trace
from chatlib.lab.words import as_json, plain


def emit_call(trace: Trace, emission: Emission, data: Sequence[Any] = ()) -> str:
    """Return a call of ``io.emit`` or ``io.call``, with clients' names for their ids.

    Args:
        trace: The names.
        emission: What the call became.
        data: The event's arguments, if they are to be there.
    """
    arguments = [
        literal(emission.event),
        _data(data),
        _argument("to", [address(trace, room, literal) for room in emission.to]),
        _argument("skip_sid", [address(trace, sid, literal) for sid in emission.skip]),
        _namespace(emission.namespace),
    ]
    verb = "call" if emission.is_call else "emit"
    return f"io.{verb}({', '.join(filter(None, arguments))})"


def packet_call(packet: Packet) -> str:
    """Return the call that a packet comes from, or what else it comes from.

    Args:
        packet: One that no emission is behind.
    """
    is_up, name = packet.target == SERVER, plain(packet.source)
    client = name if is_up else plain(packet.target)
    namespace = _namespace(packet.namespace)
    match packet.kind:
        case "connect":
            space = f'namespaces=["{packet.namespace}"]' if namespace else ""
            auth = f"auth={_data(packet.data)}" if packet.data else ""
            return f"{name}.connect({', '.join(filter(None, ['lab.url', space, auth]))})"
        case "connected":
            return f"connect lets {client} in"
        case "refused":
            return f"connect refuses {client}"
        case "disconnect":
            return f"{name}.disconnect()" if is_up else f"io.disconnect({client})"
        case "ack":
            whose = f"{name}'s" if is_up else "the server's"
            return f"{whose} handler returns {_data(packet.data) or 'None'}"
    arguments = [literal(packet.event), _data(packet.data), namespace]
    if not is_up:
        arguments.insert(2, f"to={client}")
    if packet.asks == "callback" and is_up:
        arguments.append("callback=...")
    verb = "call" if packet.asks and (packet.asks == "call" or not is_up) else "emit"
    return f"{name if is_up else 'io'}.{verb}({', '.join(filter(None, arguments))})"


def client_of(trace: Trace, room: Any) -> str | None:
    """Return the name of the client whose socket id a room is, if it is one."""
    return trace.ids.get(room) if isinstance(room, str) else None


def address(trace: Trace, room: Any, written: Callable[[Any], str]) -> str:
    """Return how a room is written: as a client's name, or as a language has a text."""
    name = client_of(trace, room)
    return plain(name) if name else written(room)


def literal(value: Any) -> str:
    """Return a value as Python has it, a text in double quotes."""
    return as_json([value]) if isinstance(value, str) else repr(value)


def _data(data: Sequence[Any]) -> str:
    """Return an event's arguments as the argument of a call: several are one tuple."""
    return f"({as_json(data)})" if len(data) > 1 else as_json(data)


def _namespace(namespace: str) -> str:
    return f"namespace={as_json([namespace])}" if namespace != "/" else ""


def _argument(name: str, values: Sequence[str]) -> str:
    """Return an argument as a call has it: one value, a list of several, nothing for none."""
    if not values:
        return ""
    return f"{name}={values[0]}" if len(values) == 1 else f"{name}=[{', '.join(values)}]"
