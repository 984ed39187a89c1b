"""Labs whose servers are one, through a real Redis server of the tests' own."""

import asyncio
import contextlib

import pytest
import pytest_asyncio
import redis
import socketio

from chatlib import ChatServer
from chatlib.engine import Fanout, Server
from chatlib.lab import Lab, LabTimeoutError
from chatlib.lab.pictures import Matrix
from chatlib.lab.trace import Emission
from support.redis_servers import RedisServer
from support.waiting import TIMEOUT

pytestmark = pytest.mark.slow


class Queue(socketio.AsyncRedisManager, Fanout):
    """Redis, with the engine's own way to hand out an event."""


def server(url, **options):
    manager = socketio.AsyncRedisManager(url, **options)
    return socketio.AsyncServer(async_mode="aiohttp", client_manager=manager)


def on_the_engine(url):
    return Server(socketio.AsyncRedisManager(url))


def on_the_engine_alone(url):
    return Server(Queue(url))


class Labs:
    """Opens labs on servers that share a Redis server: ``await labs("a", "b")``."""

    def __init__(self, stack, url, make=server):
        self._stack = stack
        self._make = make
        self.url = url

    async def __call__(self, *names, **options):
        ios = [self._make(self.url) for _ in names]
        return ios, [
            await self.open(io, name=name, **options) for io, name in zip(ios, names, strict=True)
        ]

    async def open(self, io, **options):
        return await self._stack.enter_async_context(await Lab.open(io, **options))


@pytest_asyncio.fixture(params=[server, on_the_engine, on_the_engine_alone])
async def labs(request, redis_url):
    async with contextlib.AsyncExitStack() as stack:
        yield Labs(stack, redis_url, request.param)


@pytest.fixture
def own_redis():
    """A Redis server of the test's own, to be killed."""
    with RedisServer() as server:
        yield server


@pytest_asyncio.fixture
async def own_labs(own_redis):
    async with contextlib.AsyncExitStack() as stack:
        yield Labs(stack, own_redis.url)


async def emissions(lab):
    """Return what was emitted, and who heard it and who did not."""
    await lab.settle()
    return [
        (step.event, *step.data, sorted(step.heard()), step.missed())
        for step in lab.trace.take()
        if isinstance(step, Emission)
    ]


# -- what is recorded ------------------------------------------------------------------------------


async def test_an_emission_reaches_the_clients_of_both_servers_and_is_in_both_pictures(labs):
    (io, _), (a, b) = await labs("a", "b")

    @io.on("say")
    async def say(sid, text):
        await io.emit("said", text, skip_sid=sid)

    alice, _ = await a.join("alice", "anna")
    await b.join("bob", "bea")
    await b.clear()
    await alice.emit("say", "hi")
    assert await emissions(a) == [("said", "hi", ["anna"], ["alice"])]
    assert await emissions(b) == [("said", "hi", ["bea", "bob"], [])]


async def test_an_emission_of_the_other_server_is_marked(labs):
    (io, _), (a, b) = await labs("a", "b")
    await io.emit("news")
    assert repr(await a.picture()) == "server ○ nobody here: news"
    assert repr(await b.picture()) == "server ○ nobody here: news (from another server)"


async def test_who_heard_shows_a_room_of_both_servers(labs):
    (one, other), (a, b) = await labs("a", "b")
    alice = await a.join("alice")
    bob, _ = await b.join("bob", "bea")
    await one.enter_room(alice.get_sid(), "tea")
    await other.enter_room(bob.get_sid(), "tea")
    await one.emit("steeped", to="tea", skip_sid=alice.get_sid())
    await a.settle()
    for lab, marks in ((a, ["○"]), (b, ["●", "○"])):
        _, row = Matrix(lab.trace).text().splitlines()[:2]
        assert row.startswith('io.emit("steeped", to="tea", skip_sid=alice)')
        assert [mark for mark in row if mark in "●○"] == marks


@pytest.mark.parametrize("data", [None, "hi", 7, ("a", {"b": [1]}), b"\x00\xff"])
async def test_data_arrives_as_it_was_sent(labs, data):
    (io, _), (a, b) = await labs("a", "b")
    bob = await b.join("bob")
    heard = []
    bob.on("news", lambda *arguments: heard.append(arguments))
    await io.emit("news", data)
    await a.settle()
    assert heard == [data if isinstance(data, tuple) else (data,) * (data is not None)]
    assert a.trace.emissions[0].data == b.trace.emissions[0].data


