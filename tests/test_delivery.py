"""History as clients see it: nobody misses a message, and nobody gets one twice."""

import asyncio
import sqlite3
from dataclasses import replace

import pytest
import pytest_asyncio

from chatlib.database import PAGE
from chatlib.delivery import Delivery
from chatlib.history import History, Message
from chatlib.limits import Limits
from chatlib.messages import Audience
from support.clients import flush
from support.databases import Faulty, damage
from support.servers import why_refused
from support.waiting import PATIENCE, TIMEOUT, eventually

QUICK = Limits(messages_per_second=1e6, burst=10**6, bytes_per_second=1e9, burst_bytes=10**9)
MESSAGE = "recieve-message"
EVERYONE, TEA = Audience("everyone"), Audience("group", "tea")
ALICE, BOB, CAROL = ({"userId": name} for name in ("alice", "bob", "carol"))


@pytest_asyncio.fixture
async def keeper(servers):
    """A `Server` that keeps its messages, and lets people talk as fast as they can."""
    return await servers(limits=QUICK)


@pytest_asyncio.fixture
async def faulty(servers, tmp_path):
    """A `Server` like ``keeper``, whose disk fails as `Faulty` says."""
    history = History(tmp_path / "history.db", factory=Faulty)
    yield await servers(history=history, limits=QUICK)
    Faulty.mend()


async def send(client, data):
    return await client.call("message", data, timeout=TIMEOUT)


async def join(client, room, offset=None):
    asked = room if offset is None else {"room": room, "offset": offset}
    return await client.call("join-room", asked, timeout=TIMEOUT)


def heard(client):
    """Return all messages that a client heard, in order."""
    events = ("recieve-message", "single-message")
    return [arguments[0] for event, arguments in client.inbox if event in events]


def ids(client):
    return [data["id"] for data in heard(client)]


def texts(client):
    return [data["text"] for data in heard(client)]


async def let_in(server, *clients):
    """Wait until each is let in: it has got what it missed, and hears what is live."""
    for number, client in enumerate(clients):
        await send(client, {"text": "in", "user": f"nobody {number}"})
    rooms = server.chat.io.rooms
    await eventually(lambda: all("everyone" in rooms(client.get_sid()) for client in clients))
    await flush(*clients)


class TestIds:
    async def test_in_the_acknowledgement_and_in_what_is_delivered(self, keeper):
        alice, bob = await keeper.connect(ALICE), await keeper.connect(BOB)
        await join(bob, "tea")
        assert await send(alice, {"text": "1"}) == {"ok": True, "id": 1}
        assert await send(alice, {"text": "2", "room": "tea"}) == {"ok": True, "id": 2}
        assert await send(alice, {"text": "3", "user": "bob", "id": "mine"}) == {
            "ok": True,
            "id": 3,
        }
        assert await send(alice, {"text": "4", "others": True}) == {"ok": True, "id": 4}
        assert await send(alice, "5") == {"ok": True, "id": 5}
        await flush(alice, bob)
        assert [data.get("id") for data in heard(bob)[:-1]] == [1, 2, 3, 4]
        assert heard(bob)[-1] == "5"

    async def test_without_a_history_there_are_none(self, servers):
        server = await servers(history=False)
        alice = await server.connect()
        assert await send(alice, {"text": "1", "key": ["not looked at"]}) == {"ok": True}
        await flush(alice)
        assert "id" not in heard(alice)[0]

    async def test_an_acknowledgement_comes_after_all_that_was_before_it(self, keeper):
        clients = [await keeper.connect({"userId": n}) for n in range(4)]
        await let_in(keeper, *clients)
        for client in clients:
            client.inbox.clear()

        async def work(client):
            for _ in range(25):
                await client.emit(
                    "message",
                    {"text": "hi"},
                    # As it arrives: `call` goes on only after what arrives together with it.
                    callback=lambda answer: client.inbox.append(("ack", [answer])),
                )

        await asyncio.gather(*map(work, clients))
        for client in clients:
            await eventually(lambda inbox=client.inbox: len(inbox) == 100 + 25)
            assert ids(client) == list(range(5, 105))
            for place, (event, arguments) in enumerate(client.inbox):
                if event == "ack":
                    before = client.inbox[:place]
                    last = max(given[0]["id"] for name, given in before if name != "ack")
                    assert last >= arguments[0]["id"]
            answers = [arguments[0]["id"] for arguments in client.inbox.named("ack")]
            assert answers == sorted(answers)


