"""Every event is answered: in its turn, and with one clear sentence where it is refused."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from socketio import packet

from chatlib.engine.packets import RESERVED_EVENTS, Packet
from chatlib.members import Members
from chatlib.messages import BadInputError, refused

_Answer = Mapping[str, object] | None
Handler = Callable[[str, Any], Awaitable[_Answer] | _Answer]

_ENDED = refused("This connection has ended.")

logger = logging.getLogger("chatlib")


class Answers:
    """The events that clients may send, and the answer to each.

    python-socketio by itself gives no answer when a handler raises or is called with another number
    of arguments, so that the client waits for its own timeout; and the handlers of one socket's
    events run side by side.

    Args:
        members: Who is in the chat.
    """

    def __init__(self, members: Members) -> None:
        self._members = members
        self._handlers: dict[str, Handler] = {}

    def on(self, event: str, handler: Handler) -> None:
        """Handle an event.

        Args:
            event: Its name.
            handler: Gets the socket's id and the one argument. It returns nothing, or an object
                with what the acknowledgement says besides ``ok``, or it raises `BadInputError`.

        Raises:
            ValueError: No client can send an event of this name, or it has a handler already.
        """
        if event in RESERVED_EVENTS:
            raise ValueError(f"Socket.IO keeps the name {event} for itself.")
        if event in self._handlers:
            raise ValueError(f"The event {event} has a handler already.")
        self._handlers[event] = handler

    async def answer(self, event: str, sid: str, *data: Any) -> Mapping[str, object]:
        """Handle an event once those that its socket sent before are done.

        Args:
            event: Its name.
            sid: The socket that sent it.
            *data: Its arguments.

        Returns:
            The acknowledgement. `BadInputError` becomes its sentence; any other exception is
            logged, and becomes a sentence that gives away nothing about the server.
        """
        if not (member := self._members.get(sid)):
            return _ENDED
        try:
            async with member.turn:
                if self._members.get(sid) is not member:  # it left while it waited
                    return _ENDED
                return _sendable(await self._handle(event, sid, data))
        except BadInputError as error:
            return refused(str(error))
        except Exception:
            logger.exception("The handler of %s failed", event)
            return refused("The server failed to do this; the failure is in its log.")

    async def _handle(self, event: str, sid: str, data: tuple[Any, ...]) -> _Answer:
        if not (handler := self._handlers.get(event)):
            known = ", ".join(self._handlers)
            raise BadInputError(f"There is no such event here; there are {known}.")
        if len(data) != 1:
            raise BadInputError(f"One argument was expected, {len(data)} came.")
        result = handler(sid, data[0])
        return await result if inspect.isawaitable(result) else result


def _sendable(returned: object) -> dict[str, object]:
    """Return the acknowledgement, or raise here, where the client can still be told."""
    if not isinstance(returned, Mapping | None):
        raise TypeError(f"A handler of the chat returns an object or nothing, not {returned!r}.")
    answer = {"ok": True, **(returned or {})}
    Packet.write(packet.ACK, [answer])
    return answer