async def test_a_client_has_its_name_on_every_server(labs):
    (io, _), (a, b) = await labs("a", "b")
    alice = await a.join("alice")
    await io.emit("joined", alice.get_sid(), skip_sid=alice.get_sid())
    assert 'joined "<alice>"' in repr(await b.picture())
    assert b.name(alice.get_sid()) == "alice"


async def test_ids_of_the_same_seed_differ_from_server_to_server_and_not_from_run_to_run(labs):
    runs = []
    for _ in range(2):
        _, (a, b) = await labs("a", "b", seed=1)
        runs.append([(await lab.join("someone")).get_sid() for lab in (a, b)])
    [one, other], again = runs
    assert one != other
    assert again == [one, other]


# -- waiting ---------------------------------------------------------------------------------------


async def test_settling_one_lab_waits_for_all_that_follows_on_every_server(labs):
    ios, pair = await labs("a", "b")
    counted = []
    clients = [await lab.join("someone") for lab in pair]
    for io, client, turn in zip(ios, clients, (0, 1), strict=True):

        async def count(sid, n, io=io):
            await io.emit("counted", n + 1)

        async def hear(n, client=client, turn=turn):
            counted.append((n, turn))
            if n < 20 and n % 2 == turn:
                await client.emit("count", n)

        io.on("count", count)
        client.on("counted", hear)
    await clients[0].emit("count", 0)
    await pair[0].settle()
    assert sorted(counted) == [(n, turn) for n in range(1, 21) for turn in (0, 1)]


async def test_settling_waits_for_an_emission_that_nobody_awaits(labs):
    (io, _), (a, b) = await labs("a", "b")
    await b.join("bob")
    for n in range(20):
        task = asyncio.create_task(io.emit("news", n))
        await asyncio.sleep(0)
        await a.settle()
        assert await emissions(b) == [("news", n, ["bob"], [])]
        await task


async def test_settling_a_lab_alone_waits_for_what_another_process_has_published(labs):
    _, (lab,) = await labs("lab")
    await lab.join("alice")
    elsewhere = socketio.AsyncRedisManager(labs.url, write_only=True)
    for n in range(50):
        await elsewhere.emit("news", n)
        assert await emissions(lab) == [("news", n, ["alice"], [])]
    await elsewhere.redis.aclose()


async def test_a_server_that_only_writes(labs):
    io = server(labs.url, write_only=True)
    a, (_, (b,)) = await labs.open(io, name="a"), await labs("b")
    await b.join("bob")
    await io.emit("news")
    await a.settle()
    assert await emissions(b) == [("news", ["bob"], [])]


async def test_a_handler_that_does_not_end_on_the_other_server_is_named(labs):
    (_, io), (a, b) = await labs("a", "b", timeout=0.3)
    never = asyncio.Event()

    @io.on("wait")
    async def wait(sid):
        await never.wait()

    bob = await b.join("bob")
    await bob.emit("wait")
    with pytest.raises(LabTimeoutError, match=r"the server's handler of 'wait' from bob to end"):
        await a.settle()
    never.set()


async def test_a_ticker_faster_than_redis_is_not_waited_for(labs):
    (io, _), (a, b) = await labs("a", "b")

    async def tick():
        while True:
            await io.emit("tick")
            await asyncio.sleep(0)

    io.start_background_task(tick)
    await a.settle()
    await b.settle()


async def test_what_a_handler_raises_is_for_the_lab_of_its_server(labs):
    (io, _), (a, b) = await labs("a", "b")
    bob = await b.join("bob")
    bob.on("news", lambda: 1 / 0)
    await io.emit("news")
    await a.settle()
    with pytest.raises(ZeroDivisionError):
        await b.settle()


async def test_both_labs_may_settle_at_once(labs):
    (io, _), (a, b) = await labs("a", "b")
    await b.join("bob")
    await io.emit("news")
    await asyncio.gather(*(lab.settle() for lab in (a, b) * 5))
    assert await emissions(b) == [("news", ["bob"], [])]


