"""The circuit and its gate: hostile frames end their own connection, and nothing else."""

import asyncio
import base64
import contextlib
import json

import pytest

from chatlib import ChatServer
from chatlib.limits import Limits
from chatlib.messages import BadInputError, is_socket_id, read_auth
from support.clients import flush
from support.raw_clients import POLLING, WEBSOCKET
from support.servers import serving
from support.waiting import TIMEOUT, eventually

pytestmark = pytest.mark.usefixtures("soon_cut")
BAD_REQUEST = '{"code": 3, "message": "Bad request"}'
UNKNOWN = '{"code": 1, "message": "Session ID unknown"}'
NOT_ENGINE_IO, NOT_SOCKET_IO = "it does not speak Engine.IO", "it does not speak Socket.IO"


async def bystanders(server):
    """Two clients in a room, and a function that returns what one hears of the other."""
    alice, bob = await server.client(), await server.client()
    await bob.call("join-room", "tea")
    await flush(alice, bob)
    bob.frames.clear()

    async def heard():
        """What bob hears, when alice has said something."""
        assert (await alice.call("message", {"room": "tea", "n": 1}))["ok"]
        await flush(bob)
        frames = [frame for frame in bob.frames if not frame.startswith("43")]
        bob.frames.clear()
        return [frame for frame in frames if not frame.startswith('42["broadcast"')]

    return alice, heard


