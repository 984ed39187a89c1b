"""``python -m chatlib`` with ``--history``, ``--passcode``, ``--secret`` and ``--open``."""

import asyncio
import contextlib
import itertools
import signal
import sqlite3
import sys

import pytest
from socketio.exceptions import SocketIOError

from chatlib.__main__ import chat_server, hidden, parser
from chatlib.history import History
from chatlib.identity import Passcode, Trusting
from support.clients import PlainClients, flush
from support.servers import why_refused
from support.waiting import PATIENCE, TIMEOUT, eventually

CODE = "green tea"


@pytest.fixture
async def run(command):
    """Run the command, and return a way to connect plain clients to it."""
    opened = []

    async def start(*arguments):
        running = await command("--port", "0", *arguments)
        connect = PlainClients(running.url)
        connect.command = running
        opened.append(connect)
        return connect

    yield start
    for connect in opened:
        await connect.close()


@pytest.mark.slow
class TestHistory:
    async def test_it_goes_on_after_a_restart(self, run, tmp_path):
        file = str(tmp_path / "chat.db")
        connect = await run("--history", file)
        alice = await connect({"userId": "alice"})
        for n in (1, 2):
            sent = {"text": str(n), "key": str(n)}
            assert await alice.call("message", sent, timeout=TIMEOUT) == {"ok": True, "id": n}
        connect.command.kill()
        await eventually(lambda: not alice.connected)
        connect = await run("--history", file)
        alice, bob = (
            await connect({"userId": "alice"}),
            await connect({"userId": "bob", "offset": 1}),
        )
        answer = await alice.call("message", {"text": "2", "key": "2"}, timeout=TIMEOUT)
        assert answer == {"ok": True, "id": 2}
        answer = await alice.call("message", {"text": "3"}, timeout=TIMEOUT)
        assert answer == {"ok": True, "id": 3}
        await eventually(lambda: len(bob.inbox.named("recieve-message")) == 2)
        await flush(bob)
        assert [data["id"] for [data] in bob.inbox.named("recieve-message")] == [2, 3]
        assert connect.command.errors == []

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
    async def test_a_signal_closes_it(self, run, tmp_path):
        file = tmp_path / "chat.db"
        connect = await run("--history", str(file))
        alice = await connect()
        await alice.call("message", {"text": "hi"}, timeout=TIMEOUT)
        await alice.disconnect()
        connect.command.signal(signal.SIGTERM)
        assert await connect.command.ended() == 0
        assert connect.command.errors == []
        assert [each.name for each in tmp_path.glob("chat.db*")] == ["chat.db"]  # and no journal

    async def test_without_it_nothing_is_kept(self, run, tmp_path):
        connect = await run()
        alice = await connect()
        assert await alice.call("message", {"text": "hi"}, timeout=TIMEOUT) == {"ok": True}
        why = await why_refused(connect.url, {"offset": 0})
        assert why == "This server keeps no history."

    @pytest.mark.parametrize(
        ("name", "why"), [("", "unable to open"), ("no folder/chat.db", "unable to open")]
    )
    def test_a_file_that_cannot_be_opened_is_one_line(self, fails, tmp_path, name, why):
        file = str(tmp_path / name)
        line = fails("--history", file)
        assert line.startswith(f"chatlib cannot keep a history in {file}: ")
        assert why in line

    def test_a_file_of_something_else_is_one_line(self, fails, tmp_path):
        letter, other = tmp_path / "letter.txt", tmp_path / "other.db"
        letter.write_text("Dear alice, " * 500)
        database = sqlite3.connect(other)
        database.execute("CREATE TABLE birds (name)")
        database.close()
        assert "not a database" in fails("--history", str(letter))
        assert "not a history" in fails("--history", str(other))

    async def test_a_file_in_use_is_one_line(self, run, command, tmp_path):
        file = str(tmp_path / "chat.db")
        await run("--history", file)
        second = await command("--port", "0", "--history", file, listening=False)
        assert await second.ended() == 1  # no thread keeps it from ending
        assert second.lines == []
        [line] = second.errors
        assert line == f"chatlib cannot keep a history in {file}: database is locked"

    @pytest.mark.slow
    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
    async def test_a_signal_in_the_middle_of_a_flood_loses_nothing_that_was_acknowledged(
        self, run, tmp_path
    ):
        file = tmp_path / "chat.db"
        connect = await run("--history", str(file))
        acknowledged = {}

        async def flood(sender, client):
            acknowledged[sender] = []
            with contextlib.suppress(SocketIOError):
                for n in itertools.count():
                    answer = await client.call("message", {"by": sender, "n": n}, timeout=TIMEOUT)
                    if answer["ok"]:
                        acknowledged[sender].append(answer["id"])

        clients = [await connect() for _ in range(20)]
        floods = [asyncio.create_task(flood(*each)) for each in enumerate(clients)]
        await eventually(lambda: sum(map(len, acknowledged.values())) > 200, PATIENCE)
        connect.command.signal(signal.SIGTERM)
        assert await connect.command.ended() == 0
        for each in floods:
            each.cancel()
        await asyncio.gather(*floods, return_exceptions=True)
        with contextlib.closing(sqlite3.connect(file)) as database:
            kept = {number for (number,) in database.execute("SELECT id FROM messages")}
        for numbers in acknowledged.values():
            assert numbers == sorted(numbers)
            assert kept.issuperset(numbers)
        assert connect.command.errors == []

    def test_no_name_is_one_line(self, fails):
        assert fails("--history", "") == "--history needs the name of a file."

    def test_how_long_and_how_much_is_kept(self, tmp_path, monkeypatch):
        kept = {}
        monkeypatch.setattr(
            "chatlib.__main__.History", lambda *path, **options: kept.update(options)
        )
        file = str(tmp_path / "chat.db")
        chat_server(
            parser().parse_args(["--history", file, "--keep-days", "1.5", "--keep-bytes", "9"])
        )
        assert kept == {"keep_days": 1.5, "keep_bytes": 9}


