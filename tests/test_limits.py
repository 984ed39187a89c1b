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
    "bytes_per_second": (20_000, 1_000_000),
    "burst_bytes": (100_000, 2_000_000),
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
    def test_as_many_bytes_as_allowed(self):
        Limits(message_size=5).check_size(5)

    def test_too_many(self):
        with pytest.raises(BadInputError, match=r"^A message may have 5 bytes; this has 6\.$"):
            Limits(message_size=5).check_size(6)


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

    def taken(self, allowance, tries, size=0):
        count = 0
        for _ in range(tries):
            try:
                allowance.take(size)
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

    def test_bytes_are_counted_too(self, clock):
        allowance = Allowance(Limits(burst_bytes=1000, bytes_per_second=100))
        assert self.taken(allowance, 100, size=300) == 4  # the last one in debt
        with pytest.raises(BadInputError, match=r"Too fast: 100 bytes a second are allowed\."):
            allowance.take(1)
        clock.now += 1
        assert self.taken(allowance, 1, size=300) == 0
        clock.now += 2
        assert self.taken(allowance, 2, size=300) == 1
        clock.now += 3600
        assert self.taken(allowance, 100, size=300) == 4

    def test_what_is_too_long_costs_no_bytes(self, clock):
        allowance = Allowance(Limits(message_size=1000, burst_bytes=1000))
        assert self.taken(allowance, 10, size=10**6) == 0
        assert self.taken(allowance, 10, size=1000) == 1

    def test_the_longest_message_fits_however_few_bytes_are_allowed(self, clock):
        allowance = Allowance(Limits(message_size=1000, burst_bytes=1, bytes_per_second=1))
        assert self.taken(allowance, 2, size=1000) == 1
        clock.now += 1001
        assert self.taken(allowance, 2, size=1000) == 1


class TestOnTheWire:
    """Every limit is an argument, and every refusal an answer; the connection stays."""

    async def test_message_size(self):
        """As it comes: the type and the number, then the event's name and its data in JSON."""
        async with serving(limits=Limits(message_size=1000)) as server:
            alice = await server.client()
            await alice.send(f'421["message","{"x" * 984}"]')
            assert await alice.answer_to(1) == {"ok": True}
            refusal = {"ok": False, "error": "A message may have 1000 bytes; this has 1001."}
            await alice.send(f'422["message","{"x" * 985}"]')
            assert await alice.answer_to(2) == refusal
            text = f'["message","{"é" * 400}",{{"_placeholder":true,"num":0}}]'
            refusal["error"] = f"A message may have 1000 bytes; this has {len(text) + 400 + 304}."
            await alice.send(f"451-3{text}", bytes(300))
            assert await alice.answer_to(3) == refusal

    async def test_bytes_per_second(self):
        limits = Limits(burst_bytes=1000, bytes_per_second=0.001)
        async with serving(limits=limits) as server:
            alice, bob = await server.client(), await server.client()
            refusal = {"ok": False, "error": "Too fast: 0.001 bytes a second are allowed."}
            assert await alice.call("message", "x" * 500) == {"ok": True}
            assert await alice.call("message", "x" * 500) == {"ok": True}
            assert await alice.call("message", "x") == refusal
            assert await bob.call("message", "x") == {"ok": True}

    async def test_handlers_that_are_none_of_the_chat_s_are_under_the_limits_too(self):
        async with serving(limits=Limits(burst=3, messages_per_second=0.001)) as server:
            noted = []
            server.chat.io.on("note", lambda sid, data: noted.append(data))
            alice = await server.client()
            await alice.send(*[f'42["note",{n}]' for n in range(100)])
            assert "Too fast" in (await alice.call("message", "hi"))["error"]
            assert noted == [0, 1, 2]

    @pytest.mark.parametrize("frame", ['["message",', "[" * 50_000, "{}", "nonsense", "[1e999]"])
    async def test_what_is_too_much_is_not_even_read(self, frame):
        limits = Limits(burst=1, messages_per_second=0.001)
        async with serving(limits=limits) as server:
            alice = await server.client()
            assert await alice.call("message", "hi") == {"ok": True}
            await alice.send(f"427{frame}")
            assert "Too fast" in (await alice.answer_to(7))["error"]

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

    async def test_an_unknown_event_is_answered_in_its_turn(self, monkeypatch):
        taken, take = [], Allowance.take
        monkeypatch.setattr(Allowance, "take", lambda *given: taken.append(take(*given)))
        async with serving() as server:
            alice = await server.client()
            async with server.chat.members[alice.sid].turn:
                await alice.send('421["message",1]', '422["nonsense"]', '423["message",3]')
                await eventually(lambda: len(taken) == 3)
            frames = [await alice.until(lambda frame: frame[:2] == "43") for _ in range(3)]
            assert [frame[2] for frame in frames] == ["1", "2", "3"]

    async def test_an_event_that_no_handler_could_have_does_not_wait_for_its_turn(self):
        async with serving() as server:
            alice = await server.client()
            async with server.chat.members[alice.sid].turn:
                await alice.send('421["message",1]', '422["connect"]')
                assert not (await alice.answer_to(2))["ok"]
            assert await alice.answer_to(1) == {"ok": True}

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
