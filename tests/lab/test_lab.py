import asyncio
import contextvars
import gc
import re
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import socketio

from chatlib import ChatServer
from chatlib.lab import Client, Lab, LabTimeoutError
from chatlib.lab.pictures import Matrix
from chatlib.messages import is_socket_id
from support.waiting import TIMEOUT, WHOLE_RUN


async def many_turns():
    """Take far longer than a packet does, in turns of the event loop."""
    for _ in range(500):
        await asyncio.sleep(0)


def impatient(lab):
    """Let a lab whose clients are connected wait for next to nothing."""
    lab._timeout = 0.05


async def is_listening(url):
    address = urlsplit(url)
    try:
        _, writer = await asyncio.open_connection(address.hostname, address.port)
    except ConnectionRefusedError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


def sockets_of(io):
    return list(io.eio.sockets)


def kinds(steps):
    return [step.kind for step in steps]


# -- opening and joining ---------------------------------------------------------------------------


async def test_open_listens_on_this_machine_alone(lab):
    assert re.fullmatch(r"http://127\.0\.0\.1:[1-9]\d*", lab.url)
    assert await is_listening(lab.url)


@pytest.mark.parametrize(
    "io",
    [
        pytest.param(None, id="nothing"),
        pytest.param(ChatServer(), id="a ChatServer itself"),
        pytest.param(socketio.Server(async_mode="threading"), id="a threaded server"),
        pytest.param(socketio.AsyncServer(async_mode="asgi"), id="another async_mode"),
        pytest.param(socketio.AsyncClient, id="a class"),
    ],
)
async def test_open_says_what_it_needs(io):
    with pytest.raises(TypeError, match=r'needs a socketio\.AsyncServer\(async_mode="aiohttp"\)'):
        await Lab.open(io)


async def test_join_returns_the_client_of_one_name(lab):
    alice = await lab.join("alice")
    assert isinstance(alice, Client)
    assert isinstance(alice, socketio.AsyncClient)
    assert alice.name == "alice"
    assert alice.connected


@pytest.mark.parametrize(
    "name", ["", " ", "\t", "a\nb", "\x00", "\ud800", "a\u202eb", "\u2028", None, 1, "server"]
)
async def test_a_name_that_cannot_be_drawn(lab, name):
    with pytest.raises(ValueError, match="client"):
        await lab.join(name)
    with pytest.raises(ValueError, match="client"):
        lab.client(name)


@pytest.mark.parametrize("name", ["a" * 200, "Ünïcødé", "林", "👩‍💻", "with blanks", "<b>&'\""])
async def test_an_unusual_name(lab, name):
    client = await lab.join(name)
    assert client.name == name
    assert lab.name(client.get_sid()) == name


async def test_of_two_of_one_name_that_join_at_once_one_stays(io, lab):
    first, second = await asyncio.gather(lab.join("same"), lab.join("same"))
    await lab.settle()
    assert sorted([first.connected, second.connected]) == [False, True]
    assert len(io.eio.sockets) == 1


async def test_of_two_of_one_name_that_connect_at_once_one_stays(io, lab):
    clients = [lab.client("same") for _ in range(3)]
    await asyncio.gather(*(client.connect(lab.url) for client in clients))
    await lab.settle()
    assert [client.connected for client in clients].count(True) == 1
    assert len(io.eio.sockets) == 1


async def test_join_returns_a_tuple_for_several_names(lab):
    clients = await lab.join("alice", "bob", "carol")
    assert isinstance(clients, tuple)
    assert [client.name for client in clients] == ["alice", "bob", "carol"]
    assert len({client.get_sid() for client in clients}) == 3
    assert all(client.connected for client in clients)


async def test_join_without_a_name(lab):
    with pytest.raises(TypeError, match="at least one"):
        await lab.join()


async def test_join_connects_one_after_the_other(io, lab):
    connected = []

    @io.on("connect")
    async def connect(sid, environ, auth):
        connected.append((lab.name(sid), "begin"))
        await many_turns()
        connected.append((lab.name(sid), "end"))

    names = ["dave", "alice", "carol", "bob"]
    await lab.join(*names)
    assert connected == [(name, what) for name in names for what in ("begin", "end")]


