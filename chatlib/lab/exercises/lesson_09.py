"""The exercises of lesson 09: a door, what is heard at it, and what a token is worth."""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

import socketio
from socketio.exceptions import ConnectionError

from chatlib.identity import Passcode
from chatlib.lab.exercises.exercise import Exercise, Repair, Stage, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.exercises.stage import NothingCameError, WrongAnswerError
from chatlib.lab.trace import Packet
from chatlib.server import ChatServer

_SENTENCE = "The passcode is wrong."


async def _knock(stage: Stage, name: str, auth: Any) -> tuple[Any, Any]:
    """Try to connect, and return the client if that succeeded, and the reason if not."""
    client = stage.lab.client(name)
    reasons: list[Any] = []
    client.on("connect_error", reasons.append)
    try:
        await client.connect(stage.lab.url, auth=auth)
    except ConnectionError:
        reason = reasons[-1] if reasons else None
        return None, reason.get("message", reason) if isinstance(reason, dict) else reason
    return client, None


@dataclass(frozen=True)
class _Callers:
    """Who comes to a door with a passcode, and with what."""

    friend: str
    stranger: str
    right: tuple[Any, ...]
    wrong: tuple[Any, ...]


async def _the_door(answer: Callable[..., Any], stage: Stage, scene: _Callers) -> None:
    await run(answer, stage.io)
    for auth in scene.right:
        client, reason = await _knock(stage, scene.friend, auth)
        if not client:
            stage.fail(
                f"{scene.friend} came with {auth} and should have been let in; told: {reason!r}."
            )
    for auth in scene.wrong:
        client, reason = await _knock(stage, scene.stranger, auth)
        came = f"{scene.stranger} came with {'no auth' if auth is None else f'the auth {auth!r}'}"
        if client:
            stage.fail(f"{came} and was let in.")
        if reason != _SENTENCE:
            stage.fail(f'{came} and should have been told "{_SENTENCE}", not {reason!r}.')
        await stage.lab.settle()


@dataclass(frozen=True)
class _Guests:
    """Who is known, who is not, and whether the stranger comes with an ``auth`` like the others."""

    first: str
    second: str
    third: str
    stranger: str
    with_auth: bool
    texts: tuple[str, str, str]


async def _at_the_door(answer: Callable[..., Any], stage: Stage, scene: _Guests) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()
    cards = {name: uuid4().hex for name in (scene.first, scene.second, scene.third)}
    are_asked_for = []

    async def is_known(auth: Any) -> bool:
        are_asked_for.append(auth)
        if isinstance(auth, dict) and auth.get("card") in cards.values():
            return True
        asked.set()
        await answered.wait()
        return False

    async def let_in(name: str) -> Any:
        coming = asyncio.create_task(_knock(stage, name, {"card": cards[name]}))
        await _first_of(coming, asked)
        if asked.is_set():
            answered.set()
            await coming
            stage.fail(f"{name} came with an auth, and is_known was asked for something else.")
        client, _ = await coming
        if not are_asked_for:
            stage.fail(f"{name} came, and is_known was never called: nothing else can tell.")
        if not client:
            stage.fail(f"{name} is known, and was not let in.")
        await stage.clear()
        return client

    await run(answer, stage.io, is_known)
    first, second = await let_in(scene.first), await let_in(scene.second)
    hello, secret, welcome = scene.texts
    await first.emit("say", hello)
    inside = [scene.first, scene.second]
    await stage.expect(f'{scene.first} emitted "say"', "news", by=inside, data=hello)

    auth = {"card": uuid4().hex} if scene.with_auth else None
    knocking = asyncio.create_task(_knock(stage, scene.stranger, auth))
    await _first_of(knocking, asked)
    # Not to settle yet: that would wait for the handler of who knocks.
    await stage.call(second, "say", secret)
    answered.set()
    stranger, _ = await knocking
    asked.clear()
    after = (
        f'{scene.second} emitted "say" while {scene.stranger}, who is not known, waited at the door'
    )
    await stage.expect(after, "news", by=inside, data=secret)
    if stranger:
        stage.fail(f"{scene.stranger} is not known, and was let in.")

    await let_in(scene.third)
    await second.emit("say", welcome)
    after = f'{scene.third} came and {scene.second} emitted "say"'
    await stage.expect(after, "news", by=[*inside, scene.third], data=welcome)


