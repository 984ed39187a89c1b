"""Servers that are one, through Redis: what one of them publishes, the others hear.

A lab listens where python-socketio's manager hands on what it has heard: at `AsyncManager.emit` and
``trigger_callback``, which a class put below the manager's own overrides, and at
`AsyncServer.disconnect`.

It waits for what was published by publishing a mark: Redis keeps the order of a channel, and a
manager handles one message after the other, so that who has heard the mark has handled all that was
published before it. To a server without a lab, a mark is an event in a namespace that nobody is in.
"""

import asyncio
import contextlib
import itertools
import logging
import uuid
from collections.abc import Iterator
from typing import Any
from weakref import WeakValueDictionary

import socketio

from chatlib.engine import Fanout
from chatlib.lab.changes import Changes
from chatlib.lab.ears import initialized, put_under
from chatlib.lab.errors import LabTimeoutError
from chatlib.lab.recorder import current_emission
from chatlib.lab.wire import Wire
from chatlib.web import GRACE, cancel

# The namespace of the marks, those of labs in other kernels included.
_MARKS = "/chatlib-lab"

# A mark that comes before the subscription is lost: it is published again after so many seconds,
# and later and later.
_AGAIN = 0.005

# So many marks go round, at most, where something never ends: it may publish faster than they go.
_ROUNDS = 50

# A publisher's own log: what goes wrong becomes an error of the lab's.
_silent = logging.getLogger(f"{__name__}.publisher")
_silent.disabled = True


class Channel:
    """What the labs of one kernel have in common whose servers share a Redis channel.

    Attributes:
        ids: The name behind each socket id, of all their clients.
        subscriptions: The labs' ends of it.
        changes: What tells that a mark was heard.
        unheard: Who has not heard a mark yet, by mark.
    """

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self.subscriptions: list[Subscription] = []
        self.changes = Changes()
        self.unheard: dict[str, set[Subscription]] = {}

    def heard(self, mark: str, subscription: "Subscription") -> None:
        """Note who has heard a mark; it may be another kernel's."""
        self.unheard.get(mark, set()).discard(subscription)
        self.changes.notify()

    def leave(self, subscription: "Subscription") -> None:
        """Wait no longer for one of the labs."""
        if subscription in self.subscriptions:
            self.subscriptions.remove(subscription)
        for mark in self.unheard:
            self.heard(mark, subscription)


# By event loop, as nothing of one can be waited for in another, and by what names a channel.
_channels: WeakValueDictionary[tuple[object, ...], Channel] = WeakValueDictionary()


def is_shared(io: socketio.AsyncServer) -> bool:
    """Tell whether a server has others beside it.

    Raises:
        TypeError: It does, but its client manager is not a `socketio.AsyncRedisManager`.
    """
    if isinstance(io.manager, socketio.AsyncRedisManager):
        return True
    if hasattr(io.manager, "channel"):
        raise TypeError(
            "A lab can use a server that shares a socketio.AsyncRedisManager with others; this one "
            f"has a client manager of the type {type(io.manager).__name__}."
        )
    return False


