"""Clients that break the rules, vanish or do not read; handlers that fail; and what is left."""

import asyncio
import contextlib
import gc
import json
import weakref

import pytest

from support.engines import PATH, engine, packets, within
from support.raw_clients import websocket_frame
from support.waiting import TIMEOUT, eventually


@contextlib.asynccontextmanager
async def bare(server, *lines):
    """Begin a request on a bare connection, and yield its two ends."""
    host, port = server.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write("\r\n".join([*lines, "Host: x", "", ""]).encode())
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@pytest.fixture
def briefly(monkeypatch):
    """Give clients only a moment to close their WebSocket, as those of a test do not."""
    for module in ("session", "websocket"):
        monkeypatch.setattr(f"chatlib.engine.{module}.GOODBYE", 0.05)


class Turns:
    """Counts the turns of the event loop."""

    def __init__(self):
        self._passed = 0
        self._count()

    def _count(self):
        self._passed += 1
        self._handle = asyncio.get_running_loop().call_soon(self._count)

    def passed(self):
        """Return how many there were, and stop."""
        self._handle.cancel()
        return self._passed


class TestRequests:
    @pytest.mark.parametrize(
        ("body", "why"),
        [
            (b"zzz", "it does not speak Engine.IO"),
            (b"4a\x1eb?", "it does not speak Engine.IO"),
            (b"4\xff", "its text is not UTF-8"),
            (b"3\x1e" * 64 + b"3", "it sent 65 packets in one request, and 64 are allowed"),
            (b"1\x1e4a", "it goes on after its goodbye"),
            (b"4" * 1_000_001, "it sent a request that is too long"),
        ],
    )
    async def test_of_no_client_end_the_session_and_nothing_in_them_is_handled(
        self, log, body, why
    ):
        async with engine() as server:
            path = await server.poller()
            assert (await server.post(path, body))[0] == 400
            await eventually(lambda: server.app.reasons() == ["transport error"])
            assert [event for event, *_ in server.app.told] == ["connect", "disconnect"]
            assert log()[0] == f"Hanging up on a client at 127.0.0.1: {why}"

    async def test_hold_as_many_packets_as_are_allowed(self):
        async with engine(packets_per_request=100) as server:
            path = await server.poller()
            sent = [f"4{number}" for number in range(100)]
            assert await server.post(path, "\x1e".join(sent)) == (200, "ok")
            heard = []
            while len(heard) < 100:
                page = packets((await server.get(path))[1])
                assert len(page) <= 16  # a polling client in Python reads no more
                heard += page
            assert heard == sent

    async def test_may_come_in_pieces(self):
        async def pieces():
            for _ in range(20):
                yield b"4" * 40_000
                await asyncio.sleep(0)

        async with engine() as server:
            path = await server.poller()
            assert await server.post(path, pieces()) == (200, "ok")
            assert len((await server.get(path))[1]) == 800_000

    async def test_that_take_too_long_end_the_session(self, log):
        async with engine(timeout=0.05) as server:
            path = await server.poller()
            async with bare(server, f"POST {path} HTTP/1.1", "Content-Length: 9") as (reader, _):
                assert b"400" in await within(reader.readline())
            why = "it takes more than 0.05 seconds to send a request"
            assert log()[0] == f"Hanging up on a client at 127.0.0.1: {why}"

    async def test_that_break_off_before_they_have_arrived_change_nothing(self, log):
        async with engine() as server:
            path = await server.poller()
            head = f"POST {path} HTTP/1.1", "Content-Length: 9", "Expect: 100-continue"
            async with bare(server, *head) as (reader, _):
                assert b"100" in await within(reader.readline())  # now the server reads the rest
            assert await server.post(path, "4x") == (200, "ok")
            assert log() == []

    async def test_that_are_no_http_change_nothing(self):
        async with engine() as server:
            path = await server.poller()
            head = f"POST {path} HTTP/1.1", "Transfer-Encoding: chunked\r\n\r\nZZ"
            async with bare(server, *head) as (reader, _):
                assert b"400" in await within(reader.readline())
            assert await server.post(path, "4x") == (200, "ok")

    async def test_two_at_a_time_end_the_session(self, log):
        async with engine() as server:
            handler = Slow(server.eio, "message")
            path = await server.poller()
            first = asyncio.create_task(server.post(path, "4a\x1e4b"))
            await handler.begun.wait()
            assert (await server.post(path, "4c"))[0] == 400
            handler.go.set()
            assert (await within(first))[0] == 400
            assert handler.seen == ["a"]
            assert "it sends two requests at a time" in log()[0]

    async def test_that_break_off_while_they_are_handled_end_the_session(self):
        async with engine() as server:
            handler = Slow(server.eio, "message")
            path = await server.poller()
            posting = asyncio.create_task(server.post(path, "4a\x1e4b"))
            await handler.begun.wait()
            posting.cancel()
            await eventually(lambda: server.app.reasons() == ["transport close"])
            assert handler.seen == ["a"]
            assert handler.cancelled

    async def test_that_are_refused_are_logged_once_a_second(self, log):
        async with engine() as server:
            for _ in range(20):
                await server.get(f"{PATH}polling&sid=nobody")
            assert log()[0] == "Refusing a request from 127.0.0.1: Session ID unknown"
            assert len(log()) < 10


