"""Who is in the chat: what the server knows of each accepted socket."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from chatlib.limits import Allowance, Limits
from chatlib.messages import EVERYONE, BadInputError, Sender, user_room


@dataclass
class Member:
    """One accepted socket.

    Attributes:
        sender: Who it is.
        allowance: How many events it may send now.
        groups: The rooms of the groups that it is in.
        turn: Held while one of its events is handled, as the next one may depend on it.
    """

    sender: Sender
    allowance: Allowance
    groups: set[str] = field(default_factory=set)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def audience(self) -> list[str]:
        """The rooms that it is in without having joined a group: everyone's and its user's."""
        return [EVERYONE, *self.user]

    @property
    def user(self) -> list[str]:
        """The room of its user, if it has one."""
        return [user_room(self.sender["userId"])] if "userId" in self.sender else []


class Members:
    """All accepted sockets, by their ids.

    Args:
        limits: How many of them a user may have, and what each may do.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._members: dict[str, Member] = {}
        self._sockets: Counter[str] = Counter()

    def get(self, sid: str) -> Member | None:
        """Return a socket's member, or ``None`` if it is not, or no longer, accepted."""
        return self._members.get(sid)

    def __getitem__(self, sid: str) -> Member:
        return self._members[sid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def add(self, sender: Sender, connection: dict[str, Any]) -> None:
        """Take in a socket.

        Args:
            sender: Who it is.
            connection: The ``environ`` of its connection, which remembers what it may still send.

        Raises:
            BadInputError: Its names are too long, its user has too many sockets, or the connection
                leaves and comes back too often.
        """
        # Of the connection, or a socket that leaves and comes back on it would begin anew.
        if allowance := connection.get("chatlib.allowance"):
            allowance.take()
        else:
            allowance = connection["chatlib.allowance"] = Allowance(self._limits)
        for name in (sender.get("userId", ""), sender.get("name", "")):
            self._limits.check_name(name)
        member = Member(sender, allowance)
        for room in member.user:
            if self._sockets[room] >= self._limits.sockets_per_user:
                raise BadInputError(
                    f"A user may have {self._limits.sockets_per_user} connections at once."
                )
            self._sockets[room] += 1
        self._members[sender["id"]] = member

    def remove(self, sid: str) -> None:
        """Take out a socket that has gone."""
        member = self._members.pop(sid, None)
        for room in member.user if member else ():
            self._sockets[room] -= 1
            if not self._sockets[room]:
                del self._sockets[room]

    def join(self, sid: str, group: str) -> None:
        """Note that a socket joins a group.

        Raises:
            BadInputError: The name is too long, or the socket is in too many groups.
        """
        self._limits.check_name(group.removeprefix("room:"))
        groups = self._members[sid].groups
        if group not in groups and len(groups) >= self._limits.rooms_per_socket:
            raise BadInputError(f"You may be in {self._limits.rooms_per_socket} rooms at once.")
        groups.add(group)

    def leave(self, sid: str, group: str) -> None:
        """Note that a socket leaves a group.

        Raises:
            BadInputError: The name is too long.
        """
        self._limits.check_name(group.removeprefix("room:"))
        self._members[sid].groups.discard(group)
