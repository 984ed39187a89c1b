import asyncio
import contextlib
import queue
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
import socketio
from jupyter_client.manager import KernelManager

from chatlib.lab import Lab
from support.waiting import PATIENCE, WHOLE_RUN

pytestmark = pytest.mark.slow

STOPPED_WITHIN = 15  # seconds; far less than anything waits for here
FOR_EVER = 300  # seconds

OPEN = f"""
import asyncio
import socketio
from chatlib.lab import Lab, exercise

def when_waiting():
    # Said when the cell has nothing more to do than to wait.
    asyncio.get_running_loop().call_later(0.1, print, "waiting")

io = socketio.AsyncServer(async_mode="aiohttp")
io.on("fine", lambda sid: "fine")

@io.on("slow")
async def slow(sid):
    await asyncio.Event().wait()

lab = await Lab.open(io, timeout={FOR_EVER})
alice, bob = await lab.join("alice", "bob")

@alice.on("slow")
async def slow_too():
    await asyncio.Event().wait()
"""

BLOCKING = """
import threading
import time

def when_blocked():
    # Said by another thread; without an end of line, which would be a message of its own.
    threading.Timer(0.5, print, ["blocked"], {"end": ""}).start()

@io.on("compute")
async def compute(sid=None):
    when_blocked()
    while True:
        pass

@io.on("sleep")
def sleep(sid):
    when_blocked()
    time.sleep(1000)

@io.on("compute later")
async def compute_later(sid):
    await asyncio.sleep(1)
    await compute()

alice.on("compute", compute)
"""


class Kernel:
    """A real kernel, as behind a notebook."""

    def __init__(self):
        self._manager = KernelManager(kernel_name="python3")
        self._manager.start_kernel()
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=PATIENCE)

    def run(self, code, *, interrupt_at=None):
        """Run a cell, and return its outputs; interrupt it when it prints something."""
        # Else the kernel drops, for a moment after an error, what it is asked to run next.
        cell = self._client.execute(code, stop_on_error=False)
        outputs = []
        for message in self._messages():
            if message["parent_header"].get("msg_id") != cell:
                continue
            kind, content = message["msg_type"], message["content"]
            if text := _stdout(message):
                outputs += filter(None, [text.strip()])  # a line and its end may come apart
                if interrupt_at and interrupt_at in text:
                    self._manager.interrupt_kernel()
            elif kind == "error":
                outputs.append(content["ename"])
            elif kind == "status" and content["execution_state"] == "idle":
                return outputs
        pytest.fail(f"The cell did not end; it printed {outputs}: {code}")

    def interrupt_at(self, text):
        """Interrupt the kernel when something has been printed, in whichever cell."""
        for message in self._messages():
            if text in _stdout(message):
                self._manager.interrupt_kernel()
                return
        pytest.fail(f"Nobody printed {text!r}.")

    def _messages(self):
        deadline = time.monotonic() + STOPPED_WITHIN
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                yield self._client.get_iopub_msg(timeout=1)
                deadline = time.monotonic() + STOPPED_WITHIN

    def close(self):
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)
        self._manager.context.destroy()


def _stdout(message):
    content = message["content"]
    is_stdout = message["msg_type"] == "stream" and content["name"] == "stdout"
    return content["text"] if is_stdout else ""


@pytest.fixture(scope="module")
def kernel():
    kernel = Kernel()
    yield kernel
    kernel.close()


@pytest.mark.parametrize(
    "wait",
    [
        pytest.param('await alice.emit("slow"); await lab.settle()', id="settle"),
        pytest.param('await alice.emit("slow"); await lab.show()', id="show"),
        pytest.param('await alice.call("slow")', id="call"),
        pytest.param(
            'await io.call("slow", to=alice.get_sid(), timeout=300)',
            id="io.call",
        ),
        pytest.param("await asyncio.sleep(300)", id="sleep"),
        pytest.param("await asyncio.Event().wait()", id="an event"),
        pytest.param("await alice.wait()", id="wait"),
    ],
)
def test_interrupt_stops_a_cell_that_waits(kernel, wait):
    assert kernel.run(OPEN) == []
    outputs = kernel.run(f"when_waiting()\n{wait}", interrupt_at="waiting")
    assert outputs == ["waiting", "CancelledError"]
    assert kernel.run("print(1 + 1)") == ["2"]
    # The clients and the server live on.
    assert kernel.run('print(await bob.call("fine"))') == ["fine"]


def test_interrupt_stops_an_exercise_whose_answer_does_not_end(kernel):
    answer = """
async def answer(io):
    when_waiting()
    await asyncio.Event().wait()

exercise("03.1").judge.__globals__["TIMEOUT"] = 300
await exercise("03.1").check(answer)
"""
    assert kernel.run(OPEN) == []
    assert kernel.run(answer, interrupt_at="waiting") == ["waiting", "CancelledError"]
    assert kernel.run('print(await bob.call("fine"))') == ["fine"]


def test_after_an_interrupt_the_first_cell_can_run_again(kernel):
    assert kernel.run(OPEN) == []
    kernel.run('when_waiting(); await alice.call("slow")', interrupt_at="waiting")
    assert kernel.run(OPEN) == []
    assert kernel.run("await lab.settle(); print(alice)") == ["<alice: connected>"]


def test_interrupt_stops_a_cell_that_computes(kernel):
    assert kernel.run(OPEN) == []
    # Said by another thread: IPython cannot show an interrupt that comes while the cell prints.
    busy = "import threading; threading.Timer(0.1, print, ['busy'], {'end': ''}).start()"
    outputs = kernel.run(f"{busy}\nwhile True: pass", interrupt_at="busy")
    assert outputs == ["busy", "KeyboardInterrupt"]
    assert kernel.run('print(await bob.call("fine"))') == ["fine"]


