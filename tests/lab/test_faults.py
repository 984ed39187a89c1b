import asyncio
import re
import time
from xml.etree import ElementTree as ET

import pytest
import pytest_asyncio
import socketio

from chatlib import ChatServer
from chatlib.history import History
from chatlib.lab import Lab, LabTimeoutError
from chatlib.lab.trace import SERVER
from support.waiting import TIMEOUT, threads_end

SVG = "{http://www.w3.org/2000/svg}"


class Heard(dict):
    """What each client heard of the event ``said``, by its name."""

    def listen(self, *clients):
        for client in clients:
            self[client.name] = []
            client.on("said", self[client.name].append)


@pytest.fixture
def io():
    return relay()


@pytest.fixture
def heard():
    return Heard()


@pytest_asyncio.fixture
async def lab(io):
    async with await Lab.open(io, faults=True) as lab:
        yield lab


def relay():
    """Return a server that passes on what is said to everyone else, and answers."""
    io = socketio.AsyncServer(async_mode="aiohttp")

    @io.on("say")
    async def say(sid, text):
        await io.emit("said", text, skip_sid=sid)
        return "heard"

    return io


def fail_once(io, event, error):
    """Let a handler of the server raise an error, the next time it is called and not again."""
    failures = [error]

    @io.on(event)
    async def handler(*arguments):
        if failures:
            raise failures.pop()


async def attempt(client):
    """Wait until a client that reconnects has tried to, once."""
    tried = asyncio.get_running_loop().create_future()
    connect = client.eio.connect

    async def try_to_connect(*args, **options):
        try:
            await connect(*args, **options)
        finally:
            client.eio.connect = connect
            tried.set_result(None)

    client.eio.connect = try_to_connect
    async with asyncio.timeout(TIMEOUT):
        await tried


def lines(picture):
    return [re.sub(r"\s+", " ", line) for line in picture.text().splitlines()]


def sees(io, client):
    """Tell whether the server counts a client as connected."""
    return io.manager.is_connected(client.get_sid(), "/")


# -- cut -------------------------------------------------------------------------------------------


async def test_a_cut_is_noticed_at_both_ends_before_it_returns(io, lab):
    alice, bob = await lab.join("alice", "bob")
    left = []
    io.on("disconnect", lambda sid, reason: left.append(("server", lab.name(sid), reason)))
    bob.on("disconnect", lambda reason: left.append(("bob", reason)))
    await lab.faults.cut(bob)
    assert not bob.connected
    assert alice.connected
    assert len(io.eio.sockets) == 1
    assert {who for who, *_ in left} == {"server", "bob"}
    assert len(left) == 2
    assert not {reason for *_, reason in left} & {
        io.reason.CLIENT_DISCONNECT,
        bob.reason.SERVER_DISCONNECT,
    }


async def test_a_cut_has_no_goodbye_in_the_picture(lab):
    alice, bob = await lab.join("alice", "bob")
    await lab.clear()
    await lab.faults.cut(bob)
    assert lines(await lab.picture()) == ["bob ⚡ the wire is cut"]
    await alice.disconnect()
    assert lines(await lab.picture()) == ["alice → server disconnect"]


async def test_a_cut_lets_arrive_what_was_sent_before(lab, heard):
    alice, bob = await lab.join("alice", "bob")
    heard.listen(bob)
    for n in range(20):
        await alice.emit("say", n)
    await lab.faults.cut(bob)
    assert heard["bob"] == list(range(20))


async def test_a_wire_stays_cut_until_it_is_mended(lab, heard):
    alice, bob = await lab.join("alice", "bob", reconnection=True)
    heard.listen(bob)
    await lab.faults.cut(bob)
    assert await alice.call("say", "lost") == "heard"
    for _ in range(3):  # attempts to come back, that end at the tunnel
        await attempt(bob)
    assert not bob.connected
    await lab.faults.mend(bob)
    assert bob.connected
    await alice.call("say", "found")
    await lab.settle()
    assert heard["bob"] == ["found"]


async def test_a_client_that_comes_back_is_another_socket(io, lab):
    bob = await lab.join("bob", reconnection=True)
    before = bob.get_sid()
    await lab.faults.cut(bob)
    await lab.faults.mend(bob)
    assert bob.get_sid() != before
    assert not io.manager.is_connected(before, "/")
    assert lab.name(bob.get_sid()) == "bob"