class Slow:
    """A handler that does not go on before it may."""

    def __init__(self, eio, event, *, answer=None):
        self.begun, self.go = asyncio.Event(), asyncio.Event()
        self.seen = []
        self.cancelled = False

        async def handler(sid, argument):
            self.seen.append(argument)
            self.begun.set()
            try:
                await self.go.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
            return answer

        eio.on(event, handler)


class TestFrames:
    @pytest.mark.parametrize(
        ("sent", "why"),
        [
            (b"\x81\x83\0\0\0\0\xff\xfe\xfd", "its text is not UTF-8"),
            (b"\x83\x80\0\0\0\0", "it does not speak WebSocket"),
            (b"\xf1\x80\0\0\0\0", "it does not speak WebSocket"),
            (b"\x82\xff\0\0\0\0\0\xff\xff\xff\0\0\0\0", "it sent a frame that is too long"),
            (websocket_frame("x"), "it does not speak Engine.IO"),
            (websocket_frame("3" + "[" * 50_000), "it does not speak Engine.IO"),
        ],
        ids=range(6),
    )
    async def test_of_no_client_end_the_session_with_a_reason(self, log, briefly, sent, why):
        async with engine() as server:
            client = await server.wire()
            client.writer.write(sent)
            async with asyncio.timeout(TIMEOUT):
                await client.reader.read()  # to the end of the connection
            await eventually(lambda: server.app.reasons() == ["transport error"])
            assert log() == [f"Hanging up on a client at 127.0.0.1: {why}"]

    async def test_after_such_a_one_are_not_read(self, log):
        async with engine() as server:
            client = await server.client()
            await client.send("4a", "zzz", "4b", "zzz")
            await client.ended()
            messages = [each[2] for each in server.app.told if each[0] == "message"]
            assert messages == ["a"]
            assert client.frames[1:] == ["4a"]  # and it was answered all the same
            assert client.websocket.close_code == 1008
            assert len(log()) == 1

    async def test_that_are_longer_than_allowed_end_the_session(self, log):
        async with engine(max_http_buffer_size=1000) as server:
            client = await server.client()
            await client.send("4" + "x" * 1000)
            await client.ended()
            assert log()[0].endswith("it sent a frame that is too long")

    async def test_without_end_give_others_their_turn(self):
        async with engine() as server:
            turn, handled = 0, []
            server.eio.on("message", lambda sid, data: handled.append(turn))
            client = await server.wire()
            client.send(*["4x"] * 2000)
            async with asyncio.timeout(TIMEOUT):
                while len(handled) < 2000:
                    turn += 1
                    await asyncio.sleep(0)
            assert max(handled.count(each) for each in set(handled)) <= 64

    async def test_and_neither_do_pings_take_all_the_time(self):
        async with engine() as server:
            client, turns = await server.wire(), Turns()
            client.writer.write(b"\x89\x80\0\0\0\0" * 1000)
            await client.reader.readuntil(b"\x8a\0" * 1000)
            assert turns.passed() > 1000

    async def test_nor_pieces_of_a_message_that_hold_nothing(self):
        async with engine() as server:
            client, turns = await server.wire(), Turns()
            client.writer.write(b"\x01\x80\0\0\0\0" + b"\0\x80\0\0\0\0" * 300_000)
            client.writer.write(b"\x80\x82\0\0\0\x004x")
            await client.reader.readuntil(b"4x")
            assert turns.passed() > 100

    async def test_after_the_server_hung_up_are_left_where_they_are(self, briefly):
        async with engine() as server:
            client = await server.wire()
            client.send("zzz")
            await client.hung_up_on()
            [connection] = server.runner.server.connections
            assert not connection.transport.is_reading()

    async def test_of_a_client_that_offers_compression_are_not_compressed(self):
        async with engine() as server:
            offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"
            client = await server.wire(headers=[offer])
            assert "sec-websocket-extensions" not in client.head


