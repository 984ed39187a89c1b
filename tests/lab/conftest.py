import functools

import pytest
import pytest_asyncio
import socketio

from chatlib.engine import Server
from chatlib.lab import Lab
from chatlib.web import WebServer
from support.waiting import TIMEOUT

plain = functools.partial(socketio.AsyncServer, async_mode="aiohttp")


@pytest.fixture(
    params=[
        pytest.param(plain, id="python-socketio"),
        pytest.param(Server, id="engine", marks=pytest.mark.slow),
    ]
)
def io(request):
    """A server: as readers make it, or as `ChatServer` does."""
    return request.param()


@pytest_asyncio.fixture
async def lab(io):
    async with await Lab.open(io) as lab:
        yield lab


@pytest_asyncio.fixture
async def bare(io):
    """Connect plain clients to a plain server: ``await bare()``."""
    server = WebServer(io)
    await server.start()
    clients = []

    async def connect():
        client = socketio.AsyncClient(handle_sigint=False, reconnection=False)
        clients.append(client)
        await client.connect(server.url, transports=["websocket"], wait_timeout=TIMEOUT)
        return client

    yield connect
    for client in clients:
        await client.disconnect()
    await server.stop()
