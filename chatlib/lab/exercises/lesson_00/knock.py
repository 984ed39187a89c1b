"""Exercise 00.1: who is there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run


@dataclass(frozen=True)
class _Visit:
    present: tuple[str, ...]
    senders: tuple[str, ...]


async def _who_is_there(answer: Callable[..., Any], stage: Stage, scene: _Visit) -> None:
    await run(answer, stage.io)
    clients = dict(zip(scene.present, await stage.join(*scene.present), strict=True))
    for again, sender in enumerate(scene.senders):
        await clients[sender].emit("knock")
        after = f'{sender} emitted {"another " if again else ""}"knock"'
        await stage.expect(after, "who is there", by=scene.present, data=())


EXERCISE = Exercise(
    number="00.1",
    starter="""
def answer(io):
    @io.on("knock")
    async def knock(sid):
        ...
""",
    hint_text='One line: await io.emit("..."), with the name of the event in the quotes.',
    solution_text="""
def answer(io):
    @io.on("knock")
    async def knock(sid):
        await io.emit("who is there")
""",
    praise="One event in, one emission out, and everyone heard it.",
    play=_who_is_there,
    scenes=(
        _Visit(present=("alice", "bob"), senders=("alice", "bob")),
        _Visit(present=("carol", "dave", "erin"), senders=("dave", "dave", "erin")),
    ),
)