async def test_mending_does_not_bring_back_a_client_that_does_not_reconnect(lab):
    bob = await lab.join("bob")
    await lab.faults.cut(bob)
    await lab.faults.mend(bob)
    assert not bob.connected
    await bob.connect(lab.url)
    assert bob.connected


async def test_mending_does_not_bring_back_a_client_that_left(lab):
    bob = await lab.join("bob", reconnection=True)
    await bob.disconnect()
    await lab.faults.cut(bob)
    await lab.faults.mend(bob)
    assert not bob.connected


async def test_only_one_wire_is_cut(lab, heard):
    alice, bob, carol = await lab.join("alice", "bob", "carol", reconnection=True)
    heard.listen(bob, carol)
    await lab.faults.cut(bob)
    await alice.call("say", "hi")
    await lab.settle()
    assert heard == {"bob": [], "carol": ["hi"]}


async def test_a_cut_in_a_handler_loses_its_answer(io, lab, heard):
    alice, bob = await lab.join("alice", "bob", reconnection=True)
    heard.listen(bob)

    @io.on("unlucky")
    async def unlucky(sid):
        await io.emit("said", "it was done", skip_sid=sid)
        await lab.faults.cut(alice)
        return "lost"

    await lab.clear()
    with pytest.raises(LabTimeoutError, match="alice's 'unlucky'"):
        await alice.call("unlucky", timeout=0.05)
    assert heard["bob"] == ["it was done"]
    await lab.faults.mend(alice)
    drawn = lines(await lab.picture())
    assert drawn.index("alice ⚡ the wire is cut") > drawn.index("alice → server unlucky")
    assert not [line for line in drawn if "answer" in line]
    assert alice.connected


async def test_a_cut_in_a_client_s_handler(lab, heard):
    alice, bob, carol = await lab.join("alice", "bob", "carol")

    @bob.on("said")
    async def said(text):
        await lab.faults.cut(carol)

    await alice.emit("say", "hi")
    await lab.settle()
    assert not carol.connected
    assert bob.connected


async def test_a_timeout_is_python_socketio_s_own(lab):
    assert not issubclass(LabTimeoutError, TimeoutError)
    alice = await lab.join("alice")
    with pytest.raises(socketio.exceptions.TimeoutError):
        await alice.call("nobody listens", timeout=0.01)


async def test_a_client_that_polls_is_not_cut(io, lab):
    alice = lab.client("alice")
    await alice.connect(lab.url, transports=["polling"])
    with pytest.raises(RuntimeError, match="alice is connected by polling"):
        await lab.faults.cut(alice)
    assert alice.connected


# -- half open -------------------------------------------------------------------------------------


async def test_half_open_is_noticed_by_nobody(io, lab, heard):
    alice, bob, carol = await lab.join("alice", "bob", "carol")
    heard.listen(bob, carol)
    await lab.clear()
    await lab.faults.half_open(bob)
    assert await alice.call("say", "hi") == "heard"
    await lab.settle()
    assert bob.connected
    assert sees(io, bob)
    assert heard == {"bob": [], "carol": ["hi"]}
    drawn = lines(await lab.picture())
    assert drawn == [
        "bob ⚡ nothing comes through",
        'alice → server say "hi"',
        'server ✗ bob said "hi"',
        'server → carol said "hi"',
        'server ○ alice: not said "hi"',
        'server → alice answer to say "heard"',
    ]


async def test_half_open_loses_what_the_client_sends(io, lab, heard):
    alice, bob = await lab.join("alice", "bob", reconnection=True)
    heard.listen(alice)
    await lab.clear()
    await lab.faults.half_open(bob)
    await bob.emit("say", "lost")
    with pytest.raises(LabTimeoutError):
        await bob.call("say", "lost too", timeout=0.05)
    await lab.settle()
    await lab.faults.mend(bob)
    assert heard["alice"] == []
    assert sees(io, bob)
    assert len(io.eio.sockets) == 2
    assert lines(await lab.picture()) == [
        "bob ⚡ nothing comes through",
        'bob ✗ server say "lost"',
        'bob ✗ server say "lost too"',
        "bob ⚡ the wire is mended",
        "bob → server connect",
        "server → bob connected",
    ]


async def test_half_open_in_a_handler_loses_what_is_under_way(io, lab, heard):
    alice, bob = await lab.join("alice", "bob")
    heard.listen(bob)

    @io.on("unlucky")
    async def unlucky(sid):
        await io.emit("said", "lost", skip_sid=sid)
        await lab.faults.half_open(bob)

    await alice.call("unlucky")
    await lab.settle()
    assert heard["bob"] == []


