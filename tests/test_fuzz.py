"""Fifty thousand hostile frames and payloads: no traceback, no ghost, no leak, and nobody hears.

What is sent is the same in every run. Frames are counted where the server has read them: what a
client sends after the frame that it is hung up on for does not count.
"""

import asyncio
import base64
import contextlib
import gc
import json
import logging
import random
import re
import sys
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from socketio.packet import Packet

from chatlib.engine import frames as frames_module
from chatlib.engine.packets import RESERVED_EVENTS
from chatlib.engine.reader import Reader
from chatlib.limits import Allowance, Limits
from support.clients import flush
from support.raw_clients import websocket_frame
from support.servers import CLIENT_EVENTS, serving
from support.waiting import PATIENCE, eventually

pytestmark = pytest.mark.slow
FRAMES = 46_000
SESSIONS = 150
EXAMPLES, PAYLOADS = 75, 20
CONNECTIONS = 6
DEADLINE = 200  # seconds; it takes about a tenth of that

PLENTY = Limits(
    burst=10**9,
    messages_per_second=10**9,
    burst_bytes=10**12,
    bytes_per_second=10**12,
    unread_bytes=100_000_000,
)

VALID = [
    "40",
    "40{}",
    '40{"userId":"eve","name":"Eve"}',
    '40{"offset":0}',
    "40/admin,",
    "41",
    "41/admin,",
    '421["message",{"room":"fuzz","text":"hi"}]',
    '42["message",{"user":"eve","text":"h\\u00e9","others":false}]',
    '422["message",{"room":7,"nested":{"a":[1,-2.5e3,null,true]}}]',
    '423["join-room","fuzz"]',
    '424["join-room",{"room":"fuzz","offset":0}]',
    '425["leave-room","fuzz"]',
    '426["connect",{}]',
    '427["nonsense",1,2,3]',
    '42/admin,8["message",{}]',
    "431[]",
    '4312["x",{"y":[]}]',
    '44{"message":"no"}',
    '451-9["message",{"room":"fuzz","file":{"_placeholder":true,"num":0}}]',
    '452-["message",[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]]',
    '461-1[{"_placeholder":true,"num":0}]',
    "1",
    "2probe",
    "3",
    "5",
    "6",
    "bAAEC",
    b"",
    b"\x00\x01\xff",
    b'2["message",1]',
]
# What a connection survives, by its number: most frames are meant to come far.
EVENTS = [frame for frame in VALID if str(frame).startswith("42")]
JSON = [
    *("null", "true", "0", "-1", "7.0", "1e308", "1e999", "NaN", "-Infinity", "9" * 20, "9" * 400),
    *('""', '"fuzz"', '"connect"', '"message"', '"user:friend"', '"\\ud800"', '"\\u0000"', '"é"'),
    *("[]", "{}", "[null]", "[[],{}]", '{"room":"fuzz"}', '{"user":"eve","others":true}'),
    *('{"_placeholder":true,"num":0}', '{"_placeholder":1}', '{"__proto__":{}}', '{"offset":-1}'),
    *("[" * n + "]" * n for n in (50, 101, 2000)),
    '"' + "x" * 500 + '"',
]
RAW = [*'0123456789"[]{},:-/\\', "\x00", "\x1e", "٣", "²", "\ud800", "9" * 120, "[" * 3000]
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*":?|-?\d[\d.e]*|null|true|false|\{\}|\[\]')


def mutated(source):
    """A valid frame, changed in a few places."""
    dice = source.random()
    if dice < 0.03:
        return broken(source, source.choice(VALID))
    frame = source.choice(EVENTS)
    if dice < 0.05:
        return frame + '["x"]'
    for _ in range(source.choice((0, 1, 1, 2, 3))):
        tokens = TOKEN.finditer(frame, frame.index("["))
        if values := [token.span() for token in tokens if not token[0].endswith(":")]:
            start, end = source.choice(values)
            frame = frame[:start] + source.choice(JSON) + frame[end:]
    return frame.replace("\ud800", "?")


def broken(source, frame):
    """The same, with no respect for any syntax."""
    if isinstance(frame, bytes):
        return frame + source.randbytes(source.randrange(8))
    for _ in range(source.choice((0, 1, 1, 2, 5))):
        at = source.randint(0, len(frame))
        to = at + source.choice((0, 1, 1, 4))
        new = source.choice(["", source.choice(RAW), source.choice(JSON), frame[at:to] * 3])
        frame = frame[:at] + new + frame[to:]
    return frame.replace("\ud800", "?")


class Watch(logging.Handler):
    """Notes every record with a traceback or an error in it, and counts the rest."""

    def __init__(self):
        super().__init__()
        self.wrong = []
        self.warnings = 0

    def emit(self, record):
        if (
            record.exc_info
            or record.levelno > logging.WARNING
            or "Traceback" in record.getMessage()
        ):
            self.wrong.append(record.getMessage())
        self.warnings += record.levelno == logging.WARNING


