"""The attack table: each attack is refused, the victim hears what it would have heard without it.

Every scene is played with the attack and without; what the victim got over the wire is compared
byte for byte, once the random ids are replaced by names.
"""

import asyncio
import json
import re
import struct

import pytest
from aiohttp import WSCloseCode
from itsdangerous import URLSafeSerializer

from chatlib.engine.packets import RESERVED_EVENTS
from chatlib.history import History
from chatlib.identity import Passcode
from chatlib.limits import Limits
from chatlib.messages import BadInputError, read_auth
from support.clients import PlainClients, flush
from support.servers import CLIENT_EVENTS, serving
from support.waiting import TIMEOUT, eventually

pytestmark = pytest.mark.usefixtures("soon_cut")

NO_GROUP = "A room cannot have a name in the form of a socket id."
NO_ROOM = "room must be non-empty text or a number."
NO_USER = "user must be non-empty text or a number."
BOTH = "A message has a room or a user, not both."


class Scene:
    """Alice is the victim, bob her friend, mallory the attacker; all three were let in."""

    def __init__(self, server):
        self.server = server
        self.names = {}

    async def begin(self):
        self.alice = await self.enter("alice", {"userId": "alice"})
        self.bob = await self.enter("bob", {"userId": "bob"})
        self.mallory = await self.enter("mallory", {"userId": "mallory"})
        for client in (self.alice, self.bob):
            await client.call("join-room", "tea")

    async def enter(self, name, auth):
        client = await self.server.client(auth)
        self.names[client.sid] = name
        return client

    async def chat(self):
        """Bob says something to alice on every way there is, and alice to bob."""
        for address in ({"user": "alice"}, {"room": "tea"}, {"room": self.alice.sid}):
            assert (await self.bob.call("message", {**address, "secret": 1}))["ok"]
        assert (await self.alice.call("message", {"user": "bob", "secret": 2}))["ok"]
        assert (await self.bob.call("message", "to everyone"))["ok"]
        await flush(self.alice, self.bob, self.alice)

    def inbox(self, client):
        """What a client got, byte for byte, with names for ids."""
        text = "\n".join(map(str, client.frames))
        for sid, name in self.names.items():
            text = text.replace(sid, name)
        return text


UNDISTURBED = []  # what alice and bob got in a scene without anything else, once it was played


async def play(attack, harmless=None, **options):
    """Play the scene with an attack and without: alice and bob get the same."""
    with_attack = await inboxes_after(attack, **options)
    if harmless or options:
        without = await inboxes_after(harmless, **options)
    else:
        if not UNDISTURBED:
            UNDISTURBED.extend(await inboxes_after(None))
        without = UNDISTURBED
    assert with_attack == without
    assert with_attack[0].count("secret") == 6  # twice to alice on each of three ways


async def inboxes_after(act, **options):
    """Play the scene with an act in the middle, and return what alice and bob got."""
    async with serving(**options) as server:
        scene = Scene(server)
        await scene.begin()
        await scene.chat()
        if act:
            await act(scene)
        await scene.chat()
        newcomer = await scene.enter("newcomer", None)
        assert (await newcomer.call("message", "the server still answers"))["ok"]
        await flush(scene.alice, scene.bob)
        assert "secret" not in scene.inbox(scene.mallory)
        return [scene.inbox(scene.alice), scene.inbox(scene.bob)]


def sid_of(scene, name):
    return next(sid for sid, whose in scene.names.items() if whose == name)


