"""What goes over the wire: frames beside their calls, and a client that writes them by hand."""

import asyncio
import json

import aiohttp
import pytest

from chatlib.lab import Lab, LabTimeoutError
from chatlib.lab.pictures import Frames
from support.waiting import TIMEOUT, eventually

WEBSOCKET = "/socket.io/?EIO=4&transport=websocket"
POLLING = "/socket.io/?EIO=4&transport=polling"


async def framed(lab):
    await lab.settle()
    return Frames(lab.trace, *lab.trace.take_frames()).text().splitlines()


async def connected(lab, name="dave", *namespaces):
    dave = lab.raw(name)
    await dave.websocket(WEBSOCKET)
    assert (await dave.receive())[0] == "0"
    for frame in ("40", *(f"40{namespace}," for namespace in namespaces)):
        await dave.send(frame)
        assert (await dave.receive()).startswith(frame)
    await lab.clear()
    return dave


# -- frames beside the calls -----------------------------------------------------------------------


async def test_a_connection_and_its_end(lab):
    alice = await lab.join("alice", auth={"name": "alice"})
    await alice.disconnect()
    assert await framed(lab) == [
        'alice.connect(lab.url, auth={"name": "alice"})',
        '    alice → server  40{"name":"alice"}',
        "connect lets alice in",
        '    server → alice  40{"sid":"<alice>"}',
        "alice.disconnect()",
        "    alice → server  41",
    ]


async def test_one_emission_is_one_frame_for_all_its_receivers(io, lab):
    @io.on("say")
    async def say(sid, text):
        await io.emit("said", text, skip_sid=sid)

    alice, *_ = await lab.join("alice", "bob", "carol")
    await lab.clear()
    await alice.emit("say", "hi")
    assert await framed(lab) == [
        'alice.emit("say", "hi")',
        '    alice → server  42["say","hi"]',
        'io.emit("said", "hi", skip_sid=alice)',
        '    server → bob and carol  42["said","hi"]',
        "    not to alice",
    ]


async def test_who_asks_has_a_number_and_so_has_the_answer(io, lab):
    io.on("add", lambda sid, a, b: a + b)
    alice = await lab.join("alice")
    alice.on("ready?", lambda: "yes")
    answers = []
    await lab.clear()
    await alice.call("add", (1, 2))
    await alice.emit("add", (3, 4), callback=answers.append)
    await lab.settle()
    assert answers == [7]
    await io.call("ready?", to=alice.get_sid(), timeout=TIMEOUT)
    assert await framed(lab) == [
        'alice.call("add", (1, 2))',
        '    alice → server  421["add",1,2]',
        "the server's handler returns 3",
        "    server → alice  431[3]",
        'alice.emit("add", (3, 4), callback=...)',
        '    alice → server  422["add",3,4]',
        "the server's handler returns 7",
        "    server → alice  432[7]",
        'io.call("ready?", to=alice)',
        '    server → alice  421["ready?"]',
        'alice\'s handler returns "yes"',
        '    alice → server  431["yes"]',
    ]


async def test_bytes_follow_what_announces_them(io, lab):
    alice = await lab.join("alice")
    await lab.clear()
    await alice.emit("photo", {"jpeg": b"\xff\xd8"})
    await io.emit("photos", (b"\x01", b"\x02"))
    place = '"_placeholder":true,"num":'
    assert await framed(lab) == [
        'alice.emit("photo", {"jpeg": "<binary>"})',
        '    alice → server  451-["photo",{"jpeg":{"_placeholder":true,"num":0}}]',
        "    alice → server  <ff d8> 2 bytes",
        'io.emit("photos", ("<binary>", "<binary>"))',
        f'    server → alice  452-["photos",{{{place}0}},{{{place}1}}]',
        "    server → alice  <01> 1 byte",
        "    server → alice  <02> 1 byte",
    ]


