"""The exercises of lesson 06: events of one's own for the chat server, and clients of it."""

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import socketio

from chatlib.lab.exercises.exercise import Exercise, Repair, Stage, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.exercises.stage import NothingCameError, handled_events
from chatlib.limits import Limits
from chatlib.server import ChatServer


def _chat() -> socketio.AsyncServer:
    return ChatServer().io


async def _expect(
    stage: Stage, after: str, event: str, *, by: Iterable[str], data: Any, rooms: str
) -> None:
    """Do as `Stage.expect` does, and tell who reaches nobody which rooms there are."""
    try:
        await stage.expect(after, event, by=by, data=data)
    except NothingCameError as error:
        if event not in handled_events(stage.io):  # the chat's own catch-all answers it
            stage.fail(f'The server has no handler for "{event}", so the chat refused it.')
        if str(error).endswith("Nobody did."):
            stage.fail(f"{error} {rooms}")
        raise


@dataclass(frozen=True)
class _Groups:
    """Who types in 06.1, who else is in the group, and who is in another one."""

    group: Any
    typist: str
    members: tuple[str, ...]
    other: Any
    outsider: str


async def _typing(answer: Callable[..., Any], stage: Stage, scene: _Groups) -> None:
    await run(answer, stage.io)
    typist, outsider = await stage.join(scene.typist, scene.outsider)
    members = [await stage.join(name) for name in scene.members]
    for client in (typist, *members):
        await client.call("join-room", scene.group)
    await outsider.call("join-room", scene.other)
    inside = {scene.typist, *scene.members}
    rooms = "The members of a group are in the room that group_room makes of its name."
    for client in (typist, typist, members[-1]):
        await client.emit("typing", scene.group)
        await _expect(
            stage,
            f'{client.name} emitted "typing" for the group {scene.group!r}, where '
            f"{' and '.join(sorted(inside))} are",
            "typing",
            by=inside - {client.name},
            data=scene.group,
            rooms=rooms,
        )
    await outsider.emit("typing", scene.other)
    await stage.expect(
        f'{scene.outsider} emitted "typing" for a group of one', "typing", by=[], data=scene.other
    )


@dataclass(frozen=True)
class _Hello:
    """Who is there already in 06.2, and who comes."""

    there: tuple[str, ...]
    newcomer: str


async def _hello(answer: Callable[..., Any], stage: Stage, scene: _Hello) -> None:
    messages: list[Any] = []
    for name in scene.there:
        (await stage.join(name)).on("recieve-message", messages.append)
    newcomer = stage.lab.client(scene.newcomer)
    await run(answer, newcomer)
    await newcomer.connect(stage.lab.url)
    welcomed = f"the server welcomed {scene.newcomer}"
    await stage.expect(welcomed, "recieve-message", by=scene.there)
    await stage.io.emit("welcome", "Welcome again", to=newcomer.get_sid())
    await stage.expect(f"{welcomed} a second time", "recieve-message", by=scene.there)
    for message in messages:
        if not isinstance(message, dict) or message.get("text") != "hello":
            stage.fail(f'The message should have had "text": "hello", but it was {message!r}.')


@dataclass(frozen=True)
class _Direct:
    """Who writes to whom in 06.3, and to which users one cannot write."""

    sender: str
    text: str
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
    for user, tabs, who in (
        (scene.user, scene.tabs, f"who has the tabs {' and '.join(scene.tabs)}"),
        (scene.away, (), "who is away"),
    ):
        wrote = f"{scene.sender} wrote {scene.text!r} to user {user!r}, {who}"
        returned = await run(answer, sender, user, scene.text)
        await stage.expect(wrote, "single-message", by=tabs)
        for message in messages:
            if not isinstance(message, dict) or message.get("text") != scene.text:
                stage.fail(
                    f'The message should have had "text": "{scene.text}", but it was {message!r}.'
                )
        if returned is not True:
            stage.fail(
                f"After {wrote}, the server answered that it has carried it out. The function "
                f"should have returned True, but it returned {returned!r}."
            )
    for user in scene.not_users:
        sentence = (await sender.call("message", {"user": user, "text": scene.text}))["error"]
        returned = await run(answer, sender, user, scene.text)
        await stage.expect(f"{scene.sender} wrote to {user!r}", "single-message", by=[])
        if returned != sentence:
            stage.fail(
                f'To a message for the user {user!r} the server answered "{sentence}" The function '
                f"should have returned that sentence, but it returned {returned!r}."
            )


@dataclass(frozen=True)
class _Seen:
    """Who has seen what of whom in 06.5: of a user with tabs, and of a socket without a user."""

    reader: str
    user_of_reader: Any
    user: Any
    tabs: tuple[str, ...]
    guest: str
    texts: tuple[str, str]


async def _seen(answer: Callable[..., Any], stage: Stage, scene: _Seen) -> None:
    await run(answer, stage.io)
    reader = await stage.join(scene.reader, auth={"userId": scene.user_of_reader})
    tabs = [await stage.join(name, auth={"userId": scene.user}) for name in scene.tabs]
    guest = await stage.join(scene.guest)
    of_user, of_guest = scene.texts
    for text, writer, auth, heard_by, who in (
        (of_user, tabs[-1], {"userId": scene.user}, scene.tabs, f"user {scene.user!r}"),
        (of_guest, guest, {}, [scene.guest], f"{scene.guest}, who has no userId"),
    ):
        await reader.emit("seen", {"text": text, "from": {"id": writer.get_sid(), **auth}})
        await _expect(
            stage,
            f'{scene.reader} emitted "seen" for a message of {who}',
            "seen",
            by=heard_by,
            data=text,
            rooms="All sockets of a user are in the room that user_room makes of the userId; a "
            "socket without one has only its id.",
        )


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
        scenes=(_Hello(("alice", "bob"), "carol"), _Hello(("erin", "frank", "grace"), "alice")),
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
            _Direct("alice", "lunch?", 2, ("bob", "bob-2"), 3, (None, "x" * _LONGEST)),
            _Direct("erin", "it rains", "zoe", ("laptop", "tablet"), 2, ("z" * 99, True, "")),
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
                why='user_room makes "user:2" of the number and of the text.',
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
            _Seen("bob", 2, 1, ("alice", "phone"), "carol", ("tea?", "milk?")),
            _Seen(
                "grace", "None", "zoe", ("laptop", "tablet", "watch"), "erin", ("where?", "there!")
            ),
        ),
        demo=_show_seen,
        server=_chat,
    ),
]
