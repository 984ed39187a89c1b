"""Every event is answered: in its turn, and with one clear sentence where it is refused."""

import functools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from chatlib.limits import Limits
from chatlib.members import Members
from chatlib.messages import Ack, BadInputError, refused

logger = logging.getLogger("chatlib")


class HasMembers(Protocol):
    """A server that knows who is in the chat, and how much they may do."""

    limits: Limits
    members: Members


_Server = TypeVar("_Server", bound=HasMembers)


def acknowledged(
    handler: Callable[[_Server, str, Any], Awaitable[Ack]],
) -> Callable[..., Awaitable[Ack]]:
    """Make a handler of one argument answer every call, and take each socket's calls in turn.

    Without it, python-socketio gives no answer when a handler raises or is called with another
    number of arguments, so that the client waits for its own timeout; and the handlers of one
    socket's events run side by side.

    Args:
        handler: The method; what it returns is the acknowledgement.

    Returns:
        The method to register. It answers `BadInputError` with its sentence. It logs any other
        exception, and answers with a sentence that gives away nothing about the server.
    """

    @functools.wraps(handler)
    async def answer(server: _Server, sid: str, *data: Any) -> Ack:
        member = server.members.get(sid)
        if member is None:
            return refused("This connection has ended.")
        try:
            # Before the turn: neither a flood nor what is too long is to pile up there.
            member.allowance.take()
            server.limits.check_size(data[0] if len(data) == 1 else data)
            async with member.turn:
                if server.members.get(sid) is not member:  # it left while it waited
                    return refused("This connection has ended.")
                if len(data) != 1:
                    raise BadInputError(f"One argument was expected, {len(data)} came.")
                return await handler(server, sid, data[0])
        except BadInputError as error:
            return refused(str(error))
        except Exception:
            logger.exception("The handler %s failed", handler.__name__)
            return refused("The server failed to do this; the failure is in its log.")

    return answer
