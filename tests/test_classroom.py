"""A class, as phones see it and as its instructor does."""

import asyncio
import re
import sqlite3

import pytest
import pytest_asyncio

from chatlib.classroom import Classroom, views
from chatlib.classroom.chat import LONGEST_NAME
from chatlib.classroom.record import MOST_LINES
from chatlib.database import PAGE
from chatlib.limits import Limits
from chatlib.messages import Audience
from support.clients import PlainClients
from support.servers import why_refused
from support.waiting import TIMEOUT, eventually, threads_end

OK = {"ok": True}
AT_HOME = {"host": "127.0.0.1"}


class Class:
    """A class on this machine, and the phones in it."""

    def __init__(self, room):
        self.room = room
        self.url = room.link.partition("/#")[0]
        self._connect = PlainClients(self.url)

    async def phone(self, name, **auth):
        """Return the phone of somebody who was let in, and knows how the class stands."""
        phone = await self._connect({"passcode": self.room.passcode, "name": name} | auth)
        await eventually(lambda: phone.inbox.named("classroom"))
        return phone

    async def again(self, phone, **auth):
        """Return a phone with the token of another one."""
        [[session]] = phone.inbox.named("session")
        return await self.phone("", token=session["token"], **auth)

    async def phones(self, *names):
        return [await self.phone(name) for name in names]

    async def refusal(self, name, **auth):
        return await why_refused(self.url, {"passcode": self.room.passcode, "name": name} | auth)

    async def close(self):
        await self.room.close()
        await self._connect.close()


@pytest_asyncio.fixture
async def opened():
    """Open classes: ``await opened("Tea", file=...)``."""
    classes = []

    async def open_class(title="Tea", **options):
        classes.append(Class(await Classroom.open(title, **AT_HOME | options)))
        return classes[-1]

    yield open_class
    for each in classes:
        await each.close()
    threads_end()


@pytest_asyncio.fixture
async def tea(opened):
    return await opened()


@pytest_asyncio.fixture
async def room(tea):
    return tea.room


async def call(phone, event, data):
    return await phone.call(event, data, timeout=TIMEOUT)


async def heard(phone, event, number=1):
    """Return the data of the last of so many events of a name."""
    await eventually(lambda: len(phone.inbox.named(event)) >= number)
    return phone.inbox.named(event)[number - 1][0]


async def said_to(*phones):
    """Wait until all that was sent to phones has arrived, and return their texts."""
    for phone in phones:
        await phone.call("flush", timeout=TIMEOUT)
    events = ("recieve-message", "single-message")
    return [[data["text"] for event, [data] in phone.inbox if event in events] for phone in phones]


