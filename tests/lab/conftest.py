import pytest
import pytest_asyncio
import socketio

from chatlib.lab import Lab


@pytest.fixture
def io():
    return socketio.AsyncServer(async_mode="aiohttp")


@pytest_asyncio.fixture
async def lab(io):
    async with await Lab.open(io) as lab:
        yield lab
