import asyncio
import itertools

import engineio
import pytest
import socketio

from chatlib.lab.trace import SERVER, Emission, Packet
from support.waiting import TIMEOUT, eventually


def told(step):
    """Return a step in a form to compare."""
    if isinstance(step, Emission):
        return step.event, sorted(step.heard()), step.missed()
    return step.kind, step.source, step.target, step.event, step.data


async def taken(lab):
    await lab.settle()
    return lab.trace.take()


# -- what is recorded ------------------------------------------------------------------------------


async def test_a_connection(lab):
    await lab.join("alice")
    assert [told(step) for step in await taken(lab)] == [
        ("connect", "alice", SERVER, "", ()),
        ("connected", SERVER, "alice", "", ()),
    ]


async def test_a_connection_with_auth(lab):
    await lab.join("alice", auth={"userId": 1})
    connect, _ = await taken(lab)
    assert connect.data == ({"userId": 1},)


async def test_a_refusal(io, lab):
    @io.on("connect")
    async def connect(sid, environ, auth):
        raise socketio.exceptions.ConnectionRefusedError("no")

    with pytest.raises(socketio.exceptions.ConnectionError):
        await lab.join("alice")
    steps = await taken(lab)
    assert [step.kind for step in steps[:2]] == ["connect", "refused"]
    assert steps[1].data == ({"message": "no"},)


async def test_an_event_and_its_answer(io, lab):
    io.on("add", lambda sid, a, b: a + b)
    alice = await lab.join("alice")
    await lab.clear()
    assert await alice.call("add", (1, 2)) == 3
    steps = await taken(lab)
    assert [told(step) for step in steps] == [
        ("event", "alice", SERVER, "add", (1, 2)),
        ("ack", SERVER, "alice", "add", (3,)),
    ]
    assert all(step.arrived for step in steps)


async def test_an_answer_of_a_client(io, lab):
    alice = await lab.join("alice")
    alice.on("how old", lambda: 42)
    await lab.clear()
    assert await io.call("how old", to=alice.get_sid(), timeout=TIMEOUT) == 42
    asked, answered = await taken(lab)
    assert told(asked) == ("how old", ["alice"], [])
    assert told(answered) == ("ack", "alice", SERVER, "how old", (42,))


async def test_both_sides_may_ask_at_once_with_the_same_number(io, lab):
    # Each side counts its own questions.
    alice = await lab.join("alice")
    alice.on("from the server", lambda: "alice's")
    io.on("from alice", lambda sid: "server's")
    await lab.clear()
    answers = await asyncio.gather(
        alice.call("from alice"), io.call("from the server", to=alice.get_sid(), timeout=TIMEOUT)
    )
    assert answers == ["server's", "alice's"]
    acks = [step for step in await taken(lab) if isinstance(step, Packet) and step.kind == "ack"]
    assert {(ack.source, ack.event) for ack in acks} == {
        (SERVER, "from alice"),
        ("alice", "from the server"),
    }


async def test_a_disconnect_by_the_client(lab):
    alice = await lab.join("alice")
    await lab.clear()
    await alice.disconnect()
    [goodbye] = await taken(lab)
    assert told(goodbye) == ("disconnect", "alice", SERVER, "", ())
    assert goodbye.arrived


async def test_a_disconnect_by_the_server(io, lab):
    alice = await lab.join("alice")
    await lab.clear()
    await io.disconnect(alice.get_sid())
    [goodbye] = await taken(lab)
    assert told(goodbye) == ("disconnect", SERVER, "alice", "", ())
    assert goodbye.arrived


async def test_a_connection_that_is_cut(io, lab):
    alice, _ = await lab.join("alice", "bob")
    await lab.clear()
    await alice.eio.disconnect(abort=True)
    goodbyes = await taken(lab)
    assert [told(step) for step in goodbyes] == [("disconnect", "alice", SERVER, "", ())]
    await io.emit("news")
    [emission] = await taken(lab)
    assert emission.present == ("bob",)


async def test_who_was_there(io, lab):
    _, bob, _ = await lab.join("alice", "bob", "carol")
    await bob.disconnect()
    await taken(lab)
    await io.emit("news")
    await lab.join("dave")
    await io.emit("news")
    first, second = [step for step in await taken(lab) if isinstance(step, Emission)]
    assert first.present == ("alice", "carol")
    assert second.present == ("alice", "carol", "dave")


async def test_what_a_handler_emits_is_recorded_as_one_emission(io, lab):
    @io.on("say")
    async def say(sid, text):
        await io.emit("said", (text, 1))

    alice, _ = await lab.join("alice", "bob")
    await lab.clear()
    await alice.emit("say", "hi")
    event, emission = await taken(lab)
    assert told(event) == ("event", "alice", SERVER, "say", ("hi",))
    assert emission.data == ("hi", 1)
    assert [packet.target for packet in emission.deliveries] == ["alice", "bob"]
    assert all(packet.data == ("hi", 1) for packet in emission.deliveries)