class TestTheDoor:
    async def test_a_phone_is_told_how_the_class_stands(self, tea):
        ana = await tea.phone("Ana")
        assert await heard(ana, "classroom") == {
            "title": "Tea",
            "instructor": {"userId": "instructor", "name": "Instructor"},
            "room": None,
            "hand": False,
            "poll": None,
        }

    @pytest.mark.parametrize(
        ("name", "why"),
        [
            ("", "Give your name to come in."),
            (" \u200b\n", "Give your name to come in."),
            ("\u3164", "Give your name to come in."),
            ("\u200b" * (LONGEST_NAME + 1), "A name may have 40 characters, not more."),
            ("x" * (LONGEST_NAME + 1), "A name may have 40 characters, not more."),
            ("Ana", "Somebody is here as Ana already; take another name."),
            ("aNa ", "Somebody is here as aNa already; take another name."),
            ("A\u200bna", "Somebody is here as A\u200bna already; take another name."),
            ("A\u034fna", "Somebody is here as A\u034fna already; take another name."),
            ("Ana\ufe0f", "Somebody is here as Ana\ufe0f already; take another name."),
            ("\uff21na", "Somebody is here as \uff21na already; take another name."),
            ("INSTRUCTOR", "Somebody is here as INSTRUCTOR already; take another name."),
        ],
    )
    async def test_a_name_is_there_and_nobody_elses(self, tea, name, why):
        await tea.phone("Ana")
        assert await tea.refusal(name) == why

    async def test_a_wrong_passcode_is_refused(self, tea):
        assert await tea.refusal("Ana", passcode="guess") == "The passcode is wrong."

    @pytest.mark.parametrize("name", ["<b>Ana</b>", "👩‍🚀 Ána", "عائشة", "Ana\u202eanA"])
    async def test_any_name_can_be_shown(self, tea, name):
        await tea.phone(name)
        assert f"\n{name}, here" in repr(tea.room.roster)
        assert "<b>" not in tea.room.roster.html()

    async def test_a_name_belongs_to_whoever_had_it_even_while_they_are_away(self, tea):
        ana = await tea.phone("Ana")
        await ana.disconnect()
        await eventually(lambda: "Ana, away" in repr(tea.room.roster))
        assert "already" in await tea.refusal("Ana")
        phone = await tea.again(ana)
        await call(phone, "message", {"text": "back"})
        assert (await heard(phone, "recieve-message"))["from"]["name"] == "Ana"

    async def test_whoever_comes_back_cannot_take_another_name(self, tea):
        ana, ben = await tea.phones("Ana", "Ben")
        [[session]] = ana.inbox.named("session")
        other = await tea.phone("Ben", token=session["token"])
        await call(other, "message", {"text": "hi"})
        assert (await heard(ben, "recieve-message"))["from"]["name"] == "Ana"

    async def test_a_locked_class_lets_nobody_new_in(self, tea, room):
        ana = await tea.phone("Ana")
        await room.lock()
        assert await tea.refusal("Ben") == "The class is closed to newcomers."
        await tea.again(ana)
        await room.lock(is_locked=False)
        await tea.phone("Ben")

    async def test_a_removed_person_stays_out(self, tea, room):
        ana, ben = await tea.phones("Ana", "Ben")
        second = await tea.again(ben)
        await room.remove("ben")
        for phone in (ben, second):
            assert await heard(phone, "removed") == {"reason": "You were removed from this class."}
            await eventually(lambda phone=phone: not phone.connected)
        [[session]] = ben.inbox.named("session")
        assert await tea.refusal("Ben", **session) == "You were removed from this class."
        assert "already" in await tea.refusal("Ben")
        assert repr(room.roster) == "Tea: 1 here\nAna, here"
        assert ana.connected

    async def test_a_removed_person_can_be_readmitted(self, tea, room):
        ben = await tea.phone("Ben")
        await room.remove("Ben")
        await room.readmit("Ben")
        await tea.again(ben)
        assert repr(room.roster) == "Tea: 1 here\nBen, here"

    async def test_nobody_can_be_the_instructor(self, tea):
        auth = {"userId": "instructor"}
        assert await tea.refusal("Ana", **auth) == "A userId needs its token."


