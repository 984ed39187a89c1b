"""Socket.IO packets and their JSON: read strictly, and no more of them than is asked for."""

import json
import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from socketio import packet

# By emitting one of these names a client would call a handler that is not meant for it: Socket.IO
# in JavaScript keeps the first for itself, python-socketio the others.
RESERVED_EVENTS = frozenset(
    {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}
    | {"*", "__disconnect_final"}
)
# How deep lists and objects may nest: some clients read data by recursion.
_DEEPEST = 100
_TOO_DEEP = "The data nests too deep."
_MISUSED = "Each binary attachment must be used once."
_SEPARATORS = (",", ":")
# About how many bytes an attachment takes in memory besides its own.
_PER_ATTACHMENT = 100

_HEADER = re.compile(r"(?:([0-4])|([56])(\d{1,10})-)(?:(/[^,]*),?)?(\d{0,100})", re.ASCII)
_WITHOUT_ATTACHMENTS = {packet.BINARY_EVENT: packet.EVENT, packet.BINARY_ACK: packet.ACK}
_WITH_ATTACHMENTS = {plain: binary for binary, plain in _WITHOUT_ATTACHMENTS.items()}

# With fewer digits, and two of an exponent, no number comes near 1.8e308.
_MANY_DIGITS = 200
# How a text looks with zeros for all digits, and a small E.
_SHAPE = bytes.maketrans(b"123456789E", b"000000000e")


class ProtocolError(ValueError):
    """A packet that no Socket.IO client sends; the message says what is wrong with it."""


class MalformedError(ProtocolError):
    """The data of an event cannot be handed on, though its sender can be told so."""


class Json:
    """JSON as browsers read it: Python's own also reads and writes ``NaN`` and ``Infinity``.

    One client could otherwise send an event that closes the connection of every browser.
    """

    @staticmethod
    def dumps(data: Any, *, default: Callable[[Any], Any] | None = None, **_: Any) -> str:
        """Write JSON, or raise `ValueError` for a number that is not finite."""
        if default is None:
            return _write(data)
        return json.dumps(data, separators=_SEPARATORS, allow_nan=False, default=default)

    @staticmethod
    def loads(text: str | bytes) -> Any:
        """Read JSON, or raise `MalformedError` for a number that is not finite."""
        known = text.decode() if isinstance(text, bytes) else text  # a message queue has bytes
        if len(known) < _MANY_DIGITS:
            return _read_short(known)
        return _read_each_number(known) if _may_overflow(known) else _read_quickly(known)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise MalformedError("A number must be finite.")
    return number


def _integer(text: str) -> int:
    if len(text) > _MANY_DIGITS:
        _finite(text)  # an integer of 400 digits is infinite to a browser, and to `math`
    return int(text)


def _read_short(text: str) -> Any:
    """Read a text in which no integer is too large: to look for them takes longer than to read."""
    try:
        data, end = _short.raw_decode(text)
    except ValueError:  # perhaps it begins with a blank
        return _short.decode(text)
    return data if end == len(text) else _short.decode(text)


_write = json.JSONEncoder(separators=_SEPARATORS, allow_nan=False).encode
# To call Python for each number takes several times as long as all the rest.
_read_quickly = json.JSONDecoder(parse_constant=_finite).decode
_short = json.JSONDecoder(parse_constant=_finite, parse_float=_finite)
_read_each_number = json.JSONDecoder(
    parse_constant=_finite, parse_float=_finite, parse_int=_integer
).decode


def _may_overflow(text: str) -> bool:
    """Tell whether there may be a number over 1.8e308 in a text; it may be in quotes, too."""
    shape = text.encode("utf-8", "surrogatepass").translate(_SHAPE)
    return b"0e000" in shape or b"0e+000" in shape or b"0" * _MANY_DIGITS in shape


