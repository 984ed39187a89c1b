"""The message store by itself: what is kept and found again, and what is left when things fail."""

import asyncio
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import time

import pytest
import pytest_asyncio

from chatlib.database import PAGE, PAGE_BYTES, Database
from chatlib.history import Gap, History, Kept, Message
from chatlib.messages import Audience, BadInputError
from support.databases import Faulty, damage
from support.waiting import TIMEOUT, eventually, threads_end

EVERYONE = Audience("everyone")
ALICE, BOB, TEA = Audience("user", "alice"), Audience("user", "bob"), Audience("group", "tea")
EVER = 2**53  # no id is beyond this


@pytest.fixture(autouse=True)
def no_thread_left():
    yield
    Faulty.mend()
    threads_end()


@pytest_asyncio.fixture
async def opened(tmp_path):
    """Open histories on one file: ``await opened(**options)``."""
    histories = []

    async def open_history(**options):
        histories.append(History(tmp_path / "history.db", **options))
        await histories[-1].open()
        return histories[-1]

    yield open_history
    for history in histories:
        await history.close()


@pytest_asyncio.fixture
async def history(opened):
    return await opened()


def message(data=None, to=EVERYONE, sender=ALICE, **more):
    return Message("recieve-message", to, sender, {} if data is None else data, **more)


async def keep(history, *messages):
    """Keep messages all at once; return their ids, or what is wrong with each."""
    async with asyncio.timeout(TIMEOUT):
        results = await history.keep(messages)
    return [result.id if isinstance(result, Kept) else result for result in results]


async def replay(history, *audience, after=0):
    """Return all entries of what was missed, page by page."""
    entries, more = [], True
    while more:
        page, after, more = await history.missed(audience, after, EVER)
        entries += page
    return entries


async def ids_missed(history, *audience, after=0):
    return ids(await replay(history, *audience, after=after))


def ids(messages):
    return [message.id for message in messages]


async def start_of_replay(history, audience, after):
    return await history.start_of_replay(audience, after, EVER)


async def left(history):
    """Return the ids of the messages to everyone that are still there."""
    return [each.id for each in await replay(history, EVERYONE) if isinstance(each, Message)]


async def eventually_left(history, expected):
    async with asyncio.timeout(TIMEOUT):
        while await left(history) != expected:
            pass


class TestKeep:
    async def test_ids_increase_from_one(self, history):
        assert await keep(history, message(), message()) == [1, 2]
        assert await keep(history, message()) == [3]

    async def test_what_is_kept_is_on_the_disk(self, history, tmp_path):
        copy = tmp_path / "copy"  # as a crash would leave it
        copy.mkdir()
        await keep(history, message(), message())
        for file in tmp_path.glob("history.db*"):
            shutil.copy(file, copy)
        with sqlite3.connect(copy / "history.db") as database:
            assert database.execute("SELECT max(id) FROM messages").fetchall() == [(2,)]
        database.close()

    async def test_no_crash_of_the_machine_takes_what_was_kept(self, opened):
        settings = []

        class Settings(sqlite3.Connection):
            def close(self):
                for name in ("synchronous", "journal_mode", "locking_mode"):
                    settings.extend(self.execute(f"PRAGMA {name}").fetchone())
                super().close()

        await (await opened(factory=Settings)).close()
        assert settings == [2, b"wal", b"exclusive"]

    async def test_memory_is_enough(self):
        history = History()
        await history.open()
        assert await keep(history, message()) == [1]
        assert await ids_missed(history, EVERYONE) == [1]
        await history.close()


