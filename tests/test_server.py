"""The wire contract, row by row, as plain clients see it."""

import asyncio
import gc
import logging
import math

import pytest
import pytest_asyncio
import socketio

from chatlib import ChatServer
from chatlib.engine.packets import RESERVED_EVENTS
from chatlib.history import History
from chatlib.messages import is_socket_id
from support.clients import flush
from support.servers import CLIENT_EVENTS
from support.waiting import TIMEOUT, eventually

OK = {"ok": True}


def sid(client):
    return client.get_sid()


async def call(client, event, data=None):
    return await client.call(event, data, timeout=TIMEOUT)


async def clear(*clients):
    """Forget the welcomes and the like."""
    await flush(*clients)
    for client in clients:
        client.inbox.clear()


@pytest_asyncio.fixture
async def poll(server):
    """Return a function that sends packets by polling, and returns those that wait there."""
    path = await server.poller()

    async def exchange(*packets):
        if packets:
            assert await server.post(path, "\x1e".join(packets)) == (200, "ok")
        return (await server.get(path))[1].split("\x1e")

    return exchange


@pytest.fixture
def chat_log(caplog):
    """Return a function that returns the chat's log lines."""
    caplog.set_level(logging.INFO, "chatlib")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "chatlib"]


def test_a_history_and_several_servers_exclude_each_other():
    with pytest.raises(ValueError, match="A history belongs to one server"):
        ChatServer(history=History(), client_manager=socketio.AsyncManager())


class TestConnect:
    async def test_connect_precedes_welcome_on_the_wire(self, server):
        client = await server.open()
        me = (await client.enter())["sid"]
        assert await client.receive() == f'42["welcome","Welcome to the server {me}"]'
        assert client.frames[0][:2] == "40"

    async def test_the_newcomer_is_welcomed_and_everyone_else_told(self, connect):
        alice = await connect()
        bob = await connect()
        carol = await connect()
        await flush(alice, bob, carol)
        for client in (alice, bob, carol):
            assert client.inbox.named("welcome") == [(f"Welcome to the server {sid(client)}",)]
        of_bob, of_carol = ((f"{sid(client)} joined the server",) for client in (bob, carol))
        assert alice.inbox.named("broadcast") == [of_bob, of_carol]
        assert bob.inbox.named("broadcast") == [of_carol]
        assert carol.inbox.named("broadcast") == []

    async def test_who_is_welcomed_hears_all_that_is_said_from_then_on(
        self, chat, connect, monkeypatch
    ):
        alice = await connect()
        emit, others_may_know = chat.io.emit, asyncio.Event()

        async def tell_others_late(event, *arguments, **options):
            if event == "broadcast":
                await others_may_know.wait()
            await emit(event, *arguments, **options)

        monkeypatch.setattr(chat.io, "emit", tell_others_late)
        bob = await connect()
        await eventually(lambda: bob.inbox.named("welcome"))
        await call(alice, "message", "hi")
        await flush(bob)
        assert bob.inbox.named("recieve-message") == [("hi",)]
        others_may_know.set()
        await eventually(lambda: alice.inbox.named("broadcast"))

    async def test_polling_is_enough(self, connect, poll):
        packets = await poll("40")
        while len(packets) < 2:
            packets += await poll()
        assert packets[0].startswith('40{"sid":')
        assert packets[1].startswith('42["welcome",')
        bob = await connect()
        assert await poll() == [f'42["broadcast","{sid(bob)} joined the server"]']

    async def test_who_leaves_at_once_is_not_announced(self, connect, poll, caplog):
        alice = await connect()
        await clear(alice)
        await poll("40", "41")
        await flush(alice)
        gc.collect()  # a task that failed says so when it is collected
        assert alice.inbox == []
        assert not caplog.records

    async def test_ids_have_the_form_that_the_address_space_relies_on(self, connect):
        ids = [sid(await connect()) for _ in range(3)]
        assert len(set(ids)) == 3
        assert all(is_socket_id(each) for each in ids)

    @pytest.mark.parametrize(
        ("auth", "sentence"),
        [
            ("bob", "auth must be an object."),
            ({"userId": True}, "userId must be non-empty text or a number."),
            ({"userId": ""}, "userId must be non-empty text or a number."),
            ({"name": 7}, "name must be text."),
        ],
    )
    async def test_a_refused_client_gets_one_clear_sentence(
        self, server, connect, chat_log, auth, sentence
    ):
        alice = await connect()
        await clear(alice)
        errors = []
        client = socketio.AsyncClient(handle_sigint=False, reconnection=False)
        client.on("connect_error", errors.append)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(
                server.url, auth=auth, transports=["websocket"], wait_timeout=TIMEOUT
            )
        assert errors == [{"message": sentence}]
        await flush(alice)
        assert alice.inbox == []
        assert chat_log().count("User connected") == 1

    async def test_a_refused_socket_hears_nothing(self, server, connect):
        alice = await connect()
        stranger = await server.open()
        assert "message" in await stranger.enter({"userId": True})
        await stranger.send('427["join-room","tea"]', '42["message","from a stranger"]')
        await connect()
        await call(alice, "message", "to everyone")
        await call(alice, "message", {"room": "tea"})
        assert "from a stranger" not in str(alice.inbox)
        # Everything on one connection keeps its order: had it heard anything, that came first.
        await stranger.send("40")
        assert (await stranger.receive())[:2] == "40"

    async def test_a_socket_hears_nothing_before_it_is_accepted(
        self, server, chat, connect, monkeypatch
    ):
        alice = await connect()
        checking, checked = asyncio.Event(), asyncio.Event()
        identify = chat.identity.identify

        async def check_for_long(*arguments):
            checking.set()
            await checked.wait()
            return await identify(*arguments)

        newcomer = await server.open()
        with monkeypatch.context() as slow:
            slow.setattr(chat.identity, "identify", check_for_long)
            await newcomer.send("40")
            async with asyncio.timeout(TIMEOUT):
                await checking.wait()
        await flush(await connect())
        await call(alice, "message", "before login")
        await call(alice, "message", {"others": True})
        checked.set()
        assert (await newcomer.receive())[:2] == "40"
        assert (await newcomer.receive()).startswith('42["welcome"')
        await newcomer.send('42["message","hi"]')
        assert await newcomer.receive() == '42["recieve-message","hi"]'

    async def test_a_second_connect_on_one_connection_changes_nothing(self, server, connect):
        alice = await connect()
        client = await server.client()
        await clear(alice)
        await client.send('40{"userId":"alice"}')
        assert (await client.receive())[:2] == "44"
        await flush(alice)
        assert alice.inbox == []


