"""The message store by itself: what is kept, in which order, and what is left when things fail."""

import asyncio
import logging
import random
import shutil
import sqlite3
import subprocess
import sys

import pytest
import pytest_asyncio

from chatlib.history import PAGE, PAGE_BYTES, History, Message
from chatlib.messages import BadInputError
from support.waiting import TIMEOUT, threads_end

EVERYONE, ALICE, BOB, TEA = "everyone", "user:alice", "user:bob", "room:tea"


@pytest.fixture(autouse=True)
def no_thread_left():
    yield
    threads_end()


@pytest_asyncio.fixture
async def opened(tmp_path):
    """Open histories on one file, that note what they deliver: ``await opened()``."""
    histories = []

    async def open_history(**options):
        history = History(tmp_path / "history.db", **options)
        history.heard = []

        async def deliver(message):
            history.heard.append(message)

        history.deliver_with(deliver)
        histories.append(history)
        await history.open()
        return history

    yield open_history
    for history in histories:
        await history.close()


@pytest_asyncio.fixture
async def history(opened):
    return await opened()


def message(data=None, to=EVERYONE, sender=ALICE, **more):
    return Message("recieve-message", to, sender, {} if data is None else data, **more)


async def append(history, *messages):
    """Append messages all at once; return their ids, or what each raised."""
    async with asyncio.timeout(TIMEOUT):
        return await asyncio.gather(*map(history.append, messages), return_exceptions=True)


async def missed(history, *audience, after=0):
    """Return all of what was missed, page by page."""
    messages, more = [], True
    while more:
        page, after, more = await history.missed(audience, after)
        messages += page
    return messages


async def ids_missed(history, *audience, after=0):
    return [message.id for message in await missed(history, *audience, after=after)]


def ids(messages):
    return [message.id for message in messages]


async def count_commits(history):
    commits = []
    database = await history.open()
    await database.set_trace_callback(lambda sql: sql == "COMMIT" and commits.append(sql))
    return commits