class TestFailures:
    async def test_a_full_disk(self, opened):
        history = await opened(factory=Faulty)
        await keep(history, *(message() for _ in range(3)))
        Faulty.pages = 1  # no page more than there are
        big = message("x" * 50_000, key="big")
        for _ in range(2):
            with pytest.raises(sqlite3.OperationalError, match="database or disk is full"):
                await keep(history, message(), big, message())
        Faulty.pages = 1_000_000
        assert await keep(history, big, message()) == [4, 5]
        assert await ids_missed(history, EVERYONE) == [1, 2, 3, 4, 5]

    async def test_a_write_that_fails(self, opened):
        history = await opened(factory=Faulty)
        Faulty.error = sqlite3.OperationalError("disk I/O error")
        with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
            await keep(history, message("lost", key="k"))
        Faulty.error = None
        assert await keep(history, message("found", key="k")) == [1]
        await history.close()
        again = await opened()
        assert [each.data for each in await replay(again, EVERYONE)] == ["found"]

    @pytest.mark.parametrize("data", [2**64, [[{"n": -(2**63) - 1}]], {"a": object()}])
    async def test_what_cannot_be_kept_spoils_nothing_else(self, history, data):
        first, refused, second = await keep(history, message(), message(data, key="k"), message())
        assert isinstance(refused, BadInputError)
        assert (first, second) == (1, 2)
        assert await keep(history, message("good", key="k")) == [3]

    @pytest.mark.parametrize("depth", [100, 500, *range(510, 514), *range(1022, 1028), 10_000])
    async def test_what_nests_deep_is_refused_or_can_be_replayed(self, history, depth):
        deep = []
        for _ in range(depth):
            deep = [deep]
        [answer] = await keep(history, message(deep))
        if depth <= 500:  # older versions of msgpack end at 511, newer ones at 1023
            assert answer == 1
        if answer == 1:
            assert await ids_missed(history, EVERYONE) == [1]
        else:
            assert isinstance(answer, BadInputError)


class TestClose:
    async def test_what_was_asked_for_is_done_first(self, history, opened):
        keeping = [asyncio.create_task(keep(history, message())) for _ in range(10)]
        await asyncio.sleep(0)
        await history.close()
        assert await asyncio.gather(*keeping) == [[n] for n in range(1, 11)]
        assert len(await ids_missed(await opened(), EVERYONE)) == 10

    async def test_nothing_is_kept_or_read_afterwards(self, history):
        await keep(history, message())
        await history.close()
        for use in (
            history.keep([message()]),
            history.missed([EVERYONE], 0, EVER),
            history.start_of_replay([EVERYONE], 0, EVER),
        ):
            with pytest.raises(sqlite3.Error, match="closed"):
                await use

    async def test_twice_and_never_opened(self, history):
        await history.close()
        await history.close()
        await History("never.db").close()

    async def test_while_it_opens(self, tmp_path):
        history = History(tmp_path / "history.db")
        opening = asyncio.create_task(history.open())
        await asyncio.sleep(0)
        await history.close()
        await opening
        with pytest.raises(sqlite3.Error, match="closed"):
            await history.keep([message()])

    async def test_an_opening_that_is_cancelled_leaves_nothing_behind(self, tmp_path):
        history = History(tmp_path / "history.db")
        opening = asyncio.create_task(history.open())
        await asyncio.sleep(0)
        opening.cancel()
        await asyncio.wait([opening])
        await history.close()

    async def test_it_can_be_opened_again(self, history):
        await keep(history, message())
        await history.close()
        assert await history.open() == 1
        assert await keep(history, message()) == [2]

    def test_it_can_be_used_with_one_loop_after_the_other(self, tmp_path):
        history = History(tmp_path / "history.db")

        async def use():
            await asyncio.gather(*(history.open() for _ in range(3)))
            [number] = await keep(history, message())
            await history.close()
            return number

        assert [asyncio.run(use()) for _ in range(3)] == [1, 2, 3]

    def test_a_loop_that_ends_while_it_opens_leaves_it_to_the_next(self, tmp_path):
        history = History(tmp_path / "history.db")

        async def leave():
            asyncio.create_task(history.open())  # noqa: RUF006  (it is left alone)
            await asyncio.sleep(0)

        async def use():
            await history.open()
            [number] = await keep(history, message())
            await history.close()
            return number

        asyncio.run(leave())
        assert asyncio.run(use()) == 1