async def test_join_passes_auth_on(io, lab):
    auths = []

    @io.on("connect")
    async def connect(sid, environ, auth):
        auths.append(auth)

    await lab.join("alice", "bob", auth={"userId": 7})
    assert auths == [{"userId": 7}] * 2


@pytest.mark.parametrize("name", ["José", "名前", "😀", "a b", "100%"])
async def test_a_name_may_be_any_text(io, lab, name):
    names = []

    @io.on("who")
    async def who(sid):
        names.append(lab.name(sid))

    client = await lab.join(name)
    await client.emit("who")
    await lab.settle()
    assert names == [name]


async def test_a_second_client_of_a_name_takes_the_place_of_the_first(io, lab):
    heard = []
    first = await lab.join("alice")
    bob = await lab.join("bob")
    first.on("news", lambda text: heard.append(("first", text)))
    second = await lab.join("alice")
    second.on("news", lambda text: heard.append(("second", text)))
    assert not first.connected
    assert second.connected
    assert bob.connected
    assert len(sockets_of(io)) == 2
    steps = lab.trace.take()
    assert kinds(steps) == ["connect", "connected"]  # the ghost's leaving is not shown
    assert {step.source for step in steps} == {"alice", "server"}
    await io.emit("news", "hi")
    await lab.settle()
    assert heard == [("second", "hi")]
    [emission] = lab.trace.emissions
    assert emission.present == ("bob", "alice")


async def test_a_client_that_connects_by_itself_takes_the_place_too(io, lab):
    await lab.join("alice")
    alice = lab.client("alice")
    assert len(sockets_of(io)) == 1  # not before it connects
    await alice.connect(lab.url)
    await lab.settle()
    assert len(sockets_of(io)) == 1
    assert kinds(lab.trace.take()) == ["connect", "connected"]


async def test_the_same_join_again_and_again(io, lab):
    for _ in range(5):
        clients = await lab.join("alice", "bob")
        steps = lab.trace.take()
        assert kinds(steps) == ["connect", "connected"] * 2
    assert len(sockets_of(io)) == 2
    assert all(client.connected for client in clients)
    assert lab.trace.clients == ["alice", "bob"]


async def test_name(io, lab):
    alice, bob = await lab.join("alice", "bob")
    assert lab.name(alice.get_sid()) == "alice"
    assert lab.name(bob.get_sid()) == "bob"
    assert lab.name("nobody's") == "nobody's"
    gone = bob.get_sid()
    await bob.disconnect()
    await lab.settle()
    assert lab.name(gone) == "bob"  # for a handler of `disconnect`


async def test_name_in_the_handlers_of_connect_and_disconnect(io, lab):
    names = []
    io.on("connect", lambda sid, environ: names.append(lab.name(sid)))
    io.on("disconnect", lambda sid, reason: names.append(lab.name(sid)))
    alice = await lab.join("alice")
    await alice.disconnect()
    await lab.settle()
    assert names == ["alice", "alice"]


# -- waiting ---------------------------------------------------------------------------------------


async def test_settle_waits_for_a_handler_of_the_server(io, lab):
    ended = []

    @io.on("slow")
    async def slow(sid):
        await many_turns()
        ended.append(sid)

    alice = await lab.join("alice")
    await alice.emit("slow")
    await lab.settle()
    assert ended == [alice.get_sid()]


async def test_settle_waits_for_a_handler_of_a_client(io, lab):
    ended = []
    bob = await lab.join("bob")

    @bob.on("slow")
    async def slow():
        await many_turns()
        ended.append("bob")

    await io.emit("slow")
    await lab.settle()
    assert ended == ["bob"]


async def test_settle_waits_for_a_background_task(io, lab):
    ended = []

    async def work():
        await many_turns()
        ended.append("work")

    io.start_background_task(work)
    await lab.settle()
    assert ended == ["work"]


async def test_settle_waits_for_what_a_packet_sets_off_in_turn(io, lab):
    alice, bob = await lab.join("alice", "bob")
    count = []

    @bob.on("ping")
    async def ping(left):
        count.append(left)
        await many_turns()
        await bob.emit("pong", left - 1)

    @io.on("pong")
    async def pong(sid, left):
        await many_turns()
        if left:
            await io.emit("ping", left, to=sid)

    await alice.emit("pong", 0)
    await io.emit("ping", 4, to=bob.get_sid())
    await lab.settle()
    assert count == [4, 3, 2, 1]


