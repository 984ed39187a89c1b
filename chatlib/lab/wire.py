"""The lab's ear on the wire: it records packets, notices errors, and knows when all is quiet.

It listens where python-engineio hands packets over, by names that python-engineio and
python-socketio make public: ``eio.on``, ``eio.send``, ``eio.send_packet``, ``io.emit`` and
``io.start_background_task``. Nothing that the server or a client does is changed by it, but for one
thing: packets that arrive at the same moment are handled in the order in which they were sent.
"""

import asyncio
import contextlib
import contextvars
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, unquote

import engineio
import socketio
from socketio import packet
from socketio.exceptions import TimeoutError as SocketTimeoutError

from chatlib.lab.trace import SERVER, Emission, Packet, Trace

# A lab client tells the server its name in this header of its first request.
NAME_HEADER = "X-Chatlib-Name"
_NAME_IN_ENVIRON = "HTTP_X_CHATLIB_NAME"

# A packet waits at most this many seconds for one that was sent before it: the order of outputs is
# worth little against a packet that never comes.
_TURN = 0.25

# What still runs gets so many seconds to end, after an error and before the lab closes.
CALM = 0.5

_Result = TypeVar("_Result")
_Original = Callable[..., Any]

# Which call of `io.emit` a packet comes from, and which handler a background task comes from.
_emission: contextvars.ContextVar[Emission | None] = contextvars.ContextVar(
    "emission", default=None
)
_handler: contextvars.ContextVar[tuple["Wire | None", str]] = contextvars.ContextVar(
    "handler", default=(None, "")
)


def name_in_header(value: str) -> str:
    """Return the client's name that a `NAME_HEADER` carries."""
    return unquote(value)


class LabTimeoutError(SocketTimeoutError):  # type: ignore[misc]
    """Something in the lab took too long; the message says who waited for what.

    It is python-socketio's error and not Python's, so that what catches it here does so outside the
    lab too.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]  # IPython would show where the lab waits


class Changes:
    """Lets tasks wait until something that they look at has changed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Wake all that wait, to look again."""
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until ``true()`` is."""
        while not true():
            await self._event.wait()


class _Link:
    """One connection: the packets that are under way on it, and which ends are open."""

    def __init__(self, eio_sid: str, environ: dict[str, Any], guest: str) -> None:
        name = environ.get(_NAME_IN_ENVIRON)
        self.eio_sid = eio_sid
        self.environ = environ
        self.name = guest if name is None else name_in_header(name)
        self.is_lab_client = name is not None
        self.server_open = True
        self.client_open = False
        self.accepted = False
        self.is_broken = False
        self.is_slow = False
        self.goodbye: Packet | None = None
        self.up: deque[Packet] = deque()
        self.down: deque[Packet] = deque()
        self.asked: dict[tuple[str, int], str] = {}

    @property
    def settled(self) -> bool:
        return not self.is_lab_client or self.is_broken or self.server_open == self.client_open


