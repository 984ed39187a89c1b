"""The exercises of lesson 09: a door, what is heard at it, and what a token is worth."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

import socketio
from socketio.exceptions import ConnectionError

from chatlib.identity import Passcode
from chatlib.lab.exercises.exercise import Exercise, Repair, Stage, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.exercises.stage import NothingCameError, WrongAnswerError
from chatlib.lab.trace import SERVER, Packet
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
        if not reasons:  # the answer has raised it
            raise
        reason = reasons[-1]
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
    """Who is known, who is not, and what differs between the scenes.

    Attributes:
        first: Who comes first, and leaves before the others.
        second: Who comes next, with the same ``auth``.
        waiting: Who waits at the door after that, one behind the other.
        known: Which of those are known.
        with_auth: Whether the strangers come with an ``auth`` like the others.
        texts: What is said.
        held: How many seconds the look-ups take at least: nobody may come in or be sent away
            sooner.
    """

    first: str
    second: str
    waiting: tuple[str, ...]
    known: tuple[str, ...]
    with_auth: bool
    texts: tuple[str, str, str]
    held: float = 0


async def _at_the_door(answer: Callable[..., Any], stage: Stage, scene: _Guests) -> None:
    asked, answered, told = asyncio.Event(), asyncio.Event(), asyncio.Event()
    given_up = asyncio.Event()
    quick, slow, *unknown = ({"card": uuid4().hex} for _ in range(2 + len(scene.waiting)))
    are_asked_for = []

    async def is_known(auth: Any) -> bool:
        are_asked_for.append(auth)
        if auth != quick:
            asked.set()
            try:
                await answered.wait()
            except asyncio.CancelledError:
                given_up.set()
                raise
        return auth in (quick, slow)

    async def knock(name: str, auth: Any, timeout: float | None = None) -> asyncio.Task[Any]:
        asked.clear()
        knocking = asyncio.create_task(_knock(stage, name, auth))
        # Whom a wrong answer keeps at the door fails when the lab closes: no news to anybody.
        knocking.add_done_callback(lambda task: task.cancelled() or task.exception())
        await _first_of(knocking, asked, timeout)
        return knocking

    def is_in(name: str, when: str = "") -> Any:
        client, _ = at_the_door[name].result()
        if client and name in strangers:
            stage.fail(f"{name} is not known, and was let in{when}.")
        if not client and name not in strangers:
            stage.fail(f"{name} is known, and was not let in{when}.")
        return client

    async def speak(text: str) -> None:
        # Not to settle yet: that would wait for the handlers of who knocks.
        told.clear()
        await stage.call(second, "say", text)
        with contextlib.suppress(TimeoutError):  # the news may be put off
            await asyncio.wait_for(told.wait(), 1.5)
        answered.set()
        await asyncio.wait(at_the_door.values())

    await run(answer, stage.io, is_known)
    strangers = [name for name in scene.waiting if name not in scene.known]
    at_the_door = {}
    for name in (scene.first, scene.second):
        at_the_door[name] = await knock(name, quick)
        if asked.is_set():
            answered.set()
            await at_the_door[name]
            stage.fail(f"{name} came with an auth, and is_known was asked for something else.")
        await at_the_door[name]
        if not are_asked_for:
            stage.fail(f"{name} came, and is_known was never called: nothing else can tell.")
    first, second = is_in(scene.first), is_in(scene.second)
    await stage.clear()
    hello, secret, welcome = scene.texts
    await first.emit("say", hello)
    inside = [scene.first, scene.second]
    after = f'{enumerated(inside)} came with the same auth, and {scene.first} emitted "say"'
    await stage.expect(after, "news", by=inside, data=hello)

    second.on("news", lambda _: told.set())
    for name in scene.waiting:
        auth = slow if name in scene.known else unknown.pop() if scene.with_auth else None
        # An answer may look up one after the other.
        at_the_door[name] = await knock(name, auth, 0.4)
    await asyncio.sleep(scene.held)
    if given_up.is_set():
        await asyncio.wait(at_the_door.values(), timeout=1)
    has_come = [name for name in scene.waiting if at_the_door[name].done()]
    await speak(secret)
    for name in has_come:
        is_in(name, " before is_known had answered")
    after = f'{scene.second} emitted "say" while {enumerated(scene.waiting)} waited at the door'
    await stage.expect(after, "news", by=inside, data=secret)
    for name in at_the_door:
        is_in(name)

    await first.disconnect()
    await stage.clear()
    answered.clear()
    last = strangers[-1]
    at_the_door[last] = await knock(last, unknown.pop() if scene.with_auth else None, 0.4)
    await speak(welcome)
    after = (
        f"{enumerated(scene.known)} came in, {scene.first} left, {last} knocked again, and "
        f'{scene.second} emitted "say"'
    )
    await stage.expect(after, "news", by=[scene.second, *scene.known], data=welcome)
    is_in(last)


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
        before: What to call before a token is handed over early, which is before the client's
            ``connect`` has returned; None if it comes late.
        came: The socket ids of those who were let in, one after the other.
    """

    before: Callable[[], None] | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.came: list[str] = []

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        await super().connect(sid, environ, auth)
        self.came.append(sid)
        if self.before:
            self.before()
            session = self.identity.session(self.members[sid].sender)
            await self.io.emit("session", session, to=sid)

    async def welcome(self, sid: str, offset: int | None) -> None:
        if not self.before:
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

    chat.before = before if scene.early else None
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
    """Who has a token and says what, what a stranger comes with, and who has another's name."""

    texts: dict[str, str]
    stranger: str
    stranger_auth: Any
    names: dict[str, str] = field(default_factory=dict)

    def have_heard(self, found: Iterable[Packet]) -> bool:
        """Tell whether all have heard "news"."""
        return {p.target for p in found if p.event == "news"} >= self.texts.keys()