class TestFile:
    async def test_ids_and_keys_go_on(self, opened):
        history = await opened()
        assert await keep(history, message(key="a"), message(key="b")) == [1, 2]
        await history.close()
        again = await opened()
        assert await again.keep([message(key="b"), message(key="c")]) == [
            Kept(2, is_new=False),
            Kept(3, is_new=True),
        ]
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
                await history.open()

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
    @pytest.mark.parametrize("umask", [0, 0o777], ids=oct)
    async def test_only_its_owner_can_read_it(self, opened, tmp_path, umask):
        before = os.umask(umask)
        try:
            history = await opened()
            await keep(history, message())
        finally:
            os.umask(before)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
        assert modes == {"history.db": 0o600, "history.db-wal": 0o600}

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
    async def test_one_that_others_could_read_is_mended(self, opened, tmp_path):
        await (await opened()).close()
        file = tmp_path / "history.db"
        file.chmod(0o644)
        await opened()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600

    async def test_a_damaged_one_is_noticed_when_it_is_opened(self, opened, tmp_path):
        history = await opened()
        await keep(history, *(message("x" * 1000) for _ in range(100)))
        await history.close()
        file = tmp_path / "history.db"
        content = bytearray(file.read_bytes())
        content[40_960:45_056] = b"\xff" * 4096
        file.write_bytes(content)
        with pytest.raises(sqlite3.DatabaseError, match=r"^file is damaged: .+\Z"):
            await History(file).open()

    @pytest.mark.parametrize("how", ["removed", "replaced"])
    async def test_one_that_is_gone_while_it_is_open_keeps_nothing(self, history, tmp_path, how):
        file = tmp_path / "history.db"
        await keep(history, message())
        file.rename(tmp_path / "elsewhere.db")
        if how == "replaced":
            file.write_bytes((tmp_path / "elsewhere.db").read_bytes())
        with pytest.raises(sqlite3.OperationalError, match="removed or replaced"):
            await keep(history, message())
        (tmp_path / "elsewhere.db").replace(file)
        assert await keep(history, message()) == [2]

    async def test_its_journal_that_is_gone_keeps_nothing(self, history, tmp_path):
        await keep(history, message())
        (tmp_path / "history.db-wal").rename(tmp_path / "elsewhere")
        with pytest.raises(sqlite3.OperationalError, match="removed or replaced"):
            await keep(history, message())
        (tmp_path / "elsewhere").rename(tmp_path / "history.db-wal")

    async def test_one_of_the_version_before_is_opened_and_its_messages_count_as_new(
        self, opened, tmp_path
    ):
        history = await opened()
        await keep(history, message("old", key="k"))
        await history.close()
        damage(
            tmp_path / "history.db",
            "ALTER TABLE messages DROP COLUMN kept_at",
            "DROP TABLE removed",
            "PRAGMA user_version = 0",
        )
        history = await opened(keep_days=1)
        assert await keep(history, message("old", key="k"), message("new")) == [1, 2]
        assert [each.data for each in await replay(history, EVERYONE)] == ["old", "new"]

    async def test_one_of_a_later_version_is_left_alone(self, opened, tmp_path):
        await (await opened()).close()
        damage(tmp_path / "history.db", "PRAGMA user_version = 2")
        with pytest.raises(sqlite3.DatabaseError, match="newer version"):
            await opened()

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write")
    async def test_one_that_cannot_be_written(self, opened, tmp_path):
        await (await opened()).close()
        (tmp_path / "history.db").chmod(0o400)
        tmp_path.chmod(0o500)
        try:
            with pytest.raises(sqlite3.OperationalError, match=r"readonly|unable to open"):
                await opened()
        finally:
            tmp_path.chmod(0o700)