class TestPasscode:
    async def test_it_lets_in_who_knows_it(self, run):
        connect = await run("--passcode", CODE)
        alice = await connect({"passcode": CODE})
        await flush(alice)
        [[session]] = alice.inbox.named("session")
        await connect(session)
        assert await why_refused(connect.url, {}) == "This chat needs a passcode."
        assert await why_refused(connect.url, {"passcode": "guess"}) == "The passcode is wrong."
        shown = "\n".join(connect.command.lines)
        assert shown.count("User connected") == 2
        assert CODE not in shown
        assert session["token"] not in shown
        assert "guess" not in shown
        assert connect.command.errors == []

    @pytest.mark.parametrize(
        "secret", [["--secret", "long and random"], pytest.param([], marks=pytest.mark.slow)]
    )
    async def test_a_token_outlives_a_restart_with_a_secret(self, run, secret):
        connect = await run("--passcode", CODE, *secret)
        alice = await connect({"passcode": CODE})
        await flush(alice)
        [[session]] = alice.inbox.named("session")
        connect.command.kill()
        await eventually(lambda: not alice.connected)
        connect = await run("--passcode", "another", *secret)
        if secret:
            await connect(session)
        else:
            assert await why_refused(connect.url, session) == "The token is not valid."

    @pytest.mark.parametrize("way", ["environment", pytest.param("file", marks=pytest.mark.slow)])
    async def test_it_need_not_be_an_argument_which_all_users_of_the_machine_see(
        self, command, tmp_path, way
    ):
        async def run(secret):
            if way == "environment":
                return await command("--port", "0", CHATLIB_PASSCODE=CODE, CHATLIB_SECRET=secret)
            for name, text in (("passcode", CODE), ("secret", secret)):
                (tmp_path / name).write_text(f"{text}\n", "utf-8")
                (tmp_path / name).chmod(0o600)
            files = [f"--{name}-file={tmp_path / name}" for name in ("passcode", "secret")]
            return await command("--port", "0", *files)

        running = await run("long and random")
        assert await why_refused(running.url, {"passcode": "guess"}) == "The passcode is wrong."
        connect = PlainClients(running.url)
        alice = await connect({"passcode": CODE})
        await flush(alice)
        [[session]] = alice.inbox.named("session")
        await connect.close()
        again = await run("long and random")
        connect = PlainClients(again.url)
        await connect(session)
        await connect.close()
        other = await run("another")
        assert await why_refused(other.url, session) == "The token is not valid."
        assert CODE not in "\n".join(running.lines + running.errors)

    @pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
    @pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o640, 0o602])
    async def test_a_file_that_others_can_read_is_worth_a_line(self, tmp_path, mode, log):
        file = tmp_path / "passcode"
        file.write_text(CODE, "utf-8")
        file.chmod(mode)
        chat = chat_server(parser().parse_args(["--passcode-file", str(file)]))
        assert isinstance(chat.identity, Passcode)
        line = f"Others can read {file}; `chmod 600` keeps it to you"
        assert log() == ([line] if mode & 0o077 else [])

    def test_a_file_that_cannot_be_read_is_one_line(self, fails, tmp_path):
        for file, content in ((tmp_path / "none", None), (tmp_path / "bytes", b"\xff")):
            if content:
                file.write_bytes(content)
            line = fails("--passcode-file", str(file))
            assert line.startswith(f"--passcode-file {file} cannot be read: ")

    def test_an_empty_one_in_the_environment_is_a_mistake(self, fails, monkeypatch):
        monkeypatch.setenv("CHATLIB_PASSCODE", "")
        assert fails() == "The passcode must not be empty."

    def test_an_argument_counts_more_than_the_environment(self, monkeypatch):
        monkeypatch.setenv("CHATLIB_PASSCODE", "another")
        given = parser().parse_args(["--passcode", CODE])
        assert hidden(given, "passcode") == CODE

    @pytest.mark.parametrize(
        ("arguments", "why"),
        [
            (
                ["--passcode", CODE, "--passcode-file", "x"],
                "--passcode and --passcode-file are the same thing; give one of them.",
            ),
            (
                ["--secret", CODE, "--secret-file", "x"],
                "--secret and --secret-file are the same thing; give one of them.",
            ),
            (["--keep-days", "1"], "--keep-days needs a --history, and a number above 0."),
            (
                ["--history", "x", "--keep-days", "0"],
                "--keep-days needs a --history, and a number above 0.",
            ),
            (
                ["--history", "x", "--keep-days", "nan"],
                "--keep-days needs a --history, and a number above 0.",
            ),
            (
                ["--history", "x", "--keep-bytes", "-1"],
                "--keep-bytes needs a --history, and a number above 0.",
            ),
            (["--passcode", ""], "The passcode must not be empty."),
            (["--passcode", CODE, "--secret", ""], "The secret must not be empty."),
            (
                ["--secret", "x"],
                "--secret signs the tokens of users let in by --passcode; give both.",
            ),
            (
                ["--open", "--passcode", CODE],
                "--open lets anyone in, --passcode only people who know it; give one of them.",
            ),
            (["--host", ""], "--host needs a name or an address."),
            *(
                (
                    ["--origin", origin],
                    f"--origin {origin} is not like http://localhost:5173, without a path.",
                )
                for origin in ("", "http://localhost:5173/", "localhost:5173")
            ),
        ],
    )
    def test_what_makes_no_sense_is_one_line(self, fails, arguments, why):
        assert fails(*arguments) == why


