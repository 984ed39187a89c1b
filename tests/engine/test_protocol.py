"""The rules of Engine.IO v4, one test a rule."""

import asyncio
import json

import aiohttp
import pytest

from support.engines import PATH, engine, packets, within
from support.waiting import eventually

HEARTBEAT = {"ping_interval": 0.05, "ping_timeout": 0.2}
UNKNOWN_SESSION = (400, '{"code": 1, "message": "Session ID unknown"}')
BAD_REQUEST = (400, '{"code": 3, "message": "Bad request"}')


class TestHandshake:
    @pytest.mark.parametrize(("transport", "upgrades"), [("polling", ["websocket"]), ("ws", [])])
    async def test_tells_the_session_and_the_options_in_milliseconds(self, transport, upgrades):
        async with engine(ping_interval=0.3, ping_timeout=0.25) as server:
            if transport == "polling":
                told = await server.handshake()
            else:
                told = json.loads((await (await server.websocket()).receive())[1:])
            assert told == {
                "sid": server.session().sid,
                "upgrades": upgrades,
                "pingInterval": 300,
                "pingTimeout": 250,
                "maxPayload": 1_000_000,
            }

    @pytest.mark.parametrize(
        ("query", "code", "why"),
        [
            ("transport=polling", 5, "Unsupported protocol version"),
            ("EIO=abc&transport=polling", 5, "Unsupported protocol version"),
            ("EIO=3&transport=websocket", 5, "Unsupported protocol version"),
            ("EIO=4", 0, "Transport unknown"),
            ("EIO=4&transport=abc", 0, "Transport unknown"),
            ("EIO=4&transport=websocket", 3, "Bad request"),  # without its headers
            ("EIO=4&transport=polling&j=0", 3, "Bad request"),  # JSONP
            ("EIO=4&transport=polling&sid=nobody", 1, "Session ID unknown"),
            ("EIO=4&transport=polling&sid=", 1, "Session ID unknown"),
        ],
    )
    async def test_refuses_what_it_does_not_know(self, query, code, why):
        async with engine() as server:
            status, text = await server.get(f"/engine.io/?{query}")
            assert (status, json.loads(text)) == (400, {"code": code, "message": why})
            assert not server.eio.sockets

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
    async def test_is_asked_for_by_get_only(self, method):
        async with engine() as server, server.http.request(method, f"{PATH}polling") as answer:
            assert answer.status == 400
            assert not server.eio.sockets

    @pytest.mark.parametrize("query", ["transport=websocket", "EIO=4&transport=abc"])
    async def test_of_a_websocket_is_refused_likewise(self, query):
        async with engine() as server:
            with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
                await server.http.ws_connect(f"/engine.io/?{query}")


class TestPolling:
    async def test_carries_one_message_each_way(self):
        async with engine() as server:
            path = await server.poller()
            assert await server.post(path, "4hello") == (200, "ok")
            assert await server.get(path) == (200, "4hello")

    async def test_carries_several_messages_in_order(self):
        async with engine() as server:
            path = await server.poller()
            await server.post(path, "4a\x1e4b\x1ebAQIDBA==\x1e4c")
            assert await server.get(path) == (200, "4a\x1e4b\x1ebAQIDBA==\x1e4c")

    async def test_waits_until_there_is_something_to_say(self):
        async with engine() as server:
            path = await server.poller()
            polling = asyncio.create_task(server.get(path))
            await eventually(lambda: server.session()._poll)
            await server.eio.send(server.session().sid, "news")
            assert await within(polling) == (200, "4news")

    async def test_takes_many_bytes_in_several_answers(self):
        async with engine() as server:
            path = await server.poller()
            for size in (40_000, 40_000, 200_000, 1):
                await server.eio.send(server.session().sid, "x" * size)
            answers = [(await server.get(path))[1] for _ in range(4)]
            assert [len(answer) for answer in answers] == [40_001, 40_001, 200_001, 2]

    async def test_of_something_else_ends_the_session(self):
        async with engine() as server:
            path = await server.poller()
            assert (await server.post(path, "abc"))[0] == 400
            assert await server.get(path) == UNKNOWN_SESSION

    async def test_twice_at_a_time_ends_the_session(self):
        async with engine() as server:
            path = await server.poller()
            first = asyncio.create_task(server.get(path))
            await eventually(lambda: server.session()._poll)
            assert await server.get(path) == BAD_REQUEST
            assert await within(first) == (200, "1")
            assert await server.get(path) == UNKNOWN_SESSION

    async def test_that_is_broken_off_ends_the_session(self):
        async with engine() as server:
            path = await server.poller()
            polling = asyncio.create_task(server.get(path))
            await eventually(lambda: server.session()._poll)
            polling.cancel()
            await eventually(lambda: server.app.reasons() == ["transport close"])
            assert await server.get(path) == UNKNOWN_SESSION

    async def test_by_another_method_is_refused(self):
        async with engine() as server:
            path = await server.poller()
            async with server.http.put(path, data="4") as answer:
                assert answer.status == 400
            assert await server.post(path, "4still here") == (200, "ok")


