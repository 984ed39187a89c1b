"""Two servers that are one chat, through a real Redis server of the tests' own."""

import asyncio
import contextlib

import pytest
import pytest_asyncio
import redis
import socketio

from chatlib import ChatServer
from support.servers import Server
from support.waiting import TIMEOUT, eventually

pytestmark = pytest.mark.slow


class Chat(ChatServer):
    """Tells whom it has welcomed: only then was the newcomer's broadcast published."""

    def __init__(self, **options):
        super().__init__(**options)
        self.welcomed = set()

    async def welcome(self, sid, offset):
        await super().welcome(sid, offset)
        self.welcomed.add(sid)


class RedisServer(Server):
    """One of the chat's servers."""

    def __init__(self, url):
        self.manager = socketio.AsyncRedisManager(url)
        super().__init__(Chat(client_manager=self.manager))

    async def come(self, auth=None):
        """Connect a plain client, and wait until the others have been told of it."""
        client = await self.connect(auth)
        await eventually(lambda: client.get_sid() in self.chat.welcomed)
        return client

    async def stop(self):
        await super().stop()  # cancels the manager's task too, as the server started it
        # What python-socketio never closes.
        await self.manager.pubsub.aclose()
        await self.manager.redis.aclose()


@pytest_asyncio.fixture
async def two_servers(redis_url):
    """Two servers that have subscribed, which they do when their first client connects."""
    async with contextlib.AsyncExitStack() as stack:
        started, first = [], []
        for _ in range(2):
            started.append(RedisServer(redis_url))
            await started[-1].start()
            first.append(await started[-1].come())
            stack.push_async_callback(started[-1].stop)
        with redis.Redis.from_url(redis_url) as client:
            await eventually(lambda: client.pubsub_numsub("socketio") == [(b"socketio", 2)])
        await flush_servers(started, *first)
        for client in first:
            await client.disconnect()
        yield started


async def call(client, event, data=None):
    return await client.call(event, data, timeout=TIMEOUT)


async def flush_servers(two_servers, *clients):
    """Wait until all that was sent before has arrived, on every server.

    Redis, too, keeps the order of what one server has published, so that a last message of each
    server proves that all before it was delivered.
    """
    for number, server in enumerate(two_servers):
        marker = ("flush", (number,))
        await server.chat.io.emit("flush", number)
        await eventually(lambda marker=marker: all(marker in client.inbox for client in clients))
    for client in clients:
        client.inbox[:] = [pair for pair in client.inbox if pair[0] != "flush"]


async def clear(two_servers, *clients):
    await flush_servers(two_servers, *clients)
    for client in clients:
        client.inbox.clear()