class Wire:
    """What `Delivery` emits by, in place of a server: notes each message, and may fail."""

    def __init__(self):
        self.heard = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.fails_for = ()

    async def emit(self, event, data, *, to, skip_sid):
        await self.go_on.wait()
        [given] = data
        if given["id"] in self.fails_for:
            raise RuntimeError("no wire")
        self.heard.append(given["id"])


class TestWriter:
    """From `send` to the acknowledgement, without any clients."""

    @pytest_asyncio.fixture
    async def delivery(self, tmp_path):
        self.wire = Wire()
        self.history = History(tmp_path / "history.db", factory=Faulty)
        delivery = Delivery(self.wire, self.history)
        yield delivery
        Faulty.mend()
        await delivery.close()

    @staticmethod
    def message(**more):
        return Message(MESSAGE, EVERYONE, Audience("user", "alice"), {}, **more)

    async def send(self, delivery, count):
        async with asyncio.timeout(TIMEOUT):
            sends = (delivery.send(self.message()) for _ in range(count))
            return [answer.get("id") for answer in await asyncio.gather(*sends)]

    async def test_a_message_is_kept_then_delivered_then_acknowledged(self, delivery):
        await delivery.open()
        order, keep, emit = [], self.history.keep, self.wire.emit

        async def note_keep(batch):
            results = await keep(batch)
            order.append("keep")
            return results

        async def note_emit(*given, **to):
            order.append("deliver")
            await emit(*given, **to)

        self.history.keep, self.wire.emit = note_keep, note_emit
        await self.send(delivery, 1)
        assert [*order, "acknowledge"] == ["keep", "deliver", "acknowledge"]

    async def test_many_at_once_take_few_writes_and_keep_their_order(self, delivery):
        assert await self.send(delivery, 1000) == list(range(1, 1001))
        assert self.wire.heard == list(range(1, 1001))
        assert 1 <= Faulty.writes <= 5

    async def test_what_comes_while_others_are_written_is_written_together(self, delivery):
        await delivery.open()
        before = Faulty.writes
        Faulty.go_on.clear()
        first = asyncio.create_task(self.send(delivery, 1))
        await eventually(Faulty.writing.is_set)
        rest = asyncio.create_task(self.send(delivery, 30))
        await asyncio.sleep(0)
        Faulty.go_on.set()
        assert (await first, await rest) == ([1], list(range(2, 32)))
        assert Faulty.writes - before == 2

    async def test_those_who_send_again_once_answered_share_one_write(self, delivery):
        await self.send(delivery, 30)
        before = Faulty.writes

        async def talk():
            for _ in range(10):
                await delivery.send(self.message())

        await asyncio.gather(*(talk() for _ in range(30)))
        assert Faulty.writes - before == 10  # and not twice as many, each of a half of them

    async def test_acknowledgements_come_in_the_order_of_ids(self, delivery):
        acknowledged = []

        async def send():
            acknowledged.append((await delivery.send(self.message()))["id"])

        await asyncio.gather(*(send() for _ in range(300)))
        assert acknowledged == list(range(1, 301))

    async def test_who_is_cancelled_while_it_waits_holds_up_nobody(self, delivery):
        await delivery.open()
        gone, waiting = (
            asyncio.create_task(delivery.send(self.message(key=key))) for key in ("a", "b")
        )
        await asyncio.sleep(0)
        gone.cancel()
        assert await asyncio.wait_for(waiting, TIMEOUT) == {"ok": True, "id": 2}
        assert await delivery.send(self.message(key="a")) == {"ok": True, "id": 1}
        assert self.wire.heard == [1, 2]

    async def test_a_failure_is_told_to_those_behind_one_who_has_gone(self, delivery):
        await delivery.open()
        Faulty.error = sqlite3.OperationalError("disk I/O error")
        gone, waiting = (asyncio.create_task(delivery.send(self.message())) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await asyncio.wait_for(waiting, TIMEOUT))["ok"] is False

    async def test_a_delivery_that_fails_is_logged_and_the_next_ones_go_on(self, delivery, caplog):
        self.wire.fails_for = (2,)
        assert await self.send(delivery, 3) == [1, 2, 3]
        assert self.wire.heard == [1, 3]
        [record] = [r for r in caplog.records if r.levelname == "ERROR"]
        assert record.getMessage() == "Message 2 was kept, but not delivered"

    async def test_what_waits_is_kept_and_delivered_before_it_closes(self, delivery):
        sends = [asyncio.create_task(delivery.send(self.message())) for _ in range(1000)]
        await asyncio.sleep(0)  # each has begun: it was accepted
        await delivery.close()
        async with asyncio.timeout(TIMEOUT):
            answers = await asyncio.gather(*sends)
        assert [answer.get("id") for answer in answers] == list(range(1, 1001))
        assert len(self.wire.heard) == 1000

    async def test_a_close_that_is_cancelled_does_not_cancel_what_waits(self, delivery):
        await delivery.open()
        sent = asyncio.create_task(self.send(delivery, 10))
        await asyncio.sleep(0)
        closing = asyncio.create_task(delivery.close())
        await asyncio.sleep(0)
        closing.cancel()
        assert await sent == list(range(1, 11))

    async def test_nothing_is_kept_afterwards(self, delivery):
        await delivery.close()
        why = "The server is stopping; the message was not kept."
        assert await delivery.send(self.message()) == {"ok": False, "error": why}

    async def test_a_message_that_comes_while_the_file_opens_is_kept_before_it_closes(
        self, delivery
    ):
        sent = asyncio.create_task(delivery.send(self.message()))
        await asyncio.sleep(0)  # it opens the file now
        await delivery.close()
        assert await sent == {"ok": True, "id": 1}
        assert await self.history.open() == 1


