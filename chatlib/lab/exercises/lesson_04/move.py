"""Exercise 04.3: from one room to another, by call."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_04.shared import has_answer, let_them_join
from chatlib.lab.words import as_json


@dataclass(frozen=True)
class _Move:
    mover: str
    rooms: tuple[Any, ...]
    joining: float  # how long the server takes, in seconds
    leaving: float


async def _move(answer: Callable[..., Any], stage: Stage, scene: _Move) -> None:
    asked: set[tuple[str, Any]] = set()
    let_them_join(stage, scene.joining, scene.leaving, asked)
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
    unknown = [event for event in events if not has_answer(steps, name, event)]
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


EXERCISE = Exercise(
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
)