class TestTalk:
    async def test_the_instructor_talks_to_everyone(self, tea, room):
        phones = await tea.phones("Ana", "Ben")
        await room.say("Welcome!")
        for phone in phones:
            message = await heard(phone, "recieve-message")
            assert message["text"] == "Welcome!"
            assert message["from"] == {
                "id": "instructor", "userId": "instructor", "name": "Instructor"
            }  # fmt: skip

    async def test_a_private_message_reaches_all_tabs_of_one_person(self, tea, room):
        ana, ben = await tea.phones("Ana", "Ben")
        tab = await tea.again(ana)
        await room.tell("Ana", "Well done.")
        assert await said_to(ana, tab, ben) == [["Well done."], ["Well done."], []]

    async def test_a_private_message_to_the_instructor_is_in_the_inbox_alone(self, tea, room):
        ana, ben = await tea.phones("Ana", "Ben")
        assert (await call(ana, "message", {"user": "instructor", "text": "I am lost"}))["ok"]
        assert repr(room.inbox) == "For you alone\nAna, I am lost"
        assert await said_to(ana, ben) == [[], []]

    async def test_a_message_that_is_sent_again_is_not_read_again(self, tea, room):
        ana = await tea.phone("Ana")
        for _ in range(2):
            await call(ana, "message", {"user": "instructor", "text": "once", "key": "a"})
        assert repr(room.inbox) == "For you alone\nAna, once"

    async def test_the_transcript_has_what_everyone_heard_and_nothing_private(
        self, tea, room, tmp_path
    ):
        ana, ben = await tea.phones("Ana", "Ben")
        await room.say("Tea or coffee?")
        await call(ana, "message", {"text": "tea"})
        await call(ben, "message", "cof\ud800fee")
        await call(ben, "message", {"user": "instructor", "text": "secret"})
        await room.tell("Ana", "secret")
        await room.breakout({"Blue": ["Ana"]})
        await call(ana, "message", {"room": "Blue", "text": "secret"})
        await room.poll("Milk?", ["yes", "no"])
        await call(ana, "answer", {"poll": 1, "option": 1})
        await room.close_poll()
        await room.save(tmp_path / "tea.txt")
        assert (tmp_path / "tea.txt").read_text("utf-8").splitlines() == [
            "Tea",
            "Instructor: Tea or coffee?",
            "Ana: tea",
            "Ben: cof?fee",
            "Instructor asked: Milk?",
            "Answers: yes 0, no 1",
        ]

    async def test_nobody_forges_a_line_of_the_transcript(self, tea, room, tmp_path):
        ana = await tea.phone("Ana")
        await call(ana, "message", {"text": "a\x1b[31m\nInstructor: go home"})
        await room.save(tmp_path / "tea.txt")
        lines = (tmp_path / "tea.txt").read_text("utf-8").splitlines()
        assert lines == ["Tea", "Ana: a[31m", "    Instructor: go home"]
        await call(ana, "message", {"user": "instructor", "text": "a\nBen, psst"})
        assert repr(room.inbox) == "For you alone\nAna, a Ben, psst"

    async def test_only_the_last_things_said_are_held_in_memory(self, opened):
        tea = await opened(limits=Limits())
        ana = await tea.phone("Ana")
        for n in range(MOST_LINES + 5):
            await call(ana, "message", {"user": "instructor", "text": n})
        lines = repr(tea.room.inbox).splitlines()
        assert (len(lines), lines[1]) == (1 + MOST_LINES, "Ana, 5")

    async def test_a_flood_is_stopped_and_the_others_go_on(self, opened):
        tea = await opened(limits=Limits(messages_per_second=0.1, burst=5))
        flo, ana = await tea.phones("Flo", "Ana")
        answers = [await call(flo, "message", {"text": n}) for n in range(10)]
        assert [answer["ok"] for answer in answers] == [True] * 5 + [False] * 5
        assert (await call(ana, "message", {"text": "hi"}))["ok"]
        [texts] = await said_to(ana)
        assert texts == [0, 1, 2, 3, 4, "hi"]


class TestHands:
    async def test_hands_are_in_the_order_in_which_they_were_raised(self, tea, room):
        ana, ben = await tea.phones("Ana", "Ben")
        for phone in (ben, ana, ben):
            assert await call(phone, "hand", {"raised": True}) == OK
        assert room.hands == ["Ben", "Ana"]
        assert await call(ben, "hand", {"raised": False}) == OK
        assert room.hands == ["Ana"]

    async def test_all_tabs_of_a_person_know_of_the_hand(self, tea, room):
        ana = await tea.phone("Ana")
        tab = await tea.again(ana)
        await call(ana, "hand", {"raised": True})
        assert await heard(tab, "hand") == {"raised": True}
        await room.lower("Ana")
        assert await heard(tab, "hand", 2) == {"raised": False}
        assert room.hands == []

    async def test_all_hands_are_lowered_and_those_of_the_removed(self, tea, room):
        ana, ben = await tea.phones("Ana", "Ben")
        for phone in (ana, ben):
            await call(phone, "hand", {"raised": True})
        await room.remove("Ana")
        assert room.hands == ["Ben"]
        await room.lower()
        assert room.hands == []

    @pytest.mark.parametrize("data", [None, True, {}, {"raised": 1}, {"raised": None}, []])
    async def test_a_hand_is_raised_or_not(self, tea, room, data):
        ana = await tea.phone("Ana")
        assert not (await call(ana, "hand", data))["ok"]
        assert room.hands == []