class TestKeys:
    async def test_again_is_acknowledged_alike_and_delivered_to_nobody(self, keeper):
        alice, bob = await keeper.connect(ALICE), await keeper.connect(BOB)
        first = await send(alice, {"text": "first", "key": "k"})
        again = await send(alice, {"text": "first", "key": "k"})
        assert first == again
        await flush(alice, bob)
        assert texts(bob) == texts(alice) == ["first"]

    @pytest.mark.parametrize(
        "other",
        [{"text": "second"}, {"user": "bob"}, {"room": "tea"}, {"others": True}, {"more": None}],
        ids=repr,
    )
    async def test_of_another_message_is_refused_and_delivered_to_nobody(self, keeper, other):
        alice, bob = await keeper.connect(ALICE), await keeper.connect(BOB)
        await send(alice, {"text": "first", "key": "k"})
        answer = await send(alice, {"text": "first", "key": "k"} | other)
        assert answer == {"ok": False, "error": "This key was used for another message."}
        await flush(alice, bob)
        assert texts(bob) == texts(alice) == ["first"]

    async def test_over_reconnects_restarts_and_tabs(self, servers):
        keeper = await servers()
        alice = await keeper.connect(ALICE)
        first = await send(alice, {"text": "first", "key": 7})
        await alice.disconnect()
        for _ in range(2):
            tab, bob = await keeper.connect(ALICE), await keeper.connect(BOB)
            assert await send(tab, {"text": "first", "key": 7}) == first
            await flush(tab, bob)
            assert heard(tab) == heard(bob) == []
            await keeper.stop()
            keeper = await servers()

    async def test_of_another_user_or_of_a_socket_without_one(self, keeper):
        clients = [await keeper.connect(auth) for auth in (ALICE, BOB, None, None)]
        answers = [await send(client, {"text": "hi", "key": "k"}) for client in clients]
        assert [answer["id"] for answer in answers] == [1, 2, 3, 4]
        assert await send(clients[3], {"text": "hi", "key": "k"}) == answers[3]

    @pytest.mark.parametrize("key", ["", None, True, [], {}, "x" * 101])
    async def test_no_key_is_clearly_refused(self, keeper, key):
        alice = await keeper.connect()
        answer = await send(alice, {"text": "hi", "key": key})
        assert not answer["ok"]
        assert answer["error"].endswith(".")
        await flush(alice)
        assert heard(alice) == []


