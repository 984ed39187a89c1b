import asyncio

import pytest
import pytest_asyncio
import socketio
from socketio.exceptions import BadNamespaceError, ConnectionRefusedError
from socketio.exceptions import ConnectionError as SocketConnectionError

from chatlib.lab import Lab, LabTimeoutError
from chatlib.server import ChatServer
from support.processes import free_port


async def test_repr_shows_neither_id_nor_address(lab):
    alice = lab.client("alice")
    assert repr(alice) == "<alice: not connected>"
    await alice.connect(lab.url)
    await lab.settle()
    assert repr(alice) == "<alice: connected>"
    await alice.disconnect()
    assert repr(alice) == "<alice: not connected>"


async def test_handlers_may_come_before_the_connection(io, lab):
    @io.on("connect")
    async def connect(sid, environ):
        await io.emit("early", to=sid)

    heard = []
    alice = lab.client("alice")
    alice.on("connect", lambda: heard.append("connect"))
    alice.on("early", lambda: heard.append("early"))
    await alice.connect(lab.url)
    await lab.settle()
    assert sorted(heard) == ["connect", "early"]


async def test_python_socketio_does_not_handle_interrupts_itself(lab):
    assert lab.client("alice").handle_sigint is False
    assert lab.client("alice", handle_sigint=True).handle_sigint is False


async def test_a_client_reconnects_only_if_asked_to(lab):
    assert lab.client("alice").reconnection is False
    assert lab.client("alice", reconnection=True).reconnection is True


async def test_a_client_that_reconnects_leaves_for_good(io, lab):
    alice = lab.client("alice", reconnection=True, reconnection_delay=0.01)
    await alice.connect(lab.url)
    await lab.settle()
    await lab.close()
    assert not alice.connected
    assert not io.eio.sockets


async def test_connect_uses_a_websocket(io, lab):
    transports = []
    io.on("connect", lambda sid, environ: transports.append(io.transport(sid)))
    await lab.join("alice")
    assert transports == ["websocket"]


async def test_connect_passes_auth_and_headers_on(io, lab):
    seen = {}

    @io.on("connect")
    async def connect(sid, environ, auth):
        seen.update(auth=auth, header=environ["HTTP_X_COLOUR"])

    alice = lab.client("alice")
    await alice.connect(lab.url, headers={"X-Colour": "red"}, auth={"name": "Alice"})
    assert seen == {"auth": {"name": "Alice"}, "header": "red"}


async def test_connect_that_the_server_refuses(io, lab):
    @io.on("connect")
    async def connect(sid, environ, auth):
        raise ConnectionRefusedError("not today")

    reasons = []
    alice = lab.client("alice")
    alice.on("connect_error", reasons.append)
    with pytest.raises(SocketConnectionError, match="failed to connect"):
        await alice.connect(lab.url)
    assert reasons == [{"message": "not today"}]
    assert not alice.connected
    await lab.settle()
    assert not io.eio.sockets
    # A refusal is what the server wanted: neither a failed handler nor the end of the lab.
    io.handlers["/"].clear()
    await lab.join("alice")


async def test_connect_to_a_handler_that_does_not_end(io, lab):
    @io.on("connect")
    async def connect(sid, environ, auth):
        await asyncio.Event().wait()

    alice = lab.client("alice")
    with pytest.raises(LabTimeoutError, match=r"Waited 0\.05 s for alice to be connected\."):
        await alice.connect(lab.url, wait_timeout=0.05)
    assert not alice.connected


async def test_connect_where_nobody_listens(lab):
    alice = lab.client("alice")
    with pytest.raises(SocketConnectionError, match="Connection error"):
        await alice.connect(f"http://127.0.0.1:{free_port()}")


async def test_connect_twice(lab):
    alice = await lab.join("alice")
    with pytest.raises(SocketConnectionError, match="connected"):
        await alice.connect(lab.url)


async def test_a_client_that_left_connects_again(io, lab):
    heard = []
    alice = await lab.join("alice")
    alice.on("news", heard.append)
    await alice.disconnect()
    await lab.settle()
    await alice.connect(lab.url)
    await io.emit("news", 1)
    await lab.settle()
    assert heard == [1]
    assert len(io.eio.sockets) == 1


async def test_a_client_that_leaves_as_soon_as_it_is_welcomed():
    async with await Lab.open(ChatServer().io) as lab:
        alice = lab.client("alice")

        @alice.on("welcome")
        async def welcome(text):
            await alice.disconnect()

        await alice.connect(lab.url)
        await lab.settle()
        assert not alice.connected