class Subscription:
    """One lab's end of a Redis channel.

    Args:
        io: The lab's server.
        wire: What listens to it.
    """

    def __init__(self, io: socketio.AsyncServer, wire: Wire) -> None:
        manager = io.manager
        key = (asyncio.get_running_loop(), manager.redis_url, manager.channel)
        self._channel = _channels.setdefault(key, Channel())
        self._io = io
        self._wire = wire
        self._class = type(manager)
        self._is_attached = False
        self._settling: set[asyncio.Task[Any]] = set()
        # Not the server's own: a manager does not hear what it has published itself.
        self._publisher = socketio.AsyncRedisManager(
            manager.redis_url,
            channel=manager.channel,
            write_only=True,
            logger=_silent,
            redis_options=dict(manager.redis_options),
        )
        self._channel.ids.update(wire.trace.ids)
        wire.trace.ids = self._channel.ids

    async def start(self, timeout: float) -> None:
        """Subscribe, and wait until the server hears what is published.

        Args:
            timeout: How long to wait, in seconds.

        Raises:
            ConnectionError: Redis does not answer.
            LabTimeoutError: That took too long.
        """
        __tracebackhide__ = True
        await self._publish("")  # no subscription is tried where there is no Redis
        if self._io.manager not in initialized:  # it would forget a connection that it has
            await _close(self._io.manager)
        self._attach()
        await self.settle(timeout)

    async def settle(self, timeout: float) -> None:
        """Wait until all that was published has arrived, and every lab on the channel is quiet.

        Args:
            timeout: How long to wait, in seconds.

        Raises:
            ConnectionError: Redis does not answer.
            LabTimeoutError: That took too long.
            Exception: What a handler of this lab raised.
        """
        __tracebackhide__ = True
        await self._wire.waiting.watch(
            self._settle(timeout), 2 * timeout, "what was published to arrive"
        )

    async def stop(self) -> None:
        """Close the connections to Redis; a stopped server's manager leaves its own open."""
        self.detach()
        await cancel(self._settling)  # nobody waits for them, and they would connect anew
        for manager in (self._io.manager, self._publisher):
            await _close(manager)

    def detach(self) -> None:
        """Stop listening."""
        if not self._is_attached:
            return
        self._is_attached = False
        self._channel.leave(self)
        self._io.manager.__class__ = self._class
        self._end_disconnects()
        self._wire.waiting.beyond = None

    def _attach(self) -> None:
        self._is_attached = True
        self._io.manager.__class__ = _with_ear(self._class, self)
        self._end_disconnects = put_under(self._io, _disconnect_ear(self))
        self._wire.waiting.beyond = self.settle
        self._io.manager.initialize()  # else only its first client would make it listen
        if not self._io.manager.write_only:
            self._channel.subscriptions.append(self)

    def heard(self, mark: str) -> None:
        """Note that the server has handled all that was published before a mark."""
        self._channel.heard(mark, self)

    async def _settle(self, timeout: float) -> None:
        __tracebackhide__ = True
        if task := asyncio.current_task():
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)
        try:
            async with asyncio.timeout(timeout):
                for round_ in itertools.count(1):
                    is_over = not await self._has_anything_happened()
                    if is_over or (round_ >= _ROUNDS and self._is_endless()):
                        return
        except TimeoutError:
            raise LabTimeoutError(f"Waited {timeout:g} s for {self._what_is_left()}.") from None

    async def _has_anything_happened(self) -> bool:
        """Wait until every lab is quiet; tell whether that held while a mark went round."""
        wires = [subscription._wire for subscription in self._channel.subscriptions]
        for wire in wires:
            await wire.changes.until(wire.waiting.is_quiet)
        before = [wire.changes.count for wire in wires]
        await self._flush()
        is_quiet = all(wire.waiting.is_quiet() for wire in wires)
        return not is_quiet or before != [wire.changes.count for wire in wires]

    def _is_endless(self) -> bool:
        wires = [subscription._wire for subscription in self._channel.subscriptions]
        return any(wire.running.has_left_out() for wire in wires)

    def _what_is_left(self) -> str:
        for subscription in self._channel.subscriptions:
            if not subscription._wire.waiting.is_quiet():
                return subscription._wire.waiting.what_is_left()
        return "what was published through Redis to arrive"

    async def _flush(self) -> None:
        """Wait until every server has handled what was published before."""
        __tracebackhide__ = True
        mark, pause = uuid.uuid4().hex, _AGAIN
        unheard = self._channel.unheard[mark] = set(self._channel.subscriptions)
        try:
            while unheard:
                await self._publish(mark)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._channel.changes.until(lambda: not unheard)
                pause *= 2
        finally:
            del self._channel.unheard[mark]

    async def _publish(self, mark: str) -> None:
        __tracebackhide__ = True
        await self._publisher.emit(mark, None, namespace=_MARKS)
        try:  # publishing does not say what went wrong
            await self._publisher.redis.ping()
        except Exception as error:  # noqa: BLE001  (the driver's own, of redis or valkey)
            raise ConnectionError(f"Redis does not answer: {error}") from None

    @contextlib.contextmanager
    def hearing(
        self, event: str, data: Any, room: Any, skip_sid: Any, namespace: str
    ) -> Iterator[None]:
        """Record what the server emits because another one does, or that others will."""
        if emission := current_emission():
            emission.is_shared = True
            yield
            return
        with (
            self._wire.handlers.handling(f"{event!r} from another server"),
            self._wire.recorder.emitting(
                event, data, room, skip_sid, namespace, is_foreign=True
            ) as emission,
        ):
            emission.is_shared = True
            yield

    @contextlib.contextmanager
    def answered(self) -> Iterator[None]:
        """Keep what a callback raises that another server has handed on."""
        if self._wire.handlers.is_handling():
            yield
            return
        with self._wire.handlers.handling("the callback of an acknowledgement"):
            yield

    def disconnecting(self, sid: str) -> contextlib.AbstractContextManager[None]:
        """Keep what a handler raises because another server ends a connection."""
        name = self._channel.ids.get(sid, sid)
        return self._wire.handlers.handling(f"the server's handler of the disconnect of {name}")


async def _close(manager: socketio.AsyncRedisManager) -> None:
    if manager.redis:  # it connects anew when it is used again
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await manager.redis.aclose()


def _with_ear(manager: type, subscription: Subscription) -> type:
    """Return a manager's class with one more base, in which it hands on what it has heard."""
    base = Fanout if issubclass(manager, Fanout) else socketio.AsyncManager

    class Ear(base):  # type: ignore[valid-type,misc]
        async def emit(
            self,
            event: str,
            data: Any,
            namespace: str,
            room: Any = None,
            skip_sid: Any = None,
            callback: Any = None,
            **options: Any,
        ) -> None:
            if namespace == _MARKS:
                subscription.heard(event)
                return
            with subscription.hearing(event, data, room, skip_sid, namespace):
                await super().emit(event, data, namespace, room, skip_sid, callback, **options)

        async def trigger_callback(self, sid: str, id: int, data: Any) -> None:  # noqa: A002
            with subscription.answered():
                await super().trigger_callback(sid, id, data)

    return type(manager.__name__, (manager, Ear), {})


def _disconnect_ear(subscription: Subscription) -> type:
    class Ear(socketio.AsyncServer):  # type: ignore[misc]
        async def disconnect(self, sid: str, namespace: str | None = None, **options: Any) -> None:
            is_foreign = options.get("ignore_queue")
            with subscription.disconnecting(sid) if is_foreign else contextlib.nullcontext():
                await super().disconnect(sid, namespace, **options)

    return Ear