class TestPolls:
    async def test_a_poll_is_asked_answered_and_its_result_told(self, tea, room):
        ana, ben = await tea.phones("Ana", "Ben")
        await room.poll("Milk?", ["yes", "no"])
        asked = await heard(ana, "poll")
        assert (asked["poll"], asked["question"], asked["options"]) == (1, "Milk?", ["yes", "no"])
        for phone, option in ((ana, 0), (ben, 0), (ben, 1)):  # the last of Ben's counts
            assert await call(phone, "answer", {"poll": 1, "option": option}) == OK
        chart = await room.close_poll()
        assert (await heard(ben, "poll-closed"))["counts"] == [1, 1]
        assert repr(chart) == (
            "Poll 1: Milk? (2 answered)\nyes, ████████████████████, 1\nno, ████████████████████, 1"
        )

    async def test_who_comes_later_gets_the_open_poll_and_their_answer(self, tea, room):
        await room.poll("Milk?", ["yes", "no"])
        ana = await tea.phone("Ana")
        poll = {"poll": 1, "question": "Milk?", "options": ["yes", "no"], "answer": None}
        assert (await heard(ana, "classroom"))["poll"] == poll
        await call(ana, "answer", {"poll": 1, "option": 1})
        again = await tea.again(ana)
        assert (await heard(again, "classroom"))["poll"] == poll | {"answer": 1}

    @pytest.mark.parametrize(
        "data",
        [None, 1, {}, {"poll": 1}, {"poll": 2, "option": 0}]
        + [{"poll": 1, "option": option} for option in (-1, 2, True, 0.0, "0", None, [0])],
    )
    async def test_an_answer_is_one_of_the_options(self, tea, room, data):
        await room.poll("Milk?", ["yes", "no"])
        ana = await tea.phone("Ana")
        assert not (await call(ana, "answer", data))["ok"]
        assert "(0 answered)" in repr(await room.close_poll())

    async def test_a_closed_poll_takes_no_answer(self, tea, room):
        ana = await tea.phone("Ana")
        await room.poll("Milk?", ["yes", "no"])
        chart = await room.close_poll()
        assert repr(chart) == "Poll 1: Milk? (0 answered)\nyes, 0\nno, 0"
        answer = await call(ana, "answer", {"poll": 1, "option": 0})
        assert answer == {"ok": False, "error": "This poll is not open."}
        with pytest.raises(ValueError, match="No poll is open"):
            await room.close_poll()

    async def test_a_second_poll_closes_the_first_one(self, tea, room):
        ana = await tea.phone("Ana")
        await room.poll("Milk?", ["yes", "no"])
        await room.poll("Sugar?", ["yes", "no"])
        assert (await heard(ana, "poll-closed"))["poll"] == 1
        assert not (await call(ana, "answer", {"poll": 1, "option": 0}))["ok"]
        assert (await call(ana, "answer", {"poll": 2, "option": 0}))["ok"]

    @pytest.mark.parametrize(
        ("question", "options"),
        [
            ("", ["a", "b"]),
            ("?", []),
            ("?", ["a"]),
            ("?", ["a", "a"]),
            ("?", ["a", " "]),
            ("?", range(11)),
        ],
    )
    async def test_a_poll_that_makes_no_sense_is_not_asked(self, tea, room, question, options):
        ana = await tea.phone("Ana")
        with pytest.raises(ValueError, match="A poll has"):
            await room.poll(question, options)
        await said_to(ana)
        assert ana.inbox.named("poll") == []


