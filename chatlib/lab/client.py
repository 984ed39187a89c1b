"""A live client with a name: a real `socketio.AsyncClient` that the lab listens to."""

import asyncio
import contextlib
import contextvars
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import aiohttp
import socketio
from socketio.exceptions import BadNamespaceError, ConnectionError

from chatlib.lab.errors import add_note
from chatlib.lab.handling import is_readers
from chatlib.lab.recorder import calling
from chatlib.lab.source import name_of
from chatlib.lab.wire import Wire
from chatlib.private_names import check
from chatlib.web import GRACE, cancel

# A client that leaves waits at most this many seconds for the server's goodbye.
_GOODBYE = 0.4


def _defaults() -> dict[str, Any]:
    """Return options with which a client does not let a reader wait: the usual ones are seconds."""
    return {
        "reconnection": False,
        "reconnection_delay": 0.02,
        "reconnection_delay_max": 0.1,
        "randomization_factor": 0,
        "websocket_extra_options": {"timeout": aiohttp.ClientWSTimeout(ws_close=_GOODBYE)},
    }


class Client(socketio.AsyncClient):  # type: ignore[misc]
    """A `socketio.AsyncClient` that takes part in a lab.

    It differs from any other client in what it does *not* do: it does not catch the kernel's
    interrupts, it does not reconnect unless asked to, and it does not wait for a minute.

    Attributes:
        name: What pictures and errors call it.
        connected: Whether it is connected.
        was_connected: Whether it has been connected, and has not left by itself.
    """

    connected: bool

    def __init__(
        self,
        name: str,
        wire: Wire,
        timeout: float,
        turn: Callable[["Client", str], AbstractAsyncContextManager[None]],
        **options: Any,
    ) -> None:
        # python-socketio's own handling of Interrupt stops the event loop, and with it the kernel.
        super().__init__(**_defaults() | options | {"handle_sigint": False})
        self.name = name
        self._wire = wire
        self._timeout = timeout
        self._turn = turn
        self.was_connected = False
        self._has_left = False
        self._background: set[asyncio.Task[Any]] = set()
        self._waiting: set[asyncio.Task[None]] = set()
        check(self, self.eio)
        self._lab_headers = wire.attach_client(self, name)

    def __repr__(self) -> str:
        """Return the name, as ids and addresses differ at every run."""
        return f"<{self.name}: {'connected' if self.connected else 'not connected'}>"

    def is_on(self, wire: Wire) -> bool:
        """Tell whether it belongs to the lab that listens by ``wire``."""
        return self._wire is wire

    async def connect(
        self,
        url: str,
        headers: Mapping[str, str] | None = None,
        auth: Any = None,
        *,
        transports: list[str] | None = None,
        wait_timeout: float | None = None,
        **options: Any,
    ) -> None:
        """Connect, as `socketio.AsyncClient.connect` does.

        Args:
            url: Where the server is; `Lab.url`.
            headers: More HTTP headers to send.
            auth: What the client tells the server about itself, or a function that returns it.
            transports: ``["websocket"]`` by default, to spare each client the upgrade from polling.
            wait_timeout: How long to wait, in seconds; the lab's timeout by default.
            **options: Passed on, for example ``namespaces``.

        Raises:
            socketio.exceptions.ConnectionError: The server refused, or it is connected already.
            LabTimeoutError: The server did not answer.
            Exception: What a handler raised meanwhile.
        """
        __tracebackhide__ = True
        if self.connected:
            raise ConnectionError("Already connected")
        if not self._wire.is_attached:
            raise ConnectionError(self._closed())
        options |= {
            "headers": {**(headers or {}), **self._lab_headers},
            "auth": auth,
            "transports": transports or ["websocket"],
        }
        timeout = wait_timeout or self._timeout
        if asyncio.current_task() in self._background:
            # It reconnects by itself: python-socketio looks after the failures.
            await self._close_websocket()
            await super().connect(url, wait_timeout=timeout, **options)
            self._wire.changes.notify()
            return
        async with self._turn(self, url):
            await self._close_websocket()
            self._has_left = False
            try:
                connecting = super().connect(url, wait_timeout=2 * timeout, **options)
                await self._connect(connecting, timeout)
            except BaseException:
                if options["transports"][0] == "polling":  # the server learns it only by its pings
                    self._wire.links.break_off(self.name)
                raise
        self.was_connected = not self._has_left
        if self._has_left:  # by a handler, which python-socketio does not see
            self.connected = False

    async def _connect(self, connecting: Coroutine[Any, Any, None], timeout: float) -> None:
        __tracebackhide__ = True
        what = f"{self.name} to be connected"
        try:
            # ipykernel prints under the cell whose context a task was created in. In an empty
            # context it falls back to the cell that runs.
            await self._wire.waiting.watch(connecting, timeout, what, contextvars.Context())
        except BaseException as error:
            await self.leave()
            refusals = self._wire.recorder.refusals
            if isinstance(error, ConnectionError) and self.name in refusals:
                add_note(error, f"The server said: {refusals.pop(self.name)}")
            raise

    def _closed(self) -> str:
        return f"The lab of {self.name} is closed; Lab.open(io) opens a new one."

    async def disconnect(self) -> None:
        """Disconnect, as `socketio.AsyncClient.disconnect` does."""
        self.was_connected = False
        self._has_left = True
        await super().disconnect()

    def start_background_task(self, target: Any, *args: Any, **kwargs: Any) -> asyncio.Task[Any]:
        """Start a background task, as `socketio.AsyncClient.start_background_task` does."""
        handlers, what = self._wire.handlers, f"{self.name}'s background task {name_of(target)}"
        task: asyncio.Task[Any] = super().start_background_task(
            handlers.guarded(target, what), *args, **kwargs
        )
        if is_readers(target):
            handlers.keep_error(task, what)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
        return task

    async def wait(self) -> None:
        """Wait until the connection ends; an Interrupt ends the wait, and not the connection."""
        waiting = asyncio.create_task(super().wait())
        self._waiting.add(waiting)
        waiting.add_done_callback(self._waiting.discard)
        # A cancellation is not passed on: it would end the task that reads.
        await asyncio.shield(waiting)

    async def leave(self) -> None:
        """Disconnect, stop reconnecting, or do nothing: whatever it takes to be gone."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                if self._background:  # it stops reconnecting only once that has begun
                    await asyncio.sleep(0)
                await self.shutdown()
                await self.eio.disconnect()
                await self._close_websocket()
        await cancel(self._waiting)

    async def _close_websocket(self) -> None:
        # python-engineio leaves it open if it notices by its writing that the wire is cut.
        if self.eio.ws:
            await self.eio.ws.close()

    async def emit(
        self, event: str, data: Any = None, namespace: str | None = None, callback: Any = None
    ) -> None:
        """Emit an event, as `socketio.AsyncClient.emit` does.

        Args:
            event: The event's name.
            data: Its data; a tuple for several arguments.
            namespace: The Socket.IO namespace.
            callback: Is called with the server's answer.

        Raises:
            socketio.exceptions.BadNamespaceError: The client is not connected.
        """
        __tracebackhide__ = True
        try:
            await super().emit(event, data, namespace, callback)
        except (BadNamespaceError, TypeError) as error:
            if not self._wire.is_attached:
                raise BadNamespaceError(self._closed()) from None
            if not str(namespace or "/").startswith("/"):
                several = f"({data!r}, {namespace!r})"
                add_note(error, f"Several arguments go into one tuple: emit({event!r}, {several}).")
            elif not self.connected:
                add_note(error, f"{self.name} is not connected.")
            raise

    async def call(
        self,
        event: str,
        data: Any = None,
        namespace: str | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Emit an event and return the server's answer, as `socketio.AsyncClient.call` does.

        Args:
            event: The event's name.
            data: Its data; a tuple for several arguments.
            namespace: The Socket.IO namespace.
            timeout: How long to wait, in seconds; the lab's timeout by default.

        Returns:
            What the server's handler returned.

        Raises:
            LabTimeoutError: No answer came, or none can come.
            Exception: What a handler raised meanwhile.
        """
        __tracebackhide__ = True
        timeout = self._timeout if timeout is None else timeout
        what = f"the server to answer {self.name}'s {event!r}"
        if not self._wire.handles(event, namespace or "/"):
            what += ", for which it has no handler"
        asking = super().call(event, data, namespace, 2 * timeout)
        with calling():
            return await self._wire.waiting.watch(
                asking, timeout, what, hopeless=self._wire.links.why_gone(self.name)
            )
