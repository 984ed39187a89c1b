"""A server and its clients, live in one kernel."""

import asyncio
import contextvars
import random
import re
import string
import warnings
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import socketio
from IPython.display import display

from chatlib.lab.client import Client
from chatlib.lab.faults import Tunnel
from chatlib.lab.interrupt import InterruptWatch
from chatlib.lab.pictures import Matrix, SequenceDiagram
from chatlib.lab.trace import SERVER, Fault, Trace
from chatlib.lab.wire import CALM, Wire
from chatlib.web import WebServer

_open_labs: dict[str, "Lab"] = {}


class Lab:
    """Starts a Socket.IO server and clients in this kernel, waits for them, and draws them.

    Open one with `Lab.open`, not by calling the class.

    Attributes:
        trace: What happened.
    """

    def __init__(self, io: socketio.AsyncServer, name: str, timeout: float) -> None:
        self.trace = Trace()
        self._io = io
        self._name = name
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._wire = Wire(self.trace)
        self._web = WebServer(io)
        self._tunnel: Tunnel | None = None
        self._interrupts = InterruptWatch()
        self._clients: dict[str, Client] = {}
        self._generate_id = io.eio.generate_id
        self._choose: Callable[[str], str] | None = None
        self._is_stopped = False
        # Who is to come back when the server does.
        self._cut_off: list[Client] = []
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        io: socketio.AsyncServer,
        *,
        name: str = "lab",
        seed: int | None = None,
        faults: bool = False,
        timeout: float = 5.0,
    ) -> Self:
        """Start a server on a free port of this machine.

        Args:
            io: The server, as made by ``socketio.AsyncServer(async_mode="aiohttp")`` or found in
                ``ChatServer().io``.
            name: A lab that is still open under the same name, or with the same server, is closed
                first, so that the cell can run again.
            seed: With a seed, the socket ids are the same at every run, so that they can be shown.
                A real server draws them at random.
            faults: Whether `cut`, `half_open`, `delay` and `stop_server` are to be used. The
                clients then connect through a tunnel.
            timeout: How long the lab waits for anything, in seconds.

        Returns:
            The lab.

        Raises:
            TypeError: ``io`` is not an aiohttp-based `socketio.AsyncServer`.
        """
        _check_server(io)
        for lab in [lab for lab in _open_labs.values() if lab._name == name or lab._io is io]:
            await lab._close_for_the_next()
        lab = cls(io, name, timeout)
        if seed is not None:
            # Ids to look at, not to keep a secret.
            lab._choose = random.Random(seed).choice  # noqa: S311
            lab._seed_ids()
        # Registered first: a lab that does not start is closed like any other by the next.
        _open_labs[name] = lab
        # In an empty context, ipykernel prints under the cell that runs; see `Client.connect`.
        await asyncio.create_task(lab._start(faults), context=contextvars.Context())
        lab._interrupts.start()
        return lab

    @property
    def url(self) -> str:
        """Where the server listens, for `Client.connect`."""
        return self._tunnel.url if self._tunnel else self._web.url

    def client(self, name: str, **options: Any) -> Client:
        """Return a client that is not connected yet, so that it can have handlers first.

        Args:
            name: What pictures and errors call it. An earlier client of that name leaves when
                this one connects.
            **options: Passed on to `socketio.AsyncClient`, for example ``reconnection=True``.

        Returns:
            The client; connect it with ``await client.connect(lab.url)``.

        Raises:
            ValueError: The name cannot be a client's.
        """
        self._check_open()
        _check_name(name)
        return Client(name, self._wire, self._timeout, self._welcome, **options)

    async def join(self, *names: str, auth: Any = None, **options: Any) -> Any:
        """Connect new clients, one after the other.

        Args:
            *names: Their names. Earlier clients of those names leave first, unrecorded.
            auth: What each of them tells the server about itself.
            **options: Passed on to `socketio.AsyncClient`, for example ``reconnection=True``.

        Returns:
            The client, or for several names a tuple of clients in that order.

        Raises:
            TypeError: There is no name.
            ValueError: A name cannot be a client's, or comes twice.
            LabTimeoutError: A client was not connected in time.
            Exception: What a handler raised meanwhile.
        """
        __tracebackhide__ = True
        if not names:
            raise TypeError("Give the name of at least one client.")
        clients = tuple(self.client(name, **options) for name in names)
        if len(set(names)) < len(names):
            raise ValueError("Each client needs a name of its own.")
        await self._see_off(names)
        for client in clients:
            await client.connect(self.url, auth=auth)
            await self.settle()
        return clients if len(clients) > 1 else clients[0]

    async def settle(self) -> None:
        """Wait until every packet has arrived and every handler has ended.

        Raises:
            LabTimeoutError: That took too long; the message says what was still to come.
            RuntimeError: The lab is closed.
            Exception: What a handler raised meanwhile, on either side.
        """
        __tracebackhide__ = True
        self._check_open()
        await self._wire.settle(self._timeout)

    def leave_out(self, is_left_out: Callable[[object], bool]) -> None:
        """Wait no longer for the server's background tasks that somebody else looks after.

        Args:
            is_left_out: Tells of a task whether it is one of those.
        """
        self._wire.is_left_out = is_left_out

    async def show(self) -> None:
        """Wait until all is quiet, then draw what happened since the last picture."""
        __tracebackhide__ = True
        display(await self.picture())  # type: ignore[no-untyped-call]

    async def who_heard(self) -> None:
        """Wait until all is quiet, then draw which clients heard which emissions.

        It shows every emission since the lab was opened or cleared; of equal ones, the last.
        """
        __tracebackhide__ = True
        await self.settle()
        display(Matrix(self.trace))  # type: ignore[no-untyped-call]

    async def picture(self) -> SequenceDiagram:
        """Return what `show` displays."""
        __tracebackhide__ = True
        await self.settle()
        return SequenceDiagram(self.trace, self.trace.take())

    async def clear(self) -> None:
        """Wait until all is quiet, then forget what happened until now."""
        __tracebackhide__ = True
        await self.settle()
        self.trace.clear()

    def name(self, sid: str) -> str:
        """Return the name of the client behind a socket id, or the id if there is none.

        It knows a socket from the moment that its ``connect`` handler is called.
        """
        return self.trace.ids.get(sid) or self._wire.name_of(sid) or sid

    async def cut(self, client: Client) -> None:
        """Cut a client's wire without a goodbye, once all is quiet; it stays cut until `mend`.

        It waits until both ends have noticed. A handler, whose end all that is quiet would have to
        wait for, cuts at once: what it answers after that is lost.
        """
        __tracebackhide__ = True
        self._check_client(client)
        tunnel = await self._break(client.name, "the wire is cut", client.name)
        self._cut_off = [one for one in self._cut_off if one is not client]
        await self._gone(client.name, tunnel.cut)

    async def half_open(self, client: Client) -> None:
        """Let nothing through a client's wire from now on, with both ends none the wiser."""
        __tracebackhide__ = True
        self._check_client(client)
        tunnel = await self._break(client.name, "nothing comes through")
        tunnel.freeze(client.name)
        self._wire.break_link(client.name)

    async def delay(self, client: Client, seconds: float) -> None:
        """Hold up everything on a client's wire by ``seconds``, in both directions."""
        __tracebackhide__ = True
        self._check_client(client)
        tunnel = await self._break(client.name, f"the wire is {seconds:g} s slow")
        tunnel.slow_down(client.name, seconds)
        self._wire.slow_link(client.name, is_slow=True)

    async def mend(self, client: Client) -> None:
        """Mend a client's wire, and wait until a client that reconnects is back.

        While the server is stopped nobody comes back; `start_server` waits for the client then.
        """
        __tracebackhide__ = True
        self._check_client(client)
        tunnel = self._faulty_tunnel()
        self.trace.add(Fault(client.name, "the wire is mended"))
        if self._is_stopped:
            self._cut_off += [client] * (client not in self._cut_off)
            return
        self._wire.slow_link(client.name, is_slow=False)
        if tunnel.is_frozen(client.name):  # what was held back is lost, as it would be
            await self._gone(client.name, tunnel.cut)
        await self._back(client, tunnel)

    async def stop_server(self) -> None:
        """Stop the server as if it had been killed, once all is quiet: no client gets a goodbye.

        It waits until every client has noticed.

        Raises:
            RuntimeError: It is stopped already.
        """
        __tracebackhide__ = True
        if self._is_stopped:
            raise RuntimeError("The server is stopped; lab.start_server() starts it again.")
        tunnel = await self._break(SERVER, "the server is killed", *self._clients)
        self._is_stopped = True
        self._cut_off = [one for one in self._clients.values() if not tunnel.is_cut(one.name)]
        try:
            for client in self._cut_off:
                await self._gone(client.name, tunnel.cut)
        finally:  # a handler that raises, or an Interrupt, does not keep it alive
            for client in self._cut_off:
                tunnel.cut(client.name)
            await self._web.stop()

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
        tunnel = self._faulty_tunnel()
        if not self._is_stopped and self._cut_off:  # an earlier call was interrupted, or raised
            await self._all_back(tunnel)
            return
        if not self._is_stopped:
            raise RuntimeError("The server runs; lab.stop_server() stops it.")
        if io is not None and io is not self._io:
            _check_server(io)
            self._io.eio.generate_id = self._generate_id
            self._io, self._generate_id = io, io.eio.generate_id
            self._seed_ids()
        self._web = WebServer(self._io)
        self._wire.attach(self._io)
        self.trace.add(Fault(SERVER, "the server is back"))
        await asyncio.create_task(self._web.start(), context=contextvars.Context())
        tunnel.lead_to(*self._web.address)
        self._is_stopped = False
        await self._all_back(tunnel)

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
        self._wire.raise_errors()

    async def _close(self) -> None:
        __tracebackhide__ = True
        try:
            for client in self._clients.values():
                await self._leave(client)
            await self._wire.calm_down(CALM)
            await self._web.stop()
            if self._tunnel:
                await self._tunnel.stop()
        finally:
            self._interrupts.stop()
            self._let_go()

    def _let_go(self) -> None:
        if _open_labs.get(self._name) is self:
            del _open_labs[self._name]
        self._wire.detach()
        self._io.eio.generate_id = self._generate_id

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        await self.close()

    async def _start(self, faults: bool) -> None:
        self._wire.attach(self._io)
        await self._web.start()
        if faults:
            self._tunnel = Tunnel()
            self._tunnel.lead_to(*self._web.address)
            await self._tunnel.start()

    def _check_open(self) -> None:
        if self._closing:
            raise RuntimeError("This lab is closed; Lab.open(io) opens a new one.")

    def _check_client(self, client: Client) -> None:
        if not isinstance(client, Client) or client._wire is not self._wire:
            raise ValueError(f"{client!r} is not a client of this lab; lab.join returns them.")

    def _faulty_tunnel(self) -> Tunnel:
        self._check_open()
        if not self._tunnel:
            raise RuntimeError("Open the lab with Lab.open(io, faults=True) to break its wires.")
        return self._tunnel

    async def _break(self, where: str, what: str, *to_cut: str) -> Tunnel:
        __tracebackhide__ = True
        tunnel = self._faulty_tunnel()
        for name in to_cut:
            self._wire.check_upgraded(name)
        if not self._wire.is_handling():
            await self.settle()
        self.trace.add(Fault(where, what))
        return tunnel

    async def _gone(self, name: str, close: Callable[[str], None]) -> None:
        __tracebackhide__ = True
        await self._wire.gone(name, lambda: close(name), self._timeout)

    async def _all_back(self, tunnel: Tunnel) -> None:
        __tracebackhide__ = True
        while self._cut_off:
            await self._back(self._cut_off.pop(0), tunnel)

    async def _back(self, client: Client, tunnel: Tunnel) -> None:
        __tracebackhide__ = True
        tunnel.mend(client.name)
        if client.reconnection and client.was_connected:
            await self._wire.until(
                lambda: client.connected, self._timeout, f"{client.name} to be back"
            )
        await self.settle()

    async def _welcome(self, client: Client, url: str) -> None:
        """Let a client that connects take the place of an earlier one of its name."""
        __tracebackhide__ = True
        if any(url.startswith(lab.url) for lab in _open_labs.values() if lab is not self):
            raise socketio.exceptions.ConnectionError(
                f"{client.name} belongs to another lab than the one at this address."
            )
        if self._clients.get(client.name) is not client:
            await self._see_off([client.name])
        self._clients[client.name] = client

    async def _see_off(self, names: Iterable[str]) -> None:
        __tracebackhide__ = True
        ghosts = [self._clients.pop(name) for name in names if name in self._clients]
        for ghost in ghosts:
            await self._leave(ghost)
            if self._tunnel:  # the next one comes with a wire of its own
                self._tunnel.mend(ghost.name)
        if ghosts:
            await self.clear()

    async def _leave(self, client: Client) -> None:
        tunnel = self._tunnel
        if tunnel and (tunnel.is_frozen(client.name) or tunnel.is_slow(client.name)):
            tunnel.cut(client.name)  # a goodbye would be held up, too
        await client.leave()

    async def _close_for_the_next(self) -> None:
        if self._loop is not asyncio.get_running_loop():  # it ended with its event loop
            self._let_go()
            return
        try:
            await self.close()
        except Exception as error:  # noqa: BLE001  (the new lab is not to blame)
            warnings.warn(f"The lab that was open before ended with {error!r}.", stacklevel=3)

    def _seed_ids(self) -> None:
        if not self._choose:
            return
        generate_id, choice = self._generate_id, self._choose

        def generate() -> str:
            # Other characters in the same form, as the form may mean something to the server.
            characters = string.ascii_letters + string.digits
            return re.sub("[A-Za-z0-9_-]", lambda _: choice(characters), generate_id())

        self._io.eio.generate_id = generate


def _check_name(name: object) -> None:
    if not isinstance(name, str) or not name or name == SERVER:
        raise ValueError(f'A client needs a name, a text other than "{SERVER}"; this is {name!r}.')


def _check_server(io: Any) -> None:
    if not isinstance(io, socketio.AsyncServer) or io.async_mode != "aiohttp":
        raise TypeError(
            'A lab needs a socketio.AsyncServer(async_mode="aiohttp"), or ChatServer().io.'
        )