async def test_settle_waits_for_the_callback_of_an_acknowledgement(io, lab):
    answers = []
    io.on("sum", lambda sid, a, b: a + b)
    alice = await lab.join("alice")
    await alice.emit("sum", (1, 2), callback=answers.append)
    await lab.settle()
    assert answers == [3]


async def test_settle_waits_until_both_ends_saw_a_disconnect(io, lab):
    seen = []
    alice = await lab.join("alice")

    @io.on("disconnect")
    async def disconnect(sid, reason):
        await many_turns()
        seen.append("server")

    @alice.on("disconnect")
    async def gone(reason):
        await many_turns()
        seen.append("alice")

    await io.disconnect(alice.get_sid())
    await lab.settle()
    assert sorted(seen) == ["alice", "server"]
    assert sockets_of(io) == []


async def test_settle_says_which_handler_of_the_server_it_waited_for(io, lab):
    io.on("slow", lambda sid: asyncio.Event().wait())

    @io.on("slower")
    async def slower(sid):
        await asyncio.Event().wait()

    alice = await lab.join("alice")
    await alice.emit("slower")
    impatient(lab)
    with pytest.raises(LabTimeoutError) as caught:
        await lab.settle()
    assert str(caught.value) == (
        "Waited 0.05 s for the server's handler of 'slower' from alice to end."
    )


async def test_settle_says_which_handler_of_a_client_it_waited_for(io, lab):
    _, bob = await lab.join("alice", "bob")

    @bob.on("slow")
    async def slow():
        await asyncio.Event().wait()

    await io.emit("slow")
    impatient(lab)
    with pytest.raises(LabTimeoutError, match=r"for bob's handler of 'slow' from server to end\."):
        await lab.settle()


async def test_settle_says_which_background_task_it_waited_for(io, lab):
    async def for_ever():
        await asyncio.Event().wait()

    io.start_background_task(for_ever)
    impatient(lab)
    with pytest.raises(LabTimeoutError, match=r"for the server's background task for_ever to end"):
        await lab.settle()


async def test_a_timeout_names_no_more_than_it_has_to(io, lab):
    alice = await lab.join("alice")

    @io.on("slow")
    async def slow(sid, number):
        await asyncio.Event().wait()

    for number in range(20):
        await alice.emit("slow", number)
    impatient(lab)
    with pytest.raises(LabTimeoutError) as caught:
        await lab.settle()
    assert len(str(caught.value)) < 250


async def test_every_wait_ends(io, lab):
    alice = await lab.join("alice")

    @io.on("slow")
    async def slow(sid):
        await asyncio.Event().wait()

    await alice.emit("slow")
    impatient(lab)
    for wait in (lab.settle, lab.show, lab.who_heard, lab.picture, lab.clear):
        with pytest.raises(LabTimeoutError, match="'slow' from alice"):
            await wait()

    lab._timeout = TIMEOUT  # to connect bob
    io.on("connect", lambda *_: impatient(lab))
    with pytest.raises(LabTimeoutError, match=r"Waited 0\.05 s for .* 'slow' from alice"):
        await lab.join("bob")


# -- errors ----------------------------------------------------------------------------------------


def notes(error):
    return " ".join(getattr(error, "__notes__", []))


async def raises(wait, kind, *where):
    """Expect ``wait()`` to raise an error with a note that says where, and the next not to."""
    with pytest.raises(kind) as caught:
        await wait()
    for part in where:
        assert part in notes(caught.value)
    return caught.value


@pytest.mark.parametrize("wait", ["settle", "show", "who_heard", "picture", "clear"])
async def test_an_error_of_a_handler_comes_out_of_every_wait_once(io, lab, wait):
    alice = await lab.join("alice")

    @io.on("boom")
    async def boom(sid, text):
        raise LookupError(text)

    await alice.emit("boom", "no such thing")
    error = await raises(getattr(lab, wait), LookupError, "the server's handler of 'boom'", "alice")
    assert error.args == ("no such thing",)
    assert notes(error).count("Raised in") == 1
    await lab.settle()
    await lab.show()