async def test_call_returns_the_answer(io, lab):
    io.on("double", lambda sid, number: 2 * number)
    io.on("both", lambda sid, a, b: (a, b))
    io.on("nothing", lambda sid: None)
    alice = await lab.join("alice")
    assert await alice.call("double", 21) == 42
    assert await alice.call("both", ("a", "b")) == ("a", "b")
    assert await alice.call("nothing") is None


async def test_calls_at_the_same_time_get_their_own_answers(io, lab):
    io.on("double", lambda sid, number: 2 * number)
    alice, bob = await lab.join("alice", "bob")
    calls = [client.call("double", number) for number in range(10) for client in (alice, bob)]
    answers = await asyncio.gather(*calls)
    assert answers == [2 * number for number in range(10) for _ in (alice, bob)]


async def test_call_raises_what_the_handler_raised(io, lab):
    io.on("divide", lambda sid, number: 1 / number)
    alice = await lab.join("alice")
    with pytest.raises(ZeroDivisionError) as caught:
        await alice.call("divide", 0)
    assert caught.value.__notes__ == ["Raised in the server's handler of 'divide' from alice."]
    await lab.settle()


async def test_call_without_a_handler(lab):
    alice = await lab.join("alice")
    with pytest.raises(LabTimeoutError) as caught:
        await alice.call("nobody", timeout=0.05)
    assert str(caught.value) == (
        "Waited 0.05 s for the server to answer alice's 'nobody', for which it has no handler."
    )
    await lab.settle()


async def test_call_of_an_event_that_another_namespace_handles(io, lab):
    io.on("say", lambda sid: "red", namespace="/red")
    alice = lab.client("alice")
    await alice.connect(lab.url, namespaces=["/", "/red"])
    with pytest.raises(LabTimeoutError, match="no handler"):
        await alice.call("say", timeout=0.05)
    assert await alice.call("say", namespace="/red") == "red"


async def test_call_to_a_handler_that_does_not_end(io, lab):
    @io.on("slow")
    async def slow(sid):
        await asyncio.Event().wait()

    alice = await lab.join("alice")
    with pytest.raises(LabTimeoutError, match="to answer alice's 'slow'"):
        await alice.call("slow", timeout=0.05)


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_call_when_the_server_disconnects_the_client(io, lab, transport):
    @io.on("goodbye")
    async def goodbye(sid):
        await io.disconnect(sid)

    alice = lab.client("alice")
    await alice.connect(lab.url, transports=[transport])
    with pytest.raises(LabTimeoutError) as caught:
        await alice.call("goodbye", timeout=60)
    assert str(caught.value) == (
        "It is in vain to wait for the server to answer alice's 'goodbye': "
        "the connection has ended (the server has disconnected it)."
    )
    await lab.settle()
    assert not alice.connected


@pytest.mark.parametrize("transport", ["websocket", "polling"])
async def test_call_with_too_much_data(transport):
    io = socketio.AsyncServer(async_mode="aiohttp", max_http_buffer_size=10_000)
    io.on("say", lambda sid, text: len(text))
    async with await Lab.open(io) as lab:
        alice = lab.client("alice")
        await alice.connect(lab.url, transports=[transport])
        with pytest.raises(LabTimeoutError, match=r"20,012 bytes are more than the server takes"):
            await alice.call("say", "x" * 20_000, timeout=60)


async def test_an_answer_right_before_the_end_is_returned(io, lab):
    @io.on("last")
    async def last(sid):
        io.start_background_task(io.disconnect, sid)
        return "answer"

    for _ in range(10):
        alice = await lab.join("alice")
        assert await alice.call("last", timeout=60) == "answer"


async def test_several_arguments_without_a_tuple(lab):
    alice = await lab.join("alice")
    tuple_wanted = "Several arguments go into one tuple: emit('move', (3, 4))."
    for method in (alice.emit, alice.call):
        with pytest.raises(TypeError) as caught:
            await method("move", 3, 4)
        assert caught.value.__notes__ == [tuple_wanted]
        with pytest.raises(BadNamespaceError, match="text is not a connected") as caught:
            await method("say", "a", "text")
        assert "emit('say', ('a', 'text'))" in caught.value.__notes__[0]
    with pytest.raises(BadNamespaceError) as caught:
        await alice.emit("say", "a", namespace="/red")
    assert not hasattr(caught.value, "__notes__")


