"""The wire contract: what clients may send, and how the server answers.

===================  ====================================================================
client to server     ``message``, ``join-room``, ``leave-room``
server to client     ``welcome``, ``broadcast``, ``recieve-message``, ``single-message``
with a passcode      ``session``, to the newcomer
with a history       ``history-gap``, to a client that has missed more than is replayed
===================  ====================================================================

``recieve-message`` is spelt as the notes and the front ends written for them spell it.
"""

import json
import math
import re
import secrets
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NotRequired, Self, TypedDict

from socketio import packet

CLIENT_EVENTS = ("message", "join-room", "leave-room")

# The names that Socket.IO keeps for itself, on either side, and python-socketio's catch-all. By
# emitting one of them a client would call the server's own handler with arguments of its choice.
RESERVED_EVENTS = frozenset(
    {
        "*",
        "refused event",
        "__disconnect_final",
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    }
)
# What becomes of such an event; the sentence to answer with is its argument.
REFUSED_EVENT = "refused event"

# The one room that is not a group, a user or a socket: everybody whose connection was accepted.
EVERYONE = "everyone"

# No group would have this by chance, so the form of an address alone tells a socket from a group.
_SOCKET_ID = re.compile(r"~[A-Za-z0-9_-]{22}")


_EVENTS = (packet.EVENT, packet.BINARY_EVENT)
_ACKNOWLEDGEMENTS = (packet.ACK, packet.BINARY_ACK)
_WITHOUT_ATTACHMENTS = {packet.BINARY_EVENT: packet.EVENT, packet.BINARY_ACK: packet.ACK}
# About how many bytes an attachment takes in memory besides its own.
_PER_ATTACHMENT = 100

# How deep lists and objects may nest: some clients read data by recursion.
_DEEPEST = 100
_TOO_DEEP = "The data nests too deep."


class BadInputError(ValueError):
    """Something a client sent breaks the contract; the message is the sentence to answer with."""


class Sender(TypedDict):
    """Who sent a message, as the server knows it; delivered as ``from``."""

    id: str
    userId: NotRequired[str | int | float]
    name: NotRequired[str]


class Ack(TypedDict):
    """The acknowledgement of an event: ``ok``, and an ``error`` sentence where it is false."""

    ok: bool
    error: NotRequired[str]
    id: NotRequired[int]
    room: NotRequired[str | int | float]


@dataclass(frozen=True)
class Audience:
    """Whom something is for.

    Each kind has Socket.IO rooms of its own, so that no name brings anyone into a room of another
    kind.

    Attributes:
        kind: Everyone who was let in, a group, all sockets of one user, or one socket.
        name: The name of the group or the user, or the socket's id.
    """

    kind: Literal["everyone", "group", "user", "socket"]
    name: str = ""

    @property
    def room(self) -> str:
        """The Socket.IO room, to emit to or to enter."""
        return _EVERYONE if self.kind == "everyone" else _PREFIXES[self.kind] + self.name

    @classmethod
    def of(cls, room: str) -> Self:
        """Return the audience that has a Socket.IO room."""
        if room == _EVERYONE:
            return cls("everyone")
        kind = next(kind for kind, prefix in _PREFIXES.items() if room.startswith(prefix))
        return cls(kind, room.removeprefix(_PREFIXES[kind]))


# Nobody else knows how rooms are named; the files of histories have these names, too.
_EVERYONE = "everyone"
_PREFIXES: dict[Literal["group", "user", "socket"], str] = {
    "group": "room:",
    "user": "user:",
    "socket": "",  # the last, as it fits all
}


class Address(NamedTuple):
    """Where a ``message`` goes; with neither ``room`` nor ``user``, to everyone."""

    room: str | None = None
    user: str | None = None
    others: bool = False


def read_auth(sid: str, auth: Any) -> Sender:
    """Return who a socket is, by what its client said on connecting.

    Args:
        sid: The socket's id.
        auth: The ``auth`` of the client; ``None`` where it sent none.

    Raises:
        BadInputError: ``auth`` is not an object, or one of its fields has a wrong type.
    """
    if auth is None:
        auth = {}
    if not isinstance(auth, dict):
        raise BadInputError("auth must be an object.")
    sender: Sender = {"id": sid}
    if "userId" in auth:
        _text_or_number(auth["userId"], "userId")
        sender["userId"] = auth["userId"]
    if "name" in auth:
        if not isinstance(auth["name"], str):
            raise BadInputError("name must be text.")
        sender["name"] = auth["name"]
    return sender