async def test_half_open_hides_the_client_s_end(io, lab):
    bob = await lab.join("bob")
    sid = bob.get_sid()
    await lab.faults.half_open(bob)
    await bob.disconnect()
    await lab.settle()
    assert io.manager.is_connected(sid, "/")
    await lab.faults.mend(bob)
    assert not io.manager.is_connected(sid, "/")


async def test_half_open_hides_the_server_s_end(io, lab):
    bob = await lab.join("bob")
    await lab.faults.half_open(bob)
    await io.disconnect(bob.get_sid())
    await lab.settle()
    assert bob.connected
    await lab.faults.mend(bob)
    assert not bob.connected


# -- delay -----------------------------------------------------------------------------------------


async def test_a_slow_wire_is_overtaken_and_keeps_its_own_order(lab):
    alice, bob, carol = await lab.join("alice", "bob", "carol")
    heard = []
    for client in (bob, carol):
        client.on("said", lambda n, client=client: heard.append((client.name, n)))
    await lab.faults.delay(bob, 0.3)
    for n in range(3):
        await alice.call("say", n)
    await lab.settle()
    names = ["carol"] * 3 + ["bob"] * 3
    assert heard == list(zip(names, [0, 1, 2, 0, 1, 2], strict=True))


async def test_a_slow_wire_is_slow_in_both_directions(lab):
    alice, bob = await lab.join("alice", "bob")
    heard = []
    for client in (alice, bob):
        client.on("said", heard.append)
    await lab.faults.delay(bob, 0.05)
    then = time.monotonic()
    assert await bob.call("say", "there and back") == "heard"
    assert time.monotonic() - then >= 0.09
    await bob.emit("say", "first")
    await alice.emit("say", "second")  # up at once, and down the slow wire
    await lab.settle()
    assert sorted(heard) == ["first", "second", "there and back"]


async def test_a_slow_wire_loses_nothing_when_it_is_mended(lab, heard):
    alice, bob = await lab.join("alice", "bob")
    heard.listen(bob)
    await lab.faults.delay(bob, 0.05)
    for n in range(5):
        await alice.emit("say", n)
    await lab.faults.mend(bob)
    for n in range(5, 10):
        await alice.emit("say", n)
    await lab.settle()
    assert heard["bob"] == list(range(10))


async def test_a_delay_is_drawn(lab):
    bob = await lab.join("bob")
    await lab.clear()
    await lab.faults.delay(bob, 0.05)
    await lab.faults.mend(bob)
    assert lines(await lab.picture()) == [
        "bob ⚡ the wire is 0.05 s slow",
        "bob ⚡ the wire is mended",
    ]


# -- the server ------------------------------------------------------------------------------------


async def test_a_killed_server_says_no_goodbye(io, lab):
    alice, bob = await lab.join("alice", "bob", reconnection=True)
    reasons = []
    for client in (alice, bob):
        client.on("disconnect", reasons.append)
    await lab.clear()
    await lab.faults.stop_server()
    assert not alice.connected
    assert not bob.connected
    assert len(reasons) == 2
    assert alice.reason.SERVER_DISCONNECT not in reasons
    assert io.eio.sockets == {}
    assert lines(await lab.picture()) == ["server ⚡ the server is killed"]


@pytest.mark.parametrize("another", [False, True], ids=["the same", "another"])
async def test_clients_come_back_in_order(io, lab, another, heard):
    names = ["dave", "alice", "carol", "bob"]
    clients = await lab.join(*names, reconnection=True)
    heard.listen(*clients)
    url = lab.url
    for _ in range(2):
        server = relay() if another else io
        connected = []
        server.on("connect", lambda sid, environ, auth, c=connected: c.append(lab.name(sid)))
        await lab.faults.stop_server()
        await lab.faults.start_server(server if another else None)
        assert lab.url == url
        assert connected == names
        assert all(client.connected for client in clients)
        await clients[0].call("say", "here again")
    await lab.settle()
    assert heard == {name: ["here again"] * 2 * (name != "dave") for name in names}


async def test_a_server_that_comes_back_is_drawn(lab):
    await lab.join("alice", reconnection=True)
    await lab.faults.stop_server()
    await lab.clear()
    await lab.faults.start_server()
    assert lines(await lab.picture()) == [
        "server ⚡ the server is back",
        "alice → server connect",
        "server → alice connected",
    ]


async def test_clients_that_do_not_reconnect_stay_away(lab):
    alice = await lab.join("alice")
    bob = await lab.join("bob", reconnection=True)
    await lab.faults.stop_server()
    await lab.faults.start_server()
    assert not alice.connected
    assert bob.connected


