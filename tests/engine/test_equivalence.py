"""The same traffic through python-socketio's own server and through ours: the same packets.

What is random is who is there, on which transport, in which namespaces and rooms, what is emitted
to whom, called and acknowledged, and how it ends. Each client must get the same packets from both
servers, to the letter but for ids, in the same order.

Left out is what differs on purpose: the answer to an unknown namespace, and packets that no client
sends. So is binary data for several clients at once, as python-engineio cannot send it to one that
polls and to one with a WebSocket.

Nor is compared what python-socketio leaves open, as it makes a task for each recipient: the order
of emissions of several tasks at the same time (one task, which awaits each, has an order), and
whether what is emitted while a client connects, upgrades or leaves still reaches it. So each step
ends here before the next one begins.
"""

import asyncio
import base64
import contextlib
import itertools
import json
import re

import pytest
import socketio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from socketio.exceptions import ConnectionRefusedError
from socketio.packet import ACK, CONNECT, EVENT, Packet

from chatlib.engine import Server
from support.io_servers import serving_io, within
from support.raw_clients import WEBSOCKET
from support.waiting import eventually

NAMES, ROOMS, NAMESPACES = ("alice", "bob", "carol"), ("tea", "cake"), ("/", "/admin")


class Client:
    """A client by hand, that polls or has a WebSocket, answers pings and ``ask``, notes the rest.

    Attributes:
        sids: Its ids, by namespace.
        heard: The Socket.IO packets that came.
    """

    def __init__(self, server):
        self.sids, self.heard = {}, []
        self._server = server
        self._numbers = itertools.count(1000)
        self._websocket = None
        self._reading = None
        self._has_heard = asyncio.Event()
        self._is_upgrading = False

    async def open(self, transport):
        if transport == "websocket":
            await self._use_websocket(WEBSOCKET)
        else:
            self._path = await self._server.poller()
            self._reading = asyncio.create_task(self._poll())

    async def _use_websocket(self, path):
        self._websocket = await self._server.http.ws_connect(path, max_msg_size=0)
        if path != WEBSOCKET:
            await self._websocket.send_str("2probe")
            assert (await within(self._websocket.receive())).data == "3probe"
            await within(self._reading)  # its last poll is answered
            await self._websocket.send_str("5")
        self._reading = asyncio.create_task(self._listen())

    async def upgrade(self):
        if not self._websocket:
            self._is_upgrading = True
            await self._use_websocket(self._path.replace("polling", "websocket"))

    async def _poll(self):
        while not self._is_upgrading:
            status, text = await self._server.get(self._path)
            if status != 200:
                return
            for packet in text.split("\x1e"):
                is_binary = packet[:1] == "b"
                await self._take(base64.b64decode(packet[1:]) if is_binary else packet)

    async def _listen(self):
        async for message in self._websocket:
            await self._take(message.data)

    async def _take(self, packet):
        if packet == "2":
            await self._send("3")
        elif isinstance(packet, bytes) or packet[:1] == "4":
            self.heard.append(packet if isinstance(packet, bytes) else packet[1:])
            self._has_heard.set()
            if isinstance(packet, str):
                await self._answer(packet[1:])

    async def until(self, condition):
        while not condition():
            self._has_heard.clear()
            await within(self._has_heard.wait())

    async def _answer(self, text):
        if '["ask"' in text and text[0] in "25":
            asked = Packet(encoded_packet=text)
            await self.send(Packet(ACK, [asked.id, b"answer"], asked.namespace, asked.id))

    async def send(self, packet):
        encoded = packet.encode()
        first, *attachments = encoded if isinstance(encoded, list) else [encoded]
        await self._send(f"4{first}", *attachments)

    async def _send(self, *packets):
        if self._websocket:
            for packet in packets:
                if isinstance(packet, str):
                    await self._websocket.send_str(packet)
                else:
                    await self._websocket.send_bytes(packet)
        else:
            texts = [
                packet if isinstance(packet, str) else f"b{base64.b64encode(packet).decode()}"
                for packet in packets
            ]
            assert (await self._server.post(self._path, "\x1e".join(texts)))[0] == 200

    async def join(self, namespace, auth):
        before = len(self.heard)
        await self.send(Packet(CONNECT, auth, namespace))
        await self.until(lambda: self.heard[before:])
        answer = Packet(encoded_packet=self.heard[before])
        if answer.packet_type == CONNECT:
            self.sids[namespace] = answer.data["sid"]

    async def call(self, namespace, event, data):
        """Emit an event, and wait for the acknowledgement."""
        number = next(self._numbers)
        await self.send(Packet(EVENT, [event, *data], namespace, number))
        await self.until_answered(namespace, number)

    async def call_many(self, namespace, calls):
        """The same, with many at once."""
        numbers = []
        for data in calls:
            numbers.append(next(self._numbers))
            await self.send(Packet(EVENT, ["echo", *data], namespace, numbers[-1]))
        for number in numbers:
            await self.until_answered(namespace, number)

    async def until_answered(self, namespace, number):
        where = "" if namespace == "/" else f"{namespace},"
        answer = re.compile(rf"(3|6\d+-){where}{number}\[")
        await self.until(
            lambda: any(isinstance(each, str) and answer.match(each) for each in self.heard)
        )

    async def flush(self):
        """Wait until all that was sent before has arrived."""
        for namespace in list(self.sids)[:1]:
            await self.call(namespace, "flush", [])

    async def leave(self, namespace):
        if self.sids.pop(namespace, None):
            await self._send(f"41{namespace},")

    async def end(self):
        """Say goodbye."""
        self.sids.clear()
        if self._websocket:
            await self._websocket.close()
        else:
            await self._send("1")
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reading


