"""What the exercises of lesson 08 share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import socketio

from chatlib.history import History
from chatlib.lab.exercises.exercise import Stage, run
from chatlib.server import ChatServer


def chat() -> socketio.AsyncServer:
    """Return the server of a chat that has a history."""
    return ChatServer(history=History()).io


@dataclass(frozen=True)
class Post:
    """Who writes to Bob, to everyone and to a group, and what is written.

    Attributes:
        others: How many messages for another come after the first one, so that an offset that is
            left from the check before, of another Bob, is one that the history has.
    """

    sender: str
    other: str
    room: str
    texts: tuple[str, ...]
    others: int = 0


async def until_noted(heard: list[Any], sent: list[str]) -> None:
    """Wait a little until as much is noted as was sent, as that may be done in the background."""
    for _ in range(20):
        if len(heard) < len(sent):
            await asyncio.sleep(0.01)


async def connect_bob(stage: Stage, bob: Any, auth: Callable[[], Any]) -> None:
    """Connect Bob with what the answer gives for his ``auth``, and wait for what he missed."""
    try:
        await bob.connect(stage.lab.url, auth=auth)
    except socketio.exceptions.ConnectionError:
        said = await run(auth)
        stage.fail(
            f"The server refused bob, whose auth was {said!r}. An offset is a number: the id of a "
            "message, or 0."
        )
    await stage.lab.settle()


async def check_auth(stage: Stage, auth: Any) -> None:
    """See that an answer's function gives Bob's ``auth``."""
    if not callable(auth):
        stage.fail(
            "The function should have returned a function, which bob's client calls each time it "
            f"connects. It returned {auth!r}."
        )
    if not isinstance(said := await run(auth), dict) or said.get("userId") != "bob":
        stage.fail(f"Bob's auth should have had a userId, which is 'bob', but it was {said!r}.")
