"""How much one client may do: each limit has a default that a chat of people never reaches."""

import time
from dataclasses import dataclass

from chatlib.messages import BadInputError


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The limits of one server.

    Attributes:
        message_size: The longest event, in bytes as it comes, attachments included.
        messages_per_second: How many events one connection may send, over time. To leave and join
            again on one connection counts as a second's events.
        burst: How many of them it may send at once.
        bytes_per_second: How many bytes of events one connection may send, over time.
        burst_bytes: How many of them it may send at once.
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
    bytes_per_second: float = 100_000.0
    burst_bytes: int = 400_000
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

    def check_size(self, size: int) -> None:
        """Raise `BadInputError` if an event of so many bytes is too long."""
        if size > self.message_size:
            raise BadInputError(f"A message may have {self.message_size} bytes; this has {size}.")


class Allowance:
    """How much a connection may send now: of events and of bytes, a bucket that fills with time.

    Args:
        limits: How fast they fill, and how much they hold.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._events = float(limits.burst)
        self._bytes = float(limits.burst_bytes)
        self._then = time.monotonic()

    def take(self, size: int = 0, events: float = 1) -> None:
        """Count an event, or as much as so many.

        Args:
            size: Its bytes.
            events: How many events it counts as.

        Raises:
            BadInputError: There were too many events or bytes, or it is too long.
        """
        limits, now = self._limits, time.monotonic()
        passed, self._then = now - self._then, now
        self._bytes += passed * limits.bytes_per_second
        if self._bytes > limits.burst_bytes:
            self._bytes = limits.burst_bytes
        self._events += passed * limits.messages_per_second
        if self._events > limits.burst:
            self._events = limits.burst
        if self._events < 1:
            raise BadInputError(
                f"Too fast: {limits.messages_per_second:g} messages a second are allowed."
            )
        self._events -= events
        if size > limits.message_size:
            limits.check_size(size)
        if self._bytes <= 0:  # rather than less than the size, or the longest might never fit
            raise BadInputError(
                f"Too fast: {limits.bytes_per_second:g} bytes a second are allowed."
            )
        self._bytes -= size
