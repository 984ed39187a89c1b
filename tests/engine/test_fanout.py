"""Emitting: to whom, in which order, and what it costs."""

import asyncio
import gc
import json
import weakref

import pytest
import pytest_asyncio
import socketio
from socketio.async_pubsub_manager import AsyncPubSubManager

from chatlib.engine import Fanout, Server
from chatlib.engine.packets import Json
from support.io_servers import serving_io, within
from support.waiting import TIMEOUT, eventually


class Queue(AsyncPubSubManager, Fanout):
    """A manager with a message queue in memory, which servers share by their ``channel``."""

    def __init__(self, channel=None):
        super().__init__(channel=[] if channel is None else channel)
        self.channel.append(asyncio.Queue())
        self._messages = self.channel[-1]

    async def _publish(self, data):
        for messages in self.channel:
            messages.put_nowait(json.dumps(data).encode())

    async def _listen(self):
        while True:
            yield await self._messages.get()


class Chat:
    """Alice and bob are in the room tea, bob and carol in cake."""

    ROOMS = (("alice", "tea"), ("bob", "tea"), ("bob", "cake"), ("carol", "cake"))

    def __init__(self, server):
        self.server = server
        self.emit = server.io.emit

    async def begin(self):
        self.clients = {name: await self.server.client() for name in ("alice", "bob", "carol")}
        self.sids = {name: client.sid for name, client in self.clients.items()}
        for name, room in self.ROOMS:
            await self.server.io.enter_room(self.sids[name], room)

    async def heard(self):
        """Return all frames since the last time, by who got them."""
        await self.emit("end")
        heard = {}
        for name, client in self.clients.items():
            frames = []
            while (frame := await within(client.receive())) != '42["end"]':
                frames.append(frame)
            heard[name] = frames
        return heard

    async def who_heard(self):
        return [name for name, frames in (await self.heard()).items() for _ in frames]


@pytest_asyncio.fixture(params=[Fanout, Queue], ids=["alone", "beneath a queue"])
async def chat(request):
    async with serving_io(Server(request.param())) as server:
        chat = Chat(server)
        await chat.begin()
        yield chat


class TestAddresses:
    @pytest.mark.parametrize(
        ("to", "who"),
        [
            (None, ["alice", "bob", "carol"]),
            ("", ["alice", "bob", "carol"]),
            ("tea", ["alice", "bob"]),
            (["tea", "cake"], ["alice", "bob", "carol"]),
            (("cake", "tea"), ["alice", "bob", "carol"]),
            (["nowhere", "cake"], ["bob", "carol"]),
            ("nowhere", []),
            (["nowhere"], []),
        ],
        ids=str,
    )
    async def test_of_rooms(self, chat, to, who):
        await chat.emit("news", to=to)
        assert await chat.who_heard() == who

    async def test_of_sockets(self, chat):
        await chat.emit("news", to=chat.sids["bob"])
        assert await chat.who_heard() == ["bob"]
        await chat.emit("news", room=chat.sids["carol"])
        assert await chat.who_heard() == ["carol"]

    async def test_who_is_left_out(self, chat):
        await chat.emit("news", skip_sid=chat.sids["bob"])
        assert await chat.who_heard() == ["alice", "carol"]
        await chat.emit("news", to="tea", skip_sid=[chat.sids["bob"], chat.sids["carol"]])
        assert await chat.who_heard() == ["alice"]

    async def test_who_has_left_a_room_or_the_server_hears_nothing(self, chat):
        await chat.server.io.leave_room(chat.sids["alice"], "tea")
        await chat.server.io.close_room("cake")
        await chat.emit("news", to=["tea", "cake"])
        assert await chat.who_heard() == ["bob"]
        await chat.clients.pop("carol").websocket.close()
        await chat.emit("news")
        assert await chat.who_heard() == ["alice", "bob"]

    async def test_of_another_namespace(self, chat):
        await chat.emit("news", namespace="/admin")
        assert await chat.who_heard() == []


class TestData:
    @pytest.mark.parametrize(
        ("data", "frames"),
        [
            (None, ['42["news"]']),
            ("hi", ['42["news","hi"]']),
            ((), ['42["news"]']),
            (("a", 1), ['42["news","a",1]']),
            (["a", 1], ['42["news",["a",1]]']),
            (b"x", ['451-["news",{"_placeholder":true,"num":0}]', b"x"]),
            (
                ({"x": b"x"}, [b"y"]),
                [
                    '452-["news",{"x":{"_placeholder":true,"num":0}},[{"_placeholder":true,"num":1}]]',
                    b"x",
                    b"y",
                ],
            ),
        ],
        ids=str,
    )
    async def test_goes_as_python_socketio_sends_it(self, data, frames):
        async with serving_io(Server()) as server:
            client = await server.client()
            await server.io.emit("news", data)
            assert [await client.receive() for _ in frames] == frames

    async def test_is_encoded_once_for_all(self, chat, monkeypatch):
        encoded, dumps = [], Json.dumps
        monkeypatch.setattr(Json, "dumps", lambda data, **_: encoded.append(data) or dumps(data))
        await chat.emit("news", "x")
        assert encoded.count(["news", "x"]) == 1
        assert await chat.who_heard() == ["alice", "bob", "carol"]

    async def test_that_is_no_json_is_an_error_of_the_emission(self, chat):
        with pytest.raises(TypeError, match="not JSON serializable"):
            await chat.emit("news", {1, 2})

    async def test_needs_no_task_for_each_who_gets_it(self, chat):
        tasks = asyncio.all_tasks()
        emitting = chat.emit("news", "x", ignore_queue=True)
        with pytest.raises(StopIteration):
            emitting.send(None)  # to its end: it waits for nothing
        assert asyncio.all_tasks() == tasks


