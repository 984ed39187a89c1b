"""The wire contract: what clients may send, and how the server answers.

===================  ====================================================================
client to server     ``message``, ``join-room``, ``leave-room``
server to client     ``welcome``, ``broadcast``, ``recieve-message``, ``single-message``
with a passcode      ``session``, to the newcomer
with a history       ``history-gap``, to a client that has missed more than is replayed
===================  ====================================================================

``recieve-message`` is spelt as the notes and the front ends written for them spell it.
"""

import math
import re
import secrets
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, NotRequired, Self, TypedDict

# No group would have this by chance, so the form of an address alone tells a socket from a group.
_SOCKET_ID = re.compile(r"~[A-Za-z0-9_-]{22}")


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


Kind = Literal["everyone", "group", "user", "socket"]


@dataclass(frozen=True, slots=True)
class Audience:
    """Whom something is for.

    Each kind has Socket.IO rooms of its own, so that no name brings anyone into a room of another
    kind.

    Attributes:
        kind: Everyone who was let in, a group, all sockets of one user, or one socket.
        name: The name of the group or the user, or the socket's id.
    """

    kind: Kind
    name: str = ""

    @property
    def room(self) -> str:
        """The Socket.IO room, to emit to or to enter."""
        return _PREFIXES[self.kind] + self.name

    @classmethod
    def of(cls, room: str) -> Self:
        """Return the audience that has a Socket.IO room."""
        kind = next(kind for kind, prefix in _PREFIXES.items() if room.startswith(prefix))
        return cls(kind, room.removeprefix(_PREFIXES[kind]))


# Nobody else knows how rooms are named; the files of histories have these names, too.
_PREFIXES: dict[Kind, str] = {
    "everyone": "everyone",  # and no name
    "group": "room:",
    "user": "user:",
    "socket": "",  # the last, as it fits all
}

EVERYONE = Audience("everyone")


class Address(NamedTuple):
    """Where a ``message`` goes; ``others`` leaves its sender out of everyone."""

    to: Audience = EVERYONE
    others: bool = False


def read_auth(sid: str, auth: Any) -> Sender:
    """Return who a socket is, by what its client said on connecting.

    Raises:
        BadInputError: ``auth`` is no object, or one of its fields has a wrong type.
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

    Raises:
        BadInputError: The offset is not a message's id.
    """
    offset = given.get("offset") if isinstance(given, dict) else None
    if offset is not None and (type(offset) is not int or not 0 <= offset < 2**53):
        raise BadInputError("offset must be the id of a message, or 0.")
    return offset


def read_room(given: Any) -> Any:
    """Return the room's name in what a client gave to ``join-room``: that, or its ``room``."""
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
        return Address(read_group_or_socket(data["room"]))
    if "user" in data:
        return Address(read_user(data["user"]))
    return Address(others=data.get("others", False))


def read_group(name: Any) -> Audience:
    """Return the group that a client calls ``name``.

    The number 7 and the text "7" name the same group, as they look the same on a page.

    Raises:
        BadInputError: ``name`` is not non-empty text or a number, or has the form of a socket id.
    """
    text = _text_or_number(name, "room")
    if is_socket_id(text):
        raise BadInputError("A room cannot have a name in the form of a socket id.")
    return Audience("group", text)


def read_user(user: Any) -> Audience:
    """Return the user, with all sockets, whose id a client gives.

    Raises:
        BadInputError: ``user`` is not non-empty text or a number.
    """
    return Audience("user", _text_or_number(user, "user"))


def read_group_or_socket(room: Any) -> Audience:
    """Return what a message's ``room`` names: one socket by its id, or a group.

    The form alone decides, so that every server behind a message queue decides alike.

    Raises:
        BadInputError: ``room`` is not non-empty text or a number.
    """
    text = _text_or_number(room, "room")
    return Audience("socket", text) if is_socket_id(text) else Audience("group", text)


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
