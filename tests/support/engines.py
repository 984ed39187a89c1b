"""Engine.IO servers of a test's own making, and what a test says to them by hand."""

import asyncio
import base64
import contextlib
import json
import logging

from chatlib.engine.engine import Engine
from support.raw_servers import BareServer
from support.waiting import TIMEOUT

PATH = "/engine.io/?EIO=4&transport="


class Recorder:
    """An application that notes what it is told; ``app.on(event)`` replaces what it does then."""

    def __init__(self, eio):
        self.eio = eio
        self.told = []
        for event in ("connect", "message", "disconnect"):
            eio.on(event, self._noting(event))

    def _noting(self, event):
        async def handler(sid, *arguments):
            self.told.append((event, sid, *(arguments if event != "connect" else ())))
            if event == "message":
                await self.eio.send(sid, arguments[0])

        return handler

    def reasons(self):
        return [reason for event, _, reason in filter(lambda x: x[0] == "disconnect", self.told)]


class EngineServer(BareServer):
    """An `Engine` that listens; by default it sends back what it is sent.

    Attributes:
        eio: The engine.
        app: What its application was told.
        url: Where it listens.
    """

    path = f"{PATH}websocket"

    def __init__(self, eio):
        self.eio = eio
        self.app = Recorder(eio)

    async def start(self):
        await self.listen(self.eio)

    async def stop(self):
        await self.stop_listening(self.eio)

    async def poller(self):
        """Return the path of a new polling session."""
        return f"{PATH}polling&sid={(await self.handshake())['sid']}"

    async def handshake(self):
        status, text = await self.get(f"{PATH}polling")
        assert (status, text[0]) == (200, "0")
        return json.loads(text[1:])

    async def websocket(self, path=path):
        """Open a WebSocket, on which nothing has been received."""
        return await self.upgrading(path)

    async def client(self):
        """Open a session over a WebSocket."""
        client = await self.websocket()
        client.sid = json.loads((await client.receive())[1:])["sid"]
        return client

    async def upgraded(self, path):
        """Move a polling session to a WebSocket."""
        client = await self.websocket(path)
        await client.send("2probe")
        assert await client.receive() == "3probe"
        await client.send("5")
        return client

    def session(self):
        """Return the one session that there is."""
        [session] = self.eio.sockets.values()
        return session


@contextlib.asynccontextmanager
async def engine(**options):
    """Start an engine of the given options, and stop it."""
    server = EngineServer(Engine(logger=logging.getLogger("tests.engine"), **options))
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def packets(body):
    """Return the packets in the answer to a poll, with binary ones as bytes."""
    return [
        base64.b64decode(packet[1:]) if packet[:1] == "b" else packet
        for packet in body.split("\x1e")
    ]


async def within(awaitable):
    """Await something that must not take long."""
    async with asyncio.timeout(TIMEOUT):
        return await awaitable
