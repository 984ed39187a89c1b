"""The exercises of lesson 02: an answer, several arguments, and a question from the server."""

from collections.abc import Callable
from typing import Any

from socketio.exceptions import BadNamespaceError

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.wire import LabTimeoutError


async def _area(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, _ = await stage.join("alice", "bob")
    for width, height in ((3, 4), (5, 2)):
        after = f'alice called "area" with {width} and {height}'
        try:
            area = await alice.call("area", (width, height))
        except LabTimeoutError:
            stage.fail(f'After {after}, she should have got an answer. No handler took "area".')
        if deliveries := await stage.deliveries():
            stage.fail(f"After {after}, nothing should have been emitted", deliveries)
        if area != width * height:
            stage.fail(
                f"After {after}, the answer should have been {width * height}, "
                f"but it was {'nothing' if area is None else repr(area)}."
            )


async def _paint(answer: Callable[..., Any], stage: Stage) -> None:
    came: list[tuple[Any, ...]] = []
    events: list[str] = []
    stage.io.on("paint", lambda sid, *arguments: came.append(arguments))  # noqa: ARG005
    stage.io.on("*", lambda event, sid, *arguments: events.append(event))  # noqa: ARG005
    alice = await stage.join("alice")
    try:
        await run(answer, alice)
    except (TypeError, BadNamespaceError) as error:
        stage.fail(
            f"Your code raised {type(error).__name__}: {error}. What emit takes after the event's "
            "name is one value: for several arguments, a tuple."
        )
    await stage.lab.settle()
    if events:
        stage.fail(f'The server should have got "paint". It got "{events[0]}".')
    if len(came) != 1:
        times = f"It came {len(came)} times." if came else "It never came."
        stage.fail(f'"paint" should have come to the server once. {times}')
    if came[0] != ("red", [3, 4]):
        stage.fail(
            'The arguments of "paint" should have been two, "red" and [3, 4]. '
            f"There {'was' if len(came[0]) == 1 else 'were'} {len(came[0])}: "
            f"{', '.join(map(repr, came[0])) or 'none'}."
        )


async def _ask_the_name(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    clients = await stage.join("alice", "bob")
    for client in clients:
        client.on("name?", lambda name=client.name: name.title())
    for client in clients:
        after = f'{client.name} emitted "hello"'
        await client.emit("hello")
        deliveries = await stage.deliveries()
        asked = [packet.target for packet in deliveries if packet.event == "name?"]
        if asked != [client.name]:
            stage.fail(f'After {after}, {client.name} alone should be asked "name?"', deliveries)
        joined = [packet for packet in deliveries if packet.event == "joined"]
        if sorted(packet.target for packet in joined) != ["alice", "bob"]:
            stage.fail(f'After {after}, everyone should have heard "joined"', deliveries)
        stage.expect_data(after, joined, (client.name.title(),))


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
    ),
    Exercise(
        number="02.3",
        starter="""
def answer(io):
    @io.on("hello")
    async def hello(sid):
        ...
""",
        hint_text='First name = await io.call("name?", to=sid), then an emission to everyone.',
        solution_text="""
def answer(io):
    @io.on("hello")
    async def hello(sid):
        name = await io.call("name?", to=sid)
        await io.emit("joined", name)
""",
        praise="The server asked one socket, waited for its answer, and told everyone.",
        play=_ask_the_name,
    ),
]
