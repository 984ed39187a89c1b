"""Exercise 03.5: everyone but who types."""

from collections.abc import Callable
from typing import Any

from chatlib.lab.exercises.exercise import Repair, Stage, run
from chatlib.lab.exercises.lesson_03.shared import Talk, at_once


async def _typing(answer: Callable[..., Any], stage: Stage, talk: Talk) -> None:
    await run(answer, stage.io)
    clients = await talk.join(stage)
    for name, nick in talk.said:
        await clients[name].emit("typing", nick)
        await stage.expect(talk.after(name, "typing"), "is typing", by=talk.others(name), data=nick)
    await at_once(
        stage,
        clients,
        "typing",
        lambda name, nick: [(other, "is typing", (nick,)) for other in clients if other != name],
    )


async def _typing_demo(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, bob, _ = await stage.join("alice", "bob", "carol")
    await alice.emit("typing", "Alice")
    await stage.lab.settle()
    await bob.emit("typing", "Bob")


EXERCISE = Repair(
    number="03.5",
    starter="""
def answer(io):
    me = []

    @io.on("connect")
    async def connect(sid, environ, auth):
        me.append(sid)

    @io.on("typing")
    async def typing(sid, name):
        await io.emit("is typing", name, skip_sid=me[0])
""",
    hint_text="Compare the two rings in the picture. Whose id is me[0], whoever is typing?",
    solution_text="""
def answer(io):
    @io.on("typing")
    async def typing(sid, name):
        await io.emit("is typing", name, skip_sid=sid)
""",
    praise="Each call of the handler brings the sender's own id; there is nothing to remember.",
    play=_typing,
    scenes=(
        Talk(("alice", "bob", "carol"), (("alice", "Alice"), ("bob", "Bob"), ("carol", "Caro "))),
        Talk(("grace", "erin"), (("erin", "E."), ("grace", "E."), ("erin", "E."))),
        Talk(("ivan", "heidi"), (("heidi", "Alice"), ("ivan", "Bob"))),
        Talk(("judy",), (("judy", "Judy"),)),
    ),
    demo=_typing_demo,
)
