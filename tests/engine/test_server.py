"""Socket.IO on the engine: what python-socketio promises, and what a client may not do."""

import asyncio
import contextlib
import json
import logging

import pytest
import pytest_asyncio
import socketio
from socketio.exceptions import ConnectionRefusedError

from chatlib.engine import Server
from chatlib.engine.packets import Json
from support.io_servers import serving_io, within
from support.waiting import eventually

NOT_SOCKET_IO = "it does not speak Socket.IO: "


class Strict(Server):
    """A server that reads no event of over 1,000 bytes, and answers what it does not read."""

    asked = ()

    def refusal(self, sid, size):
        self.asked = (*self.asked, (sid, size))
        return {"refused": size} if size > 1000 else None

    def malformed(self, sid, why):
        return {"malformed": why}


@pytest_asyncio.fixture
async def server():
    """A server that answers ``echo`` with its arguments."""
    io = Server()
    io.on("echo", echo)
    async with serving_io(io) as server:
        yield server


@pytest_asyncio.fixture
async def strict():
    io = Strict()
    io.on("echo", echo)
    async with serving_io(io) as server:
        yield server


async def echo(sid, *arguments):
    return arguments


@pytest.fixture
def unread(monkeypatch):
    """Fail if anything of a client is decoded."""

    def fail(text):
        raise AssertionError(f"decoded: {text[:50]}")

    return lambda: monkeypatch.setattr(Json, "loads", fail)


@pytest.fixture(autouse=True)
def hung_up(caplog):
    """Why clients were hung up on; where it is asked for, an error in the log fails the test."""
    caplog.set_level(logging.WARNING, "engineio.server")

    def reasons():
        assert not [record for record in caplog.records if record.exc_info]
        lines = [record.getMessage() for record in caplog.records]
        return [line.partition(": ")[2] for line in lines if line.startswith("Hanging up on")]

    return reasons


class TestNamespaces:
    async def test_a_client_joins_the_main_one_and_others(self, server):
        server.io.on("echo", echo, namespace="/admin")
        client = await server.client()
        await client.send("40/admin,")
        joined = await client.until(lambda frame: frame.startswith("40/admin,"))
        assert json.loads(joined.removeprefix("40/admin,"))["sid"] != client.sid
        await client.send('42/admin,7["echo",1]')
        assert await client.receive() == "43/admin,7[1]"

    @pytest.mark.parametrize("name", ["/random", "/random,", '/random,{"token":1}'])
    async def test_there_is_no_unknown_one(self, server, name):
        client = await server.open()
        await client.send(f"40{name}")
        assert await client.receive() == '44/random,{"message":"Invalid namespace"}'

    async def test_one_may_be_allowed_without_a_handler(self):
        async with serving_io(Server(namespaces=["/quiet"])) as server:
            client = await server.open()
            await client.send("40/quiet")
            assert (await client.receive()).startswith('40/quiet,{"sid"')

    async def test_all_may_be_allowed(self):
        async with serving_io(Server(namespaces="*")) as server:
            client = await server.open()
            await client.send("40/any")
            assert (await client.receive()).startswith('40/any,{"sid"')

    async def test_one_is_left_and_the_others_go_on(self, server):
        server.io.on("echo", echo, namespace="/admin")
        client = await server.client()
        await client.send("40/admin,", "41/admin,", '42/admin,1["echo"]')
        assert await client.call("echo", 1) == 1
        assert not any(frame.startswith("43/admin") for frame in client.frames)

    async def test_one_may_be_a_class(self, server):
        class Admin(socketio.AsyncNamespace):
            async def on_echo(self, sid, data):
                return data

        server.io.register_namespace(Admin("/admin"))
        client = await server.client()
        await client.send("40/admin,", '42/admin,7["echo","hi"]')
        assert await client.until(lambda frame: frame[:4] == "43/a") == '43/admin,7["hi"]'

    async def test_of_all_there_is_one_catch_all(self):
        io = Server(namespaces="*")
        io.on("*", lambda event, namespace, sid, *data: [event, namespace, *data], namespace="*")
        async with serving_io(io) as server:
            client = await server.open()
            await client.send("40/x,", '42/x,1["hi",2]')
            assert await client.until(lambda frame: frame[:2] == "43") == '43/x,1[["hi","/x",2]]'


