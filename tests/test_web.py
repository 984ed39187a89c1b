"""The web side: pages, the handshake, and an orderly start and stop."""

import asyncio
import contextlib
import gc
import json
import socket
import weakref

import aiohttp
import pytest
import pytest_asyncio
import socketio

from chatlib import ChatServer
from chatlib.engine import Server
from chatlib.web import WebServer
from support.clients import PlainClients
from support.processes import free_port
from support.raw_clients import POLLING, WEBSOCKET, WireClient
from support.servers import serving
from support.waiting import TIMEOUT, eventually


def has_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


async def get(url, path):
    async with (
        aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(TIMEOUT)) as session,
        session.get(path) as answer,
    ):
        return answer.status, answer.content_type, await answer.text()


class TestPages:
    async def test_a_person_gets_the_page_of_the_chat(self, server):
        status, kind, text = await get(server.url, "/")
        assert (status, kind) == (200, "text/html")
        assert "<title>Chat</title>" in text

    async def test_a_monitor_sees_that_it_runs(self, server):
        assert await get(server.url, "/health") == (200, "application/json", '{"ok": true}')

    async def test_nothing_else_is_there(self, server):
        status, _, _ = await get(server.url, "/etc")
        assert status == 404


class TestCompression:
    OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"

    async def test_an_offer_is_not_taken(self, server):
        client = await server.wire(headers=[self.OFFER])
        assert "sec-websocket-extensions" not in client.head

    async def test_the_headers_stay(self, server, chat):
        await server.wire(headers=["X-Mine: 1", "Cookie: a=b"])
        await eventually(lambda: chat.io.environ)
        [environ] = chat.io.environ.values()
        assert (environ["HTTP_X_MINE"], environ["HTTP_COOKIE"]) == ("1", "a=b")


