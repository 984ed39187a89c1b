"""Every call is answered, and one socket's events are handled in order."""

import asyncio
import json
import logging

import pytest

from chatlib import ChatServer
from chatlib.answers import Answers
from chatlib.engine.packets import RESERVED_EVENTS
from chatlib.limits import Allowance, Limits
from chatlib.members import Members
from chatlib.messages import Audience, BadInputError, read_group
from support.clients import flush
from support.servers import serving
from support.waiting import TIMEOUT, eventually

ENDED = {"ok": False, "error": "This connection has ended."}
FAILED = {"ok": False, "error": "The server failed to do this; the failure is in its log."}


class Chat:
    """Two members, and the handlers of a few events."""

    def __init__(self):
        self.members = Members(Limits())
        for sid in ("s1", "s2"):
            self.members.add({"id": sid}, Allowance(Limits()))
        self.handled = []
        self.go = asyncio.Event()
        answers = Answers(self.members)
        for handler in (self.note, self.wait, self.refuse, self.fail):
            answers.on(handler.__name__, handler)
        self.on, self.answer = answers.on, answers.answer

    async def note(self, sid, data):
        self.handled.append(data)
        return {"room": data}

    async def wait(self, sid, data):
        await self.go.wait()
        self.handled.append(data)

    async def refuse(self, sid, data):
        raise BadInputError("No.")

    async def fail(self, sid, data):
        raise OSError("the disk at /secret/place is full")


class TestAnswer:
    async def test_ok_and_what_the_handler_returns(self):
        assert await Chat().answer("note", "s1", 7) == {"ok": True, "room": 7}

    async def test_ok_where_the_handler_returns_nothing(self):
        chat = Chat()
        chat.go.set()
        assert await chat.answer("wait", "s1", 7) == {"ok": True}

    async def test_what_the_handler_returns_may_say_that_it_is_not_ok(self):
        chat = Chat()
        chat.on("shut", lambda sid, data: {"ok": False, "error": "We are closed."})
        refusal = {"ok": False, "error": "We are closed."}
        assert await chat.answer("shut", "s1", 7) == refusal

    async def test_bad_input_with_its_sentence(self):
        assert await Chat().answer("refuse", "s1", 7) == {"ok": False, "error": "No."}

    async def test_a_failure_is_logged_and_not_told(self, caplog):
        assert await Chat().answer("fail", "s1", 7) == FAILED
        [record] = caplog.records
        assert record.levelno == logging.ERROR
        assert record.getMessage() == "The handler of fail failed"
        assert "secret" in caplog.text

    @pytest.mark.parametrize("returned", ["done", 7, True, ["a"], False, 0, ""])
    async def test_what_is_no_object_is_a_failure_too(self, caplog, returned):
        chat = Chat()
        chat.on("odd", lambda sid, data: returned)
        assert await chat.answer("odd", "s1", 7) == FAILED
        assert "The handler of odd failed" in caplog.text
        assert f"returns an object or nothing, not {returned!r}." in caplog.text

    @pytest.mark.parametrize("value", [{1}, float("nan"), {(1,): 2}, object()])
    async def test_what_cannot_be_sent_is_a_failure_too(self, caplog, value):
        chat = Chat()
        chat.on("odd", lambda sid, data: {"value": value})
        assert await chat.answer("odd", "s1", 7) == FAILED
        assert "The handler of odd failed" in caplog.text

    @pytest.mark.parametrize("data", [(), (1, 2), (None, None, None)])
    async def test_another_number_of_arguments(self, data):
        chat = Chat()
        error = f"One argument was expected, {len(data)} came."
        assert await chat.answer("note", "s1", *data) == {"ok": False, "error": error}
        assert chat.handled == []

    async def test_none_is_one_argument(self):
        assert (await Chat().answer("note", "s1", None))["ok"]

    @pytest.mark.parametrize("data", [(), (1,), (1, 2)])
    async def test_an_event_that_nobody_handles(self, data):
        error = "There is no such event here; there are note, wait, refuse, fail."
        assert await Chat().answer("shout", "s1", *data) == {"ok": False, "error": error}

    async def test_who_is_not_in_the_chat(self):
        chat = Chat()
        assert await chat.answer("note", "stranger", 7) == ENDED
        assert chat.handled == []

    async def test_one_after_the_other(self):
        chat = Chat()
        calls = [("wait", 1), ("note", 2), ("shout", 0), ("wait", 3)]
        tasks = [asyncio.create_task(chat.answer(event, "s1", data)) for event, data in calls]
        assert (await chat.answer("note", "s2", "another socket does not wait"))["ok"]
        assert not any(task.done() for task in tasks)
        chat.go.set()
        await asyncio.gather(*tasks)
        assert chat.handled == ["another socket does not wait", 1, 2, 3]

    async def test_after_a_failure_it_is_the_next_one_s_turn(self, caplog):
        chat = Chat()
        await chat.answer("fail", "s1", 1)
        await chat.answer("refuse", "s1", 1)
        async with asyncio.timeout(TIMEOUT):
            assert (await chat.answer("note", "s1", 2))["ok"]

    async def test_who_left_while_it_waited_for_its_turn(self, caplog):
        chat = Chat()
        calls = [chat.answer("wait", "s1", 1), chat.answer("note", "s1", 2)]
        tasks = [asyncio.create_task(call) for call in calls]
        await asyncio.sleep(0)
        chat.members.remove("s1")
        chat.go.set()
        assert await asyncio.gather(*tasks) == [{"ok": True}, ENDED]
        assert chat.handled == [1]
        assert not caplog.records