async def test_a_client_of_a_closed_lab_says_so(lab):
    alice = await lab.join("alice")
    await lab.close()
    for use in (alice.emit, alice.call, alice.send):
        with pytest.raises(BadNamespaceError, match=r"The lab of alice is closed; Lab\.open"):
            await use("say")
    with pytest.raises(SocketConnectionError, match=r"The lab of alice is closed; Lab\.open"):
        await alice.connect(lab.url)


async def test_a_client_that_is_not_connected_says_so(io, lab):
    alice = await lab.join("alice")
    await alice.disconnect()
    for use in (alice.emit, alice.call, alice.send):
        with pytest.raises(BadNamespaceError) as caught:
            await use("say")
        assert caught.value.__notes__ == ["alice is not connected."]


async def test_what_is_not_awaited_is_named_as_it_was_written(io, lab):
    alice = await lab.join("alice")
    for forgotten, name in (
        (lambda: io.emit("news"), r"AsyncServer\.emit"),
        (lambda: alice.emit("news"), r"Client\.emit"),
        (lambda: alice.call("news"), r"Client\.call"),
    ):
        with pytest.warns(RuntimeWarning, match=f"^coroutine '{name}' was never awaited"):
            forgotten()


async def test_the_engine_io_id_is_pointed_out(io, lab):
    alice = await lab.join("alice")
    words = r"alice\.sid is the Engine\.IO id.*alice\.get_sid\(\)"
    with pytest.warns(UserWarning, match=words) as warned:
        await io.emit("news", to=alice.sid)
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match="reaches nobody"):
        await io.emit("news", room=["red", alice.sid])
    await io.emit("news", to=alice.get_sid())


# -- polling ---------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def poller(lab):
    """A client that polls."""
    poller = lab.client("alice")
    await poller.connect(lab.url, transports=["polling"])
    await lab.settle()
    return poller


async def test_a_client_that_polls_disconnects_at_once(io, lab, poller):
    async with asyncio.timeout(1):  # its poll would be answered after half a minute
        await poller.disconnect()
    await lab.settle()
    assert not poller.connected
    assert not io.manager.rooms.get("/")


async def test_a_client_that_polls_is_disconnected_at_once(io, lab, poller):
    await lab.clear()
    await io.disconnect(poller.get_sid())
    async with asyncio.timeout(1):
        picture = await lab.picture()
    assert "server → alice   disconnect" in picture.text()
    assert not poller.connected


async def test_a_client_that_polls_may_be_interrupted_as_it_connects(lab):
    for steps in range(30):
        alice = lab.client("alice")
        connecting = asyncio.create_task(alice.connect(lab.url, transports=["polling"]))
        for _ in range(steps):
            await asyncio.sleep(0)
        connecting.cancel()
        [ended] = await asyncio.gather(connecting, return_exceptions=True)
        assert ended is None or isinstance(ended, asyncio.CancelledError)
        await lab.settle()


async def test_a_client_that_polls_comes_back(io, lab, poller):
    await poller.disconnect()
    await poller.connect(lab.url, transports=["polling"])
    heard = []
    poller.on("news", heard.append)
    await io.emit("news", 1)
    await lab.settle()
    assert heard == [1]


async def test_python_socketio_makes_the_engine_of_the_lab_s_own_kind(lab):
    # By a method that it does not document; see `Client`.
    assert type(lab.client("alice").eio) is not socketio.AsyncClient().eio.__class__


async def test_leave_at_any_time(io, lab):
    alice = lab.client("alice")
    await alice.leave()
    await alice.connect(lab.url)
    await alice.leave()
    await alice.leave()
    await lab.settle()
    assert not io.eio.sockets


async def test_binary_data(io, lab):
    received = []
    alice, bob = await lab.join("alice", "bob")
    bob.on("picture", received.append)

    @io.on("picture")
    async def picture(sid, data):
        await io.emit("picture", data, skip_sid=sid)
        return data

    assert await alice.call("picture", {"pixels": b"\x00\x01"}) == {"pixels": b"\x00\x01"}
    await lab.settle()
    assert received == [{"pixels": b"\x00\x01"}]


async def test_other_namespaces(io, lab):
    heard = []
    io.on("say", lambda sid, text: heard.append(text), namespace="/red")
    alice = lab.client("alice")
    await alice.connect(lab.url, namespaces=["/", "/red"])
    await alice.emit("say", "hi", namespace="/red")
    await lab.settle()
    assert heard == ["hi"]
