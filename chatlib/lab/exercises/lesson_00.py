"""The exercise of lesson 00: how a check works."""

from collections.abc import Callable
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run


async def _who_is_there(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, _ = await stage.join("alice", "bob")
    await alice.emit("knock")
    await stage.expect('alice emitted "knock"', "who is there", by=["alice", "bob"], data=())


EXERCISES = [
    Exercise(
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
        praise="One event in, one emission out, and both clients heard it.",
        play=_who_is_there,
    ),
]
