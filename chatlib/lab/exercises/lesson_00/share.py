"""Exercise 00.3: a handler with two branches."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.words import enumerated

# Stands for a number of people that is another one at each check.
_SOME = -1
# Whichever way one divides, the result is the same; rounding it is seen.
_NUMBERS = [n for n in range(13, 100) if round(12 / n, 6) != 12 / n == 1 / n * 12]


@dataclass(frozen=True)
class _Company:
    present: tuple[str, ...]
    senders: tuple[str, ...]
    people: tuple[int, ...]


async def _shares(answer: Callable[..., Any], stage: Stage, scene: _Company) -> None:
    await run(answer, stage.io)
    clients = dict(zip(scene.present, await stage.join(*scene.present), strict=True))
    heard: list[tuple[str, str]] = []
    for name, client in clients.items():
        for event in ("each", "nobody"):
            client.on(event, lambda *_, what=(event, name): heard.append(what))
    for sender, number in zip(scene.senders, scene.people, strict=True):
        people = secrets.choice(_NUMBERS) if number == _SOME else number
        await clients[sender].emit("share", people)
        after = f'{sender} emitted "share" with {people}'
        if people:
            await stage.expect(after, "each", by=scene.present, data=12 / people)
        else:
            await stage.expect(after, "nobody", by=[sender], data=())
        other = "nobody" if people else "each"
        if mistaken := sorted({name for event, name in heard if event == other}):
            stage.fail(f'After {after}, {enumerated(mistaken)} should not have heard "{other}".')
        heard.clear()


EXERCISE = Exercise(
    number="00.3",
    starter="""
def answer(io):
    @io.on("share")
    async def share(sid, people):
        ...
""",
    hint_text="An if comes before the division, and only one of its two branches needs to=sid.",
    solution_text="""
def answer(io):
    @io.on("share")
    async def share(sid, people):
        if people == 0:
            await io.emit("nobody", to=sid)
        else:
            await io.emit("each", 12 / people)
""",
    praise="No number of people makes this handler fail, and each event has its own audience.",
    play=_shares,
    scenes=(
        _Company(
            present=("alice", "bob"),
            senders=("bob", "bob", "alice", "bob"),
            people=(3, 0, 1, 0),
        ),
        _Company(
            present=("carol", "dave", "erin"),
            senders=("carol", "carol", "dave", "erin"),
            people=(0, 8, 0, _SOME),
        ),
    ),
)