class Fuzz:
    """A server under attack, and two well-behaved clients in it."""

    def __init__(self, server, count):
        self.server = server
        self.count = count
        self.watch = Watch()
        self.said = 0

    async def begin(self):
        self.friend = await self.server.client({"userId": "friend"})
        self.bystander = await self.server.client({"userId": "bystander"})
        await self.bystander.call("join-room", "private")
        self.secrets = {self.friend.sid, self.bystander.sid}
        await flush(self.bystander)
        self.bystander.frames.clear()
        self.before = sorted(self.server.ghosts)
        self.connections = len(self.server.web.connections)

    async def check(self):
        """The bystander hears its friend, and of strangers only what everyone may hear."""
        expected = []
        for address in ({"room": "private"}, {"user": "bystander"}, {"room": self.bystander.sid}):
            self.said += 1
            data = {**address, "said": self.said}
            expected.append({**data, "from": {"id": self.friend.sid, "userId": "friend"}})
            assert await self.friend.call("message", data) == {"ok": True}
        await flush(self.friend, self.bystander)
        heard = []
        for frame in self.bystander.frames:
            if not isinstance(frame, str) or frame.startswith("43") or frame == "2":
                continue
            data = frame[2:] if frame[1] == "2" else frame[2:].partition("-")[2]
            event, said = json.loads(data)
            if event == "single-message":
                heard.append(said)
            elif event == "broadcast":
                assert said.endswith(" joined the server")
            else:
                assert event == "recieve-message"
                if isinstance(said, dict) and not said.get("_placeholder"):  # of bytes alone
                    assert said["from"]["id"] not in self.secrets
                    assert said["from"].get("userId") not in ("friend", "bystander")
        assert heard == expected
        self.friend.frames.clear()
        self.bystander.frames.clear()

    async def end(self, generation=2):
        """All is as it was before the strangers came."""
        await eventually(lambda: sorted(self.server.ghosts) == self.before, PATIENCE)
        # Who was hung up on has a second to read why, and its connection takes memory until then.
        await eventually(lambda: len(self.server.web.connections) == self.connections, PATIENCE)
        await self.check()
        gc.collect(generation)  # a task that failed says so when it is collected
        assert self.watch.wrong == []


@pytest.fixture
def count(monkeypatch):
    """How many frames the server has read, and of how many events it has asked the limits."""
    count = SimpleNamespace(read=0, handled=0)
    read, read_payload, take = Reader.read, frames_module.read_payload, Allowance.take

    def read_frame_and_count(reader):
        frame = read(reader)
        count.read += frame is not None
        return frame

    def read_and_count(body, most):
        packets = read_payload(body, most)
        count.read += len(packets)
        return packets

    def take_and_count(*given, **more):
        count.handled += 1
        take(*given, **more)

    monkeypatch.setattr(Reader, "read", read_frame_and_count)
    monkeypatch.setattr(frames_module, "read_payload", read_and_count)
    monkeypatch.setattr(Allowance, "take", take_and_count)
    return count


