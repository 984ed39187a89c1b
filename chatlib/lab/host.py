"""The lab's server: it can be stopped, and another one can take its place."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

import socketio

from chatlib.lab.ears import id_ear, put_under
from chatlib.lab.pubsub import Subscription, is_shared
from chatlib.lab.tunnel import Tunnel
from chatlib.lab.wire import Wire
from chatlib.private_names import check
from chatlib.web import WebServer


def check_server(io: Any) -> None:
    """Raise TypeError if a lab cannot work with a server."""
    if not isinstance(io, socketio.AsyncServer) or io.async_mode != "aiohttp":
        raise TypeError(
            'A lab needs a socketio.AsyncServer(async_mode="aiohttp"), or ChatServer().io.'
        )
    check(io, io.eio, io.manager, socketio.packet.Packet())
    is_shared(io)  # it refuses what only looks so


class Host:
    """Runs a lab's Socket.IO server on a free port of this machine.

    Args:
        io: The server.
        wire: What listens to it.
        tunnel: What the clients connect through, if anything.
        seed: With a seed, the socket ids are the same at every run.
        name: The lab's name.
        timeout: How long to wait for anything, in seconds.

    Attributes:
        io: The server.
        is_stopped: Whether it was stopped as if it had been killed.
    """

    def __init__(
        self,
        io: socketio.AsyncServer,
        wire: Wire,
        tunnel: Tunnel | None,
        seed: int | None,
        name: str,
        timeout: float,
    ) -> None:
        self.io = io
        self.is_stopped = False
        self._wire = wire
        self._tunnel = tunnel
        self._timeout = timeout
        self._subscription: Subscription | None = None
        self._turn = asyncio.Lock()  # what stops twice stops once, and then has stopped
        # Ids to look at, not to keep a secret. Servers that are one must not give out the same.
        source = random.Random(f"{seed} {name}" if is_shared(io) else seed)  # noqa: S311
        self._choose = None if seed is None else source.choice
        self._web = WebServer(io)
        self._let_ids_go = self._seed_ids()

    @property
    def url(self) -> str:
        """Where clients connect."""
        return self._tunnel.url if self._tunnel else self._web.url

    async def start(self) -> None:
        """Start the server, or start it again."""
        self._wire.attach(self.io)
        await self._web.start()
        if is_shared(self.io):
            await self._subscribe()
        if self._tunnel:
            await self._tunnel.lead_to(*self._web.address)
        self.is_stopped = False

    async def stop(self) -> None:
        """Stop the server; `start` starts it again."""
        async with self._turn:
            await self._web.stop()
            if self._subscription:
                await self._subscription.stop()

    async def close(self) -> None:
        """Stop the server and the tunnel for good."""
        await self.stop()
        if self._tunnel:
            await self._tunnel.stop()

    def replace(self, io: socketio.AsyncServer) -> None:
        """Put a server, it may be the same, in the place of the one that was stopped."""
        if io is not self.io:
            check_server(io)
            self.let_go()
            self.io = io
            self._let_ids_go = self._seed_ids()
        self._web = WebServer(io)

    def let_go(self) -> None:
        """Let the server draw its ids as it did before."""
        self._let_ids_go()
        if self._subscription:
            self._subscription.detach()

    async def _subscribe(self) -> None:
        __tracebackhide__ = True
        self._subscription = Subscription(self.io, self._wire)
        try:
            await self._subscription.start(self._timeout)
        except BaseException:
            await self.stop()
            raise

    def _seed_ids(self) -> Callable[[], None]:
        return put_under(self.io.eio, id_ear(self._choose)) if self._choose else lambda: None