class TestWebSocket:
    @pytest.mark.parametrize("message", ["4hello", b"\1\2\3\4", "4", b""])
    async def test_carries_messages_each_way(self, message):
        async with engine() as server:
            client = await server.client()
            await client.send(message)
            assert await client.receive() == message

    @pytest.mark.parametrize("rubbish", ["abc", "", "2", "2probe", "5", "6", "b?"])
    async def test_with_something_else_is_closed(self, rubbish):
        async with engine() as server:
            client = await server.client()
            await client.send(rubbish)
            await client.ended()
            assert client.websocket.close_code == 1008
            await eventually(lambda: server.app.reasons() == ["transport error"])


class TestHeartbeat:
    async def test_goes_on_by_polling_as_long_as_it_is_answered(self):
        async with engine(**HEARTBEAT) as server:
            path = await server.poller()
            for _ in range(3):
                assert await server.get(path) == (200, "2")
                assert await server.post(path, "3") == (200, "ok")

    async def test_goes_on_over_a_websocket_as_long_as_it_is_answered(self):
        async with engine(**HEARTBEAT) as server:
            client = await server.client()
            for _ in range(3):
                assert await client.receive() == "2"
                await client.send("3")

    async def test_that_is_not_answered_ends_a_polling_session(self):
        async with engine(**HEARTBEAT) as server:
            path = await server.poller()
            await eventually(lambda: server.app.reasons() == ["ping timeout"])
            assert await server.get(path) == UNKNOWN_SESSION

    async def test_that_is_not_answered_ends_a_poll(self):
        async with engine(**HEARTBEAT) as server:
            path = await server.poller()
            assert await server.get(path) == (200, "2")
            assert await server.get(path) == (200, "1")

    async def test_that_is_not_answered_closes_a_websocket(self):
        async with engine(**HEARTBEAT) as server:
            client = await server.client()
            await client.ended()
            assert client.frames[1:] == ["2"]
            await eventually(lambda: server.app.reasons() == ["ping timeout"])


class TestGoodbye:
    async def test_by_polling_ends_the_poll_that_waits(self):
        async with engine() as server:
            path = await server.poller()
            polling = asyncio.create_task(server.get(path))
            await eventually(lambda: server.session()._poll)
            assert await server.post(path, "1") == (200, "ok")
            assert await within(polling) == (200, "6")
            assert await server.get(path) == UNKNOWN_SESSION
            assert server.app.reasons() == ["client disconnect"]

    async def test_over_a_websocket_closes_it(self):
        async with engine() as server:
            client = await server.client()
            await client.send("1")
            await client.ended()
            assert client.websocket.close_code == 1000
            await eventually(lambda: server.app.reasons() == ["client disconnect"])

    async def test_of_the_server_ends_the_poll_that_waits(self):
        async with engine() as server:
            path = await server.poller()
            polling = asyncio.create_task(server.get(path))
            await eventually(lambda: server.session()._poll)
            sid = server.session().sid
            await server.eio.send(sid, "one more thing")
            await server.eio.disconnect(sid)
            assert await within(polling) == (200, "4one more thing\x1e1")
            assert server.app.reasons() == ["server disconnect"]

    async def test_of_the_server_waits_for_the_next_poll(self):
        async with engine() as server:
            path = await server.poller()
            for number in range(20):
                await server.eio.send(server.session().sid, str(number))
            await server.eio.disconnect()
            heard = packets((await server.get(path))[1]) + packets((await server.get(path))[1])
            assert heard == [*(f"4{number}" for number in range(20)), "1"]
            assert await server.get(path) == UNKNOWN_SESSION

    async def test_of_the_server_over_a_websocket_comes_after_all_that_was_sent(self):
        async with engine() as server:
            client = await server.client()
            for number in range(20):
                await server.eio.send(client.sid, str(number))
            await server.eio.disconnect(client.sid)
            await client.ended()
            assert client.frames[1:] == [f"4{number}" for number in range(20)]
            assert client.websocket.close_code == 1000


