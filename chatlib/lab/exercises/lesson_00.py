"""The exercises of lesson 00: one of each kind that a first lesson needs, and a handler to mend."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.words import enumerated

# Stands for a number of people that is another one at each check.
_SOME = -1
# Whichever way one divides, the result is the same; rounding it is seen.
_NUMBERS = [n for n in range(13, 100) if round(12 / n, 6) != 12 / n == 1 / n * 12]


@dataclass(frozen=True)
class _Company:
    present: tuple[str, ...]
    senders: tuple[str, ...]
    people: tuple[int, ...] = ()


async def _who_is_there(answer: Callable[..., Any], stage: Stage, scene: _Company) -> None:
    await run(answer, stage.io)
    clients = dict(zip(scene.present, await stage.join(*scene.present), strict=True))
    for again, sender in enumerate(scene.senders):
        await clients[sender].emit("knock")
        after = f'{sender} emitted {"another " if again else ""}"knock"'
        await stage.expect(after, "who is there", by=scene.present, data=())


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


EXERCISES = [
    Exercise(
        number="00.1",
        starter="""
def answer(io):
    @io.on("knock")
    async def knock(sid):
        ...
""",
        hint_text='One line: await io.emit("..."), with the name of the event in the quotes.',
        solution_text="""
def answer(io):
    @io.on("knock")
    async def knock(sid):
        await io.emit("who is there")
""",
        praise="One event in, one emission out, and everyone heard it.",
        play=_who_is_there,
        scenes=(
            _Company(present=("alice", "bob"), senders=("alice", "bob")),
            _Company(present=("carol", "dave", "erin"), senders=("dave", "dave", "erin")),
        ),
    ),
    Prediction(
        number="00.2",
        server_source="""@io.on("hello")
async def hello(sid, name):
    await io.emit("greeting", f"hello, {name}")


@io.on("secret")
async def secret(sid):
    await io.emit("password", "swordfish", to=sid)


@io.on("length")
async def length(sid, text):
    return len(text)""",
        setup='alice, bob, carol = await lab.join("alice", "bob", "carol")',
        lines=(
            Line(
                'alice.emit("hello", "bob")',
                heard=["alice", "bob", "carol"],
                why="An emission without an address is for everyone; the name in it is only data.",
            ),
            Line(
                'carol.emit("secret")',
                heard=["carol"],
                why="to=sid is the one who asked, and nobody else.",
            ),
            Line(
                'bob.call("length", "good morning")',
                heard=[],
                why="An answer is not an emission: bob gets it, and no event reaches anybody.",
            ),
            Line(
                'bob.emit("password", "sesame")',
                heard=[],
                why="What a client emits goes to the server alone, which has no handler for this.",
            ),
        ),
        hint_text="Ask of each line: does it make the server call io.emit, and is there a to=?",
        praise="You know who hears what, and before it happens.",
    ),
    Exercise(
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
    ),
]
