"""Chat servers of a test's own making, with or without a history, that start again."""

import contextlib
import json

import aiohttp

from chatlib import ChatServer
from chatlib.history import History
from chatlib.web import WebServer
from support.clients import PlainClients
from support.raw_clients import POLLING, WEBSOCKET, RawClient
from support.raw_servers import RawRequests
from support.waiting import threads_end

CLIENT_EVENTS = ("message", "join-room", "leave-room")


class Server(RawRequests):
    """A chat server that listens, and its clients, with a client library and without.

    Attributes:
        chat: The chat server.
        url: Where it listens.
        connect: Connects a plain client: ``await server.connect(auth)``.
    """

    def __init__(self, chat, trusted_proxies=()):
        self.chat = chat
        self.web = WebServer(chat.io, trusted_proxies=trusted_proxies)

    async def start(self):
        await self.web.start()
        self.open_requests(self.web.url)
        self.connect = PlainClients(self.url)

    async def stop(self):
        """Let all clients leave, and stop."""
        await self.close_requests()
        await self.connect.close()
        await self.web.stop()

    # -- clients without a client library --

    async def open(self):
        """Open a WebSocket, and nothing more."""
        client = await self.upgrading(WEBSOCKET)
        assert (await client.receive())[0] == "0"
        client.frames.clear()
        return client

    async def client(self, auth=None):
        """Return a raw client that was let in and welcomed."""
        client = await self.open()
        answer = await client.enter(auth)
        assert "sid" in answer, answer
        await client.until(lambda frame: frame.startswith('42["welcome"'))
        return client

    async def hang_up(self, wire):
        self._wires.remove(wire)
        await wire.close()

    async def poller(self):
        """Return the path of a new polling session."""
        _, text = await self.get(POLLING)
        return f"{POLLING}&sid={json.loads(text[1:])['sid']}"

    # -- what no public way tells: nowhere else do tests look into these --

    @property
    def transports(self):
        """The connections that are open, of whatever kind."""
        return [each.transport for each in self.web.connections if each.transport]

    @property
    def unread(self):
        """How many bytes wait in memory for each client, before they are handed over."""
        return [session._size for session in self.chat.io.eio.sockets.values()]

    @property
    def ghosts(self):
        """What the server still holds of clients."""
        io = self.chat.io
        return [
            *io.eio.sockets,
            *io.environ,
            *io.manager.rooms,
            *io.manager.pending_connect,
            *io.manager.pending_disconnect,
            *io.manager._asked,
            *io._clients,
            *self.chat.members,
            *(user.room for user in self.chat.members._sockets),
        ]


@contextlib.asynccontextmanager
async def serving(trusted_proxies=(), **options):
    """Start a chat server of the given options, and stop it."""
    server = Server(ChatServer(**options), trusted_proxies)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Servers:
    """Starts chat servers that keep their messages in one file: ``await servers()``."""

    def __init__(self, folder):
        self._folder = folder
        self._running = []

    async def __call__(self, *, history=True, bound=1000, **options):
        if history is True:
            history = History(self._folder / "history.db", bound=bound)
        server = Server(ChatServer(history=history or None, **options))
        self._running.append(server)
        await server.start()
        return server

    async def stop(self):
        for server in self._running:
            await server.stop()
        threads_end()


async def why_refused(url, auth):
    """Connect with ``auth``, and return the sentence with which that is refused."""
    async with aiohttp.ClientSession(url) as session, session.ws_connect(WEBSOCKET) as websocket:
        client = RawClient(websocket)
        await client.receive()
        answer = await client.enter(auth)
    assert "sid" not in answer, answer
    return answer["message"]
