"""The exercises of lesson 02: answers, several arguments, and questions from the server."""

import asyncio
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from socketio.exceptions import BadNamespaceError

from chatlib.lab.exercises.exercise import Exercise, Repair, Stage, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.exercises.stage import NothingCameError
from chatlib.lab.words import enumerated


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


_WANTED = ("red", [3, 4])
# What emit says of a third argument, which it takes for a namespace.
_THIRD = re.compile("unhashable|unsupported operand|positional arguments but")


def _in_emit(error: TypeError) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return "emit() " in str(error) or any(frame.name == "emit" for frame in frames)


async def _paint(answer: Callable[..., Any], stage: Stage, names: tuple[str, ...]) -> None:
    came: list[tuple[Any, ...]] = []
    events: list[str] = []
    stage.io.on("paint", lambda sid, *arguments: came.append(arguments))  # noqa: ARG005
    stage.io.on("*", lambda event, sid, *arguments: events.append(event))  # noqa: ARG005
    painter, *_ = await stage.join(*names)
    try:
        await run(answer, painter)
    except (TypeError, BadNamespaceError) as error:
        if isinstance(error, TypeError) and not (_THIRD.search(str(error)) and _in_emit(error)):
            raise
        stage.fail(
            "What emit takes after the event's name is one value: for several arguments, a tuple. "
            f"The next argument is no data any more; here it raised {type(error).__name__}."
        )
    await stage.deliveries(lambda _: bool(came))
    if not came:
        got = enumerated(f'"{event}"' for event in events) if events else "nothing"
        stage.fail(f'The server should have got "paint". It got {got}.')
    if len(came) > 1:
        stage.fail(f'"paint" should have come to the server once. It came {len(came)} times.')
    if came[0] != _WANTED:
        stage.fail(
            'The arguments of "paint" should have been two, "red" and [3, 4]. '
            f"There {'was' if len(came[0]) == 1 else 'were'} {len(came[0])}: "
            f"{', '.join(map(repr, came[0])) or 'none'}."
        )


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


EXERCISES = [
    Exercise(
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
    ),
    Exercise(
        number="02.2",
        starter="""
async def answer(alice):
    ...
""",
        hint_text="A tuple has one item for each argument. One of the two items is a list.",
        solution_text="""
async def answer(alice):
    await alice.emit("paint", ("red", [3, 4]))
""",
        praise="The tuple made two arguments, and the list stayed one of them.",
        play=_paint,
        scenes=(("alice", "bob"), ("erin", "frank", "grace")),
    ),
    Exercise(
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
    ),
    Prediction(
        number="02.4",
        server_source="""
@io.on("whisper")
async def whisper(sid, text):
    await io.emit("news", text, sid)

@io.on("tell")
async def tell(sid, text):
    await io.call("ready?", to=sid)
    await io.emit("news", text)

@io.on("double")
async def double(sid, number):
    return 2 * number

@io.on("*")
async def anything(event, sid, *arguments):
    await io.emit("unknown", event, to=sid)
""",
        setup='alice, bob = await lab.join("alice", "bob")',
        lines=(
            Line(
                'alice.emit("whisper", "psst")',
                heard=["alice"],
                why="The third argument of io.emit is the address, and here it is alice's own.",
            ),
            Line(
                'bob.emit("tell", "lunch is ready")',
                heard=["bob", "alice", "bob"],
                why='First bob is asked "ready?", and then "news" goes to both.',
            ),
            Line(
                'alice.call("double", 21)',
                heard=[],
                why="What a handler returns is an answer to its caller, and no event for anybody.",
            ),
            Line(
                'bob.emit("duoble", 21)',
                heard=["bob"],
                why='Nobody handles "duoble" by that name, so that the handler for "*" gets it.',
            ),
            Line(
                'alice.emit("news", "it rains")',
                heard=["alice"],
                why=(
                    "A client's event goes to the server and no further: there it is one without "
                    "a handler of its own, like any other."
                ),
            ),
        ),
        hint_text=(
            "Look for each emission of the server, and for its address. A call of the server's is "
            "heard, too, by the one it asks; an answer is no event."
        ),
        praise="Whoever hears something hears it from the server, and an answer is no event.",
    ),
    Repair(
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
            _Forecasts(
                ("alice", "bob"), (("alice", "rain", "tomorrow"), ("bob", "snow", "on Sunday"))
            ),
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
    ),
]