async def bare_post(server, path, *head):
    """Begin a request on a bare connection, and return its two ends."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write("\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *head, "", ""]).encode())
    return reader, writer


async def close(writer):
    writer.close()
    await writer.wait_closed()


ENGINE_FRAMES = [
    "",
    "z",
    "zzz",
    "4",
    "4x",
    "4[[[",
    "49",
    "4٣",
    "0",
    '0{"sid":"x"}',
    "2",
    "2prob",
    "3x",
    "3" + "[" * 100_000,
    "4" + "[" * 100_000,
    "5x",
    "6",
    "7",
    "8x",
    "9",
    "²",
    "b",
    "b?",
    "bA",
    "bé",
    "\x1e",
    "40\x1e40",
    "d=40",
]
SOCKET_FRAMES = [
    "44",
    '44{"message":"no"}',
    '46["x"]',
    "43",
    "43[1]",
    "430[1]",
    "431",
    "431{}",
    '431"x"',
    "431" + "[" * 60_000,
    "431" + "[" * 200 + "]" * 200,
    '461-1[{"_placeholder":true,"num":1}]',
    '461-1[{"_placeholder":true,"num":"0"}]',
    "461-1[]",
    "461-1{}",
    "42" + "9" * 101 + '["message"]',
    "42²[]",
    '42["message",1',
    "42[1,]",
    '4512345678901-["message"]',
    "40{",
    "40[" * 50_000,
    '40{"userId":' + "9" * 400 + "}",
    b"abc",
    b"",
    b'2["message",1]',
    "bAAAA",
]


class TestFrames:
    """One warning, the end of one connection, and nobody else notices."""

    @pytest.mark.parametrize("frame", ENGINE_FRAMES, ids=lambda frame: frame[:12])
    @pytest.mark.parametrize("accepted", [True, False])
    async def test_of_no_engine_io_client(self, server, log, frame, accepted):
        _, heard = await bystanders(server)
        before = sorted(server.ghosts)
        mallory = await (server.client() if accepted else server.open())
        who = mallory.sid if accepted else "a client at 127.0.0.1"
        await mallory.send(frame)
        await mallory.ended()
        what = NOT_SOCKET_IO if frame[:1] == "4" or frame == "b" else NOT_ENGINE_IO
        assert log()[0].startswith(f"Hanging up on {who}: {what}")
        assert len(log()) == 1
        await eventually(lambda: sorted(server.ghosts) == before)
        assert len(await heard()) == 1

    @pytest.mark.parametrize("frame", SOCKET_FRAMES, ids=lambda frame: str(frame[:20]))
    async def test_of_no_socket_io_client(self, server, log, frame):
        _, heard = await bystanders(server)
        before = sorted(server.ghosts)
        mallory = await server.client()
        await mallory.send(frame)
        if str(frame).startswith("461-"):  # read once it is whole
            await mallory.send(b"x")
        await mallory.ended()
        assert len(log()) == 1
        assert log()[0].startswith(f"Hanging up on {mallory.sid}: {NOT_SOCKET_IO}: ")
        await eventually(lambda: sorted(server.ghosts) == before)
        assert len(await heard()) == 1

    async def test_the_offender_is_told_why(self, server, log):
        mallory = await server.wire()
        mallory.send("zzz")
        async with asyncio.timeout(TIMEOUT):
            await mallory.reader.readuntil(NOT_ENGINE_IO.encode())

    async def test_what_comes_after_is_not_read(self, server, log):
        _, heard = await bystanders(server)
        mallory = await server.client()
        await mallory.send("zzz", '42["message",{"room":"tea"}]', "40", "zzz", "40")
        await mallory.ended()
        assert len(await heard()) == 1
        assert len(log()) == 1
        await eventually(lambda: len(server.chat.io.environ) == 2)
        assert len(server.chat.io.manager.rooms["/"][None]) == 2

    async def test_what_was_sent_with_it_is_not_even_looked_at(self, server, log):
        received, receive = [], server.chat.io.eio.handlers["message"]

        def note(session, data):
            received.append(data)
            return receive(session, data)

        server.chat.io.eio.on("message", note)
        client = await server.wire()
        client.send("40", "44", "40", '42["message"]')
        await eventually(lambda: log() and not server.ghosts)
        assert received == ["0", "4"]

    async def test_after_goodbye_nobody_is_let_in_again(self, server, log):
        """python-socketio would, and would keep that socket for ever."""
        mallory = await server.client()
        await mallory.send("1", "40", "40")
        await mallory.ended()
        await eventually(lambda: not server.ghosts)
        assert log() == []

    async def test_after_goodbye_the_connection_ends(self, server):
        """python-engineio would hold it for 45 seconds, if the client does."""
        client = await server.wire()
        client.send("40", "1")
        async with asyncio.timeout(TIMEOUT):
            await client.reader.read()  # to the end

    async def test_who_is_hung_up_on_and_does_not_read_is_cut_off(self, server, log):
        """Its goodbye would wait for ever behind what it does not read."""
        client = await server.wire(buffer=4096)
        client.writer.transport.pause_reading()
        client.send("40")
        await eventually(lambda: server.chat.members)
        while server.unread == [0]:
            await server.chat.io.emit("news", "x" * 60_000, to="everyone")
            await asyncio.sleep(0)
        client.send("zzz")
        await eventually(lambda: not server.ghosts)
        assert len(log()) == 1

    @pytest.mark.parametrize(
        ("payload", "why"),
        [
            (b"\x81\x83\0\0\0\0\xff\xfe\xfd", "its text is not UTF-8"),
            (b"\x83\x80\0\0\0\0", "it does not speak WebSocket"),
            (b"\xf1\x80\0\0\0\0", "it does not speak WebSocket"),
            (b"\x82\xff\0\0\0\0\0\xff\xff\xff\0\0\0\0", "it sent a frame that is too long"),
        ],
    )
    async def test_of_no_websocket(self, server, log, payload, why):
        client = await server.wire()
        client.send("40")
        client.writer.write(payload)
        async with asyncio.timeout(TIMEOUT):
            await client.reader.read()
        await eventually(lambda: not server.ghosts)
        [line] = log()
        assert line.startswith("Hanging up on ~")
        assert line.endswith(why)

    async def test_a_frame_that_is_too_long(self, log):
        async with serving(limits=Limits(transport_bytes=10_000)) as server:
            mallory = await server.client()
            await mallory.send("42" + json.dumps(["message", "x" * 10_000]))
            await mallory.ended()
            assert log() == [f"Hanging up on {mallory.sid}: it sent a frame that is too long"]
            await eventually(lambda: not server.ghosts)

    async def test_a_broken_handshake_leaves_no_ghost(self, server, log):
        headers = {"Connection": "Upgrade", "Upgrade": "websocket"}
        status, _ = await server.get(WEBSOCKET, headers=headers)
        assert status == 400
        assert len(log()) == 1
        await eventually(lambda: not server.ghosts)

    async def test_the_log_of_python_engineio_is_ours(self):
        assert ChatServer().io.eio.logger.name == "chatlib.engineio"


class TestAttachments:
    async def test_that_never_come_hold_up_nobody(self, server, log):
        _, heard = await bystanders(server)
        mallory = await server.client()
        await mallory.send('451-["message",{"_placeholder":true,"num":0}]')
        assert len(await heard()) == 1
        await mallory.websocket.close()
        await eventually(lambda: len(server.chat.io.environ) == 2)
        assert log() == []

    async def test_a_text_frame_in_place_of_one(self, server, log):
        mallory = await server.client()
        await mallory.send('451-["message",{"_placeholder":true,"num":0}]', '42["message",1]')
        await mallory.ended()
        assert log()[0].endswith("An attachment must be binary.")

    async def test_more_than_announced(self, server, log):
        mallory = await server.client()
        await mallory.send('451-["message",{"_placeholder":true,"num":0}]', b"a", b"b")
        await mallory.ended()
        assert len(log()) == 1

    @pytest.mark.parametrize("size", [0, 2000])
    async def test_without_end(self, log, size):
        """Ten digits of attachments, each of no bytes or of many."""
        async with serving(limits=Limits(transport_bytes=10_000)) as server:
            mallory = await server.client()
            await mallory.send('459999999999-["message"]', *[bytes(size)] * 101)
            await mallory.ended()
            assert log()[0].endswith("The attachments are too long.")
            await eventually(lambda: not server.ghosts)

    async def test_for_a_socket_that_is_not_let_in(self, server, log):
        mallory = await server.open()
        await mallory.send('451-["message",{"_placeholder":true,"num":0}]')
        await mallory.ended()
        assert log()[0].endswith("The first packet must be a CONNECT.")

    async def test_a_refused_event_with_none_does_not_wait_for_any(self, server):
        alice = await server.client()
        await alice.send('450-1["message",1e999]')
        assert await alice.answer_to(1) == {"ok": False, "error": "A number must be finite."}
        assert (await alice.call("message", "still there"))["ok"]


class TestConnecting:
    def test_a_stranger_is_kept_for_ten_seconds(self):
        assert ChatServer().io.connect_timeout == 10
        assert ChatServer(connect_timeout=2).io.connect_timeout == 2

    async def test_twice(self, server, log):
        alice = await server.client()
        await alice.send("40", "40")
        for _ in range(2):
            await alice.until(lambda frame: frame == '44"Unable to connect"')
        assert (await alice.call("message", "still there"))["ok"]
        assert log() == []

    async def test_to_a_second_namespace(self, server, log):
        alice = await server.client()
        await alice.send("40/admin,", '42/admin,1["message","hi"]', "41/admin,")
        await alice.until(lambda frame: frame == '44/admin,{"message":"Invalid namespace"}')
        assert (await alice.call("message", "still there"))["ok"]
        assert list(server.chat.io.manager.rooms) == ["/"]
        assert log() == []

    async def test_acknowledgements_of_what_nobody_asked(self, server, log):
        alice = await server.client()
        await alice.send("431[]", "4399[1]", '461-7[{"_placeholder":true,"num":0}]', b"x")
        assert (await alice.call("message", "still there"))["ok"]
        assert log() == []

    async def test_the_acknowledgement_of_another_client(self, server, log):
        alice, mallory = await server.client(), await server.client()
        call = asyncio.create_task(server.chat.io.call("who", to=alice.sid, timeout=TIMEOUT))
        frame = await alice.until(lambda frame: '["who"]' in frame)
        number = frame[2:].partition("[")[0]
        await mallory.send(f'43{number}["mallory"]')
        await flush(mallory)
        await alice.send(f'43{number}["alice"]')
        assert await call == "alice"
        assert log() == []

    async def test_what_a_waiting_client_sends_meanwhile_waits_too(self, log):
        identity = SlowIdentity()
        async with serving(identity=identity) as server:
            client = await server.open()
            await client.send("40", '421["message","early"]')
            await identity.asked.wait()
            assert not server.chat.members
            identity.answer.set()
            assert await client.answer_to(1) == {"ok": True}
            assert client.frames[0].startswith('40{"sid"')
        assert log() == []

    async def test_who_polls_and_sends_while_it_is_let_in_is_hung_up_on(self, log):
        """As with Socket.IO in JavaScript, a client has one request at a time."""
        identity = SlowIdentity()
        async with serving(identity=identity) as server:
            path = await server.poller()
            asking = asyncio.create_task(server.post(path, "40"))
            await identity.asked.wait()
            assert (await server.post(path, '421["message","early"]'))[0] == 400
            identity.answer.set()
            await asking
            await eventually(lambda: not server.ghosts)
        assert log()[0].endswith("it sends two requests at a time")

    @pytest.mark.parametrize("accept", [True, False])
    async def test_who_leaves_while_it_is_let_in_is_not_kept(self, log, accept):
        """python-socketio would keep it for ever: it was not in when it left."""
        identity = SlowIdentity(accept=accept)
        async with serving(identity=identity) as server:
            client = await server.open()
            await client.send("40", '451-["message",{"_placeholder":true,"num":0}]', "1")
            await identity.asked.wait()
            identity.answer.set()
            await eventually(lambda: not server.ghosts)
        assert log() == []

    @pytest.mark.parametrize("registered", ["by the chat", "by a decorator"])
    async def test_whose_request_breaks_off_meanwhile_is_not_let_in(self, log, registered):
        """python-socketio takes a check that was cancelled for one that was passed."""
        identity = SlowIdentity()
        async with serving(identity=identity) as server:
            if registered == "by a decorator":

                @server.chat.io.on("connect")
                async def check(sid, environ, auth):
                    await identity.identify(sid, auth, "")

            path = await server.poller()
            before = len(server.transports)
            _, writer = await bare_post(server, path, "Content-Length: 2", "", "40")
            await identity.asked.wait()
            await close(writer)
            await eventually(lambda: len(server.transports) == before)
            await eventually(lambda: not server.ghosts)
            assert (await server.get(path))[0] == 400  # what it sent is lost, and so is the session
        assert log() == ["Refusing a request from 127.0.0.1: Session ID unknown"]

    @pytest.mark.parametrize("accept", [True, False])
    async def test_whose_connection_is_lost_meanwhile_is_not_kept(self, log, accept):
        identity = SlowIdentity(accept=accept)
        async with serving(identity=identity) as server:
            client = await server.wire()
            client.send("40")
            await identity.asked.wait()
            client.writer.transport.abort()
            await eventually(lambda: not server.transports)
            identity.answer.set()
            await eventually(lambda: not server.ghosts)
        assert log() == []

    async def test_who_waits_when_the_server_stops_holds_it_up_no_longer(self, log):
        identity = SlowIdentity()
        async with serving(identity=identity) as server:
            client = await server.wire()
            client.send("40")
            await identity.asked.wait()
        assert log() == []  # and no task is left, as after every test

    async def test_a_connect_handler_that_fails_leaves_no_ghost(self, server, caplog):
        async def fail(sid, environ, auth):
            raise OSError("the disk is full")

        server.chat.io.on("connect", fail)
        client = await server.open()
        await client.send("40")
        await client.ended()
        await eventually(lambda: not server.ghosts)
        errors = [record for record in caplog.records if record.exc_info]
        assert [record.getMessage() for record in errors] == ["A handler failed"]  # said once

    async def test_a_connect_handler_may_be_a_plain_function(self, server):
        asked = []
        server.chat.io.on("connect", lambda *arguments: asked.append(arguments))
        assert "sid" in await (await server.open()).enter()
        assert len(asked) == 1


class SlowIdentity:
    """Takes its time to let somebody in."""

    def __init__(self, *, accept=True):
        self.asked, self.answer = asyncio.Event(), asyncio.Event()
        self._accept = accept

    async def identify(self, sid, auth, address):
        self.asked.set()
        await self.answer.wait()
        if not self._accept:
            raise BadInputError("Go away.")
        return read_auth(sid, auth)

    def session(self, sender):
        return None


class TestPolling:
    @pytest.mark.parametrize("body", ["", "zzz", *ENGINE_FRAMES[3:], "5", "2probe", "1\x1e40"])
    async def test_rubbish_is_refused_and_ends_the_session(self, server, log, body):
        _, heard = await bystanders(server)
        before = sorted(server.ghosts)
        path = await server.poller()
        status, text = await server.post(path, body.encode())
        if body == "40\x1e40":  # by the rules of Engine.IO
            assert status == 200
            return
        assert (status, text) == (400, BAD_REQUEST)
        assert log()[0].startswith("Hanging up on a client at 127.0.0.1: ")
        assert sorted(server.ghosts) == before
        assert (await server.get(path))[0] == 400  # there is no such session any more
        assert len(await heard()) == 1

    @pytest.mark.parametrize("body", [b"\xff\xfe", b"40\x1e\xff"])
    async def test_text_that_is_not_utf_8(self, server, log, body):
        path = await server.poller()
        assert await server.post(path, body) == (400, BAD_REQUEST)
        assert log()[0].endswith("its text is not UTF-8")
        assert not server.ghosts

    async def test_too_many_packets_are_refused_with_the_number(self, server, log):
        path = await server.poller()
        answer = await server.post(path, "\x1e".join(["40", *["3"] * 64]))
        assert answer == (400, BAD_REQUEST)
        assert log()[0].endswith("it sent 65 packets in one request, and 64 are allowed")
        assert not server.ghosts

    async def test_as_many_as_allowed_are_all_handled(self, server):
        path = await server.poller()
        events = [f'42{number}["nonsense"]' for number in range(1, 64)]
        assert await server.post(path, "\x1e".join(["40", *events])) == (200, "ok")
        text = ""
        while text.count('"ok":false') < 63:
            page = (await server.get(path))[1]
            assert page.count("\x1e") < 16  # more than a polling client in Python reads
            text += page
        assert server.ghosts

    async def test_a_long_request_is_read_to_its_end(self):
        """python-engineio reads the first piece of it, and takes that for all."""
        async with serving(limits=Limits(burst_bytes=10**6)) as server:
            await self.long_request(server)

    async def long_request(self, server):
        path = await server.poller()
        events = [f'42{number}["message","{"x" * 30_000}"]' for number in range(1, 31)]

        async def pieces():
            body = "\x1e".join(["40", *events]).encode()
            for start in range(0, len(body), 50_000):
                yield body[start : start + 50_000]
                await asyncio.sleep(0)

        assert await server.post(path, pieces()) == (200, "ok")
        text = ""
        while text.count('"ok":true') < 30:
            text += (await server.get(path))[1]

    async def test_a_request_that_is_too_long(self, server, log):
        path = await server.poller()
        assert await server.post(path, b"4" * 1_000_001) == (400, BAD_REQUEST)
        assert log()[0].endswith("it sent a request that is too long")
        assert not server.ghosts

    async def test_a_client_that_vanishes_in_the_middle_of_a_request(self, server, log):
        path = await server.poller()
        before = len(server.transports)
        reader, writer = await bare_post(server, path, "Content-Length: 99", "Expect: 100-continue")
        async with asyncio.timeout(TIMEOUT):
            assert b"100" in await reader.readline()  # now the server reads the rest
        await close(writer)
        await eventually(lambda: len(server.transports) == before)
        assert await server.post(path, "40") == (200, "ok")  # its session does not mind
        assert log() == []

    @pytest.mark.parametrize(
        "head",
        [
            "Content-Length: -1",
            "Content-Length: x",
            "Content-Length: 1\r\nContent-Length: 2",
            "No header",
            "Transfer-Encoding: chunked\r\n\r\nZZ",
        ],
    )
    async def test_what_is_no_http(self, server, log, head):
        path = await server.poller()
        reader, writer = await bare_post(server, path, head)
        async with asyncio.timeout(TIMEOUT):
            assert b"400" in await reader.readline()
        await close(writer)
        assert await server.post(path, "40") == (200, "ok")
        assert set(log()) <= {"Error handling request from 127.0.0.1: it does not speak HTTP"}

    @pytest.mark.parametrize("query", ["sid=nobody", "sid=a&sid=b", "sid=%0aforged"])
    async def test_an_unknown_session(self, server, log, query):
        for _ in range(2):
            assert await server.get(f"{POLLING}&{query}") == (400, UNKNOWN)
            assert await server.post(f"{POLLING}&{query}", "40") == (400, UNKNOWN)
        # Once a second at most, as everybody can cause it at will.
        assert log() == ["Refusing a request from 127.0.0.1: Session ID unknown"]

    async def test_jsonp_is_not_spoken(self, server, log):
        assert await server.get(f"{POLLING}&j=0") == (400, BAD_REQUEST)
        path = await server.poller()
        assert (await server.post(f"{path}&j=0", "d=40"))[0] == 400
        assert await server.post(path, "40") == (200, "ok")  # the session is as it was

    @pytest.mark.parametrize(
        "path",
        [
            "/socket.io/?EIO=3&transport=polling",
            POLLING.replace("polling", "carrier-pigeon"),
            WEBSOCKET,
        ],
    )
    async def test_another_protocol_is_refused(self, server, path):
        assert (await server.get(path))[0] == 400
        assert not server.ghosts

    async def test_a_bad_packet_of_socket_io_ends_the_session(self, server, log):
        path = await server.poller()
        await server.post(path, "40\x1e44")
        assert log()[0].endswith("Clients do not send such a packet.")
        assert not server.ghosts
        assert (await server.get(path))[0] == 400

    async def test_what_comes_after_a_bad_packet_lets_nobody_in(self, server, log):
        path = await server.poller()
        await server.post(path, "44\x1e40\x1e40")
        assert not server.ghosts
        assert log()[0].endswith("Clients do not send such a packet.")

    async def test_a_goodbye_leaves_no_ghost(self, server, log):
        path = await server.poller()
        assert await server.post(path, "40") == (200, "ok")
        assert await server.post(path, "1") == (200, "ok")
        assert not server.ghosts
        assert log() == []


class TestUpgrade:
    async def test_by_the_rules(self, server, log):
        path = await server.poller()
        await server.post(path, "40")
        client = await server.upgrading(path)
        await client.send("2probe")
        assert await client.receive() == "3probe"
        await server.get(path)
        await client.send("5")
        assert (await client.call("message", "hi"))["ok"]
        assert log() == []

    @pytest.mark.parametrize("frames", [["zzz"], ["2probe", "zzz"], ["2probe", "5", "zzz"]])
    async def test_broken_off_by_rubbish_ends_the_session(self, server, log, frames):
        path = await server.poller()
        client = await server.upgrading(path)
        await client.send(*frames)
        await client.ended()
        await eventually(lambda: not server.ghosts)
        assert len(log()) == 1

    async def test_broken_off_by_the_network_goes_on_by_polling(self, server, log):
        """python-engineio would answer every poll with nothing from then on."""
        path = await server.poller()
        await server.post(path, "40")
        client = await server.upgrading(path)  # over the connection of the request before
        await client.websocket.close()
        await eventually(lambda: not server.transports)
        assert (await server.get(path))[1].startswith('40{"sid"')

    async def test_of_two_at_a_time_the_second_is_closed_and_the_first_goes_on(self, server, log):
        path = await server.poller()
        await server.post(path, "40")
        first = await server.upgrading(path)
        await first.send("2probe")
        assert await first.receive() == "3probe"
        second = await server.upgrading(path)
        await second.ended()
        await first.send("5")
        assert (await first.call("message", "hi"))["ok"]
        assert log() == []


class TestSlowReader:
    LIMITS = Limits(unread_bytes=500_000, burst_bytes=10**8)

    def held(self, server):
        """What the server's memory holds for the slowest reader: its queue and its buffer."""
        buffers = [each.get_write_buffer_size() for each in server.transports]
        return max(server.unread, default=0) + max(buffers, default=0)

    async def slow_reader(self, server):
        client = await server.wire(buffer=4096)
        client.writer.transport.pause_reading()
        client.send("40")
        await eventually(lambda: len(server.chat.members) == 2)
        return client

    async def test_is_hung_up_on_before_it_holds_more_than_allowed(self, log):
        async with serving(limits=self.LIMITS) as server:
            alice = await server.client()
            await self.slow_reader(server)
            [sid] = set(server.chat.members) - {alice.sid}
            most = 0
            async with asyncio.timeout(TIMEOUT * 4):
                while not log():
                    assert (await alice.call("message", "x" * 60_000)) == {"ok": True}
                    most = max(most, self.held(server))
            assert log() == [
                f"Hanging up on {sid}: it reads too slowly, and more than 500000 bytes wait"
            ]
            assert 400_000 < most < 500_000 + 4 * 65_536
            await eventually(lambda: len(server.chat.io.eio.sockets) == 1)
            assert list(server.chat.members) == [alice.sid]
            await eventually(lambda: len(server.transports) == 1)
            assert (await alice.call("message", "hi")) == {"ok": True}

    async def test_of_many_small_packets_too(self, log):
        """A short packet takes more memory than its text."""
        async with serving(limits=Limits(unread_bytes=200_000, burst_bytes=10**8)) as server:
            alice = await server.client()
            await self.slow_reader(server)
            [sid] = set(server.chat.members) - {alice.sid}
            while max(server.unread) < 100_000:  # until its connection takes no more
                await server.chat.io.emit("x", "x" * 60_000, to=sid)
                await flush(alice)
            for _ in range(2000):
                await server.chat.io.emit("x", to=sid)
            assert "it reads too slowly" in log()[0]

    async def test_that_polls_and_stops_polling(self, log):
        async with serving(limits=self.LIMITS) as server:
            alice = await server.client()
            path = await server.poller()
            await server.post(path, "40")
            while not log():
                assert (await alice.call("message", "x" * 60_000)) == {"ok": True}
                assert self.held(server) < 600_000
            assert "it reads too slowly" in log()[0]
            assert list(server.chat.members) == [alice.sid]
            assert len(server.chat.io.eio.sockets) == 1
            assert (await server.get(path))[0] == 400

    async def test_after_an_upgrade(self, log):
        """The connection to cut is then not the one that the session began on."""
        async with serving(limits=self.LIMITS) as server:
            alice = await server.client()
            path = await server.poller()
            await server.post(path, "40")
            before = len(server.transports)
            upgraded = path.replace("polling", "websocket")
            slow = await server.wire(upgraded, buffer=4096)
            slow.send("2probe")
            await server.get(path)
            slow.send("5")
            slow.writer.transport.pause_reading()
            while not log():
                assert (await alice.call("message", "x" * 60_000)) == {"ok": True}
            await eventually(lambda: len(server.transports) == before)

    async def test_who_reads_is_not_hung_up_on(self, log):
        async with serving(limits=self.LIMITS) as server:
            alice, bob = await server.client(), await server.client()

            async def read():
                return [await bob.until(lambda frame: "x" * 100 in frame) for _ in range(40)]

            reading = asyncio.create_task(read())
            for _ in range(40):  # five times what may wait
                assert (await alice.call("message", "x" * 60_000)) == {"ok": True}
            assert len(await reading) == 40
            assert log() == []


