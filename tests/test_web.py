"""The web side: pages, the handshake, and an orderly start and stop."""

import asyncio
import base64
import contextlib
import json
import socket

import aiohttp
import pytest
import socketio
from aiohttp import web
from conftest import TIMEOUT, PlainClients, eventually

from chatlib import ChatServer
from chatlib.web import WebServer

WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
POLLING = "/socket.io/?EIO=4&transport=polling"


async def get(url, path):
    async with (
        aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(TIMEOUT)) as session,
        session.get(path) as answer,
    ):
        return answer.status, answer.content_type, await answer.text()


@contextlib.asynccontextmanager
async def raw_websocket(url, *headers):
    """Open a WebSocket by hand; yields the reader, the writer and the head of the answer."""
    host, port = url.removeprefix("http://").rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [
        f"GET {WEBSOCKET} HTTP/1.1",
        f"Host: {host}:{port}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}",
        *headers,
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        async with asyncio.timeout(TIMEOUT):
            head = await reader.readuntil(b"\r\n\r\n")
        yield reader, writer, head.decode().lower()
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


class TestPages:
    async def test_a_person_sees_that_it_runs(self, chat):
        status, kind, text = await get(chat.url, "/")
        assert (status, kind) == (200, "text/plain")
        assert "chatlib is running here" in text

    async def test_a_monitor_sees_that_it_runs(self, chat):
        assert await get(chat.url, "/health") == (200, "application/json", '{"ok": true}')

    async def test_nothing_else_is_there(self, chat):
        status, _, _ = await get(chat.url, "/etc")
        assert status == 404


class TestCompression:
    OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"

    async def test_an_offer_is_not_taken(self, chat):
        async with raw_websocket(chat.url, self.OFFER) as (_, _, head):
            assert head.startswith("http/1.1 101")
            assert "sec-websocket-extensions" not in head

    async def test_without_our_middleware_it_would_be(self, monkeypatch):
        @web.middleware
        async def as_it_comes(request, handler):
            return await handler(request)

        monkeypatch.setattr("chatlib.web._without_compression", as_it_comes)
        server = WebServer(ChatServer().io)
        await server.start()
        async with raw_websocket(server.url, self.OFFER) as (_, _, head):
            assert "sec-websocket-extensions: permessage-deflate" in head
        await server.stop()

    async def test_the_other_headers_stay(self, chat):
        async with raw_websocket(chat.url, self.OFFER, "X-Mine: 1", "Cookie: a=b"):
            await eventually(lambda: chat.io.environ)
            [environ] = chat.io.environ.values()
        assert (environ["HTTP_X_MINE"], environ["HTTP_COOKIE"]) == ("1", "a=b")
        assert "HTTP_SEC_WEBSOCKET_EXTENSIONS" not in environ


class TestStart:
    async def test_a_free_port(self):
        server = WebServer(ChatServer().io)
        assert server.url == ""
        await server.start()
        host, port = server.url.rsplit(":", 1)
        assert host == "http://127.0.0.1"
        assert int(port) > 0
        await server.stop()

    async def test_a_given_port(self):
        port = free_port()
        server = WebServer(ChatServer().io)
        await server.start(port=port)
        assert server.url == f"http://127.0.0.1:{port}"
        assert (await get(server.url, "/health"))[0] == 200
        await server.stop()

    async def test_a_port_in_use_is_an_os_error_and_leaves_nothing(self, chat):
        server = WebServer(ChatServer().io)
        with pytest.raises(OSError, match="address already in use"):
            await server.start(port=int(chat.url.rsplit(":", 1)[1]))
        assert server.url == ""
        await server.stop()  # does nothing, and says nothing
        await server.start()
        assert (await get(server.url, "/health"))[0] == 200
        await server.stop()

    async def test_an_address_of_another_machine_is_an_os_error(self):
        with pytest.raises(OSError, match=r"assign|bind"):
            await WebServer(ChatServer().io).start("192.0.2.1")

    async def test_the_same_server_again_and_again(self):
        io = ChatServer().io
        for _ in range(3):
            server = WebServer(io)
            await server.start()
            connect = PlainClients(server.url)
            client = await connect()
            await eventually(lambda inbox=client.inbox: inbox.named("welcome"))
            assert io.eio.service_task_handle  # which drops clients that have silently gone
            await server.stop()
            await connect.close()

    async def test_an_ipv6_address_in_a_url(self):
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError as error:
            pytest.skip(f"There is no ::1 on this machine: {error}")
        server = WebServer(ChatServer().io)
        await server.start("::1")
        assert server.url.startswith("http://[::1]:")
        assert (await get(server.url, "/health"))[0] == 200
        await server.stop()


class TestStop:
    """What a stop leaves behind, the fixture `nothing_left` finds."""

    @pytest.fixture
    async def server(self):
        chat = ChatServer()
        server = WebServer(chat.io)
        await server.start()
        server.chat = chat
        return server

    @staticmethod
    async def stop(server):
        async with asyncio.timeout(TIMEOUT):
            await server.stop()
        assert server.chat.io.eio.sockets == {}
        with pytest.raises(aiohttp.ClientConnectionError):
            await get(server.url, "/health")

    async def test_nobody_there(self, server):
        await self.stop(server)
        await server.stop()  # and once more: nothing happens

    async def test_clients_are_told(self, server):
        connect = PlainClients(server.url)
        clients = [await connect() for _ in range(5)]
        gone = []
        for client in clients:
            client.on("disconnect", lambda reason: gone.append(reason))
        await self.stop(server)
        await eventually(lambda: len(gone) == 5)
        assert set(gone) == {socketio.AsyncClient.reason.SERVER_DISCONNECT}
        await connect.close()

    async def test_who_comes_during_the_stop_leaves_as_well(self, server):
        async def come(session):
            async with session.get(POLLING) as answer:
                path = f"{POLLING}&sid={json.loads((await answer.text())[1:])['sid']}"
            async with session.post(path, data="40") as answer:
                assert await answer.text() == "OK"

        async with aiohttp.ClientSession(server.url) as session, aiohttp.ClientSession() as other:
            await come(session)
            # It never answers the goodbye, and so holds up the stop.
            async with other.ws_connect(f"{server.url}/socket.io/?EIO=4&transport=websocket"):
                stopping = asyncio.create_task(server.stop())
                await eventually(lambda: not server.chat.members._members)
                await come(session)
                assert server.chat.members._members
                await stopping
        chat = server.chat
        assert not chat.members._members
        assert not chat.members._sockets
        assert not chat.io.environ

    async def test_a_client_that_waits_in_a_poll(self, server):
        async with aiohttp.ClientSession(server.url) as session:
            async with session.get(POLLING) as answer:
                path = f"{POLLING}&sid={json.loads((await answer.text())[1:])['sid']}"
            await (await session.post(path, data="40")).text()
            await (await session.get(path)).text()
            waiting = asyncio.create_task(session.get(path))
            [connection] = server.chat.io.eio.sockets.values()
            await eventually(lambda: connection.queue._getters)
            await self.stop(server)
            async with asyncio.timeout(TIMEOUT):
                assert await (await waiting).text() == "1"  # the close of Engine.IO

    async def test_a_client_between_two_polls(self, server):
        async with aiohttp.ClientSession(server.url) as session:
            async with session.get(POLLING) as answer:
                assert answer.status == 200
            await self.stop(server)

    async def test_a_client_that_neither_reads_nor_answers(self, server):
        async with raw_websocket(server.url) as (reader, _, _):
            await eventually(lambda: server.chat.io.eio.sockets)
            await self.stop(server)
            with contextlib.suppress(ConnectionResetError):
                async with asyncio.timeout(TIMEOUT):
                    await reader.read()  # to its end

    async def test_a_client_that_is_too_full_to_be_told(self, server):
        async with raw_websocket(server.url) as (_, writer, _):
            await eventually(lambda: server.chat.io.eio.sockets)
            writer.transport.pause_reading()
            [sid] = server.chat.io.eio.sockets
            for _ in range(50):
                await server.chat.io.eio.send(sid, 1_000_000 * "a")
            await self.stop(server)

    async def test_a_connection_that_says_nothing(self, server):
        host, port = server.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        await get(server.url, "/health")  # the server has accepted both
        await self.stop(server)
        writer.close()

    async def test_every_kind_at_once(self, server):
        connect = PlainClients(server.url)
        async with raw_websocket(server.url), raw_websocket(server.url):
            clients = [await connect() for _ in range(3)]
            await self.stop(server)
            await eventually(lambda: not any(client.connected for client in clients))
        await connect.close()
