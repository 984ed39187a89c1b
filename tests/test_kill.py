"""The server is killed again and again while people talk, and nobody misses a message."""

import asyncio
import itertools
import random
import sqlite3
from contextlib import closing

import aiohttp
import pytest
import socketio
from socketio.exceptions import BadNamespaceError, ConnectionError

from support.clients import leave
from support.processes import free_port
from support.waiting import PATIENCE, TIMEOUT, eventually

pytestmark = pytest.mark.slow
KILLS = 20
SENDERS = ("dave", "erin", "frank", "grace")
MESSAGES = 1250  # of each sender
AT_ONCE = 8  # so many at most wait for their acknowledgement
PER_CONNECTION = 150  # no limit of the server is in the way of so many
TO = ({}, {"others": True}, {"user": "bob"}, {"user": "carol"}, {"room": "tea"}, {"room": "cake"})
# Two tabs of one user, others with rooms, and one without a name.
READERS = (
    (None, []),
    ("bob", []),
    ("bob", ["cake"]),
    ("carol", ["tea"]),
    ("carol", ["tea", "cake"]),
    (None, ["tea"]),
)
DEADLINE = 200  # seconds; it takes about a tenth of that


class Chat:
    """``python -m chatlib`` on one file and one port, to be killed."""

    def __init__(self, command, file, port, session):
        self.session = session  # a client whose connection fails would leave its own behind
        self.url = f"http://127.0.0.1:{port}"
        self.is_up = asyncio.Event()
        self.acknowledged = {}  # ids by sender and number
        self._command, self._arguments = command, ("--history", str(file), "--port", str(port))
        self._enough = asyncio.Event()
        self._target = 0

    async def start(self):
        while True:
            self.process = await self._command(*self._arguments, listening=False)
            await eventually(lambda: self.process.lines or self.process.errors, PATIENCE)
            if self.process.lines:
                self.is_up.set()
                return
            assert "cannot listen" in self.process.errors[0], self.process.errors

    def kill(self):
        self.is_up.clear()
        self.process.kill()

    async def kill_at(self, targets):
        """Kill and start it each time that so many messages have been acknowledged."""
        for target in targets:
            self._target = target
            self._note()
            await self._enough.wait()
            assert self.process.errors == []
            self.kill()
            await self.start()

    def note(self, message, number):
        name = message["by"], message["n"]
        assert self.acknowledged.setdefault(name, number) == number
        self._note()

    def _note(self):
        if len(self.acknowledged) >= self._target:
            self._enough.set()
        else:
            self._enough.clear()


class Person:
    """A plain client, and another each time that it is cut off."""

    def __init__(self, chat, name):
        self.chat = chat
        self.auth = {"userId": name} if name else {}
        self.client = None

    def heard(self, event, *data):
        """Take an event; by default, nobody listens."""

    async def come(self):
        await self.leave()
        while True:
            await self.chat.is_up.wait()
            self.client = socketio.AsyncClient(
                handle_sigint=False, reconnection=False, http_session=self.chat.session
            )
            self.gone = asyncio.Event()
            self.client.on("disconnect", lambda *_: self.gone.set())
            self.client.on("*", self.heard)
            try:
                await self.client.connect(
                    self.chat.url, auth=self.auth, transports=["websocket"], wait_timeout=TIMEOUT
                )
            except ConnectionError:  # killed meanwhile
                await leave(self.client)
            else:
                return

    async def leave(self):
        if self.client:
            await leave(self.client)

    async def ask(self, event, data):
        """Return the acknowledgement, or nothing if the connection ends before it comes."""
        answer = asyncio.get_running_loop().create_future()
        try:
            await self.client.emit(event, data, callback=answer.set_result)
        except BadNamespaceError:
            return None
        gone = asyncio.create_task(self.gone.wait())
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        return answer.result() if answer.done() else None


