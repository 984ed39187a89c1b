"""The circuit: the Socket.IO server of a chat, which asks the chat's limits before it reads."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from chatlib.engine import Engine, Server
from chatlib.limits import Limits
from chatlib.members import Members
from chatlib.messages import Ack, BadInputError, new_socket_id, refused

# How many seconds a client that costs memory, and that nobody knows, has to ask to be let in.
_CONNECT = 10.0
# How many seconds a replay waits for a slow reader before it sends the next page all the same.
_DRAIN = 5.0

_logger = logging.getLogger("chatlib.engineio")
_logger.setLevel(logging.WARNING)  # what python-engineio says of well-behaved clients is no news


class _Engine(Engine):
    def generate_id(self) -> str:
        return new_socket_id()


class Circuit(Server):
    """A Socket.IO server that takes from each client what the limits of a chat allow, not more.

    Args:
        limits: What one client may do.
        members: Who is in the chat.
        at_shutdown: Closes what belongs to the server, when it stops.
        **options: Passed on to `chatlib.engine.Server`.

    Attributes:
        keeps_history: Whether clients that come back can get what they have missed.
    """

    engine_class = _Engine
    keeps_history = False

    def __init__(
        self,
        limits: Limits,
        members: Members,
        at_shutdown: Callable[[], Awaitable[None]],
        **options: Any,
    ) -> None:
        defaults: dict[str, Any] = {
            "max_http_buffer_size": limits.transport_bytes,
            "unread_bytes": limits.unread_bytes,
            "packets_per_request": limits.packets_per_request,
            "connect_burst": 10,
            "connect_timeout": _CONNECT,
            "engineio_logger": _logger,
        }
        super().__init__(**defaults | options)
        self._limits = limits
        self._members = members
        self._at_shutdown = at_shutdown

    def refusal(self, sid: str, size: int) -> Ack | None:
        """Return the answer to an event that is too long, or one too many, to be read at all."""
        try:
            if member := self._members.get(sid):
                member.allowance.take(size)
            else:  # of another namespace
                self._limits.check_size(size)
        except BadInputError as error:
            return refused(str(error))
        return None

    def malformed(self, sid: str, why: str) -> Ack:  # noqa: ARG002
        """Return the answer to an event that no handler could be called with."""
        return refused(why)

    async def drained(self, sid: str) -> None:
        """Wait until a client has read what waits for it or has gone, but only for some seconds."""
        if session := self.connection(sid):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(session.drained(), _DRAIN)

    async def shutdown(self) -> None:
        """Stop the background tasks, and close what belongs to the server."""
        await super().shutdown()
        await self._at_shutdown()
