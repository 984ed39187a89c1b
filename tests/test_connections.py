"""Connections that say nothing, or too little: they are closed, and take nobody's place."""

import asyncio
import contextlib
import socket
import sys
import zlib

import aiohttp
import pytest
import pytest_asyncio

from chatlib import connections
from support.processes import Process
from support.raw_clients import WEBSOCKET
from support.waiting import TIMEOUT

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Lines:
    """Bare TCP connections."""

    def __init__(self):
        self._writers = []

    async def __call__(self, url, sent=b"", address="127.0.0.1"):
        host, port = url.removeprefix("http://").split(":")
        bare = socket.create_connection((host, int(port)), TIMEOUT, (address, 0))
        reader, writer = await asyncio.open_connection(sock=bare)
        self._writers.append(writer)
        writer.write(sent)
        return reader, writer

    async def close(self):
        for writer in self._writers:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@pytest_asyncio.fixture
async def connect_tcp():
    lines = Lines()
    yield lines
    await lines.close()


async def has_ended(reader):
    """Wait until the other side closes a connection."""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(TIMEOUT):
            while await reader.read(65_536):
                pass
    return True


async def answer(reader):
    async with asyncio.timeout(TIMEOUT):
        return await reader.readuntil(b'{"ok": true}')


class TestDeadlines:
    @pytest.fixture(autouse=True)
    def hurry(self, monkeypatch):
        monkeypatch.setattr(connections, "FIRST", 0.05)
        monkeypatch.setattr(connections, "NEXT", 0.05)

    @pytest.mark.parametrize(
        "sent", [b"", b"GET", b"GET / HTTP/1.1\r\nHost: x", HEALTH[:-1], b"\r\n" * 10, b"\x16\x03"]
    )
    async def test_a_connection_without_a_request_is_closed(self, server, connect_tcp, sent):
        reader, _ = await connect_tcp(server.url, sent)
        assert await has_ended(reader)

    async def test_a_request_that_comes_byte_by_byte_gets_no_more_time(self, server, connect_tcp):
        reader, writer = await connect_tcp(server.url, HEALTH[:10])
        ended = asyncio.create_task(has_ended(reader))
        while not ended.done():
            writer.write(b"x")
            await asyncio.sleep(0.005)
        assert await ended

    async def test_so_is_one_that_asks_nothing_more(self, server, connect_tcp):
        for sent in (HEALTH, HEALTH + HEALTH[:-2], HEALTH * 3):
            reader, _ = await connect_tcp(server.url, sent)
            assert await answer(reader)
            assert await has_ended(reader)

    @pytest.mark.slow
    async def test_and_one_that_does_not_read_its_answers(self, server):
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            await loop.sock_connect(client, server.web.address)

            async def ask_for_ever():
                while True:
                    await loop.sock_sendall(client, HEALTH * 1000)

            with pytest.raises(ConnectionError):
                await asyncio.wait_for(ask_for_ever(), TIMEOUT)

    async def test_and_one_that_sends_half_the_body_of_what_was_refused(
        self, server, connect_tcp, monkeypatch
    ):
        monkeypatch.setattr(connections, "_LINGERING", 0.05)
        post = b"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\nhalf"
        reader, _ = await connect_tcp(server.url, post)
        assert await has_ended(reader)

    async def test_a_client_that_is_in_stays(self, server):
        client = await server.client()
        async with asyncio.timeout(TIMEOUT):
            await asyncio.sleep(0.1)  # past both deadlines
        assert (await client.call("join-room", "tea"))["ok"]

    async def test_so_does_one_that_polls(self, server):
        path = await server.poller()
        await server.post(path, "40")
        waits = asyncio.create_task(server.get(path))
        while not (await asyncio.wait([waits], timeout=0.1))[0]:
            pass
        assert (await waits)[0] == 200


class TestTooMany:
    @pytest.fixture
    def few(self, server):
        server.web.connections.most = 8

    async def test_the_one_that_was_idle_for_longest_makes_room(self, server, few, connect_tcp):
        idle = [await connect_tcp(server.url) for _ in range(6)]
        newcomer, _ = await connect_tcp(server.url, HEALTH)
        assert await answer(newcomer)
        first, *others = [reader for reader, _ in idle]
        assert await has_ended(first)
        assert not any(reader.at_eof() for reader in others)

    async def test_who_is_in_keeps_its_place(self, server, few, connect_tcp):
        clients = [await server.client() for _ in range(4)]
        for _ in range(40):
            await connect_tcp(server.url)
        for client in clients:
            assert (await client.call("join-room", "tea"))["ok"]
        assert await server.client()

    async def test_where_all_are_at_work_a_new_one_is_turned_away(self, server, few, connect_tcp):
        clients = [await server.client() for _ in range(6)]
        reader, _ = await connect_tcp(server.url, HEALTH)
        assert await has_ended(reader)
        other, _ = await connect_tcp(server.url, HEALTH, "127.0.0.2")
        assert await answer(other)
        assert not any(client.websocket.closed for client in clients)

    async def test_one_address_leaves_room_for_others(self, server, few, connect_tcp):
        for _ in range(40):
            await connect_tcp(server.url, address="127.0.0.2")
        idle = [(await connect_tcp(server.url, address="127.0.0.3"))[0] for _ in range(2)]
        for _ in range(40):
            await connect_tcp(server.url, address="127.0.0.2")
        reader, _ = await connect_tcp(server.url, HEALTH, "127.0.0.2")
        assert await answer(reader)
        assert not any(reader.at_eof() for reader in idle)

    async def test_a_place_becomes_free_when_a_client_leaves(self, server, few):
        for _ in range(30):
            client = await server.client()
            await client.websocket.close()

    async def test_what_is_said_of_it_is_one_line_a_second(self, server, few, connect_tcp, log):
        for _ in range(100):
            await connect_tcp(server.url)
        for _ in range(100):
            reader, _ = await connect_tcp(server.url, b"this is no HTTP\r\n\r\n")
            await has_ended(reader)
        assert 1 <= len(log()) <= 10
        assert log()[0] == ("There are too many connections: closing an idle one from 127.0.0.1")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
@pytest.mark.slow
async def test_four_hundred_silent_connections_at_a_limit_of_256_descriptors(tmp_path, connect_tcp):
    """Newcomers come in all the same, and the log stays short."""
    run = f"ulimit -n 256 && exec '{sys.executable}' -m chatlib --port 0"
    process = Process(["sh", "-c", run], tmp_path, PYTHONUNBUFFERED="")
    try:
        await process.printed("listening")
        url = process.lines[0].rpartition(" ")[2]
        for _ in range(400):
            await connect_tcp(url)
        async with aiohttp.ClientSession(url) as session:
            for _ in range(5):
                async with session.ws_connect(WEBSOCKET) as websocket:
                    await websocket.receive(TIMEOUT)
                    await websocket.send_str("40")
                    assert (await websocket.receive_str(timeout=TIMEOUT)).startswith("40")
        assert len(process.lines) + len(process.errors) < 40
        assert process.errors == []
    finally:
        process.kill()


async def test_what_is_compressed_is_not_unpacked(server):
    path = await server.poller()
    body = zlib.compress(b"40")
    headers = {"Content-Encoding": "deflate"}
    status, _ = await server.post(path, body, headers=headers)
    assert status == 400
