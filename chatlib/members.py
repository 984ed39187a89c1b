"""Who is in the chat: what the server knows of each accepted socket."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from chatlib.limits import Allowance, Limits
from chatlib.messages import EVERYONE, Audience, BadInputError, Sender, read_user


@dataclass(slots=True)
class Member:
    """One accepted socket.

    Attributes:
        sender: Who it is.
        allowance: How much it may send now.
        groups: The groups that it is in.
        turn: Held while one of its events is handled, as the next one may depend on it.
        user: Its user, if it has one.
        address: What others know it by: its user, or else the socket itself.
    """

    sender: Sender
    allowance: Allowance
    groups: set[Audience] = field(default_factory=set)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    user: Audience | None = field(init=False)
    address: Audience = field(init=False)

    def __post_init__(self) -> None:
        self.user = read_user(self.sender["userId"]) if "userId" in self.sender else None
        self.address = self.user or Audience("socket", self.sender["id"])

    @property
    def audiences(self) -> list[Audience]:
        """What it belongs to without having joined a group: everyone, and its user's sockets."""
        return [EVERYONE, self.user] if self.user else [EVERYONE]


class Members:
    """All accepted sockets, by their ids.

    Args:
        limits: How many of them a user may have, and what each may do.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._members: dict[str, Member] = {}
        self._sockets: Counter[Audience] = Counter()

    def get(self, sid: str) -> Member | None:
        """Return a socket's member, or ``None`` if it is not, or no longer, accepted."""
        return self._members.get(sid)

    def __getitem__(self, sid: str) -> Member:
        return self._members[sid]

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def allowance(self, connection: dict[str, Any]) -> Allowance:
        """Return how much a connection may send, on which a socket asks to be let in.

        Args:
            connection: Its ``environ``, which remembers it: a socket that comes back on its
                connection does not begin anew.

        Raises:
            BadInputError: Its sockets come back too often.
        """
        known: Allowance | None = connection.get("chatlib.allowance")
        if known:
            known.take(events=max(self._limits.messages_per_second, 1))
            return known
        new = connection["chatlib.allowance"] = Allowance(self._limits)
        return new

    def add(self, sender: Sender, allowance: Allowance) -> None:
        """Take in a socket.

        Args:
            sender: Who it is.
            allowance: How much its connection may send.

        Raises:
            BadInputError: Its names are too long, or its user has too many sockets.
        """
        for name in (sender.get("userId", ""), sender.get("name", "")):
            self._limits.check_name(name)
        member = Member(sender, allowance)
        if user := member.user:
            if self._sockets[user] >= self._limits.sockets_per_user:
                raise BadInputError(
                    f"A user may have {self._limits.sockets_per_user} connections at once."
                )
            self._sockets[user] += 1
        self._members[sender["id"]] = member

    def remove(self, sid: str) -> None:
        """Take out a socket that has gone."""
        member = self._members.pop(sid, None)
        if member and (user := member.user):
            self._sockets[user] -= 1
            if not self._sockets[user]:
                del self._sockets[user]

    def join(self, sid: str, group: Audience) -> None:
        """Note that a socket joins a group.

        Raises:
            BadInputError: The name is too long, or the socket is in too many groups.
        """
        self._limits.check_name(group.name)
        groups = self._members[sid].groups
        if group not in groups and len(groups) >= self._limits.rooms_per_socket:
            raise BadInputError(f"You may be in {self._limits.rooms_per_socket} rooms at once.")
        groups.add(group)

    def leave(self, sid: str, group: Audience) -> None:
        """Note that a socket leaves a group.

        Raises:
            BadInputError: The name is too long.
        """
        self._limits.check_name(group.name)
        self._members[sid].groups.discard(group)