class TestSlowReader:
    LIMIT = 300_000

    async def stalled(self, server, path=f"{PATH}websocket"):
        client = await server.wire(path, buffer=4096)
        client.writer.transport.pause_reading()
        return client

    async def flood(self, server, sid, size=20_000):
        """Send until the server hangs up, and return the most that waited."""
        most, session = 0, server.eio.sockets[sid]
        async with asyncio.timeout(TIMEOUT):
            while not session.closed:
                await server.eio.send(sid, "x" * size)
                most = max(most, session._size)
                await asyncio.sleep(0)
        return most

    async def test_is_hung_up_on_once_too_much_waits(self, log, briefly):
        async with engine(unread_bytes=self.LIMIT) as server:
            client = await self.stalled(server)
            most = await self.flood(server, server.session().sid)
            why = f"it reads too slowly, and more than {self.LIMIT} bytes wait"
            assert log() == [f"Hanging up on a client at 127.0.0.1: {why}"]
            assert self.LIMIT - 21_000 < most <= self.LIMIT
            await eventually(lambda: not server.runner.server.connections)  # cut, as it is not read
            assert server.app.reasons() == ["transport error"]
            assert client.reader

    async def test_is_hung_up_on_for_many_short_messages(self, log):
        async with engine(unread_bytes=self.LIMIT) as server:
            await self.stalled(server)
            session = server.session()
            while not session._out:
                await server.eio.send(session.sid, "x" * 20_000)
                await asyncio.sleep(0)
            for _ in range(10_000):
                await server.eio.send(session.sid, "x")
            assert session.closed

    async def test_that_stops_polling_is_hung_up_on(self, log):
        async with engine(unread_bytes=self.LIMIT) as server:
            path = await server.poller()
            await self.flood(server, server.session().sid)
            assert "it reads too slowly" in log()[0]
            assert (await server.get(path))[0] == 400

    async def test_after_an_upgrade_is_cut_off_as_well(self, log, briefly):
        async with engine(unread_bytes=self.LIMIT) as server:
            path = await server.poller()
            client = await self.stalled(server, path.replace("polling", "websocket"))
            client.send("2probe", "5")
            await eventually(lambda: server.session().upgraded)
            await self.flood(server, server.session().sid)
            await server.http.close()  # the connection that it polled on
            await eventually(lambda: not server.runner.server.connections)

    async def test_holds_up_nobody_else(self):
        async with engine(unread_bytes=self.LIMIT) as server:
            other = await server.client()
            await self.stalled(server)
            await eventually(lambda: len(server.eio.sockets) == 2)
            frame = server.eio.message("x" * 20_000)
            for _ in range(60):
                for session in list(server.eio.sockets.values()):
                    session.send(frame)
                assert await other.receive() == "4" + "x" * 20_000
            assert len(server.eio.sockets) == 2 or other.sid in server.eio.sockets

    async def test_is_not_who_is_sent_much_at_once(self, log):
        async with engine(unread_bytes=self.LIMIT) as server:
            client = await server.client()
            for _ in range(100):
                await server.eio.send(client.sid, "x" * 20_000)
                if server.session()._size > self.LIMIT / 2:
                    await server.session().drained()
            for _ in range(100):
                assert len(await client.receive()) == 20_001
            assert log() == []

    async def test_is_waited_for_until_it_has_read_or_is_gone(self):
        async with engine() as server:
            client = await self.stalled(server)
            session = server.session()
            while not session._out:
                await server.eio.send(session.sid, "x" * 60_000)
                await asyncio.sleep(0)
            waiting = [asyncio.create_task(session.drained()) for _ in range(2)]
            await asyncio.sleep(0)
            waiting[0].cancel()  # which must not hurt the other one
            client.writer.transport.resume_reading()
            reading = asyncio.create_task(client.hung_up_on())
            await within(waiting[1])
            assert not session._out
            await server.eio.disconnect()
            await within(reading)
            await within(session.drained())


