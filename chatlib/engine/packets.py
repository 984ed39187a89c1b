"""Socket.IO packets and their JSON: read strictly, and no more of them than is asked for."""

import json
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from socketio import packet

# The names that Socket.IO keeps for itself, on either side, and python-socketio's catch-all. By
# emitting one of them a client would call a handler that is not meant for it.
RESERVED_EVENTS = frozenset(
    {
        "*",
        "__disconnect_final",
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    }
)
# About how many bytes an attachment takes in memory besides its own.
_PER_ATTACHMENT = 100
# How deep lists and objects may nest: some clients read data by recursion.
_DEEPEST = 100
_TOO_DEEP = "The data nests too deep."
_MISUSED = "Each binary attachment must be used once."

_HEADER = re.compile(r"(?:([0-4])|([56])(\d{1,10})-)(?:(/[^,]*),?)?(\d{0,100})", re.ASCII)
_WITHOUT_ATTACHMENTS = {packet.BINARY_EVENT: packet.EVENT, packet.BINARY_ACK: packet.ACK}
_WITH_ATTACHMENTS = {plain: binary for binary, plain in _WITHOUT_ATTACHMENTS.items()}
_PLACEHOLDER = "_placeholder"

# With fewer digits, and two of an exponent, no number comes near 1.8e308.
_MANY_DIGITS = 200
# What is looked at in a text to find larger ones: where there is a digit, an E or a plus.
_SHAPE = bytes.maketrans(
    bytes(range(256)),
    b"".join(
        b"0" if chr(byte) in "0123456789" else b"e" if chr(byte) in "eE" else bytes([byte])
        for byte in range(256)
    ),
)
_LARGE = (b"0e000", b"0e+000", b"0" * _MANY_DIGITS)


class ProtocolError(ValueError):
    """A packet that no Socket.IO client sends; the message says what is wrong with it."""


class MalformedError(ProtocolError):
    """An event's data cannot be handed on, though its sender can be told so."""


class NotFiniteError(ValueError):
    """A number in JSON is infinite, or not a number."""


class Json:
    """JSON as browsers read it: Python's own also reads and writes ``NaN`` and ``Infinity``.

    One client could otherwise send an event that closes the connection of every browser.
    """

    _encode = staticmethod(json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode)

    @classmethod
    def dumps(cls, data: Any, **_: Any) -> str:
        """Write JSON, or raise `ValueError` for a number that is not finite."""
        return cls._encode(data)

    @staticmethod
    def loads(text: str | bytes) -> Any:
        """Read JSON, or raise `NotFiniteError`."""
        known = text.decode() if isinstance(text, bytes) else text  # a message queue has bytes
        return _read_each_number(known) if _may_overflow(known) else _read_quickly(known)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotFiniteError("A number must be finite.")
    return number


def _integer(text: str) -> int:
    if len(text) > _MANY_DIGITS:
        _finite(text)  # an integer of 400 digits is infinite to a browser, and to `math`
    return int(text)


# To call Python for each number takes several times as long as all the rest.
_read_quickly = json.JSONDecoder(parse_constant=_finite).decode
_read_each_number = json.JSONDecoder(
    parse_constant=_finite, parse_float=_finite, parse_int=_integer
).decode


def _may_overflow(text: str) -> bool:
    """Tell whether there may be a number over 1.8e308 in a text; it may be in quotes, too."""
    shape = text.encode("utf-8", "surrogatepass").translate(_SHAPE)
    return b"000" in shape and any(large in shape for large in _LARGE)


