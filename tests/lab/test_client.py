import asyncio

import pytest
from socketio.exceptions import ConnectionError as SocketConnectionError
from socketio.exceptions import ConnectionRefusedError

from chatlib.lab import LabTimeoutError


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
    url = lab.url
    alice = lab.client("alice")
    await lab.close()
    with pytest.raises(SocketConnectionError, match="Connection error"):
        await alice.connect(url)


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
    assert str(caught.value) == "Waited 0.05 s for the server to answer alice's 'nobody'."
    await lab.settle()


async def test_call_to_a_handler_that_does_not_end(io, lab):
    @io.on("slow")
    async def slow(sid):
        await asyncio.Event().wait()

    alice = await lab.join("alice")
    with pytest.raises(LabTimeoutError, match="to answer alice's 'slow'"):
        await alice.call("slow", timeout=0.05)


async def test_call_when_the_connection_goes_meanwhile(io, lab):
    @io.on("goodbye")
    async def goodbye(sid):
        await io.disconnect(sid)

    alice = await lab.join("alice")
    with pytest.raises(LabTimeoutError, match="to answer alice's 'goodbye'"):
        await alice.call("goodbye", timeout=0.05)
    await lab.settle()
    assert not alice.connected


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
