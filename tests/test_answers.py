"""Every call is answered, and one socket's events are handled in order."""

import asyncio
import json
import logging

import pytest

from chatlib.answers import acknowledged
from chatlib.limits import Limits
from chatlib.members import Members
from chatlib.messages import BadInputError
from support.clients import flush
from support.servers import serving
from support.waiting import TIMEOUT, eventually

ENDED = {"ok": False, "error": "This connection has ended."}


class Server:
    """What `acknowledged` needs of a chat server, with handlers to answer for."""

    def __init__(self, **limits):
        self.limits = Limits(**limits)
        self.members = Members(self.limits)
        self.members.add({"id": "s1"}, {})
        self.members.add({"id": "s2"}, {})
        self.handled = []
        self.go = asyncio.Event()

    @acknowledged
    async def note(self, sid, data):
        self.handled.append(data)
        return {"ok": True, "room": data}

    @acknowledged
    async def wait(self, sid, data):
        await self.go.wait()
        self.handled.append(data)
        return {"ok": True}

    @acknowledged
    async def refuse(self, sid, data):
        raise BadInputError("No.")

    @acknowledged
    async def fail(self, sid, data):
        raise OSError("the disk at /secret/place is full")


class TestAcknowledged:
    async def test_what_the_handler_returns(self):
        assert await Server().note("s1", 7) == {"ok": True, "room": 7}

    async def test_bad_input_with_its_sentence(self):
        assert await Server().refuse("s1", 7) == {"ok": False, "error": "No."}

    async def test_a_failure_is_logged_and_not_told(self, caplog):
        answer = await Server().fail("s1", 7)
        assert answer["ok"] is False
        assert "secret" not in answer["error"]
        [record] = caplog.records
        assert record.levelno == logging.ERROR
        assert record.getMessage() == "The handler fail failed"
        assert "secret" in caplog.text

    @pytest.mark.parametrize("data", [(), (1, 2), (None, None, None)])
    async def test_another_number_of_arguments(self, data):
        server = Server()
        error = f"One argument was expected, {len(data)} came."
        assert await server.note("s1", *data) == {"ok": False, "error": error}
        assert server.handled == []

    async def test_none_is_one_argument(self):
        assert (await Server().note("s1", None))["ok"]

    async def test_who_is_not_in_the_chat(self):
        server = Server()
        assert await server.note("stranger", 7) == ENDED
        assert server.handled == []

    async def test_too_fast(self):
        server = Server(burst=2, messages_per_second=0.001)
        answers = [await server.note("s1", n) for n in range(3)]
        assert [answer["ok"] for answer in answers] == [True, True, False]
        assert "Too fast" in answers[2]["error"]
        assert (await server.note("s2", 9))["ok"]
        assert server.handled == [0, 1, 9]

    async def test_too_long_in_whichever_argument(self):
        server = Server(message_size=100)
        for data in (("x" * 100,), ("x" * 100, 1), (1, "x" * 100)):
            assert "may have 100 bytes" in (await server.note("s1", *data))["error"]
        assert server.handled == []

    async def test_what_is_wrong_counts_as_well(self):
        server = Server(burst=2, messages_per_second=0.001)
        for _ in range(2):
            await server.note("s1")
        assert "Too fast" in (await server.note("s1", 7))["error"]

    async def test_one_after_the_other(self):
        server = Server()
        calls = [server.wait("s1", 1), server.note("s1", 2), server.wait("s1", 3)]
        tasks = [asyncio.create_task(call) for call in calls]
        assert (await server.note("s2", "another socket does not wait"))["ok"]
        server.go.set()
        await asyncio.gather(*tasks)
        assert server.handled == ["another socket does not wait", 1, 2, 3]

    async def test_after_a_failure_it_is_the_next_one_s_turn(self, caplog):
        server = Server()
        await server.fail("s1", 1)
        await server.refuse("s1", 1)
        async with asyncio.timeout(TIMEOUT):
            assert (await server.note("s1", 2))["ok"]

    async def test_who_left_while_it_waited_for_its_turn(self, caplog):
        server = Server()
        calls = [server.wait("s1", 1), server.note("s1", 2)]
        tasks = [asyncio.create_task(call) for call in calls]
        await asyncio.sleep(0)
        server.members.remove("s1")
        server.go.set()
        assert await asyncio.gather(*tasks) == [{"ok": True}, ENDED]
        assert server.handled == [1]
        assert not caplog.records

    def test_keeps_the_name_and_the_text(self):
        assert Server.note.__name__ == "note"


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
            await eventually(lambda: "room:tea" in server.chat.members[alice.sid].groups)
            assert (await bob.call("message", "meanwhile"))["ok"]
            entered.set()
            answers = [await alice.until(lambda f: f.startswith("43")) for _ in range(3)]
            assert [answer[2] for answer in answers] == ["1", "2", "3"]
            assert not server.chat.members[alice.sid].groups
            await flush(bob)
            said = [f for f in bob.frames if "recieve" in f]
            assert ["meanwhile" in f for f in said] == [True, False]