async def test_a_namespace_stands_before_the_data(io, lab):
    io.on("connect", lambda sid, environ, auth: None, namespace="/admin")
    alice, bob = await lab.join("alice", "bob", namespaces=["/", "/admin"])
    carol = await lab.join("carol")
    await lab.clear()
    await alice.emit("say", "hi", namespace="/admin")
    await io.emit("news", "secret", namespace="/admin", to=bob.get_sid("/admin"))
    await io.emit("news", namespace="/admin")
    assert await framed(lab) == [
        'alice.emit("say", "hi", namespace="/admin")',
        '    alice → server  42/admin,["say","hi"]',
        'io.emit("news", "secret", to=bob, namespace="/admin")',
        '    server → bob  42/admin,["news","secret"]',
        "    not to alice",
        'io.emit("news", namespace="/admin")',
        '    server → alice and bob  42/admin,["news"]',
    ]
    assert carol.connected


async def test_frames_are_drawn_once_and_clear_forgets_them(lab):
    alice = await lab.join("alice")
    assert len(await framed(lab)) == 4
    await alice.emit("say")
    await lab.clear()
    assert await framed(lab) == ["Nothing went over the wire."]


async def test_of_many_frames_the_last_are_drawn_and_the_others_counted(lab):
    alice = await lab.join("alice")
    await lab.clear()
    for number in range(100):
        await alice.emit("say", number)
    lines = await framed(lab)
    assert lines[0] == "68 earlier frames are left out"
    assert lines[-1] == '    alice → server  42["say",99]'


async def test_a_long_frame_is_cut_and_its_length_said(lab):
    alice = await lab.join("alice")
    await lab.clear()
    await alice.emit("say", "x" * 10_000)
    _, line = await framed(lab)
    assert line.endswith("x… 10,012 characters")


# -- by hand ---------------------------------------------------------------------------------------


async def test_a_conversation_by_hand(io, lab):
    io.on("add", lambda sid, a, b: a + b)
    dave = lab.raw("dave")
    await dave.websocket(WEBSOCKET)
    handshake = json.loads((await dave.receive())[1:])
    assert handshake["pingInterval"] == 25_000
    await dave.send("40")
    sid = json.loads((await dave.receive())[2:])["sid"]
    assert lab.name(sid) == "dave"
    await dave.send('4212["add",3,4]')
    assert await dave.receive() == "4312[7]"
    lines = await framed(lab)
    assert lines[:2] == ["the server's Engine.IO", lines[1]]
    assert lines[1].startswith('    server → dave  0{"sid":"<dave\'s connection>",')
    assert lines[2:] == [
        "dave, by hand",
        "    dave → server  40",
        "connect lets dave in",
        '    server → dave  40{"sid":"<dave>"}',
        "dave, by hand",
        '    dave → server  4212["add",3,4]',
        "the server's handler returns 7",
        "    server → dave  4312[7]",
    ]


async def test_sending_waits_until_the_server_has_taken_the_message(io, lab):
    heard = []
    io.on("say", lambda sid, text: heard.append(text))
    dave = await connected(lab)
    await dave.send('42["say","hi"]')
    await lab.settle()
    assert heard == ["hi"]


async def test_polling_and_an_upgrade_by_hand(io, lab):
    io.on("add", lambda sid, a, b: a + b)
    dave = lab.raw("dave")
    sid = json.loads((await dave.get(POLLING))[1:])["sid"]
    path = f"{POLLING}&sid={sid}"
    assert (await dave.post(path, '40\x1e421["add",1,2]')).lower() == "ok"
    frames = ""
    while "431[3]" not in frames:
        frames += await dave.get(path)
    waiting = asyncio.create_task(dave.get(path))
    await dave.websocket(f"{WEBSOCKET}&sid={sid}")
    await dave.send("2probe")
    assert await dave.receive() == "3probe"
    await dave.send("5")
    assert await waiting == "6"
    await dave.send('422["add",3,4]')
    while (frame := await dave.receive()) == "6":
        pass
    assert frame == "432[7]"
    lines = await framed(lab)
    assert "    dave → server by POST  40" in lines
    assert "    server → dave by GET  431[3]" in lines
    assert "    server → dave  432[7]" in lines