class TestAcrossServers:
    async def test_everyone_is_told_of_a_newcomer(self, two_servers):
        here, there = two_servers
        alice, bob = await here.come(), await there.come()
        carol = await there.come()
        await flush_servers(two_servers, alice, bob, carol)
        of_bob, of_carol = ((f"{client.get_sid()} joined the server",) for client in (bob, carol))
        assert alice.inbox.named("broadcast") == [of_bob, of_carol]
        assert bob.inbox.named("broadcast") == [of_carol]
        assert carol.inbox == [("welcome", (f"Welcome to the server {carol.get_sid()}",))]

    async def test_a_message_to_everyone_and_to_the_others(self, two_servers):
        here, there = two_servers
        alice, bob, carol = await here.come(), await here.come(), await there.come()
        await clear(two_servers, alice, bob, carol)
        await call(alice, "message", {"text": "hi", "file": b"\x00\xff"})
        await call(alice, "message", {"others": True})
        await flush_servers(two_servers, alice, bob, carol)
        sender = {"id": alice.get_sid()}
        all_of_us = ("recieve-message", ({"text": "hi", "file": b"\x00\xff", "from": sender},))
        others = ("recieve-message", ({"others": True, "from": sender},))
        assert alice.inbox == [all_of_us]
        assert bob.inbox == carol.inbox == [all_of_us, others]

    @pytest.mark.parametrize("data", ["hi", 7, ["a", ["b"]], b"\x00\xff"])
    async def test_what_is_not_an_object(self, two_servers, data):
        alice, bob = await two_servers[0].come(), await two_servers[1].come()
        await clear(two_servers, alice, bob)
        await call(alice, "message", data)
        await flush_servers(two_servers, alice, bob)
        assert alice.inbox == bob.inbox == [("recieve-message", (data,))]

    async def test_a_room(self, two_servers):
        here, there = two_servers
        alice, bob = await here.come(), await here.come()
        carol, dave = await there.come(), await there.come()
        everyone = (alice, bob, carol, dave)
        for client in (alice, bob, carol):
            assert (await call(client, "join-room", "tea"))["ok"]
        await clear(two_servers, *everyone)
        await call(alice, "message", {"room": "tea"})
        await flush_servers(two_servers, *everyone)
        heard = ("single-message", ({"room": "tea", "from": {"id": alice.get_sid()}},))
        assert bob.inbox == carol.inbox == [heard]
        assert alice.inbox == dave.inbox == []
        await call(carol, "leave-room", "tea")
        await clear(two_servers, *everyone)
        await call(alice, "message", {"room": "tea"})
        await flush_servers(two_servers, *everyone)
        assert bob.inbox == [heard]
        assert carol.inbox == []

    async def test_one_socket(self, two_servers):
        here, there = two_servers
        alice, bob, carol = await here.come(), await there.come(), await there.come()
        await clear(two_servers, alice, bob, carol)
        await call(alice, "message", {"room": bob.get_sid()})
        await flush_servers(two_servers, alice, bob, carol)
        heard = {"room": bob.get_sid(), "from": {"id": alice.get_sid()}}
        assert bob.inbox == [("single-message", (heard,))]
        assert alice.inbox == carol.inbox == []

    async def test_a_user_and_the_senders_own_other_sockets(self, two_servers):
        here, there = two_servers
        alice, alices_phone = await here.come({"userId": 1}), await there.come({"userId": 1})
        bob, bobs_phone = await here.come({"userId": 2}), await there.come({"userId": "2"})
        carol = await there.come({"userId": 3})
        everyone = (alice, alices_phone, bob, bobs_phone, carol)
        await clear(two_servers, *everyone)
        await call(alice, "message", {"user": 2})
        await flush_servers(two_servers, *everyone)
        heard = {"user": 2, "from": {"id": alice.get_sid(), "userId": 1}}
        for client in (alices_phone, bob, bobs_phone):
            assert client.inbox == [("single-message", (heard,))]
        assert alice.inbox == carol.inbox == []

    async def test_the_one_who_left_hears_nothing_and_nobody_stumbles(self, two_servers, caplog):
        here, there = two_servers
        alice, bob = await here.come({"userId": 1}), await there.come({"userId": 2})
        gone = bob.get_sid()
        await bob.disconnect()
        await eventually(lambda: not there.manager.is_connected(gone, "/"))
        await clear(two_servers, alice)
        for address in ({"room": gone}, {"user": 2}, {"others": True}):
            assert await call(alice, "message", address) == {"ok": True}
        await flush_servers(two_servers, alice)
        assert alice.inbox == []
        assert not caplog.records


class TestEavesdropping:
    """On one server python-socketio refuses a room named like a socket's id; through Redis not."""

    @pytest.mark.parametrize("same_server", [True, False], ids=["one server", "the other server"])
    async def test_no_name_of_a_room_brings_one_where_bobs_messages_arrive(
        self, two_servers, same_server
    ):
        here, there = two_servers
        alice = await here.come({"userId": 1})
        bob = await there.come({"userId": 2})
        mallory = await (there if same_server else here).come()
        bobs_id = bob.get_sid()
        await call(bob, "join-room", "x")
        names = [2, "2", "user:2", "room:x", "everyone", bobs_id, f"room:{bobs_id}", [bobs_id]]
        for name in names:
            await call(mallory, "join-room", name)
        assert not (await call(mallory, "join-room", bobs_id))["ok"]
        await clear(two_servers, alice, bob, mallory)
        for address in ({"room": bobs_id}, {"user": 2}, {"room": "x"}):
            await call(alice, "message", address)
        await flush_servers(two_servers, alice, bob, mallory)
        assert len(bob.inbox) == 3
        assert mallory.inbox == []

    async def test_a_socket_hears_nothing_of_the_other_server_before_it_is_accepted(
        self, two_servers, monkeypatch
    ):
        here, there = two_servers
        alice, bob = await here.come(), await there.come()
        checking, checked = asyncio.Event(), asyncio.Event()
        identify = there.chat.identity.identify

        async def check_for_long(*arguments):
            checking.set()
            await checked.wait()
            return await identify(*arguments)

        monkeypatch.setattr(there.chat.identity, "identify", check_for_long)
        async with asyncio.timeout(TIMEOUT):
            connecting = asyncio.create_task(there.come())
            await checking.wait()
            await call(alice, "message", "before login")
            await eventually(lambda: bob.inbox.named("recieve-message"))
            checked.set()
            carol = await connecting
        await flush_servers(two_servers, alice, bob, carol)
        assert [event for event, _ in carol.inbox] == ["welcome"]
