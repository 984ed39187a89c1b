"""The exercises of lesson 04: rooms."""

import asyncio
import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Repair, Stage, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.exercises.stage import NothingCameError
from chatlib.lab.trace import Packet, Step
from chatlib.lab.words import as_json, enumerated

# How long the host of a game thinks about who wants to join, in seconds.
_THINKS = 0.03


# What the handlers of the lesson return.
_OK = {"ok": True}


def _let_them_join(
    stage: Stage,
    joining: float = 0,
    leaving: float = 0,
    asked: Collection[tuple[str, Any]] | None = None,
) -> None:
    """Handle join-room and leave-room.

    Args:
        stage: The stage.
        joining: How long it takes to join, in seconds.
        leaving: How long it takes to leave, in seconds.
        asked: The events and rooms to answer as the lesson does; any, if not given. What the
            server answers to others tells the room, and so is not taken for an answer to these.
    """

    def done(event: str, room: Any) -> dict[str, Any]:
        return _OK if asked is None or (event, room) in asked else _OK | {"room": room}

    async def join_room(sid: str, room: Any) -> dict[str, Any]:
        await asyncio.sleep(joining)
        await stage.io.enter_room(sid, room)
        return done("join-room", room)

    async def leave_room(sid: str, room: Any) -> dict[str, Any]:
        await asyncio.sleep(leaving)
        await stage.io.leave_room(sid, room)
        return done("leave-room", room)

    stage.io.on("join-room", join_room)
    stage.io.on("leave-room", leave_room)


async def _join(stage: Stage, names: Sequence[str]) -> list[Any]:
    """Connect clients in the order of the alphabet, which says nothing of who does what."""
    clients = {client.name: client for client in await stage.join(*sorted(names))}
    return [clients[name] for name in names]


def _are_in(stage: Stage, after: str, room: Any, names: Sequence[str]) -> None:
    """See who is in a room."""
    participants = stage.io.manager.get_participants("/", room)
    inside = sorted(stage.lab.name(sid) for sid, _ in participants)
    if inside != sorted(names):
        stage.fail(
            f"After {after}, {enumerated(sorted(names))} should be in the room {as_json([room])}, "
            f"and nobody else. Who is in it: {enumerated(inside) if inside else 'nobody'}.",
            as_=NothingCameError,
        )


def _has_answer(steps: Iterable[Step], name: str, event: str) -> bool:
    """Tell whether a client has got the answer to an event, with the room asked for."""
    return any(
        isinstance(step, Packet)
        and (step.kind, step.target, step.event) == ("ack", name, event)
        and step.data == (_OK,)
        and step.arrived
        for step in steps
    )


@dataclass(frozen=True)
class _Arrivals:
    names: tuple[str, str, str]  # the first in the room, the second, and one for another room
    room: str
    other_room: str


async def _enter(answer: Callable[..., Any], stage: Stage, scene: _Arrivals) -> None:
    await run(answer, stage.io)
    first, second, third = await _join(stage, scene.names)
    one, two, three, room, other = *scene.names, scene.room, scene.other_room
    await first.emit("enter", room)
    await third.emit("enter", other)
    done = f'{one} emitted "enter" with "{room}" and {three} with "{other}", two empty rooms'
    await stage.expect(done, "entered", by=[])
    _are_in(stage, done, room, [one])
    _are_in(stage, done, other, [three])
    await first.emit("enter", room)  # the others are nobody, whoever is called a newcomer
    done = f'{one}, who is alone in "{room}", emitted "enter" with "{room}" again'
    await stage.expect(done, "entered", by=[])
    await second.emit("enter", room)
    done = f'{two} emitted "enter" with "{room}", where {one} was'
    await stage.expect(done, "entered", by=[one], data=room)
    _are_in(stage, done, room, [one, two])
    await first.emit("enter", other)
    done = f'{one}, who is in "{room}", emitted "enter" with "{other}", where {three} was'
    await stage.expect(done, "entered", by=[three], data=other)
    _are_in(stage, done, other, [one, three])
    _are_in(stage, done, room, [one, two])
    await third.emit("enter", room)
    done = f'{three} emitted "enter" with "{room}", where {one} and {two} were'
    await stage.expect(done, "entered", by=[one, two], data=room)
    _are_in(stage, done, room, [one, two, three])


@dataclass(frozen=True)
class _Talk:
    names: tuple[str, str, str, str]  # two in the room, one in another room, one in none
    room: Any
    other_room: Any
    texts: tuple[str, ...]
    nowhere: Any = None  # a room with nobody in it, to speak in as well


async def _members_speak(answer: Callable[..., Any], stage: Stage, scene: _Talk) -> None:
    _let_them_join(stage)
    await run(answer, stage.io)
    speaker, listener, neighbour, nobody = await _join(stage, scene.names)
    one, two, three, four = scene.names
    room, other = scene.room, scene.other_room
    members = {room: (speaker, listener), other: (speaker, neighbour)}
    # In one scene the room is the older of the two.
    for joined in sorted(members, key=lambda name: (str(name), repr(name))):
        for client in members[joined]:
            await client.call("join-room", joined)
    await stage.clear()

    async def say(who: Any, where: str, text: str, by: list[str], to: Any = room) -> None:
        said = f'{who.name}, {where}, said "{text}" in {as_json([to])}'
        returned = await stage.call(who, "say", (to, text))
        await stage.expect(said, "said", by=by, data=text)
        if returned is not bool(by):
            wanted = bool(by)
            stage.fail(
                f"After {said}, the handler should have returned {wanted}, not {returned!r}."
            )

    texts = iter(scene.texts)
    here, there = as_json([room]), as_json([other])
    await say(speaker, f"who is in {here} and {there}", next(texts), [one, two])
    await say(neighbour, f"who is only in {there}", next(texts), [])
    await say(listener, f"who is in {here}", next(texts), [one, two])
    await listener.call("leave-room", room)
    await stage.clear()
    await say(speaker, f"who is alone in {here} by now", next(texts), [one])
    if scene.nowhere is not None:
        await say(speaker, "who is not in there", next(texts), [], scene.nowhere)
    for client in (nobody, neighbour):
        await client.call("join-room", room)
    await stage.clear()
    await say(listener, f"who has left {here}", next(texts), [])
    await say(neighbour, f"who has joined {here} by now", next(texts), [one, three, four])
    _are_in(stage, f"all have spoken in {here}", other, [one, three])