class Wire:
    """Records what one server and the lab's clients say to each other.

    Args:
        trace: Where to record.
    """

    def __init__(self, trace: Trace) -> None:
        self.errors: list[Exception] = []
        # What the server last said to each client that it refused.
        self.refusals: dict[str, Any] = {}
        self._io: socketio.AsyncServer = None
        self._trace = trace
        self._links: dict[str, _Link] = {}
        self._client_links: dict[engineio.AsyncClient, _Link] = {}
        self._under_way: dict[Packet, _Link] = {}
        self._running: dict[object, str] = {}
        # Tells which background tasks somebody else looks after.
        self.is_left_out: Callable[[object], bool] = lambda task: False  # noqa: ARG005
        self._tasks: set[asyncio.Task[Any]] = set()
        self._changes = Changes()
        self._undo_server: list[Callable[[], None]] = []
        self._undo_clients: list[Callable[[], None]] = []
        self._log = _ErrorLog(self)

    # -- listening --------------------------------------------------------------------------------

    def attach(self, io: socketio.AsyncServer) -> None:
        """Begin to listen on the server's side; the server may be another one each time."""
        _undo(self._undo_server)
        self._io = io
        self._undo_server += [
            _replace(io, "emit", self._emit),
            _replace(io, "start_background_task", self._start_background_task),
            _replace(io.eio, "send_packet", self._server_sends),
            _replace_handler(io.eio, "connect", self._server_connects),
            _replace_handler(io.eio, "message", self._server_receives),
            _replace_handler(io.eio, "disconnect", self._server_disconnects),
        ]
        logging.getLogger("chatlib").addHandler(self._log)

    def attach_client(self, client: socketio.AsyncClient, name: str) -> dict[str, str]:
        """Begin to listen on the side of a client that is not connected yet.

        Returns:
            The headers to connect with.
        """
        eio = client.eio
        self._undo_clients += [
            _replace(eio, "send", partial(self._client_sends, eio)),
            _replace_handler(eio, "message", partial(self._client_receives, eio)),
            _replace_handler(eio, "disconnect", partial(self._client_disconnects, eio)),
        ]
        self._trace.add_client(name)
        return {NAME_HEADER: quote(name)}

    def detach(self) -> None:
        """Stop to listen, and cancel the clients' handlers that still run."""
        logging.getLogger("chatlib").removeHandler(self._log)
        _undo(self._undo_server)
        _undo(self._undo_clients)
        for task in self._tasks:
            task.cancel()

    def name_of(self, sid: str) -> str | None:
        """Return the name of the client behind a socket id that is connected or connecting."""
        environ = self._io.get_environ(sid)
        links = self._links.values()
        return next((link.name for link in links if link.environ is environ), None)

    def break_link(self, name: str) -> None:
        """Wait no longer for what is on a client's wire: nothing comes through it any more."""
        for link in self._links.values():
            if link.name == name:
                link.is_broken = True
                for sent in (*link.up, *link.down):
                    self._under_way.pop(sent, None)
        self._changes.notify()

    def slow_link(self, name: str, *, is_slow: bool) -> None:
        """Let others overtake what is on a client's wire."""
        for link in self._links.values():
            if link.name == name:
                link.is_slow = is_slow
        self._changes.notify()

    async def gone(self, name: str, close: Callable[[], None], timeout: float) -> None:
        """Close a client's connection, and wait until both ends have noticed.

        Args:
            name: The client's name.
            close: What closes it.
            timeout: How long to wait, in seconds.

        Raises:
            RuntimeError: It has no WebSocket, by whose end the server would notice.
            LabTimeoutError: That took too long.
            Exception: What a handler raised meanwhile.
        """
        __tracebackhide__ = True
        links = [link for link in self._links.values() if link.name == name]
        self.check_upgraded(name)
        for link in links:
            link.goodbye = link.goodbye or Packet("disconnect", name, SERVER)  # never recorded
        close()
        await self.until(
            lambda: not any(link.server_open or link.client_open for link in links),
            timeout,
            f"both ends to see that {name} is cut off",
        )

    def check_upgraded(self, name: str) -> None:
        """Raise RuntimeError if a client has no WebSocket, by whose end the server would notice."""
        sockets = self._io.eio.sockets
        links = [link for link in self._links.values() if link.name == name]
        if not all(sockets[link.eio_sid].upgraded for link in links if link.eio_sid in sockets):
            raise RuntimeError(
                f"{name} is connected by polling: the server would not notice for a long time."
            )

    def is_handling(self) -> bool:
        """Tell whether the code that asks is a handler's, for whose end `settle` would wait."""
        _, what = _handler.get()
        return bool(what)

    def notify(self) -> None:
        """Let all that wait look again."""
        self._changes.notify()

    # -- waiting ----------------------------------------------------------------------------------

    async def settle(self, timeout: float) -> None:
        """Wait until every packet has arrived and every handler has ended.

        Args:
            timeout: How long to wait, in seconds.

        Raises:
            LabTimeoutError: That took too long.
            Exception: What a handler raised.
        """
        __tracebackhide__ = True
        try:
            async with asyncio.timeout(timeout):
                await self._changes.until(lambda: self.errors or self._quiet())
        except TimeoutError:
            raise LabTimeoutError(f"Waited {timeout:g} s for {self._what_is_left()}.") from None
        await self._raise_all_errors()

    async def calm_down(self, timeout: float) -> None:
        """Give what still runs a little time to end, and keep its errors for later.

        Args:
            timeout: How long to wait, in seconds.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._changes.until(self._quiet)

    async def until(self, true: Callable[[], object], timeout: float, what: str) -> None:
        """Wait until something is true.

        Args:
            true: What is looked at whenever anything has changed.
            timeout: How long to wait, in seconds.
            what: Who waits for what, for the error.

        Raises:
            LabTimeoutError: That took too long.
            Exception: What a handler raised meanwhile.
        """
        __tracebackhide__ = True
        try:
            async with asyncio.timeout(timeout):
                await self._changes.until(lambda: self.errors or true())
        except TimeoutError:
            raise LabTimeoutError(f"Waited {timeout:g} s for {what}.") from None
        await self._raise_all_errors()

    async def watch(
        self,
        coroutine: Coroutine[Any, Any, _Result],
        timeout: float,
        what: str,
        context: contextvars.Context | None = None,
    ) -> _Result:
        """Wait for a coroutine's result, or for an error anywhere in the lab.

        Args:
            coroutine: What to wait for.
            timeout: How long to wait, in seconds.
            what: Who waits for what, for the error: "{what}" follows "Waited 5 s for".
            context: The context to run it in; by default, a copy of the current one.

        Returns:
            What the coroutine returned.

        Raises:
            LabTimeoutError: It took too long.
            Exception: What the coroutine raised, or a handler.
        """
        __tracebackhide__ = True
        task = asyncio.create_task(coroutine, context=context)
        task.add_done_callback(lambda _: self._changes.notify())
        try:
            await self.until(task.done, timeout, what)
        finally:
            task.cancel()
        if error := task.exception():
            raise _without_library(error)
        return task.result()

    async def _raise_all_errors(self) -> None:
        __tracebackhide__ = True
        if self.errors:  # one may leave others behind, or something that waits in vain
            await self.calm_down(CALM)
        self.raise_errors()

    def raise_errors(self) -> None:
        """Raise what handlers raised since the last time, if anything."""
        __tracebackhide__ = True
        errors, self.errors = self.errors, []
        if len(errors) == 1:
            raise errors[0]
        if errors:
            raise ExceptionGroup(f"{len(errors)} handlers failed", errors)

    def _quiet(self) -> bool:
        return not self._under_way and not self._unended() and not self._unsettled()

    def _unended(self) -> list[str]:
        return [what for key, what in self._running.items() if not self.is_left_out(key)]

    def _unsettled(self) -> list[_Link]:
        return [link for link in self._links.values() if not link.settled]

    def _what_is_left(self) -> str:
        parts = [f"{what} to end" for what in self._unended()]
        parts += [f"{_title(sent)} to reach {sent.target}" for sent in self._under_way]
        parts += [f"both ends to see that {link.name} has gone" for link in self._unsettled()]
        return ", and for ".join([*dict.fromkeys(parts)][:3]) or "the lab to become quiet"

    # -- the server's side ------------------------------------------------------------------------

    async def _emit(
        self, event: str, data: Any = None, *args: Any, original: _Original, **kwargs: Any
    ) -> None:
        to, room, skip = (*args, None, None, None)[:3]
        emission = Emission(
            event=event,
            data=data if isinstance(data, tuple) else (data,) * (data is not None),
            to=_as_tuple(kwargs.get("to", to) or kwargs.get("room", room)),
            skip=_as_tuple(kwargs.get("skip_sid", skip)),
            present=tuple(link.name for link in self._links.values() if link.accepted),
        )
        self._trace.add(emission)
        token = _emission.set(emission)
        try:
            await original(event, data, *args, **kwargs)
        finally:
            _emission.reset(token)

    def _start_background_task(
        self, target: Any, *args: Any, original: _Original, **kwargs: Any
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = original(target, *args, **kwargs)
        name = getattr(target, "__name__", "a task")
        _, what = _handler.get()
        self._running[task] = what or f"the server's background task {name}"
        task.add_done_callback(self._background_task_done)
        return task

    def _background_task_done(self, task: asyncio.Task[Any]) -> None:
        what = self._running.pop(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._failed(error, what)
        self._changes.notify()

    async def _server_connects(
        self, eio_sid: str, environ: dict[str, Any], *, original: _Original
    ) -> Any:
        link = self._links[eio_sid] = _Link(eio_sid, environ, self._guest())
        self._trace.add_client(link.name)
        return await original(eio_sid, environ)

    def _guest(self) -> str:
        guests = sum(name.startswith("guest") for name in self._trace.clients)
        return f"guest {guests + 1}"

    async def _server_receives(
        self, eio_sid: str, data: str | bytes, *, original: _Original
    ) -> None:
        if not (link := self._links.get(eio_sid)):
            return  # it was under way when both ends were closed
        if not link.up:  # a client that is not the lab's
            self._depart(link.up, self._read(link, data, link.name, SERVER), link)
        arrived = await self._arrive(link.up)
        with self._handling(f"the server's handler of {_title(arrived)}"):
            await original(eio_sid, data)

    async def _server_sends(self, eio_sid: str, pkt: Any, *, original: _Original) -> None:
        link = self._links.get(eio_sid)
        socket = self._io.eio.sockets.get(eio_sid)
        is_message = pkt.packet_type == engineio.packet.MESSAGE
        if link and is_message and socket and not socket.closed:
            sent = self._read(link, pkt.data, SERVER, link.name)
            if link.is_lab_client:
                self._depart(link.down, sent, link)
            elif sent.event != "(binary)":
                sent.arrived = True
                self._record(sent)
        await original(eio_sid, pkt)

    async def _server_disconnects(self, eio_sid: str, reason: str, *, original: _Original) -> None:
        link = self._links[eio_sid]
        link.accepted = False
        if not link.goodbye:
            link.goodbye = Packet("disconnect", link.name, SERVER)
            self._record(link.goodbye)
        # The connection is closed before the goodbye is sent; the server learns it all the same.
        link.goodbye.arrived = True
        with self._handling(f"the server's handler of the disconnect of {link.name}"):
            await original(eio_sid, reason)
        link.server_open = False
        self._closed(link)

    def _closed(self, link: _Link) -> None:
        """Wait no longer for packets that a closed end does not take any more."""
        lost = [*(() if link.server_open else link.up), *(() if link.client_open else link.down)]
        for sent in lost:
            self._under_way.pop(sent, None)
        if not link.server_open and not link.client_open:
            self._links.pop(link.eio_sid, None)
        self._changes.notify()

    # -- the clients' side ------------------------------------------------------------------------

    async def _client_sends(
        self, eio: engineio.AsyncClient, data: str | bytes, *, original: _Original
    ) -> None:
        if eio.state == "connected":
            link = self._client_links[eio] = self._links[eio.sid]
            link.client_open = True
            self._depart(link.up, self._read(link, data, link.name, SERVER), link)
        await original(data)

    async def _client_receives(
        self, eio: engineio.AsyncClient, data: str | bytes, *, original: _Original
    ) -> None:
        link = self._client_links[eio]
        task = asyncio.current_task()
        if task:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        arrived = await self._arrive(link.down)
        with self._handling(f"{link.name}'s handler of {_title(arrived)}"):
            await original(data)

    async def _client_disconnects(
        self, eio: engineio.AsyncClient, reason: str, *, original: _Original
    ) -> None:
        link = self._client_links.get(eio)
        name = link.name if link else "a client"
        with self._handling(f"{name}'s handler of its disconnect"):
            await original(reason)
        if link:
            link.client_open = False
            self._closed(link)

    # -- packets ----------------------------------------------------------------------------------

    def _read(self, link: _Link, data: str | bytes, source: str, target: str) -> Packet:
        """Make of an Engine.IO message the packet to record."""
        if isinstance(data, bytes | bytearray):
            return Packet("event", source, target, "(binary)")
        try:
            read = packet.Packet(encoded_packet=data)
        except ValueError:
            return Packet("event", source, target, "(not a Socket.IO packet)")
        match read.packet_type:
            case packet.CONNECT:
                if source == SERVER:
                    link.accepted = True
                    self._trace.ids[read.data["sid"]] = link.name
                    return Packet("connected", source, target)
                return Packet("connect", source, target, data=(read.data,) if read.data else ())
            case packet.CONNECT_ERROR:
                self.refusals[target] = read.data
                return Packet("refused", source, target, data=(read.data,))
            case packet.DISCONNECT:
                link.goodbye = Packet("disconnect", source, target)
                return link.goodbye
            case packet.ACK | packet.BINARY_ACK:
                event = link.asked.pop((target, read.id), "")
                answer = _without_placeholders(read.data or [])
                return Packet("ack", source, target, event, tuple(answer))
        event, *arguments = _without_placeholders(read.data or [""])
        if read.id is not None:
            link.asked[source, read.id] = event
        return Packet("event", source, target, str(event), tuple(arguments))

    def _depart(self, queue: deque[Packet], sent: Packet, link: _Link) -> None:
        queue.append(sent)
        if not link.is_broken:
            self._under_way[sent] = link
        if sent.event != "(binary)":
            self._record(sent)

    def _record(self, sent: Packet) -> None:
        emission = _emission.get()
        if emission and sent.kind == "event":
            emission.deliveries.append(sent)
        else:
            self._trace.add(sent)

    async def _arrive(self, queue: deque[Packet]) -> Packet:
        """Take the next packet off a connection, when all that were sent before it have arrived."""
        arrived = queue.popleft()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TURN):
                await self._changes.until(lambda: self._is_next(arrived))
        self._under_way.pop(arrived, None)
        arrived.arrived = True
        self._changes.notify()
        return arrived

    def _is_next(self, arrived: Packet) -> bool:
        in_order = (sent for sent, link in self._under_way.items() if not link.is_slow)
        link = self._under_way.get(arrived)
        return link is None or link.is_slow or next(in_order) is arrived

    # -- handlers ---------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _handling(self, what: str) -> Iterator[None]:
        key = object()
        self._running[key] = what
        token = _handler.set((self, what))
        try:
            yield
        except Exception as error:  # noqa: BLE001  (the cell that waits raises it)
            self._failed(error, what)
        finally:
            _handler.reset(token)
            del self._running[key]
            self._changes.notify()

    def _failed(self, error: Exception, where: str) -> None:
        if error not in self.errors:
            error.add_note(f"Raised in {where}.")
            self.errors.append(_without_library(error))
        self._changes.notify()


def _without_library(error: BaseException) -> Any:
    """Return an error without the frames of the libraries that called what raised it.

    Where that leaves none, IPython shows the error alone.
    """
    start = error.__traceback__
    while start and _is_library(start.tb_frame.f_globals.get("__name__", "")):
        start = start.tb_next
    if not start:
        error._render_traceback_ = lambda: [  # type: ignore[attr-defined]
            f"{type(error).__name__}: {error}",
            *getattr(error, "__notes__", []),
        ]
    return error.with_traceback(start)


def _is_library(module: str) -> bool:
    return module.split(".")[0] in ("aiosqlite", "asyncio", "chatlib", "engineio", "socketio")


def _without_placeholders(data: Any) -> Any:
    if isinstance(data, dict):
        if data.get("_placeholder"):
            return "<binary>"
        return {key: _without_placeholders(value) for key, value in data.items()}
    return [_without_placeholders(value) for value in data] if isinstance(data, list) else data


def _replace(owner: Any, name: str, listener: Callable[..., Any]) -> Callable[[], None]:
    """Put a listener before a method, and return what takes it away again."""
    original = getattr(owner, name)
    setattr(owner, name, partial(listener, original=original))
    return lambda: setattr(owner, name, original)


def _replace_handler(
    eio: engineio.AsyncServer | engineio.AsyncClient, event: str, listener: Callable[..., Any]
) -> Callable[[], None]:
    """Put a listener before an Engine.IO handler, and return what takes it away again."""
    original = eio.handlers[event]

    async def handler(*args: Any) -> Any:
        return await listener(*args, original=original)

    eio.on(event, handler)
    return lambda: eio.on(event, original)


def _undo(steps: list[Callable[[], None]]) -> None:
    while steps:
        steps.pop()()


def _title(sent: Packet) -> str:
    """Say what a packet is, and whose, for an error."""
    what = {"event": repr(sent.event), "ack": f"the acknowledgement of {sent.event!r}"}
    return f"{what.get(sent.kind, sent.kind)} from {sent.source}"


def _as_tuple(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)


class _ErrorLog(logging.Handler):
    """Hands over the exceptions that are logged, as those are caught and answered otherwise."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(logging.ERROR)
        self._wire = wire

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info and record.exc_info[1]
        wire, what = _handler.get()
        if isinstance(error, Exception) and wire in (None, self._wire):  # not another lab's
            self._wire._failed(error, what or record.getMessage())
