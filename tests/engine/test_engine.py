"""The engine has the face of `engineio.AsyncServer`, and serves the clients of python-engineio."""

import asyncio
import json
import sys
from functools import partial

import engineio
import pytest
from aiohttp import web

from chatlib.engine import Engine, Server
from support.engines import PATH, engine, packets, within
from support.waiting import TIMEOUT, eventually


class TestOptions:
    @pytest.mark.parametrize(
        "option", [{"cookie": "io"}, {"async_handlers": True}, {"http_compression": True}]
    )
    def test_that_it_does_not_have_are_refused(self, option):
        [name] = option
        with pytest.raises(ValueError, match=f"The engine does not support {name}"):
            Engine(**option)

    def test_of_a_grace_for_pings_are_refused(self):
        with pytest.raises(TypeError, match="ping_interval is a number of seconds"):
            Engine(ping_interval=(25, 5))

    def test_of_origins_by_a_function_are_refused(self):
        with pytest.raises(TypeError, match="cors_allowed_origins is an origin here, or a list"):
            Engine(cors_allowed_origins=lambda origin: True)

    def test_of_a_serializer_are_refused(self):
        with pytest.raises(TypeError, match="it takes no serializer"):
            Server(serializer="msgpack")

    def test_for_another_server_than_aiohttp_are_refused(self):
        with pytest.raises(ValueError, match="aiohttp"):
            Engine(async_mode="asgi")

    def test_of_transports_are_those_of_python_engineio(self):
        with pytest.raises(ValueError, match="transports"):
            Engine(transports=["carrier-pigeon"])


class TestOrigins:
    OWN, OTHER = "http://127.0.0.1", "http://evil.example"

    @pytest.mark.parametrize(
        ("allowed", "origin", "status"),
        [
            (None, "own", 200),
            (None, OTHER, 403),
            (None, "null", 403),
            ("*", OTHER, 200),
            (["*"], OTHER, 200),
            ([], OTHER, 200),
            (OTHER, OTHER, 200),
            ([OTHER], OTHER, 200),
            ([OTHER], "own", 403),
            ([OTHER, "self"], "own", 200),
            ([OTHER, "self"], "http://else.example", 403),
            ([OTHER, "self"], "self", 403),
        ],
    )
    async def test_that_are_allowed(self, allowed, origin, status):
        async with engine(cors_allowed_origins=allowed) as server:
            headers = {"Origin": server.url if origin == "own" else origin}
            async with server.http.get(f"{PATH}polling", headers=headers) as answer:
                assert answer.status == status
                allows = answer.headers.get("Access-Control-Allow-Origin")
                assert allows == (headers["Origin"] if status == 200 and allowed != [] else None)
            assert len(server.eio.sockets) == (status == 200)

    async def test_are_looked_at_for_websockets_too(self):
        async with engine() as server:
            with pytest.raises(Exception, match="403"):
                await server.http.ws_connect(f"{PATH}websocket", origin=self.OTHER)

    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            ("https://chat.example", 200),  # a proxy may have added TLS
            ("http://chat.example", 200),
            ("https://chat.example:8443", 403),
            ("https://other.example", 403),
            ("wss://chat.example", 403),
        ],
    )
    async def test_of_the_server_are_those_of_its_host_and_port(self, origin, status):
        async with engine() as server:
            headers = {"Origin": origin, "Host": "chat.example"}
            assert (await server.get(f"{PATH}polling", headers=headers))[0] == status

    async def test_of_the_server_are_not_what_anyone_says_who_is_no_proxy(self):
        async with engine() as server:
            for host in ("X-Forwarded-Host", "X-Forwarded-For", "X-Original-Host"):
                headers = {"Origin": "https://evil.example", host: "evil.example"}
                assert (await server.get(f"{PATH}polling", headers=headers))[0] == 403

    async def test_may_ask_first(self):
        async with engine(cors_allowed_origins="*") as server:
            headers = {
                "Origin": self.OTHER,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "X-Mine",
            }
            async with server.http.options(f"{PATH}polling", headers=headers) as answer:
                assert answer.status == 200
                told = {name[15:]: value for name, value in answer.headers.items()}
            assert told["Allow-Origin"] == self.OTHER
            assert told["Allow-Methods"] == "OPTIONS, GET, POST"
            assert told["Allow-Headers"] == "X-Mine"
            assert told["Allow-Credentials"] == "true"
            assert not server.eio.sockets


