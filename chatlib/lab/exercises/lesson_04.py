"""The exercises of lesson 04: rooms."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Repair, Stage, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.exercises.reader import Code
from chatlib.lab.trace import Packet

# How long the server of an exercise looks things up, in seconds.
_LOOK_UP = 0.02
# How long to wait for what code may have put off, in seconds.
_PUT_OFF = 0.3
# How long to wait for a client that may first have to wait itself, in seconds.
_PATIENCE = 1.0


def _let_them_join(stage: Stage) -> None:
    async def join_room(sid: str, room: Any) -> dict[str, bool]:
        await asyncio.sleep(_LOOK_UP)
        await stage.io.enter_room(sid, room)
        return {"ok": True}

    async def leave_room(sid: str, room: Any) -> dict[str, bool]:
        await asyncio.sleep(_LOOK_UP)
        await stage.io.leave_room(sid, room)
        return {"ok": True}

    stage.io.on("join-room", join_room)
    stage.io.on("leave-room", leave_room)


async def _join(stage: Stage, names: Sequence[str]) -> list[Any]:
    """Connect clients in the order of the alphabet, which says nothing of who does what."""
    clients = {client.name: client for client in await stage.join(*sorted(names))}
    return [clients[name] for name in names]


def _knows(stage: Stage, name: str, event: str) -> bool:
    """Tell whether a client has got an answer to an event, since the stage was last looked at."""
    return any(
        isinstance(step, Packet)
        and (step.kind, step.target, step.event) == ("ack", name, event)
        and step.arrived
        for step in stage.lab.trace.steps
    )


@dataclass(frozen=True)
class _Arrivals:
    names: tuple[str, str, str]  # the first in the room, the second, and one for another room
    room: str
    other_room: str


async def _enter(answer: Callable[..., Any], stage: Stage, scene: _Arrivals) -> None:
    await run(answer, stage.io)
    first, second, third = await _join(stage, scene.names)
    one, two, room, other = first.name, second.name, scene.room, scene.other_room
    await first.emit("enter", room)
    await _nobody_hears(answer, stage, f'{one} emitted "enter" with "{room}", the first to do so')
    await stage.io.emit("roll call", to=room)
    await stage.expect(
        f'{one} entered "{room}" and the server emitted "roll call" to "{room}"',
        "roll call",
        by=[one],
    )
    await second.emit("enter", room)
    await stage.expect(
        f'{two} emitted "enter" with "{room}", where {one} was', "entered", by=[one], data=room
    )
    await stage.io.emit("roll call", to=room)
    await stage.expect(
        f'{two}, too, entered "{room}" and the server emitted "roll call" to "{room}"',
        "roll call",
        by=[one, two],
    )
    await third.emit("enter", other)
    await _nobody_hears(
        answer, stage, f'{third.name} emitted "enter" with "{other}", an empty room'
    )
    await first.emit("enter", other)
    await stage.expect(
        f'{one}, who is in "{room}", emitted "enter" with "{other}", where {third.name} was',
        "entered",
        by=[third.name],
        data=other,
    )


async def _nobody_hears(answer: Callable[..., Any], stage: Stage, after: str) -> None:
    """See that nobody hears of who entered, not even later: that would reach who enters next."""
    if Code(answer).may_act_later():
        await asyncio.sleep(_PUT_OFF)
    await stage.expect(after, "entered", by=[])


@dataclass(frozen=True)
class _Talk:
    names: tuple[str, str, str, str]  # two in the room, one in another room, one in none
    room: str
    other_room: str
    texts: tuple[str, str, str, str]


async def _members_speak(answer: Callable[..., Any], stage: Stage, scene: _Talk) -> None:
    _let_them_join(stage)
    await run(answer, stage.io)
    speaker, listener, neighbour, nobody = await _join(stage, scene.names)
    room, other = scene.room, scene.other_room
    rooms = ((speaker, room), (listener, room), (speaker, other), (neighbour, other))
    for client, joined in rooms:
        await client.call("join-room", joined)
    await stage.clear()

    async def say(who: Any, where: str, text: str, by: list[str]) -> None:
        said = f'{who.name}, {where}, said "{text}" in "{room}"'
        returned = await stage.call(who, "say", (room, text))
        await stage.expect(said, "said", by=by, data=text)
        if returned is not bool(by):
            wanted = bool(by)
            stage.fail(
                f"After {said}, the handler should have returned {wanted}, not {returned!r}."
            )

    one, two, three, four = scene.texts
    both = [speaker.name, listener.name]
    await say(speaker, f'who is in "{room}" and "{other}"', one, both)
    await say(neighbour, f'who is only in "{other}"', two, [])
    await say(nobody, "who has joined no room", three, [])
    await listener.call("leave-room", room)
    await stage.clear()
    await say(listener, f'who has left "{room}"', four, [])


@dataclass(frozen=True)
class _Move:
    mover: str
    other: str
    old: str
    new: str


async def _move(answer: Callable[..., Any], stage: Stage, scene: _Move) -> None:
    _let_them_join(stage)
    client, _ = await _join(stage, (scene.mover, scene.other))
    name, old, new = client.name, scene.old, scene.new
    await client.call("join-room", old)
    await stage.clear()
    await run(answer, client, old, new)
    unknown = [event for event in ("join-room", "leave-room") if not _knows(stage, name, event)]
    await stage.deliveries()
    await asyncio.gather(*(stage.io.emit("roll call", room, to=room) for room in (old, new)))
    heard = [
        str(packet.data[0])
        for packet in await stage.deliveries()
        if packet.event == "roll call" and packet.target == name
    ]
    if heard != [new]:
        stage.fail(
            f'After your function, {name} should have heard what is sent to "{new}", and not what '
            f'is sent to "{old}". What {name} heard: {" and ".join(map(repr, heard)) or "neither"}.'
        )
    if unknown:
        events = " and ".join(f'"{event}"' for event in unknown)
        stage.fail(
            f"In the end {name} was in the right room. But your function came back before the "
            f"client had an answer to {events}, and so it could not know. emit does not wait for "
            "the server, and no sleep is sure to be long enough; call waits."
        )


@dataclass(frozen=True)
class _Game:
    host: str
    guest: str
    outsider: str
    room: str


async def _set_up_game(stage: Stage, scene: _Game) -> tuple[Any, asyncio.Future[bool]]:
    """Return the guest, and whether it knows that it is in when it starts the game."""
    io = stage.io
    knows: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    host, guest, _ = await _join(stage, (scene.host, scene.guest, scene.outsider))

    async def may_join() -> bool:
        return True

    async def join_room(sid: str, room: Any) -> dict[str, bool]:
        await io.call("may join?", to=host.get_sid())
        await io.enter_room(sid, room)
        return {"ok": True}

    async def start(sid: str, room: Any) -> dict[str, bool]:  # noqa: ARG001
        if not knows.done():
            knows.set_result(_knows(stage, scene.guest, "join-room"))
        await io.emit("started", room, to=room)
        return {"ok": True}

    host.on("may join?", may_join)
    io.on("join-room", join_room)
    io.on("start", start)
    await io.enter_room(host.get_sid(), scene.room)
    return guest, knows


async def _start_game(answer: Callable[..., Any], stage: Stage, scene: _Game) -> None:
    guest, knows = await _set_up_game(stage, scene)
    await run(answer, guest, scene.room)
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(knows), _PATIENCE)
    done = f'{scene.guest} had joined and started "{scene.room}"'
    await stage.expect(done, "started", by=[scene.host, scene.guest], data=scene.room)
    if not (knows.done() and knows.result()):
        stage.fail(
            f'This time {scene.guest} heard "started". But the client said "start" before it had '
            'the server\'s answer to "join-room": that was luck, as the server may take longer. '
            "emit does not wait for the server; call does."
        )


async def _show_game(answer: Callable[..., Any], stage: Stage) -> None:
    guest, _ = await _set_up_game(stage, _Game("alice", "bob", "carol", "chess"))
    await run(answer, guest, "chess")


EXERCISES = [
    Exercise(
        number="04.1",
        starter="""
