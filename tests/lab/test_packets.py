import asyncio
import json

import pytest
import socketio

from chatlib.lab import Lab
from chatlib.lab.links import Link
from chatlib.lab.packets import PacketReader
from chatlib.lab.trace import SERVER, Trace


@pytest.fixture
def io():
    return socketio.AsyncServer(async_mode="aiohttp", namespaces="*")


async def taken(lab):
    await lab.settle()
    return lab.trace.take()


def told(step):
    """Return a packet in a form to compare."""
    return step.kind, step.source, step.target, step.event, step.data


# -- namespaces ------------------------------------------------------------------------------------


async def test_an_emission_is_missed_only_by_those_in_its_namespace(io, lab):
    alice, bob = lab.client("alice"), lab.client("bob")
    await alice.connect(lab.url, namespaces=["/", "/admin"])
    await bob.connect(lab.url)
    await lab.clear()
    await io.emit("news", "hi", namespace="/admin")
    await io.emit("news", "hi", to="nowhere", namespace="/admin")
    await io.emit("news", "hi")
    first, second, third = await taken(lab)
    assert [one.namespace for one in (first, second, third)] == ["/admin", "/admin", "/"]
    assert (first.heard(), first.missed()) == ({"alice"}, [])
    assert (second.heard(), second.missed()) == (set(), ["alice"])
    assert (third.heard(), third.missed()) == ({"alice", "bob"}, [])
    assert [packet.namespace for packet in first.deliveries] == ["/admin"]


async def test_packets_say_their_namespace(io, lab):
    io.on("ask", lambda sid: "yes", namespace="/admin")
    io.on("connect", lambda sid, environ: None, namespace="/admin")
    alice = lab.client("alice")
    await alice.connect(lab.url, namespaces=["/admin"])
    await alice.call("ask", namespace="/admin")
    await alice.disconnect()
    steps = await taken(lab)
    assert [step.kind for step in steps] == ["connect", "connected", "event", "ack", "disconnect"]
    assert {step.namespace for step in steps} == {"/admin"}


async def test_answers_in_two_namespaces_are_told_apart(io, lab):
    io.on("one", lambda sid: 1)
    io.on("two", lambda sid: 2, namespace="/admin")
    alice = lab.client("alice")
    await alice.connect(lab.url, namespaces=["/", "/admin"])
    await lab.clear()
    both = [alice.call("one"), alice.call("two", namespace="/admin")]
    assert await asyncio.gather(*both) == [1, 2]
    answers = [step for step in await taken(lab) if step.kind == "ack"]
    assert {(one.event, one.data, one.namespace) for one in answers} == {
        ("one", (1,), "/"),
        ("two", (2,), "/admin"),
    }


async def test_a_client_that_leaves_one_namespace_is_still_in_the_other(io, lab):
    alice = lab.client("alice")
    await alice.connect(lab.url, namespaces=["/", "/admin"])
    await lab.clear()
    await io.disconnect(alice.get_sid("/admin"), namespace="/admin")
    await io.emit("news", to="nowhere")
    await io.emit("news", to="nowhere", namespace="/admin")
    left, missed, nobody = await taken(lab)
    assert (left.kind, left.namespace) == ("disconnect", "/admin")
    assert (missed.missed(), nobody.missed()) == (["alice"], [])
    await alice.eio.disconnect()  # without Socket.IO's goodbye
    [goodbye] = await taken(lab)
    assert (goodbye.kind, goodbye.namespace) == ("disconnect", "/")


async def test_who_says_goodbye_to_one_namespace_is_not_in_it_any_more(io, lab):
    alice = lab.client("alice")
    await alice.connect(lab.url, namespaces=["/", "/admin"])
    await lab.clear()
    await alice.eio.send("1/admin,")  # as JavaScript's client does; Python's leaves them all
    await lab.settle()
    await io.emit("news", to="nowhere", namespace="/admin")
    await io.emit("news", to="nowhere")
    left, nobody, missed = await taken(lab)
    assert (left.kind, left.source, left.namespace) == ("disconnect", "alice", "/admin")
    assert (nobody.missed(), missed.missed()) == ([], ["alice"])


def test_who_came_back_to_a_namespace_leaves_it_once_more():
    link = Link("id", {}, "guest 1")
    link.enter("/")
    link.goodbyes += link.unsaid()
    assert link.unsaid() == []
    link.leave("/")
    link.enter("/")
    assert [goodbye.namespace for goodbye in link.unsaid()] == ["/"]


# -- who emits, and what ---------------------------------------------------------------------------


async def test_an_emission_knows_in_whose_handler_it_is_made(io, lab):
    @io.on("say")
    async def say(sid):
        await io.emit("said", to=sid)
        io.start_background_task(io.emit, "later", to=sid)

    alice, bob = await lab.join("alice", "bob")
    await alice.call("say")
    await io.emit("news", to=bob.get_sid())
    await lab.settle()
    assert {one.event: one.caller for one in lab.trace.emissions} == {
        "said": "alice",
        "later": "alice",
        "news": "",
    }


async def test_what_was_emitted_is_what_it_was_then(io, lab):
    await lab.join("alice")
    await lab.clear()
    data = {"list": [1]}
    await io.emit("nobody hears it", data, to="nowhere")
    await io.emit("all hear it", data)
    data["list"].append(2)
    emissions = await taken(lab)
    assert [one.data for one in emissions] == [({"list": [1]},), ({"list": [1]},)]


async def test_ordinary_data_that_looks_like_a_placeholder_is_shown_as_it_is(io, lab):
    data = {"_placeholder": True, "num": 0}
    alice = await lab.join("alice")
    await lab.clear()
    await alice.emit("say", data)
    await io.emit("said", data)
    sent, emission = await taken(lab)
    assert sent.data == (data,)
    assert emission.data == emission.deliveries[0].data == (data,)


async def test_data_beside_binary_that_only_half_looks_like_a_placeholder_is_shown(io, lab):
    alice = await lab.join("alice")
    await lab.clear()
    await alice.emit("say", [b"\x00", {"_placeholder": True}, {"_placeholder": False, "num": 0}])
    [sent] = await taken(lab)
    assert sent.data == (["<binary>", {"_placeholder": True}, {"_placeholder": False, "num": 0}],)


class BytesPacket(socketio.packet.Packet):
    """Writes each packet as bytes, as MessagePack does."""

    uses_binary_events = False

    def encode(self):
        return json.dumps([self.packet_type, self.data, self.namespace, self.id]).encode()

    def decode(self, encoded_packet):
        self.packet_type, self.data, self.namespace, self.id = json.loads(encoded_packet)


async def test_a_serializer_that_writes_bytes_is_read():
    io = socketio.AsyncServer(async_mode="aiohttp", serializer=BytesPacket)
    io.on("ask", lambda sid, what: "yes")
    async with await Lab.open(io) as lab:
        alice = await lab.join("alice", serializer=BytesPacket)
        await alice.call("ask", "?")
        await io.emit("news", "hi")
        asked, answered, emission = (await taken(lab))[2:]
        assert told(asked) == ("event", "alice", SERVER, "ask", ("?",))
        assert told(answered) == ("ack", SERVER, "alice", "ask", ("yes",))
        assert emission.heard() == {"alice"}


async def test_what_no_serializer_reads_is_called_that():
    reader = PacketReader(Trace())
    link = Link("id", {}, "guest 1")
    assert reader.read(link, "no", "a", "b").event == "(not a Socket.IO packet)"
    reader.use(BytesPacket)
    assert reader.read(link, b"[1]", "a", "b").event == "(not a Socket.IO packet)"