SOMEBODY = "somebody"  # stands for the id of bob's socket in the forms below


@pytest.mark.parametrize(
    ("arguments", "options", "to", "skip", "heard"),
    [
        pytest.param((), {}, (), (), "abc", id="everyone"),
        pytest.param((), {"to": SOMEBODY}, (SOMEBODY,), (), "b", id="to a socket"),
        pytest.param((), {"room": SOMEBODY}, (SOMEBODY,), (), "b", id="room, the older name"),
        pytest.param((SOMEBODY,), {}, (SOMEBODY,), (), "b", id="to by position"),
        pytest.param((None, "red"), {}, ("red",), (), "ab", id="room by position"),
        pytest.param((None, None, SOMEBODY), {}, (), (SOMEBODY,), "ac", id="skip by position"),
        pytest.param((), {"to": "red"}, ("red",), (), "ab", id="to a room"),
        pytest.param((), {"to": ["red", "blue"]}, ("red", "blue"), (), "abc", id="to rooms"),
        pytest.param((), {"skip_sid": SOMEBODY}, (), (SOMEBODY,), "ac", id="skip one"),
        pytest.param((), {"skip_sid": [SOMEBODY]}, (), (SOMEBODY,), "ac", id="skip a list"),
        pytest.param(
            (), {"to": "red", "skip_sid": SOMEBODY}, ("red",), (SOMEBODY,), "a", id="to and skip"
        ),
        pytest.param((), {"to": "nowhere"}, ("nowhere",), (), "", id="to an empty room"),
        pytest.param((), {"to": None}, (), (), "abc", id="to None is everyone"),
        pytest.param((), {"to": ""}, (), (), "abc", id="to an empty text is everyone"),
        pytest.param((), {"to": []}, (), (), "abc", id="to an empty list is everyone"),
    ],
)
async def test_forms_of_emit(io, lab, arguments, options, to, skip, heard):
    alice, bob, carol = clients = await lab.join("a", "b", "c")
    for client, room in ((alice, "red"), (bob, "red"), (bob, "blue"), (carol, "blue")):
        await io.enter_room(client.get_sid(), room)

    def real(value):
        if isinstance(value, str | None):
            return bob.get_sid() if value == SOMEBODY else value
        return type(value)(real(item) for item in value)

    ears = []
    for client in clients:
        client.on("news", lambda text, name=client.name: ears.append(name))
    await lab.clear()
    await io.emit("news", "x", *real(arguments), **{key: real(options[key]) for key in options})
    [emission] = await taken(lab)
    assert emission.to == real(to)
    assert emission.skip == real(skip)
    assert emission.present == ("a", "b", "c")
    assert sorted(emission.heard()) == list(heard)
    assert sorted(emission.missed() + list(heard)) == ["a", "b", "c"]
    assert sorted(ears) == list(heard)


async def test_packets_lost_on_a_disconnect_have_not_arrived(io, lab):
    alice, _ = await lab.join("alice", "bob")
    heard = []
    io.on("message", lambda sid, text: heard.append(text))
    await lab.clear()
    alice.eio.write_loop_task.cancel()  # or it might be faster than the disconnect
    await alice.emit("message", "hi")
    await alice.disconnect()
    steps = await taken(lab)
    assert heard == []
    assert [(step.kind, step.event, step.arrived) for step in steps] == [
        ("event", "message", False),
        ("disconnect", "", True),
    ]


async def test_packets_that_a_closed_client_does_not_take_have_not_arrived(io, lab):
    alice, _ = await lab.join("alice", "bob")
    await lab.clear()
    await asyncio.gather(io.emit("news"), alice.eio.disconnect(abort=True))
    emission = next(step for step in await taken(lab) if isinstance(step, Emission))
    assert emission.heard() == {"bob"}
    assert "alice" in emission.missed()
    assert [packet.arrived for packet in emission.deliveries if packet.target == "alice"] == [False]


async def test_to_a_server_that_goes_nothing_is_under_way_for_ever(io, lab):
    alice, bob = await lab.join("alice", "bob")

    @io.on("out")
    async def out(sid):
        await io.emit("news")
        await io.disconnect(sid)

    for _ in range(20):
        await alice.emit("out")
    await lab.settle()
    assert not alice.connected
    assert bob.connected