class TestHandlers:
    async def test_may_be_plain_functions(self):
        async with engine() as server:
            said = []
            server.eio.on("connect", lambda sid, environ: None)
            server.eio.on("message", lambda sid, data: said.append(data))
            server.eio.on("disconnect", lambda sid, reason: said.append(reason))
            client = await server.client()
            await client.send("4a", "1")
            await client.ended()
            await eventually(lambda: said == ["a", "client disconnect"])

    async def test_may_be_missing(self):
        async with engine() as server:
            server.eio.handlers.clear()
            client = await server.client()
            await client.send("4a", "1")
            await client.ended()

    async def test_of_connecting_learn_of_the_request(self):
        async with engine() as server:
            environs = []
            server.eio.on("connect", lambda sid, environ: environs.append(environ))
            headers = [("X-One", "1"), ("X-One", "2")]
            await server.get(f"{PATH}polling&x=y", headers=headers)
            [environ] = environs
            assert environ["HTTP_X_ONE"] == "1,2"
            assert environ["QUERY_STRING"].endswith("x=y")
            assert environ["REMOTE_ADDR"] == "127.0.0.1"
            assert environ["aiohttp.request"].query["x"] == "y"

    @pytest.mark.parametrize(
        ("answer", "text"), [(False, '"Unauthorized"'), ("no", '"no"'), ({"a": 1}, '{"a": 1}')]
    )
    @pytest.mark.parametrize("transport", ["polling", "websocket"])
    async def test_may_refuse_a_client(self, transport, answer, text):
        async with engine() as server:
            server.eio.on("connect", lambda sid, environ: answer)
            if transport == "polling":
                assert await server.get(f"{PATH}polling") == (401, text)
            else:
                with pytest.raises(Exception, match="401"):
                    await server.websocket()
            assert not server.eio.sockets
            assert server.app.told == []

    async def test_may_send_before_the_client_is_in(self):
        async with engine() as server:

            async def connect(sid, environ):
                await server.eio.send(sid, "welcome")

            server.eio.on("connect", connect)
            _, text = await server.get(f"{PATH}polling")
            assert packets(text)[1:] == ["4welcome"]
            assert await (await server.client()).receive() == "4welcome"

    async def test_may_disconnect_the_client_that_they_let_in(self):
        async with engine() as server:

            async def connect(sid, environ):
                await server.eio.disconnect(sid)

            server.eio.on("connect", connect)
            _, text = await server.get(f"{PATH}polling")
            assert packets(text)[1:] == ["1"]
            client = await server.websocket()
            await client.ended()
            assert server.app.reasons() == ["server disconnect"] * 2

    async def test_that_fail_to_connect_a_client_refuse_it(self, caplog):
        async with engine() as server:
            server.eio.on("connect", lambda sid, environ: 1 / 0)
            assert (await server.get(f"{PATH}polling"))[0] == 401
            assert not server.eio.sockets
        assert "ZeroDivisionError" in caplog.text

    @pytest.mark.parametrize("transport", ["polling", "websocket"])
    async def test_that_fail_on_a_message_end_the_session(self, caplog, transport):
        async with engine() as server:
            server.eio.on("message", lambda sid, data: 1 / 0)
            if transport == "polling":
                assert (await server.post(await server.poller(), "4a\x1e4b"))[0] == 400
            else:
                client = await server.client()
                await client.send("4a", "4b")
                await client.ended()
            await eventually(lambda: server.app.reasons() == ["transport error"])
        assert caplog.text.count("ZeroDivisionError: ") == 1

    async def test_that_fail_on_the_end_are_logged(self, caplog):
        async with engine() as server:
            server.eio.on("disconnect", lambda sid, reason: 1 / 0)
            await server.post(await server.poller(), "1")
            await eventually(lambda: "ZeroDivisionError" in caplog.text)

    @pytest.mark.parametrize("transport", ["polling", "websocket"])
    async def test_of_connecting_that_are_broken_off_leave_nothing(self, transport):
        async with engine() as server:
            handler = Slow(server.eio, "connect")
            if transport == "polling":
                opening = asyncio.create_task(server.handshake())
            else:
                opening = asyncio.create_task(server.websocket())
            await handler.begun.wait()
            opening.cancel()
            await eventually(lambda: handler.cancelled and not server.eio.sockets)
            await eventually(lambda: server.app.reasons() == ["transport close"])

    @pytest.mark.parametrize("ending", ["disconnect", "hang_up"])
    async def test_of_the_end_wait_for_the_message_that_is_handled(self, ending):
        async with engine() as server:
            handler = Slow(server.eio, "message")
            client = await server.client()
            await client.send("4a")
            await handler.begun.wait()
            if ending == "disconnect":
                await server.eio.disconnect(client.sid)
            else:
                server.session().hang_up("of a test")
            await client.ended()
            assert server.app.reasons() == []
            handler.go.set()
            await eventually(lambda: server.app.reasons())

    async def test_that_disconnect_their_own_client_go_on_to_their_end(self):
        async with engine() as server:
            done = []

            async def message(sid, data):
                await server.eio.send(sid, "last")
                await server.eio.disconnect(sid)
                await server.eio.send(sid, "too late")
                done.append(sid)

            server.eio.on("message", message)
            client = await server.client()
            await client.send("4a", "4b")
            await client.ended()
            assert client.frames[1:] == ["4last"]
            assert done == [client.sid]
            assert server.app.reasons() == ["server disconnect"]

    async def test_get_the_messages_of_a_client_one_after_the_other(self):
        async with engine() as server:
            handler = Slow(server.eio, "message")
            client = await server.client()
            await client.send("4a", "4b")
            await handler.begun.wait()
            assert handler.seen == ["a"]
            handler.go.set()
            await eventually(lambda: handler.seen == ["a", "b"])

    async def test_that_go_on_when_the_client_has_gone_are_cancelled(self):
        async with engine() as server:
            handler = Slow(server.eio, "message")
            client = await server.wire()
            client.send("4a")
            await handler.begun.wait()
            client.writer.transport.abort()
            await eventually(lambda: handler.cancelled)
            await eventually(lambda: server.app.reasons() == ["transport close"])