class Sender(Person):
    async def send(self, messages, choose):
        """Send messages in their order, each until it is acknowledged."""
        while messages:
            await self.come()
            for _ in range(PER_CONNECTION // AT_ONCE):
                some = messages[: choose.randint(1, AT_ONCE)]
                answers = await asyncio.gather(*(self.ask("message", message) for message in some))
                for message, answer in zip(some, answers, strict=True):
                    if answer:
                        assert answer["ok"], answer
                        self.chat.note(message, answer["id"])
                        messages.remove(message)
                if not messages or self.gone.is_set():
                    break
        await self.leave()


class Reader(Person):
    def __init__(self, chat, name, rooms):
        super().__init__(chat, name)
        # What was heard in each room, and elsewhere: each has an offset of its own.
        self.streams = {room: [] for room in (None, *rooms)}
        self.auth["offset"] = 0
        self.gaps = 0

    def heard(self, event, *data):
        if event in ("recieve-message", "single-message"):
            [message] = data
            self.streams[message.get("room")].append(message)
            self.auth["offset"] = self.offset(None)
        self.gaps += event == "history-gap"

    def offset(self, room):
        return self.streams[room][-1]["id"] if self.streams[room] else 0

    async def read(self):
        """Listen until cancelled; come back with the offsets."""
        while True:
            await self.come()
            for room in filter(None, self.streams):
                answer = await self.ask("join-room", {"room": room, "offset": self.offset(room)})
                assert not answer or answer["ok"], answer
            await self.gone.wait()

    def expected(self, room, sent):
        """Return the ids that it has to hear in a room, or elsewhere."""
        me = self.auth.get("userId")
        return sorted(
            number
            for message, number in sent
            if message.get("room") == room and message.get("user") in (None, me)
        )


async def test_nobody_misses_or_doubles_a_message(command, tmp_path):
    choose = random.Random(20)
    file = tmp_path / "chat.db"
    talk = {
        name: [{"by": name, "n": n, "key": f"{n}", **choose.choice(TO)} for n in range(MESSAGES)]
        for name in SENDERS
    }
    everything = list(itertools.chain.from_iterable(talk.values()))
    targets = sorted(choose.sample(range(20, len(everything) - 20), KILLS))

    async with asyncio.timeout(DEADLINE), aiohttp.ClientSession() as session:
        chat = Chat(command, file, free_port(), session)
        readers = [Reader(chat, name, rooms) for name, rooms in READERS]
        await chat.start()
        reading = [asyncio.create_task(reader.read()) for reader in readers]
        senders = [Sender(chat, name).send(talk[name], random.Random(name)) for name in SENDERS]
        await asyncio.gather(chat.kill_at(targets), *senders)

        assert len(chat.acknowledged) == len(everything) == 5000
        sent = [(message, chat.acknowledged[message["by"], message["n"]]) for message in everything]
        for reader in readers:
            for room, stream in reader.streams.items():
                while len(stream) < len(reader.expected(room, sent)):  # noqa: ASYNC110  (its due)
                    await asyncio.sleep(0.01)
        for reader in readers:  # what would come twice comes before this
            assert await reader.ask("flush", None)
        for task in reading:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        for reader in readers:
            await reader.leave()

    for name in SENDERS:  # ids in the order in which they were sent
        numbers = [number for message, number in sent if message["by"] == name]
        assert numbers == sorted(numbers)
    for reader in readers:
        assert reader.gaps == 0
        for room, stream in reader.streams.items():
            assert [message["id"] for message in stream] == reader.expected(room, sent)
            for name in SENDERS:
                order = [message["n"] for message in stream if message["by"] == name]
                assert order == sorted(order)
    chat.kill()
    assert chat.process.errors == []
    with closing(sqlite3.connect(file)) as database:
        [ids] = zip(*database.execute("SELECT id FROM messages ORDER BY id"), strict=True)
    assert list(ids) == list(range(1, 5001))
