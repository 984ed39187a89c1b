import asyncio
import sys
from functools import partial

import pytest
import socketio

from chatlib.lab import Lab, LabTimeoutError


def notes(error):
    return " ".join(getattr(error, "__notes__", []))


async def ends(task):
    """Cancel a background task, and wait until it has ended."""
    task.cancel()
    await asyncio.wait([task])


# -- what never ends -------------------------------------------------------------------------------


async def test_a_ticker_is_not_waited_for(io, lab):
    ticks = []

    async def tick():
        while True:
            ticks.append(1)
            await io.sleep(60)

    task = io.start_background_task(tick)
    await lab.settle()
    assert ticks
    await ends(task)


async def test_a_ticker_that_a_handler_starts_is_not_waited_for(io, lab):
    tasks = []

    async def tick():
        while True:
            await io.sleep(60)

    @io.on("start")
    async def start(sid):
        tasks.append(io.start_background_task(tick))

    alice = await lab.join("alice")
    await alice.call("start")
    await lab.settle()
    await ends(tasks[0])


async def test_a_worker_that_waits_for_work_has_a_turn(io, lab):
    work = asyncio.Queue()

    async def pass_on():
        while True:
            await io.emit("done", await work.get())

    task = io.start_background_task(pass_on)
    io.on("do", lambda sid, what: work.put_nowait(what))
    alice = await lab.join("alice")
    heard = []
    alice.on("done", heard.append)
    for number in range(3):
        await alice.emit("do", number)
    await lab.settle()
    assert heard == [0, 1, 2]
    await ends(task)


async def test_an_error_of_a_ticker_is_raised(io, lab):
    async def tick():
        while True:
            await asyncio.sleep(0)
            print(1 / 0)

    io.start_background_task(tick)
    with pytest.raises(ZeroDivisionError) as caught:
        await lab.settle()
    assert notes(caught.value) == "Raised in the server's background task tick."


async def test_what_the_client_manager_starts_is_not_waited_for():
    class Manager(socketio.AsyncManager):
        def initialize(self):
            super().initialize()
            self.task = self.server.start_background_task(self.wait)

        async def wait(self):
            await asyncio.Event().wait()

    io = socketio.AsyncServer(async_mode="aiohttp", client_manager=Manager())
    async with await Lab.open(io, timeout=0.5) as lab:
        await lab.join("alice")
        assert not io.manager.task.done()


@pytest.mark.parametrize("by", ["its function", "the task itself"])
async def test_a_task_may_be_left_out(io, by):
    stop = asyncio.Event()

    async def listen():
        await stop.wait()

    async with await Lab.open(io, timeout=0.2) as lab:
        task = io.start_background_task(listen)
        lab.leave_out(listen if by == "its function" else {task})
        await lab.settle()
        stop.set()
        await task


async def test_the_error_says_how_to_leave_a_task_out(io):
    async def listen():
        await asyncio.Event().wait()

    async with await Lab.open(io, timeout=0.1) as lab:
        task = io.start_background_task(listen)
        with pytest.raises(LabTimeoutError, match=r"for the server's background task listen to e"):
            await lab.settle()
        with pytest.raises(LabTimeoutError) as caught:
            await lab.settle()
        assert "lab.leave_out(listen)" in notes(caught.value)
        assert "lab.leave_out(listen)" in "".join(caught.value._render_traceback_())
        await ends(task)


class Listener:
    async def listen(self, what="all"):
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    "target", [Listener().listen, partial(Listener.listen, Listener(), what="little")]
)
async def test_a_task_may_be_left_out_as_the_error_says(io, target):
    async with await Lab.open(io, timeout=0.1) as lab:
        task = io.start_background_task(target)
        with pytest.raises(LabTimeoutError) as caught:
            await lab.settle()
        assert "lab.leave_out(Listener.listen)" in notes(caught.value)
        lab.leave_out(Listener.listen)
        await lab.settle()
        await ends(task)


async def test_the_task_of_one_object_may_be_left_out_alone(io):
    one, other = Listener(), Listener()
    async with await Lab.open(io, timeout=0.1) as lab:
        tasks = [io.start_background_task(each.listen) for each in (one, other)]
        lab.leave_out(one.listen)
        with pytest.raises(LabTimeoutError):
            await lab.settle()
        lab.leave_out(other.listen)
        await lab.settle()
        for task in tasks:
            await ends(task)


async def test_a_function_without_a_name_is_called_so(io):
    async with await Lab.open(io, timeout=0.1) as lab:
        task = io.start_background_task(lambda: Listener().listen())
        with pytest.raises(LabTimeoutError) as caught:
            await lab.settle()
        assert "lab.leave_out(its function)" in notes(caught.value)
        await ends(task)


