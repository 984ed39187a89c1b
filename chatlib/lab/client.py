"""A live client with a name: a real `socketio.AsyncClient` that the lab listens to."""

import asyncio
import contextlib
import contextvars
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import aiohttp
import socketio
from socketio.exceptions import ConnectionError
from socketio.exceptions import TimeoutError as SocketTimeoutError

from chatlib.lab.errors import LabTimeoutError
from chatlib.lab.handling import is_readers
from chatlib.lab.source import name_of
from chatlib.lab.wire import Wire
from chatlib.web import GRACE

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
        was_connected: Whether it has been connected, and has not left by itself.
    """

    def __init__(
        self,
        name: str,
        wire: Wire,
        timeout: float,
        before_connect: Callable[["Client", str], Awaitable[None]],
        **options: Any,
    ) -> None:
        # python-socketio's own handling of Interrupt stops the event loop, and with it the kernel.
        super().__init__(**_defaults() | options | {"handle_sigint": False})
        self.name = name
        self._wire = wire
        self._timeout = timeout
        self._before_connect = before_connect
        self.was_connected = False
        self._background: set[asyncio.Task[Any]] = set()
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
        timeout = wait_timeout or self._timeout
        reconnecting = asyncio.current_task() in self._background
        if self.connected:
            raise ConnectionError("Already connected")
        if not reconnecting:
            await self._before_connect(self, url)
        await self._close_websocket()
        connecting = super().connect(
            url,
            headers={**(headers or {}), **self._lab_headers},
            auth=auth,
            transports=transports or ["websocket"],
            wait_timeout=timeout if reconnecting else 2 * timeout,
            **options,
        )
        if reconnecting:  # by itself: python-socketio looks after the failures
            await connecting
            self._wire.changes.notify()
            return
        try:
            # ipykernel prints under the cell whose context a task was created in. In an empty
            # context it falls back to the cell that runs.
            await self._wire.waiting.watch(
                connecting, timeout, f"{self.name} to be connected", contextvars.Context()
            )
        except BaseException as error:
            await self.leave()
            if isinstance(error, ConnectionError) and self.name in self._wire.refusals:
                error.add_note(f"The server said: {self._wire.refusals.pop(self.name)}")
            raise
        self.was_connected = True

    async def disconnect(self) -> None:
        """Disconnect, as `socketio.AsyncClient.disconnect` does."""
        self.was_connected = False
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
        if self.eio.read_loop_task:
            # Unlike `await`, this does not pass a cancellation on to the task that reads.
            await asyncio.wait([self.eio.read_loop_task])
        await super().wait()

    async def leave(self) -> None:
        """Disconnect, stop reconnecting, or do nothing: whatever it takes to be gone."""
        # A client that polls would wait for the answer to its last request: half a minute.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                if self._reconnect_task:  # python-socketio stops only what has begun
                    await asyncio.sleep(0)
                await self.shutdown()
                await self.eio.disconnect()
                await self._close_websocket()

    async def _close_websocket(self) -> None:
        # python-engineio leaves it open if it notices by its writing that the wire is cut.
        if self.eio.ws:
            await self.eio.ws.close()

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
            LabTimeoutError: No answer came.
            Exception: What a handler raised meanwhile.
        """
        __tracebackhide__ = True
        timeout = self._timeout if timeout is None else timeout
        what = f"the server to answer {self.name}'s {event!r}"
        calling = super().call(event, data, namespace, 2 * timeout)
        try:
            return await self._wire.waiting.watch(calling, timeout, what)
        except SocketTimeoutError:  # the connection has gone, and a call does not notice
            raise LabTimeoutError(f"Waited {timeout:g} s for {what}.") from None