class TestBreakoutRooms:
    async def test_only_those_in_a_room_hear_what_is_said_there(self, tea, room):
        ana, ben, eve = await tea.phones("Ana", "Ben", "Eve")
        await room.breakout({"Blue": ["Ana", "ben"], "Red": ["Eve"]})
        assert await heard(eve, "breakout") == {"room": "Red"}
        await call(ana, "message", {"room": "Blue", "text": "psst"})
        await room.say("to Blue", to="Blue")
        assert await said_to(ana, ben, eve) == [["to Blue"], ["psst", "to Blue"], []]

    async def test_nobody_else_joins_or_writes(self, tea, room):
        ana, eve = await tea.phones("Ana", "Eve")
        await call(eve, "join-room", "Blue")  # before there is such a room
        await room.breakout({"Blue": ["Ana"]})
        refused = {"ok": False, "error": "You are not in Blue."}
        for data in ("Blue", {"room": "Blue"}, {"room": "Blue", "offset": 0}):
            assert await call(eve, "join-room", data) == refused
        assert await call(eve, "message", {"room": "Blue", "text": "hi"}) == refused
        await room.say("psst", to="Blue")
        assert await said_to(ana, eve) == [["psst"], []]

    async def test_who_reads_slowly_what_a_room_missed_is_not_in_it_once_it_is_for_others(
        self, tea, room, monkeypatch
    ):
        ana, eve = await tea.phones("Ana", "Eve")
        for number in range(PAGE + 1):
            early = {"text": str(number)}
            await room.chat.say("single-message", early, Audience("group", "Blue"))
        is_slow, go_on = asyncio.Event(), asyncio.Event()

        async def drained(_):
            is_slow.set()
            await go_on.wait()

        monkeypatch.setattr(room.chat.io, "drained", drained)
        joining = asyncio.create_task(call(eve, "join-room", {"room": "Blue", "offset": 0}))
        await asyncio.wait_for(is_slow.wait(), TIMEOUT)
        await room.breakout({"Blue": ["Ana"]})
        await room.say("a secret", to="Blue")
        go_on.set()
        await joining
        await room.say("another", to="Blue")
        assert (await said_to(ana))[0] == ["a secret", "another"]
        assert not {"a secret", "another"} & {*(await said_to(eve))[0]}

    async def test_a_room_of_the_same_name_does_not_tell_what_was_said_in_the_first(
        self, tea, room
    ):
        ana, eve = await tea.phones("Ana", "Eve")
        await room.breakout({"Blue": ["Ana"]})
        await room.say("a secret", to="Blue")
        await room.recall()
        assert not (await call(eve, "join-room", {"room": "Blue", "offset": 0}))["ok"]
        await room.breakout({"Blue": ["Eve"]})
        await room.say("hello", to="Blue")
        await call(eve, "join-room", {"room": "Blue", "offset": 0})
        assert await said_to(ana, eve) == [["a secret"], ["hello", "hello"]]

    async def test_who_loses_the_wire_gets_what_was_said_in_the_room(self, tea, room):
        ana = await tea.phone("Ana")
        await room.breakout({"Blue": ["Ana"]})
        await ana.disconnect()
        await room.say("go on", to="Blue")
        again = await tea.again(ana)
        assert (await heard(again, "classroom"))["room"] == "Blue"
        await call(again, "join-room", {"room": "Blue", "offset": 0})
        assert await said_to(again) == [["go on"]]

    async def test_people_are_dealt_in_turn_and_called_back(self, tea, room):
        phones = await tea.phones("Ana", "Ben", "Cem")
        assert repr(await room.breakout(2)) == ("Breakout rooms\nRoom 1, Ana, Cem\nRoom 2, Ben")
        assert repr(room.roster) == "Tea: 3 here\n" + "\n".join(
            ["Ana, here, Room 1", "Ben, here, Room 2", "Cem, here, Room 1"]
        )
        await room.recall()
        for phone in phones:
            assert await heard(phone, "breakout", 2) == {"room": None}
        with pytest.raises(ValueError, match="There is no breakout room Room 1"):
            await room.say("hi", to="Room 1")

    @pytest.mark.parametrize(
        ("rooms", "why"),
        [
            ({}, "at least one room"),
            (0, "at least one room"),
            ({"A": ["Ana"], "B": ["ana"]}, "nobody is in two"),
            ({"A": ["Zoe"]}, "Nobody in this class is called Zoe"),
            ({"": ["Ana"]}, "non-empty text"),
        ],
    )
    async def test_what_makes_no_sense_moves_nobody(self, tea, room, rooms, why):
        await tea.phone("Ana")
        with pytest.raises(ValueError, match=why):
            await room.breakout(rooms)
        assert repr(room.roster) == "Tea: 1 here\nAna, here"