def read_offset(given: Any) -> int | None:
    """Return the ``offset`` in a client's ``auth``, or in what it gives to ``join-room``.

    Args:
        given: Anything; only an object can have an offset.

    Raises:
        BadInputError: The offset is not a message's id.
    """
    offset = given.get("offset") if isinstance(given, dict) else None
    if offset is not None and (type(offset) is not int or not 0 <= offset < 2**53):
        raise BadInputError("offset must be the id of a message, or 0.")
    return offset


def read_room(given: Any) -> Any:
    """Return the room's name in what a client gave to ``join-room``.

    Args:
        given: The name alone, or an object with ``room``, and perhaps an ``offset``.
    """
    return given.get("room") if isinstance(given, dict) else given


def read_key(data: Any) -> str | None:
    """Return the ``key`` of a message, by which it can be sent again.

    Raises:
        BadInputError: The key is not non-empty text or a number.
    """
    has_key = isinstance(data, dict) and "key" in data
    return _text_or_number(data["key"], "key") if has_key else None


def read_address(data: Any) -> Address:
    """Return where a ``message`` is to go.

    Args:
        data: The message; anything but an object has no address.

    Raises:
        BadInputError: The address is not one that the contract knows.
    """
    if not isinstance(data, dict):
        return Address()
    if "room" in data and "user" in data:
        raise BadInputError("A message has a room or a user, not both.")
    if not isinstance(data.get("others", False), bool):
        raise BadInputError("others must be true or false.")
    if "room" in data:
        return Address(room=address_of_room(data["room"]))
    if "user" in data:
        return Address(user=user_room(data["user"]))
    return Address(others=data.get("others", False))


def group_room(name: Any) -> str:
    """Return the Socket.IO room of the group called ``name``.

    The number 7 and the text "7" name the same group, as they look the same on a page.

    Raises:
        BadInputError: ``name`` is not non-empty text or a number, or has the form of a socket id.
    """
    text = _text_or_number(name, "room")
    if is_socket_id(text):
        raise BadInputError("A room cannot have a name in the form of a socket id.")
    return f"room:{text}"


def user_room(user: Any) -> str:
    """Return the Socket.IO room that holds every socket of one user.

    Raises:
        BadInputError: ``user`` is not non-empty text or a number.
    """
    return f"user:{_text_or_number(user, 'user')}"


def address_of_room(room: Any) -> str:
    """Return the Socket.IO room for a message's ``room``: one socket's id, or a group's name.

    The form alone decides, so that every server behind a message queue decides alike.

    Raises:
        BadInputError: ``room`` is not non-empty text or a number.
    """
    text = _text_or_number(room, "room")
    return text if is_socket_id(text) else group_room(text)


def new_socket_id() -> str:
    """Return a new, unguessable socket id, in the form that `is_socket_id` knows."""
    return f"~{secrets.token_urlsafe(16)}"


def is_socket_id(text: str) -> bool:
    """Tell whether ``text`` has the form of a socket id."""
    return _SOCKET_ID.fullmatch(text) is not None


def _text_or_number(value: Any, what: str) -> str:
    if isinstance(value, str) and value:
        return value
    # `True` is an int in Python, and no name on the wire.
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        # JavaScript has one kind of number: 7.0 is 7 there.
        return str(int(value)) if value == int(value) else str(value)
    raise BadInputError(f"{what} must be non-empty text or a number.")


def refused(sentence: str) -> Ack:
    """Return the acknowledgement of an event that was not carried out, and why."""
    return {"ok": False, "error": sentence}


class NotFiniteError(ValueError):
    """A number in JSON is infinite, or not a number."""


class FiniteJson:
    """JSON as browsers read it: Python's own also reads and writes ``NaN`` and ``Infinity``.

    One client could otherwise send a message that closes the connection of every browser.
    """

    @staticmethod
    def dumps(*args: Any, **kwargs: Any) -> str:
        """Write JSON, or raise `ValueError` for a number that is not finite."""
        return json.dumps(*args, allow_nan=False, **kwargs)

    @staticmethod
    def loads(text: str) -> Any:
        """Read JSON, or raise `NotFiniteError`."""
        return json.loads(text, parse_float=_finite, parse_constant=_finite, parse_int=_integer)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise NotFiniteError("A number must be finite.")
    return number


