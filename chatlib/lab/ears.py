"""The lab's ears at a server that somebody else has made: subclasses, put under its objects.

Each overrides what python-socketio and python-engineio document, or `chatlib.engine`.
"""

import asyncio
import functools
import inspect
import re
import string
from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet

import engineio
import socketio

from chatlib.engine import Engine, frames
from chatlib.engine.session import Session
from chatlib.lab.recorder import calling
from chatlib.web import cancel

if TYPE_CHECKING:
    from chatlib.lab.wire import Wire

# Where a class keeps what it overhears with.
_EARS = "_chatlib_ears"

# How the packet of a message begins.
_MESSAGE = "4"

# What a server of python-socketio starts with its first client and never again: what looks after
# its clients, and what its client manager listens with.
_monitors: WeakKeyDictionary[engineio.AsyncServer, Callable[..., Any]] = WeakKeyDictionary()
initialized: WeakSet[socketio.AsyncManager] = WeakSet()


def put_under(owner: Any, ear: type) -> Callable[[], None]:
    """Let an object be one of a subclass, and return what takes that away again.

    Args:
        owner: The object.
        ear: What the subclass overrides, and what it calls as `super`, as if it knew the class.
    """
    _wear(owner, (ear, *_worn(owner)))
    return lambda: _wear(owner, tuple(one for one in _worn(owner) if one is not ear))


def _worn(owner: Any) -> tuple[type, ...]:
    worn: tuple[type, ...] = vars(type(owner)).get(_EARS, ())
    return worn


def _wear(owner: Any, ears: tuple[type, ...]) -> None:
    kind = type(owner).__mro__[len(_worn(owner)) + 1] if _worn(owner) else type(owner)
    names = {"__module__": kind.__module__, "__qualname__": kind.__qualname__, _EARS: ears}
    owner.__class__ = type(kind.__name__, (*ears, kind), names) if ears else kind


def put_before(
    eio: engineio.AsyncServer | engineio.AsyncClient, event: str, listener: Callable[..., Any]
) -> Callable[[], None]:
    """Put a listener before an Engine.IO handler, and return what takes it away again.

    Args:
        eio: The server or the client.
        event: What the handler handles.
        listener: Is called with the handler as its ``original``, besides the arguments.
    """
    original = eio.handlers[event]

    async def awaited(*args: Any) -> Any:
        result = original(*args)
        return await result if inspect.isawaitable(result) else result

    async def handler(*args: Any) -> Any:
        return await listener(*args, original=awaited)

    eio.on(event, handler)
    return lambda: eio.on(event, original)


def server_ear(wire: "Wire") -> type:
    """Return what overhears a `socketio.AsyncServer`."""

    class Ear(socketio.AsyncServer):  # type: ignore[misc]
        @functools.wraps(socketio.AsyncServer.emit)  # Python says its name if nobody awaits it
        async def emit(self, event: str, data: Any = None, *args: Any, **kwargs: Any) -> None:
            with wire.emits(event, data, *args, **kwargs):
                await super().emit(event, data, *args, **kwargs)

        @functools.wraps(socketio.AsyncServer.call)
        async def call(self, *args: Any, **kwargs: Any) -> Any:
            with calling():
                return await super().call(*args, **kwargs)

        def start_background_task(
            self, target: Any, *args: Any, **kwargs: Any
        ) -> asyncio.Task[Any]:
            return wire.starts(super().start_background_task, target, *args, **kwargs)

        def start_handler(self, target: Any, *args: Any) -> None:
            # As python-socketio starts one, so that a picture is the same with every Python.
            self.start_background_task(target, *args)

    return Ear


def engine_ear(wire: "Wire") -> type:
    """Return what overhears an `engineio.AsyncServer`, and lets it stop and start again."""
    tasks: set[asyncio.Task[Any]] = set()

    class Ear(engineio.AsyncServer):  # type: ignore[misc]
        background_tasks = tasks

        async def send_packet(self, sid: str, pkt: Any) -> None:
            if pkt.packet_type == engineio.packet.MESSAGE:
                wire.sends(sid, pkt.data)
            await super().send_packet(sid, pkt)

        def start_background_task(
            self, target: Any, *args: Any, **kwargs: Any
        ) -> asyncio.Task[Any]:
            if isinstance(target, MethodType) and target.__self__ is self:
                _monitors[self] = target.__func__
            task: asyncio.Task[Any] = super().start_background_task(target, *args, **kwargs)
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            return task

        async def shutdown(self) -> None:
            await cancel(tasks)  # pings, which would go on for half a minute

    return Ear


def overhear_sending(eio: engineio.AsyncServer, wire: "Wire") -> Callable[[], None]:
    """Overhear what an Engine.IO server sends, and return what ends that."""
    if not isinstance(eio, Engine):
        return put_under(eio, engine_ear(wire))
    kind = eio.session_class
    eio.session_class = session_ear(wire, kind)

    def end() -> None:
        eio.session_class = kind

    return end


def client_ear(wire: "Wire") -> type:
    """Return what overhears an `engineio.AsyncClient`."""

    class Ear(engineio.AsyncClient):  # type: ignore[misc]
        async def send(self, data: str | bytes) -> None:
            wire.client_sends(self, data)
            await super().send(data)

    return Ear


async def end_polling(eio: engineio.AsyncServer, eio_sid: str, reason: str) -> None:
    """Answer the poll of a client that says goodbye; python-engineio lets it wait.

    Args:
        eio: The server.
        eio_sid: The client's Engine.IO id.
        reason: Why the connection ends.
    """
    is_goodbye = reason == eio.reason.CLIENT_DISCONNECT and not isinstance(eio, Engine)
    if is_goodbye and eio.transport(eio_sid) == "polling":
        await eio.send_packet(eio_sid, engineio.packet.Packet(engineio.packet.NOOP))


def session_ear(wire: "Wire", kind: type[Session]) -> type[Session]:
    """Return a kind of session of `chatlib.engine` that is overheard."""

    class Ear(kind):  # type: ignore[valid-type,misc]
        __slots__ = ()

        def send(self, frame: bytes) -> None:
            packet = frames.packet(frame)
            if isinstance(packet, bytes):
                wire.sends(self.sid, packet)
            elif packet.startswith(_MESSAGE):
                wire.sends(self.sid, packet[len(_MESSAGE) :])
            super().send(frame)

    return Ear


def manager_ear() -> type:
    """Return what lets a client manager be initialized once each time that its server starts."""
    is_done = False

    class Ear(socketio.AsyncManager):  # type: ignore[misc]
        def initialize(self) -> None:
            nonlocal is_done
            if not is_done:
                is_done = True
                initialized.add(self)
                super().initialize()

    return Ear


def id_ear(choose: Callable[[str], str]) -> type:
    """Return what chooses the ids of an Engine.IO server.

    Args:
        choose: Takes one of some characters.
    """

    class Ear(engineio.AsyncServer):  # type: ignore[misc]
        def generate_id(self) -> str:
            # Other characters in the same form, as the form may mean something to the server.
            characters = string.ascii_letters + string.digits
            return re.sub("[A-Za-z0-9_-]", lambda _: choose(characters), super().generate_id())

    return Ear


def start_again(io: socketio.AsyncServer) -> None:
    """Start what a server has started with its first client, if it was stopped since."""
    eio = io.eio
    if monitor := _monitors.get(eio):
        eio.start_background_task(MethodType(monitor, eio))
    if io.manager in initialized:
        io.manager.initialize()