def wide(text):
    """The same in full-width letters, which look alike."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


# How to spell alice's rooms, and the refusal; nothing where it is the name of a group like others.
ROOM_SPELLINGS = [
    ("alice", ""),
    ("user:alice", ""),
    ("user: alice", ""),
    ("USER:ALICE", ""),
    ("room:user:alice", ""),
    ("../user:alice", ""),
    ("user:alice\0", ""),
    (" user:alice", ""),
    ("user:\u0430lice", ""),  # a Cyrillic letter
    (wide("user:alice"), ""),
    ("us\u0435r:alice", ""),  # another one
    ("everyone", ""),
    ("room:tea ", ""),
    ("TEA", ""),
    ("te\u0430", ""),
    ("tea\u200b", ""),
    (lambda scene: sid_of(scene, "alice"), NO_GROUP),
    (lambda scene: sid_of(scene, "alice") + " ", ""),
    (lambda scene: sid_of(scene, "alice") + "\n", ""),
    (lambda scene: wide(sid_of(scene, "alice")), ""),
    (lambda scene: sid_of(scene, "alice").lower(), NO_GROUP),
    (lambda scene: sid_of(scene, "alice")[1:], ""),
    (lambda scene: f"room:{sid_of(scene, 'alice')}", ""),
    (lambda scene: f"user:{sid_of(scene, 'alice')}", ""),
    (lambda scene: [sid_of(scene, "alice")], NO_ROOM),
    (lambda scene: {"room": sid_of(scene, "alice")}, NO_GROUP),
    (lambda scene: {"room": {"room": sid_of(scene, "alice")}}, NO_ROOM),
    (["user:alice"], NO_ROOM),
    ([["user:alice"]], NO_ROOM),
    ({"user": "alice"}, NO_ROOM),
    ({"room": ["user:alice"]}, NO_ROOM),
    ({"room": "user:alice"}, ""),
    (None, NO_ROOM),
    ("", NO_ROOM),
    ([], NO_ROOM),
    ({}, NO_ROOM),
    (True, NO_ROOM),
    (False, NO_ROOM),
    (0, ""),
    (-1, ""),
    (1e300, "A name may have 100 characters, not more."),
]


class TestEavesdropping:
    @pytest.mark.parametrize(
        ("spelling", "refusal"),
        [  # a quick run takes every fourth
            pytest.param(*each, id=f"join-{n}", marks=[pytest.mark.slow] if n % 4 else [])
            for n, each in enumerate(ROOM_SPELLINGS)
        ],
    )
    async def test_joining_the_rooms_of_somebody_else(self, log, spelling, refusal):
        async def attack(scene):
            room = spelling(scene) if callable(spelling) else spelling
            answer = await scene.mallory.call("join-room", room)
            assert answer.get("error", "") == refusal
            assert answer["ok"] == (not refusal)

        await play(attack)
        assert log() == []

    async def test_number_rooms_of_a_user_with_a_number(self, log):
        async with serving() as server:
            seven = await server.client({"userId": 7})
            mallory = await server.client({"userId": "mallory"})
            for room in (7, "7", 7.0, "user:7", "07", "7.0", wide("7")):
                assert (await mallory.call("join-room", room))["ok"]
            bob = await server.client()
            await bob.call("message", {"user": 7, "secret": 1})
            await bob.call("message", {"user": "7", "secret": 1})
            await flush(seven, mallory)
            assert sum("secret" in frame for frame in seven.frames) == 2
            assert not any("secret" in frame for frame in mallory.frames)

    async def test_a_refused_socket_that_listens_while_it_is_checked(self, log):
        class Slow:
            asked, go = asyncio.Event(), asyncio.Event()

            async def identify(self, sid, auth, address):
                if auth == {"userId": "alice", "name": "mallory"}:
                    self.asked.set()
                    await self.go.wait()
                    raise BadInputError("You are not alice.")
                return read_auth(sid, auth)

            def session(self, sender):
                return None

        listener = []

        async def attack(scene):
            client = await scene.server.open()
            listener.append(client)
            await client.send(
                '40{"userId":"alice","name":"mallory"}',
                '421["join-room","tea"]',
                '422["message",{"user":"alice","text":"from nobody"}]',
            )
            await Slow.asked.wait()
            await scene.chat()
            Slow.go.set()
            await client.until(lambda frame: frame[:2] == "44")
            await client.send('423["join-room","tea"]')

        inboxes = []
        for act in (Scene.chat, attack):
            async with serving(identity=Slow()) as server:
                scene = Scene(server)
                await scene.begin()
                await act(scene)
                await scene.chat()
                inboxes.append([scene.inbox(scene.alice), scene.inbox(scene.bob)])
                if listener:
                    await server.chat.io.emit(
                        "after", to=None
                    )  # to all connections of python-socketio
        assert inboxes[0] == inboxes[1]
        assert listener[0].frames == ['44{"message":"You are not alice."}']
        assert log() == []

    async def test_history_that_is_not_ones_own(self, log):
        """A reader may ask for it under each name; what comes was to everyone, or said in `tea`."""
        async with serving(history=History(), identity=Passcode("tea", "s")) as server:
            alice = await server.client({"passcode": "tea"})
            user = session_of(alice)["userId"]
            bob = await server.client({"passcode": "tea"})
            await alice.call("join-room", "tea")
            for address in ({"user": user}, {"room": alice.sid}, {"room": "tea"}):
                assert (await bob.call("message", {**address, "secret": 1}))["ok"]
            assert (await alice.call("message", {"user": session_of(bob)["userId"], "secret": 2}))[
                "ok"
            ]
            mallory = await server.client({"passcode": "tea", "offset": 0})
            for room in (f"user:{user}", user, f"room:user:{user}", "everyone", "Tea"):
                assert (await mallory.call("join-room", {"room": room, "offset": 0}))["ok"]
            for room in (alice.sid, [user], {"user": user}, None, [alice.sid, "tea"]):
                assert not (await mallory.call("join-room", {"room": room, "offset": 0}))["ok"]
            for offset in (-1, "0", 1.5, True, [0], 2**53):
                answer = await mallory.call("join-room", {"room": "cake", "offset": offset})
                assert answer["error"] == "offset must be the id of a message, or 0."
            await flush(mallory)
            assert not any("secret" in frame for frame in mallory.frames)
            refused = await server.open()
            answer = await refused.enter({"userId": user, "passcode": "tea", "offset": 0})
            assert answer == {"message": "A userId needs its token."}
            await flush(alice)
            assert not any("secret" in frame for frame in refused.frames)
            assert log() == []


def session_of(client):
    [frame] = [frame for frame in client.frames if frame.startswith('42["session"')]
    return json.loads(frame[2:])[1]


class TestForgery:
    @pytest.mark.parametrize(
        "forged",
        [
            {"id": "x", "userId": "bob", "name": "Bob"},
            "bob",
            None,
            [],
            {"__proto__": {"userId": "bob"}},
        ],
    )
    async def test_of_the_sender(self, log, forged):
        said = {"user": "alice", "text": "I am Bob", "id": 7, "From": "bob", "sid": "bob"}

        async def honest(scene, **more):
            assert (await scene.mallory.call("message", {**said, **more}))["ok"]
            await flush(scene.alice)

        async def attack(scene):
            await honest(scene, **{"from": forged})
            [frame] = [frame for frame in scene.alice.frames if "I am Bob" in frame]
            me = {"id": scene.mallory.sid, "userId": "mallory"}
            assert json.loads(frame[2:]) == ["single-message", {**said, "from": me}]

        await play(attack, honest)
        assert log() == []

    async def test_of_the_sender_by_a_key_given_twice(self, log):
        async with serving() as server:
            alice = await server.client({"userId": "alice"})
            mallory = await server.client({"userId": "mallory"})
            forged = (
                '["message",{"user":"alice","from":"bob","from":{"userId":"bob"},"fr\\u006fm":1}]'
            )
            assert (await mallory.call_raw(forged))["ok"]
            await flush(alice)
            [frame] = [frame for frame in alice.frames if "single-message" in frame]
            assert frame.count('"from"') == 1
            assert json.loads(frame[2:])[1]["from"] == {"id": mallory.sid, "userId": "mallory"}

    @pytest.mark.parametrize("event", sorted(RESERVED_EVENTS))
    async def test_of_a_reserved_event(self, log, event):
        async def attack(scene):
            arguments = [
                [],
                [scene.alice.sid],
                [scene.alice.sid, "x"],
                [{}, {"userId": "alice"}, {}],
            ]
            for given in arguments:
                answer = await scene.mallory.call(event, *given)
                sentence = f"Socket.IO keeps the name {event} for itself."
                assert answer == {"ok": False, "error": sentence}

        await play(attack)
        assert log() == []

    @pytest.mark.parametrize(
        "event",
        ["welcome", "broadcast", "recieve-message", "single-message", "session", "Connect", ""],
    )
    async def test_of_an_event_of_the_server(self, log, event):
        async def attack(scene):
            answer = await scene.mallory.call(event, "forged")
            assert answer["error"] == (
                f"There is no such event here; there are {', '.join(CLIENT_EVENTS)}."
            )

        await play(attack)
        assert log() == []

    @pytest.mark.parametrize("data", ["[]", "[null]", "[7]", '[["message"]]', "[{}]"])
    async def test_of_an_event_without_a_name(self, log, data):
        async def attack(scene):
            answer = await scene.mallory.call_raw(data)
            assert answer == {"ok": False, "error": "An event needs a name."}

        await play(attack)
        assert log() == []

    @pytest.mark.parametrize("binary", [False, True])
    async def test_of_somebody_elses_acknowledgement(self, log, binary):
        async def ask(scene, forge):
            """The server asks alice; while she has not answered, mallory does."""
            call = scene.server.chat.io.call("who are you", to=scene.alice.sid, timeout=TIMEOUT)
            task = asyncio.create_task(call)
            question = await scene.alice.until(lambda frame: "who are you" in frame)
            number = question[2:].partition("[")[0]
            for each in (number, "1", "2", "999999") if forge else ():
                if binary:
                    place = '[{"_placeholder":true,"num":0}]'
                    await scene.mallory.send(f"461-{each}{place}", b"forged")
                else:
                    await scene.mallory.send(f'43{each}["forged"]')
            await flush(scene.mallory)
            await scene.alice.send(f'43{number}["alice"]')
            assert await task == "alice"

        await play(lambda scene: ask(scene, True), lambda scene: ask(scene, False))
        assert log() == []


ADDRESSES = [
    *[({"room": room}, NO_ROOM) for room in ("", None, [], {}, True, False)],
    *[({"user": user}, NO_USER) for user in ("", None, [], {}, True, False)],
    ({"room": ["tea"]}, NO_ROOM),
    ({"room": [None]}, NO_ROOM),
    ({"room": {"room": "tea"}}, NO_ROOM),
    ({"user": ["alice", "bob"]}, NO_USER),
    ({"user": {"toString": "alice"}}, NO_USER),
    ({"room": "tea", "user": "alice"}, BOTH),
    ({"room": None, "user": None}, BOTH),
    *[
        ({"others": others}, "others must be true or false.")
        for others in (1, 0, "", "yes", None, [])
    ],
]


class TestAddresses:
    @pytest.mark.parametrize(("address", "refusal"), ADDRESSES, ids=lambda value: str(value)[:30])
    async def test_that_would_be_everyones(self, log, address, refusal):
        async def attack(scene):
            answer = await scene.mallory.call("message", {**address, "text": "spam"})
            assert answer == {"ok": False, "error": refusal}

        await play(attack)
        assert log() == []

    @pytest.mark.parametrize(
        "number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "9" * 5000]
    )
    @pytest.mark.parametrize("what", ['{{"room":{}}}', '{{"user":{}}}', '{{"text":[{}]}}', "{}"])
    async def test_that_no_browser_can_read(self, log, what, number):
        async def attack(scene):
            answer = await scene.mallory.call_raw(f'["message",{what.format(number)}]')
            assert answer == {"ok": False, "error": "A number must be finite."}

        await play(attack)
        assert log() == []


class TestIdentity:
    """Of another user: without the token, or with one that is not right."""

    @pytest.fixture
    def token(self):
        """A token as the server makes it; what is different is said."""

        def make(user="alice", secret="the server's", salt="chatlib user"):
            return URLSafeSerializer(secret, salt=salt).dumps(user)

        return make

    async def refused(self, auth):
        async with serving(identity=Passcode("open sesame", "the server's")) as server:
            friend = await server.client({"passcode": "open sesame"})
            mallory = await server.open()
            answer = await mallory.enter(auth)
            await flush(friend)
            await friend.call("message", {"user": "alice", "secret": 1})
            await friend.call("message", {"secret": 1})
            assert len(server.chat.members) == 1
            assert not any("secret" in frame for frame in mallory.frames)
            return answer["message"]

    @pytest.mark.parametrize("user", ["alice", "", 7, "mallory"])
    async def test_a_user_id_alone_is_not_believed(self, user):
        assert await self.refused({"userId": user or "x", "passcode": "open sesame"}) == (
            "A userId needs its token."
        )

    @pytest.mark.parametrize(
        "passcode",
        [None, "", "open sesam", "open sesame ", "OPEN SESAME", ["open sesame"], 0, True],
    )
    async def test_a_wrong_passcode(self, passcode):
        sentence = await self.refused({"passcode": passcode})
        assert sentence in ("The passcode is wrong.", "This chat needs a passcode.")

    async def test_nothing_at_all(self):
        assert await self.refused(None) == "This chat needs a passcode."
        assert await self.refused([]) in ("auth must be an object.", "This chat needs a passcode.")

    async def test_the_right_token_is_believed(self, token):
        async with serving(identity=Passcode("open sesame", "the server's")) as server:
            alice = await server.client({"token": token()})
            assert session_of(alice)["userId"] == "alice"

    async def test_a_token_of_another_secret_or_purpose(self, token):
        for forged in (token(secret="another"), token(salt="another"), token(secret="")):
            assert await self.refused({"token": forged}) == "The token is not valid."

    async def test_a_token_altered(self, token):
        mine, signature = token("mallory").rsplit(".", 1)
        alices, _ = token("alice").rsplit(".", 1)
        altered = [
            f"{alices}.{signature}",
            f"{mine}.{signature[:-1]}",
            f"{mine}.{signature[::-1]}",
            f"{mine}.",
            mine,
            f".{mine}.{signature}",
            f"{mine}.{signature}.{signature}",
            "",
            ".",
            "é.é",
            "\ud800.x",
            *[None, 7, True, [], ["x"], {}, {"a": 1}],
        ]
        for forged in altered:
            assert await self.refused({"token": forged}) == "The token is not valid."
            sentence = await self.refused({"token": forged, "passcode": "open sesame"})
            assert sentence == "The token is not valid."

    async def test_a_token_replayed_as_another_user(self, token):
        for user in ("alice", "Mallory", "mallory "):
            sentence = await self.refused({"token": token("mallory"), "userId": user})
            assert sentence == "The token is not that of this userId."


@pytest.fixture
def victim_and_friend(log):
    """The scene of an attack that ends with the attacker's connection."""

    async def play_to_the_end(attack, why, **options):
        async def to_the_end(scene):
            await attack(scene)
            await scene.mallory.ended()
            await eventually(
                lambda: scene.mallory.sid not in scene.server.chat.io.manager.rooms["/"]
            )
            assert scene.mallory.sid not in scene.server.chat.members
            assert scene.mallory.websocket.close_code == WSCloseCode.POLICY_VIOLATION

        await play(to_the_end, **options)
        [line] = log()
        assert re.fullmatch(rf"Hanging up on ~\S+: {re.escape(why)}.*", line)

    return play_to_the_end