class TestOffsetOnConnecting:
    async def test_what_was_missed_in_order_and_then_what_is_live(self, keeper):
        alice, bob = await keeper.connect(ALICE), await keeper.connect(BOB)
        tab = await keeper.connect(BOB)
        await send(alice, {"text": "heard"})
        await flush(bob)
        [offset] = ids(bob)
        await bob.disconnect()
        await send(alice, {"text": "to everyone"})
        await send(alice, {"text": "to bob", "user": "bob"})
        await send(alice, {"text": "to carol", "user": "carol"})
        await send(alice, {"text": "to a room", "room": "tea"})
        await send(alice, {"text": "to the others", "others": True})
        await send(tab, {"text": "by bob", "user": "carol"})
        bob = await keeper.connect(BOB | {"offset": offset})
        await let_in(keeper, bob)
        await send(alice, {"text": "live"})
        await flush(bob)
        assert texts(bob) == ["to everyone", "to bob", "to the others", "by bob", "live"]
        events = [event for event, _ in bob.inbox]
        assert events[0] == "welcome"
        assert bob.inbox.named("single-message")[0][0] == {
            "id": 3,
            "text": "to bob",
            "user": "bob",
            "from": {"id": alice.get_sid(), "userId": "alice"},
        }

    async def test_after_a_restart(self, servers):
        keeper = await servers()
        alice = await keeper.connect(ALICE)
        for text in "abc":
            await send(alice, {"text": text})
        await keeper.stop()
        keeper = await servers()
        bob = await keeper.connect(BOB | {"offset": 1})
        await let_in(keeper, bob)
        alice = await keeper.connect(ALICE)
        assert (await send(alice, {"text": "d"}))["id"] == 5
        await flush(bob)
        assert texts(bob) == ["b", "c", "d"]

    async def test_the_same_server_stopped_and_started(self, keeper):
        alice = await keeper.connect(ALICE)
        await send(alice, {"text": "before"})
        await keeper.stop()
        await keeper.start()
        alice = await keeper.connect(ALICE | {"offset": 0})
        assert (await send(alice, {"text": "after"}))["id"] == 2
        await eventually(lambda: len(heard(alice)) == 2)
        assert texts(alice) == ["before", "after"]

    async def test_zero_is_everything_and_none_is_nothing(self, keeper):
        alice = await keeper.connect(ALICE)
        await send(alice, {"text": "hi"})
        clients = [
            await keeper.connect({"userId": str(more)} | more)
            for more in ({"offset": 0}, {}, {"offset": None})
        ]
        await let_in(keeper, *clients)
        assert [texts(client)[:1] for client in clients] == [["hi"], [], []]

    async def test_an_offset_of_another_history_misses_all_of_this_one(self, keeper):
        alice = await keeper.connect(ALICE)
        await send(alice, {"text": "hi"})
        bob = await keeper.connect(BOB | {"offset": 999})
        await let_in(keeper, bob)
        assert texts(bob) == ["hi"]

    @pytest.mark.parametrize("offset", [-1, 1.5, "1", True, [], {}, 2**53])
    async def test_no_offset_is_clearly_refused(self, keeper, offset):
        why = await why_refused(keeper.url, {"offset": offset})
        assert why == "offset must be the id of a message, or 0."

    async def test_there_is_none_without_a_history(self, servers):
        keeper = await servers(history=False)
        assert await why_refused(keeper.url, {"offset": 0}) == "This server keeps no history."
        assert not keeper.chat.members
        alice = await keeper.connect()
        answer = await join(alice, "tea", 0)
        assert answer == {"ok": False, "error": "This server keeps no history."}

    async def test_too_far_behind_is_told_so(self, servers):
        keeper = await servers(bound=5)
        alice = await keeper.connect(ALICE)
        for n in range(12):
            await send(alice, {"text": str(n)})
        bob = await keeper.connect(BOB | {"offset": 2})
        carol = await keeper.connect(CAROL | {"offset": 7})
        await let_in(keeper, alice, bob, carol)
        assert alice.inbox.named("history-gap") == []
        assert bob.inbox.named("history-gap") == [({"after": 2, "missed": 5},)]
        assert texts(bob) == ["7", "8", "9", "10", "11"]
        first = [event for event, _ in bob.inbox].index("history-gap")
        assert bob.inbox[first + 1][0] == "recieve-message"
        assert carol.inbox.named("history-gap") == []
        assert texts(carol) == ["7", "8", "9", "10", "11"]

    @pytest.mark.parametrize(
        "data", [None, "text", 7, [1, [2]], b"\x00\xff", {"image": b"\xff", "n": [2**64 - 1]}]
    )
    async def test_whatever_was_sent(self, keeper, data):
        alice = await keeper.connect(ALICE)
        assert (await send(alice, (data,)))["ok"]
        bob = await keeper.connect(BOB | {"offset": 0})
        await let_in(keeper, alice, bob)
        assert heard(bob) == heard(alice)
        if not isinstance(data, dict):
            assert heard(bob) == [data]

    async def test_half_a_surrogate_pair(self, keeper):
        odd = "\ud800"
        alice, bob = await keeper.connect({"userId": odd}), await keeper.connect(BOB)
        assert (await join(bob, odd))["ok"]
        assert (await send(alice, {"text": odd, "room": odd, "key": odd}))["ok"]
        assert (await send(alice, {"text": odd, "user": odd}))["ok"]
        again, third = await keeper.connect({"userId": odd, "offset": 0}), await keeper.connect()
        assert (await join(third, odd, 0))["ok"]
        await let_in(keeper, again)
        await flush(bob, third)
        assert texts(bob) == texts(again) == texts(third) == [odd]

    async def test_a_message_too_big_to_keep_is_refused(self, keeper):
        alice = await keeper.connect(ALICE)
        answer = await send(alice, {"n": 2**64})
        why = "This message cannot be kept: it nests too deep, or has too large a number."
        assert answer == {"ok": False, "error": why}
        await flush(alice)
        assert heard(alice) == []


