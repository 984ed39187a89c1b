"""An Interrupt here is `raise_signal`; test_interrupt.py has the same with a real kernel."""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time

import pytest

from chatlib.lab import Lab, LabTimeoutError, blocking
from chatlib.lab.blocking import BlockedLoopError, LoopWatch, Stop, stoppable
from support.waiting import eventually

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a signal to a thread is POSIX")


@contextlib.contextmanager
def handled_by(handler):
    """Let somebody else handle Interrupts, and see that this is so afterwards."""
    earlier = signal.signal(signal.SIGINT, handler)
    yield
    assert signal.signal(signal.SIGINT, earlier) == handler


@pytest.fixture(autouse=True)
def interrupts():
    """The Interrupts that reached whoever handled them before."""
    came, tracer = [], sys.gettrace()
    with handled_by(lambda *_: came.append("an Interrupt")):
        yield came
    assert sys.gettrace() == tracer


def interrupt(*seconds):
    """Interrupt this process in so many seconds."""
    for each in seconds:
        main = threading.main_thread().ident
        threading.Timer(each, signal.pthread_kill, (main, signal.SIGINT)).start()


async def alone(coroutine):
    """Await a coroutine that must not end by itself, and return for how long it blocked."""
    blocks = []
    with pytest.raises(BlockedLoopError):
        await stoppable(coroutine, blocks.append)
    return blocks


async def computes():
    interrupt(0.01)
    while True:
        pass


async def sleeps():
    interrupt(0.01)
    time.sleep(60)  # noqa: ASYNC251


async def never_suspends():
    interrupt(0.01)
    while True:
        await returns(None)


async def has_an_except_clause():
    interrupt(0.01)
    while True:
        with contextlib.suppress(Exception):
            time.sleep(60)  # noqa: ASYNC251


async def takes_everything():
    interrupt(0.01)
    while True:
        try:  # noqa: SIM105
            time.sleep(60)  # noqa: ASYNC251
        except BaseException:  # noqa: BLE001
            pass


async def is_at_it_in_a_later_turn():
    await asyncio.sleep(0)
    await computes()


async def returns(value):
    return value


@pytest.mark.parametrize(
    "endless",
    [
        computes,
        sleeps,
        never_suspends,
        has_an_except_clause,
        takes_everything,
        is_at_it_in_a_later_turn,
    ],
)
async def test_an_interrupt_stops_what_blocks(endless, interrupts):
    [seconds] = await alone(endless())
    assert seconds > blocking.TURN
    assert interrupts == []


async def test_the_error_shows_where():
    with pytest.raises(BlockedLoopError) as caught:
        await stoppable(sleeps(), print)
    assert "sleeps" in [entry.name for entry in caught.traceback]
    assert caught.value.__cause__ is None


async def test_what_gives_way_is_awaited_as_ever():
    blocks = []

    async def answers():
        with pytest.raises(OSError, match="no"):
            await asyncio.gather(raises())
        await asyncio.sleep(0.01)
        return 7

    async def raises():
        raise OSError("no")

    assert await stoppable(answers(), blocks.append) == 7
    with pytest.raises(OSError, match="no"):
        await stoppable(raises(), blocks.append)
    assert blocks == []


def test_handlers_are_set_at_little_cost():
    assert blocking.handlers is not signal, "Python has renamed `_signal`"


async def test_it_can_be_cancelled():
    ended = []

    async def waits():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    task = asyncio.create_task(stoppable(waits(), print))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended


async def test_an_interrupt_in_a_short_turn_is_for_others(interrupts):
    async def short():
        signal.raise_signal(signal.SIGINT)
        assert interrupts == []
        return 7

    assert await stoppable(short(), print) == 7
    assert interrupts == ["an Interrupt"]


async def test_an_interrupt_between_turns_is_for_others(interrupts):
    async def waits():
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
        await asyncio.sleep(0.01)

    await stoppable(waits(), print)
    assert interrupts == ["an Interrupt"]


async def test_an_interrupt_that_others_ignore_stops_it_too():
    with handled_by(signal.SIG_IGN):  # as ipykernel does between cells
        await alone(computes())