def answer(io):
    @io.on("enter")
    async def enter(sid, room):
        ...
""",
        hint_text="First io.enter_room. Then an emission with both to and skip_sid.",
        solution_text="""
def answer(io):
    @io.on("enter")
    async def enter(sid, room):
        await io.enter_room(sid, room)
        await io.emit("entered", room, to=room, skip_sid=sid)
""",
        praise="The room without the newcomer: in JavaScript, socket.to(room).emit.",
        play=_enter,
        scenes=(
            _Arrivals(("alice", "bob", "carol"), "red", "blue"),
            _Arrivals(("grace", "frank", "erin"), "tea room", "attic"),
        ),
    ),
    Exercise(
        number="04.2",
        starter="""
def answer(io):
    @io.on("say")
    async def say(sid, room, text):
        ...
""",
        hint_text="io.rooms(sid) is the list of the rooms that the sender is in.",
        solution_text="""
def answer(io):
    @io.on("say")
    async def say(sid, room, text):
        if room not in io.rooms(sid):
            return False
        await io.emit("said", text, to=room)
        return True
""",
        praise="The server knows who is in the room, so it need not believe the sender.",
        play=_members_speak,
        scenes=(
            _Talk(("alice", "bob", "carol", "dave"), "red", "blue", ("hi", "psst", "hm", "bye")),
            _Talk(
                ("heidi", "frank", "erin", "grace"),
                "kitchen",
                "cellar",
                ("soup!", "me too", "hello?", "one more thing"),
            ),
        ),
    ),
    Exercise(
        number="04.3",
        starter="""