class TestHandlers:
    """As `socketio.AsyncServer` calls them."""

    @pytest.mark.parametrize("value", [None, 1, [1, 2], {"a": []}, b"bytes", {"b": [b"x"]}])
    async def test_what_one_returns_is_the_acknowledgement(self, server, value):
        async def give(sid):
            return value

        server.io.on("give", give)
        server.io.on("give too", lambda sid: value)
        client = await server.connect()
        assert await client.call("give") == value
        assert await client.call("give too") == value

    async def test_a_tuple_is_several_arguments(self, server):
        client = await server.client()
        await client.send('420["echo",1,2]')
        assert await client.receive() == "430[1,2]"

    async def test_none_is_an_empty_acknowledgement(self, server):
        client = await server.client()
        await client.send('421["echo"]')
        assert await client.receive() == "431[]"

    async def test_without_a_number_there_is_no_acknowledgement(self, server):
        client = await server.client()
        await client.send('42["echo","unheard"]')
        assert await client.call("echo", 1) == 1
        assert client.frames == ["431[1]"]

    async def test_of_an_event_that_has_none_the_catch_all_is_called(self, server):
        async def others(event, sid, *data):
            return [event, sid, *data]

        server.io.on("*", others)
        client = await server.client()
        assert await client.call("nonsense", 1, 2) == ["nonsense", client.sid, 1, 2]
        assert await client.call("echo", 1) == 1

    async def test_an_event_without_any_is_not_answered(self, server):
        client = await server.client()
        await client.send('421["nonsense"]')
        await client.call("echo", 1)
        assert client.frames == ["431[1]"]

    async def test_they_run_side_by_side(self, server):
        gate = asyncio.Event()

        async def wait(sid):
            await gate.wait()

        server.io.on("wait", wait)
        server.io.on("open", lambda sid: gate.set())
        client = await server.client()
        await client.send('420["wait"]', '421["open"]')
        assert [await client.receive(), await client.receive()] == ["431[]", "430[]"]

    async def test_they_begin_in_the_order_of_the_events(self, server):
        """Whichever way they are called."""
        begun = []

        async def short_way(sid, n):
            begun.append(n)

        server.io.on("a", short_way)
        server.io.on("b", lambda sid, n: begun.append(n))
        server.io.on("*", lambda event, sid, n: begun.append(n))
        client = await server.client()
        await client.send(*[f'42["{"abc"[n % 3]}",{n}]' for n in range(60)])
        await client.call("echo", 1)
        assert begun == [*range(60)]

    async def test_one_at_a_time_if_that_is_wished(self):
        io = Server(async_handlers=False)
        running, most = 0, 0

        async def work(sid):
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

        io.on("work", work)
        async with serving_io(io) as server:
            client = await server.client()
            await client.send(*[f'42{n}["work"]' for n in range(20)])
            assert [await client.receive() for _ in range(20)] == [f"43{n}[]" for n in range(20)]
        assert most == 1

    async def test_one_that_fails_is_told_to_the_event_loop(self, server):
        told = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: told.append(context["exception"])
        )

        async def fail(sid):
            raise OSError("no")

        server.io.on("fail", fail)
        client = await server.client()
        await client.send('421["fail"]')
        await client.call("echo", 1)
        await eventually(lambda: told)
        assert [str(error) for error in told] == ["no"]

    async def test_one_that_fails_in_turn_is_logged_and_the_client_stays(self, caplog):
        io = Server(async_handlers=False)

        async def fail(sid):
            raise OSError("no")

        io.on("fail", fail)
        io.on("echo", echo)
        async with serving_io(io) as server:
            client = await server.client()
            await client.send('421["fail"]')
            assert await client.call("echo", 1) == 1
        [record] = [record for record in caplog.records if record.exc_info]
        assert record.getMessage() == "A handler failed"

    async def test_a_session_is_kept_for_each_socket(self, server):
        async def enter(sid):
            async with server.io.session(sid) as session:
                session["count"] = session.get("count", 0) + 1
            return (await server.io.get_session(sid))["count"]

        server.io.on("enter", enter)
        one, other = await server.client(), await server.client()
        assert [await each.call("enter") for each in (one, one, other)] == [1, 2, 1]

    async def test_json_of_ones_own_is_for_one_server_alone(self):
        class Shouting:
            @staticmethod
            def dumps(data, **options):
                return json.dumps(data, **options).upper()

            loads = staticmethod(json.loads)

        io = Server(json=Shouting)
        io.on("echo", echo)
        async with serving_io(io) as server:
            client = await server.open()
            await client.send("40", '420["echo","hi"]')
            assert await client.until(lambda frame: frame[:2] == "43") == '430["HI"]'
        assert Server().packet_class.json_module is Json