# -- all that one server may ask of another --------------------------------------------------------


async def test_a_call_is_answered_by_a_client_of_the_other_server(labs):
    (io, _), (a, b) = await labs("a", "b")
    bob = await b.join("bob")
    bob.on("how old", lambda: 42)
    assert await io.call("how old", to=bob.get_sid(), timeout=TIMEOUT) == 42
    await a.settle()


async def test_a_callback_is_waited_for(labs):
    (io, _), (a, b) = await labs("a", "b")
    bob = await b.join("bob")
    bob.on("how old", lambda: 42)
    told = []
    await io.emit("how old", to=bob.get_sid(), callback=told.append)
    await a.settle()
    assert told == [42]


async def test_what_a_callback_raises_is_the_cells_error(labs):
    (io, _), (a, b) = await labs("a", "b")
    bob = await b.join("bob")
    bob.on("how old", lambda: 0)
    await io.emit("how old", to=bob.get_sid(), callback=lambda age: 1 / age)
    with pytest.raises(ZeroDivisionError):
        await a.settle()


async def test_a_client_is_brought_into_a_room_and_out_of_it_from_the_other_server(labs):
    (io, other), (a, b) = await labs("a", "b")
    bob = await b.join("bob")
    await io.enter_room(bob.get_sid(), "tea")
    await a.settle()
    assert "tea" in other.rooms(bob.get_sid())
    await io.leave_room(bob.get_sid(), "tea")
    await a.settle()
    assert "tea" not in other.rooms(bob.get_sid())


async def test_a_room_is_closed_on_every_server(labs):
    (io, other), (a, b) = await labs("a", "b")
    bob = await b.join("bob")
    await other.enter_room(bob.get_sid(), "tea")
    await io.close_room("tea")
    await a.settle()
    assert "tea" not in other.rooms(bob.get_sid())


async def test_a_client_is_disconnected_from_the_other_server(labs):
    (io, _), (a, b) = await labs("a", "b")
    bob = await b.join("bob")
    await io.disconnect(bob.get_sid())
    await a.settle()
    assert not bob.connected


async def test_what_the_handler_of_such_a_disconnect_raises_is_the_cells_error(labs):
    (io, other), (a, b) = await labs("a", "b")
    other.on("disconnect", lambda sid, reason: 1 / 0)
    bob = await b.join("bob")
    await io.disconnect(bob.get_sid())
    await a.settle()
    with pytest.raises(ZeroDivisionError):
        await b.settle()


# -- the chat --------------------------------------------------------------------------------------


async def test_two_chat_servers_are_one_chat(labs):
    chats = [ChatServer(client_manager=socketio.AsyncRedisManager(labs.url)) for _ in range(2)]
    a, b = [await labs.open(chat.io, name=name) for chat, name in zip(chats, "ab", strict=True)]
    alice = await a.join("alice")
    bob = await b.join("bob", auth={"userId": 2})
    carol = await b.join("carol")
    told = repr(await a.picture())
    for name in ("bob", "carol"):
        heard = f'server → alice   broadcast "<{name}> joined the server" (from another server)'
        assert heard in told
    await bob.call("join-room", "tea")
    await b.clear()
    await alice.call("message", {"room": "tea", "text": "hi"})
    await carol.call("message", {"user": 2, "text": "psst"})
    await b.settle()
    heard = [(e.event, e.data[0]["text"], e.heard()) for e in b.trace.emissions]
    assert sorted(heard) == [
        ("single-message", "hi", {"bob"}),
        ("single-message", "psst", {"bob"}),
    ]


# -- opening, closing, and again -------------------------------------------------------------------


async def test_three_servers(labs):
    ios, three = await labs("a", "b", "c")
    for lab in three:
        await lab.join("someone")
    await three[0].clear()
    for io in ios:
        await io.emit("news")
    for lab in three:
        assert await emissions(lab) == [("news", ["someone"], [])] * 3


async def test_one_of_two_is_closed(labs):
    (_, io), (a, b) = await labs("a", "b")
    await b.join("bob")
    await a.close()
    await io.emit("news")
    assert await emissions(b) == [("news", ["bob"], [])]


