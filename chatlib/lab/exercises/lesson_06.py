"""The exercises of lesson 06: events of one's own for the chat server, and clients of it."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import socketio

from chatlib.lab.client import Client
from chatlib.lab.exercises.exercise import Exercise, Repair, Stage, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.exercises.stage import NothingCameError
from chatlib.lab.trace import Packet
from chatlib.lab.words import as_json, enumerated
from chatlib.limits import Limits
from chatlib.server import ChatServer


def _chat() -> socketio.AsyncServer:
    return ChatServer().io


async def _expect(
    stage: Stage, after: str, event: str, *, by: Iterable[str], data: Any, rooms: str
) -> None:
    """Do as `Stage.expect` does, and tell who reaches nobody which rooms there are, if given."""
    try:
        await stage.expect(after, event, by=by, data=data)
    except NothingCameError as error:
        handlers = stage.io.handlers["/"]
        for_all = getattr(handlers["*"], "__func__", None)
        if event not in handlers and for_all is ChatServer.unknown:  # it precedes those of a class
            stage.fail(
                f'No handler for "{event}" is registered by io.on, so the chat\'s own handler for '
                f'"*" refused it.'
            )
        if rooms and str(error).endswith("Nobody did."):
            stage.fail(f"{error} {rooms}")
        raise


async def _sent(stage: Stage, client: Any) -> list[Packet]:
    """Return what a client has sent since the last time; what is put off is not seen."""
    await stage.lab.settle()
    return [
        step
        for step in stage.lab.trace.steps
        if isinstance(step, Packet) and step.kind == "event" and step.source == client.name
    ]


async def _fail_if_refused(stage: Stage, client: Any, sent: Iterable[Packet]) -> None:
    """Judge the answer to be wrong if the server refuses something of what a client has sent."""
    for packet in sent:
        answered = await stage.call(client, packet.event, packet.data)
        if isinstance(answered, dict) and answered.get("error"):
            stage.fail(
                f'{client.name} sent "{packet.event}" with {as_json(packet.data) or "nothing"}, '
                f'and the server refuses it: "{answered["error"]}"'
            )


@dataclass(frozen=True)
class _Groups:
    """Who types in 06.1, who else is in the group, and who is in another one with the typist."""

    group: Any
    typist: str
    members: tuple[str, ...]
    other: Any
    outsider: str


async def _typing(answer: Callable[..., Any], stage: Stage, scene: _Groups) -> None:
    await run(answer, stage.io)
    typist, phone = await stage.join(scene.typist, "phone", auth={"userId": scene.typist})
    outsider = await stage.join(scene.outsider, auth={"userId": scene.group})
    members = [await stage.join(name) for name in scene.members]
    for client in (typist, phone, *members):
        await client.call("join-room", scene.group)
    for client in (typist, outsider):
        await client.call("join-room", scene.other)
    await stage.clear()

    typed: set[Any] = set()

    async def type_in(client: Any, group: Any, inside: set[str]) -> None:
        again = " again" if client in typed else ""
        rooms = "The members of a group are in the room that group_room makes of its name."
        await client.emit("typing", group)
        await _expect(
            stage,
            f'{client.name} emitted "typing"{again} for the group {group!r}, where '
            f"{enumerated(sorted(inside))} are",
            "typing",
            by=inside - {client.name},
            data=group,
            rooms="" if typed else rooms,
        )
        typed.add(client)

    inside = {scene.typist, "phone", *scene.members}
    for client in (typist, members[-1]):
        await type_in(client, scene.group, inside)
    for client in (outsider, typist):
        await type_in(client, scene.other, {scene.typist, scene.outsider})
    await outsider.emit("typing", scene.group)  # the members may hear it: nothing is said of that
    await stage.deliveries()
    await type_in(typist, scene.group, inside)
    await members[0].call("leave-room", scene.group)
    await outsider.call("join-room", scene.group)
    await stage.clear()
    inside = inside - {scene.members[0]} | {scene.outsider}
    await type_in(typist, scene.group, inside)

    # Two at once, each for a group of its own.
    wanted = {(name, scene.group) for name in inside - {scene.typist}}
    wanted.add((scene.typist, scene.other))
    await asyncio.gather(typist.emit("typing", scene.group), outsider.emit("typing", scene.other))
    found = await stage.deliveries(lambda found: _typed(found) >= wanted)
    if (heard := _typed(found)) != wanted:
        name, group = min(heard ^ wanted, key=repr)
        was = "should have heard it" if (name, group) in wanted else "should not have heard it"
        stage.fail(
            f'{typist.name} emitted "typing" for the group {scene.group!r}, and {outsider.name} at '
            f"the same moment for the group {scene.other!r}. For the group {group!r}, {name} {was}."
        )


def _typed(found: Iterable[Packet]) -> set[tuple[str, Any]]:
    """Return who has heard that somebody types, and in which group."""
    return {(packet.target, packet.data[0]) for packet in found if packet.event == "typing"}


@dataclass(frozen=True)
class _Hello:
    """Who is there already in 06.2, who comes with manners, who without, and then who with."""

    there: tuple[str, ...]
    newcomer: str
    later: str
    latest: str


def _says_hello(packet: Packet) -> bool:
    message = packet.data[0] if packet.data else None
    return (
        packet.event == "recieve-message"
        and isinstance(message, dict)
        and message.get("text") == "hello"
    )


async def _hello(answer: Callable[..., Any], stage: Stage, scene: _Hello) -> None:
    await stage.join(*scene.there)
    newcomer = await _come(answer, stage, scene.newcomer, scene.there)
    later = await stage.lab.join(scene.later)
    await later.emit("message", {"text": "good morning"})
    if any(map(_says_hello, await stage.deliveries())):
        stage.fail(
            f"{scene.later} came, and wrote. {scene.newcomer} sent its hello again, though the "
            f'server had not sent "welcome" to it again.'
        )
    others = (*scene.there, scene.later)
    await _come(answer, stage, scene.latest, (*others, scene.newcomer))
    await stage.io.emit("welcome", "Welcome again", to=newcomer.get_sid())
    welcomed = f"the server welcomed {scene.newcomer} a second time"
    await _expect_hello(stage, welcomed, newcomer, (*others, scene.latest))


async def _come(
    answer: Callable[..., Any], stage: Stage, name: str, others: tuple[str, ...]
) -> Client:
    """Connect a client that has been given its manners, and see that it says hello."""
    client = stage.lab.client(name)
    await run(answer, client)
    await client.connect(stage.lab.url)
    await stage.lab.settle()
    if not client.connected:
        stage.fail(f"{name} is not connected any more: it is to stay, once welcomed.")
    await _expect_hello(stage, f"the server welcomed {name}", client, others)
    return client


async def _expect_hello(stage: Stage, after: str, newcomer: Any, by: tuple[str, ...]) -> None:
    """Do as `Stage.expect` does, but let other messages pass beside the one that says hello."""
    sent = await _sent(stage, newcomer)
    found = await stage.deliveries(
        lambda found: {packet.target for packet in found if _says_hello(packet)} >= set(by)
    )
    messages = [packet for packet in found if packet.event == "recieve-message"]
    hellos = [packet for packet in messages if _says_hello(packet)]
    heard = [packet.target for packet in hellos]
    if not hellos:
        await _fail_if_refused(stage, newcomer, sent)
        if messages:
            was = as_json(messages[0].data)
            stage.fail(f'The message should have had "text": "hello", but it was {was}.')
        others = [packet for packet in found if packet.event not in ("welcome", "broadcast")]
        wanted = f'After {after}, {enumerated(by)} should have heard "recieve-message"'
        stage.fail(f"{wanted} and did not" if others else f"{wanted}. Nobody did.", others)
    if newcomer.name in heard:
        stage.fail(
            f'After {after}, {newcomer.name} should not have heard "recieve-message"', messages
        )
    if twice := [name for name in by if heard.count(name) > 1]:
        stage.fail(f'After {after}, {enumerated(twice)} heard "recieve-message" more than once.')


@dataclass(frozen=True)
class _Direct:
    """Who writes what to whom in 06.3, and to which users one cannot write."""

    sender: str
    texts: tuple[str, str]
    user: Any
    tabs: tuple[str, ...]
    away: Any
    not_users: tuple[Any, ...]


# No sentence can be known beforehand that has this bound in it.
_SHORTEST, _LONGEST = 20, 40


def _strict_chat() -> socketio.AsyncServer:
    length = _SHORTEST + secrets.randbelow(_LONGEST - _SHORTEST)
    return ChatServer(limits=Limits(name_length=length)).io


async def _direct(answer: Callable[..., Any], stage: Stage, scene: _Direct) -> None:
    messages: list[Any] = []
    sender = await stage.join(scene.sender)
    for name in scene.tabs:
        tab = await stage.join(name, auth={"userId": scene.user})
        tab.on("single-message", messages.append)
    has_tabs = f"who has the tabs {enumerated(scene.tabs)}"
    text, next_text = scene.texts
    for user, words, tabs, who in (
        (scene.user, text, scene.tabs, has_tabs),
        (scene.user, next_text, scene.tabs, has_tabs),
        (scene.away, text, (), "who is away"),
    ):
        wrote = f"{scene.sender} wrote {_quoted(words)} to user {user!r}, {who}"
        messages.clear()
        returned = await run(answer, sender, user, words)
        sent = await _sent(stage, sender)
        try:
            await stage.expect(wrote, "single-message", by=tabs)
        except NothingCameError:
            await _fail_if_refused(stage, sender, sent)
            raise
        for message in messages:
            if not isinstance(message, dict) or message.get("text") != words:
                if isinstance(message, dict) and _is_cut(message.get("text"), words):
                    stage.fail(
                        f"The text of the message should have had {len(words)} characters, but "
                        f"only the first {len(message['text'])} of them came."
                    )
                stage.fail(
                    f'The message should have had "text": {_quoted(words, as_json((words,)))}, '
                    f"but it was {as_json((message,))}."
                )
        if returned is not True:
            stage.fail(
                f"After {wrote}, the server answered that it has carried it out. The function "
                f"should have returned True, but it returned {returned!r}."
            )
    for user in scene.not_users:
        sentence = (await sender.call("message", {"user": user, "text": text}))["error"]
        returned = await run(answer, sender, user, text)
        await stage.expect(f"{scene.sender} wrote to {user!r}", "single-message", by=[])
        if returned != sentence:
            stage.fail(
                f'To a message for the user {user!r} the server answered "{sentence}" The function '
                f"should have returned that sentence, but it returned {returned!r}."
            )
    await sender.disconnect()
    await stage.clear()
    returned = None
    with contextlib.suppress(Exception):  # it may well raise what call does
        returned = await run(answer, sender, scene.user, text)
    if returned is True and not sender.connected:
        stage.fail(
            f"{scene.sender} was not connected any more, so nobody answered: nothing tells that "
            "the server has carried it out. The function returned True all the same."
        )


# A text with more characters than this is not put in a sentence.
_QUOTED = 60


def _quoted(text: str, quoted: str = "") -> str:
    return f"a text of {len(text)} characters" if len(text) > _QUOTED else quoted or repr(text)


def _is_cut(came: Any, text: str) -> bool:
    return isinstance(came, str) and 0 < len(came) < len(text) > _QUOTED and text.startswith(came)


@dataclass(frozen=True)
class _Seen:
    """Who has seen what of whom in 06.5: of a user with tabs, and of sockets without a user."""

    reader: str
    user_of_reader: Any
    user: Any
    tabs: tuple[str, ...]
    guests: tuple[str, str]
    texts: tuple[str, str]


async def _seen(answer: Callable[..., Any], stage: Stage, scene: _Seen) -> None:
    await run(answer, stage.io)
    reader = await stage.join(scene.reader, auth={"userId": scene.user_of_reader})
    tabs = [await stage.join(name, auth={"userId": scene.user}) for name in scene.tabs]
    guests = [await stage.join(name) for name in scene.guests]
    for client in (reader, *tabs, *guests):
        await client.call("join-room", "tea")
    await stage.clear()
    of_user, of_guest = scene.texts
    user = {"id": tabs[-1].get_sid(), "userId": scene.user, "name": "pat"}

    async def see(client: Any, message: dict[str, Any], who: str, by: Iterable[str]) -> None:
        rooms = (
            "All sockets of a user are in the room that user_room makes of the userId; a socket "
            "without one has only its id."
        )
        await client.emit("seen", message)
        await _expect(
            stage,
            f'{client.name} emitted "seen" for a message of {who}',
            "seen",
            by=by,
            data=message["text"],
            rooms=rooms if client is reader else "",
        )

    whose = f"user {scene.user!r}"
    direct = {"user": scene.user_of_reader, "text": of_user, "from": user}
    await see(reader, direct, whose, scene.tabs)
    for guest in guests:
        message = {"room": "tea", "text": of_guest, "from": {"id": guest.get_sid(), "name": "pat"}}
        await see(reader, message, f"{guest.name}, who has no userId", [guest.name])
    message = {"room": "tea", "text": of_guest, "from": user}
    await see(tabs[-1], message, f"{whose}, which it wrote itself", scene.tabs)
    await tabs[-1].disconnect()
    await stage.join("desk", auth={"userId": scene.user})
    whose += f", who has desk now, and has closed {scene.tabs[-1]}, which wrote it"
    await see(reader, direct, whose, {*scene.tabs[:-1], "desk"})


async def _show_seen(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, _ = await stage.join("alice", "phone", auth={"userId": 1})
    bob = await stage.join("bob", auth={"userId": 2})
    carol = await stage.join("carol")
    await bob.emit("seen", {"text": "tea?", "from": {"id": alice.get_sid(), "userId": 1}})
    await stage.lab.settle()
    await bob.emit("seen", {"text": "milk?", "from": {"id": carol.get_sid()}})


EXERCISES: list[Exercise | Prediction] = [
    Exercise(
        number="06.1",
        starter="""
