"""The lab's ear on the wire: it hears what a server and its clients say to each other.

It listens where Engine.IO hands packets over: at its handlers, and by `ears`. Nothing that the
server or a client does is changed by it, but for two things: packets that arrive at the same moment
are handled in the order in which they were sent, and a poll that waits is answered at the goodbye.
"""

import asyncio
import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import engineio
import socketio

from chatlib.lab.changes import Changes
from chatlib.lab.ears import (
    client_ear,
    end_polling,
    manager_ear,
    overhear_sending,
    put_before,
    put_under,
    server_ear,
    start_again,
)
from chatlib.lab.errors import Errors
from chatlib.lab.handlers import handles
from chatlib.lab.handling import Handlers
from chatlib.lab.links import Link, Links, name_header
from chatlib.lab.recorder import Recorder, as_tuple, called_by
from chatlib.lab.running import Running
from chatlib.lab.trace import Emission, Trace
from chatlib.lab.waiting import Waiting

_Original = Callable[..., Any]


class Wire:
    """Hears what one server and the lab's clients say to each other, and has it recorded.

    Args:
        trace: Where to record.

    Attributes:
        trace: Where to record.
        is_attached: Whether it listens.
        changes: What tells that something has changed.
        errors: What handlers raised.
        running: What has not ended.
        handlers: The handlers and background tasks.
        links: The connections, and what is under way on them.
        waiting: What waits for all that.
        recorder: What records.
    """

    def __init__(self, trace: Trace) -> None:
        self.is_attached = False
        self.changes = Changes()
        self.errors = Errors(self.changes)
        self.running = Running(self.changes)
        self.handlers = Handlers(self.running, self.errors)
        self.links = Links(self.changes)
        self.waiting = Waiting(self.changes, self.links, self.running, self.handlers, self.errors)
        self.trace = trace
        self.recorder = Recorder(trace, self.links)
        self._io: socketio.AsyncServer = None
        self._client_links: dict[engineio.AsyncClient, Link] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._undo_server: list[Callable[[], None]] = []
        self._undo_clients: list[Callable[[], None]] = []

    def attach(self, io: socketio.AsyncServer) -> None:
        """Start listening on the server's side; the server may be another one each time."""
        _undo(self._undo_server)
        self.is_attached = True
        self._io = io
        self.recorder.use(io.packet_class)
        eio = io.eio
        self._undo_server += [
            put_under(io, server_ear(self)),
            put_under(io.manager, manager_ear()),
            overhear_sending(eio, self),
            put_before(eio, "connect", self._server_connects),
            put_before(eio, "message", self._server_receives),
            put_before(eio, "disconnect", self._server_disconnects),
        ]
        start_again(io)
        logging.getLogger("chatlib").addHandler(self.handlers.log)

    def attach_client(self, client: socketio.AsyncClient, name: str) -> dict[str, str]:
        """Start listening on the side of a client that is not connected yet.

        Returns:
            The headers to connect with.
        """
        eio = client.eio
        self._undo_clients += [
            put_under(eio, client_ear(self)),
            put_before(eio, "connect", partial(self._client_connects, eio, name)),
            put_before(eio, "message", partial(self._client_receives, eio)),
            put_before(eio, "disconnect", partial(self._client_disconnects, eio)),
        ]
        self.trace.add_client(name)
        self.recorder.guests.keep_from(name)
        return name_header(name)

    def detach(self) -> None:
        """Stop listening, and cancel the clients' handlers that still run."""
        self.is_attached = False
        logging.getLogger("chatlib").removeHandler(self.handlers.log)
        _undo(self._undo_server)
        _undo(self._undo_clients)
        for task in self._tasks:
            task.cancel()

    def name_of(self, sid: str) -> str | None:
        """Return the name of the client behind a socket id that is connected or connecting."""
        environ = self._io.get_environ(sid)
        return next((link.name for link in self.links.all() if link.environ is environ), None)

    def handles(self, event: str, namespace: str) -> bool:
        """Tell whether the server has a handler for an event."""
        return handles(self._io, event, namespace)

    def is_polling(self, link: Link) -> bool:
        """Tell whether a connection that is open at the server's end has no WebSocket."""
        if not link.server_open or link.eio_sid not in self._io.eio.sockets:
            return False
        return bool(self._io.eio.transport(link.eio_sid) == "polling")

    # -- what the ears hear -----------------------------------------------------------------------

    def emits(
        self, event: str, data: Any, *args: Any, **kwargs: Any
    ) -> contextlib.AbstractContextManager[Emission]:
        """Record a call of the server's ``emit``, with what the code within sends.

        Args:
            event: The event's name.
            data: Its data.
            *args: More of its arguments, as it has them.
            **kwargs: Those that are given by name.
        """
        to, room, skip, namespace = (*args, None, None, None, None)[:4]
        to = kwargs.get("to", to) or kwargs.get("room", room)
        _warn_of_engine_io_ids(self.links, to)
        skip = kwargs.get("skip_sid", skip)
        return self._emits(event, data, to, skip, kwargs.get("namespace", namespace))

    def starts(
        self, start: Callable[..., asyncio.Task[Any]], target: Any, *args: Any, **kwargs: Any
    ) -> asyncio.Task[Any]:
        """Start a background task, or a handler, of the server's.

        Args:
            start: The server's method that does so.
            target: The function that the task begins with.
            *args: What it is called with.
            **kwargs: The same, by name.
        """
        task = start(self.handlers.guarded(target), *args, **kwargs)
        if getattr(target, "__self__", None) is not self._io.manager:  # it listens for ever
            self.handlers.track(task, target)
        return task

    def sends(self, eio_sid: str, data: str | bytes) -> None:
        """Record a message that the server sends, unless the connection has ended.

        Args:
            eio_sid: The connection's Engine.IO id.
            data: The message.
        """
        link = self.links.get(eio_sid)
        if link and link.server_open:
            self.recorder.server_sends(link, data, is_polling=self.is_polling(link))

    def client_sends(self, eio: engineio.AsyncClient, data: str | bytes) -> None:
        """Record a message that a client sends, unless it is not connected.

        Args:
            eio: The client.
            data: The message.
        """
        link = self._client_links.get(eio)
        if link and link.client_open:
            if len(data) > self._io.eio.max_http_buffer_size:
                link.too_long = len(data)
            self.recorder.client_sends(link, data, is_polling=self.is_polling(link))

    @contextlib.contextmanager
    def _emits(
        self, event: str, data: Any, to: Any, skip: Any, namespace: str | None
    ) -> Iterator[Emission]:
        with (
            self.running.busy(f"io.emit({event!r})"),
            self.recorder.emitting(event, data, to, skip, namespace) as emission,
        ):
            yield emission

    # -- the server's side ------------------------------------------------------------------------

    async def _server_connects(
        self, eio_sid: str, environ: dict[str, Any], *, original: _Original
    ) -> Any:
        link = Link(eio_sid, environ, self.recorder.guests.name(environ))
        self.links.open(link)
        self.trace.connections[eio_sid] = link.name
        return await original(eio_sid, environ)

    async def _server_receives(
        self, eio_sid: str, data: str | bytes, *, original: _Original
    ) -> None:
        if not (link := self.links.get(eio_sid)):
            return  # it was under way when both ends were closed
        if not link.up:  # a client that is not the lab's
            self.recorder.client_sends(link, data, is_polling=self.is_polling(link))
        arrived = await self.links.arrive(link.up)
        link.taken += 1
        self.changes.notify()
        if arrived.kind == "disconnect":
            link.leave(arrived.namespace)
        with called_by(link):
            await self.handlers.handle(
                f"the server's handler of {arrived.title}", original(eio_sid, data)
            )

    async def _server_disconnects(self, eio_sid: str, reason: str, *, original: _Original) -> None:
        link = self.links[eio_sid]
        self.trace.add_client(link.name)
        for goodbye in link.unsaid():
            link.goodbyes.append(goodbye)
            self.recorder.record(goodbye)
        link.namespaces = []
        # The connection is closed before the goodbye is sent; the server learns it all the same.
        for goodbye in link.goodbyes:
            goodbye.arrived = True
        await end_polling(self._io.eio, eio_sid, reason)
        what = f"the server's handler of the disconnect of {link.name}"
        try:
            with called_by(link):
                await self.handlers.handle(what, original(eio_sid, reason))
        finally:
            link.server_open = False
            self.links.end(link)

    # -- the clients' side ------------------------------------------------------------------------

    async def _client_connects(
        self, eio: engineio.AsyncClient, name: str, *, original: _Original
    ) -> None:
        link = self._client_links[eio] = self.links.named(name)[-1]
        link.client_open = True
        await original()

    async def _client_receives(
        self, eio: engineio.AsyncClient, data: str | bytes, *, original: _Original
    ) -> None:
        link = self._client_links[eio]
        task = asyncio.current_task()
        if task:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        arrived = await self.links.arrive(link.down)
        await self.handlers.handle(f"{link.name}'s handler of {arrived.title}", original(data))

    async def _client_disconnects(
        self, eio: engineio.AsyncClient, reason: str, *, original: _Original
    ) -> None:
        link = self._client_links.get(eio)
        name = link.name if link else "a client"
        try:
            await self.handlers.handle(f"{name}'s handler of its disconnect", original(reason))
        finally:
            if link:
                link.client_open = False
                link.reason = link.ending(reason)
                self.links.end(link)


def _warn_of_engine_io_ids(links: Links, to: Any) -> None:
    addresses = as_tuple(to)
    for link in links.all() if addresses else ():
        if link.eio_sid in addresses:
            warnings.warn(
                f"This reaches nobody: {link.name}.sid is the Engine.IO id, of the connection "
                f"alone. The Socket.IO id is {link.name}.get_sid().",
                stacklevel=4,
            )


def _undo(steps: list[Callable[[], None]]) -> None:
    while steps:
        steps.pop()()
