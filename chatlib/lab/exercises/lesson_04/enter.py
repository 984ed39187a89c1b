"""Exercise 04.1: a room without the newcomer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_04.shared import are_in, join_all


@dataclass(frozen=True)
class _Arrivals:
    names: tuple[str, str, str]  # the first in the room, the second, and one for another room
    room: str
    other_room: str


async def _enter(answer: Callable[..., Any], stage: Stage, scene: _Arrivals) -> None:
    await run(answer, stage.io)
    first, second, third = await join_all(stage, scene.names)
    one, two, three, room, other = *scene.names, scene.room, scene.other_room
    await first.emit("enter", room)
    await third.emit("enter", other)
    done = f'{one} emitted "enter" with "{room}" and {three} with "{other}", two empty rooms'
    await stage.expect(done, "entered", by=[])
    are_in(stage, done, room, [one])
    are_in(stage, done, other, [three])
    await first.emit("enter", room)  # the others are nobody, whoever is called a newcomer
    done = f'{one}, who is alone in "{room}", emitted "enter" with "{room}" again'
    await stage.expect(done, "entered", by=[])
    await second.emit("enter", room)
    done = f'{two} emitted "enter" with "{room}", where {one} was'
    await stage.expect(done, "entered", by=[one], data=room)
    are_in(stage, done, room, [one, two])
    await first.emit("enter", other)
    done = f'{one}, who is in "{room}", emitted "enter" with "{other}", where {three} was'
    await stage.expect(done, "entered", by=[three], data=other)
    are_in(stage, done, other, [one, three])
    are_in(stage, done, room, [one, two])
    await third.emit("enter", room)
    done = f'{three} emitted "enter" with "{room}", where {one} and {two} were'
    await stage.expect(done, "entered", by=[one, two], data=room)
    are_in(stage, done, room, [one, two, three])


EXERCISE = Exercise(
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
)
