"""Socket.IO servers that are no chat, python-socketio's own or ours, and clients of them."""

import asyncio
import contextlib
import json

import aiohttp
from aiohttp import web

from support.clients import PlainClients
from support.raw_clients import POLLING, WEBSOCKET, RawClient, WireClient
from support.waiting import TIMEOUT


class IoServer:
    """A `socketio.AsyncServer` that listens.

    Attributes:
        io: The server.
        url: Where it listens.
        connect: Connects a plain client: ``await server.connect(auth)``.
    """

    def __init__(self, io):
        self.io = io
        self._clients = []
        self._wires = []

    async def start(self):
        app = web.Application()
        self.io.attach(app)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=1
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.connect = PlainClients(self.url)
        self.http = aiohttp.ClientSession(self.url, timeout=aiohttp.ClientTimeout(TIMEOUT))

    async def stop(self):
        await self.connect.close()
        for client in self._clients:
            await client.websocket.close()
        for wire in self._wires:
            await wire.close()
        await self.http.close()
        await self.io.shutdown()
        for connection in self._runner.server.connections:
            connection.force_close()
        await self._runner.cleanup()

    async def get(self, path, **options):
        async with self.http.get(path, **options) as answer:
            return answer.status, await answer.text()

    async def post(self, path, body, **options):
        async with self.http.post(path, data=body, **options) as answer:
            return answer.status, await answer.text()

    async def poller(self):
        """Return the path of a new polling session."""
        _, text = await self.get(POLLING)
        return f"{POLLING}&sid={json.loads(text[1:])['sid']}"

    async def open(self, path=WEBSOCKET):
        """Open a WebSocket, and join nothing; that of a polling session has said nothing yet."""
        path = path.replace("polling", "websocket")
        client = RawClient(await self.http.ws_connect(path, max_msg_size=0))
        self._clients.append(client)
        if path == WEBSOCKET:
            assert (await client.receive())[0] == "0"
            client.frames.clear()
        return client

    async def client(self, auth=None):
        """Return a raw client that has joined ``/``."""
        client = await self.open()
        answer = await client.enter(auth)
        assert "sid" in answer, answer
        client.frames.clear()
        return client

    async def wire(self, **options):
        """Open a WebSocket by hand, on which nothing is read."""
        self._wires.append(await WireClient.open(self.url, WEBSOCKET, **options))
        return self._wires[-1]

    @property
    def ghosts(self):
        """What the server still holds of clients."""
        io = self.io
        return [
            *io.eio.sockets,
            *io.environ,
            *io.manager.rooms,
            *io.manager.pending_connect,
            *io.manager.pending_disconnect,
            *io.manager.callbacks,
            *getattr(io, "_clients", ()),
            *getattr(io.manager, "_asked", ()),
        ]


@contextlib.asynccontextmanager
async def serving_io(io):
    """Let a server listen, and stop it."""
    server = IoServer(io)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


async def within(awaitable):
    """Await something that must not take long."""
    async with asyncio.timeout(TIMEOUT):
        return await awaitable