class TestOn:
    @pytest.mark.parametrize("event", sorted(RESERVED_EVENTS))
    def test_no_name_that_socket_io_keeps_for_itself(self, event):
        with pytest.raises(ValueError, match=r"^Socket\.IO keeps the name .* for itself\.$"):
            Chat().on(event, print)

    def test_no_second_handler(self):
        with pytest.raises(ValueError, match=r"^The event note has a handler already\.$"):
            Chat().on("note", print)


class TestOnesOwn:
    """An event that `ChatServer.event` adds has all that the chat's own have."""

    @pytest.fixture
    def typing(self, server):
        """The event of the README, on a server."""
        chat = server.chat

        @chat.event("typing")
        async def typing(sid, room):
            who = chat.members[sid].sender
            await chat.io.emit("typing", who, to=read_group(room).room, skip_sid=sid)

        return typing

    async def test_reaches_whom_it_is_for_and_is_acknowledged(self, server, typing):
        alice, bob, carol = [await server.client({"userId": name}) for name in ("a", "b", "c")]
        for client in (alice, bob):
            await client.call("join-room", "tea")
        assert await alice.call("typing", "tea") == {"ok": True}
        await flush(alice, bob, carol)
        heard = [
            [frame for frame in client.frames if frame.startswith('42["typing"')]
            for client in (alice, bob, carol)
        ]
        assert heard == [[], [f'42["typing",{{"id":"{alice.sid}","userId":"a"}}]'], []]

    async def test_is_refused_with_one_clear_sentence(self, server, typing):
        alice = await server.client()
        refusal = {"ok": False, "error": "room must be non-empty text or a number."}
        assert await alice.call("typing", None) == refusal
        refusal["error"] = "One argument was expected, 2 came."
        assert await alice.call("typing", "tea", "cake") == refusal

    async def test_is_in_the_list_of_known_events(self, server, typing):
        alice = await server.client()
        assert await alice.call("tiping", "tea") == {
            "ok": False,
            "error": "There is no such event here; there are message, join-room, leave-room, "
            "typing.",
        }

    async def test_is_limited(self):
        async with serving(limits=Limits(burst=3, messages_per_second=0.001)) as server:
            noted = []
            server.chat.event("note")(lambda sid, data: noted.append(data))
            alice = await server.client()
            await alice.send(*[f'42["note",{n}]' for n in range(100)])
            assert "Too fast" in (await alice.call("note", "more"))["error"]
            assert noted == [0, 1, 2]

    async def test_is_handled_in_its_turn(self, server):
        heard = []

        @server.chat.event("slow")
        async def slow(sid, data):
            await server.chat.io.call("still there?", to=sid, timeout=TIMEOUT)
            heard.append(data)

        server.chat.event("quick")(lambda sid, data: heard.append(data))
        alice = await server.client()
        await alice.send('421["slow",1]', '422["quick",2]')
        question = await alice.until(lambda frame: "still there?" in frame)
        await alice.send(f"43{question[2 : question.index('[')]}[]")
        await alice.answer_to(2)
        assert heard == [1, 2]

    async def test_its_failure_is_answered(self, server, caplog):
        @server.chat.event("fail")
        async def fail(sid, data):
            raise OSError("the disk at /secret/place is full")

        assert await (await server.client()).call("fail", 1) == FAILED
        assert "secret" in caplog.text

    def test_needs_a_name(self):
        with pytest.raises(TypeError, match=r'as in @chat\.event\("typing"\)'):
            ChatServer().event(print)

    @pytest.mark.parametrize("event", ["message", "connect", "typing"])
    async def test_a_name_is_taken_once(self, server, typing, event):
        with pytest.raises(ValueError, match=f"name {event} for itself|{event} has a handler"):
            server.chat.event(event)(print)