async def test_closing_ends_a_ticker_that_blocks_once_nobody_is_there(io):
    async def tick():
        while True:
            await io.emit("tick")  # with nobody to send to, it gives no turn to others

    lab = await Lab.open(io)
    await lab.join("alice")
    task = io.start_background_task(tick)
    await lab.close()
    assert task.done()


async def test_the_error_names_a_task_and_the_handler_that_started_it(io):
    tasks = []

    async def listen():
        await asyncio.Event().wait()

    @io.on("start")
    async def start(sid):
        tasks.append(io.start_background_task(listen))

    async with await Lab.open(io, timeout=0.2) as lab:
        alice = await lab.join("alice")
        await alice.emit("start")
        with pytest.raises(LabTimeoutError, match=r"task listen .*handler of 'start' from alice"):
            await lab.settle()
        await ends(tasks[0])


# -- what would end the kernel ---------------------------------------------------------------------


def leave(*arguments):
    sys.exit(3)


async def leave_later(*arguments):
    await asyncio.sleep(0)
    sys.exit(3)


def interrupt(*arguments):
    raise KeyboardInterrupt


async def cause_of(wait, where):
    """Return the cause of the error that ``wait()`` raises, which says where."""
    with pytest.raises(RuntimeError) as caught:
        await wait()
    assert where in notes(caught.value)
    return caught.value.__cause__


@pytest.mark.parametrize("handler", [leave, leave_later, interrupt])
@pytest.mark.parametrize("async_handlers", [True, False])
async def test_a_handler_of_the_server_does_not_end_the_kernel(handler, async_handlers):
    io = socketio.AsyncServer(async_mode="aiohttp", async_handlers=async_handlers)
    io.on("go", handler)
    async with await Lab.open(io) as lab:
        alice = await lab.join("alice")
        await alice.emit("go")
        cause = await cause_of(lab.settle, "the server's handler of 'go' from alice")
        assert isinstance(cause, SystemExit | KeyboardInterrupt)
        assert alice.connected


@pytest.mark.parametrize("handler", [leave, leave_later, interrupt])
async def test_a_handler_of_a_client_does_not_end_the_kernel(io, lab, handler):
    alice = await lab.join("alice")
    alice.on("go", handler)
    await io.emit("go")
    cause = await cause_of(lab.settle, "alice's handler of 'go' from server")
    assert isinstance(cause, SystemExit | KeyboardInterrupt)


async def test_a_connect_handler_does_not_end_the_kernel(io, lab):
    io.on("connect", leave)
    cause = await cause_of(lambda: lab.join("alice"), "the server's handler of connect from alice")
    assert isinstance(cause, SystemExit)


async def test_a_disconnect_handler_does_not_end_the_kernel(io, lab):
    io.on("disconnect", leave)
    alice = await lab.join("alice")
    await alice.disconnect()
    assert isinstance(await cause_of(lab.settle, "disconnect"), SystemExit)


async def test_a_background_task_of_the_server_does_not_end_the_kernel(io, lab):
    io.start_background_task(leave_later)
    cause = await cause_of(lab.settle, "the server's background task leave_later")
    assert isinstance(cause, SystemExit)


async def test_a_background_task_of_a_client_does_not_end_the_kernel(io, lab):
    io.on("echo", lambda sid: None)
    alice = await lab.join("alice")
    alice.start_background_task(leave_later)
    cause = await cause_of(lambda: alice.call("echo"), "alice's background task leave_later")
    assert isinstance(cause, SystemExit)


async def test_the_error_in_place_of_an_exit_shows_the_handler_s_line(io, lab):
    io.on("go", leave)
    alice = await lab.join("alice")
    await alice.emit("go")
    with pytest.raises(RuntimeError, match=r"with `return`, not with sys\.exit\(\)") as caught:
        await lab.settle()
    assert caught.traceback[-1].name == "leave"


@pytest.mark.parametrize("where", ["server", "alice"])
@pytest.mark.parametrize("event", ["go", "disconnect"])
async def test_a_handler_that_asks_for_the_result_of_what_was_cancelled_has_failed(
    io, lab, where, event
):
    cancelled = asyncio.get_running_loop().create_future()
    cancelled.cancel()
    alice = await lab.join("alice")
    one, other = (io, alice) if where == "server" else (alice, io)
    one.on(event, lambda *_: cancelled.result())
    await other.emit("go")
    if event == "disconnect":
        await alice.disconnect()
    with pytest.raises(RuntimeError, match="of something that was cancelled"):
        await lab.settle()
    one.on(event, lambda *_: None)
    assert (await lab.join("alice")).connected


async def test_a_cancelled_handler_stays_cancelled(io, lab):
    @io.on("go")
    async def go(sid):
        asyncio.current_task().cancel()
        await asyncio.Event().wait()

    alice = await lab.join("alice")
    await alice.emit("go")
    await lab.settle()
