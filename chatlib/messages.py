"""The wire contract: what clients may send, and how the server answers.

===================  ====================================================================
client to server     ``message``, ``join-room``, ``leave-room``
server to client     ``welcome``, ``broadcast``, ``recieve-message``, ``single-message``
===================  ====================================================================

``recieve-message`` is spelt as the notes and the front ends written for them spell it.
"""

import functools
import json
import logging
import math
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, NotRequired, TypedDict, TypeVar

from socketio import packet

logger = logging.getLogger("chatlib")

CLIENT_EVENTS = ("message", "join-room", "leave-room")

# The names that Socket.IO keeps for itself, on either side, and python-socketio's catch-all. By
# emitting one of them a client would call the server's own handler with arguments of its choice.
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
REFUSED_EVENT = "refused event"

# The one room that is not a group, a user or a socket: everybody whose connection was accepted.
EVERYONE = "everyone"

# No group would have this by chance, so the form of an address alone tells a socket from a group.
_SOCKET_ID = re.compile(r"~[A-Za-z0-9_-]{22}")

_Server = TypeVar("_Server")


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
    room: NotRequired[str | int | float]


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
        BadInputError: ``auth`` is not an object, or a field of it is not of its type.
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


def read_address(data: Any) -> Address:
    """Return where a ``message`` is to go.

    Args:
        data: The message; anything but an object has no address.

    Raises:
        BadInputError: The address is not one that the contract knows, or no client could be
            relied on to read the message.
    """
    _refuse_numbers_that_are_none(data)
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


def _refuse_numbers_that_are_none(data: Any) -> None:
    # Python reads NaN and 1e999, and writes them in a way that is not JSON: a client in JavaScript
    # that is sent one closes its connection.
    try:
        json.dumps(data, allow_nan=False, default=lambda _: None)  # by default, bytes are an error
    except ValueError:
        raise BadInputError("A number in a message must be finite.") from None


def refused(sentence: str) -> Ack:
    """Return the acknowledgement of an event that was not carried out, and why."""
    return {"ok": False, "error": sentence}


def acknowledged(
    handler: Callable[[_Server, str, Any], Awaitable[Ack]],
) -> Callable[..., Awaitable[Ack]]:
    """Make a handler of one argument answer every call, with an error where it has to.

    Without it python-socketio answers nothing when a handler raises or is called with another
    number of arguments, and the client waits until its own timeout.

    Args:
        handler: The method; what it returns is the acknowledgement.

    Returns:
        The method to register. It answers `BadInputError` with its sentence; any other exception it
        logs, and answers with a sentence that tells the client nothing of the server's inside.
    """

    @functools.wraps(handler)
    async def answer(server: _Server, sid: str, *data: Any) -> Ack:
        try:
            if len(data) != 1:
                raise BadInputError(f"One argument was expected, {len(data)} came.")
            return await handler(server, sid, data[0])
        except BadInputError as error:
            return refused(str(error))
        except Exception:
            logger.exception("The handler %s failed", handler.__name__)
            return refused("The server failed to do this; the failure is in its log.")

    return answer


class ChatPacket(packet.Packet):  # type: ignore[misc]
    """A Socket.IO packet whose event is neither a reserved one nor malformed.

    An event that a client named ``connect``, or did not name with text at all, or whose binary
    attachments are not each used once, comes out as a `REFUSED_EVENT`, which has no handler of its
    own, with the name as its only argument.
    """

    data: Any
    packet_type: int

    def decode(self, encoded_packet: str) -> int:
        """Decode a packet from the wire, and return the number of attachments to come."""
        attachments: int = super().decode(encoded_packet)
        if self.packet_type not in (packet.EVENT, packet.BINARY_EVENT):
            return attachments
        if not attachments:
            # python-socketio would wait for one, and take every later packet for it.
            self.packet_type = packet.EVENT
        event = self.data[0] if isinstance(self.data, list) and self.data else None
        if not isinstance(event, str):
            self.data = [REFUSED_EVENT, None]
        elif event in RESERVED_EVENTS or not (
            self.packet_type == packet.EVENT or _each_used_once(self.data, attachments)
        ):
            self.data = [REFUSED_EVENT, event]
        return attachments


def _each_used_once(data: Any, attachments: int) -> bool:
    """Tell whether binary ``data`` has one placeholder for each of its attachments.

    With one that has no attachment, a client in JavaScript closes its connection; with many for
    one attachment, the server would send that attachment many times.
    """
    used = _placeholders(data)
    return all(type(number) is int for number in used) and sorted(used) == [*range(attachments)]


def _placeholders(data: Any) -> list[Any]:
    if isinstance(data, dict):
        if data.get("_placeholder"):
            return [data.get("num")]
        data = list(data.values())
    if not isinstance(data, list):
        return []
    return [number for part in data for number in _placeholders(part)]
