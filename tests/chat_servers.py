"""Chat servers of a test's own making, with or without a history, that start again."""

import json
import threading

import aiohttp
from conftest import TIMEOUT, PlainClients

from chatlib import ChatServer
from chatlib.history import History
from chatlib.web import WebServer


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


class Server:
    """A chat server, its clients, and where it listens."""

    def __init__(self, chat):
        self.chat = chat

    async def start(self):
        self._web = WebServer(self.chat.io)
        await self._web.start()
        self.url = self._web.url
        self._clients = PlainClients(self.url)

    async def connect(self, auth=None, **options):
        return await self._clients(auth, **options)

    async def stop(self):
        await self._clients.close()
        await self._web.stop()


def threads_end():
    """Wait for the threads of databases that are closed: they end a moment after it."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join(TIMEOUT)


async def why_refused(url, auth):
    """Connect with ``auth``, and return the sentence with which that is refused."""
    path = "/socket.io/?EIO=4&transport=websocket"
    async with aiohttp.ClientSession(url) as session, session.ws_connect(path) as websocket:
        await websocket.receive_str(timeout=TIMEOUT)
        await websocket.send_str(f"40{json.dumps(auth)}")
        answer = await websocket.receive_str(timeout=TIMEOUT)
    assert answer.startswith("44"), answer
    return json.loads(answer[2:])["message"]