@dataclass(frozen=True)
class _Move:
    mover: str
    rooms: tuple[Any, ...]
    joining: float  # how long the server takes, in seconds
    leaving: float


async def _move(answer: Callable[..., Any], stage: Stage, scene: _Move) -> None:
    asked: set[tuple[str, Any]] = set()
    _let_them_join(stage, scene.joining, scene.leaving, asked)
    client = await stage.join(scene.mover)
    await client.call("join-room", scene.rooms[0])
    for old, new in itertools.pairwise(scene.rooms):
        await stage.clear()
        asked.clear()
        asked.update({("join-room", new), ("leave-room", old)})
        sid = client.get_sid()
        await run(answer, client, old, new)
        events = {"join-room": new, "leave-room": old}
        if client.get_sid() != sid:  # it has connected again, and so left all its rooms
            del events["leave-room"]
        await _see_moved(stage, client, old, new, events)


async def _see_moved(stage: Stage, client: Any, old: Any, new: Any, events: dict[str, Any]) -> None:
    """See that a client has been moved, and that it knows by the answers to these events."""
    name, steps = client.name, stage.lab.trace.steps
    unknown = [event for event in events if not _has_answer(steps, name, event)]
    await stage.deliveries()
    hears = [room for room in (old, new) if room in stage.io.rooms(client.get_sid())]
    if hears != [new]:
        stage.fail(
            f"After your function, {name} should hear what is sent to {as_json([new])}, and not "
            f"what is sent to {as_json([old])}. What {name} hears: "
            f"{' and '.join(map(repr, hears)) or 'neither'}."
        )
    if unknown:
        to = " and ".join(f'"{event}" with {as_json([events[event]])}' for event in unknown)
        stage.fail(
            f"In the end {name} was in the right room. But your function came back before the "
            f"client had an answer to {to}, and so it could not know. emit does not wait for "
            "the server, and no sleep is sure to be long enough; call waits."
        )


@dataclass(frozen=True)
class _Game:
    host: str
    guest: str
    outsider: str
    room: str
    both: bool = False  # the outsider joins after the guest


async def _set_up_game(stage: Stage, scene: _Game) -> tuple[Any, Any, list[bool]]:
    """Return the guest and the outsider, and a list of whether who starts knows to be in."""
    io = stage.io
    knows: list[bool] = []
    recorded: list[list[Step]] = []  # the stage may look at what is recorded, and begin anew
    host, guest, outsider = await _join(stage, (scene.host, scene.guest, scene.outsider))

    async def may_join() -> bool:
        await asyncio.sleep(_THINKS)
        return True

    async def join_room(sid: str, room: Any) -> dict[str, Any]:
        await io.call("may join?", to=host.get_sid())
        await io.enter_room(sid, room)
        recorded.append(stage.lab.trace.steps)
        return _OK if room == scene.room else _OK | {"room": room}

    async def start(sid: str, room: Any) -> dict[str, Any]:
        steps = itertools.chain(*recorded, stage.lab.trace.steps)
        knows.append(_has_answer(steps, stage.lab.name(sid), "join-room"))
        await io.emit("started", room, to=room)
        return _OK

    host.on("may join?", may_join)
    io.on("join-room", join_room)
    io.on("start", start)
    await io.enter_room(host.get_sid(), scene.room)
    return guest, outsider, knows


async def _start_game(answer: Callable[..., Any], stage: Stage, scene: _Game) -> None:
    guest, outsider, knows = await _set_up_game(stage, scene)
    inside = [scene.host]
    for client in (guest, outsider) if scene.both else (guest,):
        await run(answer, client, scene.room)
        inside.append(client.name)
        done = f'{client.name} had joined and started "{scene.room}"'
        await stage.expect(done, "started", by=inside, data=scene.room)
        if not all(knows):
            stage.fail(
                f'This time {client.name} heard "started". But the client said "start" before it '
                'had the server\'s answer to "join-room": that was luck, as the server may take '
                "longer. emit does not wait for the server; call does."
            )


async def _show_game(answer: Callable[..., Any], stage: Stage) -> None:
    guest, _, _ = await _set_up_game(stage, _Game("alice", "bob", "carol", "chess"))
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
            _Arrivals(("grace", "frank", "erin"), "Tea", "tea"),
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
            # A name in a name, then two that look alike. An empty text is a text.
            _Talk(
                ("alice", "bob", "carol", "dave"),
                "red",
                "red team",
                ("hi", "psst", "hey", "anybody?", "bye", "here I am"),
            ),
            _Talk(
                ("heidi", "frank", "erin", "grace"),
                7,
                "7",
                ("cake!", "me too", "", "hello?", "echo?", "one more thing", "cream!"),
                nowhere="",
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
        scenes=(
            _Move("bob", ("red", "blue"), joining=0, leaving=0.03),
            _Move("erin", ("attic", 7, "7"), joining=0.03, leaving=0),
        ),
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
            _Game("grace", "erin", "frank", "go", both=True),
        ),
    ),
]