async def _first_of(task: asyncio.Task[Any], event: asyncio.Event) -> None:
    """Wait until a task has ended or an event is set."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


class _Paced(ChatServer):
    """A chat that hands over its tokens early or late, as the network may.

    Attributes:
        early: Whether a client has its token before its ``connect`` has returned.
        before: What to call before a token is handed over early.
    """

    early = False
    before: Callable[[], None] = staticmethod(lambda: None)

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        await super().connect(sid, environ, auth)
        if self.early:
            self.before()
            session = self.identity.session(self.members[sid].sender)
            await self.io.emit("session", session, to=sid)

    async def welcome(self, sid: str, offset: int | None) -> None:
        if not self.early:
            for _ in range(25):  # turns of the loop, however slow: `connect` has returned by then
                await asyncio.sleep(0.002)
            await super().welcome(sid, offset)


_chats: WeakKeyDictionary[socketio.AsyncServer, _Paced] = WeakKeyDictionary()


def _with_passcode() -> socketio.AsyncServer:
    chat = _Paced(identity=Passcode("tea"))
    _chats[chat.io] = chat
    return chat.io


@dataclass(frozen=True)
class _Tabs:
    """The names of two clients, and when the server hands over the token."""

    first: str
    second: str
    early: bool


async def _the_second_tab(answer: Callable[..., Any], stage: Stage, scene: _Tabs) -> None:
    chat = _chats[stage.io]
    first, second = stage.lab.client(scene.first), stage.lab.client(scene.second)
    unheard = asyncio.Event()

    def before() -> None:
        if not (_hears(first, "session") or _hears(second, "session")):
            unheard.set()

    chat.early, chat.before = scene.early, before
    running = asyncio.create_task(run(answer, first, second, stage.lab.url))
    await _first_of(running, unheard)
    if unheard.is_set():
        running.cancel()
        await asyncio.wait([running])
        stage.fail(
            f'The {first.name} had no handler for "session" when it came: on a fast network it is '
            "there before connect has returned."
        )
    try:
        await running
        await stage.deliveries(lambda _: first.connected and second.connected)
    except ConnectionError as error:
        notes = " ".join(getattr(error, "__notes__", []))
        stage.fail(f"A client was refused. {notes}")
    for client in (first, second):
        if not client.connected:
            stage.fail(f"At the end, the {client.name} should be connected, and it is not.")
    users = [chat.members[client.get_sid()].user for client in (first, second)]
    if users[0] != users[1]:
        stage.fail(
            f"The {first.name} and the {second.name} are two users; each came in by the passcode."
        )


def _hears(client: Any, event: str) -> bool:
    """Tell whether a client has a handler for an event."""
    handlers = client.handlers.get("/", {})
    in_class = client.namespace_handlers.get("/")
    return event in handlers or "*" in handlers or hasattr(in_class, f"on_{event}")


@dataclass(frozen=True)
class _Holders:
    """Who has a token and says what, and what a stranger comes with."""

    texts: dict[str, str]
    stranger: str
    stranger_auth: Any


class _Tokens:
    """A token for each of some people, and the user that it proves."""

    def __init__(self, users: dict[str, str]) -> None:
        self.users = users
        self.tokens = {name: f"{user}.{name[::-1]}.8TX5" for name, user in users.items()}

    def auth(self, name: str) -> dict[str, str]:
        """Return what somebody comes with: a token, a name, and a ``user`` that is not believed."""
        return {"token": self.tokens[name], "name": name, "user": "u-0"}

    def user_of(self, auth: Any) -> str | None:
        """Return the user whose token somebody has, or None."""
        token = auth.get("token") if isinstance(auth, dict) else None
        return next((self.users[name] for name in self.users if self.tokens[name] == token), None)

    def check_kept(self, stage: Stage, after: str, packets: Iterable[Packet]) -> None:
        """See that nobody has heard somebody else's token."""
        for packet in packets:
            for owner, token in self.tokens.items():
                if packet.target != owner and token in json.dumps(packet.data):
                    stage.fail(
                        f'After {after}, {packet.target} heard "{packet.event}" with the token '
                        f"of {owner} in it: whoever has that is {owner}."
                    )