async def test_nobody_gets_in_while_the_server_is_stopped(lab):
    await lab.faults.stop_server()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await lab.join("alice")
    await lab.faults.start_server()
    alice = await lab.join("alice")
    assert await alice.call("say", "hi") == "heard"


async def test_a_wire_that_was_cut_stays_cut_when_the_server_comes_back(lab):
    alice, bob = await lab.join("alice", "bob", reconnection=True)
    await lab.faults.cut(bob)
    await lab.faults.stop_server()
    await lab.faults.start_server()
    assert alice.connected
    assert not bob.connected
    await lab.faults.mend(bob)
    assert bob.connected


async def test_a_wire_is_mended_while_the_server_is_stopped(lab):
    alice, bob = await lab.join("alice", "bob", reconnection=True)
    await lab.faults.cut(bob)
    await lab.faults.stop_server()
    await lab.faults.mend(bob)
    assert not bob.connected
    await lab.faults.start_server()
    assert alice.connected
    assert bob.connected


@pytest.mark.parametrize("fault", ["half_open", "delay"])
async def test_a_broken_wire_ends_with_the_server(lab, heard, fault):
    alice, bob = await lab.join("alice", "bob", reconnection=True)
    heard.listen(bob)
    await (lab.faults.half_open(bob) if fault == "half_open" else lab.faults.delay(bob, 0.02))
    await lab.faults.stop_server()
    assert not bob.connected
    await lab.faults.start_server()
    assert bob.connected
    await alice.call("say", "hi")
    await lab.settle()
    assert heard["bob"] == ["hi"]


async def test_a_start_waits_for_a_stop_that_is_under_way(lab):
    alice = await lab.join("alice", reconnection=True)
    await asyncio.gather(lab.faults.stop_server(), lab.faults.start_server())
    assert await alice.call("say", "hi")


async def test_a_close_waits_for_a_stop_that_is_under_way(io):
    lab = await Lab.open(io, faults=True)
    await lab.join("alice")
    await asyncio.gather(lab.faults.stop_server(), lab.close())


async def test_stopping_and_starting_take_turns(lab):
    with pytest.raises(
        RuntimeError, match=r"The server runs; lab\.faults\.stop_server\(\) stops it\."
    ):
        await lab.faults.start_server()
    await lab.faults.stop_server()
    with pytest.raises(
        RuntimeError, match=r"stopped; lab\.faults\.start_server\(\) starts it again\."
    ):
        await lab.faults.stop_server()


async def test_another_server_must_be_one(lab):
    await lab.faults.stop_server()
    with pytest.raises(TypeError, match=r"A lab needs a socketio\.AsyncServer"):
        await lab.faults.start_server(ChatServer())
    await lab.faults.start_server(relay())


async def test_seeded_ids_go_on_with_another_server():
    async def ids():
        io, other = relay(), relay()
        generators = io.eio.generate_id, other.eio.generate_id
        async with await Lab.open(io, faults=True, seed=1) as lab:
            alice = await lab.join("alice", reconnection=True)
            found = [alice.get_sid()]
            await lab.faults.stop_server()
            await lab.faults.start_server(other)
            found.append(alice.get_sid())
            assert lab.name(found[1]) == "alice"
        assert (io.eio.generate_id, other.eio.generate_id) == generators
        return found

    first, second = await ids()
    assert first != second
    assert await ids() == [first, second]


async def test_a_history_in_a_file_outlives_its_server(tmp_path):
    chat = ChatServer(history=History(tmp_path / "chat.db"))
    async with await Lab.open(chat.io, faults=True) as lab:
        heard, seen = [], {"userId": "bob", "offset": 0}
        alice = await lab.join("alice", reconnection=True, auth={"userId": "alice"})
        bob = await lab.join("bob", reconnection=True, auth=lambda: seen)

        @bob.on("recieve-message")
        async def message(data):
            heard.append(data["n"])
            seen["offset"] = data["id"]

        await alice.call("message", {"n": 1, "key": "a"})
        await lab.faults.cut(bob)
        await alice.call("message", {"n": 2, "key": "b"})
        await lab.faults.stop_server()
        await lab.faults.start_server(ChatServer(history=History(tmp_path / "chat.db")).io)
        await lab.faults.mend(bob)
        assert await alice.call("message", {"n": 2, "key": "b"}) == {"ok": True, "id": 2}
        assert await alice.call("message", {"n": 3}) == {"ok": True, "id": 3}
        await lab.settle()
        assert heard == [1, 2, 3]
    threads_end()


