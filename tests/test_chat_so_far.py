"""The chat that grows from lesson 01 to 05, as a program of its own: no lab, no Jupyter."""

import re
from itertools import pairwise

import pytest
import pytest_asyncio

from support.chats_so_far import LESSONS, Program, chat_so_far
from support.clients import PlainClients
from support.waiting import TIMEOUT, eventually

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def programs():
    """The programs that run, by their lessons."""
    programs = {}
    yield programs
    for program in programs.values():
        program.kill()


@pytest_asyncio.fixture
async def program(number, programs, tmp_path_factory):
    if number not in programs:
        programs[number] = Program(number, tmp_path_factory.mktemp("chat"))
    await programs[number].started()
    return programs[number]


@pytest_asyncio.fixture
async def visit(program):
    clients = PlainClients(program.url)
    yield clients
    await clients.close()


# -- what each of them can do ----------------------------------------------------------------------


def since(number):
    """Mark a test of what the chat can do from a lesson on."""
    return pytest.mark.parametrize("number", LESSONS[LESSONS.index(number) :])


def only(number):
    return pytest.mark.parametrize("number", [number])


async def welcomed(visit, **options):
    client = await visit(**options)
    await eventually(lambda: client.inbox.named("welcome"))
    return client


@since("01")
async def test_a_newcomer_is_welcomed_and_noted(program, visit):
    alice = await welcomed(visit)
    sid = alice.get_sid()
    assert alice.inbox.named("welcome") == [(f"Welcome to the server {sid}",)]
    noted = program.lines.index(f"id :- {sid}")
    assert program.lines[noted - 1] == "User connected"
    await alice.disconnect()
    await eventually(lambda: f"{sid} is disconnected" in program.lines)


@since("02")
async def test_a_message_is_acknowledged(visit):
    alice = await welcomed(visit)
    assert await alice.call("message", {"text": "hi"}, timeout=TIMEOUT) == {"ok": True}


@only("02")
async def test_a_message_is_printed(program, visit):
    alice = await welcomed(visit)
    await alice.call("message", {"text": "printed"}, timeout=TIMEOUT)
    assert "{'text': 'printed'}" in program.lines


@since("03")
async def test_a_newcomer_is_announced_to_the_others(visit):
    alice = await welcomed(visit)
    bob = await welcomed(visit)
    await eventually(lambda: alice.inbox.named("broadcast"))
    assert alice.inbox.named("broadcast") == [(f"{bob.get_sid()} joined the server",)]
    await bob.call("message", {"text": "hi"}, timeout=TIMEOUT)
    assert bob.inbox.named("broadcast") == []


@since("03")
async def test_a_message_reaches_everyone(visit):
    alice, bob = await welcomed(visit), await welcomed(visit)
    await alice.call("message", {"text": "hi"}, timeout=TIMEOUT)
    for client in (alice, bob):
        await eventually(lambda client=client: client.inbox.named("recieve-message"))
        [(data,)] = client.inbox.named("recieve-message")
        assert data["text"] == "hi"


@since("04")
async def test_a_message_to_a_room_reaches_the_others_in_it(visit):
    alice, bob, carol = [await welcomed(visit) for _ in range(3)]
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
async def test_a_message_to_a_user_reaches_all_their_tabs(visit):
    alice = await welcomed(visit, auth={"userId": 1})
    tabs = [await welcomed(visit, auth={"userId": 2}) for _ in range(2)]
    carol = await welcomed(visit)
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
