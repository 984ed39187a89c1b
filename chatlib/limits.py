"""How much one client may do: each limit has a default that a chat of people never reaches."""

import json
import time
from dataclasses import dataclass
from typing import Any

from chatlib.messages import BadInputError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one server.

    Attributes:
        message_size: The longest message, in bytes as JSON, attachments included.
        messages_per_second: How many events one socket may send, over time.
        burst: How many of them it may send at once.
        rooms_per_socket: How many groups one socket may be in.
        name_length: The longest name of a room or a user and the longest key, in characters.
        sockets_per_user: How many sockets one user may have open.
        unread_bytes: How much may wait in memory for one client to read it, before the server
            closes its connection.
        packets_per_request: How many packets one HTTP request of a polling client may carry.
        transport_bytes: How many bytes a frame or a request may have, and all attachments of a
            message together; more closes the connection, without an answer.
    """

    message_size: int = 65_536
    messages_per_second: float = 50.0
    burst: int = 200
    rooms_per_socket: int = 100
    name_length: int = 100
    sockets_per_user: int = 50
    unread_bytes: int = 4_000_000
    packets_per_request: int = 64
    transport_bytes: int = 1_000_000

    def check_name(self, name: object, what: str = "name") -> None:
        """Raise `BadInputError` if a name is too long.

        Args:
            name: The name, or a number in place of one.
            what: What the name is called in the error.
        """
        if len(str(name)) > self.name_length:
            raise BadInputError(f"A {what} may have {self.name_length} characters, not more.")

    def check_size(self, data: Any) -> None:
        """Raise `BadInputError` if a message is too long."""
        size = _size(data)
        if size > self.message_size:
            raise BadInputError(f"A message may have {self.message_size} bytes; this has {size}.")


class Allowance:
    """How many events a socket may send now: a bucket that fills with time.

    Args:
        limits: How fast it fills, and how much it holds.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = float(limits.burst)
        self._then = time.monotonic()

    def take(self) -> None:
        """Count one event, or raise `BadInputError` if there were too many."""
        now = time.monotonic()
        filled = self._left + (now - self._then) * self._limits.messages_per_second
        self._left, self._then = min(filled, float(self._limits.burst)), now
        if self._left < 1:
            raise BadInputError(
                f"Too fast: {self._limits.messages_per_second:g} messages a second are allowed."
            )
        self._left -= 1


def _size(data: Any) -> int:
    attachments = 0

    def measure(attachment: Any) -> str:
        nonlocal attachments
        attachments += len(attachment)
        return ""

    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=measure)
    return len(text.encode("utf-8", "surrogatepass")) + attachments