async def test_the_error_of_a_body_is_not_replaced_by_a_handler_s(io):
    async def run():
        async with await Lab.open(io) as lab:
            alice = await lab.join("alice")
            io.on("boom", lambda sid, number: 1 / number)
            await alice.emit("boom", 0)
            raise LookupError("the body's")

    error = await raises(run, LookupError, "Besides, as the lab closed: ZeroDivisionError")
    assert "the server's handler of 'boom' from alice" in notes(error)


async def test_an_error_of_a_sync_handler_of_the_server(io, lab):
    alice = await lab.join("alice")
    io.on("boom", lambda sid, number: 1 / number)
    await alice.emit("boom", 0)
    await raises(lab.settle, ZeroDivisionError, "the server's handler of 'boom' from alice")
    await lab.settle()


@pytest.mark.parametrize("data", [None, 1, (1, 2, 3)], ids=["none", "one", "three"])
async def test_an_event_with_another_number_of_arguments(io, lab, data):
    alice = await lab.join("alice")

    @io.on("add")
    async def add(sid, a, b):
        return a + b

    await alice.emit("add", data)
    error = await raises(lab.settle, TypeError, "the server's handler of 'add' from alice")
    assert "add()" in str(error)
    await lab.settle()


async def test_an_error_of_the_handler_of_connect_comes_out_of_join(io, lab):
    @io.on("connect")
    async def connect(sid, environ, auth):
        raise RuntimeError("no database")

    await raises(
        lambda: lab.join("alice"), RuntimeError, "the server's handler of connect from alice"
    )
    await lab.settle()


async def test_an_error_of_the_handler_of_disconnect(io, lab):
    alice = await lab.join("alice")

    @io.on("disconnect")
    async def disconnect(sid, reason):
        raise RuntimeError("no database")

    await alice.disconnect()
    await raises(lab.settle, RuntimeError, "disconnect", "alice")
    await lab.settle()


async def test_an_error_of_a_background_task_that_a_cell_started(io, lab):
    async def work():
        await many_turns()
        raise RuntimeError("work")

    io.start_background_task(work)
    await raises(lab.settle, RuntimeError, "the server's background task work")
    await lab.settle()


async def test_an_error_of_a_background_task_that_a_handler_started(io, lab):
    async def work():
        await many_turns()
        raise RuntimeError("work")

    @io.on("go")
    async def go(sid):
        io.start_background_task(work)

    alice = await lab.join("alice")
    await alice.emit("go")
    where = "the server's background task work", "the server's handler of 'go' from alice"
    await raises(lab.settle, RuntimeError, *where)
    await lab.settle()


async def test_an_error_that_a_chat_server_answers_and_logs():
    chat = ChatServer()
    async with await Lab.open(chat.io) as lab:
        alice = await lab.join("alice")

        async def send(message):
            raise OSError("no disk")

        chat.delivery.send = send
        await raises(
            lambda: alice.call("message", "hi"),
            OSError,
            "the server's handler of 'message' from alice",
        )
        await alice.emit("message", "hi")
        await raises(lab.settle, OSError, "'message' from alice")
        await lab.settle()


async def test_an_error_that_a_chat_server_answers_is_no_error_of_its_own():
    chat = ChatServer()
    async with await Lab.open(chat.io) as lab:
        alice = await lab.join("alice")
        answer = await alice.call("message", {"room": ""})
        assert answer["ok"] is False
        await lab.settle()


async def test_an_error_of_an_async_handler_of_a_client(io, lab):
    _, bob = await lab.join("alice", "bob")

    @bob.on("news")
    async def news(text):
        raise LookupError(text)

    await io.emit("news", "x")
    await raises(lab.settle, LookupError, "bob's handler of 'news' from server")
    await lab.settle()


async def test_an_error_of_a_sync_handler_of_a_client(io, lab):
    _, bob = await lab.join("alice", "bob")
    bob.on("news", lambda number: 1 / number)
    await io.emit("news", 0)
    await raises(lab.settle, ZeroDivisionError, "bob's handler of 'news'")
    await lab.settle()


