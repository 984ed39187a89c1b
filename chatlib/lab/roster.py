"""The clients that take part in a lab: one of each name."""

from collections.abc import Awaitable, Callable, Iterable, Iterator

from chatlib.lab.client import Client
from chatlib.lab.trace import SERVER
from chatlib.lab.tunnel import Tunnel


def check_name(name: object) -> None:
    """Raise ValueError if a client cannot be called so."""
    if not isinstance(name, str) or not name or name == SERVER:
        raise ValueError(f'A client needs a name, a text other than "{SERVER}"; this is {name!r}.')


class Roster:
    """The clients of one lab, by name.

    Args:
        tunnel: What they connect through, if anything.
        clear: Waits until all is quiet, and forgets what happened.
    """

    def __init__(self, tunnel: Tunnel | None, clear: Callable[[], Awaitable[None]]) -> None:
        self._tunnel = tunnel
        self._clear = clear
        self._clients: dict[str, Client] = {}

    def __iter__(self) -> Iterator[Client]:
        return iter(list(self._clients.values()))

    async def welcome(self, client: Client) -> None:
        """Let a client that connects take the place of an earlier one of its name."""
        __tracebackhide__ = True
        if self._clients.get(client.name) is not client:
            await self.see_off([client.name])
        self._clients[client.name] = client

    async def see_off(self, names: Iterable[str]) -> None:
        """Let the clients of some names leave, unrecorded."""
        __tracebackhide__ = True
        ghosts = [self._clients.pop(name) for name in names if name in self._clients]
        for ghost in ghosts:
            await self._leave(ghost)
            if self._tunnel:  # the next one comes with a wire of its own
                self._tunnel.mend(ghost.name)
        if ghosts:
            await self._clear()

    async def disband(self) -> None:
        """Let every client leave."""
        for client in self:
            await self._leave(client)

    async def _leave(self, client: Client) -> None:
        tunnel = self._tunnel
        if tunnel and (tunnel.is_frozen(client.name) or tunnel.is_slow(client.name)):
            tunnel.cut(client.name)  # a goodbye would be held up, too
        await client.leave()