class Play:
    """A server, whoever's it is, and clients who do with it what a script says."""

    def __init__(self, server):
        self.io = server.io
        self.clients = {}
        self._server = server
        self._all = []
        for namespace in NAMESPACES:
            self.io.on("connect", self._connect, namespace)
            self.io.on("echo", self._echo, namespace)
            self.io.on("disconnect", self._disconnect, namespace)
            self.io.on("*", lambda event, sid, *data: (event, *data), namespace)
        self.told = []

    async def _connect(self, sid, environ, auth=None):
        if auth == "nobody":
            raise ConnectionRefusedError("Not you.", [1])
        return auth != "false"

    async def _echo(self, sid, *data):
        return data if len(data) != 1 else data[0]

    def _disconnect(self, sid, reason):
        self.told.append(reason)

    # -- what a script may say; what makes no sense at its place does nothing

    async def come(self, name, transport, namespace, auth):
        client = self.clients.get(name)
        if not client:
            client = self.clients[name] = Client(self._server)
            self._all.append(client)
            await client.open(transport)
        if namespace not in client.sids:
            await client.join(namespace, auth)

    async def upgrade(self, name):
        if client := self.clients.get(name):
            await client.upgrade()

    async def enter(self, name, namespace, room):
        if sid := self.sid(name, namespace):
            await self.io.enter_room(sid, room, namespace)

    async def quit(self, name, namespace, room):
        if sid := self.sid(name, namespace):
            await self.io.leave_room(sid, room, namespace)

    async def emit(self, emissions):
        for namespace, data, to, skip in emissions:
            # Who is not here is a room of that name, where nobody is.
            to = [self.sid(each, namespace) or each for each in to]
            skip = [self.sid(each, namespace) for each in skip]
            await self.io.emit(
                "news",
                data,
                to=to[0] if len(to) == 1 else to or None,
                skip_sid=skip[0] if len(skip) == 1 else skip or None,
                namespace=namespace,
            )

    async def ask(self, name, namespace, data):
        if sid := self.sid(name, namespace):
            answer = await self.io.call("ask", data, to=sid, namespace=namespace, timeout=10)
            await self.io.emit("answer", answer, to=sid, namespace=namespace)

    async def call(self, name, namespace, event, data):
        if self.sid(name, namespace):
            await self.clients[name].call(namespace, event, data)

    async def call_many(self, name, namespace, calls):
        if self.sid(name, namespace):
            await self.clients[name].call_many(namespace, calls)

    async def leave(self, name, namespace):
        if self.sid(name, namespace):
            told = len(self.told)
            await self.clients[name].leave(namespace)
            await eventually(lambda: len(self.told) > told)

    async def throw_out(self, name, namespace):
        if sid := self.sid(name, namespace):
            client = self.clients[name]
            del client.sids[namespace]
            before = len(client.heard)
            await self.io.disconnect(sid, namespace)
            await client.until(lambda: client.heard[before:])

    async def end(self, name):
        if client := self.clients.pop(name, None):
            count = len(self.io.environ)
            await client.end()
            await eventually(lambda: len(self.io.environ) < count)

    # --

    def sid(self, name, namespace):
        client = self.clients.get(name)
        return client and client.sids.get(namespace)

    async def run(self, script):
        """Return what each client heard, and why the server says that they left."""
        for what, *arguments in script:
            await getattr(self, what)(*arguments)
            for client in self.clients.values():
                await client.flush()
        for name in list(self.clients):
            await self.end(name)
        heard = [
            [re.sub('"sid":"[^"]*"', "", each) if isinstance(each, str) else each for each in one]
            for one in (client.heard for client in self._all)
        ]
        return heard, self.told