class TestSessions:
    async def test_of_nobody(self):
        async with engine() as server:
            for wants in (server.eio.get_session("x"), server.eio.save_session("x", {})):
                with pytest.raises(KeyError, match="Session not found"):
                    await wants
            with pytest.raises(KeyError):
                server.eio.transport("x")
            await server.eio.send("x", "hello")
            await server.eio.send_packet("x", engineio.packet.Packet(engineio.packet.NOOP))
            await server.eio.disconnect("x")
            await server.eio.disconnect()

    async def test_keep_something_of_the_application(self):
        async with engine() as server:
            client = await server.client()
            async with server.eio.session(client.sid) as kept:
                kept["name"] = "alice"
            assert await server.eio.get_session(client.sid) == {"name": "alice"}
            await server.eio.save_session(client.sid, {"name": "bob"})
            assert await server.eio.get_session(client.sid) == {"name": "bob"}

    async def test_keep_it_until_the_application_was_told_of_the_end(self):
        async with engine() as server:
            eio, found = server.eio, []

            @eio.on("disconnect")
            async def disconnect(sid, reason):
                async with eio.session(sid) as kept:
                    found.append((kept["name"], eio.transport(sid)))

            client = await server.client()
            await eio.save_session(client.sid, {"name": "alice"})
            await client.send("1")
            await eventually(lambda: found == [("alice", "websocket")])
            with pytest.raises(KeyError):
                await eio.get_session(client.sid)

    async def test_tell_what_carries_them(self):
        async with engine() as server:
            await server.poller()
            [sid] = server.eio.sockets
            assert server.eio.transport(sid) == "polling"
            assert server.eio.transport((await server.client()).sid) == "websocket"

    async def test_are_sent_all_that_python_engineio_sends(self):
        async with engine() as server:
            client = await server.client()
            for data in ("a", b"b", bytearray(b"c"), {"d": 1}, [1, 2]):
                await server.eio.send(client.sid, data)
            await server.eio.send_packet(
                client.sid, engineio.packet.Packet(engineio.packet.MESSAGE, "e")
            )
            heard = [await client.receive() for _ in range(6)]
            assert heard == ["4a", b"b", b"c", '4{"d":1}', "4[1,2]", "4e"]

    async def test_are_of_the_class_that_the_engine_says(self):
        seen = []

        class Session(Engine.session_class):
            def send(self, frame):
                seen.append(frame)
                super().send(frame)

        async with engine() as server:
            server.eio.session_class = Session
            client = await server.client()
            await server.eio.send(client.sid, "a")
            assert await client.receive() == "4a"
            assert [frame[2:3] for frame in seen[-1:]] == [b"4"]

    async def test_have_ids_of_the_engine_s_making(self):
        async with engine() as server:
            server.eio.generate_id = lambda: "chosen"
            assert (await server.handshake())["sid"] == "chosen"


