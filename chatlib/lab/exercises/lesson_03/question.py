"""Exercise 03.1: only you."""

from collections.abc import Callable
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_03.shared import Talk, at_once


async def _only_the_asker(answer: Callable[..., Any], stage: Stage, talk: Talk) -> None:
    await run(answer, stage.io)
    clients = await talk.join(stage)
    for name, text in talk.said:
        await clients[name].emit("question", text)
        await stage.expect(f'{name} emitted "question"', "answer", by=[name], data=text)
    await at_once(stage, clients, "question", lambda name, text: [(name, "answer", (text,))])


EXERCISE = Exercise(
    number="03.1",
    starter="""
def answer(io):
    @io.on("question")
    async def question(sid, text):
        ...
""",
    hint_text="to names the socket to reach. Whose id does the handler have?",
    solution_text="""
def answer(io):
    @io.on("question")
    async def question(sid, text):
        await io.emit("answer", text, to=sid)
""",
    praise="Only the one who asked: in JavaScript, socket.emit.",
    play=_only_the_asker,
    scenes=(
        Talk(
            ("alice", "bob", "carol"),
            (
                ("bob", "what is io?"),
                ("carol", "and sid?"),
                ("alice", "and to?"),
                ("bob", "aha"),
            ),
        ),
        Talk(
            ("grace", "heidi", "ivan"),
            (
                ("ivan", "Is anybody here, and what is it that you do?"),
                ("heidi", "and you?"),
                ("grace", "and you?"),
                ("heidi", " why?"),
            ),
        ),
        Talk(("frank", "erin"), (("erin", "who is there?"), ("frank", "since when?"))),
    ),
)
