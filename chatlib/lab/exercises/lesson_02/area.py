"""Exercise 02.1: two arguments, and an answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run


@dataclass(frozen=True)
class _Fields:
    """Who asks for the area of what.

    Attributes:
        names: The names of the clients.
        sizes: For each client, the widths and heights that it asks about.
    """

    names: tuple[str, ...]
    sizes: tuple[tuple[tuple[float, float], ...], ...]


async def _area(answer: Callable[..., Any], stage: Stage, fields: _Fields) -> None:
    await run(answer, stage.io)
    clients = await stage.join(*fields.names)
    for client, sizes in zip(clients, fields.sizes, strict=True):
        for width, height in sizes:
            area = await stage.call(client, "area", (width, height))
            deliveries = await stage.deliveries()
            if area != width * height:
                came = "nothing" if area is None else repr(area)
                stage.fail(
                    f'After {client.name} called "area" with {width} and {height}, the answer '
                    f"should have been {width * height}, but it was {came}"
                    + "."
                    * (not deliveries),
                    deliveries,
                )
    firsts = [(client, *sizes[0]) for client, sizes in zip(clients, fields.sizes, strict=True)]
    areas = await asyncio.gather(*(stage.call(one, "area", (w, h)) for one, w, h in firsts))
    for (client, width, height), area in zip(firsts, areas, strict=True):
        if area != width * height:
            came = "nothing" if area is None else repr(area)
            stage.fail(
                f'After {client.name} called "area" with {width} and {height}, and somebody else '
                f"at the same moment, the answer should have been {width * height}, but it was "
                f"{came}."
            )


EXERCISE = Exercise(
    number="02.1",
    starter="""
def answer(io):
    @io.on("area")
    async def area(sid, width, height):
        ...
""",
    hint_text="What a handler returns is the answer. There is nothing to emit.",
    solution_text="""
def answer(io):
    @io.on("area")
    async def area(sid, width, height):
        return width * height
""",
    praise="Two arguments in, one answer out, and it went to the caller alone.",
    play=_area,
    scenes=(
        _Fields(("alice", "bob"), (((3, 4), (5, 2)), ((7, 7), (7, 2)))),
        _Fields(
            ("erin", "frank", "grace"),
            (((6, 9),), ((1, 8), (0, 3)), ((12, 11), (2.5, 1.5), (120, 45))),
        ),
    ),
)
