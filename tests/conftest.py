import asyncio
import contextlib
import logging
import re
import threading

import pytest
import pytest_asyncio

from chatlib.__main__ import main
from support import npm
from support.processes import Command
from support.redis_servers import RedisServer
from support.servers import Servers, serving
from support.waiting import TIMEOUT, threads_end

ALL_SLOW = re.compile(r"^pytestmark = \[?pytest\.mark\.slow\b", re.MULTILINE)


def pytest_ignore_collect(collection_path, config):
    """Import nothing that is slow as a whole in a run without slow tests."""
    if config.option.markexpr == "not slow" and collection_path.suffix == ".py":
        return bool(ALL_SLOW.search(collection_path.read_text("utf-8"))) or None
    return None


@pytest_asyncio.fixture
async def server():
    """A `Server` with a chat of the default options."""
    async with serving() as server:
        yield server


@pytest.fixture
def chat(server):
    """The `ChatServer` of ``server``."""
    return server.chat


@pytest.fixture
def connect(server):
    """Connect plain clients to ``server``: ``await connect(auth)``."""
    return server.connect


@pytest_asyncio.fixture
async def servers(tmp_path):
    """Start servers that keep their messages in one file: ``await servers(**options)``."""
    servers = Servers(tmp_path)
    yield servers
    await servers.stop()


@pytest_asyncio.fixture
async def command(tmp_path):
    """Start ``python -m chatlib``: ``await command("--port", "0")`` returns once it listens."""
    started = []

    async def start(*arguments, listening=True, **environment):
        folder = tmp_path / f"command {len(started)}"
        folder.mkdir()
        started.append(Command(folder, arguments, environment))
        if listening:
            await started[-1].printed()
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture
def soon_cut(monkeypatch):
    """Who is hung up on, and does not close its WebSocket, is cut off in less than a second."""
    monkeypatch.setattr("chatlib.engine.session.GOODBYE", 0.02)


@pytest.fixture
def fails(capfd):
    """Run ``python -m chatlib`` in this process, and return the one line with which it ends."""
    log = logging.getLogger("chatlib")
    before = log.level, log.handlers[:]

    def run_main(*arguments):
        assert main(["--port", "0", *arguments]) == 1
        shown = capfd.readouterr()
        assert shown.out == ""
        [line] = shown.err.splitlines()
        return line

    yield run_main
    threads_end()
    log.level, log.handlers[:] = before


@pytest.fixture(scope="session")
def redis_url():
    """The address of a Redis server."""
    with RedisServer() as server:
        yield server.url


@pytest.fixture(scope="session")
def node():
    """The path of Node.js, with the packages of ``tests/js`` installed for it."""
    return npm.node()


@pytest.fixture(scope="session")
def client_script(node):
    """The folder of the browser's client, so that browsers need no internet."""
    return npm.PACKAGES / "socket.io-client" / "dist"


@pytest.fixture
def hub(monkeypatch):
    """Have this program run on a JupyterHub, as Ada's: ``hub(public_url)``, empty if unknown."""

    def run(public_url="", prefix="/user/ada/"):
        monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", prefix)
        monkeypatch.setenv("JUPYTERHUB_PUBLIC_URL", public_url)

    return run


@pytest.fixture
def log(caplog):
    """All log lines from warnings on; a traceback, anywhere, fails the test."""
    caplog.set_level(logging.INFO)
    yield lambda: [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    for record in caplog.get_records("call"):
        assert not record.exc_info, record.exc_text
        assert record.levelno <= logging.WARNING, record.getMessage()


@pytest.fixture(autouse=True)
def nothing_left(request):
    """Fail a test that leaves a task or a thread behind.

    A socket or file that is left is a `ResourceWarning`, and warnings are errors.
    """
    if request.node.get_closest_marker("asyncio"):  # no other test needs an event loop
        request.getfixturevalue("no_task_left")
        yield
    else:
        with no_thread_left():
            yield


@pytest_asyncio.fixture
async def no_task_left():
    """Fail a test that leaves a task in its event loop, or a thread, behind."""
    tasks = asyncio.all_tasks()
    with no_thread_left():
        yield
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - tasks - {asyncio.current_task()}
        assert not left, f"tasks left: {left}"


@contextlib.contextmanager
def no_thread_left():
    """Fail if a thread is left of those that are started meanwhile."""
    threads = set(threading.enumerate())
    yield
    for thread in set(threading.enumerate()) - threads:
        thread.join(TIMEOUT)  # that of a database ends a moment after its connection is closed
        assert not thread.is_alive(), f"a thread is left: {thread}"