class TestOnTheWire:
    async def test_events_sent_without_waiting_are_handled_in_order(self):
        async with serving(limits=Limits(burst=10_000)) as server:
            alice, bob = await server.client(), await server.client()
            rooms = [f"room {n}" for n in range(200)]
            for room in rooms:
                text = json.dumps(room)
                await alice.send(
                    f'42["join-room",{text}]',
                    f'42["message",{{"room":{text},"others":false}}]',
                    f'42["leave-room",{text}]',
                )
            await alice.call("leave-room", "last in turn")
            groups = server.chat.members[alice.sid].groups
            assert groups == set()  # never left before it was joined: a hundred is the most
            await bob.call("join-room", "tea")
            bob.frames.clear()
            await alice.send(*[f'42["message",{{"room":"tea","n":{n}}}]' for n in range(300)])
            await alice.call("leave-room", "last in turn")
            await flush(alice, bob)
            heard = [json.loads(f[2:])[1]["n"] for f in bob.frames if "single-message" in f]
            assert heard == [*range(300)]

    async def test_a_member_hears_exactly_what_is_said_between_its_joining_and_leaving(self):
        async with serving() as server:
            alice = await server.client({"userId": "alice"})
            tab = await server.client({"userId": "alice"})
            await alice.send('42["message",{"room":"tea","n":0}]')
            await flush(alice)
            await tab.send('42["join-room","tea"]')
            await flush(tab)
            await alice.send('42["message",{"room":"tea","n":1}]')
            await flush(alice)
            await tab.send('42["leave-room","tea"]', '42["join-room","cake"]')
            await flush(tab)
            await alice.send('42["message",{"room":"tea","n":2}]')
            await flush(alice, tab)
            heard = [json.loads(f[2:])[1]["n"] for f in tab.frames if "single-message" in f]
            assert heard == [1]

    async def test_the_order_holds_when_a_handler_takes_its_time(self, monkeypatch):
        async with serving() as server:
            alice, bob = await server.client(), await server.client()
            entered, entering = asyncio.Event(), server.chat.io.enter_room

            async def enter_room(*arguments, **options):
                await entered.wait()
                await entering(*arguments, **options)

            monkeypatch.setattr(server.chat.io, "enter_room", enter_room)
            await alice.send(
                '421["join-room","tea"]', '422["message","hi"]', '423["leave-room","tea"]'
            )
            await bob.call("flush")
            tea = Audience("group", "tea")
            await eventually(lambda: tea in server.chat.members[alice.sid].groups)
            assert (await bob.call("message", "meanwhile"))["ok"]
            entered.set()
            answers = [await alice.until(lambda f: f.startswith("43")) for _ in range(3)]
            assert [answer[2] for answer in answers] == ["1", "2", "3"]
            assert not server.chat.members[alice.sid].groups
            await flush(bob)
            said = [f for f in bob.frames if "recieve" in f]
            assert ["meanwhile" in f for f in said] == [True, False]