class TestCircuit:
    async def test_ids_cannot_be_guessed_and_have_their_form(self, server):
        ids = {(await server.client()).sid for _ in range(5)}
        assert len(ids) == 5
        assert all(map(is_socket_id, ids))
        assert not ids & set(server.chat.io.eio.sockets)  # the id of the session is another secret
        assert len(base64.urlsafe_b64decode(f"{ids.pop()[1:]}==")) == 16

    async def test_drained_waits_for_a_reader(self, server):
        alice = await server.client()
        for _ in range(50):
            await server.chat.io.emit("news", "x" * 10_000, to=alice.sid)
        await server.chat.io.drained(alice.sid)
        assert server.unread == [0]

    async def test_drained_does_not_wait_for_who_never_reads(self, server, monkeypatch):
        monkeypatch.setattr("chatlib.circuit._DRAIN", 0.01)
        path = await server.poller()
        await server.post(path, "40")
        [sid] = server.chat.members
        async with asyncio.timeout(TIMEOUT):
            await server.chat.io.drained(sid)

    async def test_drained_of_nobody(self, server):
        async with asyncio.timeout(TIMEOUT):
            await server.chat.io.drained("nobody")

    async def test_a_server_that_disconnects_a_client_ends_its_connection(self, server, log):
        client = await server.wire()  # which does nothing when its WebSocket is closed
        client.send("40")
        await eventually(lambda: server.chat.io.eio.sockets)
        [session] = server.chat.io.eio.sockets
        await server.chat.io.eio.disconnect(session)
        heard = b""
        async with asyncio.timeout(TIMEOUT):
            with contextlib.suppress(ConnectionError):  # cut, in the end
                while data := await client.reader.read(1000):
                    heard += data
        assert heard.endswith(b"\x88\x02\x03\xe8")  # closed, normally
        await eventually(lambda: not server.ghosts)
