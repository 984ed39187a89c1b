"""The web side: an aiohttp application around a Socket.IO server, its start and its stop."""

import asyncio
import contextlib
import ipaddress
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import socketio
from aiohttp import hdrs, web

from chatlib.circuit import Circuit
from chatlib.client_script import ClientScript
from chatlib.connections import AT_ONCE, Connection, Connections
from chatlib.links import hub_url
from chatlib.page import add_console, add_page
from chatlib.proxies import Proxies

# Clients that hang may hold up the stop for this many seconds, all of them together.
GRACE = 0.4
# So many connections may wait to be accepted.
_QUEUE = 1024
# What goes on after it was cancelled is cancelled again after so many seconds, so many times.
_AGAIN, _TIMES = 0.01, 20

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_OTHER_HOST = (
    "This server listens on this machine alone, and answers to localhost, 127.0.0.1 and [::1]. "
    "To have it answer to another name as well, name an origin with --origin.\n"
)
_TOO_MANY = "There are too many connections from your address.\n"

_logger = logging.getLogger("chatlib.web")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class WebServer:
    """A Socket.IO server that listens on one address.

    Args:
        io: The Socket.IO server, of `async_mode` ``"aiohttp"``.
        client_script: The folder of the browser's client, as for `ClientScript.find`.
        trusted_proxies: The addresses or networks of proxies that are believed when they say in
            ``X-Forwarded-For`` and ``X-Forwarded-Proto`` who sent a request, and how.

    Attributes:
        url: Where it listens, for example ``http://127.0.0.1:8000``; empty before `start`.
        address: The same as host and port.
        connections: Its connections, and how many there may be.

    Raises:
        ValueError: The folder does not have the client, or a trusted proxy is neither an address
            nor a network.
    """

    def __init__(
        self,
        io: socketio.AsyncServer,
        client_script: str | Path | None = None,
        trusted_proxies: Iterable[str] = (),
    ) -> None:
        self.url = ""
        self.address = ("", 0)
        self._io = io
        # aiohttp forgets a request whose connection is lost, though its handler may still run.
        self._requests: set[asyncio.Task[Any]] = set()
        self._proxies = Proxies(trusted_proxies)
        self.connections = Connections(_logger, self._proxies)
        self._hosts: set[str] = set()  # any, if there is none
        self._listener: asyncio.Server | None = None
        self._is_stopping = False
        app = application(io, ClientScript.find(client_script))
        app.middlewares[:0] = [self._note_request, self._check_host]
        self._runner = web.AppRunner(app, handler_cancellation=True)

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Start listening.

        Args:
            host: The name or the address of the interface.
            port: The port; 0 takes a free one.

        Raises:
            OSError: The address is in use, or not one of this machine's.
        """
        await self._runner.setup()
        try:
            # asyncio forgets a listener that is cancelled at its last step, and leaves it open.
            await to_the_end(self._listen(host, port))
        except BaseException:
            self._stop_listening()
            await self._runner.cleanup()
            raise
        shown = f"[{host}]" if ":" in host else host
        self.url = f"http://{shown}:{self.address[1]}"

    async def stop(self) -> None:
        """Say goodbye to every client, then stop listening; takes well under a second.

        `AppRunner.cleanup` alone would wait for the clients to leave by themselves.
        """
        if not self.url:  # never started
            return
        self._stop_listening()
        self._is_stopping = True
        # Each waits for its goodbye to be sent, which a client that hangs never lets happen.
        eio = self._io.eio
        goodbyes = [asyncio.create_task(eio.disconnect(sid)) for sid in eio.sockets]
        await self.connections.close(GRACE)
        await cancel([*goodbyes, *self._requests])
        await self._io.shutdown()
        await self._runner.cleanup()
        eio.sockets.clear()

    async def _listen(self, host: str, port: int) -> None:
        self._hosts = _hosts(host, self._io.eio.cors_allowed_origins)
        server, connections = cast("web.Server", self._runner.server), self.connections
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: Connection(server, connections), host, port, backlog=AT_ONCE
        )
        for listening in self._listener.sockets:
            with listening.dup() as same:
                same.listen(_QUEUE)
        self.address = (host, self._listener.sockets[0].getsockname()[1])

    def _stop_listening(self) -> None:
        if self._listener:
            self._listener.close()

    @web.middleware
    async def _note_request(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if task := asyncio.current_task():
            self._requests.add(task)
            task.add_done_callback(self._requests.discard)
        request = self._proxies.read(request)
        connection = cast("Connection", request.protocol)
        try:
            if self.connections.work(connection, request.remote):
                response = await handler(request)
            else:
                response = web.Response(status=503, text=_TOO_MANY)
        finally:
            self.connections.rest(connection)
        if self._is_stopping:
            response.force_close()
        return response

    @web.middleware
    async def _check_host(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        # A page of another site may have that site's name lead to this machine, and is then taken
        # for one of ours; but its browser says the name.
        for host in request.headers.getall(hdrs.HOST, []):
            if self._hosts and _name(host) not in self._hosts:
                self.connections.log.warning(
                    "Refusing a request to %s: neither this machine's name nor an origin's", host
                )
                return web.Response(status=403, text=_OTHER_HOST)
        return await handler(request)


def is_loopback(host: str) -> bool:
    """Tell whether only programs on this machine can reach a host name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _hosts(listening: str, origins: Any) -> set[str]:
    """Return by which names a server may be called; any, if that is empty."""
    named = [origins] if isinstance(origins, str) else [] if callable(origins) else origins or []
    # No browser runs on the machine of a hub, which may not tell the name that people see.
    hub = hub_url()
    if "*" in named or not is_loopback(listening) or hub.startswith("/"):
        return set()
    listening = f"[{listening}]" if ":" in listening else listening
    seen = (_name(urlsplit(url).netloc) for url in [*named, *filter(None, [hub])])
    return {*_LOOPBACK, listening, *seen}


def _name(host: str) -> str:
    """Return a host's name or address without its port."""
    return re.sub(r":\d*$", "", host.lower()).removesuffix(".")


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Await a short piece of work to its end, even if the caller is cancelled meanwhile.

    Args:
        work: What to await.

    Raises:
        asyncio.CancelledError: The caller was cancelled; the work has ended.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        with contextlib.suppress(Exception):  # the caller gets no result of it
            await task
        raise


def application(io: socketio.AsyncServer, script: ClientScript) -> web.Application:
    """Return an aiohttp application: ``io``, what browsers need, and a line for monitors.

    Args:
        io: The Socket.IO server; that of a chat comes with its page, any other with a console.
        script: Where browsers get their Socket.IO client from.
    """
    longest = io.eio.max_http_buffer_size
    app = web.Application(client_max_size=longest)
    if isinstance(io, Circuit):
        add_page(app, script, keeps_history=io.keeps_history)
    else:
        add_console(app, script)
    app.router.add_get("/health", _health)
    script.add_to(app)
    io.attach(app)
    return app


async def _health(request: web.Request) -> web.Response:  # noqa: ARG001
    return web.json_response({"ok": True})


async def cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks, and wait until they have ended."""
    left = set(tasks)
    for _ in range(_TIMES):  # python-socketio takes a cancelled handler for one that has ended
        for task in left:
            task.cancel()
        if left:
            _, left = await asyncio.wait(left, timeout=_AGAIN)
