"""The chat that grows from lesson 01 to 05, as a program of its own: no lab, no Jupyter."""

import re
import socket
import subprocess
import sys
from itertools import pairwise

import nbformat
import pytest
import pytest_asyncio
from conftest import PATIENCE, TIMEOUT, PlainClients, eventually
from execute_notebooks import lessons

HEADING = "## The chat so far"
LAST_LINE = re.compile(r"`(web\.run_app\(app, host=\"localhost\", port=(\d+)\))`")
LESSONS = ["01", "02", "03", "04", "05"]


def chat_so_far(number):
    """Return the cell of a lesson, and the line that its text adds to make a program of it."""
    [path] = [path for path in lessons() if path.name.startswith(number)]
    cells = nbformat.read(path, as_version=4).cells
    [place] = [n for n, cell in enumerate(cells) if cell.source.startswith(HEADING)]
    text, cell = cells[place : place + 2]
    assert cell.cell_type == "code"
    assert "chat.py" in text.source
    return cell.source, LAST_LINE.search(text.source)


class Program:
    """A lesson's chat, running in a process as its text says, but on a free port."""

    def __init__(self, number, folder):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        source, last = chat_so_far(number)
        program = f"{source}\n{last[1].replace(last[2], str(port))}\n"
        folder.joinpath("chat.py").write_text(program, encoding="utf-8")
        self.url = f"http://127.0.0.1:{port}"
        self._out = folder / "out"
        with self._out.open("wb") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "chat.py"], cwd=folder, stdout=out, stderr=subprocess.STDOUT
            )

    @property
    def lines(self):
        return self._out.read_text("utf-8").splitlines()

    async def started(self):
        ended = self._process.poll
        await eventually(lambda: "Running on" in str(self.lines) or ended() is not None, PATIENCE)
        assert self._process.poll() is None, self.lines

    def stop(self):
        self._process.terminate()
        self._process.wait(TIMEOUT)


@pytest_asyncio.fixture
async def program(number, tmp_path):
    running = Program(number, tmp_path)
    try:
        await running.started()
        yield running
    finally:
        running.stop()


@pytest_asyncio.fixture
async def connect(program):
    clients = PlainClients(program.url)
    yield clients
    await clients.close()


# -- what each of them can do ----------------------------------------------------------------------


def since(number):
    """Mark a test of what the chat can do from a lesson on."""
    return pytest.mark.parametrize("number", LESSONS[LESSONS.index(number) :])


def only(number):
    return pytest.mark.parametrize("number", [number])


async def welcomed(connect, **options):
    client = await connect(**options)
    await eventually(lambda: client.inbox.named("welcome"))
    return client


@since("01")
async def test_a_newcomer_is_welcomed_and_noted(program, connect):
    alice = await welcomed(connect)
    sid = alice.get_sid()
    assert alice.inbox.named("welcome") == [(f"Welcome to the server {sid}",)]
    assert program.lines[-2:] == ["User connected", f"id :- {sid}"]
    await alice.disconnect()
    await eventually(lambda: program.lines[-1] == f"{sid} is disconnected")


@since("02")
async def test_a_message_is_acknowledged(connect):
    alice = await welcomed(connect)
    assert await alice.call("message", {"text": "hi"}, timeout=TIMEOUT) == {"ok": True}


@only("02")
async def test_a_message_is_printed(program, connect):
    alice = await welcomed(connect)
    await alice.call("message", {"text": "hi"}, timeout=TIMEOUT)
    assert program.lines[-1] == "{'text': 'hi'}"


@since("03")
async def test_a_newcomer_is_announced_to_the_others(connect):
    alice = await welcomed(connect)
    bob = await welcomed(connect)
    await eventually(lambda: alice.inbox.named("broadcast"))
    assert alice.inbox.named("broadcast") == [(f"{bob.get_sid()} joined the server",)]
    await bob.call("message", {"text": "hi"}, timeout=TIMEOUT)
    assert bob.inbox.named("broadcast") == []


@since("03")
async def test_a_message_reaches_everyone(connect):
    alice, bob = await welcomed(connect), await welcomed(connect)
    await alice.call("message", {"text": "hi"}, timeout=TIMEOUT)
    for client in (alice, bob):
        await eventually(lambda client=client: client.inbox.named("recieve-message"))
        [(data,)] = client.inbox.named("recieve-message")
        assert data["text"] == "hi"


@since("04")
async def test_a_message_to_a_room_reaches_the_others_in_it(connect):
    alice, bob, carol = [await welcomed(connect) for _ in range(3)]
    for client in (alice, bob):
        assert await client.call("join-room", "red", timeout=TIMEOUT) == {"ok": True}
    await alice.call("message", {"room": "red", "text": "psst"}, timeout=TIMEOUT)
    await alice.call("message", {"text": "to all"}, timeout=TIMEOUT)
    for client in (alice, bob, carol):
        await eventually(lambda client=client: client.inbox.named("recieve-message"))
    [(data,)] = bob.inbox.named("single-message")
    assert data["text"] == "psst"
    assert not alice.inbox.named("single-message")
    assert not carol.inbox.named("single-message")


@since("05")
async def test_a_message_to_a_user_reaches_all_their_tabs(connect):
    alice = await welcomed(connect, auth={"userId": 1})
    tabs = [await welcomed(connect, auth={"userId": 2}) for _ in range(2)]
    carol = await welcomed(connect)
    assert await carol.call("join-room", "2", timeout=TIMEOUT) == {"ok": True}
    forged = {"user": 2, "text": "lunch?", "from": "somebody else"}
    await alice.call("message", forged, timeout=TIMEOUT)
    await alice.call("message", {"text": "to all"}, timeout=TIMEOUT)
    for client in (*tabs, carol):
        await eventually(lambda client=client: client.inbox.named("recieve-message"))
    for tab in tabs:
        assert tab.inbox.named("single-message") == [(forged | {"from": alice.get_sid()},)]
    assert not carol.inbox.named("single-message")


@pytest.mark.parametrize(("number", "following"), list(pairwise(LESSONS)))
def test_each_takes_over_what_the_one_before_has(number, following):
    def handled(source):
        return set(re.findall(r"@io\.on\(\"(.*?)\"\)", source)) | set(
            re.findall(r'(?:emit, |emit\()"(.*?)"', source)
        )

    earlier, later = (chat_so_far(one)[0] for one in (number, following))
    assert handled(earlier) <= handled(later) | {"recieve-message", "single-message"}
    assert len(later.splitlines()) >= len(earlier.splitlines())