@contextlib.asynccontextmanager
async def fuzzing(count, generation=2):
    """A `Fuzz`; what is logged goes to its watch, and nothing of it is kept in memory."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    # The two in it answer no pings: on a busy machine they would be taken for dead before the end.
    async with serving(limits=PLENTY, ping_interval=600) as server:
        fuzz = Fuzz(server, count)
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: fuzz.watch.wrong.append(str(context))
        )
        root.handlers[:] = [fuzz.watch]
        root.setLevel(logging.INFO)
        try:
            await fuzz.begin()
            yield fuzz
            await fuzz.end(generation)
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)


async def hostile_connections(fuzz, seed, total):
    """Send mutated frames on some connections at once, until the server has read so many."""
    end = fuzz.count.read + total

    async def one(source):
        while fuzz.count.read < end:
            wire = await fuzz.server.wire()
            drain = asyncio.create_task(wire.hung_up_on())
            if source.random() < 0.97:
                wire.send("40")
            with contextlib.suppress(ConnectionError):
                while fuzz.count.read < end and not drain.done():
                    wire.send(*[mutated(source) for _ in range(12)])
                    await wire.writer.drain()
                    await settled(fuzz, drain)
            await fuzz.server.hang_up(wire)
            await asyncio.wait([drain])
            drain.exception()

    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*[one(random.Random(seed * 100 + n)) for n in range(CONNECTIONS)])


async def settled(fuzz, drain):
    """Let the server read what was sent: so long as it reads, or hangs up."""
    idle = 0
    while idle < 3 and not drain.done():
        before = fuzz.count.read
        await asyncio.sleep(0)
        idle = 0 if fuzz.count.read != before else idle + 1


def live_bytes():
    """The size of all that lives in this process, as Python counts it, after a collection.

    That is every container the collector knows of, and every text, number and buffer in one.
    The allocator's own ways with memory, which make the size of a process vary, are no part of it.
    """
    gc.collect()
    containers = gc.get_objects()
    parts = {id(part): part for part in gc.get_referents(*containers)}
    parts.update((id(container), container) for container in containers)
    return sum(sys.getsizeof(part, 0) for part in parts.values())


class TestFrames:
    async def test_over_websockets_and_the_memory_afterwards(self, count):
        async with fuzzing(count) as fuzz:
            await hostile_connections(fuzz, 1, 1000)  # what is made once and kept is made now
            await fuzz.end()
            before = live_bytes()
            await hostile_connections(fuzz, 2, FRAMES)
            await fuzz.end()
            after = live_bytes()
            print(f"{fuzz.count.read} frames, {fuzz.watch.warnings} hung up on", before, after)
            assert fuzz.watch.warnings > FRAMES / 50  # it was hostile
            assert fuzz.count.handled > FRAMES / 4  # and came far
            assert after - before < 10 * FRAMES  # what is made once for some of them is less

    async def test_over_polling(self, count):
        source = random.Random(3)
        async with fuzzing(count) as fuzz:
            for _ in range(SESSIONS):
                path = await fuzz.server.poller()
                status = 200
                bodies = ["40", *["\x1e".join(map(text, frames(source, 8))) for _ in range(9)]]
                while status == 200 and bodies:
                    status, answer = await fuzz.server.post(path, bodies.pop(0).encode())
                    assert status in (200, 400), answer
                await fuzz.server.post(path, "1")
            print(f"{fuzz.count.read} packets in requests")
            assert fuzz.count.read > SESSIONS * 20

    async def test_what_is_no_websocket(self, count):
        source = random.Random(4)
        async with fuzzing(count) as fuzz:
            for _ in range(CONNECTIONS * 50):
                wire = await fuzz.server.wire()
                data = bytearray(b"".join(map(websocket_frame, ["40", *frames(source, 5)])))
                for _ in range(source.randrange(1, 9)):
                    data[source.randrange(len(data))] = source.randrange(256)
                wire.writer.write(bytes(data) + source.randbytes(source.randrange(64)))
                await wire.writer.drain()
                await settled(fuzz, asyncio.get_running_loop().create_future())
                await fuzz.server.hang_up(wire)


def frames(source, number):
    return [mutated(source) for _ in range(number)]


def text(frame):
    return frame if isinstance(frame, str) else f"b{base64.b64encode(frame).decode()}"


NAMES = st.sampled_from(
    ["room", "user", "others", "from", "key", "offset", "num", "_placeholder", "__proto__", ""]
)
TEXTS = st.text(st.characters(), max_size=10)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    TEXTS,
    st.sampled_from(["fuzz", "everyone", "user:friend", "room:private", 1e308, 2**64, -(10**400)]),
)


def nested(leaves):
    return st.recursive(
        leaves,
        lambda part: st.lists(part, max_size=4) | st.dictionaries(NAMES | TEXTS, part, max_size=4),
        max_leaves=6,
    )


AUTHS = nested(LEAVES)
VALUES = nested(LEAVES | st.binary(max_size=10))
EVENTS_AND_DATA = st.tuples(
    st.sampled_from(CLIENT_EVENTS) | st.sampled_from(sorted(RESERVED_EVENTS)) | TEXTS,
    st.tuples(VALUES) | st.lists(VALUES, max_size=3),
)


class TestPayloads:
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],  # to make a failure small would take minutes of timeouts
        suppress_health_check=list(HealthCheck),
    )
    @given(auth=AUTHS, payloads=st.lists(EVENTS_AND_DATA, min_size=PAYLOADS, max_size=PAYLOADS))
    async def test_every_one_is_answered(self, count, auth, payloads):
        async with fuzzing(count, generation=1) as fuzz:
            stranger = await fuzz.server.open()
            await stranger.send(f"40{json.dumps(auth)}")
            assert ((await stranger.receive()) or "hung up")[:2] in ("40", "44", "hu")
            await stranger.websocket.close()
            client = await fuzz.server.client({"userId": "eve"})
            for number, (event, data) in enumerate(payloads):
                encoded = Packet(data=[event, *data], id=number).encode()
                first, *attachments = encoded if isinstance(encoded, list) else [encoded]
                await client.send(f"4{first}", *attachments)
            answered = set()
            for _ in payloads:  # what cannot be handled is answered at once, and not in turn
                frame = await client.until(lambda frame: str(frame).startswith("43"))
                number, answer = re.fullmatch(r"43(\d+)\[(.*)\]", frame, re.DOTALL).groups()
                answer = json.loads(answer)
                assert answer["ok"] is True or answer["error"].endswith(".")
                answered.add(int(number))
            assert answered == {*range(len(payloads))}
            await client.websocket.close()