class TestOpenAndClose:
    async def test_the_link_has_the_passcode_where_no_server_sees_it(self, tea, room):
        assert room.link == f"{tea.url}/#passcode={room.passcode}"
        assert re.fullmatch(r"[a-z2-9]{4}-[a-z2-9]{4}", room.passcode)

    async def test_closing_tells_everybody_and_keeps_the_result_of_an_open_poll(self, tea, room):
        ana = await tea.phone("Ana")
        await room.poll("Milk?", ["yes", "no"])
        await room.close()
        await eventually(lambda: not ana.connected)
        assert [event for event, _ in ana.inbox][-2:] == ["poll-closed", "class-closed"]
        await room.close()

    async def test_a_class_that_is_closed_says_so(self, room, tmp_path):
        await room.close()
        for doing in (room.say("hi"), room.lock(), room.save(tmp_path / "tea.txt")):
            with pytest.raises(RuntimeError, match="This class is closed"):
                await doing

    async def test_a_class_is_closed_even_if_the_disk_is_full(self, tea, room, monkeypatch):
        ana = await tea.phone("Ana")
        await room.poll("Milk?", ["yes", "no"])

        async def full(*_):
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr(room.chat.history, "keep", full)
        with pytest.raises(RuntimeError, match="cannot write to its history"):
            await room.close()
        await eventually(lambda: not ana.connected)
        assert [event for event, _ in ana.inbox][-1] == "class-closed"

    async def test_a_class_with_a_file_goes_on_after_a_restart(self, opened, tmp_path):
        first = await opened(file=tmp_path / "tea.db")
        ana, _, eve = await first.phones("Ana", "Ben", "Eve")
        await first.room.say("before")
        await first.room.breakout({"Blue": ["Ana"]})
        await first.room.remove("Eve")
        await first.room.poll("Milk?", ["yes", "no"])
        await call(ana, "answer", {"poll": 1, "option": 0})
        await first.room.close(for_good=False)
        assert ana.inbox.named("class-closed") == []
        assert ana.inbox.named("poll-closed") == []

        second = await opened(file=tmp_path / "tea.db")
        assert second.room.link == first.room.link
        again = await second.again(ana, offset=0)
        state = await heard(again, "classroom")
        assert state["room"] == "Blue"
        assert state["poll"]["answer"] == 0
        assert await said_to(again) == [["before"]]
        [[session]] = eve.inbox.named("session")
        assert await second.refusal("Eve", **session) == "You were removed from this class."
        assert "already" in await second.refusal("Ben")
        assert repr(second.room.roster) == "Tea: 1 here\nAna, here, Blue\nBen, away"
        assert "(1 answered)" in repr(await second.room.close_poll())

    async def test_opening_again_takes_the_place_of_the_class_before(self, opened):
        first = await opened()
        ana = await first.phone("Ana")
        second = await opened()
        await heard(ana, "class-closed")
        assert second.room.link != first.room.link

    async def test_two_classes_are_two(self, opened):
        tea, art = await opened("Tea"), await opened("Art")
        ana = await tea.phone("Ana")
        await art.phone("Ana")
        await art.room.say("hi")
        assert await said_to(ana) == [[]]

    async def test_one_file_or_port_is_not_for_two_classes(self, opened, tmp_path):
        tea = await opened("Tea", file=tmp_path / "class.db")
        with pytest.raises(Exception, match=r"is open elsewhere|locked|in use"):
            await opened("Art", file=tmp_path / "class.db")
        with pytest.raises(OSError, match="The class cannot listen on"):
            await opened("Art", port=int(tea.url.rpartition(":")[2]))

    async def test_without_a_network_the_link_is_this_machines(self, opened, monkeypatch):
        def no_network(*_):
            raise OSError("Network is unreachable")

        monkeypatch.setattr("socket.socket.connect", no_network)
        room = await Classroom.open("Tea")
        monkeypatch.undo()
        assert room.link.startswith("http://127.0.0.1:")
        await room.close()


