"""Exercise 05.5: a message to somebody who is away."""

from collections.abc import Callable
from typing import Any

from chatlib.lab.exercises.exercise import Repair, Stage, run
from chatlib.lab.exercises.lesson_05.shared import PEOPLE, reach_a_person


async def _show_who_is_away(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    people = PEOPLE[0]
    writer, tab, phone, _ = await people.join(stage)
    await writer.emit("dm", {"user": 2, "text": "lunch?"})
    await stage.lab.settle()
    await phone.disconnect()
    await tab.disconnect()
    await writer.emit("dm", {"user": 2, "text": "PIN: 4711"})


EXERCISE = Repair(
    number="05.5",
    starter="""
def answer(io):
    tabs = {}

    @io.on("connect")
    async def connect(sid, environ, auth):
        tabs.setdefault(auth["userId"], []).append(sid)

    @io.on("disconnect")
    async def disconnect(sid, reason):
        for sids in tabs.values():
            if sid in sids:
                sids.remove(sid)

    @io.on("dm")
    async def dm(sid, data):
        await io.emit("dm", data["text"], to=tabs.get(data["user"]))
""",
    hint_text="""What is to= for a user whose tabs are closed, and for one who never came?
Lesson 03 tells whom an emission reaches that has no address.""",
    solution_text="""
def answer(io):
    tabs = {}

    @io.on("connect")
    async def connect(sid, environ, auth):
        tabs.setdefault(auth["userId"], []).append(sid)

    @io.on("disconnect")
    async def disconnect(sid, reason):
        for sids in tabs.values():
            if sid in sids:
                sids.remove(sid)

    @io.on("dm")
    async def dm(sid, data):
        if sids := tabs.get(data["user"]):
            await io.emit("dm", data["text"], to=sids)
""",
    praise="What is meant for somebody away reaches nobody, and not everyone.",
    play=reach_a_person,
    scenes=PEOPLE,
    demo=_show_who_is_away,
)