# -- all of them -----------------------------------------------------------------------------------

BREAK = {
    "cut": lambda lab, alice: lab.faults.cut(alice),
    "half_open": lambda lab, alice: lab.faults.half_open(alice),
    "delay": lambda lab, alice: lab.faults.delay(alice, 0.3),
    "stop_server": lambda lab, alice: lab.faults.stop_server(),
}
UNDO = {
    "mend": lambda lab, alice: lab.faults.mend(alice),
    "start_server": lambda lab, alice: lab.faults.start_server(),
}
every_fault = pytest.mark.parametrize("fault", BREAK)


@pytest.mark.parametrize("fault", [*BREAK, *UNDO])
async def test_faults_have_to_be_asked_for(fault):
    async with await Lab.open(relay()) as lab:
        alice = await lab.join("alice")
        with pytest.raises(RuntimeError, match=r"Lab\.open\(io, faults=True\)"):
            await (BREAK | UNDO)[fault](lab, alice)
        assert await alice.call("say", "hi") == "heard"


@every_fault
@pytest.mark.parametrize("reconnection", [False, True])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "busy"])
async def test_nothing_is_left_of_a_lab_closed_while_it_is_broken(fault, reconnection, busy):
    """The fixture `nothing_left` of all tests looks for tasks, threads and sockets."""
    io = relay()
    async with await Lab.open(io, faults=True) as lab:
        alice, bob = await lab.join("alice", "bob", reconnection=reconnection)
        await BREAK[fault](lab, alice)
        for client in (alice, bob) if busy else ():
            if client.connected:
                await client.emit("say", "x" * 100_000)
    assert io.eio.sockets == {}
    assert not alice.connected
    assert not bob.connected


@every_fault
async def test_another_client_of_the_name_has_a_wire_of_its_own(lab, fault):
    alice = await lab.join("alice")
    await BREAK[fault](lab, alice)
    if fault == "stop_server":
        await lab.faults.start_server()
    alice = await lab.join("alice")
    await lab.clear()
    assert await alice.call("say", "hi") == "heard"


async def test_a_wire_can_be_cut_before_its_client_connects(lab):
    alice = lab.client("alice")
    await lab.faults.cut(alice)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await alice.connect(lab.url)
    await lab.faults.mend(alice)
    await alice.connect(lab.url)
    assert alice.connected


async def test_a_name_may_be_any_text(lab):
    client = await lab.join("Zoë & <b>: 😀", reconnection=True)
    for number, fault in enumerate(("cut", "half_open"), start=1):
        await BREAK[fault](lab, client)
        await lab.faults.mend(client)
        assert client.connected, number
    assert await client.call("say", "hi") == "heard"


async def test_a_fault_is_drawn_and_escaped(lab):
    alice, client = await lab.join("alice", "<b> & 😀", reconnection=True)
    await lab.clear()
    await lab.faults.cut(client)
    await lab.faults.mend(client)
    await lab.faults.half_open(client)
    await alice.call("say", "<i>")
    await lab.faults.mend(client)
    await lab.faults.delay(client, 0.02)
    await lab.faults.stop_server()
    await lab.faults.start_server()
    picture = await lab.picture()
    document = ET.fromstring(picture.svg())
    texts = ["".join(text.itertext()) for text in document.iter(f"{SVG}text")]
    faults = [
        "the wire is cut",
        "the wire is mended",
        "nothing comes through",
        "the wire is mended",
        "the wire is 0.02 s slow",
        "the server is killed",
        "the server is back",
    ]
    assert [text for text in texts if text in faults] == faults
    assert {"alice", "<b> & 😀", SERVER} <= set(texts)
    assert "<b>" not in picture.svg()
    assert "<i>" not in picture.svg()
    frames = [rect for rect in document.iter(f"{SVG}rect") if rect.get("class") == "fault"]
    assert len(frames) == len(faults)
    assert [line.split(" ⚡ ")[1] for line in lines(picture) if "⚡" in line] == faults
    assert document.find(f"{SVG}desc").text == "\n".join(picture.sentences())
    lost = [line for line in document.iter(f"{SVG}line") if line.get("class") == "lost"]
    assert len(lost) == sum("✗" in line for line in lines(picture)) == 1