class TestBackgroundTasks:
    async def test_are_kept_until_they_end(self):
        async with engine() as server:
            go = asyncio.Event()
            task = server.eio.start_background_task(go.wait)
            assert server.eio.background_tasks == {task}
            go.set()
            assert await task is True
            await eventually(lambda: not server.eio.background_tasks)

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks yet")
    async def test_do_not_begin_at_once_even_where_tasks_are_eager(self):
        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)
        try:
            begun = []

            async def work():
                begun.append(True)

            task = Engine().start_background_task(work)
            assert begun == []
            await task
        finally:
            loop.set_task_factory(None)

    @pytest.mark.skipif(sys.version_info < (3, 12), reason="there are no eager tasks yet")
    async def test_of_a_handler_begin_at_once_and_are_kept_only_if_they_wait(self):
        async with engine() as server:
            go, begun = asyncio.Event(), []

            async def work(wait):
                begun.append(asyncio.current_task())
                await wait()

            await server.client()
            server.eio.start_handler(work, go.wait)
            server.eio.start_handler(work, partial(asyncio.sleep, 0))
            own = asyncio.current_task()
            assert len(begun) == 2
            assert own not in begun
            assert server.eio.background_tasks == set(begun)
            go.set()
            await asyncio.wait(begun)

            async def nothing():
                begun.append(asyncio.current_task())

            server.eio.start_handler(nothing)
            assert begun[-1].done()
            await eventually(lambda: not server.eio.background_tasks)

    async def test_are_cancelled_when_the_server_stops(self):
        async with engine() as server:
            task = server.eio.start_background_task(asyncio.Event().wait)
            await server.client()
            await server.eio.shutdown()
            assert task.cancelled()
            assert not server.eio.background_tasks
            assert server.app.reasons() == ["server disconnect"]

    async def test_of_a_disconnect_handler_that_takes_long_do_not_hold_up_the_stop(self):
        async with engine() as server:
            server.eio.on("disconnect", lambda sid, reason: asyncio.Event().wait())
            await server.client()
            await within(server.eio.shutdown())
            assert not server.eio.background_tasks


class TestClientsOfPythonEngineio:
    TRANSPORTS = (["polling"], ["websocket"], ["polling", "websocket"])

    async def client(self, server, transports):
        client = engineio.AsyncClient(handle_sigint=False)
        client.heard, client.ended = [], asyncio.Event()
        client.on("message", client.heard.append)
        client.on("disconnect", lambda reason: client.ended.set())
        await client.connect(server.url, transports=transports)
        return client

    @pytest.mark.parametrize("transports", TRANSPORTS)
    async def test_hear_and_are_heard(self, transports):
        async with engine() as server:
            client = await self.client(server, transports)
            for number in range(40):
                await client.send(str(number))
            await client.send(b"end")
            await eventually(lambda: client.heard[-1:] == [b"end"])
            assert client.heard == [*map(str, range(40)), b"end"]
            await within(client.disconnect())
            await eventually(lambda: len(server.app.reasons()) == 1)

    async def test_learn_why_they_are_refused(self):
        async with engine() as server:
            server.eio.on("connect", lambda sid, environ: {"why": "We are closed."})
            with pytest.raises(engineio.exceptions.ConnectionError) as refused:
                await self.client(server, ["polling"])
            assert refused.value.args[1] == {"why": "We are closed."}

    @pytest.mark.parametrize("transports", TRANSPORTS)
    async def test_learn_that_the_server_ends_their_session(self, transports):
        async with engine() as server:
            client = await self.client(server, transports)
            await server.eio.send(client.sid, "last")
            await server.eio.disconnect(client.sid)
            await within(client.ended.wait())
            assert client.heard == ["last"]
            if client.write_loop_task:  # a polling one of python-engineio waits for half a minute
                client.write_loop_task.cancel()
            await within(client.wait())

    @pytest.mark.parametrize("transports", TRANSPORTS)
    async def test_leave_at_once(self, transports):
        """A polling one waits for the answer to its last poll."""
        async with engine() as server:
            client = await self.client(server, transports)
            async with asyncio.timeout(TIMEOUT / 2):  # it would be half a minute
                await client.disconnect()


def test_it_serves_several_event_loops_one_after_the_other():
    eio = Engine()

    async def serve():
        app = web.Application()
        eio.attach(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        client = engineio.AsyncClient(handle_sigint=False)
        heard = asyncio.get_running_loop().create_future()
        client.on("message", heard.set_result)
        await client.connect(f"http://127.0.0.1:{runner.addresses[0][1]}", transports=["websocket"])
        await eio.send(client.sid, "hello")
        assert await within(heard) == "hello"
        await client.disconnect()
        await eio.shutdown()
        await runner.cleanup()

    for _ in range(2):
        asyncio.run(serve())


async def test_what_waits_for_a_poll_is_answered_with_the_packets_alone():
    async with engine() as server:
        path = await server.poller()
        await server.eio.send(server.session().sid, {"a": 1})
        status, text = await server.get(path)
        assert (status, packets(text)) == (200, [f"4{json.dumps({'a': 1}, separators=(',', ':'))}"])
