"""Exercise 02.3: ask a client, and tell everyone."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.stage import NothingCameError
from chatlib.lab.words import enumerated


@dataclass(frozen=True)
class _Guests:
    """Who comes, and what each answers to the question for a name.

    Attributes:
        names: The names of the clients.
        answers: What each of them answers.
    """

    names: tuple[str, ...]
    answers: tuple[str, ...]


async def _ask_the_name(answer: Callable[..., Any], stage: Stage, guests: _Guests) -> None:
    await run(answer, stage.io)
    clients = {client.name: client for client in await stage.join(*guests.names)}
    answers = dict(zip(guests.names, guests.answers, strict=True))
    for who, name in answers.items():
        clients[who].on("name?", partial(_tell, name))
    for who, name in answers.items():
        await clients[who].emit("hello")
        await _asked_and_announced(stage, who, name, sorted(clients))
    # One more comes later, who takes her time to answer; and the first says hello again.
    clients["judy"], answers["judy"] = await stage.join("judy"), "Judy"
    clients["judy"].on("name?", partial(_tell, "Judy", after=0.15))
    first = guests.names[0]
    await clients[first].emit("hello")
    await _asked_and_announced(stage, first, answers[first], sorted(clients), " again")
    for client in clients.values():
        await client.emit("hello")
    wanted = len(clients) ** 2
    deliveries = await stage.deliveries(
        lambda found: len([p for p in found if p.event == "joined"]) >= wanted
    )
    joined = [(packet.target, packet.data) for packet in deliveries if packet.event == "joined"]
    for name in answers.values():
        if sorted(who for who, data in joined if data == (name,)) != sorted(clients):
            stage.fail(
                f'When {enumerated(clients)}, who is slow to answer, emitted "hello" at once, '
                f'everyone should have heard "joined" with "{name}", and once.'
            )


async def _tell(name: str, *_: Any, after: float = 0) -> str:
    await asyncio.sleep(after)
    return name


async def _asked_and_announced(
    stage: Stage, who: str, name: str, everyone: list[str], again: str = ""
) -> None:
    after = f'{who} emitted "hello"{again}'
    deliveries = await stage.deliveries(
        lambda found: {p.target for p in found if p.event == "joined"} >= set(everyone)
    )
    asked = {packet.target for packet in deliveries if packet.event == "name?"}
    if not deliveries:
        stage.fail(f'After {after}, nobody was asked "name?".', as_=NothingCameError)
    if not asked:
        other = [p.event for p in deliveries if p.target == who and p.event != "joined"]
        if other:
            stage.fail(
                f'After {after}, {who} was asked "{other[0]}". The event that waits for an answer '
                'is "name?".'
            )
        stage.fail(f'After {after}, {who} should have been asked "name?"', deliveries)
    if asked != {who}:
        stage.fail(f'After {after}, {who} alone should have been asked "name?"', deliveries)
    joined = [packet for packet in deliveries if packet.event == "joined"]
    if {packet.target for packet in joined} != set(everyone):
        stage.fail(f'After {after}, everyone should have heard "joined"', deliveries)
    if len(joined) > len(everyone):
        stage.fail(f'After {after}, "joined" came more than once.')
    if any(packet.data == () for packet in joined):
        stage.fail(
            f'After {after}, "joined" came without a name. It should have carried what '
            "io.call returned; an io.emit returns nothing."
        )
    stage.expect_data(after, joined, (name,))


EXERCISE = Exercise(
    number="02.3",
    starter="""
def answer(io):
    @io.on("hello")
    async def hello(sid):
        ...
""",
    hint_text="In a handler, sid is who sent the event. What a call returns can be emitted.",
    solution_text="""
def answer(io):
    @io.on("hello")
    async def hello(sid):
        name = await io.call("name?", to=sid)
        await io.emit("joined", name)
""",
    praise="The server asked one socket, waited for its answer, and told everyone.",
    play=_ask_the_name,
    scenes=(
        _Guests(("alice", "bob"), ("Alice", "Bob")),
        _Guests(("erin", "frank", "grace"), ("Captain Erin", " Old Frank", "Grace the Great")),
    ),
)
