"""Exercise 09.2: nobody is told what is said inside before they are in."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_09.shared import first_of, try_the_door
from chatlib.lab.words import enumerated


@dataclass(frozen=True)
class _Guests:
    """Who is known, who is not, and what differs between the scenes.

    Attributes:
        first: Who comes first, and leaves before the others.
        second: Who comes next, with the same ``auth``.
        waiting: Who waits at the door after that, one behind the other.
        known: Which of those are known.
        with_auth: Whether the strangers come with an ``auth`` like the others.
        texts: What is said.
        held: How many seconds the look-ups take at least: nobody may come in or be sent away
            sooner.
    """

    first: str
    second: str
    waiting: tuple[str, ...]
    known: tuple[str, ...]
    with_auth: bool
    texts: tuple[str, str, str]
    held: float = 0


async def _at_the_door(answer: Callable[..., Any], stage: Stage, scene: _Guests) -> None:
    asked, answered, told = asyncio.Event(), asyncio.Event(), asyncio.Event()
    given_up = asyncio.Event()
    quick, slow, *unknown = ({"card": uuid4().hex} for _ in range(2 + len(scene.waiting)))
    are_asked_for = []

    async def is_known(auth: Any) -> bool:
        are_asked_for.append(auth)
        if auth != quick:
            asked.set()
            try:
                await answered.wait()
            except asyncio.CancelledError:
                given_up.set()
                raise
        return auth in (quick, slow)

    async def knock(name: str, auth: Any, timeout: float | None = None) -> asyncio.Task[Any]:
        asked.clear()
        knocking = asyncio.create_task(try_the_door(stage, name, auth))
        # Whom a wrong answer keeps at the door fails when the lab closes: no news to anybody.
        knocking.add_done_callback(lambda task: task.cancelled() or task.exception())
        await first_of(knocking, asked, timeout)
        return knocking

    def is_in(name: str, when: str = "") -> Any:
        client, _ = at_the_door[name].result()
        if client and name in strangers:
            stage.fail(f"{name} is not known, and was let in{when}.")
        if not client and name not in strangers:
            stage.fail(f"{name} is known, and was not let in{when}.")
        return client

    async def speak(text: str) -> None:
        # Not to settle yet: that would wait for the handlers of who knocks.
        told.clear()
        await stage.call(second, "say", text)
        with contextlib.suppress(TimeoutError):  # the news may be put off
            await asyncio.wait_for(told.wait(), 1.5)
        answered.set()
        await asyncio.wait(at_the_door.values())

    await run(answer, stage.io, is_known)
    strangers = [name for name in scene.waiting if name not in scene.known]
    at_the_door = {}
    for name in (scene.first, scene.second):
        at_the_door[name] = await knock(name, quick)
        if asked.is_set():
            answered.set()
            await at_the_door[name]
            stage.fail(f"{name} came with an auth, and is_known was asked for something else.")
        await at_the_door[name]
        if not are_asked_for:
            stage.fail(f"{name} came, and is_known was never called: nothing else can tell.")
    first, second = is_in(scene.first), is_in(scene.second)
    await stage.clear()
    hello, secret, welcome = scene.texts
    await first.emit("say", hello)
    inside = [scene.first, scene.second]
    after = f'{enumerated(inside)} came with the same auth, and {scene.first} emitted "say"'
    await stage.expect(after, "news", by=inside, data=hello)

    second.on("news", lambda _: told.set())
    for name in scene.waiting:
        auth = slow if name in scene.known else unknown.pop() if scene.with_auth else None
        # An answer may look up one after the other.
        at_the_door[name] = await knock(name, auth, 0.4)
    await asyncio.sleep(scene.held)
    if given_up.is_set():
        await asyncio.wait(at_the_door.values(), timeout=1)
    has_come = [name for name in scene.waiting if at_the_door[name].done()]
    await speak(secret)
    for name in has_come:
        is_in(name, " before is_known had answered")
    after = f'{scene.second} emitted "say" while {enumerated(scene.waiting)} waited at the door'
    await stage.expect(after, "news", by=inside, data=secret)
    for name in at_the_door:
        is_in(name)

    await first.disconnect()
    await stage.clear()
    answered.clear()
    last = strangers[-1]
    at_the_door[last] = await knock(last, unknown.pop() if scene.with_auth else None, 0.4)
    await speak(welcome)
    after = (
        f"{enumerated(scene.known)} came in, {scene.first} left, {last} knocked again, and "
        f'{scene.second} emitted "say"'
    )
    await stage.expect(after, "news", by=[scene.second, *scene.known], data=welcome)
    is_in(last)


EXERCISE = Exercise(
    number="09.2",
    starter="""
def answer(io, is_known):
    @io.on("connect")
    async def connect(sid, environ, auth):
        ...

    @io.on("say")
    async def say(sid, text):
        ...
""",
    hint_text="""return False refuses a socket.
Who has been let in needs an address of their own, other than everyone: what has an address
that sockets enter and leave?""",
    solution_text="""
def answer(io, is_known):
    @io.on("connect")
    async def connect(sid, environ, auth):
        if not await is_known(auth):
            return False
        await io.enter_room(sid, "inside")

    @io.on("say")
    async def say(sid, text):
        await io.emit("news", text, to="inside")
""",
    praise="Who is not in the room yet is not among those who are reached.",
    play=_at_the_door,
    scenes=(
        _Guests(
            "alice",
            "bob",
            ("carol", "dave", "eve"),
            known=("carol",),
            with_auth=True,
            texts=("hello", "a secret", "welcome"),
            held=0.2,
        ),
        _Guests(
            "heidi",
            "erin",
            ("mallory", "frank", "trudy", "grace"),
            known=("frank", "grace"),
            with_auth=False,
            texts=("tea?", "PIN 0815", "milk?"),
        ),
    ),
)
