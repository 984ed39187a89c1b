"""The clients that take part in a lab: one of each name."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Protocol

from chatlib.lab.client import Client
from chatlib.lab.trace import SERVER
from chatlib.lab.tunnel import Tunnel
from chatlib.lab.words import plain

# A client tells its name in an HTTP header, which a server takes up to some length.
_LONGEST = 500  # characters


def check_name(name: object) -> None:
    """Raise ValueError if a client cannot be called so."""
    if not isinstance(name, str) or not name.strip() or name == SERVER:
        raise ValueError(f'A client needs a name, a text other than "{SERVER}"; this is {name!r}.')
    if plain(name) != name:
        raise ValueError(
            f"A client's name stands in a line of text; {name!r} has a character that cannot."
        )
    if len(name) > _LONGEST:
        raise ValueError(
            f"A client's name has at most {_LONGEST} characters; this one has {len(name)}."
        )


class Member(Protocol):
    """A client of a lab's, with a library or without."""

    @property
    def name(self) -> str:
        """What pictures and errors call it."""

    async def leave(self) -> None:
        """Be gone, whatever it takes."""


class Roster:
    """The clients of one lab, by name; those that have a library, by iteration.

    Args:
        tunnel: What they connect through, if anything.
        clear: Waits until all is quiet, and forgets what happened.
    """

    def __init__(self, tunnel: Tunnel | None, clear: Callable[[], Awaitable[None]]) -> None:
        self._tunnel = tunnel
        self._clear = clear
        self._clients: dict[str, Member] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    def __iter__(self) -> Iterator[Client]:
        return iter([one for one in self._clients.values() if isinstance(one, Client)])

    @contextlib.asynccontextmanager
    async def turn(self, client: Member) -> AsyncIterator[None]:
        """Let a client take the place of an earlier one of its name, and connect in its turn."""
        __tracebackhide__ = True
        async with self._lock(client.name):
            if self._clients.get(client.name) is not client and await self._see_off(client.name):
                await self._clear()
            self._clients[client.name] = client
            yield

    async def see_off(self, names: Iterable[str]) -> None:
        """Let the clients of some names leave, unrecorded."""
        __tracebackhide__ = True
        have_left = []
        for name in names:
            async with self._lock(name):
                have_left.append(await self._see_off(name))
        if any(have_left):
            await self._clear()

    async def _see_off(self, name: str) -> bool:
        if not (ghost := self._clients.pop(name, None)):
            return False
        await self._leave(ghost)
        if self._tunnel:  # the next one comes with a wire of its own
            self._tunnel.mend(name)
        return True

    def _lock(self, name: str) -> asyncio.Lock:
        return self._turns.setdefault(name, asyncio.Lock())

    async def disband(self) -> None:
        """Let every client leave."""
        for client in list(self._clients.values()):
            await self._leave(client)

    async def _leave(self, client: Member) -> None:
        tunnel = self._tunnel
        if tunnel and (tunnel.is_frozen(client.name) or tunnel.is_slow(client.name)):
            tunnel.cut(client.name)  # a goodbye would be held up, too
        await client.leave()
