"""Which labs are open, and what each of them has to start and to stop."""

import asyncio
import contextlib
import contextvars
import warnings
from collections.abc import AsyncIterator
from weakref import WeakValueDictionary

import socketio

from chatlib.lab.client import Client
from chatlib.lab.host import Host
from chatlib.lab.interrupt import InterruptWatch
from chatlib.lab.roster import Roster
from chatlib.lab.waiting import CALM
from chatlib.lab.wire import Wire

_open: dict[str, "Opening"] = {}

# Labs open one after the other in each event loop, as one may have to close another first.
_turns: WeakValueDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakValueDictionary()


def turn_to_open() -> asyncio.Lock:
    """Return what a lab holds while it closes others and opens."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())


async def make_room(name: str, io: socketio.AsyncServer) -> None:
    """Close the labs in whose place another one is to open.

    Args:
        name: The other one's name.
        io: Its server.
    """
    for opening in list(_open.values()):
        if opening.is_in_the_way(name, io):
            await _close_for_the_next(opening)


class Opening:
    """One lab, from when it opens until it is closed.

    Args:
        name: The lab's name.
        host: Its server.
        roster: Its clients.
        wire: What listens to them.
    """

    def __init__(self, name: str, host: Host, roster: Roster, wire: Wire) -> None:
        self._name = name
        self._host = host
        self._roster = roster
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._interrupts = InterruptWatch()
        self._closing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the server."""
        _open[self._name] = self
        # In an empty context, ipykernel prints under the cell that runs; see `Client.connect`.
        starting = asyncio.create_task(self._host.start(), context=contextvars.Context())
        try:
            await starting
        except BaseException:
            await self.close()
            raise
        self._interrupts.start()

    async def close(self) -> None:
        """Disconnect every client and stop the server.

        Raises:
            Exception: What a handler raised and no cell has shown yet.
        """
        __tracebackhide__ = True
        if not self._closing:
            self._closing = asyncio.create_task(self._close())
        # An Interrupt ends the wait, and not the closing: nothing else could finish it.
        await asyncio.shield(self._closing)
        self._wire.errors.raise_all()

    def check(self) -> None:
        """Raise RuntimeError if the lab is closed."""
        if self._closing:
            raise RuntimeError("This lab is closed; Lab.open(io) opens a new one.")

    def is_in_the_way(self, name: str, io: socketio.AsyncServer) -> bool:
        """Tell whether another lab, with a name and a server, cannot open beside this one."""
        return self._name == name or self._host.io is io

    def has_ended(self) -> bool:
        """Tell whether it has ended with its event loop, and without being closed."""
        return self._loop is not asyncio.get_running_loop()

    def let_go(self) -> None:
        """Take away what listens, and make room for another lab."""
        if _open.get(self._name) is self:
            del _open[self._name]
        self._wire.detach()
        self._host.let_go()

    @contextlib.asynccontextmanager
    async def turn(self, client: Client, url: str) -> AsyncIterator[None]:
        """Let a client connect, in the place of an earlier one of its name.

        Args:
            client: The client.
            url: Where it connects.

        Raises:
            socketio.exceptions.ConnectionError: That is another lab's server.
        """
        __tracebackhide__ = True
        if any(url.startswith(one._host.url) for one in _open.values() if one is not self):
            raise socketio.exceptions.ConnectionError(
                f"{client.name} belongs to another lab than the one at this address."
            )
        async with self._roster.turn(client):
            yield

    async def _close(self) -> None:
        __tracebackhide__ = True
        try:
            self._wire.running.cancel_left_out()  # with nobody to send to, one may block the loop
            await self._roster.disband()
            await self._wire.waiting.calm_down(CALM)
            await self._host.close()
        finally:
            self._interrupts.stop()
            self.let_go()


async def _close_for_the_next(opening: Opening) -> None:
    """Close a lab whose name or server another one is to have."""
    if opening.has_ended():
        opening.let_go()
        return
    try:
        await opening.close()
    except Exception as error:  # noqa: BLE001  (the new lab is not to blame)
        warnings.warn(f"The lab that was open before ended with {error!r}.", stacklevel=4)