class TestLog:
    async def test_the_lines_of_a_visit(self, connect, chat_log):
        alice = await connect()
        me = sid(alice)
        await call(alice, "join-room", "tea")
        await call(alice, "leave-room", "tea")
        await alice.disconnect()
        await eventually(lambda: len(chat_log()) > 3)
        assert chat_log() == [
            "User connected",
            f"id :- {me}",
            "User joined the room tea",
            f"{me} is disconnected",
        ]

    async def test_what_people_say_is_not_logged(self, connect, chat_log):
        alice = await connect()
        await call(alice, "message", "secret")
        await call(alice, "message", {"room": "tea", "text": "secret"})
        assert "secret" not in str(chat_log())


class TestRooms:
    async def test_joining_and_leaving_are_acknowledged(self, connect):
        alice = await connect()
        assert await call(alice, "join-room", "tea") == {"ok": True, "room": "tea"}
        assert await call(alice, "join-room", 7) == {"ok": True, "room": 7}
        assert await call(alice, "leave-room", "tea") == {"ok": True, "room": "tea"}

    async def test_a_room_message_reaches_its_other_members(self, connect):
        alice, bob, carol, dave = [await connect() for _ in range(4)]
        for client in (alice, bob, carol):
            await call(client, "join-room", "tea")
        await call(dave, "join-room", "coffee")
        await clear(alice, bob, carol, dave)
        assert await call(alice, "message", {"room": "tea", "text": "hi"}) == OK
        await flush(alice, bob, carol, dave)
        heard = ("single-message", ({"room": "tea", "text": "hi", "from": {"id": sid(alice)}},))
        assert bob.inbox == [heard]
        assert carol.inbox == [heard]
        assert alice.inbox == []
        assert dave.inbox == []

    async def test_who_has_left_hears_no_more(self, connect):
        alice, bob = await connect(), await connect()
        await call(bob, "join-room", "tea")
        await call(bob, "leave-room", "tea")
        await clear(alice, bob)
        assert await call(alice, "message", {"room": "tea"}) == OK
        await flush(alice, bob)
        assert alice.inbox == bob.inbox == []

    async def test_leaving_one_room_is_not_leaving_another(self, connect):
        alice, bob = await connect(), await connect()
        await call(bob, "join-room", "tea")
        await call(bob, "join-room", "coffee")
        await call(bob, "leave-room", "tea")
        await clear(alice, bob)
        await call(alice, "message", {"room": "coffee"})
        await flush(alice, bob)
        assert len(bob.inbox.named("single-message")) == 1

    async def test_leaving_a_room_that_one_is_not_in_is_fine(self, connect):
        assert (await call(await connect(), "leave-room", "tea"))["ok"]

    async def test_a_visitor_may_write_into_a_room(self, connect):
        alice, bob = await connect(), await connect()
        await call(bob, "join-room", "tea")
        assert await call(alice, "message", {"room": "tea"}) == OK
        await flush(alice, bob)
        assert len(bob.inbox.named("single-message")) == 1

    async def test_joining_twice_is_hearing_once(self, connect):
        alice, bob = await connect(), await connect()
        await call(bob, "join-room", "tea")
        await call(bob, "join-room", "tea")
        await call(alice, "message", {"room": "tea"})
        await flush(alice, bob)
        assert len(bob.inbox.named("single-message")) == 1

    @pytest.mark.parametrize(("joined", "addressed"), [(7, "7"), ("7", 7), (7.0, 7)])
    async def test_a_number_and_its_text_are_one_room(self, connect, joined, addressed):
        alice, bob = await connect(), await connect()
        await call(bob, "join-room", joined)
        await call(alice, "message", {"room": addressed})
        await flush(alice, bob)
        [(data,)] = bob.inbox.named("single-message")
        assert data["room"] == addressed

    async def test_rooms_end_with_the_connection(self, chat, connect):
        alice = await connect()
        await call(alice, "join-room", "tea")
        await alice.disconnect()
        await eventually(lambda: not chat.io.manager.rooms)