class TestOrder:
    async def test_is_that_of_the_calls_whatever_is_sent(self, chat):
        io, sid = chat.server.io, chat.sids["alice"]
        for n in range(30):
            await io.emit("a", n)
            await io.emit("b", n, to="tea", callback=lambda *answer: None)
            await io.emit("c", b"x", to=sid)
            await io.send(n, to=["tea"])
        events = [frame for frame in (await chat.heard())["alice"] if isinstance(frame, str)]
        names = [json.loads(frame[frame.index("[") :])[0] for frame in events]
        assert names == ["a", "b", "c", "message"] * 30

    async def test_of_a_large_emission_others_have_their_turn(self):
        """What is sent in a loop would all wait in memory, where little of a client may wait."""
        async with serving_io(Server(unread_bytes=1_000_000)) as server:
            client = await server.client()
            reading = asyncio.create_task(client.until(lambda frame: frame == '42["end"]'))
            for _ in range(100):
                await server.io.emit("news", "x" * 60_000)
            await server.io.emit("end")
            await within(reading)
            assert len(client.frames) == 101


class TestAcknowledgements:
    async def test_a_call_is_answered(self, chat):
        asking = asyncio.create_task(
            chat.server.io.call("who", to=chat.sids["bob"], timeout=TIMEOUT)
        )
        assert await chat.clients["bob"].receive() == '421["who"]'
        await chat.clients["bob"].send('431["bob"]')
        assert await asking == "bob"

    async def test_binary_ones_too(self, chat):
        asking = asyncio.create_task(
            chat.server.io.call("who", to=chat.sids["bob"], timeout=TIMEOUT)
        )
        await chat.clients["bob"].receive()
        await chat.clients["bob"].send('461-1[{"_placeholder":true,"num":0},2]', b"bob")
        assert await asking == (b"bob", 2)

    async def test_are_numbered_for_each_socket(self, chat):
        for name in ("alice", "alice", "bob"):
            await chat.emit("who", to=chat.sids[name], callback=lambda *answer: None)
        heard = await chat.heard()
        assert heard["alice"] == ['421["who"]', '422["who"]']
        assert heard["bob"] == ['421["who"]']

    async def test_of_another_socket_count_for_nothing(self, chat):
        alice, bob = chat.clients["alice"], chat.clients["bob"]
        asking = asyncio.create_task(chat.server.io.call("who", to=alice.sid, timeout=TIMEOUT))
        await alice.receive()
        await bob.send('431["bob"]')
        await alice.send('4399["unasked"]', '431["alice"]', '431["again"]')
        assert await asking == "alice"

    async def test_are_expected_no_more_of_who_has_left(self, chat):
        def callback(*answer):
            """Hear nothing."""

        await chat.emit("who", to=chat.sids["bob"], callback=callback)
        kept = weakref.ref(callback)
        del callback
        await chat.clients.pop("bob").websocket.close()
        await eventually(lambda: len(chat.server.io.environ) == 2)
        gc.collect()
        assert kept() is None

    async def test_what_they_call_may_be_a_coroutine(self, chat):
        answers = asyncio.Queue()
        await chat.emit("who", to=chat.sids["bob"], callback=answers.put)
        await chat.clients["bob"].receive()
        await chat.clients["bob"].send('431["bob"]')
        assert await within(answers.get()) == "bob"

    async def test_what_they_call_may_fail(self, chat, caplog):
        await chat.emit("who", to=chat.sids["bob"], callback=lambda: None)
        bob = chat.clients["bob"]
        await bob.receive()
        await bob.send('431["one too many"]')
        await eventually(lambda: [record for record in caplog.records if record.exc_info])
        assert await chat.who_heard() == []


class TestAcrossServers:
    async def test_events_reach_clients_of_all(self):
        channel = []
        async with (
            serving_io(Server(Queue(channel))) as one,
            serving_io(Server(Queue(channel))) as two,
        ):
            alice, bob = await one.client(), await two.client()
            await one.io.emit("news", {"b": b"x"})
            for client in (alice, bob):
                assert (await client.receive())[:2] == "45"
                assert await client.receive() == b"x"

    async def test_acknowledgements_come_back_to_who_asked(self):
        """The numbers that two servers give must not be taken for each other."""
        channel = []
        async with (
            serving_io(Server(Queue(channel))) as one,
            serving_io(Server(Queue(channel))) as two,
        ):
            alice = await one.client()
            await two.client()  # so that it listens
            servers = [two, one, two, one]
            calls = []
            for n, server in enumerate(servers):
                calls.append(
                    asyncio.create_task(server.io.call("who", n, to=alice.sid, timeout=TIMEOUT))
                )
                frame = await within(alice.receive())
                assert frame == f'42{n + 1}["who",{n}]'
            for n in (1, 3, 0, 2):
                await alice.send(f"43{n + 1}[{n}]")
            assert await asyncio.gather(*calls) == [0, 1, 2, 3]


async def test_a_manager_of_python_socketio_works_too():
    async with serving_io(Server(socketio.AsyncManager())) as server:
        client = await server.client()
        asking = asyncio.create_task(server.io.call("who", to=client.sid, timeout=TIMEOUT))
        assert await client.receive() == '421["who"]'
        await client.send('431["me"]')
        assert await asking == "me"