@pytest.mark.parametrize(
    "wait",
    [
        pytest.param('await alice.emit("compute"); await lab.settle()', id="settle"),
        pytest.param('await alice.emit("sleep"); await lab.show()', id="show"),
        pytest.param('await alice.call("sleep")', id="call"),
        pytest.param('await io.emit("compute"); await lab.settle()', id="a client's"),
        pytest.param(
            "io.start_background_task(compute); await lab.settle()",
            id="a task",
        ),
    ],
)
def test_interrupt_stops_a_handler_that_blocks(kernel, wait):
    assert kernel.run(OPEN + BLOCKING) == []
    assert kernel.run(wait, interrupt_at="blocked") == ["blocked", "BlockedLoopError"]
    assert kernel.run('print(await bob.call("fine"))') == ["fine"]


def test_interrupt_stops_a_handler_that_blocks_between_cells(kernel):
    assert kernel.run(OPEN + BLOCKING) == []
    assert kernel.run('await alice.emit("compute later")') == []
    kernel.interrupt_at("blocked")
    assert kernel.run("await lab.settle()") == ["BlockedLoopError"]
    assert kernel.run('print(await bob.call("fine"))') == ["fine"]


# -- the wake-up descriptor ------------------------------------------------------------------------


def wakeup_fd():
    found = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(found)
    return found


def new_lab(name="lab"):
    return Lab.open(socketio.AsyncServer(async_mode="aiohttp"), name=name)


@pytest.fixture
def none_set():
    """Nobody watches signals; pytest and its plug-ins may."""
    before = signal.set_wakeup_fd(-1)
    yield
    signal.set_wakeup_fd(before)


@pytest.fixture
def another_s():
    """Somebody else watches signals."""
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    before = signal.set_wakeup_fd(sender.fileno())
    yield sender.fileno()
    signal.set_wakeup_fd(before)
    receiver.close()
    sender.close()


async def test_the_descriptor_is_there_while_a_lab_is_open(none_set):
    async with await new_lab():
        assert wakeup_fd() != -1
    assert wakeup_fd() == -1


async def test_a_lab_that_replaces_another_watches_in_its_turn(none_set):
    await new_lab()
    async with await new_lab():
        assert wakeup_fd() != -1
    assert wakeup_fd() == -1


async def test_a_lab_that_outlives_another_watches_still(none_set):
    async with await new_lab("first") as first, await new_lab("second"):
        await first.close()
        assert wakeup_fd() != -1
    assert wakeup_fd() == -1


AFTER_ANOTHER_LOOP = """
import asyncio, os, signal, socket, socketio
from chatlib.lab import Lab

def new_lab():
    return Lab.open(socketio.AsyncServer(async_mode="aiohttp"))

def wakeup_fd():
    found = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(found)
    return found

async def use():
    async with await new_lab():
        with socket.socket(fileno=os.dup(wakeup_fd())) as signals:
            async with asyncio.timeout(10):  # more than fits in, unless the loop takes it
                await asyncio.get_running_loop().sock_sendall(signals, b"2" * 1_000_000)

asyncio.run(new_lab())
asyncio.run(use())
print(wakeup_fd())
"""


def test_a_lab_watches_though_an_earlier_event_loop_ended_with_one_open():
    done = subprocess.run(
        [sys.executable, "-c", AFTER_ANOTHER_LOOP],
        capture_output=True,
        text=True,
        timeout=WHOLE_RUN,
        check=True,
    )
    assert done.stdout == "-1\n"


async def test_a_lab_in_a_thread_that_outlives_another_closes(none_set):
    opened, go_on = threading.Event(), asyncio.Event()

    async def use():
        async with await new_lab("thread"):
            loop.append(asyncio.get_running_loop())
            opened.set()
            await go_on.wait()

    loop = []
    async with await new_lab():
        thread = asyncio.create_task(asyncio.to_thread(asyncio.run, use()))
        await asyncio.to_thread(opened.wait, PATIENCE)
    loop[0].call_soon_threadsafe(go_on.set)
    await thread
    assert wakeup_fd() == -1
    await asyncio.get_running_loop().shutdown_default_executor()


async def test_the_descriptor_of_somebody_else_is_left_alone(another_s):
    async with await new_lab():
        assert wakeup_fd() == another_s
    assert wakeup_fd() == another_s


async def test_a_descriptor_that_somebody_sets_meanwhile_is_left_alone(none_set):
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    async with await new_lab():
        signal.set_wakeup_fd(sender.fileno())
    assert wakeup_fd() == sender.fileno()
    signal.set_wakeup_fd(-1)
    receiver.close()
    sender.close()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of a process are POSIX")
async def test_many_signals_do_not_fill_it(none_set):
    earlier = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        async with await new_lab() as lab:
            for _ in range(20_000):  # more than the buffer of a socket holds
                signal.raise_signal(signal.SIGUSR1)
            assert (await lab.join("alice")).connected
    finally:
        signal.signal(signal.SIGUSR1, earlier)


async def test_a_lab_in_a_thread_does_without(none_set):
    clients = []

    async def use():
        async with await new_lab("thread") as lab:
            clients.append(await lab.join("alice"))

    thread = threading.Thread(target=asyncio.run, args=(use(),))
    thread.start()
    await asyncio.to_thread(thread.join, 30)
    assert clients
    assert wakeup_fd() == -1
    await asyncio.get_running_loop().shutdown_default_executor()