async def answer(client, old, new):
    ...
""",
        hint_text="A client asks: join-room for one room, leave-room for the other. call waits.",
        solution_text="""
async def answer(client, old, new):
    await client.call("join-room", new)
    await client.call("leave-room", old)
""",
        praise="A client asks to be moved, and call comes back when the server has done it.",
        play=_move,
        scenes=(_Move("bob", "alice", "red", "blue"), _Move("erin", "frank", "attic", "cellar")),
    ),
    Prediction(
        number="04.4",
        server_source="""
@io.on("join-room")
async def join_room(sid, room):
    await io.enter_room(sid, room)


@io.on("all")
async def all_(sid, room):
    await io.emit("news", to=room)


@io.on("others")
async def others(sid, room):
    await io.emit("news", to=room, skip_sid=sid)
""",
        setup="""
alice, bob, carol, dave = await lab.join("alice", "bob", "carol", "dave")
for client, room in ((alice, "tea"), (bob, "tea"), (carol, "cake")):
    await client.emit("join-room", room)
""",
        lines=(
            Line(
                'bob.emit("all", "tea")',
                heard=["alice", "bob"],
                why="The room is all its members, and bob is one of them.",
            ),
            Line(
                'alice.emit("others", "tea")',
                heard=["bob"],
                why="The room without the sender; carol and dave are not in it.",
            ),
            Line(
                'carol.emit("all", "tea")',
                heard=["alice", "bob"],
                why="carol may post to a room that she is not in, and does not hear it.",
            ),
            Line(
                'carol.emit("others", "cake")',
                heard=[],
                why="carol is alone in her room, and the sender is left out.",
            ),
            Line('dave.emit("join-room", "Tea")'),
            Line(
                'dave.emit("others", "tea")',
                heard=["alice", "bob"],
                why="To leave out dave changes nothing: he is in Tea, another room than tea.",
            ),
            Line(
                'alice.emit("all", "Tea")',
                heard=["dave"],
                why="Tea is a room of its own, and dave is the only one in it.",
            ),
        ),
        hint_text="Two questions for each line: who is in the room, and is the sender left out.",
        praise="The address says who hears it. The sender matters only where it is left out.",
    ),
    Repair(
        number="04.5",
        starter="""
async def answer(client, room):
    await client.emit("join-room", room)
    await client.emit("start", room)
""",
        hint_text="See what the server still waits for when start comes, and who can tell you.",
        solution_text="""
async def answer(client, room):
    await client.call("join-room", room)
    await client.emit("start", room)
""",
        praise="Only the server knows when somebody is in a room, and its answer says so.",
        play=_start_game,
        demo=_show_game,
        scenes=(
            _Game("alice", "bob", "carol", "chess"),
            _Game("grace", "erin", "frank", "go"),
        ),
    ),
]