async def played(io, script):
    tasks = asyncio.all_tasks()
    async with serving_io(io) as server:
        result = await within(Play(server).run(script))
    left = (
        asyncio.all_tasks() - tasks
    )  # python-engineio's pings, of whom it does not know to be gone
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    return result


TEXTS = st.text('aé\U0001f375"\\', max_size=3)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXTS | st.binary(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
TEXT_DATA = DATA.map(lambda data: json.loads(json.dumps(data, default=repr)))
WHO, WHERE = st.sampled_from(NAMES), st.sampled_from(NAMESPACES)
EMISSIONS = st.one_of(
    st.tuples(
        WHERE,
        TEXT_DATA | st.tuples(TEXT_DATA, TEXT_DATA),
        st.lists(st.sampled_from(ROOMS + NAMES), max_size=2),
        st.lists(WHO, max_size=2),
    ),
    st.tuples(
        WHERE, DATA | st.tuples(DATA, DATA), st.lists(WHO, min_size=1, max_size=1), st.just([])
    ),
)
COMING = st.tuples(
    st.just("come"),
    WHO,
    st.sampled_from(["polling", "websocket"]),
    WHERE,
    st.sampled_from([None, None, {"token": 1}, "nobody", "false"]),
)
STEPS = st.one_of(
    COMING,
    st.tuples(st.just("upgrade"), WHO),
    st.tuples(st.sampled_from(["enter", "enter", "quit"]), WHO, WHERE, st.sampled_from(ROOMS)),
    st.tuples(st.just("emit"), st.lists(EMISSIONS, min_size=1, max_size=4)),
    st.tuples(st.just("ask"), WHO, WHERE, DATA | st.tuples(DATA, DATA)),
    st.tuples(
        st.just("call"), WHO, WHERE, st.sampled_from(["echo", "other"]), st.lists(DATA, max_size=3)
    ),
    st.tuples(st.just("call_many"), WHO, WHERE, st.lists(st.lists(DATA, max_size=2), max_size=5)),
    st.tuples(st.sampled_from(["leave", "throw_out"]), WHO, WHERE),
    st.tuples(st.just("end"), WHO),
)


@pytest.mark.slow
@settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.generate],  # to make a failure small would take minutes
    suppress_health_check=list(HealthCheck),
)
@given(
    coming=st.lists(COMING, min_size=3, max_size=6), steps=st.lists(STEPS, min_size=5, max_size=15)
)
async def test_both_servers_send_each_client_the_same(coming, steps):
    script = [*coming, *steps]
    theirs = socketio.AsyncServer(async_mode="aiohttp", monitor_clients=False)
    assert await played(Server(), script) == await played(theirs, script)