def answer(io):
    @io.on("typing")
    async def typing(sid, group):
        ...
""",
        hint_text=(
            "ChatServer.message does the same for a message with a room: to= and skip_sid=. "
            "The room of a group is what group_room makes of its name."
        ),
        solution_text="""
from chatlib.messages import group_room


def answer(io):
    @io.on("typing")
    async def typing(sid, group):
        await io.emit("typing", group, to=group_room(group), skip_sid=sid)
""",
        praise="The members but the one who types: in JavaScript, socket.to(group).emit.",
        play=_typing,
        scenes=(
            _Groups("tea", "alice", ("bob",), "coffee", "carol"),
            _Groups("everyone", "dave", ("erin", "bob"), " Everyone", "alice"),
            _Groups(7, "erin", ("frank", "grace"), "seven", "bob"),
        ),
        server=_chat,
    ),
    Exercise(
        number="06.2",
        starter="""
def answer(client):
    @client.on("welcome")
    async def welcome(text):
        ...
""",
        hint_text='Emit "message" with an object of two fields: text, and the one for the others.',
        solution_text="""
def answer(client):
    @client.on("welcome")
    async def welcome(text):
        await client.emit("message", {"text": "hello", "others": True})
""",
        praise="The server starts the exchange, the client answers, and only the others hear it.",
        play=_hello,
        scenes=(
            _Hello(("alice", "bob"), "carol", "dave", "erin"),
            _Hello(("erin", "frank", "grace"), "alice", "bob", "dave"),
        ),
        server=_chat,
    ),
    Exercise(
        number="06.3",
        starter="""