async def test_a_foreign_client_is_a_guest(io, lab):
    heard = []
    io.on("say", lambda sid, text: heard.append((lab.name(sid), text)))
    alice = await lab.join("alice")
    guests = [socketio.AsyncClient(handle_sigint=False, reconnection=False) for _ in range(2)]
    await lab.clear()
    try:
        for guest in guests:
            await guest.connect(lab.url, transports=["websocket"], wait_timeout=TIMEOUT)
        await guests[0].call("say", "hi", timeout=TIMEOUT)
        await guests[1].call("say", "ho", timeout=TIMEOUT)
        await io.emit("news")
        await alice.emit("say", "hey")
        await lab.settle()
        assert heard == [("guest 1", "hi"), ("guest 2", "ho"), ("alice", "hey")]
        steps = await taken(lab)
        [emission] = [step for step in steps if isinstance(step, Emission)]
        assert emission.heard() == {"alice", "guest 1", "guest 2"}
        assert ("event", "guest 1", SERVER, "say", ("hi",)) in [told(step) for step in steps]
        assert ("ack", SERVER, "guest 1", "say", ()) in [told(step) for step in steps]
    finally:
        for guest in guests:
            await guest.disconnect()


async def test_a_guest_over_polling_that_upgrades(io, lab):
    heard = []
    io.on("say", lambda sid, text: heard.append((lab.name(sid), text)))
    guest = socketio.AsyncClient(handle_sigint=False, reconnection=False)
    try:
        await guest.connect(lab.url, wait_timeout=TIMEOUT)
        await guest.call("say", "hi", timeout=TIMEOUT)
        await lab.settle()
        assert heard == [("guest 1", "hi")]
    finally:
        await guest.disconnect()


@pytest.mark.parametrize(
    "text", ["", "9", "2", "2[", '2["x"', "2{}", '2{"a":1}', "2true", "2[1]", "4", "x"]
)
async def test_a_guest_that_sends_nonsense_is_named_and_breaks_nothing(io, lab, text):
    done = asyncio.Event()
    io.on("done", lambda sid: done.set())
    guest = engineio.AsyncClient(handle_sigint=False)
    await guest.connect(lab.url, transports=["websocket"], engineio_path="socket.io")
    try:
        for packet in ("0", text, '2["done"]'):
            await guest.send(packet)
        # Our engine hangs up.
        await eventually(lambda: done.is_set() or not io.eio.sockets)
        errors = []
        try:
            await lab.settle()
        except Exception as error:  # noqa: BLE001  (python-socketio's own, or none)
            errors.append(error)
        assert all("guest 1" in error.__notes__[0] for error in errors)
        bob = await lab.join("bob")
        assert bob.connected
    finally:
        await guest.disconnect()


# -- the order -------------------------------------------------------------------------------------


async def test_handlers_of_many_clients_run_in_the_order_of_the_deliveries(io, lab):
    heard = []
    clients = await lab.join("alice", "bob", "carol", "dave", "erin")
    for client in clients:
        client.on("news", lambda number, name=client.name: heard.append((name, number)))
    await lab.clear()
    for number in range(200):
        await io.emit("news", number)
    emissions = await taken(lab)
    sent = [(packet.target, *packet.data) for step in emissions for packet in step.deliveries]
    assert len(sent) == 1000
    assert sent[:6] == [
        ("alice", 0), ("bob", 0), ("carol", 0), ("dave", 0), ("erin", 0), ("alice", 1),
    ]  # fmt: skip
    assert heard == sent


async def test_handlers_of_the_server_run_in_the_order_of_the_emissions(io, lab):
    heard = []
    io.on("say", lambda sid, number: heard.append((lab.name(sid), number)))
    clients = await lab.join("alice", "bob", "carol")
    sent = []
    for number, client in itertools.product(range(100), clients):
        await client.emit("say", number)
        sent.append((client.name, number))
    await lab.settle()
    assert heard == sent


async def test_a_packet_that_never_comes_holds_up_nobody_for_long(io, lab):
    alice, bob = await lab.join("alice", "bob")
    heard = []
    bob.on("news", heard.append)
    held = lab._wire.links[next(iter(io.eio.sockets))]
    lab._wire.links.depart(held.down, Packet("event", SERVER, "alice", "lost on the way"), held)
    await io.emit("news", 1, to=bob.get_sid())
    async with asyncio.timeout(TIMEOUT):
        await lab._wire.changes.until(lambda: heard)
    await alice.disconnect()
    await lab.settle()


async def test_an_emission_is_shown_as_it_was_sent(io, lab):
    await lab.join("alice")
    await lab.clear()
    data = {}
    for n in range(3):
        data["n"] = n
        await io.emit("tick", data)
    assert [line.split("  ")[-1].strip() for line in (await lab.picture()).text().splitlines()] == [
        f'tick {{"n": {n}}}' for n in range(3)
    ]


async def test_binary_data_is_shown_once_and_as_such(io, lab, bare):
    alice = await lab.join("alice")
    await bare()
    io.on("ask", lambda sid, data: data)
    await lab.clear()
    await io.emit("picture", b"123")
    await alice.call("ask", b"123")
    assert [line.split("  ")[-1].strip() for line in (await lab.picture()).text().splitlines()] == [
        'picture "<binary>"',
        'picture "<binary>"',
        'ask "<binary>"',
        'answer to ask "<binary>"',
    ]
