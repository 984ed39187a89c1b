"""The exercises of lesson 09: a door, what is heard at it, and what a token is worth."""

import asyncio
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
from chatlib.lab.wire import LabTimeoutError
from chatlib.lab.words import as_json, enumerated
from chatlib.server import ChatServer

_SENTENCE = "The passcode is wrong."
# What python-socketio says where a handler raises Python's own ConnectionRefusedError.
_BUILT_IN = "Connection refused by server"


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
        await _opens(stage, scene.friend, auth)
    for auth in scene.wrong:
        client, reason = await _knock(stage, scene.stranger, auth)
        came = f"{scene.stranger} came with {'no auth' if auth is None else f'the auth {auth!r}'}"
        if client:
            stage.fail(f"{came} and was let in.")
        if reason == _BUILT_IN:
            stage.fail(
                f'{came} and should have been told "{_SENTENCE}". Python\'s own '
                "ConnectionRefusedError tells nobody anything: import the one of "
                "socketio.exceptions."
            )
        if reason != _SENTENCE:
            stage.fail(f'{came} and should have been told "{_SENTENCE}", not {reason!r}.')
        await stage.lab.settle()
    await _opens(stage, scene.friend, scene.right[-1], ", after others who were refused,")


async def _opens(stage: Stage, name: str, auth: Any, after: str = "") -> None:
    client, reason = await _knock(stage, name, auth)
    if not client:
        stage.fail(f"{name} came with {auth}{after} and should have been let in; told: {reason!r}.")


@dataclass(frozen=True)
class _Guests:
    """Who is known, two who are not, and what differs between the scenes.

    Attributes:
        first: Who comes first.
        second: Who comes next.
        third: Who comes after the strangers.
        strangers: Who waits at the door.
        with_auth: Whether the strangers come with an ``auth`` like the others.
        is_tab: Whether the third comes with the ``auth`` of the first.
        texts: What is said.
    """

    first: str
    second: str
    third: str
    strangers: tuple[str, str]
    with_auth: bool
    is_tab: bool
    texts: tuple[str, str, str]


async def _at_the_door(answer: Callable[..., Any], stage: Stage, scene: _Guests) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()
    cards = {name: uuid4().hex for name in (scene.first, scene.second, scene.third)}
    if scene.is_tab:
        cards[scene.third] = cards[scene.first]
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

    async def knock(name: str) -> asyncio.Task[Any]:
        asked.clear()
        auth = {"card": uuid4().hex} if scene.with_auth else None
        knocking = asyncio.create_task(_knock(stage, name, auth))
        # An answer may look up one after the other.
        await _first_of(knocking, asked, 0.5)
        return knocking

    def keep_out(name: str, knocking: asyncio.Task[Any]) -> None:
        if knocking.done() and knocking.result()[0]:
            stage.fail(f"{name} is not known, and was let in.")

    await run(answer, stage.io, is_known)
    first, second = await let_in(scene.first), await let_in(scene.second)
    hello, secret, welcome = scene.texts
    await first.emit("say", hello)
    inside = [scene.first, scene.second]
    await stage.expect(f'{scene.first} emitted "say"', "news", by=inside, data=hello)

    at_the_door = {name: await knock(name) for name in scene.strangers}
    has_come = {name: knocking.done() for name, knocking in at_the_door.items()}
    # Not to settle yet: that would wait for the handlers of who knocks.
    await stage.call(second, "say", secret)
    answered.set()
    await asyncio.wait(at_the_door.values())
    asked.clear()
    for name, knocking in at_the_door.items():
        if has_come[name]:  # and nobody has asked
            keep_out(name, knocking)
    who = f"{enumerated(scene.strangers)}, who are not known,"
    after = f'{scene.second} emitted "say" while {who} waited at the door'
    await stage.expect(after, "news", by=inside, data=secret)
    for name, knocking in at_the_door.items():
        keep_out(name, knocking)

    await let_in(scene.third)
    await second.emit("say", welcome)
    came = f"{scene.third} came{f', with the auth of {scene.first},' * scene.is_tab}"
    after = f'{came} and {scene.second} emitted "say"'
    await stage.expect(after, "news", by=[*inside, scene.third], data=welcome)