class TestMessage:
    async def test_without_an_address_it_reaches_everyone(self, connect):
        alice, bob, carol = [await connect() for _ in range(3)]
        await clear(alice, bob, carol)
        assert await call(alice, "message", {"text": "hi"}) == OK
        await flush(alice, bob, carol)
        for client in (alice, bob, carol):
            assert client.inbox == [
                ("recieve-message", ({"text": "hi", "from": {"id": sid(alice)}},))
            ]

    async def test_others_leaves_the_sender_out(self, connect):
        alice, bob, carol = [await connect() for _ in range(3)]
        await clear(alice, bob, carol)
        assert await call(alice, "message", {"others": True, "text": "hi"}) == OK
        await flush(alice, bob, carol)
        heard = ("recieve-message", ({"others": True, "text": "hi", "from": {"id": sid(alice)}},))
        assert alice.inbox == []
        assert bob.inbox == carol.inbox == [heard]

    async def test_others_false_is_everyone(self, connect):
        alice, bob = await connect(), await connect()
        await call(alice, "message", {"others": False})
        await flush(alice, bob)
        assert len(alice.inbox.named("recieve-message")) == 1
        assert len(bob.inbox.named("recieve-message")) == 1

    @pytest.mark.parametrize(
        "data",
        [
            "hi",
            "",
            "tea",
            7,
            0,
            1.5,
            True,
            None,
            [],
            ["room", "tea"],
            b"\x00\xff",
            [b"a", {"b": b"c"}],
        ],
    )
    async def test_what_is_not_an_object_is_passed_on_as_it_came(self, connect, data):
        alice, bob = await connect(), await connect()
        await call(bob, "join-room", "tea")
        await clear(alice, bob)
        assert await call(alice, "message", (data,)) == OK
        await flush(alice, bob)
        assert alice.inbox == bob.inbox == [("recieve-message", (data,))]
        assert type(bob.inbox[0][1][0]) is type(data)

    async def test_every_other_field_is_untouched(self, connect):
        alice, bob = await connect(), await connect()
        data = {
            "text": "<b>é</b>\u2028\x00",
            "file": b"\x00\xff",
            "nested": {"from": "me", "room": [1.5, None, True, b"a"], "_placeholder": False},
            "message": "",
            "": 0,
        }
        await call(bob, "join-room", "tea")
        await call(alice, "message", data | {"room": "tea"})
        await flush(alice, bob)
        expected = data | {"room": "tea", "from": {"id": sid(alice)}}
        assert bob.inbox.named("single-message") == [(expected,)]

    async def test_a_socket_id_is_that_socket_alone(self, connect):
        alice, bob, carol = [await connect() for _ in range(3)]
        await clear(alice, bob, carol)
        assert await call(alice, "message", {"room": sid(bob), "text": "hi"}) == OK
        await flush(alice, bob, carol)
        heard = {"room": sid(bob), "text": "hi", "from": {"id": sid(alice)}}
        assert bob.inbox == [("single-message", (heard,))]
        assert alice.inbox == carol.inbox == []

    async def test_an_id_of_nobody_reaches_nobody(self, connect):
        alice, bob = await connect(), await connect()
        await bob.disconnect()
        carol = await connect()
        await clear(alice, carol)
        assert await call(alice, "message", {"room": f"~{22 * 'a'}"}) == OK
        assert await call(alice, "message", {"user": 2}) == OK
        assert await call(alice, "message", {"room": "tea"}) == OK
        await flush(alice, carol)
        assert alice.inbox == carol.inbox == []

    async def test_a_user_is_reached_on_every_tab_and_so_are_the_senders_own(self, connect):
        alice, alices_phone = await connect({"userId": 1}), await connect({"userId": 1})
        tab, phone = await connect({"userId": 2}), await connect({"userId": "2"})
        carol, dave = await connect({"userId": 3}), await connect()
        everyone = (alice, alices_phone, tab, phone, carol, dave)
        await clear(*everyone)
        assert await call(alice, "message", {"user": 2, "text": "hi"}) == OK
        await flush(*everyone)
        heard = {"user": 2, "text": "hi", "from": {"id": sid(alice), "userId": 1}}
        for client in (tab, phone, alices_phone):
            assert client.inbox == [("single-message", (heard,))]
        for client in (alice, carol, dave):
            assert client.inbox == []

    async def test_a_note_to_oneself_reaches_ones_other_tabs_once(self, connect):
        alice, phone, bob = (
            await connect({"userId": 1}),
            await connect({"userId": 1}),
            await connect(),
        )
        await clear(alice, phone, bob)
        assert await call(alice, "message", {"user": 1}) == OK
        await flush(alice, phone, bob)
        assert len(phone.inbox) == 1
        assert alice.inbox == bob.inbox == []

    async def test_who_has_no_user_id_can_write_to_a_user(self, connect):
        alice, bob, carol = await connect(), await connect({"userId": 2}), await connect()
        await clear(alice, bob, carol)
        assert await call(alice, "message", {"user": "2"}) == OK
        await flush(alice, bob, carol)
        assert bob.inbox == [("single-message", ({"user": "2", "from": {"id": sid(alice)}},))]
        assert alice.inbox == carol.inbox == []

    async def test_messages_of_one_sender_that_waits_keep_their_order(self, connect):
        alice, bob = await connect(), await connect()
        for number in range(20):
            await call(alice, "message", number)
        await flush(alice, bob)
        assert bob.inbox.named("recieve-message") == [(number,) for number in range(20)]