async def test_an_error_of_a_callback_of_a_client(io, lab):
    io.on("zero", lambda sid: 0)
    alice = await lab.join("alice")
    await alice.emit("zero", callback=lambda number: 1 / number)
    await raises(lab.settle, ZeroDivisionError, "alice", "'zero'")
    await lab.settle()


async def test_an_error_of_a_client_s_handler_of_connect(lab):
    alice = lab.client("alice")

    @alice.on("connect")
    async def connect():
        raise RuntimeError("not now")

    async def connects():
        await alice.connect(lab.url)
        await lab.settle()

    await raises(connects, RuntimeError, "alice's handler of connected")
    await lab.settle()


async def test_an_error_of_a_client_s_handler_of_disconnect(lab):
    alice = await lab.join("alice")

    @alice.on("disconnect")
    async def disconnect(reason):
        raise RuntimeError("not now")

    await alice.disconnect()
    await raises(lab.settle, RuntimeError, "alice's handler of its disconnect")
    await lab.settle()


async def test_several_errors_come_out_together(io, lab):
    bob, carol = await lab.join("bob", "carol")
    bob.on("news", lambda number: 1 / number)
    carol.on("news", lambda number: [][number])
    await io.emit("news", 0)
    with pytest.raises(ExceptionGroup) as caught:
        await lab.settle()
    assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError, IndexError]
    assert "bob" in notes(caught.value.exceptions[0])
    assert "carol" in notes(caught.value.exceptions[1])
    await lab.settle()


async def test_several_errors_of_one_cell_come_out_of_one_wait(io, lab):
    bob, carol = await lab.join("bob", "carol")
    bob.on("news", lambda number: 1 / number)

    @carol.on("news")
    async def news(number):
        await many_turns()
        raise LookupError

    await io.emit("news", 0)
    with pytest.raises(ExceptionGroup) as caught:
        await lab.settle()
    assert [type(error) for error in caught.value.exceptions] == [ZeroDivisionError, LookupError]
    await lab.settle()


async def test_an_error_does_not_hide_what_else_happened(io, lab):
    alice, bob = await lab.join("alice", "bob")
    heard = []

    @io.on("boom")
    async def boom(sid):
        await io.emit("before")
        raise LookupError

    bob.on("before", lambda: heard.append("bob"))
    await lab.clear()
    await alice.emit("boom")
    with pytest.raises(LookupError):
        await lab.settle()
    await lab.settle()
    assert heard == ["bob"]
    assert [step.event for step in lab.trace.take()] == ["boom", "before"]


async def test_close_raises_what_no_cell_has_shown(io):
    lab = await Lab.open(io)
    alice = await lab.join("alice")
    io.on("boom", lambda sid: 1 / 0)
    await alice.emit("boom")
    await many_turns()
    url = lab.url
    await raises(lab.close, ZeroDivisionError, "'boom' from alice")
    assert not await is_listening(url)
    assert sockets_of(io) == []
    await lab.close()


# -- pictures --------------------------------------------------------------------------------------


async def test_show_waits_then_draws_what_is_new(io, lab, capsys):
    alice, _ = await lab.join("alice", "bob")

    @io.on("say")
    async def say(sid, text):
        await many_turns()
        await io.emit("said", text, skip_sid=sid)

    await lab.clear()
    await alice.emit("say", "hi")
    await lab.show()
    shown = capsys.readouterr().out
    assert 'alice  → server  say "hi"' in shown
    assert 'server → bob     said "hi"' in shown
    assert "○ alice" in shown
    await lab.show()
    assert capsys.readouterr().out == "Nothing has happened.\n"


async def test_who_heard_shows_all_since_the_last_clear(io, lab, capsys):
    _, bob = await lab.join("alice", "bob")
    await io.emit("news", 1)
    await lab.show()
    await io.emit("news", 2, to=bob.get_sid())
    capsys.readouterr()
    await lab.who_heard()
    shown = capsys.readouterr().out
    assert 'io.emit("news")' in shown
    assert 'io.emit("news", to=bob)' in shown
    await lab.clear()
    await lab.who_heard()
    assert capsys.readouterr().out == "Nothing has been emitted.\n"


# -- running a cell again --------------------------------------------------------------------------