class _Tokens:
    """Two tokens for each of some people, and the user that either of them proves."""

    def __init__(
        self, users: dict[str, str], sign: Callable[[], str], names: Mapping[str, str]
    ) -> None:
        self.users = users
        self.names = {name: names.get(name, name) for name in users}
        self.tokens = {
            name: [f"{user}.{name[::-1]}.{sign()}" for _ in range(2)]
            for name, user in users.items()
        }

    def auth(self, name: str, number: int = 0) -> dict[str, str]:
        """Return what somebody comes with: a token, a name, and a ``user`` that is not believed."""
        return {"token": self.tokens[name][number], "name": self.names[name], "user": "u-0"}

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
                        f"After {after}, {packet.target} {_got(packet)} with the token "
                        f"of {owner} in it: whoever has that is {owner}."
                    )


def _got(packet: Packet) -> str:
    """Return how a client got what is in a packet, as the end of a sentence."""
    did = "got an acknowledgement of" if packet.kind == "ack" else "heard"
    return f'{did} "{packet.event}"'


async def _say(client: Any, text: str) -> list[Packet]:
    """Emit "say", and return a list to which the answer comes, if one does."""
    answers: list[Packet] = []

    def answered(*data: Any) -> None:
        answers.append(Packet("ack", SERVER, client.name, "say", data))

    await client.emit("say", text, callback=answered)
    return answers


async def _a_present(answer: Callable[..., Any], stage: Stage, scene: _Holders) -> None:
    users = {name: uuid4().hex[:8] for name in scene.texts}
    tokens = _Tokens(users, lambda: uuid4().hex, scene.names)
    await run(answer, stage.io, tokens.user_of)
    clients = [await _come(stage, tokens, name) for name in scene.texts]
    stranger, _ = await _knock(stage, scene.stranger, scene.stranger_auth)
    if stranger:
        stage.fail(f"{scene.stranger} has no token, and was let in.")
    tokens.check_kept(stage, "all had come", await stage.deliveries())
    for client in (*clients, *clients):
        answers = await _say(client, scene.texts[client.name])
        await _judge_news(stage, scene, tokens, client.name, answers)
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
    heard: list[Packet] = []
    for other in others:  # themselves: a picture has no bytes
        other.on(
            "*",
            lambda event, *data, who=other.name: heard.append(
                Packet("event", SERVER, who, event, data)
            ),
        )
    name, rounds = client.name, []
    for number in (0, 1, 1, 0):
        await client.disconnect()
        tokens.check_kept(stage, f"{name} left", await stage.deliveries())
        heard.clear()
        client = await _come(stage, tokens, name, number)
        await client.emit("say", scene.texts[name])
        packets = await stage.deliveries(scene.have_heard)
        tokens.check_kept(stage, f'{name} came back and emitted "say"', packets)
        answers = await _say(others[0], scene.texts[others[0].name])
        await stage.deliveries(scene.have_heard)
        everything = sorted((*heard, *answers), key=lambda one: (one.target, one.kind, one.event))
        rounds.append(_leaves([(one.target, _got(one), one.data) for one in everything]))
    first = rounds[0]
    for path in first:
        one, other, other_again, one_again = (leaves.get(path) for leaves in rounds)
        if one == one_again != other == other_again:
            stage.fail(
                f"{first[path[0], 0]} {first[path[0], 1]} with something in it that is "
                f"made from the token of {name}: whoever can undo that is {name}."
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


async def _judge_news(
    stage: Stage, scene: _Holders, tokens: _Tokens, name: str, answers: list[Packet]
) -> None:
    twins = "".join(f"{who} came as {called} and " for who, called in scene.names.items())
    after, text = f'{twins}{name} emitted "say"', scene.texts[name]
    packets = await stage.deliveries(scene.have_heard)
    tokens.check_kept(stage, after, (*packets, *answers))
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
        for key, value, what in (
            ("user", tokens.users[name], f"what user_of returned for {name}"),
            ("name", tokens.names[name], repr(tokens.names[name])),
        ):
            if sender.get(key) != value:
                said = "and it is another" if key in sender else "and it is missing"
                stage.fail(f'After {after}, the "{key}" in "from" should be {what}, {said}.')


async def _show_the_present(answer: Callable[..., Any], stage: Stage) -> None:
    tokens = _Tokens({"alice": "u-1", "dave": "u-4"}, lambda: "8TX5", {})
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

_LEAKY = """
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
                    {"passcode": "thé"},
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
                ("carol", "dave", "eve"),
                known=("carol",),
                with_auth=True,
                texts=("hello", "a secret", "welcome"),
                held=0.2,
            ),
            _Guests(
                "heidi",
                "erin",
                ("mallory", "frank", "trudy", "grace"),
                known=("frank", "grace"),
                with_auth=False,
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
        starter=_LEAKY,
        hint_text="""Read the data on the last arrows word by word. Which of it should only its
owner and the server know?""",
        solution_text=_LEAKY.replace(
            'auth | {"user": user}', '{"user": user, "name": auth["name"]}'
        ),
        praise="A token goes from its owner to the server, and from there to nobody.",
        play=_a_present,
        scenes=(
            _Holders({"alice": "milk?", "bob": "no, thanks"}, "dave", {"name": "alice"}),
            _Holders(
                {"erin": "lunch?", "frank": "at noon", "heidi": "fine"},
                "mallory",
                {"token": "erin"},
                names={"heidi": "erin"},
            ),
        ),
        demo=_show_the_present,
    ),
]