class TestUpgrade:
    async def test_goes_by_probe_and_answer(self):
        async with engine() as server:
            path = await server.poller()
            polling = asyncio.create_task(server.get(path))
            await eventually(lambda: server.session()._poll)
            client = await server.websocket(path)
            await client.send("2probe")
            assert await client.receive() == "3probe"
            assert await within(polling) == (200, "6")
            assert await server.get(path) == (200, "6")
            await client.send("5", "4hello")
            assert await client.receive() == "4hello"
            assert server.eio.transport(server.session().sid) == "websocket"

    async def test_keeps_what_is_sent_meanwhile_for_the_websocket(self):
        async with engine() as server:
            path = await server.poller()
            client = await server.websocket(path)
            await client.send("2probe")
            assert await client.receive() == "3probe"
            await server.eio.send(server.session().sid, "a")
            assert await server.get(path) == (200, "6")
            await server.eio.send(server.session().sid, b"b")
            await client.send("5")
            assert [await client.receive() for _ in range(2)] == ["4a", b"b"]

    async def test_is_the_end_of_polling(self):
        async with engine() as server:
            path = await server.poller()
            client = await server.upgraded(path)
            await eventually(lambda: server.session().upgraded)
            assert await server.get(path) == BAD_REQUEST
            assert await server.post(path, "4x") == BAD_REQUEST
            await client.send("4hello")
            assert await client.receive() == "4hello"

    async def test_is_done_once_and_another_websocket_is_closed(self):
        async with engine() as server:
            path = await server.poller()
            client = await server.upgraded(path)
            other = await server.websocket(path)
            await other.ended()
            assert other.frames == []
            await client.send("4hello")
            assert await client.receive() == "4hello"

    async def test_goes_to_the_first_of_two(self):
        async with engine() as server:
            path = await server.poller()
            first = await server.websocket(path)
            await first.send("2probe")
            assert await first.receive() == "3probe"
            await (await server.websocket(path)).ended()
            await first.send("5", "4hello")
            assert await first.receive() == "4hello"

    async def test_that_breaks_off_leaves_the_session_polling(self):
        async with engine() as server:
            path = await server.poller()
            client = await server.websocket(path)
            await client.send("2probe")
            assert await client.receive() == "3probe"
            await server.eio.send(server.session().sid, "kept")
            await client.websocket.close()
            await eventually(lambda: not server.session()._probe)
            assert await server.get(path) == (200, "4kept")
            assert await server.post(path, "4x") == (200, "ok")

    @pytest.mark.parametrize("said", [[], ["2probe"]])
    async def test_that_takes_too_long_leaves_the_session_polling(self, said):
        async with engine(timeout=0.05) as server:
            path = await server.poller()
            client = await server.websocket(path)
            await client.send(*said)
            await client.ended()
            await server.eio.send(server.session().sid, "kept")
            assert await server.get(path) == (200, "4kept")

    @pytest.mark.parametrize("said", [["zzz"], [b"2probe"], ["2probe", "zzz"], ["2probe", "1"]])
    async def test_with_something_else_ends_the_session(self, said):
        async with engine() as server:
            path = await server.poller()
            client = await server.websocket(path)
            await client.send(*said)
            await client.ended()
            await eventually(lambda: server.app.reasons() == ["transport error"])
            assert await server.get(path) == UNKNOWN_SESSION

    async def test_ends_with_a_session_that_ends_meanwhile(self):
        async with engine() as server:
            path = await server.poller()
            client = await server.websocket(path)
            await client.send("2probe")
            assert await client.receive() == "3probe"
            await server.post(path, "1")
            await client.ended()
            assert client.frames == ["3probe"]
            assert server.app.reasons() == ["client disconnect"]

    async def test_that_the_server_ends_meanwhile_gets_what_was_sent_before(self):
        async with engine() as server:
            path = await server.poller()
            client = await server.websocket(path)
            await client.send("2probe")
            assert await client.receive() == "3probe"
            await server.eio.send(server.session().sid, "last")
            await server.eio.disconnect()
            await client.send("5")
            await client.ended()
            assert client.frames == ["3probe", "4last"]

    @pytest.mark.parametrize("options", [{"allow_upgrades": False}, {"transports": "polling"}])
    async def test_is_not_offered_where_it_is_not_allowed(self, options):
        async with engine(**options) as server:
            told = await server.handshake()
            assert told["upgrades"] == []
            with pytest.raises(aiohttp.WSServerHandshakeError, match="400"):
                await server.websocket(f"{PATH}websocket&sid={told['sid']}")