async def test_a_handler_that_the_coroutine_sets_stays():
    async def sets():
        return signal.signal(signal.SIGINT, signal.SIG_IGN)

    with handled_by(signal.default_int_handler):
        earlier = await stoppable(sets(), print)
        assert signal.signal(signal.SIGINT, signal.default_int_handler) == signal.SIG_IGN
    assert earlier != signal.SIG_IGN


async def test_one_within_another():
    await alone(stoppable(sleeps(), print))


async def test_in_a_thread_it_does_without(interrupts):
    async def short():
        signal.raise_signal(signal.SIGINT)

    thread = threading.Thread(target=lambda: asyncio.run(stoppable(short(), print)))
    thread.start()
    await eventually(lambda: interrupts)
    thread.join()


# -- in a lab --------------------------------------------------------------------------------------


def as_handler(does):
    async def handler(sid, *_):
        await does()

    return handler


async def test_a_handler_of_the_server_is_stopped(io, lab):
    io.on("sleep", as_handler(sleeps))
    alice = await lab.join("alice")
    with pytest.raises(BlockedLoopError) as caught:
        await alice.call("sleep")
    assert caught.value.__notes__ == ["Raised in the server's handler of 'sleep' from alice."]
    assert (await lab.join("bob")).connected


async def test_a_handler_of_a_client_is_stopped(io, lab):
    alice = await lab.join("alice")
    alice.on("compute", computes)
    await io.emit("compute")
    with pytest.raises(BlockedLoopError) as caught:
        await lab.settle()
    assert caught.value.__notes__ == ["Raised in alice's handler of 'compute' from server."]


async def test_a_handler_of_a_disconnect_is_stopped(io, lab):
    io.on("disconnect", as_handler(computes))
    alice = await lab.join("alice")
    await alice.disconnect()
    with pytest.raises(BlockedLoopError):
        await lab.settle()


async def test_a_background_task_is_stopped(io, lab):
    io.start_background_task(computes)
    with pytest.raises(BlockedLoopError) as caught:
        await lab.settle()
    assert caught.value.__notes__ == ["Raised in the server's background task computes."]


async def test_a_wait_that_took_too_long_names_what_blocked_the_loop(io):
    io.on("slow", lambda sid: time.sleep(0.5))
    async with await Lab.open(io, timeout=0.4) as lab:
        alice = await lab.join("alice")
        await alice.emit("slow")
        with pytest.raises(LabTimeoutError) as caught:
            await lab.settle()
    assert str(caught.value) == (
        "Waited 0.4 s for the server's handler of 'slow' from alice, which blocked the event loop: "
        "nobody else got a turn."
    )


async def test_a_wait_that_took_too_long_does_not_name_what_blocked_it_earlier(io):
    io.on("slow", lambda sid: time.sleep(blocking.TURN + 0.1))
    io.on("endless", as_handler(asyncio.Event().wait))
    async with await Lab.open(io, timeout=1) as lab:
        alice = await lab.join("alice")
        await alice.call("slow")
        await alice.emit("endless")
        with pytest.raises(LabTimeoutError, match="handler of 'endless' from alice to end"):
            await lab.settle()


# -- without an Interrupt --------------------------------------------------------------------------


def blocks_for(seconds):
    with contextlib.suppress(Stop):
        time.sleep(seconds)


async def test_a_watch_stops_what_is_guilty():
    with LoopWatch(0.1, is_guilty=lambda frame: True) as watch:
        blocks_for(60)
    assert watch.has_stopped


async def test_a_watch_lets_others_be():
    with LoopWatch(0.1, is_guilty=lambda frame: False) as watch:
        blocks_for(0.5)
    assert not watch.has_stopped


async def test_a_watch_lets_be_what_gives_way():
    with LoopWatch(0.1, is_guilty=lambda frame: True) as watch:
        await asyncio.sleep(0.5)
    assert not watch.has_stopped


async def test_a_watch_looks_twice():
    # A machine that was asleep makes everything late once.
    with LoopWatch(10, is_guilty=lambda frame: True) as watch:
        watch._since -= 60
        blocks_for(0.1)
    assert not watch.has_stopped


async def test_a_watch_takes_its_alarm_away_again():
    before = signal.getsignal(signal.SIGALRM)
    with LoopWatch(0.1, is_guilty=lambda frame: True):
        assert signal.getsignal(signal.SIGALRM) != before
    assert signal.getsignal(signal.SIGALRM) == before