class TestHangingUp:
    async def test_before_the_handshake_is_answered_is_nothing_to_log(self, server, log):
        """As a page does that is refused while it changes to a WebSocket."""
        lines = [
            f"GET {WEBSOCKET} HTTP/1.1",
            f"Host: {server.web.address[0]}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ]
        with socket.create_connection(server.web.address) as client:
            client.sendall("\r\n".join([*lines, "", ""]).encode())
        await get(server.url, "/health")  # by then, that was served
        await eventually(lambda: not server.transports and not server.ghosts)
        assert log() == []


class TestHost:
    """A page whose host's name leads to this machine is not one of this machine's.

    Browsers believe it is ("DNS rebinding"), and send no `Origin` then; but the name they send.
    """

    @staticmethod
    async def status(server, path, *hosts, version="1.1"):
        reader, writer = await asyncio.open_connection(*server.web.address)
        lines = [f"GET {path} HTTP/{version}", *(f"Host: {host}" for host in hosts)]
        writer.write("\r\n".join([*lines, "Connection: close", "", ""]).encode())
        async with asyncio.timeout(TIMEOUT):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
        return int(answer.split()[1])

    @pytest.mark.parametrize("path", ["/", "/health", POLLING, WEBSOCKET, "/nothing"])
    async def test_the_name_of_another_is_refused_on_all_paths(self, server, path):
        assert await self.status(server, path, "evil.example") == 403

    @pytest.mark.parametrize(
        "host",
        ["localhost", "127.0.0.1:8000", "[::1]", "[::1]:8000", "LocalHost:1", "localhost.:80"],
    )
    async def test_the_names_of_this_machine_are_not(self, server, host):
        assert await self.status(server, "/health", host) == 200

    @pytest.mark.parametrize(
        "host",
        [
            "evil.example:8000",
            "localhost.evil.example",
            "evil-localhost",
            "127.0.0.1.evil.example",
            "192.168.0.7:8000",
            "0.0.0.0",
            "evil.example@localhost:80@x",
            "localhost, evil.example",
            "localhost:80:80",
            "[::1",
            "[::2]:8000",
            ".",
            "",
        ],
    )
    async def test_nor_is_anything_like_them_taken_for_them(self, server, host):
        assert await self.status(server, "/health", host) in (400, 403)

    async def test_one_right_name_does_not_make_another_right(self, server):
        for hosts in [("localhost", "evil.example"), ("evil.example", "localhost")]:
            assert await self.status(server, "/health", *hosts) in (400, 403)

    async def test_no_browser_leaves_the_name_out(self, server):
        assert await self.status(server, "/health", version="1.0") == 200

    async def test_a_web_socket_does_not_come_in(self, server):
        async with aiohttp.ClientSession(headers={"Host": "evil.example"}) as session:
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await session.ws_connect(f"{server.url}{WEBSOCKET}")
        assert not server.chat.io.eio.sockets

    @pytest.mark.parametrize(
        "origins", ["https://chat.example", ["http://x.example", "https://chat.example:8443"]]
    )
    async def test_the_host_of_an_allowed_origin_is_a_right_name(self, origins):
        async with serving(cors_allowed_origins=origins) as server:
            assert await self.status(server, "/health", "chat.example") == 200
            assert await self.status(server, "/health", "localhost") == 200
            assert await self.status(server, "/health", "evil.example") == 403

    async def test_where_pages_from_everywhere_are_allowed_every_name_is_right(self):
        async with serving(cors_allowed_origins="*") as server:
            assert await self.status(server, "/health", "evil.example") == 200

    @pytest.mark.parametrize(
        ("public", "status"), [("", 200), ("https://hub.example/user/ada/", 403)]
    )
    async def test_on_a_hub_the_name_is_the_hubs_or_is_not_known(self, hub, public, status):
        hub(public)
        async with serving() as server:
            assert await self.status(server, "/health", "evil.example") == status
            assert await self.status(server, "/health", "hub.example") == 200
            assert await self.status(server, "/health", "localhost") == 200

    async def test_a_function_of_origins_names_no_host(self):
        plain = socketio.AsyncServer(
            async_mode="aiohttp", cors_allowed_origins=lambda origin, environ: True
        )
        server = WebServer(plain)
        await server.start()
        server.web = server
        assert await self.status(server, "/health", "evil.example") == 403
        await server.stop()

    async def test_a_server_for_others_has_names_that_it_does_not_know(self):
        server = WebServer(ChatServer().io)
        await server.start("0.0.0.0")
        server.web = server
        assert await self.status(server, "/health", "chat.example") == 200
        await server.stop()


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

    async def test_a_port_in_use_is_an_os_error_and_leaves_nothing(self, server):
        second = WebServer(ChatServer().io)
        with pytest.raises(OSError, match="address already in use"):
            await second.start(port=int(server.url.rsplit(":", 1)[1]))
        assert second.url == ""
        await second.stop()  # does nothing, and says nothing
        await second.start()
        assert (await get(second.url, "/health"))[0] == 200
        await second.stop()

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
            await server.stop()
            await connect.close()

    async def test_a_stop_gives_back_what_the_start_has_taken(self):
        io = ChatServer().io
        start_task = io.eio.start_background_task
        server = WebServer(io)
        await server.start()
        await server.stop()
        assert io.eio.start_background_task == start_task

    @pytest.mark.skipif(not has_ipv6(), reason="there is no ::1 on this machine")
    async def test_an_ipv6_address_in_a_url(self):
        server = WebServer(ChatServer().io)
        await server.start("::1")
        assert server.url.startswith("http://[::1]:")
        assert (await get(server.url, "/health"))[0] == 200
        await server.stop()


class TestStop:
    """What a stop leaves behind, the fixture `nothing_left` finds."""

    @staticmethod
    async def stop(server):
        async with asyncio.timeout(TIMEOUT):
            await server.web.stop()
        assert server.chat.io.eio.sockets == {}
        with pytest.raises(aiohttp.ClientConnectionError):
            await get(server.url, "/health")

    @pytest_asyncio.fixture
    async def plain(self):
        """A `WebServer` of a Socket.IO server without a chat, with that as ``plain.io``."""
        io = Server()
        plain = WebServer(io)
        plain.io = io
        await plain.start()
        yield plain
        await plain.stop()

    async def test_nobody_there(self, server):
        await self.stop(server)
        await server.web.stop()  # and once more: nothing happens

    async def test_what_has_ended_in_the_background_is_forgotten(self, chat):
        async def chore():
            pass

        task = chat.io.start_background_task(chore)
        await asyncio.wait([task], timeout=TIMEOUT)
        forgotten = weakref.ref(task)
        del task
        gc.collect()
        assert forgotten() is None

    async def test_clients_are_told(self, server, connect):
        clients = [await connect() for _ in range(5)]
        gone = []
        for client in clients:
            client.on("disconnect", lambda reason: gone.append(reason))
        await self.stop(server)
        await eventually(lambda: len(gone) == 5)
        # A client of python-engineio that is told goodbye first, and finds its WebSocket closed
        # then, waits for half a minute; so it only finds it closed.
        assert set(gone) == {socketio.AsyncClient.reason.TRANSPORT_ERROR}

    async def test_nobody_comes_in_during_the_stop_over_a_connection_that_is_still_open(
        self, server
    ):
        async with aiohttp.ClientSession(server.url) as session, aiohttp.ClientSession() as other:
            async with session.get("/health"):
                pass  # a connection that stays open
            # It never answers the goodbye, and so holds up the stop.
            async with other.ws_connect(f"{server.url}{WEBSOCKET}"):
                stopping = asyncio.create_task(server.web.stop())
                await eventually(lambda: not server.chat.io.eio.sockets)
                with pytest.raises(aiohttp.ClientConnectionError):
                    await session.get(POLLING)
                await stopping
        assert not server.chat.io.environ

    @pytest.mark.parametrize("leaves", [True, False], ids=["has left", "is there"])
    async def test_a_handler_of_disconnect_that_never_ends_is_cancelled(self, plain, leaves):
        begun, ended = asyncio.Event(), asyncio.Event()

        @plain.io.on("disconnect")
        async def disconnect(sid, reason):
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        clients = PlainClients(plain.url)
        client = await clients()
        async with asyncio.timeout(TIMEOUT):
            if leaves:
                await client.disconnect()
                await begun.wait()
            await plain.stop()
            assert ended.is_set()
        await clients.close()

    async def test_a_server_that_starts_again_listens_again_to_those_beside_it(self):
        class Manager(socketio.AsyncManager):
            started = 0

            def initialize(self):
                self.started += 1

        manager = Manager()
        io = Server(client_manager=manager)
        for times in (1, 2):
            web = WebServer(io)
            await web.start()
            clients = PlainClients(web.url)
            await clients()
            assert manager.started == times
            await clients.close()
            await web.stop()

    async def test_nobody_can_connect_during_the_stop(self, server):
        await server.wire()  # which holds up the stop: it does not answer the goodbye
        await eventually(lambda: server.chat.io.eio.sockets)
        stopping = asyncio.create_task(server.web.stop())
        await eventually(lambda: not server.chat.io.eio.sockets)
        with pytest.raises(aiohttp.ClientConnectionError):
            await get(server.url, "/health")
        await stopping

    async def test_a_client_that_waits_in_a_poll(self, server):
        async with aiohttp.ClientSession(server.url) as session:
            async with session.get(POLLING) as answer:
                path = f"{POLLING}&sid={json.loads((await answer.text())[1:])['sid']}"
            await (await session.post(path, data="40")).text()
            await (await session.get(path)).text()
            waiting = asyncio.create_task(session.get(path))
            async with aiohttp.ClientSession(server.url) as other, other.get("/health"):
                pass  # what was sent before it has arrived
            await self.stop(server)
            async with asyncio.timeout(TIMEOUT):
                answer = await waiting
                assert await answer.text() == "1"  # the close of Engine.IO
                assert answer.headers["Connection"] == "close"

    async def test_a_client_between_two_polls(self, server):
        async with aiohttp.ClientSession(server.url) as session:
            async with session.get(POLLING) as answer:
                assert answer.status == 200
            await self.stop(server)

    async def test_a_client_that_neither_reads_nor_answers(self, server):
        client = await server.wire()
        await eventually(lambda: server.chat.io.eio.sockets)
        await self.stop(server)
        with contextlib.suppress(ConnectionResetError):
            async with asyncio.timeout(TIMEOUT):
                await client.reader.read()  # to its end

    async def test_a_client_that_is_too_full_to_be_told(self, server):
        client = await server.wire()
        await eventually(lambda: server.chat.io.eio.sockets)
        client.writer.transport.pause_reading()
        [sid] = server.chat.io.eio.sockets
        for _ in range(50):
            await server.chat.io.eio.send(sid, 1_000_000 * "a")
        await self.stop(server)

    async def test_a_plain_server_does_not_wait_for_who_is_too_full_either(self, plain):
        client = await WireClient.open(plain.url, WEBSOCKET)
        await eventually(lambda: plain.io.eio.sockets)
        client.writer.transport.pause_reading()
        [session] = plain.io.eio.sockets
        for _ in range(50):
            await plain.io.eio.send(session, 1_000_000 * "a")
        async with asyncio.timeout(TIMEOUT):
            await plain.stop()
        await client.close()

    async def test_a_connection_that_says_nothing(self, server):
        host, port = server.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        await get(server.url, "/health")  # the server has accepted both
        await self.stop(server)
        writer.close()

    async def test_every_kind_at_once(self, server, connect):
        for _ in range(2):
            await server.wire()
        clients = [await connect() for _ in range(3)]
        await self.stop(server)
        await eventually(lambda: not any(client.connected for client in clients))
