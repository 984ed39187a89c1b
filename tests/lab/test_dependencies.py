"""What the lab relies on of python-socketio and python-engineio.

Each test here fails when a new version no longer calls what the lab listens to, or calls it in
another way.
"""

import asyncio
import inspect
import itertools

import engineio
import pytest
import pytest_asyncio
import socketio

from chatlib.web import cancel
from support.waiting import TIMEOUT, eventually


@pytest_asyncio.fixture
async def io():
    before = asyncio.all_tasks()
    yield socketio.AsyncServer(async_mode="aiohttp")
    # Its pings would go on for half a minute.
    await cancel(asyncio.all_tasks() - before - {asyncio.current_task()})


def listen(monkeypatch, owner, name, calls):
    """Note the arguments of each call of a method."""
    original = getattr(owner, name)

    def noted(*args, **kwargs):
        calls.append((args, kwargs))
        return original(*args, **kwargs)

    monkeypatch.setattr(owner, name, noted)


def listen_to_handler(eio, event, calls):
    original = eio.handlers[event]

    async def noted(*args):
        calls.append((event, args))
        result = original(*args)
        return await result if inspect.isawaitable(result) else result

    eio.on(event, noted)


async def test_the_server_handles_engineio_s_events_by_its_handlers(io, bare):
    calls = []
    for event in ("connect", "message", "disconnect"):
        assert callable(io.eio.handlers[event])
        listen_to_handler(io.eio, event, calls)
    io.on("say", lambda sid, text: text)
    client = await bare()
    await client.call("say", "hi", timeout=TIMEOUT)
    eio_sid = client.eio.sid
    environ = io.get_environ(client.get_sid())
    await client.eio.disconnect()  # without Socket.IO's goodbye, which may come too late to be read
    await eventually(lambda: not io.eio.sockets)
    assert [event for event, _ in calls] == ["connect", "message", "message", "disconnect"]
    assert {arguments[0] for _, arguments in calls} == {eio_sid}
    assert calls[0][1][1] is environ  # by which the lab finds a client's name
    assert [arguments[1] for event, arguments in calls if event == "message"] == [
        "0{}",
        '21["say","hi"]',
    ]
    assert isinstance(calls[-1][1][1], str)


async def test_the_server_sends_every_packet_by_send_packet(io, bare, monkeypatch):
    clients = [await bare(), await bare()]
    sent = []
    listen(monkeypatch, io.eio, "send_packet", sent)
    io.on("say", lambda sid, text: text)
    await io.emit("news", 1)
    await clients[0].call("say", "hi", timeout=TIMEOUT)
    assert [(args[0], args[1].packet_type, args[1].data) for args, _ in sent] == [
        (clients[0].eio.sid, engineio.packet.MESSAGE, '2["news",1]'),
        (clients[1].eio.sid, engineio.packet.MESSAGE, '2["news",1]'),
        (clients[0].eio.sid, engineio.packet.MESSAGE, '31["hi"]'),
    ]
    assert all(not kwargs and len(args) == 2 for args, kwargs in sent)


async def test_the_server_starts_its_handlers_as_background_tasks(io, bare, monkeypatch):
    started = []
    listen(monkeypatch, io, "start_background_task", started)
    running = []
    io.on("say", lambda sid, text: running.append(asyncio.current_task()))
    client = await bare()
    await client.call("say", "hi", timeout=TIMEOUT)
    assert len(started) == 1
    task = io.start_background_task(asyncio.sleep, 0)
    assert isinstance(task, asyncio.Task)
    await task


async def test_the_server_calls_emit_with_the_arguments_that_the_lab_reads(io):
    parameters = inspect.signature(io.emit).parameters
    assert list(parameters)[:5] == ["event", "data", "to", "room", "skip_sid"]


async def test_the_server_takes_a_new_id_from_generate_id(io, bare, monkeypatch):
    numbers = itertools.count(1)
    monkeypatch.setattr(io.eio, "generate_id", lambda: f"id {next(numbers)}")
    client = await bare()
    assert client.eio.sid == "id 1"
    assert client.get_sid() == "id 2"


async def test_a_client_handles_engineio_s_events_by_its_handlers(io, bare):
    client = await bare()
    calls = []
    for event in ("connect", "message", "disconnect"):
        assert inspect.iscoroutinefunction(client.eio.handlers[event])
        listen_to_handler(client.eio, event, calls)
    heard = asyncio.Event()
    client.on("news", lambda text: heard.set())
    await io.emit("news", "hi")
    await asyncio.wait_for(heard.wait(), TIMEOUT)
    await client.disconnect()
    assert [event for event, _ in calls] == ["message", "disconnect"]
    assert calls[0][1] == ('2["news","hi"]',)
    assert len(calls[1][1]) == 1


async def test_a_client_sends_every_packet_by_send(io, bare, monkeypatch):
    client = await bare()
    sent = []
    listen(monkeypatch, client.eio, "send", sent)
    io.on("say", lambda sid, text: text)
    await client.call("say", "hi", timeout=TIMEOUT)
    await client.disconnect()
    assert sent == [(('21["say","hi"]',), {}), (("1",), {})]


async def test_the_socket_io_packet_of_python_socketio_reads_a_text():
    read = socketio.packet.Packet(encoded_packet='27["say",{"a":1}]')
    assert (read.packet_type, read.id, read.data) == (socketio.packet.EVENT, 7, ["say", {"a": 1}])
    with pytest.raises(ValueError):  # noqa: PT011
        socketio.packet.Packet(encoded_packet="x")