async def a_bad_day(io):
    """Break a lab in every way, one after the other, and return the picture of it."""
    async with await Lab.open(io, faults=True) as lab:
        alice, bob = await lab.join("alice", "bob", reconnection=True)
        for fault in ("cut", "half_open", "delay"):
            await (lab.faults.delay(bob, 0.01) if fault == "delay" else BREAK[fault](lab, bob))
            await alice.call("say", fault)
            await lab.faults.mend(bob)
        await lab.faults.stop_server()
        await lab.faults.start_server()
        await bob.call("say", "good night")
        return await lab.picture()


async def test_a_bad_day_twice_in_a_row_is_drawn_alike(io):
    first, second = await a_bad_day(io), await a_bad_day(io)
    assert second.svg() == first.svg()
    assert second.text() == first.text()


async def test_two_labs_of_one_name_with_broken_wires(io):
    lab = await Lab.open(io, faults=True)
    bob = await lab.join("bob", reconnection=True)
    await lab.faults.half_open(bob)
    async with await Lab.open(relay(), faults=True) as lab:  # as if a cell was run again
        bob = await lab.join("bob", reconnection=True)
        await lab.faults.cut(bob)
        await lab.faults.mend(bob)
        assert await bob.call("say", "hi") == "heard"


async def test_how_long_faults_take(lab, record_property):
    """Nothing is asserted of the time but what no machine misses: far less than any timeout."""
    alice, bob = await lab.join("alice", "bob", reconnection=True)
    took = {}
    for what, does in (
        ("cut", lab.faults.cut(bob)),
        ("mend after cut", lab.faults.mend(bob)),
        ("half_open", lab.faults.half_open(bob)),
        ("mend after half_open", lab.faults.mend(bob)),
        ("delay", lab.faults.delay(bob, 0.01)),
        ("mend after delay", lab.faults.mend(bob)),
        ("stop_server", lab.faults.stop_server()),
        ("start_server", lab.faults.start_server()),
        ("half_open again", lab.faults.half_open(alice)),
        ("close", lab.close()),
    ):
        start = time.perf_counter()
        await does
        took[what] = round(1000 * (time.perf_counter() - start), 1)
    for what, milliseconds in took.items():
        record_property(what, milliseconds)
        print(f"{what}: {milliseconds} ms")
    assert len(took) == 10


async def test_what_is_no_client_of_this_lab(lab):
    async with await Lab.open(relay(), name="another", faults=True) as another:
        for client in ("bob", None, await another.join("bob")):
            for fault in (lab.faults.cut, lab.faults.half_open, lab.faults.mend):
                with pytest.raises(ValueError, match="is not a client of this lab"):
                    await fault(client)
    assert (await lab.picture()).text() == "Nothing has happened."


@pytest.mark.parametrize("fault", ["cut", "stop_server"])
async def test_what_is_refused_is_not_drawn(lab, fault):
    alice = lab.client("alice")
    await alice.connect(lab.url, transports=["polling"])
    await lab.clear()
    with pytest.raises(RuntimeError, match="alice is connected by polling"):
        await (lab.faults.cut(alice) if fault == "cut" else lab.faults.stop_server())
    assert (await lab.picture()).text() == "Nothing has happened."
    assert alice.connected
    await alice.call("say", "hi")


async def test_a_handler_that_raises_does_not_keep_the_server_alive(io, lab):
    alice, bob = await lab.join("alice", "bob", reconnection=True)
    fail_once(io, "disconnect", ValueError("broken"))
    with pytest.raises(ValueError, match="broken"):
        await lab.faults.stop_server()
    with pytest.raises(RuntimeError, match="The server is stopped"):
        await lab.faults.stop_server()
    await lab.faults.start_server()
    assert alice.connected
    assert bob.connected


async def test_a_start_that_was_broken_off_goes_on(io, lab):
    _, bob = await lab.join("alice", "bob", reconnection=True)
    fail_once(io, "connect", ValueError("not yet"))
    await lab.faults.stop_server()
    with pytest.raises(ValueError, match="not yet"):
        await lab.faults.start_server()
    assert not bob.connected
    await lab.faults.start_server()
    assert bob.connected
    with pytest.raises(RuntimeError, match="The server runs"):
        await lab.faults.start_server()


async def test_a_wire_cut_while_the_server_is_stopped_stays_cut(lab):
    alice, bob = await lab.join("alice", "bob", reconnection=True)
    await lab.faults.stop_server()
    await lab.faults.cut(bob)
    await lab.faults.start_server()
    assert alice.connected
    assert not bob.connected
    await lab.faults.mend(bob)
    assert bob.connected
