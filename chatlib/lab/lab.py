"""A server and its clients, live in one kernel."""

from types import TracebackType
from typing import Any, Self

import socketio
from IPython.display import display

from chatlib.lab.client import Client
from chatlib.lab.errors import add_note, in_words
from chatlib.lab.faults import Faults
from chatlib.lab.host import Host, check_server
from chatlib.lab.opening import Opening, make_room, turn_to_open
from chatlib.lab.pictures import Frames, Matrix, SequenceDiagram
from chatlib.lab.raw import Raw
from chatlib.lab.roster import Roster, check_name
from chatlib.lab.running import LeftOut
from chatlib.lab.trace import Trace
from chatlib.lab.tunnel import Tunnel
from chatlib.lab.wire import Wire
from chatlib.links import browser_url


class Lab:
    """Starts a Socket.IO server and clients in this kernel, waits for them, and draws them.

    Open one with `Lab.open`, not by calling the class.

    Attributes:
        trace: What happened.
    """

    def __init__(
        self, io: socketio.AsyncServer, name: str, timeout: float, seed: int | None, faults: bool
    ) -> None:
        self.trace = Trace()
        self._timeout = timeout
        self._wire = Wire(self.trace)
        tunnel = Tunnel() if faults else None
        self._host = Host(io, self._wire, tunnel, seed, name, timeout)
        self._roster = Roster(tunnel, self.clear)
        self._opening = Opening(name, self._host, self._roster, self._wire)
        self._faults = tunnel and Faults(
            self._host, tunnel, self._roster, self._wire, self.trace, self._opening.check, timeout
        )

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
                ``ChatServer().io``. With a `socketio.AsyncRedisManager` it is one with the servers
                of other labs: each waits for the others, and draws its own clients.
            name: A lab that is still open under the same name, or with the same server, is closed
                first, so that the cell can run again.
            seed: With a seed, the socket ids are the same at every run, so that they can be shown.
                A real server draws them at random.
            faults: Whether `Lab.faults` is to be used. The clients then connect through a tunnel.
            timeout: How long the lab waits for anything, in seconds.

        Returns:
            The lab.

        Raises:
            TypeError: ``io`` is not an aiohttp-based `socketio.AsyncServer`.
            ConnectionError: Its Redis does not answer.
        """
        check_server(io)
        async with turn_to_open():
            await make_room(name, io)
            lab = cls(io, name, timeout, seed, faults)
            await lab._opening.start()
        return lab

    @property
    def url(self) -> str:
        """Where the server listens, for `Client.connect`."""
        return self._host.url

    @property
    def page(self) -> str:
        """Where a browser finds a page that joins the server; on a JupyterHub, under its address.

        It is the chat's own for a `ChatServer`, and a console for any other server.
        """
        return browser_url(self.url)

    @property
    def faults(self) -> Faults:
        """What breaks and mends wires, and stops and starts the server.

        Raises:
            RuntimeError: The lab was opened without ``faults=True``, or is closed.
        """
        self._opening.check()
        if not self._faults:
            raise RuntimeError("Open the lab with Lab.open(io, faults=True) to break its wires.")
        return self._faults

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
        self._opening.check()
        check_name(name)
        return Client(name, self._wire, self._timeout, self._opening.turn, **options)

    def raw(self, name: str) -> Raw:
        """Return a client without a library, whose frames you write and read yourself.

        Args:
            name: What pictures and errors call it. An earlier client of that name leaves when
                this one sends its first request.

        Raises:
            ValueError: The name cannot be a client's.
        """
        self._opening.check()
        check_name(name)
        return Raw(name, lambda: self.url, self._wire, self._timeout, self._roster.turn)

    async def join(
        self, *names: str, auth: Any = None, namespaces: list[str] | None = None, **options: Any
    ) -> Any:
        """Connect new clients, one after the other.

        Args:
            *names: Their names. Earlier clients of those names leave first, unrecorded.
            auth: What each of them tells the server about itself.
            namespaces: The Socket.IO namespaces to connect to; by default, those that the client
                has handlers for, and ``"/"`` if it has none.
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
        await self._roster.see_off(names)
        for client in clients:
            await client.connect(self.url, auth=auth, namespaces=namespaces)
            await self.settle()
        return clients if len(clients) > 1 else clients[0]

    async def settle(self) -> None:
        """Wait until every packet has arrived, and every handler and background task has ended.

        A background task that cannot end by its own source, as it is a ``while True``, has a turn
        and is not waited for; nor is what `leave_out` names, nor a client manager's listener.

        Raises:
            LabTimeoutError: That took too long; the message says what was still to come.
            RuntimeError: The lab is closed.
            Exception: What a handler raised meanwhile, on either side.
        """
        __tracebackhide__ = True
        self._opening.check()
        await self._wire.waiting.settle(self._timeout)

    def leave_out(self, what: LeftOut) -> None:
        """Wait no longer for background tasks of the server's that are not to end.

        What cannot end by its own source, as it is a ``while True``, is left out by itself.

        Args:
            what: The function that such a task begins with, as it is given to
                ``io.start_background_task``; or a collection of tasks, looked into at each wait.
        """
        self._wire.running.leave_out(what)

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

    async def frames(self) -> None:
        """Wait until all is quiet, then draw the frames since the last time, beside their calls.

        Of the lab's clients, and of pages and guests, it shows what carries Socket.IO's packets. Of
        a client of `raw`, it shows all.
        """
        __tracebackhide__ = True
        await self.settle()
        display(Frames(self.trace, *self.trace.take_frames()))  # type: ignore[no-untyped-call]

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

    async def close(self) -> None:
        """Disconnect every client and stop the server.

        Raises:
            Exception: What a handler raised and no cell has shown yet.
        """
        __tracebackhide__ = True
        await self._opening.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        __tracebackhide__ = True
        try:
            await self.close()
        except Exception as other:
            if error is None:
                raise
            add_note(error, f"Besides, as the lab closed: {in_words(other)}")