class TestConnecting:
    async def test_a_handler_may_refuse_with_a_sentence(self, server):
        async def connect(sid, environ, auth):
            raise ConnectionRefusedError("Not you.")

        server.io.on("connect", connect)
        client = await server.open()
        assert await client.enter({"name": "mallory"}) == {"message": "Not you."}
        assert not server.io.manager.rooms

    async def test_what_a_handler_starts_emits_once_the_client_knows(self, server):
        async def connect(sid, environ):
            server.io.start_background_task(server.io.emit, "welcome", to=sid)

        server.io.on("connect", connect)
        client = await server.open()
        await client.send("40")
        assert (await client.receive())[:2] == "40"
        assert await client.receive() == '42["welcome"]'

    async def test_events_sent_meanwhile_are_handled_after_it(self, server):
        async def connect(sid, environ):
            await asyncio.sleep(0.01)

        server.io.on("connect", connect)
        client = await server.open()
        await client.send("40", '421["echo","early"]')
        assert (await client.receive())[:2] == "40"
        assert await client.receive() == '431["early"]'

    async def test_twice_is_refused_and_the_first_goes_on(self, server):
        client = await server.client()
        await client.send("40")
        assert await client.receive() == '44"Unable to connect"'
        assert await client.call("echo", 1) == 1

    async def test_a_handler_that_fails_lets_nobody_in(self, server, caplog):
        async def connect(sid, environ):
            raise OSError("the disk is full")

        server.io.on("connect", connect)
        client = await server.open()
        await client.send("40")
        await client.ended()
        await eventually(lambda: not server.ghosts)
        assert [record.getMessage() for record in caplog.records if record.exc_info] == [
            "A handler failed"
        ]

    @pytest.mark.parametrize("transport", ["polling", "websocket"])
    async def test_nobody_is_let_in_whose_connection_breaks_off_meanwhile(self, transport):
        """python-socketio takes a handler that was cancelled for one that has let in."""
        io, checking, ended = Server(), asyncio.Event(), []

        async def connect(sid, environ):
            checking.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("connect")

        io.on("connect", connect)
        io.on("disconnect", lambda sid, reason: ended.append("disconnect"))
        async with serving_io(io) as server:
            if transport == "polling":
                path = await server.poller()
                with contextlib.suppress(asyncio.CancelledError):
                    asking = asyncio.create_task(server.post(path, "40"))
                    await within(checking.wait())
                    asking.cancel()
                    await asking
            else:
                wire = await server.wire()
                wire.send("40")
                await within(checking.wait())
                await wire.close()
            await eventually(lambda: not server.ghosts)
        assert ended == ["connect"]

    async def test_who_leaves_meanwhile_is_told_to_the_application(self, hung_up):
        io, checking, checked = Server(), asyncio.Event(), asyncio.Event()
        told = []

        async def connect(sid, environ):
            told.append("connect")
            checking.set()
            await checked.wait()

        io.on("connect", connect)
        io.on("disconnect", lambda sid, reason: told.append("disconnect"))
        async with serving_io(io) as server:
            client = await server.open()
            await client.send("40")
            await within(checking.wait())
            [session] = server.io.eio.sockets.values()
            session.close(Server.reason.TRANSPORT_CLOSE)
            checked.set()
            await eventually(lambda: not server.ghosts)
        assert told == ["connect", "disconnect"]

    @pytest.mark.parametrize("goodbye", ["41", "1"])
    async def test_a_disconnect_handler_that_fails_leaves_no_ghost(self, server, goodbye):
        """python-socketio would emit to such a socket for ever."""

        async def disconnect(sid, reason):
            raise OSError("the disk is full")

        server.io.on("disconnect", disconnect)
        client = await server.client()
        await client.send(goodbye)
        await client.ended()
        await eventually(lambda: not server.ghosts)

    async def test_who_joins_nothing_is_hung_up_on(self, hung_up):
        async with serving_io(Server(connect_timeout=0.01)) as server:
            await (await server.open()).ended()
            assert hung_up() == ["it joins no namespace"]

    async def test_who_is_refused_everywhere_too(self, hung_up):
        io = Server(connect_timeout=0.05)
        io.on("connect", lambda sid, environ: False)
        async with serving_io(io) as server:
            client = await server.open()
            await client.send("40", "40/random")
            await client.ended()
            assert hung_up() == ["it joins no namespace"]

    async def test_who_has_joined_is_left_alone(self, hung_up):
        async with serving_io(Server(connect_timeout=0.5)) as server:
            client = await server.client()
            await (await server.open()).ended()  # by now its own time is up as well
            await client.send("41", "40")
            assert (await client.receive())[:2] == "40"
            assert hung_up() == ["it joins no namespace"]

    async def test_over_and_over_is_hung_up_on_unread(self, hung_up, unread):
        async with serving_io(Server(connect_burst=5)) as server:
            client = await server.open()
            await client.send(*["40/random,", "41/random,"] * 5)
            unread()
            await client.send("40{}")
            await client.ended()
            assert client.frames.count('44/random,{"message":"Invalid namespace"}') == 5
            assert hung_up() == ["it asks too often to be let in"]

    async def test_with_too_much_to_say_is_hung_up_on_unread(self, hung_up, unread):
        async with serving_io(Server(auth_size=1000)) as server:
            unread()
            client = await server.open()
            await client.send(f'40{{"token":"{"x" * 1000}"}}')
            await client.ended()
            assert hung_up() == [f"{NOT_SOCKET_IO}A CONNECT is too long."]

    @pytest.mark.parametrize("auth", ["{", "[" * 50_000, '{"a":' + "9" * 400 + "}", "NaN"])
    async def test_with_what_cannot_be_read_is_hung_up_on(self, server, hung_up, auth):
        client = await server.open()
        await client.send(f"40{auth}")
        await client.ended()
        assert len(hung_up()) == 1