class TestDamage:
    """What cannot be read any more of a file that is otherwise sound."""

    @pytest.mark.parametrize(
        "change",
        ["data = x'c1'", "data = 7", "data = x'c7050000000000'", "sender = x'ff'", "event = x'ff'"],
    )
    async def test_a_message_is_left_out_with_a_gap_and_logged_once(
        self, opened, tmp_path, caplog, change
    ):
        history = await opened()
        await keep(history, message("a"), message("b"), message("c"))
        await history.close()
        damage(tmp_path / "history.db", f"UPDATE messages SET {change} WHERE id = 2")
        history = await opened()
        for _ in range(2):
            first, gap, last = await replay(history, EVERYONE)
            assert (first.data, gap, last.data) == ("a", Gap(1, 1), "c")
        assert caplog.text.count("Message 2 is damaged, and is left out") == 1

    async def test_a_part_of_the_file_that_cannot_be_read(self, opened, tmp_path, caplog):
        """As it is with a disk that fails after the file was opened."""

        class Forgetful(sqlite3.Connection):
            def __init__(self, *given, **more):
                super().__init__(*given, **more)
                self.execute("PRAGMA cache_size = 1")

        history = await opened()
        await keep(history, *(message(letter * 200_000) for letter in "abc"))
        await history.close()
        history = await opened(factory=Forgetful)
        file = tmp_path / "history.db"
        with file.open("r+b") as written:
            written.seek(file.read_bytes().index(b"a" * 4000) // 4096 * 4096)
            written.write(b"\xff" * 4)  # where the number of the next page is
        entries = await replay(history, EVERYONE)
        assert [entries[0], *ids(entries[1:])] == [Gap(0, 1), 2, 3]
        assert "Message 1 is damaged, and is left out" in caplog.text

    async def test_a_disk_that_may_do_better_next_time_is_no_damage(self, opened):
        class Failing(sqlite3.Connection):
            def execute(self, statement, *given):
                if "WHERE id IN" in statement:
                    raise sqlite3.OperationalError("disk I/O error")
                return super().execute(statement, *given)

        history = await opened(factory=Failing)
        await keep(history, message())
        with pytest.raises(sqlite3.OperationalError, match="disk I/O error"):
            await replay(history, EVERYONE)


class TestKeys:
    async def test_twice_at_once(self, history):
        answers = await keep(history, message("a", key="k"), message(), message("a", key="k"))
        assert answers == [1, 2, 1]
        assert [each.data for each in await replay(history, EVERYONE)] == ["a", {}]

    async def test_again_later(self, history):
        await keep(history, message("a", key="k"), message())
        assert await keep(history, message("a", key="k"), message()) == [1, 3]
        assert await ids_missed(history, EVERYONE) == [1, 2, 3]

    async def test_of_other_users_and_of_sockets_without_one(self, history):
        senders = [ALICE, BOB, Audience("socket", "~socket"), Audience("socket", "~other")]
        first = await keep(history, *(message(sender=sender, key="k") for sender in senders))
        again = await keep(history, *(message(sender=sender, key="k") for sender in senders))
        assert first == again == [1, 2, 3, 4]

    async def test_no_key_is_not_a_key(self, history):
        assert await keep(history, message(), message(), message(key="")) == [1, 2, 3]
        assert await keep(history, message(), message(key="")) == [4, 3]

    async def test_half_a_surrogate_pair_and_a_zero(self, history):
        odd, other = Audience("user", "\ud800"), Audience("group", "\udc00")
        keys = ["\ud800", "\udfff", "a\0b", "a\0c", "a", "é", "e\u0301"]
        sent = [message(key=key, sender=odd, to=other) for key in keys]
        assert await keep(history, *sent) == [1, 2, 3, 4, 5, 6, 7]
        assert await keep(history, *sent) == [1, 2, 3, 4, 5, 6, 7]
        assert await ids_missed(history, other, after=5) == [6, 7]

    async def test_at_random(self, opened):
        """Whatever is sent how often at once, over restarts, each is there once and in order."""
        choose = random.Random(3)
        first_ids, all_kept = {}, []
        for _ in range(4):
            history = await opened()
            for _ in range(20):
                names = [
                    (choose.choice([ALICE, BOB]), str(choose.randrange(300)))
                    for _ in range(choose.randrange(1, 60))
                ]
                sent = [message({"key": key}, sender=who, key=key) for who, key in names]
                for name, kept in zip(names, await history.keep(sent), strict=True):
                    assert kept.is_new == (name not in first_ids)
                    assert first_ids.setdefault(name, kept.id) == kept.id
                    all_kept += [kept.id] * kept.is_new
            await history.close()
        assert all_kept == list(range(1, len(first_ids) + 1))

    @pytest.mark.parametrize(
        "other",
        [
            message({"n": 2}, key="k"),
            message({"n": "1"}, key="k"),
            message({"n": 1, "more": None}, key="k"),
            message({"n": 1}, key="k", to=ALICE),
            message({"n": 1}, key="k")._replace(event="single-message"),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("at_once", [True, False])
    async def test_of_another_message_is_refused(self, history, other, at_once):
        first = message({"n": 1}, key="k")
        if at_once:
            kept, refused = await keep(history, first, other)
        else:
            [kept], [refused] = await keep(history, first), await keep(history, other)
        assert kept == 1
        assert isinstance(refused, BadInputError)
        assert str(refused) == "This key was used for another message."
        assert await keep(history, first) == [1]
        assert await ids_missed(history, EVERYONE) == [1]

    async def test_from_another_socket_of_the_user_it_is_the_same(self, history):
        first, again = (
            message({"a": 1, "b": b"2", "from": {"id": sid}}, key="k", skip=sid)
            for sid in ("~one", "~two")
        )
        assert await keep(history, first) == await keep(history, again) == [1]

    async def test_fields_in_another_order_are_the_same(self, history):
        assert await keep(history, message({"a": 1, "b": 2}, key="k")) == [1]
        assert await keep(history, message({"b": 2, "a": 1}, key="k")) == [1]

    async def test_a_key_whose_message_is_damaged_cannot_be_used_again(self, opened, tmp_path):
        history = await opened()
        await keep(history, message("a", key="k"))
        await history.close()
        damage(tmp_path / "history.db", "UPDATE messages SET data = x'c1'")
        [refused] = await keep(await opened(), message("a", key="k"))
        assert isinstance(refused, BadInputError)


class TestRetention:
    @pytest.fixture
    def clock(self, monkeypatch):
        """How many days have passed: ``clock.days = 3``."""

        class Clock:
            days, start = 0, time.time()

        monkeypatch.setattr("time.time", lambda: Clock.start + Clock.days * 24 * 60 * 60)
        monkeypatch.setattr("chatlib.history._RETENTION_INTERVAL", 0.001)
        return Clock

    @pytest.fixture
    def look(self, monkeypatch):
        """Wait until it was looked for old messages once more: ``await look()``."""
        looks, remove_some = [], Database.remove_some

        def counted(*given):
            looks.append(remove_some(*given))
            return looks[-1]

        async def once_more():
            until = len(looks) + 2  # one may be under way
            await eventually(lambda: len(looks) >= until)

        monkeypatch.setattr(Database, "remove_some", counted)
        return once_more

    async def test_what_is_too_old_is_removed_and_told_as_a_gap(self, opened, clock):
        history = await opened(keep_days=2)
        await keep(history, *(message() for _ in range(300)))
        clock.days = 1
        await keep(history, *(message() for _ in range(5)))
        clock.days = 2.5
        await eventually_left(history, [301, 302, 303, 304, 305])
        assert await start_of_replay(history, [EVERYONE], 0) == (300, Gap(0, 0, more=True))
        assert await start_of_replay(history, [EVERYONE], 299) == (300, Gap(299, 0, more=True))
        assert await start_of_replay(history, [EVERYONE], 300) == (300, None)

    async def test_a_replay_that_is_overtaken_is_told_of_the_gap(self, opened, clock):
        history = await opened(keep_days=2)
        await keep(history, *(message() for _ in range(3)))
        clock.days = 3
        await eventually_left(history, [])
        assert (await history.missed([EVERYONE], 1, EVER)).entries == [Gap(1, 0, more=True)]

    async def test_ids_are_never_given_again(self, opened, clock):
        history = await opened(keep_days=2)
        await keep(history, *(message() for _ in range(3)))
        clock.days = 3
        await eventually_left(history, [])
        await history.close()
        history = await opened()
        assert await keep(history, message()) == [4]
        assert await start_of_replay(history, [EVERYONE], 2) == (3, Gap(2, 0, more=True))

    async def test_a_key_whose_message_is_removed_is_free_again(self, opened, clock):
        history = await opened(keep_days=2)
        await keep(history, message("a", key="k"))
        clock.days = 3
        await eventually_left(history, [])
        assert await keep(history, message("b", key="k")) == [2]

    async def test_a_clock_that_is_set_back_removes_nothing_too_early(self, opened, clock, look):
        history = await opened(keep_days=2)
        clock.days = 10
        await keep(history, message())
        clock.days = 0
        await keep(history, message())
        await look()
        assert await left(history) == [1, 2]

    async def test_a_file_that_is_too_large_loses_its_oldest(self, opened, clock, look, tmp_path):
        history = await opened(keep_bytes=500_000)
        for _ in range(30):
            await keep(history, *(message("x" * 10_000) for _ in range(10)))
            await look()
        numbers = await left(history)
        assert numbers[-1] == 300
        assert 0 < len(numbers) < 60
        await history.close()
        assert (tmp_path / "history.db").stat().st_size < 1_500_000

    async def test_a_file_that_can_never_be_small_enough_keeps_working(self, opened, clock):
        history = await opened(keep_bytes=1)
        await keep(history, message())
        await eventually_left(history, [])
        assert await keep(history, message()) == [2]

    async def test_a_disk_that_fails_is_logged_and_does_not_end_it(self, opened, clock, caplog):
        history = await opened(keep_days=2, factory=Faulty)
        await keep(history, message())
        Faulty.error = sqlite3.OperationalError("disk I/O error")
        clock.days = 3
        await eventually(lambda: "Old messages cannot be removed: disk I/O error" in caplog.text)
        Faulty.error = None
        await eventually_left(history, [])

    @pytest.mark.parametrize("given", [{"keep_days": 0}, {"keep_bytes": -1}])
    def test_nothing_is_no_limit(self, given):
        [name] = given
        with pytest.raises(ValueError, match=f"{name} must be more than 0."):
            History(**given)


class TestMissed:
    async def test_it_is_for_the_audience_and_no_other(self, history):
        await keep(
            history,
            message(to=EVERYONE, sender=BOB),  # 1
            message(to=ALICE, sender=BOB),  # 2
            message(to=BOB, sender=ALICE),  # 3: alice wrote it, perhaps on another tab
            message(to=BOB, sender=BOB),  # 4
            message(to=TEA, sender=ALICE),  # 5
            message(to=Audience("group", "user:alice"), sender=BOB),  # 6
            message(to=Audience("socket", "~socket"), sender=ALICE),  # 7
            message(to=ALICE, sender=ALICE),  # 8
            message(to=Audience("user", "alice2"), sender=BOB),  # 9
            message(to=Audience("user"), sender=Audience("socket", "~socket")),  # 10
        )
        assert await ids_missed(history, EVERYONE, ALICE) == [1, 2, 3, 8]
        assert await ids_missed(history, EVERYONE, BOB) == [1, 2, 3, 4, 9]
        assert await ids_missed(history, EVERYONE) == [1]
        assert await ids_missed(history, TEA) == [5]
        assert await ids_missed(history, Audience("group", "user:alice")) == [6]
        assert await ids_missed(history, Audience("group", "cake")) == []

    @pytest.mark.parametrize("name", ["\0", " ", "~", "é", "\udfff", "\U0010ffff"])
    async def test_it_holds_what_one_sent_to_a_user_of_any_name(self, history, name):
        await keep(history, message(to=Audience("user", name), sender=ALICE))
        assert await ids_missed(history, EVERYONE, ALICE) == [1]

    @pytest.mark.parametrize(("after", "expected"), [(0, [1, 2, 3]), (1, [2, 3]), (3, []), (9, [])])
    async def test_it_is_what_came_after(self, history, after, expected):
        await keep(history, message(), message(), message())
        assert await ids_missed(history, EVERYONE, after=after) == expected

    @pytest.mark.parametrize("count", [PAGE - 1, PAGE, PAGE + 1, 3 * PAGE])
    async def test_it_comes_in_pages(self, history, count):
        await keep(history, *(message() for _ in range(count)))
        page = await history.missed([EVERYONE], 0, EVER)
        assert ids(page.entries) == list(range(1, min(count, PAGE) + 1))
        assert await ids_missed(history, EVERYONE) == list(range(1, count + 1))

    async def test_a_page_of_long_messages_is_shorter(self, history):
        long = "x" * (PAGE_BYTES // 2 - 100)
        await keep(history, *(message(long) for _ in range(5)))
        page = await history.missed([EVERYONE], 0, EVER)
        assert (ids(page.entries), page.after, page.more) == ([1, 2], 2, True)
        assert await ids_missed(history, EVERYONE) == [1, 2, 3, 4, 5]

    async def test_a_message_longer_than_a_page(self, history):
        await keep(history, *(message("x" * (PAGE_BYTES + 1)) for _ in range(3)))
        assert await ids_missed(history, EVERYONE) == [1, 2, 3]

    async def test_it_is_bounded(self, opened):
        history = await opened(bound=5)
        await keep(history, *(message(to=(EVERYONE, TEA)[n % 2]) for n in range(16)))
        assert await start_of_replay(history, [EVERYONE, ALICE], 0) == (5, Gap(0, 3))
        assert await ids_missed(history, EVERYONE, ALICE, after=5) == [7, 9, 11, 13, 15]
        assert await start_of_replay(history, [EVERYONE, ALICE], 4) == (5, Gap(4, 1))
        assert await start_of_replay(history, [EVERYONE, ALICE], 5) == (5, None)
        assert await start_of_replay(history, [EVERYONE, ALICE], 16) == (16, None)
        assert await start_of_replay(history, [TEA], 15) == (15, None)

    async def test_what_is_left_out_is_counted_only_so_far(self, opened, monkeypatch):
        monkeypatch.setattr("chatlib.database.COUNTED", 4)
        history = await opened(bound=5)
        await keep(history, *(message() for _ in range(10)))
        assert await start_of_replay(history, [EVERYONE], 0) == (5, Gap(0, 4, more=True))
        assert await start_of_replay(history, [EVERYONE], 1) == (5, Gap(1, 4))

    async def test_what_came_later_than_asked_for_is_not_missed(self, history):
        await keep(history, *(message() for _ in range(3)))
        page = await history.missed([EVERYONE], 0, 2)
        assert (ids(page.entries), page.after, page.more) == ([1, 2], 2, False)

    async def test_an_id_that_is_yet_to_come_is_of_another_history(self, history):
        await keep(history, message(), message())
        assert await start_of_replay(history, [EVERYONE], 3) == (0, None)
        assert await start_of_replay(history, [EVERYONE], 2**53 - 1) == (0, None)

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
        await keep(history, Message("single-message", TEA, ALICE, data, key="k", skip="~me"))
        await history.close()
        [back] = await replay(await opened(), TEA)
        assert repr(back.data) == repr(data)
        assert (back.event, back.to, back.sender) == ("single-message", TEA, ALICE)
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
        assert message(to=BOB, sender=ALICE).rooms == ["user:bob", "user:alice"]
        assert message(to=BOB, sender=Audience("socket", "~me")).rooms == ["user:bob"]
        assert message(to=TEA, sender=ALICE).rooms == ["room:tea"]
        assert message(to=EVERYONE, sender=ALICE).rooms == ["everyone"]