class TestOffsetOnJoining:
    async def test_what_was_missed_there_and_then_what_is_live(self, keeper):
        alice, bob = await keeper.connect(ALICE), await keeper.connect(BOB)
        for text, room in (("a", 7), ("b", "7"), ("c", "8"), ("d", 7.0)):
            await send(alice, {"text": text, "room": room})
        assert await join(bob, 7, 1) == {"ok": True, "room": 7}
        assert texts(bob) == ["b", "d"]  # before the acknowledgement
        await send(alice, {"text": "live", "room": "7"})
        await flush(bob)
        assert texts(bob) == ["b", "d", "live"]

    async def test_again_by_one_who_is_in(self, keeper):
        alice, bob = await keeper.connect(ALICE), await keeper.connect(BOB)
        await join(bob, "tea")
        for text in "ab":
            await send(alice, {"text": text, "room": "tea"})
        await flush(bob)
        assert texts(bob) == ["a", "b"]
        assert (await join(bob, "tea", 1))["ok"]
        await send(alice, {"text": "c", "room": "tea"})
        await flush(bob)
        assert texts(bob) == ["a", "b", "b", "c"]

    async def test_while_it_replays_nothing_live_comes_between(self, keeper, hold):
        alice, bob = await keeper.connect(ALICE), await keeper.connect(BOB)
        await fill(alice, PAGE + 20, room="tea")
        await join(bob, "tea")
        go_on = hold(keeper)
        joining = asyncio.create_task(join(bob, "tea", 0))
        await eventually(lambda: len(heard(bob)) == PAGE)
        await send(alice, {"text": "live", "room": "tea"})
        await flush(alice)
        go_on.set()
        assert (await joining)["ok"]
        assert ids(bob) == list(range(1, PAGE + 22))

    async def test_not_what_the_same_socket_wrote(self, keeper):
        alice = await keeper.connect(ALICE)
        await send(alice, {"text": "mine", "room": "tea"})
        assert (await join(alice, "tea", 0))["ok"]
        assert heard(alice) == []
        tab = await keeper.connect(ALICE)  # it cannot know that the message was accepted
        assert (await join(tab, "tea", 0))["ok"]
        assert texts(tab) == ["mine"]

    @pytest.mark.parametrize("given", [{"offset": 0}, {"room": "a", "offset": -1}, {"room": []}])
    async def test_no_room_or_no_offset_is_clearly_refused(self, keeper, given):
        alice = await keeper.connect()
        answer = await alice.call("join-room", given, timeout=TIMEOUT)
        assert not answer["ok"]
        assert answer["error"].endswith(".")


async def fill(client, count, **address):
    await asyncio.gather(*(send(client, {"text": str(n), **address}) for n in range(count)))