async def answer(client, user, text):
    ...
""",
        hint_text="client.call returns the acknowledgement: an object with ok, and maybe error.",
        solution_text="""
async def answer(client, user, text):
    ack = await client.call("message", {"user": user, "text": text})
    return True if ack["ok"] else ack["error"]
""",
        praise="call waits for the acknowledgement, and now the caller knows what became of it.",
        play=_direct,
        scenes=(
            _Direct("alice", ("lunch?", "at one?"), 2, ("bob", "bob-2"), 3, (None, "x" * _LONGEST)),
            _Direct(
                "erin",
                (" it rains\n", "stay in! " * 600),
                "zoe",
                ("laptop", "tablet"),
                2,
                ("z" * 99, ""),
            ),
            _Direct("carol", ("zero", "one"), 0, ("dave", "dave-2"), 20, ([0], True)),
        ),
        server=_strict_chat,
    ),
    Prediction(
        number="06.4",
        server_source="""
from chatlib import ChatServer

io = ChatServer().io
""",
        setup="""
alice, phone = await lab.join("alice", "phone", auth={"userId": 1})
bob, bob_2 = await lab.join("bob", "bob-2", auth={"userId": 2})
carol = await lab.join("carol")
for client in (alice, bob, carol):
    await client.call("join-room", "tea")