class TestOpen:
    # Nobody listens there, not even by mistake: it is an address for documentation.
    ELSEWHERE = "192.0.2.1"

    def test_other_machines_need_a_passcode_or_a_word(self, fails):
        line = fails("--host", self.ELSEWHERE)
        assert line == (
            f"Anyone who can reach {self.ELSEWHERE} could come in: "
            "give a --passcode, or say --open."
        )

    @pytest.mark.parametrize("allowed", [["--open"], ["--passcode", CODE]])
    def test_with_either_it_tries(self, fails, allowed):
        line = fails("--host", self.ELSEWHERE, *allowed)
        assert line.startswith(f"chatlib cannot listen on {self.ELSEWHERE}:0: ")

    @pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "example.org", "::2"])
    def test_who_is_let_in_elsewhere(self, host):
        given = parser().parse_args(["--host", host])
        with pytest.raises(ValueError, match="could come in"):
            chat_server(given)
        given = parser().parse_args(["--host", host, "--open"])
        assert isinstance(chat_server(given).identity, Trusting)
        given = parser().parse_args(["--host", host, "--passcode", CODE])
        assert isinstance(chat_server(given).identity, Passcode)

    @pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.9.1"])
    def test_this_machine_is_trusted(self, host):
        chat = chat_server(parser().parse_args(["--host", host]))
        assert isinstance(chat.identity, Trusting)
        assert chat.history is None

    def test_a_history_is_not_opened_before_the_server_starts(self, tmp_path):
        file = tmp_path / "chat.db"
        chat = chat_server(parser().parse_args(["--history", str(file)]))
        assert isinstance(chat.history, History)
        assert not file.exists()