class TestNothingIsLeft:
    @pytest.mark.parametrize("ending", ["1", "zzz", "vanish", "disconnect"])
    @pytest.mark.parametrize("way", ["websocket", pytest.param("upgraded", marks=pytest.mark.slow)])
    async def test_of_a_session_that_has_ended(self, briefly, ending, way):
        gc.collect()
        gc.disable()
        try:
            async with engine() as server:
                path = f"{PATH}websocket"
                if way == "upgraded":
                    path = (await server.poller()).replace("polling", "websocket")
                client = await server.wire(path)
                if way == "upgraded":
                    client.send("2probe", "5")
                client.send("4a")
                await eventually(lambda: server.session().upgraded and len(server.app.told) == 2)
                session = weakref.ref(server.session())
                if ending == "vanish":
                    client.writer.transport.abort()
                elif ending == "disconnect":
                    await server.eio.disconnect()
                else:
                    client.send(ending)
                async with asyncio.timeout(TIMEOUT):
                    with contextlib.suppress(OSError):
                        await client.reader.read()
                await eventually(lambda: session() is None)
        finally:
            gc.enable()

    @pytest.mark.parametrize("ending", ["1", "zzz"])
    async def test_of_a_polling_session_that_has_ended(self, ending):
        gc.collect()
        gc.disable()
        try:
            async with engine() as server:
                path = await server.poller()
                session = weakref.ref(server.session())
                await server.post(path, ending)
                await eventually(lambda: session() is None)
        finally:
            gc.enable()

    @pytest.mark.parametrize("state", ["idle", "half a probe", "handler", "connecting", "backlog"])
    async def test_when_the_server_stops_in_the_middle(self, state, log):
        async with engine() as server:
            if state == "idle":
                await server.client()
                await server.poller()
            elif state == "half a probe":
                client = await server.websocket(await server.poller())
                await client.send("2probe")
                await client.receive()
            elif state == "backlog":
                client = await server.wire(buffer=4096)
                client.writer.transport.pause_reading()
                await eventually(lambda: server.eio.sockets)
                while not server.session()._out:
                    await server.eio.send(server.session().sid, "x" * 60_000)
                    await asyncio.sleep(0)
            else:
                handler = Slow(server.eio, "message" if state == "handler" else "connect")
                client = await server.wire() if state == "handler" else None
                opening = asyncio.create_task(server.http.get(f"{PATH}polling"))
                if client:
                    client.send("4a")
                await handler.begun.wait()
                opening.cancel()
        assert not server.eio.sockets
        assert not server.eio.background_tasks
        assert log() == []

    async def test_and_the_engine_serves_again(self):
        async with engine() as server:
            await server.client()
            await server.eio.shutdown()
            client = await server.client()
            await client.send("4again")
            assert await client.receive() == "4again"


async def test_the_name_of_a_session_is_what_log_lines_call_it(log):
    async with engine() as server:
        client = await server.client()
        assert server.session().remote == "127.0.0.1"
        server.session().name = "alice"
        server.session().hang_up("é" * 200)
        await client.ended()
        assert log() == [f"Hanging up on alice: {'é' * 200}"]
        assert client.websocket.close_code == 1008


async def test_whoever_hangs_up_tells_the_client_why():
    async with engine() as server:
        client = await server.wire()
        await within(client.reader.readuntil(b"}"))
        server.session().hang_up("of a test")
        assert await within(client.reader.read(100)) == b"\x88\x0b\x03\xf0of a test"


async def test_the_handshake_is_the_first_that_is_said():
    async with engine() as server:
        opened = json.loads((await (await server.websocket()).receive())[1:])
        assert opened["sid"] == server.session().sid