class TestExhaustion:
    async def test_a_huge_message_is_answered(self, log):
        async def attack(scene):
            for address in ({}, {"room": "tea"}, {"user": "alice"}):
                answer = await scene.mallory.call("message", {**address, "text": "x" * 70_000})
                assert "A message may have 65536 bytes" in answer["error"]
            place = {"_placeholder": True, "num": 0}
            answer = await scene.mallory.call("message", place, attachments=[bytes(70_000)])
            assert "A message may have 65536 bytes" in answer["error"]

        await play(attack)
        assert log() == []

    async def test_a_frame_larger_than_any_is_the_end(self, log):
        async def attack(scene):
            await scene.mallory.send('421["message","' + "x" * 1_000_000 + '"]')
            await scene.mallory.ended()

        await play(attack)
        [line] = log()
        assert "it sent a frame that is too long" in line

    @pytest.mark.parametrize("begun", [b"", b"\x01\x82\0\0\0\x0042"], ids=["whole", "continued"])
    async def test_a_frame_is_refused_by_its_header(self, log, begun):
        """Else a client that announces 400 MB fills the memory while they come."""

        async def attack(scene):
            wire = await scene.server.wire()
            opcode = 0x80 if begun else 0x81
            wire.writer.write(begun + struct.pack("!BBQI", opcode, 0xFF, 400_000_000, 0))
            async with asyncio.timeout(TIMEOUT):
                await wire.hung_up_on()

        await play(attack)
        [line] = log()
        assert "it sent a frame that is too long" in line

    @pytest.mark.parametrize("deep", [101, 900, 5_000, 30_000])
    @pytest.mark.parametrize("shape", ["[]", "{}"])
    async def test_a_deep_message_is_answered(self, log, shape, deep):
        opening, closing = ("[", "]") if shape == "[]" else ('{"a":', "}")
        deep = min(deep, 60_000 // (len(opening) + 1))
        text = f'["message",{opening * deep}1{closing * deep}]'

        async def attack(scene):
            answer = await scene.mallory.call_raw(text)
            assert answer == {"ok": False, "error": "The data nests too deep."}

        await play(attack)
        assert log() == []

    async def test_a_flood_is_answered_and_reaches_nobody(self, log):
        limits = Limits(burst=30, messages_per_second=0.001)

        async def attack(scene):
            while (await scene.mallory.call("leave-room", "x"))["ok"]:
                pass
            await scene.mallory.send(*[f'42{n}["message","spam"]' for n in range(1000, 2000)])
            for n in range(1000, 2000):
                assert "Too fast" in (await scene.mallory.answer_to(n))["error"]

        await play(attack, limits=limits)
        assert log() == []

    @pytest.mark.slow
    async def test_ten_thousand_rooms(self, log):
        limits = Limits(burst=20_000)

        async def attack(scene):
            frames = [f'42{n}["join-room","room {n}"]' for n in range(1, 10_001)]
            answers = []
            for start in range(0, 10_000, 500):
                await scene.mallory.send(*frames[start : start + 500])
                answers += [await scene.mallory.answer_to(start + n) for n in range(1, 501)]
            assert [answer["ok"] for answer in answers] == [True] * 100 + [False] * 9900
            assert answers[-1]["error"] == "You may be in 100 rooms at once."
            rooms = scene.server.chat.io.manager.rooms["/"]
            assert sum(str(room).startswith("room:room") for room in rooms) == 100

        await play(attack, limits=limits)
        assert log() == []

    async def test_a_slow_reader(self, log):
        async def talk(scene):
            for _ in range(60):
                assert (await scene.bob.call("message", "x" * 60_000))["ok"]

        async def attack(scene):
            slow = await scene.server.wire(buffer=4096)
            slow.writer.transport.pause_reading()
            slow.send("40")
            await eventually(lambda: len(scene.server.chat.members) == 4)
            [sid] = set(scene.server.chat.members) - set(scene.names)
            scene.names[sid] = "slow"
            await talk(scene)
            await eventually(lambda: sid not in scene.server.chat.members)

        async def harmless(scene):
            await scene.enter("slow", None)
            await talk(scene)

        await play(attack, harmless, limits=Limits(unread_bytes=300_000, burst_bytes=10**8))
        [line] = log()
        assert line.endswith("it reads too slowly, and more than 300000 bytes wait")

    async def test_attachments_that_never_come(self, log):
        async def attack(scene):
            data = '{"user":"alice","file":{"_placeholder":true,"num":0}}'
            await scene.mallory.send(f'451-1["message",{data}]')

        await play(attack)
        assert log() == []

    @pytest.mark.parametrize(
        ("frames", "why"),
        [
            (
                ['451-["message",{"_placeholder":true,"num":0}]', '42["message",1]'],
                "it does not speak",
            ),
            (['451-["message",{"_placeholder":true,"num":0}]', b"a", b"b"], "it does not speak"),
            (['459999999999-["message"]', *[bytes(100_000)] * 11], "it does not speak Socket.IO"),
            ([b"nobody waits for this"], "it does not speak Socket.IO"),
        ],
    )
    async def test_attachments_that_are_not_as_announced(self, victim_and_friend, frames, why):
        async def attack(scene):
            await scene.mallory.send(*frames)

        async def harmless(scene):
            if b"a" in frames:  # what was announced came
                await scene.mallory.send(*frames[:2])
            await flush(scene.mallory)

        await victim_and_friend(attack, why, harmless=harmless)

    @pytest.mark.parametrize(
        "places",
        ["[0,0]", "[1]", "[-1]", '["0"]', "[0.0]", "[null]", "[true]", "[0,1,2]", "[]", "[[0]]"],
    )
    async def test_attachments_used_twice_or_not_at_all(self, log, places):
        numbers = json.loads(places)
        data = [{"_placeholder": True, "num": number} for number in numbers]

        async def attack(scene):
            answer = await scene.mallory.call("message", data, attachments=[b"x" * 1000])
            assert answer == {"ok": False, "error": "Each binary attachment must be used once."}

        await play(attack)
        assert log() == []


class TestConnections:
    async def test_a_second_namespace(self, log):
        async def attack(scene):
            for namespace in ("/admin", "/x", "/" + "y" * 1000, "/?token=x", "//"):
                await scene.mallory.send(f"40{namespace},", f'42{namespace},1["join-room","tea"]')
            for _ in range(4):
                await scene.mallory.until(lambda frame: "Invalid namespace" in frame)
            await flush(scene.mallory)
            assert [*scene.server.chat.io.manager.rooms] == ["/"]

        await play(attack)
        assert log() == []

    @pytest.mark.parametrize("frame", ["40", '40{"userId":"alice"}', '40{"userId":true}', "40/,{}"])
    async def test_being_let_in_twice(self, log, frame):
        async def attack(scene):
            await scene.mallory.send(frame)
            await scene.mallory.until(lambda frame: frame == '44"Unable to connect"')

        await play(attack)
        assert log() == []

    @pytest.mark.parametrize(
        "frame",
        [
            *("", "zzz", "9", "4", "44{}", "49", "43[1]", "431{}", b"rubbish", "4" + "[" * 99_999),
            *("421", "421{}", '421"message"', "421null"),
        ],
    )
    async def test_rubbish(self, victim_and_friend, frame):
        async def attack(scene):
            await scene.mallory.send(frame)

        protocol = "Socket.IO" if frame[:1] in ("4", b"r") else "Engine.IO"
        await victim_and_friend(attack, f"it does not speak {protocol}")

    async def test_leaving_in_the_name_of_somebody_else(self, log):
        async def leave(scene, *frames):
            await scene.mallory.send(*frames, "40")
            await scene.mallory.until(lambda frame: frame.startswith('42["welcome"'))
            frame = next(f for f in reversed(scene.mallory.frames) if f.startswith("40"))
            scene.names[json.loads(frame[2:])["sid"]] = "mallory again"

        async def attack(scene):
            await leave(scene, f'41"{scene.alice.sid}"', "41/admin,", '42["message",1]')

        async def harmless(scene):
            await leave(scene, "41")

        await play(attack, harmless)
        assert log() == []


class TestLog:
    MARKUP = "<script>alert(1)</script>\n~forged is disconnected\r\x1b[31mred\x07\u2028\u202e"
    SHOWN = r"<script>alert(1)</script>\n~forged is disconnected\r\x1b[31mred\x07\u2028\u202e"

    async def test_names_come_back_on_one_line_without_control_characters(self, command):
        running = await command("--port", "0")
        connect = PlainClients(running.url)
        client = await connect({"userId": self.MARKUP[:90], "name": self.MARKUP[:90]})
        for room in (self.MARKUP, "\ud800", "\0"):
            assert (await client.call("join-room", room, timeout=TIMEOUT))["ok"]
        await client.call(self.MARKUP, self.MARKUP, timeout=TIMEOUT)
        await client.call("message", self.MARKUP, timeout=TIMEOUT)
        sid = client.get_sid()
        await connect.close()
        await eventually(lambda: running.lines[-1].endswith("is disconnected"))
        assert running.lines[1:] == [
            "User connected",
            f"id :- {sid}",
            f"User joined the room {self.SHOWN}",
            r"User joined the room \ud800",
            r"User joined the room \x00",
            f"{sid} is disconnected",
        ]
        assert running.errors == []
