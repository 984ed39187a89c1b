"""Exercise 03.3: everyone, and something for you alone."""

from collections.abc import Callable, Collection
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_03.shared import Talk, at_once
from chatlib.lab.exercises.stage import NothingCameError


async def _score(answer: Callable[..., Any], stage: Stage, talk: Talk) -> None:
    await run(answer, stage.io)
    clients = await talk.join(stage)
    for name, team in talk.said:
        await clients[name].emit("goal", team)
        await _scored(stage, name, team, talk.names)
    await at_once(
        stage,
        clients,
        "goal",
        lambda name, team: [
            *((other, "score", (team,)) for other in clients),
            (name, "well done", ()),
        ],
    )


async def _scored(stage: Stage, name: str, team: str, everyone: Collection[str]) -> None:
    after = f'{name} emitted "goal"'
    deliveries = await stage.deliveries(
        lambda found: (
            {p.target for p in found if p.event == "score"} >= set(everyone)
            and any(p.event == "well done" and p.target == name for p in found)
        )
    )
    if not deliveries:
        stage.fail(f"After {after}, nobody heard anything.", as_=NothingCameError)
    for event, who, names, data in (
        ("score", "everyone", everyone, (team,)),
        ("well done", f"{name} alone", [name], ()),
    ):
        heard = [packet for packet in deliveries if packet.event == event]
        if {packet.target for packet in heard} != set(names):
            stage.fail(f'After {after}, {who} should have heard "{event}"', deliveries)
        if len(heard) > len(names):
            stage.fail(f'After {after}, "{event}" came more than once.')
        stage.expect_data(after, heard, data)
    events = [p.event for p in deliveries if p.target == name]
    if events.index("score") > events.index("well done"):
        stage.fail(f'After {after}, "score" should have come before "well done"', deliveries)


EXERCISE = Exercise(
    number="03.3",
    starter="""
def answer(io):
    @io.on("goal")
    async def goal(sid, team):
        ...
""",
    hint_text="Two emissions, one after the other, and each has an address of its own or none.",
    solution_text="""
def answer(io):
    @io.on("goal")
    async def goal(sid, team):
        await io.emit("score", team)
        await io.emit("well done", to=sid)
""",
    praise="One event in, two emissions out, each with an address of its own.",
    play=_score,
    scenes=(
        Talk(
            ("alice", "bob", "carol"),
            (("alice", "red"), ("carol", "blue"), ("bob", "red"), ("alice", "red")),
        ),
        Talk(("frank", "erin"), (("erin", " the owls"), ("frank", "the foxes"))),
    ),
)
