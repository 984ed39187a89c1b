"""Faults: wires that break, and a server that dies, on purpose."""

import asyncio
import contextvars
from collections.abc import Callable

import socketio

from chatlib.lab.client import Client
from chatlib.lab.host import Host
from chatlib.lab.roster import Roster
from chatlib.lab.trace import SERVER, Fault, Trace
from chatlib.lab.tunnel import Tunnel
from chatlib.lab.wire import Wire


class Faults:
    """Breaks and mends the wires of one lab's clients, and stops and starts its server.

    Args:
        host: The server.
        tunnel: What the clients connect through.
        roster: The clients.
        wire: What listens to them.
        trace: Where to record what broke.
        check_open: Raises an error if the lab is closed.
        timeout: How long to wait for anything, in seconds.
    """

    def __init__(
        self,
        host: Host,
        tunnel: Tunnel,
        roster: Roster,
        wire: Wire,
        trace: Trace,
        check_open: Callable[[], None],
        timeout: float,
    ) -> None:
        self._host = host
        self._tunnel = tunnel
        self._roster = roster
        self._wire = wire
        self._trace = trace
        self._check_open = check_open
        self._timeout = timeout
        # The server stops and starts one after the other.
        self._turn = asyncio.Lock()
        # Who is to come back when the server does.
        self._cut_off: list[Client] = []

    async def cut(self, client: Client) -> None:
        """Cut a client's wire without a goodbye, once all is quiet; it stays cut until `mend`.

        It waits until both ends have noticed. A handler, whose end all that is quiet would have to
        wait for, cuts at once: what it answers after that is lost.
        """
        __tracebackhide__ = True
        self._check_client(client)
        await self._break(client.name, "the wire is cut", client.name)
        self._cut_off = [one for one in self._cut_off if one is not client]
        await self._gone(client.name)

    async def half_open(self, client: Client) -> None:
        """Let nothing through a client's wire from now on, with both ends none the wiser."""
        __tracebackhide__ = True
        self._check_client(client)
        await self._break(client.name, "nothing comes through")
        self._tunnel.freeze(client.name)
        self._wire.links.break_off(client.name)

    async def delay(self, client: Client, seconds: float) -> None:
        """Hold up everything on a client's wire by ``seconds``, in both directions."""
        __tracebackhide__ = True
        self._check_client(client)
        await self._break(client.name, f"the wire is {seconds:g} s slow")
        self._tunnel.slow_down(client.name, seconds)
        self._wire.links.slow_down(client.name, is_slow=True)

    async def mend(self, client: Client) -> None:
        """Mend a client's wire, and wait until a client that reconnects is back.

        While the server is stopped nobody comes back; `start_server` waits for the client then.
        """
        __tracebackhide__ = True
        self._check_client(client)
        self._check_open()
        self._trace.add(Fault(client.name, "the wire is mended"))
        if self._host.is_stopped:
            self._cut_off += [client] * (client not in self._cut_off)
            return
        self._wire.links.slow_down(client.name, is_slow=False)
        if self._tunnel.is_frozen(client.name):  # what was held back is lost, as it would be
            await self._gone(client.name)
        await self._back(client)

    async def stop_server(self) -> None:
        """Stop the server as if it had been killed, once all is quiet: no client gets a goodbye.

        It waits until every client has noticed.

        Raises:
            RuntimeError: It is stopped already.
        """
        __tracebackhide__ = True
        async with self._turn:
            await self._stop_server()

    async def start_server(self, io: socketio.AsyncServer | None = None) -> None:
        """Start the server again, and wait until the clients that reconnect are back, one by one.

        Their wires are whole then, but for those that were `cut` before.

        Args:
            io: The server that takes the place of the one that was stopped; by default, the same.

        Raises:
            TypeError: ``io`` is not an aiohttp-based `socketio.AsyncServer`.
            RuntimeError: The server is not stopped.
        """
        __tracebackhide__ = True
        async with self._turn:
            await self._start_server(io)
        await self._all_back()

    async def _stop_server(self) -> None:
        __tracebackhide__ = True
        if self._host.is_stopped:
            raise RuntimeError("The server is stopped; lab.faults.start_server() starts it again.")
        await self._break(SERVER, "the server is killed", *(client.name for client in self._roster))
        self._host.is_stopped = True
        self._cut_off = [one for one in self._roster if not self._tunnel.is_cut(one.name)]
        try:
            for client in self._cut_off:
                await self._gone(client.name)
        finally:  # a handler that raises, or an Interrupt, does not keep it alive
            for client in self._cut_off:
                self._tunnel.cut(client.name)
            await self._host.stop()

    async def _start_server(self, io: socketio.AsyncServer | None) -> None:
        __tracebackhide__ = True
        self._check_open()
        if not self._host.is_stopped and self._cut_off:  # an earlier call was interrupted
            return
        if not self._host.is_stopped:
            raise RuntimeError("The server runs; lab.faults.stop_server() stops it.")
        self._host.replace(io or self._host.io)
        self._trace.add(Fault(SERVER, "the server is back"))
        await asyncio.create_task(self._host.start(), context=contextvars.Context())

    def _check_client(self, client: Client) -> None:
        if not isinstance(client, Client) or not client.is_on(self._wire):
            raise ValueError(f"{client!r} is not a client of this lab; lab.join returns them.")

    async def _break(self, where: str, what: str, *to_cut: str) -> None:
        __tracebackhide__ = True
        self._check_open()
        for name in to_cut:
            self._check_upgraded(name)
        if not self._wire.handlers.is_handling():
            await self._wire.waiting.settle(self._timeout)
        self._trace.add(Fault(where, what))

    def _check_upgraded(self, name: str) -> None:
        """Raise RuntimeError if a client has no WebSocket, by whose end the server would notice."""
        if any(self._wire.is_polling(link) for link in self._wire.links.named(name)):
            raise RuntimeError(
                f"{name} is connected by polling: the server would not notice for a long time."
            )

    async def _gone(self, name: str) -> None:
        """Cut a client's wire, and wait until both ends have noticed."""
        __tracebackhide__ = True
        links = self._wire.links.named(name)
        self._check_upgraded(name)
        for link in links:
            link.is_silent = True
        self._tunnel.cut(name)
        await self._wire.waiting.until(
            lambda: all(link.closed for link in links),
            self._timeout,
            f"both ends to see that {name} is cut off",
        )

    async def _all_back(self) -> None:
        __tracebackhide__ = True
        while self._cut_off:
            await self._back(self._cut_off.pop(0))

    async def _back(self, client: Client) -> None:
        __tracebackhide__ = True
        self._tunnel.mend(client.name)
        waiting = self._wire.waiting
        if client.reconnection and client.was_connected:
            await waiting.until(
                lambda: client.connected, self._timeout, f"{client.name} to be back"
            )
        await waiting.settle(self._timeout)