class Unread:
    """A packet of a client, of whose data nothing has been read yet but its size.

    Args:
        text: The packet, without its attachments.

    Attributes:
        kind: Its type, one of `socketio.packet`'s, without regard to attachments.
        namespace: Which namespace it is for.
        id: The number of its acknowledgement, if it has one.
        size: How many bytes it has, with the attachments that have come.
        missing: How many attachments are still to come.

    Raises:
        ProtocolError: It is no packet, or none that clients send.
    """

    __slots__ = ("_attachments", "_data", "id", "kind", "missing", "namespace", "size")

    def __init__(self, text: str | bytes) -> None:
        if not isinstance(text, str) or not (header := _HEADER.match(text)):
            raise ProtocolError("A packet is text that begins with its type.")
        plain, binary, attachments, namespace, number = header.groups()
        self.kind = int(plain) if plain else _WITHOUT_ATTACHMENTS[int(binary)]
        if self.kind == packet.CONNECT_ERROR:
            raise ProtocolError("Clients do not send such a packet.")
        self.missing = int(attachments) if attachments else 0
        self.namespace = namespace.partition("?")[0] if namespace else "/"
        self.id = int(number) if number else None
        self.size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
        self._data = text[header.end() :]
        self._attachments: list[bytes] = []

    def attach(self, attachment: str | bytes, longest: int) -> None:
        """Add what came next, which must be an attachment.

        Args:
            attachment: What came.
            longest: How many bytes the packet may take in memory.
        """
        if isinstance(attachment, str):
            raise ProtocolError("An attachment must be binary.")
        self._attachments.append(attachment)
        self.missing -= 1
        self.size += len(attachment)
        if self.size + len(self._attachments) * _PER_ATTACHMENT > longest:
            raise ProtocolError("The attachments are too long.")

    def read(self, loads: Callable[[str], Any]) -> Any:
        """Read the data.

        Args:
            loads: Reads JSON, as `Json.loads` does.

        Raises:
            MalformedError: It has a number that is not finite, nests too deep, or does not use each
                attachment once.
            ProtocolError: It is not JSON.
        """
        try:
            data = loads(self._data) if self._data else None
        except NotFiniteError as error:
            raise MalformedError(str(error)) from None
        except RecursionError:
            raise MalformedError(_TOO_DEEP) from None
        except ValueError as error:
            raise ProtocolError(f"The data is not JSON: {error}") from None
        # Nothing nests deeper than it has brackets, and these are counted quickly.
        if self._data.count("[") + self._data.count("{") > _DEEPEST and _nests_too_deep(data):
            raise MalformedError(_TOO_DEEP)
        if self._attachments:
            left = dict(enumerate(self._attachments))
            data = _put_in(data, left)
            if left:
                raise MalformedError(_MISUSED)
        return data

    def read_event(self, loads: Callable[[str], Any]) -> list[Any]:
        """Read an event's name and arguments, as `read` does.

        Raises:
            MalformedError: Also if it has no name, or a reserved one.
        """
        event, *arguments = self._read_list(loads) or [None]
        if not isinstance(event, str):
            raise MalformedError("An event needs a name.")
        if event in RESERVED_EVENTS:
            raise MalformedError(f"Socket.IO keeps the name {event} for itself.")
        return [event, *arguments]

    def read_ack(self, loads: Callable[[str], Any]) -> list[Any]:
        """Read what an acknowledgement says, as `read` does."""
        if not self.id:  # ours are numbered from 1
            raise ProtocolError("An acknowledgement needs a number.")
        return self._read_list(loads)

    def _read_list(self, loads: Callable[[str], Any]) -> list[Any]:
        data = self.read(loads)
        if not isinstance(data, list):
            raise ProtocolError("The data must be a list.")
        return data


def _nests_too_deep(data: Any) -> bool:
    level: list[Iterable[Any]] = [[data]]
    for _ in range(_DEEPEST + 1):
        level = [
            part.values() if isinstance(part, dict) else part
            for whole in level
            for part in whole
            if isinstance(part, dict | list)
        ]
        if not level:
            return False
    return True


def _put_in(data: Any, attachments: dict[int, bytes]) -> Any:
    """Return data with attachments in the places of their placeholders, each taken out once.

    With one that has no attachment, a client in JavaScript closes its connection; with many for
    one attachment, the server would send that attachment many times.
    """
    if isinstance(data, list):
        return [_put_in(value, attachments) for value in data]
    if not isinstance(data, dict):
        return data
    if not data.get(_PLACEHOLDER):
        return {key: _put_in(value, attachments) for key, value in data.items()}
    number = data.get("num")
    if type(number) is not int or number not in attachments:  # `False` would be 0
        raise MalformedError(_MISUSED)
    return attachments.pop(number)


class Packet(packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet whose JSON is finite, and which is searched for binary data only once."""

    json: Any = Json

    def __init__(self, *args: Any, encoded_packet: Any = None, **options: Any) -> None:
        if isinstance(encoded_packet, Packet):  # it has been read, and python-socketio takes it on
            self.__dict__ |= encoded_packet.__dict__
        else:
            super().__init__(*args, **options, binary=False, encoded_packet=encoded_packet)

    def encode(self) -> str | list[str | bytes]:
        """Return the packet as text; with binary data, as a list of the text and the data."""
        head = "" if self.namespace in (None, "/") else f"{self.namespace},"
        head += "" if self.id is None else str(self.id)
        if self.data is None:
            return f"{self.packet_type}{head}"
        try:
            return f"{self.packet_type}{head}{self._dumps(self.data)}"
        except TypeError:
            attachments: list[bytes] = []
            data = _take_out(self.data, attachments)
            if not attachments or self.packet_type not in _WITH_ATTACHMENTS:
                raise
        kind = _WITH_ATTACHMENTS[self.packet_type]
        return [f"{kind}{len(attachments)}-{head}{self._dumps(data)}", *attachments]

    def _dumps(self, data: Any) -> str:
        text: str = self.json.dumps(data, separators=(",", ":"))
        return text


def _take_out(data: Any, attachments: list[bytes]) -> Any:
    """Return data with placeholders for what is binary in it, which goes to the attachments."""
    if isinstance(data, bytes | bytearray):
        attachments.append(bytes(data))
        return {_PLACEHOLDER: True, "num": len(attachments) - 1}
    if isinstance(data, list | tuple):
        return [_take_out(value, attachments) for value in data]
    if isinstance(data, dict):
        return {key: _take_out(value, attachments) for key, value in data.items()}
    return data
