"""Plain `socketio.AsyncClient` objects that note what they hear."""

import asyncio

import socketio

from support.waiting import TIMEOUT, eventually


class Inbox(list):
    """The (event, arguments) pairs that a plain client has heard, in order."""

    def named(self, event):
        return [arguments for name, arguments in self if name == event]


class PlainClient(socketio.AsyncClient):
    """A client that never comes back by itself, with an ``inbox``."""

    def __init__(self, **options):
        super().__init__(handle_sigint=False, reconnection=False, **options)
        self.inbox = Inbox()
        self.on("*", lambda event, *arguments: self.inbox.append((event, arguments)))

    async def hears_itself(self):
        """Say something to everyone, and wait until it comes back."""
        assert await self.call("message", {"text": "hi"}, timeout=TIMEOUT) == {"ok": True}
        await eventually(lambda: self.inbox.named("recieve-message"))


class PlainClients:
    """Connects plain clients to a server, and disconnects them after the test."""

    def __init__(self, url):
        self.url = url
        self.clients = []

    async def __call__(self, auth=None, **options):
        client = PlainClient()
        self.clients.append(client)
        options = {"transports": ["websocket"], "wait_timeout": TIMEOUT} | options
        await client.connect(self.url, auth=auth, **options)
        return client

    async def close(self):
        for client in self.clients:
            await leave(client)


async def leave(client):
    """Disconnect a plain client, and see to it that nothing of its connection is left."""
    await client.shutdown()
    if client.eio.read_loop_task:  # one that the server hung up on may not be through yet
        await asyncio.wait([client.eio.read_loop_task], timeout=TIMEOUT)
    if client.eio.ws:  # python-engineio leaves it open if writing fails before reading does
        await client.eio.ws.close()


async def flush(*clients):
    """Wait until all that the clients sent, and all that was sent to them, has arrived.

    Socket.IO keeps the order of one connection, so the answer to a last event proves that all
    before it was handled; the second round brings what the first one set off.

    Args:
        clients: Plain clients or raw ones.
    """
    for _ in range(2):
        for client in clients:
            await client.call("flush", timeout=TIMEOUT)
