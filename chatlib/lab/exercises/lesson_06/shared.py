"""What the exercises of lesson 06 share."""

from collections.abc import Iterable
from typing import Any

import socketio

from chatlib.lab.exercises.exercise import Stage
from chatlib.lab.exercises.stage import NothingCameError
from chatlib.lab.trace import Packet
from chatlib.lab.words import as_json
from chatlib.server import ChatServer


def chat() -> socketio.AsyncServer:
    """Return the server of a chat."""
    return ChatServer().io


def chat_of(stage: Stage) -> ChatServer:
    """Return the chat whose server is on a stage."""
    found: ChatServer = stage.io.handlers["/"]["disconnect"].__self__
    return found


async def expect(
    stage: Stage, after: str, event: str, *, by: Iterable[str], data: Any, rooms: str
) -> None:
    """Do as `Stage.expect` does; where nobody was reached, say which rooms there are."""
    try:
        await stage.expect(after, event, by=by, data=data)
    except NothingCameError as error:
        if not _has_handler(stage, event):
            stage.fail(f'No handler for "{event}" is registered, so the chat refused it.')
        if rooms and str(error).endswith("Nobody did."):
            stage.fail(f"{error} {rooms}")
        raise


def _has_handler(stage: Stage, event: str) -> bool:
    handlers, found = stage.io.handlers["/"], chat_of(stage)
    if event in handlers or handlers["*"] != found.answers.answer:
        return True
    try:
        found.event(event)(lambda _sid, _data: None)
    except ValueError:  # it has one
        return True
    return False


async def sent_by(stage: Stage, client: Any) -> list[Packet]:
    """Return what a client has sent since the last time; what is put off is not seen."""
    await stage.lab.settle()
    return [
        step
        for step in stage.lab.trace.steps
        if isinstance(step, Packet) and step.kind == "event" and step.source == client.name
    ]


async def fail_if_refused(stage: Stage, client: Any, sent: Iterable[Packet]) -> None:
    """Judge the answer to be wrong if the server refuses something of what a client has sent."""
    for packet in sent:
        answered = await stage.call(client, packet.event, packet.data)
        if isinstance(answered, dict) and answered.get("error"):
            stage.fail(
                f'{client.name} sent "{packet.event}" with {as_json(packet.data) or "nothing"}, '
                f'and the server refuses it: "{answered["error"]}"'
            )
