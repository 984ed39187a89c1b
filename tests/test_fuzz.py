"""Fifty thousand hostile frames and payloads: no traceback, no ghost, no leak, and nobody hears.

What is sent is the same in every run. Frames are counted where the server has read them: what a
client sends after the frame that it is hung up on for does not count.
"""

import asyncio
import contextlib
import gc
import json
import logging
import random
import tracemalloc
import warnings

import pytest
import pytest_asyncio
from conftest import TIMEOUT, eventually
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_clients import PATH, flush, staged

import chatlib.gate
from chatlib.limits import Limits
from chatlib.messages import CLIENT_EVENTS, RESERVED_EVENTS

FRAMES = 46_000
REQUESTS = 200
EXAMPLES, PAYLOADS = 150, 20
CONNECTIONS = 6

PLENTY = Limits(burst=10**9, messages_per_second=10**9, unread_bytes=100_000_000)

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
# Those that a connection survives: most frames are meant to come far.
MILD = [frame for frame in VALID if str(frame)[:2] == "42" or frame in ("40", "3", "5")]
PIECES = [
    *'0123456789"[]{},:-/\\',
    *("null", "true", "NaN", "1e999", "-0", "9" * 30, "\\ud800", "\x00", "\x1e", "é", "٣", "²"),
    *('{"_placeholder":true,"num":0}', '"room":', '"user":', '"from":', "[" * 120, "]" * 120),
    *('"connect"', '"message"', '"join-room"', '"*"', '"fuzz"', '["message",'),
]


def mutated(source, start):
    """A valid frame, changed in a few places from `start` on."""
    frame = source.choice(MILD if source.random() < 0.93 else VALID)
    if isinstance(frame, bytes):
        return frame + source.randbytes(source.randrange(8))
    if source.random() < 0.02:
        start = 0
    for _ in range(source.choice((0, 1, 1, 2, 3))):
        at = source.randint(min(start, len(frame)), len(frame))
        to = at + source.choice((0, 1, 1, 4))
        what = source.randrange(4)
        if what == 0:
            frame = frame[:at] + frame[to:]
        elif what == 1:
            frame = frame[:at] + source.choice(PIECES) + frame[to:]
        elif what == 2:
            frame = frame[:at] + frame[at:to] * 3 + frame[to:]
        else:
            frame = frame[:at] + source.choice(VALID[:22])[2:] + frame[to:]
    return frame


class Watch(logging.Handler):
    """Notes every record with a traceback or an error in it, and counts the rest."""

    def __init__(self):
        super().__init__()
        self.wrong = []
        self.warnings = 0

    def emit(self, record):
        if record.exc_info or record.levelno > logging.WARNING or "Traceback" in record.getMessage():
            self.wrong.append(record.getMessage())
        self.warnings += record.levelno == logging.WARNING


class Fuzz:
    """A server under attack, and two well-behaved clients in it."""

    def __init__(self, stage, read):
        self.stage = stage
        self.read = read  # a list whose only item counts the frames that the server has read
        self.watch = Watch()
        self.said = 0

    async def begin(self):
        self.friend = await self.stage.client({"userId": "friend"})
        self.bystander = await self.stage.client({"userId": "bystander"})
        await self.bystander.call("join-room", "private")
        self.secrets = {self.friend.sid, self.bystander.sid}
        await flush(self.bystander)
        self.bystander.frames.clear()
        self.before = sorted(self.stage.ghosts)

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
                if isinstance(said, dict):
                    assert said["from"]["id"] not in self.secrets
                    assert said["from"].get("userId") not in ("friend", "bystander")
        assert heard == expected
        self.friend.frames.clear()
        self.bystander.frames.clear()

    async def end(self):
        """All is as it was before the strangers came."""
        await eventually(lambda: sorted(self.stage.ghosts) == self.before)
        await self.check()
        gc.collect()  # a task that failed says so when it is collected
        assert self.watch.wrong == []


@pytest.fixture
def read(monkeypatch):
    """Count the frames that the gate has looked at."""
    count, look = [0], chatlib.gate._why_no_frame

    def look_and_count(frame, others):
        count[0] += 1
        return look(frame, others)

    monkeypatch.setattr(chatlib.gate, "_why_no_frame", look_and_count)
    return count


@pytest_asyncio.fixture
async def fuzz(read):
    """A `Fuzz`; all that is logged goes to its watch, and nothing of it is kept in memory."""
    root, chat = logging.getLogger(), logging.getLogger("chatlib")
    handlers, level = root.handlers[:], root.level
    async with staged(limits=PLENTY) as stage:
        fuzz = Fuzz(stage, read)
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: fuzz.watch.wrong.append(str(context))
        )
        root.handlers[:] = [fuzz.watch]
        root.setLevel(logging.INFO)
        try:
            await fuzz.begin()
            yield fuzz
            await fuzz.end()
        finally:
            root.handlers[:] = handlers
            root.setLevel(level)
    assert chat.propagate


async def hostile_connections(fuzz, seed, total):
    """Send mutated frames on some connections at once, until the server has read so many."""
    end = fuzz.read[0] + total

    async def one(source):
        while fuzz.read[0] < end:
            wire = await fuzz.stage.wire()
            drain = asyncio.create_task(wire.reader.read())  # until it is hung up on
            if source.random() < 0.97:
                wire.send("40")
            with contextlib.suppress(ConnectionError):
                while fuzz.read[0] < end and not drain.done():
                    wire.send(*[mutated(source, 3) for _ in range(40)])
                    await wire.writer.drain()
                    await settled(fuzz, drain)
            await fuzz.stage.hang_up(wire)
            await asyncio.wait([drain])
            drain.exception()

    async with asyncio.timeout(120):
        await asyncio.gather(*[one(random.Random(seed * 100 + n)) for n in range(CONNECTIONS)])


async def settled(fuzz, drain):
    """Let the server read what was sent: so long as it reads, or hangs up."""
    idle = 0
    while idle < 3 and not drain.done():
        before = fuzz.read[0]
        await asyncio.sleep(0)
        idle = 0 if fuzz.read[0] != before else idle + 1


class TestFrames:
    async def test_over_websockets_and_memory_afterwards(self, fuzz):
        """Memory is what Python allocated and did not free (`tracemalloc`), after a collection.

        The resident size of the process would tell of the allocator as well, and of what other
        tests left; a count of objects would not tell long ones from short ones.
        """
        await hostile_connections(fuzz, 1, 2000)  # what is made once, for all, is made now
        tracemalloc.start()
        try:
            await hostile_connections(fuzz, 2, 3000)
            before = await self.memory(fuzz)
            tracemalloc.stop()
            print("before", before)
        finally:
            tracemalloc.stop()

    async def memory(self, fuzz):
        await fuzz.end()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
