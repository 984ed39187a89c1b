"""The limits: each one answered with a clear sentence, none of them reached by people."""

import json
from dataclasses import fields

import pytest

from chatlib import limits as limits_module
from chatlib.limits import Allowance, Limits
from chatlib.messages import BadInputError
from support.servers import serving
from support.waiting import eventually

# Below these, a default would be in the way of people; above them, it would bound nothing.
DEFAULTS = {
    "message_size": (10_000, 100_000),
    "messages_per_second": (10, 100),
    "burst": (50, 500),
    "rooms_per_socket": (50, 500),
    "name_length": (50, 500),
    "sockets_per_user": (10, 100),
    "unread_bytes": (1_000_000, 10_000_000),
    "packets_per_request": (16, 100),
    "transport_bytes": (100_000, 1_000_000),
}


@pytest.mark.parametrize("limit", [each.name for each in fields(Limits)])
def test_a_default_lets_people_do_what_they_like_and_programs_not(limit):
    least, most = DEFAULTS[limit]
    assert least <= getattr(Limits(), limit) <= most


class TestName:
    def test_as_long_as_allowed(self):
        Limits(name_length=5).check_name("sushi")

    @pytest.mark.parametrize("name", ["sashimi", 123456, "é" * 6, "\ud800" * 6])
    def test_too_long(self, name):
        with pytest.raises(BadInputError, match="A name may have 5 characters, not more"):
            Limits(name_length=5).check_name(name)


class TestSize:
    @pytest.mark.parametrize(
        ("data", "size"),
        [
            ("x", 3),
            (None, 4),
            ({"a": [1, 2]}, 11),
            ("é", 4),  # in UTF-8
            ("\U0001f375", 6),
            ("\ud800", 5),  # half a pair, which JavaScript can send
            (b"\0" * 7, 7 + 2),
            ({"file": b"\0" * 7}, 7 + 11),
            ([b"", b"12"], 2 + 7),
        ],
    )
    def test_is_that_of_json_with_the_attachments(self, data, size):
        Limits(message_size=size).check_size(data)
        sentence = f"A message may have {size - 1} bytes; this has {size}."
        with pytest.raises(BadInputError, match=sentence):
            Limits(message_size=size - 1).check_size(data)


class TestAllowance:
    @pytest.fixture
    def clock(self, monkeypatch):
        class Clock:
            now = 1000.0

            def monotonic(self):
                return self.now

        clock = Clock()
        monkeypatch.setattr(limits_module, "time", clock)
        return clock

    def taken(self, allowance, tries):
        count = 0
        for _ in range(tries):
            try:
                allowance.take()
                count += 1
            except BadInputError:
                pass
        return count

    def test_a_burst_and_no_more(self, clock):
        assert self.taken(Allowance(Limits(burst=7)), 100) == 7

    def test_fills_with_time(self, clock):
        allowance = Allowance(Limits(burst=7, messages_per_second=2))
        self.taken(allowance, 100)
        clock.now += 1.5
        assert self.taken(allowance, 100) == 3

    def test_never_holds_more_than_a_burst(self, clock):
        allowance = Allowance(Limits(burst=7, messages_per_second=2))
        clock.now += 3600
        assert self.taken(allowance, 100) == 7

    def test_who_is_too_fast_does_not_pay_for_what_was_refused(self, clock):
        allowance = Allowance(Limits(burst=1, messages_per_second=1))
        self.taken(allowance, 1000)
        clock.now += 1
        assert self.taken(allowance, 2) == 1

    def test_says_how_many_are_allowed(self, clock):
        allowance = Allowance(Limits(burst=0, messages_per_second=0.5))
        with pytest.raises(BadInputError, match=r"Too fast: 0\.5 messages a second are allowed\."):
            allowance.take()


