"""Exercise 05.3: a direct message, with a sender that is true."""

import asyncio
from collections.abc import Callable
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_05.shared import PEOPLE, People, quoted


async def _the_whole_handler(answer: Callable[..., Any], stage: Stage, people: People) -> None:
    io = stage.io

    async def connect(sid: str, environ: Any, auth: Any) -> None:  # noqa: ARG001
        await io.save_session(sid, auth)
        await io.enter_room(sid, f"user:{auth['userId']}")
        await io.enter_room(sid, "room:lobby")

    io.on("connect", connect)
    await run(answer, io)
    writer, tab, phone, other = await people.join(stage)
    first, second, third, nobody = people.ids
    await stage.join(*people.desks, auth={"userId": first})

    async def write(client: Any, me: Any, user: Any, text: str, by: list[str], **more: Any) -> None:
        data = {"user": user, "text": text}
        await client.emit("dm", data | more)
        claim = f"to be user {quoted(more['from'])}" if "from" in more else "nothing"
        who = f"{client.name}, who is user {quoted(me)}," if me == user else client.name
        after = f"{who} wrote to user {quoted(user)} and claimed {claim}"
        await stage.expect(after, "dm", by=by, data=data | more | {"from": me})

    lunch, tea, milk, noon = people.texts
    await write(writer, first, second, lunch, [*people.tabs, *people.desks])
    await write(other, third, second, tea, [*people.tabs], **{"from": first})
    await write(phone, second, third, noon, [tab.name, other.name], room="red")
    await write(writer, first, first, milk, [*people.desks])
    await write(writer, first, nobody, noon, [*people.desks])
    data = {"user": first, "text": milk}
    await asyncio.gather(writer.emit("dm", data), other.emit("dm", {"user": nobody, "text": lunch}))
    after = (
        f"{writer.name} wrote to user {quoted(first)} and at once {other.name} to user "
        f"{quoted(nobody)}, who is not there"
    )
    await stage.expect(after, "dm", by=people.desks, data=data | {"from": first})


EXERCISE = Exercise(
    number="05.3",
    starter="""
def answer(io):
    @io.on("dm")
    async def dm(sid, data):
        ...
""",
    hint_text="""The session of the sender says who it is: await io.get_session(sid).
One emission is enough: to= takes a list of rooms, and skip_sid= leaves out one socket.""",
    solution_text="""
def answer(io):
    @io.on("dm")
    async def dm(sid, data):
        me = await io.get_session(sid)
        rooms = [f"user:{data['user']}", f"user:{me['userId']}"]
        data = data | {"from": me["userId"]}
        await io.emit("dm", data, to=rooms, skip_sid=sid)
""",
    praise="All windows of both people, each once, and a sender that nobody can make up.",
    play=_the_whole_handler,
    scenes=PEOPLE,
)
