"""Exercise 11.3: who is removed stays out."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from socketio.exceptions import ConnectionError

from chatlib.lab.exercises.exercise import Repair, Stage, run
from chatlib.lab.exercises.lesson_09.shared import try_the_door
from chatlib.lab.words import enumerated


@dataclass(frozen=True)
class _Removal:
    """Who is to go, on which tabs; who has left before and is to stay away; who stays."""

    user: Any
    tabs: tuple[str, ...]
    away: tuple[str, Any]
    stays: tuple[str, Any]


async def _removal(answer: Callable[..., Any], stage: Stage, scene: _Removal) -> None:
    await run(answer, stage.io)
    name, user = scene.stays
    teacher = await stage.join("teacher", auth={"userId": "teacher"})
    other = await stage.join(name, auth={"userId": user})
    tabs = [await stage.join(tab, auth={"userId": scene.user}) for tab in scene.tabs]
    gone, gone_user = scene.away
    await (await stage.join(gone, auth={"userId": gone_user})).disconnect()
    await stage.clear()

    await other.emit("remove", scene.user)
    await stage.deliveries()
    after = f'{name}, who is not the teacher, emitted "remove" with {scene.user!r}'
    _expect_here(stage, after, teacher, other, *tabs)

    await teacher.emit("remove", scene.user)
    await stage.deliveries()
    after = f'the teacher emitted "remove" with {scene.user!r}'
    if left := [tab.name for tab in tabs if tab.connected]:
        stage.fail(
            f"After {after}, whose tabs are {enumerated(scene.tabs)}, {enumerated(left)} "
            f"{'is' if len(left) == 1 else 'are'} still connected."
        )
    _expect_here(stage, after, teacher, other)
    for tab in scene.tabs:
        await _expect_refused(stage, after, tab, scene.user)

    await teacher.emit("remove", gone_user)
    await stage.deliveries()
    after = f'the teacher emitted "remove" with {gone_user!r}, who was away'
    await _expect_refused(stage, after, gone, gone_user)
    await other.disconnect()
    other, _ = await try_the_door(stage, name, {"userId": user})
    if not other:
        stage.fail(f"{name} (user {user!r}) was not removed, and could not come back.")
    _expect_here(stage, after, teacher)


def _expect_here(stage: Stage, after: str, *clients: Any) -> None:
    if lost := [client.name for client in clients if not client.connected]:
        stage.fail(f"After {after}, {enumerated(lost)} should still be connected.")


async def _expect_refused(stage: Stage, after: str, name: str, user: Any) -> None:
    client, _ = await try_the_door(stage, name, {"userId": user})
    if client:
        stage.fail(f"After {after}, {name} (user {user!r}) came back and was let in.")
    await stage.lab.settle()


async def _show_removal(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    teacher = await stage.join("teacher", auth={"userId": "teacher"})
    eve = await stage.join("eve", auth={"userId": 5})
    await stage.join("phone", auth={"userId": 5})
    await teacher.emit("remove", 5)
    await stage.lab.settle()
    await eve.disconnect()
    with contextlib.suppress(ConnectionError):
        await eve.connect(stage.lab.url, auth={"userId": 5})
    await stage.lab.settle()
    await stage.io.emit("news", "Who is still here?")


EXERCISE = Repair(
    number="11.3",
    starter="""
def answer(io):
    sockets, removed = {}, set()

    @io.on("connect")
    async def connect(sid, environ, auth):
        if sid in removed:
            return False
        sockets[sid] = auth["userId"]

    @io.on("remove")
    async def remove(sid, user):
        if sockets[sid] == "teacher":
            gone = next(each for each in sockets if sockets[each] == user)
            removed.add(gone)
            await io.disconnect(gone)
""",
    hint_text="""Who comes back has another sid: what is the same then? And next(...) is one socket:
how many does user 5 have, and how many has somebody who is away?""",
    solution_text="""
def answer(io):
    sockets, removed = {}, set()

    @io.on("connect")
    async def connect(sid, environ, auth):
        if auth["userId"] in removed:
            return False
        sockets[sid] = auth["userId"]

    @io.on("remove")
    async def remove(sid, user):
        if sockets[sid] == "teacher":
            removed.add(user)
            for each in [each for each in sockets if sockets[each] == user]:
                await io.disconnect(each)
""",
    praise="People are removed, not sockets: all that they have, and all that they come back with.",
    play=_removal,
    demo=_show_removal,
    scenes=(
        _Removal(5, ("eve", "phone"), ("frank", 6), ("bob", 2)),
        _Removal("m-1", ("mallory", "desk", "tablet"), ("trudy", "t-9"), ("alice", "a-3")),
    ),
)