async def _a_present(answer: Callable[..., Any], stage: Stage, scene: _Holders) -> None:
    tokens = _Tokens({name: uuid4().hex[:8] for name in scene.texts})
    await run(answer, stage.io, tokens.user_of)
    clients = []
    for name in scene.texts:
        client, _ = await _knock(stage, name, tokens.auth(name))
        if not client:
            stage.fail(f"{name} has a token, and was not let in.")
        clients.append(client)
    stranger, _ = await _knock(stage, scene.stranger, scene.stranger_auth)
    if stranger:
        stage.fail(f"{scene.stranger} has no token, and was let in.")
    tokens.check_kept(stage, "all had come", await stage.deliveries())
    for client in clients:
        await client.emit("say", scene.texts[client.name])
        await _judge_news(stage, scene, tokens, client.name)


async def _judge_news(stage: Stage, scene: _Holders, tokens: _Tokens, name: str) -> None:
    after, text = f'{name} emitted "say"', scene.texts[name]
    packets = await stage.deliveries(
        lambda found: {p.target for p in found if p.event == "news"} >= scene.texts.keys()
    )
    tokens.check_kept(stage, after, packets)
    heard = [packet for packet in packets if packet.event == "news"]
    for who in scene.texts:
        times = [packet.target for packet in heard].count(who)
        if times != 1:
            stage.fail(
                f'After {after}, {who} should have heard "news" once, and not {times} times.',
                as_=WrongAnswerError if times else NothingCameError,
            )
    for packet in heard:
        news = packet.data[0] if packet.data and isinstance(packet.data[0], dict) else {}
        said_by = news.get("from")
        sender = said_by if isinstance(said_by, dict) else {}
        if news.get("text") != text:
            stage.fail(f'After {after}, the "text" of "news" should have been {text!r}.')
        for field, value, what in (
            ("user", tokens.users[name], f"what user_of returned for {name}"),
            ("name", name, repr(name)),
        ):
            if sender.get(field) != value:
                said = "and it is another" if field in sender else "and it is missing"
                stage.fail(f'After {after}, the "{field}" in "from" should be {what}, {said}.')


async def _show_the_present(answer: Callable[..., Any], stage: Stage) -> None:
    tokens = _Tokens({"alice": "u-1", "dave": "u-4"})
    await run(answer, stage.io, tokens.user_of)
    alice = await stage.join("alice", auth=tokens.auth("alice"))
    await stage.join("dave", auth=tokens.auth("dave"))
    await alice.emit("say", "hi")


_DOOR = """
@io.on("connect")
async def connect(sid, environ, auth):
    await io.emit("knock", "Somebody is at the door.")
    if auth != {"passcode": "tea"}:
        return False
    await io.enter_room(sid, "inside")


@io.on("join-room")
async def join_room(sid, room):
    await io.enter_room(sid, f"room:{room}")


@io.on("say")
async def say(sid, data):
    room = f"room:{data['room']}" if "room" in data else "inside"
    await io.emit("news", data["text"], to=room)
"""

_GUESTS = """
import contextlib

alice, bob, carol = await lab.join("alice", "bob", "carol", auth={"passcode": "tea"})
await carol.call("join-room", "tea")
dave = lab.client("dave")


async def knock(client):
    with contextlib.suppress(Exception):
        await client.connect(lab.url)
"""


