"""What the exercises of lesson 04 share."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from chatlib.lab.exercises.exercise import Stage
from chatlib.lab.exercises.stage import NothingCameError
from chatlib.lab.trace import Packet, Step
from chatlib.lab.words import as_json, enumerated

# What the handlers of the lesson return.
OK = {"ok": True}


def let_them_join(
    stage: Stage,
    joining: float = 0,
    leaving: float = 0,
    asked: Collection[tuple[str, Any]] | None = None,
) -> None:
    """Handle join-room and leave-room.

    Args:
        stage: The stage.
        joining: How long it takes to join, in seconds.
        leaving: How long it takes to leave, in seconds.
        asked: The events and rooms to answer as the lesson does; any, if not given. What the
            server answers to others tells the room, and so is not taken for an answer to these.
    """

    def done(event: str, room: Any) -> dict[str, Any]:
        return OK if asked is None or (event, room) in asked else OK | {"room": room}

    async def join_room(sid: str, room: Any) -> dict[str, Any]:
        await asyncio.sleep(joining)
        await stage.io.enter_room(sid, room)
        return done("join-room", room)

    async def leave_room(sid: str, room: Any) -> dict[str, Any]:
        await asyncio.sleep(leaving)
        await stage.io.leave_room(sid, room)
        return done("leave-room", room)

    stage.io.on("join-room", join_room)
    stage.io.on("leave-room", leave_room)


async def join_all(stage: Stage, names: Sequence[str]) -> list[Any]:
    """Connect clients in the order of the alphabet, which says nothing of who does what."""
    clients = {client.name: client for client in await stage.join(*sorted(names))}
    return [clients[name] for name in names]


def are_in(stage: Stage, after: str, room: Any, names: Sequence[str]) -> None:
    """See who is in a room."""
    participants = stage.io.manager.get_participants("/", room)
    inside = sorted(stage.lab.name(sid) for sid, _ in participants)
    if inside != sorted(names):
        stage.fail(
            f"After {after}, {enumerated(sorted(names))} should be in the room {as_json([room])}, "
            f"and nobody else. Who is in it: {enumerated(inside) if inside else 'nobody'}.",
            as_=NothingCameError,
        )


def has_answer(steps: Iterable[Step], name: str, event: str) -> bool:
    """Tell whether a client has got the answer to an event, with the room asked for."""
    return any(
        isinstance(step, Packet)
        and (step.kind, step.target, step.event) == ("ack", name, event)
        and step.data == (OK,)
        and step.arrived
        for step in steps
    )
