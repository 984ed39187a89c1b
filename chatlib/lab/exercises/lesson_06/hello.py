"""Exercise 06.2: a client that says hello."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.client import Client
from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_06.shared import chat, fail_if_refused, sent_by
from chatlib.lab.trace import Packet
from chatlib.lab.words import as_json, enumerated


@dataclass(frozen=True)
class _Hello:
    """The clients: those who are there already, one with manners, one without, one more with."""

    there: tuple[str, ...]
    newcomer: str
    later: str
    latest: str


def _says_hello(packet: Packet) -> bool:
    message = packet.data[0] if packet.data else None
    return (
        packet.event == "recieve-message"
        and isinstance(message, dict)
        and message.get("text") == "hello"
    )


async def _hello(answer: Callable[..., Any], stage: Stage, scene: _Hello) -> None:
    await stage.join(*scene.there)
    newcomer = await _come(answer, stage, scene.newcomer, scene.there)
    later = await stage.lab.join(scene.later)
    await later.emit("message", {"text": "good morning"})
    if any(map(_says_hello, await stage.deliveries())):
        stage.fail(
            f"{scene.later} came, and wrote. {scene.newcomer} sent its hello again, though the "
            f'server had not sent "welcome" to it again.'
        )
    others = (*scene.there, scene.later)
    await _come(answer, stage, scene.latest, (*others, scene.newcomer))
    await stage.io.emit("welcome", "Welcome again", to=newcomer.get_sid())
    welcomed = f"the server welcomed {scene.newcomer} a second time"
    await _expect_hello(stage, welcomed, newcomer, (*others, scene.latest))


async def _come(
    answer: Callable[..., Any], stage: Stage, name: str, others: tuple[str, ...]
) -> Client:
    """Connect a client that has been given its manners, and see that it says hello."""
    client = stage.lab.client(name)
    await run(answer, client)
    await client.connect(stage.lab.url)
    await stage.lab.settle()
    if not client.connected:
        stage.fail(f"{name} is not connected any more: it is to stay, once welcomed.")
    await _expect_hello(stage, f"the server welcomed {name}", client, others)
    return client


async def _expect_hello(stage: Stage, after: str, newcomer: Any, by: tuple[str, ...]) -> None:
    """Do as `Stage.expect` does, but let other messages pass beside the one that says hello."""
    sent = await sent_by(stage, newcomer)
    found = await stage.deliveries(
        lambda found: {packet.target for packet in found if _says_hello(packet)} >= set(by)
    )
    messages = [packet for packet in found if packet.event == "recieve-message"]
    hellos = [packet for packet in messages if _says_hello(packet)]
    heard = [packet.target for packet in hellos]
    if not hellos:
        await fail_if_refused(stage, newcomer, sent)
        if messages:
            was = as_json(messages[0].data)
            stage.fail(f'The message should have had "text": "hello", but it was {was}.')
        others = [packet for packet in found if packet.event not in ("welcome", "broadcast")]
        wanted = f'After {after}, {enumerated(by)} should have heard "recieve-message"'
        stage.fail(f"{wanted} and did not" if others else f"{wanted}. Nobody did.", others)
    if newcomer.name in heard:
        stage.fail(
            f'After {after}, {newcomer.name} should not have heard "recieve-message"', messages
        )
    if twice := [name for name in by if heard.count(name) > 1]:
        stage.fail(f'After {after}, {enumerated(twice)} heard "recieve-message" more than once.')


EXERCISE = Exercise(
    number="06.2",
    starter="""
def answer(client):
    @client.on("welcome")
    async def welcome(text):
        ...
""",
    hint_text='Emit "message" with an object of two fields: text, and the one for the others.',
    solution_text="""
def answer(client):
    @client.on("welcome")
    async def welcome(text):
        await client.emit("message", {"text": "hello", "others": True})
""",
    praise="The server starts the exchange, the client answers, and only the others hear it.",
    play=_hello,
    scenes=(
        _Hello(("alice", "bob"), "carol", "dave", "erin"),
        _Hello(("erin", "frank", "grace"), "alice", "bob", "dave"),
    ),
    server=chat,
)