@pytest.fixture
def hold(monkeypatch):
    """Let replays wait after each page: ``hold(server)`` returns the event to go on."""

    def hold_replays(keeper):
        go_on = asyncio.Event()

        async def drained(sid):
            await go_on.wait()

        monkeypatch.setattr(keeper.chat.io, "drained", drained)
        return go_on

    return hold_replays


class TestReplay:
    async def test_it_waits_for_a_slow_reader_page_by_page(self, keeper, hold):
        alice = await keeper.connect(ALICE)
        await fill(alice, 3 * PAGE + 5)
        go_on = hold(keeper)
        bob = await keeper.connect(BOB | {"offset": 0})
        await eventually(lambda: len(heard(bob)) >= PAGE)
        await flush(alice, bob)
        assert len(heard(bob)) == PAGE
        await send(alice, {"text": "meanwhile"})
        await flush(bob)
        assert len(heard(bob)) == PAGE
        go_on.set()
        await eventually(lambda: len(heard(bob)) == 3 * PAGE + 6)
        await send(alice, {"text": "live"})
        await flush(bob)
        assert ids(bob) == list(range(1, 3 * PAGE + 8))

    async def test_one_who_leaves_in_the_middle(self, keeper, hold, caplog):
        alice = await keeper.connect(ALICE)
        await fill(alice, 3 * PAGE)
        go_on = hold(keeper)
        bob = await keeper.connect(BOB | {"offset": 0})
        me = bob.get_sid()
        await eventually(lambda: len(heard(bob)) >= PAGE)
        await bob.disconnect()
        await eventually(lambda: keeper.chat.members.get(me) is None)
        reads = []
        missed = keeper.chat.history.missed
        keeper.chat.history.missed = lambda *given: reads.append(given) or missed(*given)
        go_on.set()
        await flush(alice)
        assert reads == []
        assert [r for r in caplog.records if r.levelname in ("ERROR", "WARNING")] == []
        assert not any(me in room for room in keeper.chat.io.manager.rooms["/"].values())

    async def test_more_than_may_wait_for_a_client(self, servers):
        keeper = await servers(limits=replace(QUICK, unread_bytes=1_000_000))
        alice = await keeper.connect(ALICE)
        await fill(alice, 60, user="bob", long="x" * 60_000)
        bob = await keeper.connect(BOB | {"offset": 0})
        await eventually(lambda: not bob.connected or len(heard(bob)) == 60)
        assert ids(bob) == list(range(1, 61))

    async def test_no_message_is_lost_or_doubled_between_replay_and_live(self, keeper):
        """Clients come, and come back, at any moment while others send."""
        senders = [await keeper.connect({"userId": f"sender {n}"}) for n in range(3)]
        count, sent, clients = 120, [0], []

        async def work(sender, me):
            for n in range(count):
                to = ({}, {"room": "tea"}, {"user": "reader"})[(n + me) % 3]
                await send(sender, {"text": "hi", "sender": me, "n": n, **to})
                sent[0] += 1

        async def read(part):
            """Stay for one part of the time after the other, and come back with the offsets."""
            got, offset, room_offset = [], 0, 0
            for end in range(part, 3 * count + 1, part):
                reader = await keeper.connect({"userId": "reader", "offset": offset})
                assert (await join(reader, "tea", room_offset))["ok"]
                async with asyncio.timeout(PATIENCE):
                    while sent[0] < end:
                        await flush(reader)
                await flush(
                    reader
                )  # and what was sent while it was let in, at the end at the latest
                await reader.disconnect()
                got += heard(reader)
                offset = max([offset, *(m["id"] for m in got if "room" not in m)])
                room_offset = max([room_offset, *(m["id"] for m in got if "room" in m)])
            clients.append(got)

        parts = [9, 40, 72, 360]
        await asyncio.gather(*(work(s, n) for n, s in enumerate(senders)), *map(read, parts))
        for got in clients:
            assert sorted(m["id"] for m in got) == list(range(1, 3 * count + 1))
            for of_room in (True, False):
                stream = [m["id"] for m in got if ("room" in m) == of_room]
                assert stream == sorted(stream)
            for sender in range(3):
                for to in ("room", "user"):
                    order = [m["n"] for m in got if m["sender"] == sender and to in m]
                    assert order == sorted(order)