class TestAppend:
    async def test_ids_increase_from_one(self, history):
        assert [await history.append(message()) for _ in range(3)] == [1, 2, 3]
        assert ids(history.heard) == [1, 2, 3]

    async def test_a_message_is_on_disk_before_it_is_delivered_and_that_before_it_is_acknowledged(
        self, history, tmp_path
    ):
        order = []

        async def deliver(delivered):
            copy = tmp_path / f"copy{delivered.id}"  # as a crash would leave it
            copy.mkdir()
            for file in tmp_path.glob("history.db*"):
                shutil.copy(file, copy)
            with sqlite3.connect(copy / "history.db") as database:
                [[last]] = database.execute("SELECT max(id) FROM messages")
            database.close()
            order.append((f"deliver {delivered.id}", last >= delivered.id))

        history.deliver_with(deliver)
        await history.append(message())
        order.append("acknowledge 1")
        await history.append(message())
        assert order == [("deliver 1", True), "acknowledge 1", ("deliver 2", True)]

    async def test_many_at_once_take_few_commits_and_keep_their_order(self, history):
        commits = await count_commits(history)
        answers = await append(history, *(message({"n": n}) for n in range(1000)))
        assert answers == list(range(1, 1001))
        assert [each.data["n"] for each in history.heard] == list(range(1000))
        assert 1 <= len(commits) <= 4

    async def test_one_at_a_time_takes_a_commit_each(self, history):
        commits = await count_commits(history)
        for _ in range(5):
            await history.append(message())
        assert len(commits) == 5

    async def test_acknowledgements_come_in_the_order_of_ids(self, history):
        acknowledged = []

        async def send():
            acknowledged.append(await history.append(message()))

        await asyncio.gather(*(send() for _ in range(300)))
        assert acknowledged == list(range(1, 301))

    async def test_a_handler_that_is_cancelled_while_it_waits(self, history):
        waiting = asyncio.create_task(history.append(message(key="k")))
        await asyncio.sleep(0)
        waiting.cancel()
        assert await append(history, message(), message(key="k")) == [2, 1]
        assert ids(history.heard) == [1, 2]

    async def test_one_who_has_gone_holds_up_nobody_behind(self, history):
        gone, waiting = (asyncio.create_task(history.append(message())) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        assert await asyncio.wait_for(waiting, TIMEOUT) == 2

    async def test_a_last_delivery_that_fails_can_be_made_up_for(self, history, caplog):
        async def fail(_):
            raise RuntimeError("no wire")

        history.deliver_with(fail)
        assert await append(history, message()) == [1]
        assert await ids_missed(history, EVERYONE) == [1]

    async def test_a_delivery_that_fails_is_logged_and_the_next_ones_go_on(self, history, caplog):
        deliver = history._deliver

        async def fail(delivered):
            if delivered.id == 2:
                raise RuntimeError("no wire")
            await deliver(delivered)

        history.deliver_with(fail)
        assert await append(history, message(), message(), message()) == [1, 2, 3]
        assert ids(history.heard) == [1, 3]
        assert await ids_missed(history, EVERYONE) == [1, 2, 3]
        [record] = [r for r in caplog.records if r.levelno == logging.ERROR]
        assert record.getMessage() == "Message 2 was kept, but not delivered"

    async def test_what_is_kept_but_not_delivered_yet_is_not_missed_yet(self, history):
        delivering, go_on = asyncio.Event(), asyncio.Event()

        async def deliver(_):
            delivering.set()
            await go_on.wait()

        history.deliver_with(deliver)
        sent = asyncio.create_task(history.append(message()))
        async with asyncio.timeout(TIMEOUT):
            await delivering.wait()
            assert await ids_missed(history, EVERYONE) == []
            go_on.set()
            assert await sent == 1
        assert await ids_missed(history, EVERYONE) == [1]

    async def test_no_crash_of_the_machine_takes_what_was_kept(self, history):
        database = await history.open()
        settings = [
            await database.execute_fetchall(f"PRAGMA {name}")
            for name in ("synchronous", "journal_mode", "locking_mode")
        ]
        assert settings == [[(2,)], [("wal",)], [("exclusive",)]]

    async def test_memory_is_enough(self):
        history = History()
        assert await history.append(message()) == 1
        assert await ids_missed(history, EVERYONE) == [1]
        await history.close()


class TestFailures:
    async def test_a_full_disk(self, history):
        database = await history.open()
        await append(history, *(message() for _ in range(3)))
        await database.execute_fetchall("PRAGMA max_page_count = 1")  # no page more than there are
        big = message("x" * 50_000, key="big")
        answers = await append(history, message(), big, message())
        assert [str(answer) for answer in answers] == ["database or disk is full"] * 3
        assert all(isinstance(answer, sqlite3.Error) for answer in answers)
        await database.execute_fetchall("PRAGMA max_page_count = 1000000")
        assert await append(history, big, message()) == [4, 5]
        assert ids(history.heard) == await ids_missed(history, EVERYONE) == [1, 2, 3, 4, 5]

    async def test_a_commit_that_fails(self, history, monkeypatch, opened):
        database = await history.open()

        async def fail():
            raise sqlite3.OperationalError("disk I/O error")

        with monkeypatch.context() as patch:
            patch.setattr(database, "commit", fail)
            [answer] = await append(history, message("lost", key="k"))
        assert str(answer) == "disk I/O error"
        assert history.heard == []
        assert await append(history, message("found", key="k")) == [1]
        await history.close()
        again = await opened()
        assert [each.data for each in await missed(again, EVERYONE)] == ["found"]

    async def test_a_failure_is_told_to_those_behind_one_who_has_gone(self, history, monkeypatch):
        database = await history.open()

        async def fail():
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(database, "commit", fail)
        gone, waiting = (asyncio.create_task(history.append(message())) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
            await asyncio.wait_for(waiting, TIMEOUT)

    @pytest.mark.parametrize("data", [2**64, [[{"n": -(2**63) - 1}]], {"a": object()}])
    async def test_what_cannot_be_kept_spoils_nothing_else(self, history, data):
        first, refused, second = await append(history, message(), message(data), message())
        assert isinstance(refused, BadInputError)
        assert (first, second) == (1, 2)

    @pytest.mark.parametrize("depth", [100, 500, *range(510, 514), *range(1022, 1028), 10_000])
    async def test_what_nests_deep_is_refused_or_can_be_replayed(self, history, depth):
        deep = []
        for _ in range(depth):
            deep = [deep]
        [answer] = await append(history, message(deep))
        if depth <= 500:  # older versions of msgpack end at 511, newer ones at 1023
            assert answer == 1
        if answer == 1:
            assert await ids_missed(history, EVERYONE) == [1]
        else:
            assert isinstance(answer, BadInputError)


class TestClose:
    async def test_what_waits_is_kept_and_delivered_first(self, history, opened):
        waiting = [asyncio.create_task(history.append(message())) for _ in range(1000)]
        await asyncio.sleep(0)
        await history.close()
        assert await asyncio.gather(*waiting) == list(range(1, 1001))
        assert len(history.heard) == 1000
        assert len(await ids_missed(await opened(), EVERYONE)) == 1000

    async def test_a_close_that_is_cancelled_does_not_cancel_what_waits(self, history):
        waiting = [asyncio.create_task(history.append(message())) for _ in range(10)]
        await asyncio.sleep(0)
        closing = asyncio.create_task(history.close())
        await asyncio.sleep(0)
        closing.cancel()
        assert await asyncio.gather(*waiting) == list(range(1, 11))

    async def test_nothing_is_kept_afterwards(self, history):
        await history.append(message())
        await history.close()
        with pytest.raises(BadInputError, match="stopping"):
            await history.append(message())
        with pytest.raises(sqlite3.Error, match="closed"):
            await history.missed([EVERYONE], 0)
        with pytest.raises(sqlite3.Error, match="closed"):
            await history.start_of_replay([EVERYONE], 0)

    async def test_a_message_that_comes_while_the_file_opens_and_closes(self, tmp_path):
        history = History(tmp_path / "history.db")
        sent = asyncio.create_task(history.append(message()))
        await asyncio.sleep(0)  # it opens the file now
        await history.close()
        with pytest.raises(BadInputError, match="stopping"):
            await sent

    async def test_twice_and_never_opened(self, history):
        await history.close()
        await history.close()
        await History("never.db").close()

    async def test_it_can_be_opened_again(self, history):
        await history.append(message())
        await history.close()
        await history.open()
        assert await history.append(message()) == 2


class TestFile:
    async def test_ids_and_keys_go_on(self, opened):
        history = await opened()
        assert await append(history, message(key="a"), message(key="b")) == [1, 2]
        await history.close()
        again = await opened()
        assert await append(again, message(key="b"), message(key="c")) == [2, 3]
        assert ids(again.heard) == [3]
        assert await ids_missed(again, EVERYONE) == [1, 2, 3]

    @pytest.mark.parametrize("is_new", [True, False])
    async def test_a_second_server_cannot_have_it(self, opened, is_new):
        if not is_new:
            await (await opened()).close()
        await opened()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            await opened()

    async def test_a_second_process_cannot_have_it(self, opened):
        await (await opened()).close()
        history = await opened()
        look = (
            "import sqlite3, sys; sqlite3.connect(sys.argv[1], 0).execute('DELETE FROM messages')"
        )
        second = subprocess.run(  # noqa: ASYNC221  (nothing else goes on)
            [sys.executable, "-c", look, history.path], capture_output=True, text=True
        )
        assert "database is locked" in second.stderr

    async def test_one_that_is_no_database(self, tmp_path):
        file = tmp_path / "letter.txt"
        file.write_text("Dear alice, " * 500)
        with pytest.raises(sqlite3.DatabaseError, match="not a database"):
            await History(file).open()
        assert file.read_text() == "Dear alice, " * 500

    @pytest.mark.parametrize("table", ["messages (id)", "birds (name)"])
    async def test_another_programs_database(self, tmp_path, table):
        file = tmp_path / "other.db"
        other = sqlite3.connect(file)
        other.execute(f"CREATE TABLE {table}")
        other.close()
        before = file.read_bytes()
        with pytest.raises(sqlite3.DatabaseError, match="not a history"):
            await History(file).open()
        assert file.read_bytes() == before

    @pytest.mark.parametrize("name", ["", "no such folder/history.db"])
    async def test_one_that_cannot_be_opened(self, tmp_path, name):
        history = History(tmp_path / name)
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError, match="unable to open"):
                await history.append(message())


class TestKeys:
    async def test_twice_at_once(self, history):
        answers = await append(
            history, message("first", key="k"), message(), message("second", key="k")
        )
        assert answers == [1, 2, 1]
        assert [each.data for each in history.heard] == ["first", {}]

    async def test_again_later(self, history):
        await append(history, message("first", key="k"), message())
        assert await append(history, message("again", key="k"), message()) == [1, 3]
        assert ids(history.heard) == [1, 2, 3]

    async def test_of_other_users_and_of_sockets_without_one(self, history):
        senders = [ALICE, BOB, "~socket", "~other"]
        first = await append(history, *(message(sender=sender, key="k") for sender in senders))
        again = await append(history, *(message(sender=sender, key="k") for sender in senders))
        assert first == again == [1, 2, 3, 4]

    async def test_no_key_is_not_a_key(self, history):
        assert await append(history, message(), message(), message(key="")) == [1, 2, 3]
        assert await append(history, message(), message(key="")) == [4, 3]

    async def test_half_a_surrogate_pair_and_a_zero(self, history):
        keys = ["\ud800", "\udfff", "a\0b", "a\0c", "a", "é", "e\u0301"]
        sent = [message(key=key, sender="user:\ud800", to="room:\udc00") for key in keys]
        assert await append(history, *sent) == [1, 2, 3, 4, 5, 6, 7]
        assert await append(history, *sent) == [1, 2, 3, 4, 5, 6, 7]
        assert await ids_missed(history, "room:\udc00", after=5) == [6, 7]

    async def test_at_random(self, opened):
        """Whatever is sent how often at once, over restarts, each is there once and in order."""
        choose = random.Random(3)
        first_ids, all_heard = {}, []
        for _ in range(4):
            history = await opened()
            for _ in range(20):
                names = [
                    (choose.choice([ALICE, BOB]), str(choose.randrange(300)))
                    for _ in range(choose.randrange(1, 60))
                ]
                sent = [message({"key": key}, sender=who, key=key) for who, key in names]
                for name, number in zip(names, await append(history, *sent), strict=True):
                    assert first_ids.setdefault(name, number) == number
            all_heard += history.heard
            await history.close()
        assert ids(all_heard) == list(range(1, len(first_ids) + 1))
        assert {(each.sender, each.key): each.id for each in all_heard} == first_ids


class TestMissed:
    async def test_it_is_for_the_audience_and_no_other(self, history):
        await append(
            history,
            message(to=EVERYONE, sender=BOB),  # 1
            message(to=ALICE, sender=BOB),  # 2
            message(to=BOB, sender=ALICE),  # 3: alice wrote it, perhaps on another tab
            message(to=BOB, sender=BOB),  # 4
            message(to=TEA, sender=ALICE),  # 5
            message(to="room:user:alice", sender=BOB),  # 6
            message(to="~socket", sender=ALICE),  # 7
            message(to=ALICE, sender=ALICE),  # 8
            message(to="user:alice2", sender=BOB),  # 9
            message(to="user:", sender="~socket"),  # 10
        )
        assert await ids_missed(history, EVERYONE, ALICE) == [1, 2, 3, 8]
        assert await ids_missed(history, EVERYONE, BOB) == [1, 2, 3, 4, 9]
        assert await ids_missed(history, EVERYONE) == [1]
        assert await ids_missed(history, TEA) == [5]
        assert await ids_missed(history, "room:user:alice") == [6]
        assert await ids_missed(history, "room:cake") == []

    @pytest.mark.parametrize("name", ["\0", " ", "~", "é", "\udfff", "\U0010ffff"])
    async def test_it_holds_what_one_sent_to_a_user_of_any_name(self, history, name):
        await append(history, message(to=f"user:{name}", sender=ALICE))
        assert await ids_missed(history, EVERYONE, ALICE) == [1]

    @pytest.mark.parametrize(("after", "expected"), [(0, [1, 2, 3]), (1, [2, 3]), (3, []), (9, [])])
    async def test_it_is_what_came_after(self, history, after, expected):
        await append(history, message(), message(), message())
        assert await ids_missed(history, EVERYONE, after=after) == expected

    @pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
    async def test_it_comes_in_pages(self, history, count):
        await append(history, *(message() for _ in range(count)))
        page = await history.missed([EVERYONE], 0)
        assert ids(page.messages) == list(range(1, min(count, PAGE) + 1))
        assert await ids_missed(history, EVERYONE) == list(range(1, count + 1))

    async def test_a_page_of_long_messages_is_shorter(self, history):
        long = "x" * (PAGE_BYTES // 2 - 100)
        await append(history, *(message(long) for _ in range(5)))
        page = await history.missed([EVERYONE], 0)
        assert (ids(page.messages), page.after, page.more) == ([1, 2], 2, True)
        assert await ids_missed(history, EVERYONE) == [1, 2, 3, 4, 5]

    async def test_a_message_longer_than_a_page(self, history):
        await append(history, *(message("x" * (PAGE_BYTES + 1)) for _ in range(3)))
        assert await ids_missed(history, EVERYONE) == [1, 2, 3]

    async def test_it_is_bounded(self, opened):
        history = await opened(bound=5)
        await append(history, *(message(to=(EVERYONE, TEA)[n % 2]) for n in range(16)))
        assert await history.start_of_replay([EVERYONE, ALICE], 0) == (5, 3)
        assert await ids_missed(history, EVERYONE, ALICE, after=5) == [7, 9, 11, 13, 15]
        assert await history.start_of_replay([EVERYONE, ALICE], 4) == (5, 1)
        assert await history.start_of_replay([EVERYONE, ALICE], 5) == (5, 0)
        assert await history.start_of_replay([EVERYONE, ALICE], 16) == (16, 0)
        assert await history.start_of_replay([TEA], 15) == (15, 0)

    async def test_an_id_that_is_yet_to_come_is_of_another_history(self, history):
        await append(history, message(), message())
        assert await history.start_of_replay([EVERYONE], 3) == (0, 0)
        assert await history.start_of_replay([EVERYONE], 2**53 - 1) == (0, 0)

    @pytest.mark.parametrize(
        "data",
        [
            None,
            "text",
            "half a pair \ud83d, a zero \0, all of 😀",
            [1, 2.5, True, None, ["x"], {}],
            {"a": {"b": [{"c": None}]}, "": "\udfff", "\ud800": 1},
            {"big": [2**64 - 1, -(2**63), 2**53 + 1, 1e308, 5e-324, -0.0]},
            {"image": b"\x00\xff", "images": [b"", b"\x80"]},
        ],
    )
    async def test_data_comes_back_as_it_was(self, opened, data):
        history = await opened()
        await history.append(Message("single-message", TEA, ALICE, data, key="k", skip="~me"))
        await history.close()
        [back] = await missed(await opened(), TEA)
        assert repr(back.data) == repr(data)
        assert (back.event, back.audience, back.sender) == ("single-message", TEA, ALICE)
        assert (back.id, back.skip) == (1, "~me")


class TestMessage:
    def test_its_id_is_the_servers_and_comes_first(self):
        data = message({"text": "hi", "id": "mine"}, id=7).delivered_data()
        assert list(data.items()) == [("id", 7), ("text", "hi")]

    def test_what_is_no_object_has_no_place_for_an_id(self):
        assert message("hi", id=7).delivered_data() == "hi"

    def test_without_a_history_there_is_no_id(self):
        assert message({"id": "mine"}).delivered_data() == {"id": "mine"}

    def test_a_users_message_to_a_user_goes_to_both(self):
        assert message(to=BOB, sender=ALICE).rooms == [BOB, ALICE]
        assert message(to=BOB, sender="~socket").rooms == [BOB]
        assert message(to=TEA, sender=ALICE).rooms == [TEA]
        assert message(to=EVERYONE, sender=ALICE).rooms == [EVERYONE]