async def test_without_a_websocket_there_is_nothing_to_send_or_receive_on(lab):
    dave = lab.raw("dave")
    for use in (dave.send("40"), dave.receive()):
        with pytest.raises(RuntimeError, match="dave has no open WebSocket"):
            await use


async def test_waiting_for_a_frame_that_does_not_come_says_who_waits(io):
    async with await Lab.open(io, timeout=0.2) as lab:
        dave = await connected(lab)
        with pytest.raises(LabTimeoutError, match="a frame to come to dave"):
            await dave.receive()


async def test_what_a_server_refuses_raises(lab):
    with pytest.raises(
        ConnectionError, match="does not open this WebSocket for dave; it answers 404"
    ):
        await lab.raw("dave").websocket("/elsewhere")
    assert await lab.raw("dave").get("/health") == '{"ok": true}'


async def test_the_next_of_a_name_takes_the_place_of_the_one_before(io, lab):
    first = await connected(lab)
    second = await connected(lab)
    assert await first.receive() is None
    await second.send('42["say","hi"]')
    assert await framed(lab) == ["dave, by hand", '    dave → server  42["say","hi"]']
    assert (repr(first), repr(second)) == (
        "<dave: no WebSocket>",
        "<dave: a WebSocket is open>",
    )


async def test_a_lab_with_a_client_by_hand_closes_at_once(io):
    lab = await Lab.open(io)
    dave = await connected(lab)
    await lab.close()
    assert await dave.receive() is None
    assert await dave.receive() is None
    with pytest.raises(RuntimeError, match="dave has no open WebSocket"):
        await dave.send('42["say"]')
    with pytest.raises(RuntimeError, match="The lab of dave is closed"):
        await dave.get("/health")
    with pytest.raises(RuntimeError, match="closed"):
        lab.raw("dave")


async def test_a_client_by_hand_is_drawn_like_the_others(io, lab):
    alice = await lab.join("alice")
    dave = await connected(lab)
    await io.emit("news", "hi")
    assert await dave.receive() == '42["news","hi"]'
    assert (await lab.picture()).text().splitlines() == [
        'server → alice   news "hi"',
        'server → dave    news "hi"',
    ]
    assert alice.connected


# -- guests with names -----------------------------------------------------------------------------

PAGE = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}


@pytest.mark.parametrize(
    ("auths", "names"),
    [
        (["", ""], ["page", "page 2"]),
        (['{"name":"ana"}', '{"name":"ana"}'], ["ana", "ana 2"]),
        (['{"name":"alice"}'], ["alice 2"]),
        (['{"name":"server"}', '{"name":" "}', '{"name":7}'], ["page", "page 2", "page 3"]),
        ([json.dumps({"name": "x" * 41}), '{"name":"a\\nb"}', "[1]"], ["page", "page 2", "page 3"]),
    ],
)
async def test_a_page_is_called_by_the_name_that_it_gives(io, lab, auths, names):
    await lab.join("alice")
    await lab.clear()
    called, pages = [], []
    async with aiohttp.ClientSession(headers=PAGE) as http:
        for auth in auths:
            page = await http.ws_connect(lab.url + WEBSOCKET)
            pages.append(page)
            await page.receive(TIMEOUT)
            await page.send_str(f"40{auth}")
            answer = await page.receive_json(
                timeout=TIMEOUT, loads=lambda text: json.loads(text[2:])
            )
            called.append(lab.name(answer["sid"]))
        assert called == names
        assert lab.trace.clients == ["alice", *names]
        assert str(await lab.picture()).count("→") == 2 * len(names)


async def test_a_page_that_is_loaded_again_keeps_its_name(io, lab):
    async with aiohttp.ClientSession(headers=PAGE) as http:
        for _ in range(2):
            page = await http.ws_connect(lab.url + WEBSOCKET)
            await page.send_str('40{"name":"ana"}')
            await page.receive(TIMEOUT)
            await page.receive(TIMEOUT)
            await page.close()
            await eventually(lambda: not io.eio.sockets)
    assert lab.trace.clients == ["ana"]