class TestUsers:
    async def test_a_message_to_oneself_reaches_the_other_tabs_once(self, keeper):
        tabs = [await keeper.connect(ALICE) for _ in range(3)]
        await send(tabs[0], {"text": "note", "user": "alice"})
        await flush(*tabs)
        assert [texts(tab) for tab in tabs] == [[], ["note"], ["note"]]
        later = await keeper.connect(ALICE | {"offset": 0})
        await let_in(keeper, later)
        assert texts(later) == ["note"]


class TestFailures:
    async def test_a_disk_that_fails_is_answered_and_nobody_hears(self, faulty):
        keeper = faulty
        alice, bob = await keeper.connect(ALICE), await keeper.connect(BOB)
        Faulty.error = sqlite3.OperationalError("disk I/O error")
        answer = await send(alice, {"text": "lost", "key": "k"})
        why = "The message was not kept: the server cannot write to its history."
        assert answer == {"ok": False, "error": why}
        Faulty.error = None
        assert await send(alice, {"text": "found", "key": "k"}) == {"ok": True, "id": 1}
        await flush(alice, bob)
        assert texts(bob) == ["found"]

    async def test_a_full_disk_is_one_line_in_the_log_however_many_messages_come(
        self, faulty, caplog
    ):
        alice, bob = await faulty.connect(ALICE), await faulty.connect(BOB)
        assert (await send(alice, {"text": "kept"}))["ok"]
        Faulty.pages = 1  # no page more than there are
        long = [{"text": "x" * 20_000} for _ in range(20)]
        answers = await asyncio.gather(*(send(alice, data) for data in long))
        why = "The message was not kept: the server cannot write to its history."
        assert answers == [{"ok": False, "error": why}] * 20
        lines = [r for r in caplog.records if r.levelname in ("WARNING", "ERROR")]
        assert lines[0].getMessage() == "Messages cannot be kept: database or disk is full"
        assert len(lines) <= 2  # one a second
        Faulty.pages = 1_000_000
        assert await send(alice, {"text": "again"}) == {"ok": True, "id": 2}
        await flush(bob)
        assert texts(bob) == ["kept", "again"]

    async def test_a_file_that_is_taken_away_is_answered_and_nobody_hears(
        self, keeper, tmp_path, caplog
    ):
        alice, bob = await keeper.connect(ALICE), await keeper.connect(BOB)
        assert (await send(alice, {"text": "kept"}))["ok"]
        (tmp_path / "history.db").rename(tmp_path / "elsewhere.db")
        assert (await send(alice, {"text": "lost"}))["ok"] is False
        assert "removed or replaced" in caplog.text
        (tmp_path / "elsewhere.db").rename(tmp_path / "history.db")
        assert await send(alice, {"text": "again"}) == {"ok": True, "id": 2}
        await flush(bob)
        assert texts(bob) == ["kept", "again"]

    async def test_a_damaged_message_is_a_gap_and_the_others_come(self, keeper, servers, tmp_path):
        alice = await keeper.connect(ALICE)
        for text in "abc":
            await send(alice, {"text": text})
        await keeper.stop()
        damage(tmp_path / "history.db", "UPDATE messages SET data = x'c1' WHERE id = 2")
        keeper = await servers(limits=QUICK)
        bob = await keeper.connect(BOB | {"offset": 0})
        await let_in(keeper, bob)
        events = [(event, *given) for event, given in bob.inbox if event != "welcome"]
        assert [event for event, _ in events] == [MESSAGE, "history-gap", MESSAGE]
        assert events[1] == ("history-gap", {"after": 1, "missed": 1})
        assert texts(bob) == ["a", "c"]

    @pytest.mark.parametrize("data", ["d6ff00000000", "cb7ff8000000000000"], ids=["time", "NaN"])
    async def test_a_damaged_message_that_has_no_json_ends_no_replay(
        self, keeper, servers, tmp_path, caplog, data
    ):
        alice = await keeper.connect(ALICE)
        for text in "abc":
            await send(alice, {"text": text})
        await keeper.stop()
        damage(tmp_path / "history.db", f"UPDATE messages SET data = x'{data}' WHERE id = 2")
        keeper = await servers(limits=QUICK)
        bob = await keeper.connect(BOB | {"offset": 0})
        await let_in(keeper, bob)
        assert texts(bob) == ["a", "c"]
        assert bob.inbox.named("history-gap") == [({"after": 1, "missed": 1},)]
        assert "Message 2 cannot be replayed" in caplog.text

    async def test_a_join_whose_replay_fails_is_answered(self, keeper, monkeypatch):
        alice = await keeper.connect(ALICE)

        async def fail(*given):
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(keeper.chat.history, "missed", fail)
            assert (await join(alice, "tea", 0))["ok"] is False
        assert (await join(alice, "tea", 0))["ok"]

    async def test_a_replay_that_fails_leaves_a_member_in_the_room(self, keeper, monkeypatch):
        alice, bob = await keeper.connect(ALICE), await keeper.connect(BOB)
        await join(alice, "tea")

        async def fail(*given):
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(keeper.chat.history, "missed", fail)
            assert (await join(alice, "tea", 0))["ok"] is False
        await send(bob, {"room": "tea", "text": "still here?"})
        await flush(alice)
        assert texts(alice) == ["still here?"]

    async def test_a_file_that_cannot_be_opened_is_answered(self, servers, tmp_path, caplog):
        keeper = await servers(history=History(tmp_path))  # a folder
        alice = await keeper.connect(ALICE)
        await flush(alice)
        assert [event for event, _ in alice.inbox] == ["welcome"]
        assert (await send(alice, {"text": "hi"}))["ok"] is False
        assert (await join(alice, "tea", 0))["ok"] is False
        assert (await join(alice, "tea"))["ok"]
        bob = await keeper.connect(BOB | {"offset": 0})
        await eventually(lambda: not bob.connected)  # not left there without what it asked for
        assert "unable to open" in caplog.text

    async def test_who_connects_and_cannot_have_the_replay_is_not_left_there(
        self, keeper, monkeypatch
    ):
        alice = await keeper.connect(ALICE)
        await send(alice, {"text": "hi"})

        async def fail(*given):
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(keeper.chat.history, "missed", fail)
            bob = await keeper.connect(BOB | {"offset": 0})
            await eventually(lambda: not bob.connected)
        bob = await keeper.connect(BOB | {"offset": 0})
        await let_in(keeper, bob)
        assert texts(bob) == ["hi"]

    async def test_who_cannot_have_the_replay_may_come_back_by_itself(self, keeper, monkeypatch):
        """A browser does after the end of a connection, but not after a goodbye of Socket.IO."""

        async def fail(*given):
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(keeper.chat.history, "missed", fail)
        bob = await keeper.open()
        await bob.enter(BOB | {"offset": 0})
        await bob.ended()
        goodbye = "41"
        assert goodbye not in bob.frames

    async def test_a_replay_that_is_cancelled_leaves_a_member_in_the_room(self, keeper, hold):
        alice, bob = await keeper.connect(ALICE), await keeper.connect(BOB)
        await fill(bob, PAGE + 1, room="tea")
        await join(alice, "tea")
        hold(keeper)
        replay = asyncio.create_task(keeper.chat.delivery.let_in(alice.get_sid(), [TEA], 0))
        await eventually(lambda: len(heard(alice)) == PAGE)
        replay.cancel()
        await asyncio.wait([replay], timeout=TIMEOUT)
        await send(bob, {"room": "tea", "text": "still here?"})
        await flush(alice)
        assert texts(alice)[-1] == "still here?"

    async def test_who_has_gone_does_not_open_a_history_that_is_closed(self, keeper):
        await keeper.stop()
        await keeper.chat.delivery.let_in("~gone", [EVERYONE], 0)
        with pytest.raises(sqlite3.Error, match="closed"):
            await keeper.chat.history.keep([])

    async def test_the_server_stops_while_messages_wait(self, faulty, servers):
        keeper = faulty
        alice = await keeper.connect(ALICE)
        Faulty.go_on.clear()
        waiting = [asyncio.create_task(send(alice, {"text": str(n)})) for n in range(20)]
        await eventually(Faulty.writing.is_set)
        stopping = asyncio.create_task(keeper.stop())
        await eventually(lambda: not alice.connected)
        Faulty.go_on.set()
        async with asyncio.timeout(PATIENCE):
            await stopping
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        keeper = await servers()
        bob = await keeper.connect(BOB | {"offset": 0})
        await let_in(keeper, bob)
        assert ids(bob) == [1]  # the one that was accepted; the others come from a socket that left