class TestFrom:
    @pytest.mark.parametrize(
        ("address", "event"),
        [
            ({}, "recieve-message"),
            ({"others": True}, "recieve-message"),
            ({"room": "tea"}, "single-message"),
            ({"user": 2}, "single-message"),
        ],
    )
    @pytest.mark.parametrize("forged", [{"id": "~bob", "userId": 2, "admin": True}, "Bob", None])
    async def test_it_is_the_servers_own(self, connect, address, event, forged):
        alice, bob = await connect(), await connect({"userId": 2, "name": "Bob"})
        await call(bob, "join-room", "tea")
        await call(alice, "message", address | {"from": forged})
        await flush(alice, bob)
        [(data,)] = bob.inbox.named(event)
        assert data == address | {"from": {"id": sid(alice)}}

    async def test_it_has_what_was_accepted_on_connecting_and_no_more(self, connect):
        auth = {"userId": 2.5, "name": "Ann é", "id": "forged", "admin": True}
        alice, bob = await connect(auth), await connect()
        await call(alice, "message", {"text": "hi"})
        await flush(alice, bob)
        [(data,)] = bob.inbox.named("recieve-message")
        assert data["from"] == {"id": sid(alice), "userId": 2.5, "name": "Ann é"}

    async def test_it_names_the_socket_that_sent(self, connect):
        alice, phone = await connect({"userId": 1}), await connect({"userId": 1})
        await call(phone, "message", {})
        await flush(alice, phone)
        [(data,)] = alice.inbox.named("recieve-message")
        assert data["from"]["id"] == sid(phone)