def _integer(text: str) -> int:
    _finite(text)  # an integer of 400 digits is infinite to a browser, and to `math`
    return int(text)


class ChatPacket(packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet whose event is neither a reserved one nor malformed.

    An event that is named ``connect``, or not by text at all, or has data that some client could
    not read, becomes a `REFUSED_EVENT` with the sentence to answer with. A packet that no Socket.IO
    client sends, and that could not be answered, is a `ValueError`.

    Attributes:
        longest: How many bytes all attachments of a packet may have together.
    """

    json = FiniteJson
    longest = 1_000_000

    data: Any
    packet_type: int
    _attached = 0

    def decode(self, encoded_packet: str) -> int:
        """Decode a packet from the wire, and return the number of attachments to come."""
        why = ""
        try:
            attachments: int = super().decode(encoded_packet)
        except (NotFiniteError, RecursionError) as error:
            # The type and the acknowledgement's number come before the data: it can be answered.
            if self.packet_type not in _EVENTS:
                raise ValueError("The data cannot be read.") from error
            why = _TOO_DEEP if isinstance(error, RecursionError) else str(error)
            binary = self.packet_type == packet.BINARY_EVENT
            attachments = int(encoded_packet[1:].partition("-")[0]) if binary else 0
        except TypeError as error:
            raise ValueError("A packet must be text.") from error
        if not attachments:
            # python-socketio would wait for one, and take every later packet for it.
            self.packet_type = _WITHOUT_ATTACHMENTS.get(self.packet_type, self.packet_type)
        if self.packet_type in _EVENTS:
            if why := why or self._why_refused(attachments):
                self.data = [REFUSED_EVENT, why]
        elif self.packet_type in _ACKNOWLEDGEMENTS:
            self._check_acknowledgement(attachments)
        elif self.packet_type not in (packet.CONNECT, packet.DISCONNECT):
            raise ValueError("Clients do not send such a packet.")
        return attachments

    def add_attachment(self, attachment: Any) -> bool:
        """Add an attachment, and return whether it was the last one."""
        if not isinstance(attachment, bytes | bytearray):
            raise ValueError("An attachment must be binary.")  # noqa: TRY004  (see above)
        self._attached += len(attachment) + _PER_ATTACHMENT
        if self._attached > self.longest:
            raise ValueError("The attachments are too long.")
        return bool(super().add_attachment(attachment))

    def _why_refused(self, attachments: int) -> str:
        event = self.data[0] if isinstance(self.data, list) and self.data else None
        if not isinstance(event, str):
            return "An event needs a name."
        if event in RESERVED_EVENTS:
            return f"Socket.IO keeps the name {event} for itself."
        if _nests_too_deep(self.data):
            return _TOO_DEEP
        if self.packet_type == packet.BINARY_EVENT and not _each_used_once(self.data, attachments):
            return "Each binary attachment must be used once."
        return ""

    def _check_acknowledgement(self, attachments: int) -> None:
        if not self.id or not isinstance(self.data, list):  # ours are numbered from 1
            raise ValueError("An acknowledgement needs a number and a list.")
        if _nests_too_deep(self.data):
            raise ValueError(_TOO_DEEP)
        if self.packet_type == packet.BINARY_ACK and not _each_used_once(self.data, attachments):
            raise ValueError("Each binary attachment must be used once.")


def _nests_too_deep(data: Any) -> bool:
    """Tell whether data is dangerous to read by recursion, here or for other clients."""
    level = [data]
    for _ in range(_DEEPEST):
        level = [
            part
            for whole in level
            for part in (whole.values() if isinstance(whole, dict) else whole)
            if isinstance(part, dict | list)
        ]
        if not level:
            return False
    return True


def _each_used_once(data: Any, attachments: int) -> bool:
    """Tell whether binary ``data`` has one placeholder for each of its attachments.

    With one that has no attachment, a client in JavaScript closes its connection; with many for
    one attachment, the server would send that attachment many times.
    """
    used = _placeholders(data)
    if len(used) != attachments or not all(type(number) is int for number in used):
        return False
    return sorted(used) == [*range(attachments)]


def _placeholders(data: Any) -> list[Any]:
    if isinstance(data, dict):
        if data.get("_placeholder"):
            return [data.get("num")]
        data = list(data.values())
    if not isinstance(data, list):
        return []
    return [number for part in data for number in _placeholders(part)]