async def test_one_is_closed_while_the_other_settles(labs):
    _, (a, b) = await labs("a", "b")
    await asyncio.gather(*(b.settle() for _ in range(5)), a.close())


@pytest.mark.parametrize("same", [True, False], ids=["the same server", "another server"])
async def test_a_lab_is_opened_again(labs, same):
    (io, other), (_, b) = await labs("a", "b")
    again = await labs.open(io if same else server(labs.url), name="a")
    await again.join("alice")
    await b.clear()
    await other.emit("news")
    assert await emissions(again) == [("news", ["alice"], [])]


async def test_a_server_that_was_killed_misses_what_is_said_meanwhile(labs):
    (_, other), (a, b) = await labs("a", "b", faults=True)
    await a.join("alice", reconnection=True)
    await a.clear()
    await a.faults.stop_server()
    await other.emit("news", "missed")
    await b.settle()
    await a.faults.start_server()
    await other.emit("news", "heard")
    assert await emissions(a) == [("news", "heard", ["alice"], [])]


async def test_a_server_may_have_published_before_its_lab_is_opened(own_labs, own_redis):
    io = server(own_labs.url)
    await io.emit("news")
    lab = await own_labs.open(io)
    await lab.close()
    with own_redis.client() as client:
        assert len(client.client_list()) == 1


async def test_nothing_is_left_on_redis(own_labs, own_redis):
    ios, pair = await own_labs("a", "b")
    managers = [type(io.manager) for io in ios]
    for lab in pair:
        await lab.join("someone")
        await lab.close()
    with own_redis.client() as client:
        assert client.pubsub_numsub("socketio") == [(b"socketio", 0)]
        assert len(client.client_list()) == 1
    assert managers != [type(io.manager) for io in ios] == [socketio.AsyncRedisManager] * 2


# -- what goes wrong -------------------------------------------------------------------------------


async def test_strangers_on_the_channel_do_no_harm(labs):
    _, (lab,) = await labs("lab")
    await lab.join("alice")
    await lab.clear()
    with redis.Redis.from_url(labs.url) as client:
        for message in ("", "no JSON", "[]", "{}", '{"method": "dance"}', '{"method": "emit"}'):
            client.publish("socketio", message)
    await lab.settle()
    elsewhere = socketio.AsyncRedisManager(labs.url, write_only=True)
    await elsewhere.emit("a mark of another kernel's", None, namespace="/chatlib-lab")
    await elsewhere.redis.aclose()
    assert await emissions(lab) == []


async def test_without_redis_a_lab_does_not_open_and_says_why():
    with pytest.raises(ConnectionError, match=r"^Redis does not answer: .*/nowhere"):
        await Lab.open(server("unix:///nowhere"))


@pytest.mark.parametrize("is_frozen", [False, True], ids=["killed", "frozen"])
async def test_without_redis_showing_says_so_and_the_lab_can_be_closed(
    own_labs, own_redis, is_frozen
):
    ios, pair = await own_labs("a", "b", timeout=0.5)
    for io, lab in zip(ios, pair, strict=True):

        @io.on("disconnect")
        async def disconnect(sid, reason, io=io):
            await io.emit("left", sid)

        await lab.join("someone")
    own_redis.freeze() if is_frozen else own_redis.kill()
    async with asyncio.timeout(TIMEOUT):  # python-redis by itself tries for a minute
        for lab in pair:
            with pytest.raises((ConnectionError, LabTimeoutError), match="Redis"):
                await lab.show()
        for lab in pair:
            await lab.close()


async def test_when_redis_is_back_so_are_the_labs(own_labs, own_redis):
    (io, _), (a, b) = await own_labs("a", "b")
    await b.join("bob")
    own_redis.kill()
    with pytest.raises(ConnectionError):
        await a.settle()
    own_redis.start()
    await a.settle()
    await b.clear()
    await io.emit("news")
    assert await emissions(b) == [("news", ["bob"], [])]


async def test_servers_that_share_something_else_are_refused():
    class Elsewhere(socketio.AsyncManager):
        channel = "socketio"

    io = socketio.AsyncServer(async_mode="aiohttp", client_manager=Elsewhere())
    with pytest.raises(TypeError, match=r"socketio\.AsyncRedisManager .* of the type Elsewhere"):
        await Lab.open(io)