NO_SUCH_EVENT = "There is no such event here; there are message, join-room, leave-room."
NO_ROOM = "room must be non-empty text or a number."
NO_USER = "user must be non-empty text or a number."
NOT_FINITE = "A number must be finite."
NO_NAME = "An event needs a name."
NOT_USED = "Each binary attachment must be used once."
NO_GROUP = "A room cannot have a name in the form of a socket id."
NOT_NAMES = [None, "", True, False, [], ["tea"], [None], {}, b"tea"]
SOCKET_ID = f"~{22 * 'a'}"
BAD_INPUT = [
    *[(event, (name,), NO_ROOM) for event in ("join-room", "leave-room") for name in NOT_NAMES],
    *[("join-room", (name,), NOT_FINITE) for name in (math.nan, math.inf, -math.inf)],
    *[("message", {"room": name}, NO_ROOM) for name in NOT_NAMES],
    *[("message", {"user": name}, NO_USER) for name in NOT_NAMES],
    *[("message", data, NOT_FINITE) for data in (math.inf, {"x": [math.nan]}, {"room": math.nan})],
    ("message", {"room": "tea", "user": 2}, "A message has a room or a user, not both."),
    ("message", {"others": "yes"}, "others must be true or false."),
    *[(event, (), "One argument was expected, 0 came.") for event in CLIENT_EVENTS],
    *[(event, ("tea", 2), "One argument was expected, 2 came.") for event in CLIENT_EVENTS],
    *[(event, SOCKET_ID, NO_GROUP) for event in ("join-room", "leave-room")],
    *[(event, "hi", NO_SUCH_EVENT) for event in ("recieve-message", "welcome", "unknown", "")],
    ("unknown", (1, 2, 3), NO_SUCH_EVENT),
    ("unknown", (), NO_SUCH_EVENT),
]