async def test_opening_again_closes_the_lab_of_that_name(io):
    first = await Lab.open(io)
    alice, bob = await first.join("alice", "bob")
    url = first.url
    other_io = socketio.AsyncServer(async_mode="aiohttp")
    async with await Lab.open(other_io) as second:
        assert not alice.connected
        assert not bob.connected
        assert sockets_of(io) == []
        assert not await is_listening(url)
        assert await is_listening(second.url)
        assert (await second.join("alice")).connected


async def test_a_lab_of_another_name_is_left_alone(io, lab):
    alice = await lab.join("alice")
    other_io = socketio.AsyncServer(async_mode="aiohttp")
    async with await Lab.open(other_io, name="other") as other:
        await other.join("alice")
        assert alice.connected
        assert await is_listening(lab.url)
        await io.emit("news")
        await lab.settle()
        assert len(lab.trace.emissions) == 1
        assert other.trace.emissions == []
    assert alice.connected
    await io.emit("news")
    await lab.settle()


async def test_the_same_server_opened_again_is_heard_once(io):
    calls = []

    @io.on("say")
    async def say(sid, text):
        calls.append(text)
        await io.emit("said", text)

    for _ in range(4):  # as when the cells of a lesson are run again and again
        lab = await Lab.open(io)
        alice = await lab.join("alice")
        await lab.clear()
        calls.clear()
        await alice.emit("say", "hi")
        await lab.settle()
        assert calls == ["hi"]
        assert [step.event for step in lab.trace.steps] == ["say", "said"]
        [emission] = lab.trace.emissions
        assert len(emission.deliveries) == 1
    await lab.close()


def hooks(io):
    eio = io.eio
    return {
        "emit": io.emit,
        "io.start_background_task": io.start_background_task,
        "eio.generate_id": eio.generate_id,
        "sessions": getattr(eio, "session_class", None) or eio.send_packet,
        **eio.handlers,
    }


async def test_close_leaves_the_server_as_it_was(io):
    before, kinds = hooks(io), [type(io), type(io.eio), type(io.manager)]
    lab = await Lab.open(io, seed=1)
    during = hooks(io)
    assert all(during[name] != original for name, original in before.items())
    await lab.join("alice")
    await lab.close()
    assert hooks(io) == before
    assert [type(io), type(io.eio), type(io.manager)] == kinds


async def test_opening_again_after_an_error_warns(io):
    lab = await Lab.open(io)
    alice = await lab.join("alice")
    io.on("boom", lambda sid: 1 / 0)
    await alice.emit("boom")
    await many_turns()
    with pytest.warns(UserWarning, match=r"was open before ended with ZeroDivisionError") as warned:
        lab = await Lab.open(io)
    assert warned[0].filename == __file__
    with warnings.catch_warnings(action="error"):
        lab = await Lab.open(io)
    await lab.close()


