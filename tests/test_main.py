"""``python -m chatlib`` as a person runs it: a process of its own."""

import re
import signal
import socket
import sys

import aiohttp
import pytest

from support.clients import PlainClients
from support.raw_clients import POLLING, WEBSOCKET
from support.waiting import TIMEOUT, eventually


@pytest.fixture
async def visitors(command):
    """``python -m chatlib`` on a free port, and a way to connect plain clients to it."""
    running = await command("--port", "0")
    connect = PlainClients(running.url)
    connect.command = running
    yield connect
    await connect.close()


class TestOutput:
    async def test_the_first_line_says_where(self, command):
        running = await command("--port", "0")
        [line] = running.lines
        found = re.fullmatch(r"chatlib is listening on (http://127\.0\.0\.1:([1-9][0-9]*))", line)
        assert found, line
        async with aiohttp.ClientSession(found[1]) as session, session.get("/health") as answer:
            assert answer.status == 200

    async def test_a_given_port_and_host(self, command):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        running = await command("--host", "localhost", "--port", str(port))
        assert running.lines == [f"chatlib is listening on http://localhost:{port}"]

    async def test_the_log_follows(self, visitors):
        alice = await visitors()
        me = alice.get_sid()
        await alice.call("join-room", "tea", timeout=TIMEOUT)
        await alice.call("message", "hi", timeout=TIMEOUT)
        await alice.disconnect()
        await eventually(lambda: len(visitors.command.lines) == 5)
        assert visitors.command.lines[1:] == [
            "User connected",
            f"id :- {me}",
            "User joined the room tea",
            f"{me} is disconnected",
        ]
        assert visitors.command.errors == []

    async def test_no_room_writes_more_than_its_line(self, visitors):
        rooms = {
            "a\nUser connected\r\n": r"a\nUser connected\r\n",
            "<b>é</b> %s {}": "<b>é</b> %s {}",
            "\x1b[31mred\x07\x00": r"\x1b[31mred\x07\x00",
            "\u2028\u202e\u200b\x85": r"\u2028\u202e\u200b\x85",
            "\ud800": r"\ud800",
            7.0: "7.0",
            "after": "after",
        }
        alice = await visitors()
        for room in rooms:
            assert (await alice.call("join-room", room, timeout=TIMEOUT))["ok"]
        await eventually(lambda: visitors.command.lines[-1] == "User joined the room after")
        shown = [f"User joined the room {text}" for text in rooms.values()]
        assert visitors.command.lines[3:] == shown
        assert visitors.command.errors == []

    @pytest.mark.slow
    async def test_a_room_that_the_terminal_cannot_spell(self, command):
        running = await command("--port", "0", PYTHONIOENCODING="ascii")
        connect = PlainClients(running.url)
        alice = await connect()
        assert (await alice.call("join-room", "thé", timeout=TIMEOUT))["ok"]
        await eventually(lambda: len(running.lines) == 4)
        assert running.lines[3] == r"User joined the room th\xe9"
        assert running.errors == []
        await connect.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.slow
class TestStop:
    @pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
    async def test_a_signal_while_clients_are_connected(self, visitors, signum):
        clients = [await visitors() for _ in range(3)]
        async with aiohttp.ClientSession(visitors.url) as session, session.get(POLLING) as answer:
            assert answer.status == 200
            visitors.command.signal(signum)
            assert await visitors.command.ended() == 0
        await eventually(lambda: not any(client.connected for client in clients))
        left = {line for line in visitors.command.lines if line.endswith("is disconnected")}
        assert len(left) == 3
        assert visitors.command.errors == []

    @pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
    async def test_a_signal_while_nobody_is_there(self, command, signum):
        running = await command("--port", "0")
        running.signal(signum)
        assert await running.ended() == 0
        assert running.errors == []


class TestErrors:
    def test_a_port_in_use_is_one_line(self, fails):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            line = fails("--port", str(port))
        assert line.startswith(f"chatlib cannot listen on 127.0.0.1:{port}: ")
        assert "in use" in line

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--host", "192.0.2.1", "--open"],
            ["--host", "a..b", "--open"],
            ["--port", "65536"],
            ["--port", "-1"],
        ],
    )
    def test_an_address_that_cannot_be_is_one_line(self, fails, arguments):
        assert fails(*arguments).startswith("chatlib cannot listen on ")

    async def test_an_unknown_option_explains_itself(self, command):
        failed = await command("--prot", "0", listening=False)
        assert await failed.ended() == 2
        assert "usage: python -m chatlib" in failed.errors[0]


@pytest.mark.slow
class TestOrigin:
    """A page in a browser says where it came from; a program says nothing."""

    PAGE, OTHER = "http://localhost:5173", "http://evil.example"

    @staticmethod
    async def may_connect(running, origin):
        headers = {"Origin": origin} if origin else {}
        upgrade = f"{running.url}{WEBSOCKET}"
        async with aiohttp.ClientSession(running.url, headers=headers) as session:
            async with session.get(POLLING) as answer:
                polling = answer.status == 200
                assert answer.headers.get("Access-Control-Allow-Origin") in (None, origin)
            websocket = True
            try:
                await (await session.ws_connect(upgrade)).close()
            except aiohttp.WSServerHandshakeError:
                websocket = False
        assert polling == websocket
        return polling

    async def test_by_default_the_servers_own_pages_alone(self, command):
        running = await command("--port", "0")
        assert await self.may_connect(running, None)
        assert await self.may_connect(running, running.url)
        assert not await self.may_connect(running, self.PAGE)

    async def test_an_origin_lets_its_pages_in_and_no_other(self, command):
        running = await command(
            "--port", "0", "--origin", self.PAGE, "--origin", "http://b.example"
        )
        assert await self.may_connect(running, None)
        assert await self.may_connect(running, running.url)
        assert await self.may_connect(running, self.PAGE)
        assert await self.may_connect(running, "http://b.example")
        assert not await self.may_connect(running, self.OTHER)
        assert not await self.may_connect(running, f"{self.PAGE}0")
