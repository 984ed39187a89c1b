"""Exercise 02.5: an event's data, and whom it is for."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Repair, Stage, run
from chatlib.lab.words import enumerated


@dataclass(frozen=True)
class _Forecasts:
    """Who tells the weather, and of which day.

    Attributes:
        names: The names of the clients that are there from the beginning.
        told: The name of who tells, the weather and the day, one after the other.
    """

    names: tuple[str, ...]
    told: tuple[tuple[str, str, str], ...]


async def _forecast(answer: Callable[..., Any], stage: Stage, forecasts: _Forecasts) -> None:
    await run(answer, stage.io)
    clients = {client.name: client for client in await stage.join(*forecasts.names)}
    for who, weather, day in forecasts.told:
        if who not in clients:
            clients[who] = await stage.join(who)
        await clients[who].emit("forecast", (weather, day))
        after = f'{who} emitted "forecast" with "{weather}" and "{day}"'
        await stage.expect(after, "news", by=clients, data=(weather, day))
    (one, weather, day), (other, next_weather, next_day), *_ = forecasts.told
    told = ((one, weather, next_day), (other, next_weather, day))
    await _two_forecasts_at_once(stage, clients, told)


async def _two_forecasts_at_once(
    stage: Stage, clients: dict[str, Any], told: tuple[tuple[str, str, str], ...]
) -> None:
    both = enumerated([who for who, *_ in told])
    await asyncio.gather(*(clients[who].emit("forecast", tuple(news)) for who, *news in told))
    deliveries = await stage.deliveries(
        lambda found: len([p for p in found if p.event == "news"]) >= len(told) * len(clients)
    )
    heard = [(packet.target, packet.data) for packet in deliveries if packet.event == "news"]
    for _, weather, day in told:
        if sorted(who for who, data in heard if data == (weather, day)) != sorted(clients):
            stage.fail(
                f'When {both} emitted "forecast" at once, everyone should have heard '
                f'"news" with "{weather}" and "{day}", and once.'
            )


async def _forecast_demo(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, _ = await stage.join("alice", "bob")
    await alice.emit("forecast", ("rain", "tomorrow"))


EXERCISE = Repair(
    number="02.5",
    starter="""
def answer(io):
    @io.on("forecast")
    async def forecast(sid, weather, day):
        await io.emit("news", weather, day)
""",
    hint_text=(
        "What did the emission in the picture carry, and where was it sent? io.emit takes an "
        "event, one value, and then an address."
    ),
    solution_text="""
def answer(io):
    @io.on("forecast")
    async def forecast(sid, weather, day):
        await io.emit("news", (weather, day))
""",
    praise="In one tuple both are data again, and without an address everyone hears them.",
    play=_forecast,
    scenes=(
        _Forecasts(("alice", "bob"), (("alice", "rain", "tomorrow"), ("bob", "snow", "on Sunday"))),
        _Forecasts(
            ("erin", "frank", "grace", "heidi"),
            (
                ("grace", "fog", "tonight"),
                ("erin", "Sun", "all week"),
                ("frank", "fog", "tonight"),
                ("grace", "fog", "all week"),
                ("ivan", " hail", "at noon "),
            ),
        ),
    ),
    demo=_forecast_demo,
)