def test_a_lab_whose_event_loop_has_ended_is_no_obstacle():
    code = """
import asyncio, socketio
from chatlib.lab import Lab

async def use():
    lab = await Lab.open(socketio.AsyncServer(async_mode="aiohttp"))
    print("open" if lab.url else "not open")

asyncio.run(use())
asyncio.run(use())
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=WHOLE_RUN, check=True
    )
    assert done.stdout == "open\n" * 2


async def test_close_twice(io):
    lab = await Lab.open(io)
    await lab.join("alice")
    await lab.close()
    await lab.close()


async def test_close_of_a_replaced_lab_leaves_the_new_one_open(io):
    first = await Lab.open(io)
    other_io = socketio.AsyncServer(async_mode="aiohttp")
    async with await Lab.open(other_io) as second:
        await first.close()
        alice = await second.join("alice")
        assert alice.connected
        async with await Lab.open(io) as third:
            assert not await is_listening(second.url)
            assert await is_listening(third.url)


# -- leaving nothing behind ------------------------------------------------------------------------

descriptors = Path("/proc/self/fd")


def count_descriptors():
    return len(list(descriptors.iterdir()))


async def use_everything():
    """Open a lab, do something of every kind, and close it in the middle of it."""
    chat = ChatServer()
    lab = await Lab.open(chat.io, seed=1)
    alice, *_ = await lab.join("alice", "bob", "carol", "dave")
    await alice.emit("message", "hi")
    await lab.show()
    await lab.join("alice")

    @chat.io.on("slow")
    async def slow(sid):
        await asyncio.Event().wait()

    bob = await lab.join("bob")

    @bob.on("recieve-message")
    async def for_ever(data):
        await asyncio.Event().wait()

    await bob.emit("slow")
    await bob.emit("message", "hi")
    await lab.close()


@pytest.mark.skipif(not descriptors.is_dir(), reason="no /proc here")
async def test_close_leaves_nothing_behind():
    await use_everything()  # what is made once and kept
    await asyncio.sleep(0)
    gc.collect()
    tasks, threads = asyncio.all_tasks(), threading.enumerate()
    files = count_descriptors()
    for _ in range(2):
        await use_everything()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == tasks
    assert threading.enumerate() == threads
    assert count_descriptors() == files


async def test_close_does_not_wait_for_a_client_that_polls(io):
    lab = await Lab.open(io)
    alice = lab.client("alice")
    await alice.connect(lab.url, transports=["polling"])
    await lab.settle()
    async with asyncio.timeout(TIMEOUT):
        await lab.close()


async def test_the_lab_closes_at_the_end_of_with(io):
    left = []

    async def fail():
        async with await Lab.open(io) as lab:
            left.extend([lab.url, await lab.join("alice")])
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    url, alice = left
    assert not alice.connected
    assert not await is_listening(url)


# -- ids and contexts ------------------------------------------------------------------------------


async def ids(io, seed):
    async with await Lab.open(io, seed=seed) as lab:
        return [client.get_sid() for client in await lab.join("alice", "bob", "carol")]


async def test_a_seed_gives_the_same_ids_each_time(io):
    first = await ids(io, 7)
    assert len(set(first)) == 3
    assert await ids(io, 7) == first
    assert await ids(socketio.AsyncServer(async_mode="aiohttp"), 7) == first
    assert not set(await ids(io, 8)) & set(first)


async def test_without_a_seed_ids_are_drawn_at_random(io):
    first = await ids(io, 7)
    assert not set(await ids(io, None)) & set(first)
    assert not set(await ids(io, None)) & set(await ids(io, None))


async def test_a_seed_keeps_the_form_of_a_chat_server_s_ids():
    chat = ChatServer()
    first = await ids(chat.io, 7)
    assert all(is_socket_id(sid) for sid in first)
    assert await ids(chat.io, 7) == first
    assert await ids(ChatServer().io, 7) == first


async def test_handlers_do_not_run_in_the_context_of_an_old_cell(io):
    # ipykernel prints under the cell that a context variable of its own names.
    cell = contextvars.ContextVar("cell", default="the one that runs")
    seen = []
    cell.set("the one that opened the lab")
    async with await Lab.open(io) as lab:
        io.on("connect", lambda sid, environ: seen.append(cell.get()))
        io.on("say", lambda sid: seen.append(cell.get()))
        io.on("disconnect", lambda sid, reason: seen.append(cell.get()))
        cell.set("the one that joined")
        alice = await lab.join("alice")
        alice.on("said", lambda: seen.append(cell.get()))
        await alice.emit("say")
        await io.emit("said")
        await lab.settle()
        await alice.disconnect()
        await lab.settle()
    assert seen == ["the one that runs"] * 4


@pytest.mark.parametrize("name", ["", "server", 1, None, ["alice", "bob"]])
async def test_what_is_no_name_of_a_client(lab, name):
    sentence = re.escape(f'A client needs a name, a text other than "server"; this is {name!r}.')
    with pytest.raises(ValueError, match=sentence):
        await lab.join("alice", name)
    with pytest.raises(ValueError, match=sentence):
        lab.client(name)
    alice, bob = await lab.join("alice", "bob")
    assert alice.connected
    assert bob.connected


@pytest.mark.parametrize("letter", ["a", "\N{FAMILY}"])
async def test_a_name_has_at_most_so_many_letters(lab, letter):
    assert (await lab.join(letter * 500)).connected
    with pytest.raises(ValueError, match="at most 500 characters; this one has 501"):
        await lab.join(letter * 501)


async def test_a_name_comes_once(lab):
    with pytest.raises(ValueError, match=r"Each client needs a name of its own\."):
        await lab.join("alice", "alice")


async def test_a_closed_lab_says_so(io):
    lab = await Lab.open(io)
    await lab.close()
    for use in (
        lambda: lab.join("alice"),
        lambda: lab.faults.stop_server(),
        lambda: lab.faults.start_server(),
    ):
        with pytest.raises(RuntimeError, match=r"This lab is closed; Lab\.open\(io\) opens a new"):
            await use()


@pytest.mark.parametrize("names", ["aaaa", "abcd"])
async def test_of_labs_that_open_at_once_with_one_server_one_stays(io, names):
    labs = await asyncio.gather(*(Lab.open(io, name=name) for name in names))
    for lab in labs[:-1]:
        with pytest.raises(RuntimeError, match="This lab is closed"):
            await lab.join("alice")
    async with labs[-1] as lab:
        assert (await lab.join("alice")).connected


async def test_a_server_has_one_lab_at_a_time(io, lab):
    alice = await lab.join("alice")
    async with await Lab.open(io, name="another") as another:
        assert not alice.connected
        await another.join("bob")
        await another.clear()
        await io.emit("news", 1)
        assert (await another.picture()).text() == "server → bob     news 1"


async def test_an_error_of_one_lab_is_not_another_s(lab):
    chat = ChatServer()
    async with await Lab.open(chat.io, name="another") as another:
        await lab.join("alice")
        bob = await another.join("bob")

        async def broken(sid, room):
            raise ValueError("broken")

        chat.io.enter_room = broken
        await bob.emit("join-room", "tea")
        with pytest.raises(ValueError, match="broken"):
            await another.settle()
        await lab.settle()


async def test_a_close_that_is_interrupted_is_finished(io):
    lab = await Lab.open(io)
    alice = await lab.join("alice")
    begun = asyncio.Event()

    @io.on("slow")
    async def slow(sid):
        begun.set()
        await asyncio.Event().wait()

    await alice.emit("slow")
    await begun.wait()
    closing = asyncio.create_task(lab.close())
    await many_turns()
    closing.cancel()
    await asyncio.wait([closing])
    assert closing.cancelled()
    await lab.close()
    assert not await is_listening(lab.url)


async def test_who_heard_something_has_a_column(io, lab):
    @io.on("connect")
    async def connect(sid, environ):
        await io.emit("welcome", to=sid)

    await lab.join("alice")
    assert Matrix(lab.trace).text().split() == ["alice", 'io.emit("welcome",', "to=alice)", "●"]


async def test_waiting_for_a_closed_lab_says_so(io):
    lab = await Lab.open(io)
    await lab.join("alice")
    await lab.close()
    for wait in (lab.settle, lab.show, lab.who_heard, lab.clear, lab.picture):
        with pytest.raises(RuntimeError, match="This lab is closed"):
            await wait()


async def test_a_client_of_another_lab_is_told_so(lab):
    io = socketio.AsyncServer(async_mode="aiohttp")
    async with await Lab.open(io, name="other") as other:
        alice = other.client("alice")
        with pytest.raises(
            socketio.exceptions.ConnectionError, match="alice belongs to another lab"
        ):
            await alice.connect(lab.url)
        await alice.connect(other.url)


# -- a start that is cancelled ---------------------------------------------------------------------


def open_files():
    return len([*Path("/dev/fd").iterdir()])


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="open files are counted there")
@pytest.mark.parametrize("faults", [False, True])
async def test_a_start_that_is_cancelled_at_any_step_leaves_nothing_open(io, faults):
    steps = 0
    is_open = False
    await (await Lab.open(io, faults=faults)).close()  # what opens once for all
    before = open_files()
    while not is_open:
        opening = asyncio.create_task(Lab.open(io, faults=faults))
        for _ in range(steps):
            await asyncio.sleep(0)
        opening.cancel()
        [lab] = await asyncio.gather(opening, return_exceptions=True)
        if is_open := isinstance(lab, Lab):
            await lab.close()
        assert open_files() == before, f"after {steps} steps"
        steps += 1
    assert steps > 5