class Unread:
    """A packet of a client, of whose data nothing is read but its size.

    Attributes:
        kind: Its type, without regard to attachments.
        namespace: Which namespace it is for.
        id: The number of its acknowledgement, if it has one.
        size: How many bytes it has, with the attachments that have come.
        missing: How many attachments are still to come.
    """

    __slots__ = ("_attachments", "_data", "id", "kind", "missing", "namespace", "size")

    def __init__(self, text: str | bytes) -> None:
        if not isinstance(text, str) or not (header := _HEADER.match(text)):
            raise ProtocolError("A packet is text that begins with its type.")
        plain, binary, attachments, namespace, number = header.groups()
        self.kind = int(plain) if plain else _WITHOUT_ATTACHMENTS[int(binary)]
        self.missing = int(attachments or 0)
        self.namespace = namespace.partition("?")[0] if namespace else "/"
        self.id = int(number) if number else None
        self.size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        self._data = text[header.end() :]
        self._attachments: list[bytes] = []
        if self.kind == packet.CONNECT_ERROR:
            raise ProtocolError("Clients do not send such a packet.")
        if self.kind == packet.ACK and not self.id:  # those of the server begin with 1
            raise ProtocolError("An acknowledgement needs a number.")

    def attach(self, attachment: str | bytes, longest: int) -> None:
        """Add what came next, which must be binary; all may take so many bytes in memory."""
        if isinstance(attachment, str):
            raise ProtocolError("An attachment must be binary.")
        self._attachments.append(attachment)
        self.missing -= 1
        self.size += len(attachment)
        if self.size + len(self._attachments) * _PER_ATTACHMENT > longest:
            raise ProtocolError("The attachments are too long.")

    def read(self, loads: Callable[[str], Any] = Json.loads) -> Any:
        """Read the data, which is a list except in a CONNECT.

        Raises:
            MalformedError: A number is not finite, it nests too deep, or misuses its attachments.
            ProtocolError: It is not JSON, or not a list.
        """
        try:
            data = loads(self._data) if self._data else None
        except RecursionError:
            raise MalformedError(_TOO_DEEP) from None
        except MalformedError:
            raise
        except ValueError as error:
            raise ProtocolError(f"The data is not JSON: {error}") from None
        # Nothing nests deeper than it has brackets, and those are counted quickly.
        if self._data.count("[") + self._data.count("{") > _DEEPEST and _nests_too_deep(data):
            raise MalformedError(_TOO_DEEP)
        if self.kind != packet.CONNECT and not isinstance(data, list):
            raise ProtocolError("The data must be a list.")
        left = dict(enumerate(self._attachments))
        data = _put_in(data, left) if left else data
        if left:
            raise MalformedError(_MISUSED)
        return data

    def read_event(self, loads: Callable[[str], Any] = Json.loads) -> list[Any]:
        """Read an event, as `read` does; a `MalformedError` if its name is none, or reserved."""
        data: list[Any] = self.read(loads)
        if not data or not isinstance(data[0], str):
            raise MalformedError("An event needs a name.")
        if data[0] in RESERVED_EVENTS:
            raise MalformedError(f"Socket.IO keeps the name {data[0]} for itself.")
        return data


def _nests_too_deep(data: Any) -> bool:
    level = [[data]]
    for _ in range(_DEEPEST + 1):
        parts = [part for whole in level for part in whole if isinstance(part, dict | list)]
        level = [[*part.values()] if isinstance(part, dict) else part for part in parts]
    return bool(level)


def _put_in(data: Any, attachments: dict[int, bytes]) -> Any:
    """Return data with attachments in the places of their placeholders, each taken out once.

    With one that has no attachment, a client in JavaScript closes its connection; with many for
    one attachment, the server would send that attachment many times.
    """
    if isinstance(data, list):
        return [_put_in(value, attachments) for value in data]
    if not isinstance(data, dict):
        return data
    if not data.get("_placeholder"):
        return {key: _put_in(value, attachments) for key, value in data.items()}
    number = data.get("num")
    if type(number) is not int or number not in attachments:  # `False` would be 0
        raise MalformedError(_MISUSED)
    return attachments.pop(number)


class Packet(packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet whose JSON is finite, searched for binary data only if it has some."""

    json_module: Any = Json
    packet_type: int
    data: Any
    namespace: str | None
    id: int | None

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options, binary=False)

    def encode(self) -> str | list[str | bytes]:
        """Return the packet as text; with binary data, as a list of the text and the data."""
        text, *attachments = self.write(self.packet_type, self.data, self.namespace, self.id)
        return [text, *attachments] if attachments else text

    @classmethod
    def write(
        cls, kind: int, data: Any, namespace: str | None = None, number: int | None = None
    ) -> list[Any]:
        """Return a packet that is not made: its text, and then the binary data in it."""
        head = "" if namespace in (None, "/") else f"{namespace},"
        if number is not None:
            head = f"{head}{number}"
        if data is None:
            return [f"{kind}{head}"]
        dumps = cls.json_module.dumps
        try:
            return [f"{kind}{head}{dumps(data, separators=_SEPARATORS, default=None)}"]
        except TypeError:
            if kind not in _WITH_ATTACHMENTS:
                raise
        attachments: list[bytes] = []
        written = dumps(data, separators=_SEPARATORS, default=partial(_put_aside, attachments))
        return [f"{_WITH_ATTACHMENTS[kind]}{len(attachments)}-{head}{written}", *attachments]

    def decode(self, encoded_packet: "Packet") -> None:
        """Take over a packet that has been read, and is handed on to python-socketio."""
        self.__dict__ |= encoded_packet.__dict__


def _put_aside(attachments: list[bytes], value: Any) -> dict[str, Any]:
    """Return what stands for binary data in JSON."""
    if not isinstance(value, bytes | bytearray):
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")
    attachments.append(bytes(value))
    return {"_placeholder": True, "num": len(attachments) - 1}