class TestStrangers:
    """Nothing is read of who has not been let in."""

    @pytest.mark.parametrize(
        "frame", ['42["echo"]', "42[", "431[]", "41", '451-["echo"]', '461-1["x"]']
    )
    async def test_the_first_packet_is_a_connect(self, server, hung_up, unread, frame):
        unread()
        client = await server.open()
        await client.send(frame)
        await client.ended()
        assert hung_up() == [f"{NOT_SOCKET_IO}The first packet must be a CONNECT."]
        await eventually(lambda: not server.ghosts)

    async def test_an_event_for_another_namespace_is_not_read(self, server, unread):
        server.io.on("echo", echo, namespace="/admin")
        client = await server.client()
        unread()
        await client.send('42/admin,1["echo"', '451-/admin,2["echo"', b"x", '42/random,3["echo"')
        await server.io.emit("news", to=client.sid)
        assert await client.receive() == '42["news"]'

    async def test_an_event_that_comes_as_its_socket_leaves_is_not_read(self, server, unread):
        client = await server.client()
        unread()
        await client.send('451-1["echo",')
        await server.io.disconnect(client.sid)
        await client.send(b"x", '422["echo"', "40")
        answers = [await client.receive(), await client.receive()]
        assert answers[0] == "41"
        assert answers[1].startswith("40{")

    async def test_events_of_who_has_left_are_read_slowly(self, server, monkeypatch):
        monkeypatch.setattr("chatlib.engine.server._PAUSE", 3600)
        client = await server.client()
        await client.send("41", '42["echo"]', "40")
        await server.client()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.receive(), 0.1)