async def _first_of(
    task: asyncio.Task[Any], event: asyncio.Event, timeout: float | None = None
) -> None:
    """Wait until a task has ended or an event is set, or for so many seconds."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({task, waiting}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


class _Paced(ChatServer):
    """A chat that hands over its tokens early or late, as the network may.

    Attributes:
        early: Whether a client has its token before its ``connect`` has returned.
        before: What to call before a token is handed over early.
        came: The socket ids of those who were let in, one after the other.
    """

    early = False
    before: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.came: list[str] = []

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        await super().connect(sid, environ, auth)
        self.came.append(sid)
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
    if unheard.is_set():  # it may still come again, to who connects once more
        await asyncio.wait([running], timeout=0.5)
        is_late = not running.done() or running.exception() is not None
        if is_late or not _are_one(chat, first, second):
            running.cancel()
            await asyncio.wait([running])
            stage.fail(
                f'The {first.name} had no handler for "session" when it came: on a fast network it '
                "is there before connect has returned."
            )
    try:
        await running
        await stage.deliveries(lambda _: first.connected and second.connected)
    except ConnectionError as error:
        said = [n for n in getattr(error, "__notes__", []) if n.startswith("The server said")]
        if not said:  # it did not come to that
            raise
        who = second if first.connected else first
        stage.fail(f"The {who.name} was refused. {said[0]}")
    except LabTimeoutError:
        if _hears(first, "session"):
            raise
        stage.fail(f'The {first.name} has no handler for "session", which brings the token.')
    for client in (first, second):
        if not client.connected:
            stage.fail(f"At the end, the {client.name} should be connected, and it is not.")
    if not _are_one(chat, first, second):
        stage.fail(
            f"The {first.name} and the {second.name} are two users; each came in by the passcode."
        )
    if chat.came.index(first.get_sid()) > chat.came.index(second.get_sid()):
        stage.fail(
            f"The {second.name} came first: the {first.name} was to come with the passcode, and "
            f"the {second.name} after it."
        )


def _are_one(chat: ChatServer, *clients: Any) -> bool:
    """Tell whether clients are in a chat, as one user."""
    sids = [client.get_sid() for client in clients if client.connected]
    users = {str(member.user) for sid in sids if (member := chat.members.get(sid))}
    return len(sids) == len(clients) and len(users) == 1


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
    """Two tokens for each of some people, and the user that either of them proves."""

    def __init__(self, users: dict[str, str], sign: Callable[[], str]) -> None:
        self.users = users
        self.tokens = {
            name: [f"{user}.{name[::-1]}.{sign()}" for _ in range(2)]
            for name, user in users.items()
        }

    def auth(self, name: str, number: int = 0) -> dict[str, str]:
        """Return what somebody comes with: a token, a name, and a ``user`` that is not believed."""
        return {"token": self.tokens[name][number], "name": name, "user": "u-0"}

    def user_of(self, auth: Any) -> str | None:
        """Return the user whose token somebody has, or None."""
        token = auth.get("token") if isinstance(auth, dict) else None
        return next((self.users[name] for name in self.users if token in self.tokens[name]), None)

    def check_kept(self, stage: Stage, after: str, packets: Iterable[Packet]) -> None:
        """See that nobody has heard somebody else's token."""
        for packet in packets:
            for owner, tokens in self.tokens.items():
                data = as_json(packet.data)
                if packet.target != owner and any(token in data for token in tokens):
                    stage.fail(
                        f'After {after}, {packet.target} heard "{packet.event}" with the token '
                        f"of {owner} in it: whoever has that is {owner}."
                    )


async def _a_present(answer: Callable[..., Any], stage: Stage, scene: _Holders) -> None:
    tokens = _Tokens({name: uuid4().hex[:8] for name in scene.texts}, lambda: uuid4().hex)
    await run(answer, stage.io, tokens.user_of)
    clients = [await _come(stage, tokens, name) for name in scene.texts]
    stranger, _ = await _knock(stage, scene.stranger, scene.stranger_auth)
    if stranger:
        stage.fail(f"{scene.stranger} has no token, and was let in.")
    tokens.check_kept(stage, "all had come", await stage.deliveries())
    for client in clients:
        await client.emit("say", scene.texts[client.name])
        await _judge_news(stage, scene, tokens, client.name)
    await _compare_tokens(stage, scene, tokens, clients[0], clients[1:])


async def _come(stage: Stage, tokens: _Tokens, name: str, number: int = 0) -> Any:
    client, _ = await _knock(stage, name, tokens.auth(name, number))
    if not client:
        stage.fail(f"{name} has a token, and was not let in.")
    return client


async def _compare_tokens(
    stage: Stage, scene: _Holders, tokens: _Tokens, client: Any, others: list[Any]
) -> None:
    """See that what others hear is the same with either token of somebody.

    What is made from a token, in whatever code, comes and goes with it; ids and times do not.
    """
    heard: list[tuple[str, str, Any]] = []
    for other in others:
        other.on("*", lambda event, *data, who=other.name: heard.append((who, event, data)))
    name, rounds = client.name, []
    for number in (0, 1, 0, 1):
        await client.disconnect()
        await stage.clear()
        heard.clear()
        client = await _come(stage, tokens, name, number)
        await client.emit("say", scene.texts[name])
        await stage.deliveries(
            lambda found: {p.target for p in found if p.event == "news"} >= scene.texts.keys()
        )
        heard.sort(key=lambda one: one[:2])
        rounds.append((_leaves(heard), [*heard]))
    for path in rounds[0][0]:
        one, other, again, once_more = (leaves.get(path) for leaves, _ in rounds)
        if one == again and other == once_more and one != other:
            who, event, _ = rounds[0][1][path[0]]
            stage.fail(
                f'{who} heard "{event}" with something in it that is made from the token of '
                f"{name}: whoever can undo that is {name}."
            )


def _leaves(data: Any, path: tuple[Any, ...] = ()) -> dict[tuple[Any, ...], Any]:
    """Return what is in data and is no list or object, by the way to it."""
    match data:
        case dict():
            parts: Iterable[tuple[Any, Any]] = data.items()
        case list() | tuple():
            parts = enumerate(data)
        case _:
            return {path: data}
    return {key: value for at, part in parts for key, value in _leaves(part, (*path, at)).items()}


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
    tokens = _Tokens({"alice": "u-1", "dave": "u-4"}, lambda: "8TX5")
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
                    [["passcode", "tea"]],
                ),
            ),
            _Callers(
                "erin",
                "mallory",
                ({"name": "mallory", "passcode": "tea"}, {"passcode": "tea", "userId": 7}),
                (
                    {"passcode": "Tea"},
                    {"passcode": " tea"},
                    {"passcode": "tea\n"},
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
            _Guests(
                "alice",
                "bob",
                "carol",
                ("dave", "eve"),
                with_auth=True,
                is_tab=False,
                texts=("hello", "a secret", "welcome"),
            ),
            _Guests(
                "heidi",
                "erin",
                "frank",
                ("mallory", "trudy"),
                with_auth=False,
                is_tab=True,
                texts=("tea?", "PIN 0815", "milk?"),
            ),
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