""",
        lines=(
            Line(
                'phone.call("message", {"others": True})',
                heard=["alice", "bob", "bob-2", "carol"],
                why="skip_sid leaves out the one socket that sends, not all that its user has.",
            ),
            Line(
                'phone.call("message", {"room": "tea"})',
                heard=["alice", "bob", "carol"],
                why="Sockets are members, not people, and nobody asks whether the sender is one.",
            ),
            Line(
                'alice.call("message", {"user": 1})',
                heard=["phone"],
                why="A note to oneself reaches one's own other sockets, and each of them once.",
            ),
            Line(
                'carol.call("message", {"user": "2"})',
                heard=["bob", "bob-2"],
                why='user_room makes "user:2" of 2 and of "2", and whoever sends is skipped.',
            ),
            Line(
                'bob.call("message", {"user": 1, "room": "tea"})',
                heard=[],
                why="read_address refuses a message with two addresses.",
            ),
        ),
        hint_text=(
            "Read message and read_address again, then Message.rooms: for each line, which rooms, "
            "who is in them, and which one socket is skipped."
        ),
        praise="Rooms hold sockets, addresses are checked, and only the sending socket is skipped.",
        server=_chat,
    ),
    Repair(
        number="06.5",
        starter="""
def answer(io):
    @io.on("seen")
    async def seen(sid, message):
        writer = message["from"]
        await io.emit("seen", message["text"], to=writer.get("userId"))
""",
        hint_text=(
            "What is to= for user 1, and is there a room of that name? What is it for carol, whose "
            "from has no userId? One of the two needs a prefix, the other another field."
        ),
        solution_text="""
from chatlib.messages import address_of_room, user_room


def answer(io):
    @io.on("seen")
    async def seen(sid, message):
        writer = message["from"]
        if "userId" in writer:
            room = user_room(writer["userId"])
        else:
            room = address_of_room(writer["id"])
        await io.emit("seen", message["text"], to=room)
""",
        praise=(
            "Each kind of address has its room, and nothing is left that could be None. "
            "user_room and address_of_room also refuse what a forged from could bring."
        ),
        play=_seen,
        scenes=(
            _Seen("bob", 2, 1, ("alice", "phone"), ("carol", "dave"), ("tea?", "milk?")),
            _Seen(
                "grace",
                "zoe",
                "None",
                ("laptop", "tablet", "watch"),
                ("erin", "frank"),
                ("where?", "there!"),
            ),
            _Seen("frank", "7", 0, ("tablet", "phone"), ("bob", "grace"), ("now?", "soon")),
        ),
        demo=_show_seen,
        server=_chat,
    ),
]