class TestLimits:
    async def test_what_is_refused_is_answered_unread(self, strict, unread):
        client = await strict.client()
        unread()
        await client.send(f'425["echo","{"x" * 2000}"')
        assert await client.receive() == '435[{"refused":2012}]'

    async def test_the_size_counts_all_attachments(self, strict, unread):
        client = await strict.client()
        unread()
        await client.send("452-/,5", b"x" * 1000, b"y" * 1000)
        assert await client.receive() == '435[{"refused":2006}]'

    async def test_what_is_refused_without_a_number_is_not_answered(self, strict):
        client = await strict.client()
        await client.send(f'42["echo","{"x" * 2000}"]')
        assert await client.call("echo", 1) == 1
        assert client.frames == ["431[1]"]

    async def test_events_are_asked_for_once_and_in_their_order(self, strict):
        client = await strict.client()
        await client.send('420["echo",1]', f'421["echo","{"x" * 2000}"]', '422["echo",3]')
        await client.until(lambda frame: frame[:3] == "432")
        assert strict.io.asked == ((client.sid, 12), (client.sid, 2013), (client.sid, 12))

    async def test_an_acknowledgement_that_is_refused_is_not_read(self, strict, unread):
        client = await strict.client()
        asking = asyncio.create_task(strict.io.call("who", to=client.sid, timeout=0.05))
        await client.until(lambda frame: "who" in frame)
        unread()
        await client.send(f'431["{"x" * 2000}"]')
        with pytest.raises(socketio.exceptions.TimeoutError):
            await asking

    @pytest.mark.parametrize(
        ("data", "why"),
        [
            ("[]", "An event needs a name."),
            ('["connect"]', "Socket.IO keeps the name connect for itself."),
            ('["echo",1e999]', "A number must be finite."),
            (f'["echo",{"[" * 100}{"]" * 100}]', "The data nests too deep."),
        ],
    )
    async def test_a_malformed_event_is_answered(self, strict, data, why):
        client = await strict.client()
        assert await client.call_raw(data) == {"malformed": why}

    async def test_attachments_that_are_misused_are_answered(self, strict):
        client = await strict.client()
        answer = await client.call_raw('["echo"]', b"x")
        assert answer == {"malformed": "Each binary attachment must be used once."}

    async def test_a_malformed_acknowledgement_ends_the_connection(self, strict, hung_up):
        client = await strict.client()
        await client.send("431[1e999]")
        await client.ended()
        assert hung_up() == [f"{NOT_SOCKET_IO}A number must be finite."]

    async def test_a_malformed_event_ends_the_connection_if_nobody_answers(self, server, hung_up):
        client = await server.client()
        await client.send('421["connect"]')
        await client.ended()
        assert hung_up() == [f"{NOT_SOCKET_IO}Socket.IO keeps the name connect for itself."]

    @pytest.mark.parametrize(
        ("frames", "why"),
        [
            (["42{}"], "The data must be a list."),
            (["44{}"], "Clients do not send such a packet."),
            (["4abc"], "A packet is text that begins with its type."),
            ([b"abc"], "A packet is text that begins with its type."),
            (["430[]"], "An acknowledgement needs a number."),
            (['451-["echo"]', "42[1]"], "An attachment must be binary."),
            (['459999999999-["echo"]', *[b""] * 10_000], "The attachments are too long."),
        ],
        ids=lambda value: str(value)[:20],
    )
    async def test_what_no_socket_io_client_sends_ends_the_connection(
        self, server, hung_up, frames, why
    ):
        client = await server.client()
        await client.send(*frames)
        await client.ended()
        assert hung_up() == [NOT_SOCKET_IO + why]
        await eventually(lambda: not server.ghosts)
