"""Exercise 06.1: an event of one's own for a group."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_06.shared import chat, chat_of, expect
from chatlib.lab.trace import Packet
from chatlib.lab.words import enumerated


@dataclass(frozen=True)
class _Groups:
    """Who types, who else is in the group, and who is in another group with the typist."""

    group: Any
    typist: str
    members: tuple[str, ...]
    other: Any
    outsider: str


async def _typing(answer: Callable[..., Any], stage: Stage, scene: _Groups) -> None:
    await run(answer, chat_of(stage))
    typist, phone = await stage.join(scene.typist, "phone", auth={"userId": scene.typist})
    outsider = await stage.join(scene.outsider, auth={"userId": scene.group})
    members = [await stage.join(name) for name in scene.members]
    for client in (typist, phone, *members):
        await client.call("join-room", scene.group)
    for client in (typist, outsider):
        await client.call("join-room", scene.other)
    await stage.clear()

    typed: set[Any] = set()

    async def type_in(client: Any, group: Any, inside: set[str]) -> None:
        again = " again" if client in typed else ""
        rooms = "The members of a group are in the room read_group(name).room."
        await client.emit("typing", group)
        await expect(
            stage,
            f'{client.name} emitted "typing"{again} for the group {group!r}, where '
            f"{enumerated(sorted(inside))} are",
            "typing",
            by=inside - {client.name},
            data=group,
            rooms="" if typed else rooms,
        )
        typed.add(client)

    inside = {scene.typist, "phone", *scene.members}
    for client in (typist, members[-1]):
        await type_in(client, scene.group, inside)
    for client in (outsider, typist):
        await type_in(client, scene.other, {scene.typist, scene.outsider})
    await outsider.emit("typing", scene.group)  # the members may hear it: nothing is said of that
    await stage.deliveries()
    await type_in(typist, scene.group, inside)
    await members[0].call("leave-room", scene.group)
    await outsider.call("join-room", scene.group)
    await stage.clear()
    inside = inside - {scene.members[0]} | {scene.outsider}
    await type_in(typist, scene.group, inside)

    # Two at once, each for a group of its own.
    wanted = {(name, scene.group) for name in inside - {scene.typist}}
    wanted.add((scene.typist, scene.other))
    await asyncio.gather(typist.emit("typing", scene.group), outsider.emit("typing", scene.other))
    found = await stage.deliveries(lambda found: _typed(found) >= wanted)
    if (heard := _typed(found)) != wanted:
        name, group = min(heard ^ wanted, key=repr)
        was = "should have heard it" if (name, group) in wanted else "should not have heard it"
        stage.fail(
            f'{typist.name} emitted "typing" for the group {scene.group!r}, and {outsider.name} at '
            f"the same moment for the group {scene.other!r}. For the group {group!r}, {name} {was}."
        )


def _typed(found: Iterable[Packet]) -> set[tuple[str, Any]]:
    """Return who has heard that somebody types, and in which group."""
    return {(packet.target, packet.data[0]) for packet in found if packet.event == "typing"}


EXERCISE = Exercise(
    number="06.1",
    starter="""
def answer(chat):
    @chat.event("typing")
    async def typing(sid, group):
        ...
""",
    hint_text=(
        "ChatServer.message does the same for a message with a room: to= and skip_sid=. "
        "The server is chat.io, and the room of a group is read_group(name).room."
    ),
    solution_text="""
from chatlib.messages import read_group


def answer(chat):
    @chat.event("typing")
    async def typing(sid, group):
        await chat.io.emit("typing", group, to=read_group(group).room, skip_sid=sid)
""",
    praise="The members but the one who types: in JavaScript, socket.to(group).emit.",
    play=_typing,
    scenes=(
        _Groups("tea", "alice", ("bob",), "coffee", "carol"),
        _Groups("everyone", "dave", ("erin", "bob"), " Everyone", "alice"),
        _Groups(7, "erin", ("frank", "grace"), "seven", "bob"),
    ),
    server=chat,
)
