"""Socket.IO servers that are no chat, python-socketio's own or ours, and clients of them."""

import asyncio
import contextlib
import json

from support.clients import PlainClients
from support.raw_clients import POLLING, WEBSOCKET
from support.raw_servers import BareServer
from support.waiting import TIMEOUT


class IoServer(BareServer):
    """A `socketio.AsyncServer` that listens.

    Attributes:
        io: The server.
        url: Where it listens.
        connect: Connects a plain client: ``await server.connect(auth)``.
    """

    def __init__(self, io):
        self.io = io
        self._clients = []

    async def start(self):
        await self.listen(self.io)
        self.connect = PlainClients(self.url)

    async def stop(self):
        await self.connect.close()
        for client in self._clients:
            await client.websocket.close()
        await self.stop_listening(self.io)

    async def poller(self):
        """Return the path of a new polling session."""
        _, text = await self.get(POLLING)
        return f"{POLLING}&sid={json.loads(text[1:])['sid']}"

    async def open(self, path=WEBSOCKET):
        """Open a WebSocket, and join nothing; that of a polling session has said nothing yet."""
        client = await self.upgrading(path)
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
