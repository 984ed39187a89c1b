"""Exercise 01.2: welcome a client that is connected by then."""

import asyncio
from collections.abc import Callable
from typing import Any

from socketio.exceptions import ConnectionError as NotConnectedError

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_01.shared import (
    comes_from_the_handler,
    see_that_somebody_is_at_the_door,
)
from chatlib.lab.words import enumerated


async def _welcome_in_time(
    answer: Callable[..., Any], stage: Stage, arrivals: tuple[tuple[str, ...], ...]
) -> None:
    await run(answer, stage.io)
    for names in arrivals:
        heard: dict[str, list[str]] = {name: [] for name in names}
        clients = {name: stage.lab.client(name) for name in names}
        for name, client in clients.items():
            for event in ("connect", "welcome"):
                client.on(event, lambda *_, what=event, by=heard[name]: by.append(what))
        see_that_somebody_is_at_the_door(stage)
        try:
            await asyncio.gather(*(client.connect(stage.lab.url) for client in clients.values()))
        except NotConnectedError as error:
            if comes_from_the_handler(error):
                raise
            stage.fail(f"{enumerated(names)} should have been let in. The server refused.")
        at_once = " at the same time" if len(names) > 1 else ""
        await stage.expect(
            f"{enumerated(names)} connected{at_once}", "welcome", by=names, data="hello"
        )
        for name in names:
            if heard[name] != ["connect", "welcome"]:
                stage.fail(
                    f"{name} should have been connected first and welcomed then. "
                    f"What happened at {name}'s side: {', then '.join(heard[name])}."
                )


EXERCISE = Exercise(
    number="01.2",
    starter="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        ...
""",
    hint_text="""The handler's last line starts io.emit in the background. It takes the event,
the data and the address as further arguments, and has no await.""",
    solution_text="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        io.start_background_task(io.emit, "welcome", "hello", to=sid)
""",
    praise="First connected, then welcomed, and nobody else was disturbed.",
    play=_welcome_in_time,
    scenes=((("alice",), ("bob",)), (("carol", "dave"), ("erin",))),
)
