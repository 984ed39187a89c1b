"""Exercise 04.5: join, and then start."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Repair, Stage, run
from chatlib.lab.exercises.lesson_04.shared import OK, has_answer, join_all

# How long the host of a game thinks about who wants to join, in seconds.
_THINKS = 0.03


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
    recorded = []  # the stage may look at what is recorded, and begin anew
    host, guest, outsider = await join_all(stage, (scene.host, scene.guest, scene.outsider))

    async def may_join() -> bool:
        await asyncio.sleep(_THINKS)
        return True

    async def join_room(sid: str, room: Any) -> dict[str, Any]:
        await io.call("may join?", to=host.get_sid())
        await io.enter_room(sid, room)
        recorded.append(stage.lab.trace.steps)
        return OK if room == scene.room else OK | {"room": room}

    async def start(sid: str, room: Any) -> dict[str, Any]:
        steps = itertools.chain(*recorded, stage.lab.trace.steps)
        knows.append(has_answer(steps, stage.lab.name(sid), "join-room"))
        await io.emit("started", room, to=room)
        return OK

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


EXERCISE = Repair(
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
)
