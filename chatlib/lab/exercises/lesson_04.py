"""The exercises of lesson 04: rooms."""

import asyncio
from collections.abc import Callable
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run


def _let_them_join(stage: Stage) -> None:
    async def join_room(sid: str, room: str) -> dict[str, bool]:
        await stage.io.enter_room(sid, room)
        return {"ok": True}

    async def leave_room(sid: str, room: str) -> dict[str, bool]:
        await stage.io.leave_room(sid, room)
        return {"ok": True}

    stage.io.on("join-room", join_room)
    stage.io.on("leave-room", leave_room)


async def _enter(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, bob, carol = await stage.join("alice", "bob", "carol")
    await alice.emit("enter", "red")
    await stage.expect('alice emitted "enter" with "red", the first to do so', "entered", by=[])
    await stage.io.emit("roll call", to="red")
    await stage.expect(
        'alice entered "red" and the server emitted "roll call" to "red"', "roll call", by=["alice"]
    )
    await bob.emit("enter", "red")
    await stage.expect(
        'bob emitted "enter" with "red", where alice was', "entered", by=["alice"], data="red"
    )
    await stage.io.emit("roll call", to="red")
    await stage.expect(
        'bob, too, entered "red" and the server emitted "roll call" to "red"',
        "roll call",
        by=["alice", "bob"],
    )
    await carol.emit("enter", "blue")
    await stage.expect('carol emitted "enter" with "blue", an empty room', "entered", by=[])


async def _members_speak(answer: Callable[..., Any], stage: Stage) -> None:
    _let_them_join(stage)
    await run(answer, stage.io)
    alice, bob, carol = await stage.join("alice", "bob", "carol")
    for client, room in ((alice, "red"), (bob, "red"), (carol, "blue")):
        await client.call("join-room", room)

    said = 'alice, who is in "red", said "hi" there'
    returned = await alice.call("say", ("red", "hi"))
    await stage.expect(said, "said", by=["alice", "bob"], data="hi")
    if returned is not True:
        stage.fail(f"After {said}, the handler should have returned True, not {returned!r}.")

    said = 'carol, who is only in "blue", said "psst" in "red"'
    returned = await carol.call("say", ("red", "psst"))
    await stage.expect(said, "said", by=[])
    if returned is not False:
        stage.fail(f"After {said}, the handler should have returned False, not {returned!r}.")


async def _move(answer: Callable[..., Any], stage: Stage) -> None:
    _let_them_join(stage)
    _, bob = await stage.join("alice", "bob")
    await bob.call("join-room", "red")
    await run(answer, bob)
    at_once = await _roll_call(stage)
    in_the_end = await _roll_call(stage)
    if in_the_end != ["blue"]:
        stage.fail(
            'After your function, bob should have heard what is sent to "blue", and not what is '
            f'sent to "red". He heard {" and ".join(map(repr, in_the_end)) or "neither"}.'
        )
    if at_once != ["blue"]:
        stage.fail(
            "In the end bob was where he should be, but not yet when your function came back: the "
            "server had not done all that he asked. emit does not wait for the server; call does."
        )


async def _roll_call(stage: Stage) -> list[str]:
    """Return the rooms, of red and blue, in which bob hears what is sent there now."""
    await asyncio.gather(  # both addressed at the same moment
        *(stage.io.emit("roll call", room, to=room) for room in ("red", "blue"))
    )
    return [
        packet.data[0]
        for packet in await stage.deliveries()
        if packet.event == "roll call" and packet.target == "bob"
    ]


EXERCISES = [
    Exercise(
        number="04.1",
        starter="""
def answer(io):
    @io.on("enter")
    async def enter(sid, room):
        ...
""",
        hint_text="First io.enter_room. Then an emission with both to and skip_sid.",
        solution_text="""
def answer(io):
    @io.on("enter")
    async def enter(sid, room):
        await io.enter_room(sid, room)
        await io.emit("entered", room, to=room, skip_sid=sid)
""",
        praise="The room without the newcomer: in JavaScript, socket.to(room).emit.",
        play=_enter,
    ),
    Exercise(
        number="04.2",
        starter="""
def answer(io):
    @io.on("say")
    async def say(sid, room, text):
        ...
""",
        hint_text="io.rooms(sid) is the list of the rooms that the sender is in.",
        solution_text="""
def answer(io):
    @io.on("say")
    async def say(sid, room, text):
        if room not in io.rooms(sid):
            return False
        await io.emit("said", text, to=room)
        return True
""",
        praise="The server knows who is in the room, so it need not believe the sender.",
        play=_members_speak,
    ),
    Exercise(
        number="04.3",
        starter="""
async def answer(bob):
    ...
""",
        hint_text="A client asks: join-room for one room, leave-room for the other. call waits.",
        solution_text="""
async def answer(bob):
    await bob.call("join-room", "blue")
    await bob.call("leave-room", "red")
""",
        praise="A client asks to be moved, and call comes back when the server has done it.",
        play=_move,
    ),
]
