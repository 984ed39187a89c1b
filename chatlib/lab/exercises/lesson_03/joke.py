"""Exercise 03.2: everyone but you."""

from collections.abc import Callable
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_03.shared import Talk, at_once


async def _everyone_but_the_teller(answer: Callable[..., Any], stage: Stage, talk: Talk) -> None:
    await run(answer, stage.io)
    clients = await talk.join(stage)
    for name, text in talk.said:
        await clients[name].emit("joke", text)
        await stage.expect(talk.after(name, "joke"), "laugh", by=talk.others(name), data=text)
    await at_once(
        stage,
        clients,
        "joke",
        lambda name, text: [(other, "laugh", (text,)) for other in clients if other != name],
    )


EXERCISE = Exercise(
    number="03.2",
    starter="""
def answer(io):
    @io.on("joke")
    async def joke(sid, text):
        ...
""",
    hint_text="skip_sid names the socket to leave out. Whose id does the handler have?",
    solution_text="""
def answer(io):
    @io.on("joke")
    async def joke(sid, text):
        await io.emit("laugh", text, skip_sid=sid)
""",
    praise="Everyone but the one who told it: in JavaScript, socket.broadcast.emit.",
    play=_everyone_but_the_teller,
    scenes=(
        Talk(
            ("alice", "bob", "carol"),
            (("alice", "knock knock"), ("carol", "who is there?"), ("bob", "a cat")),
        ),
        Talk(
            ("grace", "frank", "erin", "dave", "heidi"),
            (
                ("erin", "A byte walks into a bar "),
                ("grace", "ouch"),
                ("heidi", "ouch"),
                ("erin", "ouch"),
            ),
        ),
        Talk(("ivan",), (("ivan", "is this thing on?"),)),
    ),
)
