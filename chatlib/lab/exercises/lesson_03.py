"""The exercises of lesson 03: everyone, only you, everyone but you."""

from collections.abc import Callable
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run


async def _only_the_asker(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    _, bob, _ = await stage.join("alice", "bob", "carol")
    await bob.emit("question", "what is io?")
    await stage.expect('bob emitted "question"', "answer", by=["bob"], data="what is io?")


async def _everyone_but_the_teller(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, *_ = await stage.join("alice", "bob", "carol")
    await alice.emit("joke", "knock knock")
    await stage.expect('alice emitted "joke"', "laugh", by=["bob", "carol"], data="knock knock")


async def _score(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, *_ = await stage.join("alice", "bob", "carol")
    await alice.emit("goal", "red")
    deliveries = await stage.deliveries()
    everyone = ["alice", "bob", "carol"]
    for event, names, data in (("score", everyone, ("red",)), ("well done", ["alice"], ())):
        heard = [packet for packet in deliveries if packet.event == event]
        if sorted(packet.target for packet in heard) != names:
            who = "everyone" if len(names) > 1 else f"{names[0]} alone"
            stage.fail(f'After alice emitted "goal", {who} should have heard "{event}"', deliveries)
        stage.expect_data('alice emitted "goal"', heard, data)
    if next(packet.event for packet in deliveries if packet.target == "alice") != "score":
        stage.fail(
            'After alice emitted "goal", "score" should have come before "well done"', deliveries
        )


EXERCISES = [
    Exercise(
        number="03.1",
        starter="""
def answer(io):
    @io.on("question")
    async def question(sid, text):
        ...
""",
        hint_text="to names the socket to reach, and sid is the one that asked.",
        solution_text="""
def answer(io):
    @io.on("question")
    async def question(sid, text):
        await io.emit("answer", text, to=sid)
""",
        praise="Only the one who asked: in JavaScript, socket.emit.",
        play=_only_the_asker,
    ),
    Exercise(
        number="03.2",
        starter="""
def answer(io):
    @io.on("joke")
    async def joke(sid, text):
        ...
""",
        hint_text="skip_sid names the socket to leave out, and sid is the one that told the joke.",
        solution_text="""
def answer(io):
    @io.on("joke")
    async def joke(sid, text):
        await io.emit("laugh", text, skip_sid=sid)
""",
        praise="Everyone but the one who told it: in JavaScript, socket.broadcast.emit.",
        play=_everyone_but_the_teller,
    ),
    Exercise(
        number="03.3",
        starter="""
def answer(io):
    @io.on("goal")
    async def goal(sid, team):
        ...
""",
        hint_text="Two emissions, one after the other: one without an address, one with to=sid.",
        solution_text="""
def answer(io):
    @io.on("goal")
    async def goal(sid, team):
        await io.emit("score", team)
        await io.emit("well done", to=sid)
""",
        praise="One event in, two emissions out, each with an address of its own.",
        play=_score,
    ),
]
