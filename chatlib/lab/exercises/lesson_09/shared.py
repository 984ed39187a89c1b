"""What the exercises of lesson 09 share."""

import asyncio
from typing import Any

from socketio.exceptions import ConnectionError

from chatlib.lab.exercises.exercise import Stage


async def try_the_door(stage: Stage, name: str, auth: Any) -> tuple[Any, Any]:
    """Try to connect, and return the client if that succeeded, and the reason if not."""
    client = stage.lab.client(name)
    reasons: list[Any] = []
    client.on("connect_error", reasons.append)
    try:
        await client.connect(stage.lab.url, auth=auth)
    except ConnectionError:
        if not reasons:  # the answer has raised it
            raise
        reason = reasons[-1]
        return None, reason.get("message", reason) if isinstance(reason, dict) else reason
    return client, None


async def first_of(
    task: asyncio.Task[Any], event: asyncio.Event, timeout: float | None = None
) -> None:
    """Wait until a task has ended or an event is set, or for so many seconds."""
    waiting = asyncio.create_task(event.wait())
    await asyncio.wait({task, waiting}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
