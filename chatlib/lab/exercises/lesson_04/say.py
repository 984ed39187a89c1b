"""Exercise 04.2: speak in a room that one is in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_04.shared import are_in, join_all, let_them_join
from chatlib.lab.words import as_json


@dataclass(frozen=True)
class _Talk:
    names: tuple[str, str, str, str]  # two in the room, one in another room, one in none
    room: Any
    other_room: Any
    texts: tuple[str, ...]
    nowhere: Any = None  # a room with nobody in it, to speak in as well


async def _members_speak(answer: Callable[..., Any], stage: Stage, scene: _Talk) -> None:
    let_them_join(stage)
    await run(answer, stage.io)
    speaker, listener, neighbour, nobody = await join_all(stage, scene.names)
    one, two, three, four = scene.names
    room, other = scene.room, scene.other_room
    members = {room: (speaker, listener), other: (speaker, neighbour)}
    # In one scene the room is the older of the two.
    for joined in sorted(members, key=lambda name: (str(name), repr(name))):
        for client in members[joined]:
            await client.call("join-room", joined)
    await stage.clear()

    async def say(who: Any, where: str, text: str, by: list[str], to: Any = room) -> None:
        said = f'{who.name}, {where}, said "{text}" in {as_json([to])}'
        returned = await stage.call(who, "say", (to, text))
        await stage.expect(said, "said", by=by, data=text)
        if returned is not bool(by):
            wanted = bool(by)
            stage.fail(
                f"After {said}, the handler should have returned {wanted}, not {returned!r}."
            )

    texts = iter(scene.texts)
    here, there = as_json([room]), as_json([other])
    await say(speaker, f"who is in {here} and {there}", next(texts), [one, two])
    await say(neighbour, f"who is only in {there}", next(texts), [])
    await say(listener, f"who is in {here}", next(texts), [one, two])
    await listener.call("leave-room", room)
    await stage.clear()
    await say(speaker, f"who is alone in {here} by now", next(texts), [one])
    if scene.nowhere is not None:
        await say(speaker, "who is not in there", next(texts), [], scene.nowhere)
    for client in (nobody, neighbour):
        await client.call("join-room", room)
    await stage.clear()
    await say(listener, f"who has left {here}", next(texts), [])
    await say(neighbour, f"who has joined {here} by now", next(texts), [one, three, four])
    are_in(stage, f"all have spoken in {here}", other, [one, three])


EXERCISE = Exercise(
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
    scenes=(
        # A name in a name, then two that look alike. An empty text is a text.
        _Talk(
            ("alice", "bob", "carol", "dave"),
            "red",
            "red team",
            ("hi", "psst", "hey", "anybody?", "bye", "here I am"),
        ),
        _Talk(
            ("heidi", "frank", "erin", "grace"),
            7,
            "7",
            ("cake!", "me too", "", "hello?", "echo?", "one more thing", "cream!"),
            nowhere="",
        ),
    ),
)
