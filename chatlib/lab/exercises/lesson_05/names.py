"""Exercise 05.2: rooms whose names cannot meet."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_05.shared import PEOPLE, People, quoted

_LONG = "a-very-long-name-" * 600
# Texts and numbers that careless names confuse: by a separator, a prefix, the case, a space.
_NAMES: tuple[Any, ...] = (
    *range(40), *range(100, 700, 7), -2, -22, 222, 2222, 10**20, 10**20 + 1, 2.5,
    "02", "+2", "2.0", "\u0662", "\uff12", "", " ", "  ", " 2", "2 ", "2\n",
    "two", " two", "two ", "Two", "TWO", "t wo", "2 2", "2:2", "2_2", "2-2", "2.2",
    "user", "group", "room", "users", "user:", "group:", ":", "::", "user:2", "user:22", "group:2",
    "room:2", "2:user", "2:group", "user2", "group2", "user_2", "group_2", "user-2", "group-2",
    "user 2", "group 2", "user/2", "group/2", "user.2", "group.2", "u2", "g2", "u:2", "g:2",
    "user:user:2", "user:group:2", "group:user:2", "('user', 2)", "('group', 2)", "None", "[]",
    # What is made of these by unquoting, by filling in, and by tabs at every so many columns.
    "%32", "2+2", "&#50;", "{kind}", "{name}", "{0}", "{{}}", "{}", "\t2", " \t2",
    "ana", "ann", "anna", "\u00e1na", "a\u0301na",
    _LONG + "1", _LONG + "2", "1" + _LONG, "2" + _LONG, f"{_LONG}1{_LONG}", f"{_LONG}2{_LONG}",
)  # fmt: skip
_KINDS = ("user", "group")
_PROBE = "chess"


async def _room(answer: Callable[..., Any], stage: Stage, kind: str, name: Any) -> str:
    room = await run(answer, kind, name)
    written = f'answer("{kind}", {quoted(name)})'
    if not isinstance(room, str):
        # The text form of many an object has an address in it.
        it = f"a {type(room).__name__}" if " at 0x" in repr(room) else repr(room)
        stage.fail(f"{written} should be text that names a room, not {it}.")
    if not room:
        stage.fail(f"{written} is empty, and to an empty name is to everyone.")
    # The same name, but not the same object: so it comes with each message.
    if await run(answer, kind, json.loads(json.dumps(name))) != room:
        stage.fail(f"{written} is another name each time. Nobody could be found by it.")
    return str(room)


@dataclass(frozen=True)
class _Listener:
    """A group that somebody joins to hear what is meant for the user with two tabs."""

    people: People
    groups: tuple[Any, ...]


async def _names_that_cannot_meet(
    answer: Callable[..., Any], stage: Stage, scene: _Listener
) -> None:
    io, people = stage.io, scene.people
    second = people.ids[1]
    taken: dict[str, tuple[str, Any]] = {}

    async def take(kind: str, name: Any) -> None:
        room = await _room(answer, stage, kind, name)
        other_kind, other = taken.setdefault(room, (kind, name))
        # Whether 2 and "2" are one is the answer's own affair.
        if other_kind != kind or str(other) != str(name):
            stage.fail(
                f"The {other_kind} {quoted(other)} and the {kind} {quoted(name)} have one room, "
                f"{quoted(room)}: each hears what is meant for the other."
            )

    # First what is most likely to meet, so that a verdict is about an everyday name.
    for name in (*people.ids, *scene.groups, *_NAMES):
        for kind in _KINDS:
            await take(kind, name)
    # Then what is made for the text that an answer adds: "_2", if that is "_" and "__".
    for kind in _KINDS:
        before, found, after = (await _room(answer, stage, kind, _PROBE)).partition(_PROBE)
        for room in [*taken] if found else ():
            name = room.removeprefix(before).removesuffix(after)
            if before + name + after == room:
                await take(kind, name)

    async def connect(sid: str, environ: Any, auth: Any) -> None:  # noqa: ARG001
        await io.enter_room(sid, await run(answer, "user", auth["userId"]))

    async def join_room(sid: str, room: Any) -> dict[str, bool]:
        await io.enter_room(sid, await run(answer, "group", room))
        return {"ok": True}

    for event, handler in (("connect", connect), ("join-room", join_room)):
        io.on(event, handler)
    _, tab, _, listener = await people.join(stage)
    room_of_two = await _room(answer, stage, "user", second)
    for group in (*scene.groups, room_of_two):
        await listener.call("join-room", group)
        await io.emit("dm", to=room_of_two)
        after = f"{listener.name} joined the group {quoted(group)} and the server emitted to "
        await stage.expect(f"{after}user {quoted(second)}", "dm", by=people.tabs)

    await listener.call("join-room", tab.get_sid())
    await io.emit("dm", to=tab.get_sid())
    after = f"{listener.name} joined a group that is named like the id of {tab.name}'s socket, and"
    await stage.expect(f"{after} the server emitted to that socket", "dm", by=[tab.name])

    group = scene.groups[0]
    room = await _room(answer, stage, "group", group)
    spy = await stage.join("spy", auth={"userId": room})
    await spy.call("join-room", f"{group}{group}")
    await io.emit("single-message", to=room)
    after = (
        f"{listener.name} joined the group {quoted(group)}, spy came as the user "
        f"{quoted(room)}, and the server emitted to the group {quoted(group)}"
    )
    await stage.expect(after, "single-message", by=[listener.name])


EXERCISE = Exercise(
    number="05.2",
    starter="""
def answer(kind, name):
    ...
""",
    hint_text="The kind has to be a part of the name, and the whole name another part.",
    solution_text="""
def answer(kind, name):
    return f"{kind}:{name}"
""",
    praise="No name of a group is the name of a user's room, whatever text a client sends.",
    play=_names_that_cannot_meet,
    scenes=(
        _Listener(PEOPLE[0], ("2", 2, 22, "user:2", "group:2", "user2", "user_2")),
        _Listener(PEOPLE[1], ("u22", "user:u22", "group:u22", "U22", "u2", "22")),
    ),
)