class TestOnTheWire:
    """Every limit is an argument, and every refusal an answer; the connection stays."""

    async def test_message_size(self):
        async with serving(limits=Limits(message_size=1000)) as server:
            alice = await server.client()
            assert await alice.call("message", "x" * 998) == {"ok": True}
            refusal = {"ok": False, "error": "A message may have 1000 bytes; this has 1001."}
            assert await alice.call("message", "x" * 999) == refusal
            place = {"_placeholder": True, "num": 0}
            assert await alice.call("message", place, attachments=[bytes(998)]) == {"ok": True}
            assert await alice.call("message", place, attachments=[bytes(999)]) == refusal

    async def test_messages_per_second(self):
        async with serving(limits=Limits(burst=3, messages_per_second=0.001)) as server:
            alice, bob = await server.client(), await server.client()
            await alice.send(*[f'42{n}["message",{n}]' for n in range(1, 6)])
            # Who is too fast hears of it at once, and not in turn.
            frames = [await alice.until(lambda frame: frame[:2] == "43") for _ in range(5)]
            answers = [
                json.loads(frame.removeprefix(f"43{n}"))[0]
                for n, frame in enumerate(sorted(frames), 1)
            ]
            too_fast = "Too fast: 0.001 messages a second are allowed."
            assert answers == [{"ok": True}] * 3 + [{"ok": False, "error": too_fast}] * 2
            assert await bob.call("message", "hi") == {"ok": True}
            assert [f for f in bob.frames if "recieve" in f] == [
                f'42["recieve-message",{data}]' for data in (1, 2, 3, '"hi"')
            ]

    async def test_every_event_of_the_chat_counts(self):
        async with serving(limits=Limits(burst=3, messages_per_second=0.001)) as server:
            alice = await server.client()
            events = ("join-room", "message", "leave-room", "join-room")
            assert [(await alice.call(event, "a"))["ok"] for event in events] == [1, 1, 1, 0]

    @pytest.mark.parametrize("event", ["nonsense", "connect"])
    async def test_every_other_event_counts(self, event):
        async with serving(limits=Limits(burst=2, messages_per_second=0.001)) as server:
            alice = await server.client()
            for _ in range(2):
                assert "Too fast" not in (await alice.call(event))["error"]
            assert "Too fast" in (await alice.call("message", "hi"))["error"]

    async def test_who_comes_back_on_the_same_connection_does_not_begin_anew(self):
        async with serving(limits=Limits(burst=3, messages_per_second=0.001)) as server:
            alice = await server.client()
            for n in range(2):
                assert await alice.call("message", n) == {"ok": True}
            await alice.send("41")
            assert "sid" in await alice.enter()
            assert "Too fast" in (await alice.call("message", "hi"))["error"]
            await alice.send("41")
            assert "Too fast" in (await alice.enter())["message"]

    @pytest.mark.parametrize("event", ["nonsense", "connect"])
    async def test_an_unknown_event_is_answered_in_its_turn(self, event, monkeypatch):
        taken, take = [], Allowance.take
        monkeypatch.setattr(Allowance, "take", lambda self: taken.append(take(self)))
        async with serving() as server:
            alice = await server.client()
            async with server.chat.members[alice.sid].turn:
                await alice.send('421["message",1]', f'422["{event}"]', '423["message",3]')
                await eventually(lambda: len(taken) == 3)
            frames = [await alice.until(lambda frame: frame[:2] == "43") for _ in range(3)]
            assert [frame[2] for frame in frames] == ["1", "2", "3"]

    async def test_what_is_too_much_does_not_wait_for_its_turn(self):
        limits = Limits(burst=2, messages_per_second=0.001, message_size=100)
        async with serving(limits=limits) as server:
            alice = await server.client()
            async with server.chat.members[alice.sid].turn:
                await alice.send('421["message",1]', f'422["nonsense","{"x" * 100}"]')
                assert "may have 100 bytes" in (await alice.answer_to(2))["error"]
                await alice.send('423["message",3]')
                assert "Too fast" in (await alice.answer_to(3))["error"]
            assert await alice.answer_to(1) == {"ok": True}

    async def test_rooms_per_socket(self):
        async with serving(limits=Limits(rooms_per_socket=2)) as server:
            alice, bob = await server.client(), await server.client()
            for room in ("a", "b", "a"):  # again is not one more
                assert (await alice.call("join-room", room))["ok"]
            refusal = {"ok": False, "error": "You may be in 2 rooms at once."}
            assert await alice.call("join-room", "c") == refusal
            assert (await bob.call("join-room", "c"))["ok"]
            await bob.call("message", {"room": "c"})
            await alice.call("leave-room", "a")
            assert (await alice.call("join-room", "d"))["ok"]
            assert not any("single" in frame for frame in alice.frames)

    async def test_name_length(self):
        async with serving(limits=Limits(name_length=5)) as server:
            alice = await server.client({"userId": "alice", "name": "Alice"})
            refusal = {"ok": False, "error": "A name may have 5 characters, not more."}
            assert (await alice.call("join-room", "sushi"))["ok"]
            assert await alice.call("join-room", "sashimi") == refusal
            assert await alice.call("leave-room", "sashimi") == refusal
            assert await alice.call("message", {"room": "sashimi"}) == refusal
            assert await alice.call("message", {"user": "alicia"}) == refusal
            for auth in ({"userId": "alicia"}, {"name": "Alicia"}, {"userId": 123456}):
                answer = await (await server.open()).enter(auth)
                assert answer == {"message": refusal["error"]}

    async def test_sockets_per_user(self):
        async with serving(limits=Limits(sockets_per_user=2)) as server:
            tabs = [await server.client({"userId": "alice"}) for _ in range(2)]
            third = await server.open()
            refusal = {"message": "A user may have 2 connections at once."}
            assert await third.enter({"userId": "alice"}) == refusal
            assert "sid" in await third.enter({"userId": "bob"})  # the connection stays
            await tabs[0].websocket.close()
            await eventually(lambda: len(server.chat.members) == 2)
            await server.client({"userId": "alice"})

    async def test_sockets_without_a_user_are_not_counted(self):
        async with serving(limits=Limits(sockets_per_user=1)) as server:
            for _ in range(3):
                await server.client()