class TestBadInput:
    @pytest.mark.parametrize(("event", "data", "sentence"), BAD_INPUT)
    async def test_it_is_answered_and_heard_by_nobody(
        self, connect, chat_log, event, data, sentence
    ):
        mallory, bob = await connect(), await connect({"userId": 2})
        await call(bob, "join-room", "tea")
        await clear(mallory, bob)
        logged = chat_log()
        assert await call(mallory, event, data) == {"ok": False, "error": sentence}
        await flush(mallory, bob)
        assert mallory.inbox == bob.inbox == []
        assert chat_log() == logged
        # The connection is alive, and as good as before.
        assert await call(mallory, "message", {"room": "tea", "text": "sorry"}) == OK
        await flush(mallory, bob)
        assert len(bob.inbox) == 1

    @pytest.mark.parametrize("event", sorted(RESERVED_EVENTS))
    @pytest.mark.parametrize("data", [(), ("forged",), ("forged", {}, {"userId": 1})])
    async def test_a_reserved_event_runs_no_handler(self, connect, chat_log, event, data):
        mallory, bob = await connect(), await connect()
        await clear(mallory, bob)
        logged = chat_log()
        sentence = f"Socket.IO keeps the name {event} for itself."
        assert await call(mallory, event, data) == {"ok": False, "error": sentence}
        await flush(mallory, bob)
        assert mallory.inbox == bob.inbox == []
        assert chat_log() == logged

    async def test_a_forged_disconnect_leaves_the_other_connected(self, connect):
        mallory, bob = await connect(), await connect()
        await clear(mallory, bob)
        await call(mallory, "disconnect", (sid(bob), "gone"))
        assert await call(mallory, "message", "hi") == OK
        await flush(mallory, bob)
        assert len(bob.inbox) == 1

    @pytest.mark.parametrize(
        ("sentence", "frames"),
        [
            (NO_NAME, ["427[]"]),
            (NO_NAME, ["427[1]"]),
            ("Socket.IO keeps the name connect for itself.", ['427["connect"]']),
            (NO_NAME, ["450-7[]"]),
            (
                "Socket.IO keeps the name connect for itself.",
                ['451-7["connect",{"_placeholder":true,"num":0}]', b"a"],
            ),
            (NOT_USED, ['451-7["message",{"_placeholder":true}]', b"a"]),
            (NOT_USED, ['451-7["message",{"_placeholder":true,"num":5}]', b"a"]),
            (NOT_FINITE, ['427["message",{"x":1e999}]']),
            (NOT_FINITE, ['451-7["message",NaN,{"_placeholder":true,"num":0}]', b"a"]),
            ("The data nests too deep.", [f'427["message",{"[" * 30_000}{"]" * 30_000}]']),
        ],
        ids=lambda value: str(value)[:40],
    )
    async def test_a_malformed_packet_is_answered(self, server, connect, sentence, frames):
        alice, mallory = await connect(), await server.client()
        await clear(alice)
        await mallory.send(*frames)
        assert await mallory.answer_to(7) == {"ok": False, "error": sentence}
        await flush(alice)
        assert alice.inbox == []
        await mallory.send('42["message",{"others":true}]')
        await eventually(lambda: alice.inbox)

    async def test_a_failure_of_the_server_is_answered_and_logged(
        self, chat, connect, monkeypatch, caplog
    ):
        alice = await connect()
        await flush(alice)

        async def fail(*arguments, **options):
            raise RuntimeError("the password is hunter2")

        with monkeypatch.context() as broken:
            broken.setattr(chat.io, "emit", fail)
            answer = await call(alice, "message", "hi")
        assert answer == {
            "ok": False,
            "error": "The server failed to do this; the failure is in its log.",
        }
        [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
        assert record.name == "chatlib"
        assert "hunter2" in caplog.text
        assert await call(alice, "message", "hi") == OK


class TestEavesdropping:
    """No name of a room puts a socket where another person's messages arrive."""

    async def spy(self, connect, spellings):
        """Let mallory join rooms of these names, or be refused; return whom she wants to hear."""
        alice, bob = await connect({"userId": 1}), await connect({"userId": 2})
        await call(bob, "join-room", "x")
        mallory = await connect()
        for spelling in spellings(alice, bob):
            await call(mallory, "join-room", spelling)
        await clear(alice, bob, mallory)
        return alice, bob, mallory

    @pytest.mark.parametrize(
        "spellings",
        [
            lambda alice, bob: [
                sid(bob),
                [sid(bob)],
                f" {sid(bob)}",
                f"{sid(bob)}\n",
                sid(bob)[1:],
            ],
            lambda alice, bob: [f"room:{sid(bob)}", f"user:{sid(bob)}", f"//{sid(bob)}"],
            lambda alice, bob: [2, "2", 2.0, "user:2", "room:user:2", ["user:2"], {"user": 2}],
            lambda alice, bob: ["room:x", "room:room:x", "X", "x ", ["x"]],
            lambda alice, bob: [
                "everyone",
                "room:everyone",
                "user:everyone",
                "",
                None,
                "None",
                "/",
            ],
        ],
        ids=["socket", "prefixed socket", "user", "room", "everyone"],
    )
    async def test_by_a_rooms_name(self, connect, spellings):
        alice, bob, mallory = await self.spy(connect, spellings)
        for address in ({"room": sid(bob)}, {"user": 2}, {"room": "x"}):
            assert await call(alice, "message", address) == OK
        await flush(alice, bob, mallory)
        assert len(bob.inbox) == 3
        assert mallory.inbox == []

    async def test_everyone_is_told_once_and_no_room_is(self, connect):
        alice, bob, mallory = await self.spy(connect, lambda *_: ["everyone"])
        await call(alice, "message", {"room": "everyone"})
        await call(alice, "message", {"user": "everyone"})
        await flush(alice, bob, mallory)
        assert bob.inbox == []
        assert len(mallory.inbox) == 1  # the group of that name is hers
        await call(mallory, "leave-room", "everyone")
        await call(alice, "message", "hi")
        await flush(alice, bob, mallory)
        assert len(mallory.inbox) == 2

    async def test_by_leaving_for_another(self, connect):
        alice, bob, mallory = await self.spy(connect, lambda *_: [])
        for name in (sid(bob), "user:2", "everyone"):
            await call(mallory, "leave-room", name)
        await call(alice, "message", {"user": 2})
        await call(alice, "message", "hi")
        await flush(alice, bob, mallory)
        assert len(bob.inbox) == 2

    async def test_by_the_id_that_the_transport_has(self, chat, connect):
        alice, bob, mallory = await self.spy(connect, lambda *_: [])
        for client in (alice, bob):
            transport_id = chat.io.manager.eio_sid_from_sid(sid(client), "/")
            assert not (await call(mallory, "join-room", transport_id))["ok"]
            await call(mallory, "message", {"room": transport_id})
        await flush(alice, bob, mallory)
        assert alice.inbox == bob.inbox == []
