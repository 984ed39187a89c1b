"""Exercise 01.1: let in whoever brings a name."""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any

from socketio.exceptions import ConnectionError as NotConnectedError

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_01.shared import (
    comes_from_the_handler,
    see_that_somebody_is_at_the_door,
    with_article,
)

_Auth = dict[str, Any] | None
_Visits = tuple[tuple[str, _Auth, bool], ...]
# What has this in it is another at each check: nobody can know it beforehand.
_SURNAME = "<surname>"


async def _names_only(answer: Callable[..., Any], stage: Stage, visits: _Visits) -> None:
    disconnected: list[str] = []
    disconnect = stage.io.disconnect

    def note_and_disconnect(sid: str, *arguments: Any, **options: Any) -> Any:
        disconnected.append(sid)
        return disconnect(sid, *arguments, **options)

    stage.io.disconnect = note_and_disconnect
    await run(answer, stage.io)
    surname = secrets.token_hex(2)
    for name, template, welcome in visits:
        auth = template and {
            key.replace(_SURNAME, surname): value.replace(_SURNAME, surname)
            for key, value in template.items()
        }
        brought = f"{name} connected {f'with auth={auth}' if auth else 'without auth'}"
        client = await _accepted(stage, name, auth)
        if client and not welcome:
            see_that_somebody_is_at_the_door(stage)
            stage.fail(
                f"{brought} and should have been refused. The server accepted the client"
                f"{_disconnected_too(client, disconnected)}."
            )
        if welcome and not client:
            stage.fail(f"{brought} and should have been accepted. The server refused the client.")
    named = next(name for name, _, welcome in visits if welcome)
    stranger = next(name for name, auth, _ in visits if not auth)
    again = {"name": f"{named.capitalize()} {surname}, again"}
    await _two_at_once(stage, {named: again, stranger: None})


def _disconnected_too(client: Any, disconnected: list[str]) -> str:
    if not client.connected:
        return ", and disconnected it then"
    if client.get_sid() in disconnected:
        return (
            " all the same, though the handler had called io.disconnect: that cuts a connection, "
            "and gives no answer to the client that knocks"
        )
    return ""


async def _two_at_once(stage: Stage, visits: dict[str, _Auth]) -> None:
    """See that, of two that connect at the same moment, only the one with a name is let in."""
    clients = [stage.lab.client(name) for name in visits]
    came = await asyncio.gather(
        *(
            client.connect(stage.lab.url, auth=auth)
            for client, auth in zip(clients, visits.values(), strict=True)
        ),
        return_exceptions=True,
    )
    both = "{} connected with a name, and {} without auth at the same moment.".format(*visits)
    for name, auth, error in zip(visits, visits.values(), came, strict=True):
        if error and (not isinstance(error, NotConnectedError) or comes_from_the_handler(error)):
            raise error
        if error and auth:
            stage.fail(f"{both} {name} should have been accepted, and was refused.")
        if not error and not auth:
            stage.fail(f"{both} {name} should have been refused, and was accepted.")


async def _accepted(stage: Stage, name: str, auth: _Auth) -> Any:
    """Return the client, or None if it was refused."""
    try:
        return await stage.join(name, auth=auth)
    except NotConnectedError as error:
        if comes_from_the_handler(error):
            raise
        await stage.clear()
        return None
    except (TypeError, AttributeError) as error:
        if auth is not None:
            raise
        why = "auth is None then" if "NoneType" in str(error) else str(error)
        stage.fail(
            f"{name} connected without auth, and the handler raised {with_article(error)}: {why}."
        )


EXERCISE = Exercise(
    number="01.1",
    starter="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        ...
""",
    hint_text='auth is None where a client brought none: ask for that before "name" in auth.',
    solution_text="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        if not auth or "name" not in auth:
            return False
""",
    praise="Those without a name stay outside; whatever else a client brings is no obstacle.",
    play=_names_only,
    scenes=(
        (
            ("alice", {"name": f"Alice {_SURNAME}"}, True),
            ("bob", None, False),
            ("carol", {"colour": "red"}, False),
            ("dave", {"name": f"Dave {_SURNAME}", "colour": ""}, True),
        ),
        (
            ("erin", {"nickname": f"Rin {_SURNAME}", "colour": "name"}, False),
            ("frank", {"code": "swordfish", "name": f"Frank {_SURNAME}"}, True),
            ("grace", None, False),
            ("heidi", {"name": _SURNAME}, True),
            ("ivan", {"name": _SURNAME, _SURNAME: "red"}, True),
        ),
    ),
)