class Shown:
    """Notes what is displayed, and what takes its place."""

    def __init__(self):
        self.outputs = []

    def display(self, view, display_id):
        self.outputs.append([view])
        return Shown.Handle(self.outputs[-1])

    class Handle:
        def __init__(self, output):
            self._output = output

        def update(self, view):
            self._output.append(view)


@pytest.fixture
def shown(monkeypatch):
    shown = Shown()
    monkeypatch.setattr(views, "display", shown.display)
    return shown.outputs


class TestViews:
    async def test_the_way_in_is_shown_while_the_class_is_open_and_no_longer(self, shown, opened):
        tea = await opened()
        [board] = shown
        assert tea.room.passcode in repr(board[1])
        assert f'<img alt="QR code of {tea.room.link}" style="max-width: 100%"' in board[1].html()
        await tea.phone("Ana")
        await eventually(lambda: "Ana, here" in repr(board[-1]))
        await tea.room.close()
        assert repr(board[-1]) == repr(board[0])
        assert tea.room.passcode not in repr(board[0])

    async def test_answers_are_counted_in_place(self, shown, opened):
        tea = await opened()
        ana = await tea.phone("Ana")
        await tea.room.poll("Milk?", ["yes", "no"])
        poll = shown[1]
        await call(ana, "answer", {"poll": 1, "option": 0})
        await eventually(lambda: "(1 answered)" in repr(poll[-1]))
        await tea.room.close_poll()
        assert repr(poll[-1]) == repr(poll[0])

    async def test_what_people_write_does_not_harm_the_view(self, shown, opened):
        tea = await opened()
        ana = await tea.phone("Ana")
        await call(ana, "message", {"text": "<img src=x onerror=alert(1)>\ud800" + "x" * 1000})
        await call(ana, "message", {"text": {"a": 1}})
        await eventually(lambda: "{'a': 1}" in repr(shown[0][-1]))
        bundle = shown[0][-1]._repr_mimebundle_()
        assert "<img src=x" not in bundle["text/html"]
        assert bundle["text/html"].encode()
        assert bundle["text/plain"].encode()
        assert max(map(len, bundle["text/plain"].splitlines())) < 300

    def test_a_table_has_a_caption_and_headers(self):
        html = views.View("People & tea", ["Name"], [["Ana"]]).html()
        assert re.search(r"<caption[^>]*>People &amp; tea</caption>", html)
        assert re.search(r'<th scope="col"[^>]*>Name</th>', html)


async def test_sixty_phones_join_and_leave_at_once(opened):
    tea = await opened()
    phones = await asyncio.gather(*(tea.phone(f"Student {n}") for n in range(60)))
    assert repr(tea.room.roster).startswith("Tea: 60 here")
    await tea.room.say("Welcome!")
    assert await said_to(*phones) == [["Welcome!"]] * 60
