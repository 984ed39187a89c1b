import asyncio
import logging
import os
import subprocess
import sys
import threading

import pytest
import pytest_asyncio
import socketio

from chatlib import ChatServer
from chatlib.web import WebServer

TIMEOUT = 5  # seconds, for everything that a test waits for
PATIENCE = 30  # seconds, for what takes long on a busy machine: a process's start, a flood's end


class Inbox(list):
    """The (event, arguments) pairs that a plain client has heard, in order."""

    def named(self, event):
        return [arguments for name, arguments in self if name == event]


class PlainClients:
    """Connects plain `socketio.AsyncClient` objects, and disconnects them after the test."""

    def __init__(self, url):
        self.url = url
        self.clients = []

    async def __call__(self, auth=None, **options):
        client = socketio.AsyncClient(handle_sigint=False, reconnection=False)
        self.clients.append(client)
        client.inbox = Inbox()
        client.on("*", lambda event, *arguments: client.inbox.append((event, arguments)))
        options = {"transports": ["websocket"], "wait_timeout": TIMEOUT} | options
        await client.connect(self.url, auth=auth, **options)
        return client

    async def close(self):
        for client in self.clients:
            await leave(client)


async def leave(client):
    """Disconnect a plain client, and see to it that nothing of its connection is left."""
    await client.shutdown()
    if client.eio.read_loop_task:  # one that the server hung up on may not be through yet
        await asyncio.wait([client.eio.read_loop_task], timeout=TIMEOUT)
    if client.eio.ws:  # python-engineio leaves it open if writing fails before reading does
        await client.eio.ws.close()


@pytest_asyncio.fixture
async def chat():
    """A `ChatServer` that listens, as ``chat.url`` says."""
    chat = ChatServer()
    web = WebServer(chat.io)
    await web.start()
    chat.url = web.url
    yield chat
    await web.stop()


@pytest_asyncio.fixture
async def connect(chat):
    """Connect plain clients to ``chat``: ``await connect(auth)``."""
    clients = PlainClients(chat.url)
    yield clients
    await clients.close()


async def flush(*clients):
    """Wait until all that the clients sent, and all that was sent to them, has arrived.

    Socket.IO keeps the order of one connection, so the answer to a last event proves that all
    before it was handled; the second round brings what the first one set off.
    """
    for _ in range(2):
        for client in clients:
            await client.call("flush", timeout=TIMEOUT)


async def eventually(condition, timeout=TIMEOUT):
    """Wait until ``condition()`` is true, for what no acknowledgement can tell."""
    async with asyncio.timeout(timeout):
        while not condition():  # noqa: ASYNC110  (whatever it waits for tells nobody)
            await asyncio.sleep(0.005)


class Command:
    """``python -m chatlib``, running; what it prints goes to files, which never block it."""

    def __init__(self, folder, arguments, environment):
        self._out, self._err = folder / "stdout", folder / "stderr"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "chatlib", *arguments],
                stdout=out,
                stderr=err,
                # As a person has it: what is not flushed does not come.
                env=os.environ
                | {"PYTHONIOENCODING": "utf-8", "PYTHONUNBUFFERED": ""}
                | environment,
            )

    @property
    def lines(self):
        return self._out.read_text("utf-8").splitlines()

    @property
    def errors(self):
        return self._err.read_text("utf-8").splitlines()

    @property
    def url(self):
        return self.lines[0].rpartition(" ")[2]

    async def listening(self):
        await eventually(lambda: self.lines or self._process.poll() is not None, PATIENCE)
        assert self.lines, self.errors

    async def ended(self):
        """Return the exit status."""
        await eventually(lambda: self._process.poll() is not None)
        return self._process.returncode

    def signal(self, signum):
        self._process.send_signal(signum)

    def kill(self):
        self._process.kill()
        self._process.wait(TIMEOUT)


@pytest_asyncio.fixture
async def command(tmp_path):
    """Start ``python -m chatlib``: ``await command("--port", "0")`` returns once it listens."""
    started = []

    async def start(*arguments, listening=True, **environment):
        folder = tmp_path / str(len(started))
        folder.mkdir()
        started.append(Command(folder, arguments, environment))
        if listening:
            await started[-1].listening()
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture
def log(caplog):
    """All log lines from warnings on; a traceback, anywhere, fails the test."""
    caplog.set_level(logging.INFO)
    yield lambda: [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    for record in caplog.get_records("call"):
        assert not record.exc_info, record.exc_text
        assert record.levelno <= logging.WARNING, record.getMessage()


@pytest_asyncio.fixture(autouse=True)
async def nothing_left():
    """Fail a test that leaves a task or a thread behind.

    A socket or file that is left is a `ResourceWarning`, and warnings are errors.
    """
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    yield
    await asyncio.sleep(0)
    left = asyncio.all_tasks() - tasks - {asyncio.current_task()}
    assert not left, f"tasks left: {left}"
    for thread in set(threading.enumerate()) - threads:
        thread.join(TIMEOUT)  # that of a database ends a moment after its connection is closed
        assert not thread.is_alive(), f"a thread is left: {thread}"