EXERCISES = [
    Exercise(
        number="09.1",
        starter="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        ...
""",
        hint_text="""Ask first whether it is an object at all: isinstance(auth, dict).
Then auth.get("passcode") is the passcode, or None where there is none.
ConnectionRefusedError has to be the one of socketio.exceptions.""",
        solution_text="""
from socketio.exceptions import ConnectionRefusedError


def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        if not isinstance(auth, dict) or auth.get("passcode") != "tea":
            raise ConnectionRefusedError("The passcode is wrong.")
""",
        praise="Whatever a client sends as auth, it is let in or told why, and nothing breaks.",
        play=_the_door,
        scenes=(
            _Callers(
                "alice",
                "dave",
                ({"passcode": "tea"}, {"passcode": "tea", "name": "alice"}),
                (
                    None,
                    {"name": "alice"},
                    {"passcode": "coffee"},
                    {"passcode": "te"},
                    {"passcode": "teapot"},
                    {"passcode": ["tea"]},
                    "tea",
                    ["passcode", "tea"],
                ),
            ),
            _Callers(
                "erin",
                "mallory",
                ({"name": "mallory", "passcode": "tea"}, {"passcode": "tea", "userId": 7}),
                (
                    {"passcode": "Tea"},
                    {"passcode": None},
                    {"passcode": {"tea": 1}},
                    {"passcode": True},
                    {"password": "tea"},
                    {"name": "tea", "userId": 7},
                    7,
                    ["tea"],
                ),
            ),
        ),
    ),
    Exercise(
        number="09.2",
        starter="""
def answer(io, is_known):
    @io.on("connect")
    async def connect(sid, environ, auth):
        ...

    @io.on("say")
    async def say(sid, text):
        ...
""",
        hint_text="""return False refuses a socket.
Who has been let in needs an address of their own, other than everyone: what has an address
that sockets enter and leave?""",
        solution_text="""
def answer(io, is_known):
    @io.on("connect")
    async def connect(sid, environ, auth):
        if not await is_known(auth):
            return False
        await io.enter_room(sid, "inside")

    @io.on("say")
    async def say(sid, text):
        await io.emit("news", text, to="inside")
""",
        praise="Who is not in the room yet is not among those who are reached.",
        play=_at_the_door,
        scenes=(
            _Guests("alice", "bob", "carol", "dave", True, ("hello", "a secret", "welcome")),
            _Guests("heidi", "erin", "frank", "mallory", False, ("tea?", "PIN 0815", "milk?")),
        ),
    ),
    Exercise(
        number="09.3",
        starter="""
async def answer(laptop, phone, url):
    ...
""",
        hint_text="""await laptop.connect(url, auth={...}) is the first half. Then the server sends
the event session, whose data has the token that the phone needs. It comes when it likes:
connect does not wait for it, and on a fast network it is there before connect returns.""",
        solution_text="""
async def answer(laptop, phone, url):
    @laptop.on("session")
    async def session(mine):
        await phone.connect(url, auth={"token": mine["token"]})

    await laptop.connect(url, auth={"passcode": "tea"})
""",
        praise="The token proves the user; the passcode alone makes a new one each time.",
        play=_the_second_tab,
        scenes=(_Tabs("laptop", "phone", early=False), _Tabs("desk", "tablet", early=True)),
        server=_with_passcode,
    ),
    Prediction(
        number="09.4",
        server_source=_DOOR,
        setup=_GUESTS,
        lines=(
            Line(
                "knock(dave)",
                heard=["alice", "bob", "carol", "dave"],
                why="Without an address it goes to everyone, and who is at the door is among them.",
            ),
            Line(
                'alice.emit("say", {"text": "hi"})',
                heard=["alice", "bob", "carol"],
                why="Dave was refused, and never entered the room; Alice is in it herself.",
            ),
            Line('bob.emit("join-room", "inside")'),
            Line(
                'alice.emit("say", {"room": "inside", "text": "hi"})',
                heard=["bob"],
                why="The group that Bob joined is the room room:inside, and he is alone in it.",
            ),
            Line(
                'bob.emit("say", {"room": "tea", "text": "hi"})',
                heard=["carol"],
                why="Whoever knows a group's name can write to it, and nobody needs to be in it.",
            ),
        ),
        hint_text="""Ask of each emit which room it goes to, and who has entered that room.
A prefix makes another room, and no address at all is everyone.""",
        praise="A room has its whole name for an address, and no address at all is everyone.",
    ),
    Repair(
        number="09.5",
        starter="""
def answer(io, user_of):
    @io.on("connect")
    async def connect(sid, environ, auth):
        user = user_of(auth)
        if user is None:
            return False
        await io.save_session(sid, auth | {"user": user})
        await io.enter_room(sid, "inside")

    @io.on("say")
    async def say(sid, text):
        me = await io.get_session(sid)
        await io.emit("news", {"text": text, "from": me}, to="inside")
""",
        hint_text="""Read the data on the last arrows word by word. Which of it should only its
owner and the server know?""",
        solution_text="""
def answer(io, user_of):
    @io.on("connect")
    async def connect(sid, environ, auth):
        user = user_of(auth)
        if user is None:
            return False
        await io.save_session(sid, {"user": user, "name": auth["name"]})
        await io.enter_room(sid, "inside")

    @io.on("say")
    async def say(sid, text):
        me = await io.get_session(sid)
        await io.emit("news", {"text": text, "from": me}, to="inside")
""",
        praise="A token goes from its owner to the server, and from there to nobody.",
        play=_a_present,
        scenes=(
            _Holders({"alice": "milk?", "bob": "no, thanks"}, "dave", {"name": "alice"}),
            _Holders(
                {"erin": "lunch?", "frank": "at noon", "heidi": "fine"},
                "mallory",
                {"token": "erin"},
            ),
        ),
        demo=_show_the_present,
    ),
]
