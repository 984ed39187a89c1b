"""The exercises of lesson 01: who may connect, when to welcome them, and ids."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from socketio.exceptions import ConnectionError as NotConnectedError

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.exercises.stage import handled_events
from chatlib.lab.words import enumerated

_Auth = dict[str, Any] | None
_Visits = tuple[tuple[str, _Auth, bool], ...]

# What holds two ids in no order, or is one.
_UNORDERED = (str, set, frozenset, Mapping)

# What has this in it is another at each check: nobody can know it beforehand.
_SURNAME = "<surname>"


async def _names_only(answer: Callable[..., Any], stage: Stage, visits: _Visits) -> None:
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
            _see_that_somebody_is_at_the_door(stage)
            then = "" if client.connected else ", and disconnected it then"
            stage.fail(
                f"{brought} and should have been refused. The server accepted the client{then}."
            )
        if welcome and not client:
            stage.fail(f"{brought} and should have been accepted. The server refused the client.")


async def _accepted(stage: Stage, name: str, auth: _Auth) -> Any:
    """Return the client, or None if it was refused."""
    try:
        return await stage.join(name, auth=auth)
    except NotConnectedError as error:
        if _comes_from_the_handler(error):
            raise
        await stage.clear()
        return None
    except (TypeError, AttributeError) as error:
        if auth is not None:
            raise
        why = "auth is None then" if "NoneType" in str(error) else str(error)
        stage.fail(
            f"{name} connected without auth, and the handler raised {_with_article(error)}: {why}."
        )


def _comes_from_the_handler(error: Exception) -> bool:
    """Return whether a handler raised this, and not a client that was refused."""
    return any(note.startswith("Raised in") for note in getattr(error, "__notes__", []))


def _see_that_somebody_is_at_the_door(stage: Stage) -> None:
    if "connect" not in (handled := handled_events(stage.io)):
        own = [f'"{event}"' for event in handled]
        has = f"; it has one for {enumerated(own)}" if own else ""
        stage.fail(f'The server has no handler for "connect"{has}.')


async def _welcome_in_time(
    answer: Callable[..., Any], stage: Stage, arrivals: tuple[tuple[str, ...], ...]
) -> None:
    await run(answer, stage.io)
    for names in arrivals:
        heard: dict[str, list[str]] = {name: [] for name in names}
        clients = {name: stage.lab.client(name) for name in names}
        for name, client in clients.items():
            for event in ("connect", "welcome"):
                client.on(event, lambda *_, what=event, by=heard[name]: by.append(what))
        _see_that_somebody_is_at_the_door(stage)
        try:
            await asyncio.gather(*(client.connect(stage.lab.url) for client in clients.values()))
        except NotConnectedError as error:
            if _comes_from_the_handler(error):
                raise
            stage.fail(f"{enumerated(names)} should have been let in. The server refused.")
        at_once = " at the same time" if len(names) > 1 else ""
        await stage.expect(
            f"{enumerated(names)} connected{at_once}", "welcome", by=names, data="hello"
        )
        for name in names:
            if heard[name] != ["connect", "welcome"]:
                stage.fail(
                    f"{name} should have been connected first and welcomed then. "
                    f"What happened at {name}'s side: {', then '.join(heard[name])}."
                )


async def _there_and_back(
    answer: Callable[..., Any], stage: Stage, present: tuple[str, ...]
) -> None:
    name = present[-1]
    visits: list[tuple[str, str]] = []
    stage.io.on("connect", lambda sid, *_: visits.append((stage.lab.name(sid), sid)))
    clients = await stage.join(*present)
    client = clients[-1] if len(present) > 1 else clients
    try:
        returned = await run(answer, client, stage.lab.url)
    except NotConnectedError as error:
        if str(error) == "Already connected":
            raise
        stage.fail(
            f"There was no connection. {name} herself should connect again, to the url that the "
            "function is given."
        )
    await stage.clear()
    ids = [sid for visitor, sid in visits if visitor == name]
    others = [sid for visitor, sid in visits if visitor not in present]
    if len(ids) < 2:
        other = ", and another client connect beside her" if others else ""
        stage.fail(
            f"{name} should have connected twice in all. The server saw her connect once{other}."
        )
    if not client.connected:
        stage.fail(f"{name} should be connected at the end, and she is not.")
    if client.get_sid() != ids[-1]:
        stage.fail(f"{name} should have connected again. It was another client that did.")
    told = _as_told(returned)
    if isinstance(returned, Iterable) and not isinstance(returned, _UNORDERED):
        returned = list(returned)
        told += f" of {len(returned)}"
    elif isinstance(returned, set | frozenset):
        told += ", which has no order"
    if not isinstance(returned, list) or len(returned) != 2:
        stage.fail(f"answer should return two ids, and it returned {told}.")
    wanted_ids = (ids[0], ids[-1])
    for place, wanted, given in zip(("first", "second"), wanted_ids, returned, strict=True):
        if given != wanted:
            stage.fail(
                f"The {place} id should be the one that the server knew {name} by "
                f"{'before' if place == 'first' else 'after'} she reconnected; "
                f"{_as_told(given, ids, others)}. A client tells it by get_sid(), while it is "
                "connected."
            )


def _as_told(returned: Any, ids: list[str] | None = None, others: list[str] | None = None) -> str:
    """Say what came back, without ids that nobody knows."""
    if ids and returned in ids:
        return "it is the other one" if len(ids) == 2 else "it is another one of hers"
    if others and returned in others:
        return "it is another client's"
    if ids and isinstance(returned, str):
        return "it is another text"
    what = "None" if returned is None else _with_article(returned)
    return f"it is {what}" if ids else what


def _with_article(value: object) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"


EXERCISES = [
    Exercise(
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
                ("dave", {"name": f"Dave {_SURNAME}", "colour": "blue"}, True),
            ),
            (
                ("erin", {"nickname": f"Rin {_SURNAME}", "colour": "name"}, False),
                ("frank", {"code": "swordfish", "name": f"Frank {_SURNAME}"}, True),
                ("grace", None, False),
                ("heidi", {"name": _SURNAME}, True),
                ("ivan", {"name": _SURNAME, _SURNAME: "red"}, True),
            ),
        ),
    ),
    Exercise(
        number="01.2",
        starter="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        ...
""",
        hint_text="""The handler's last line starts io.emit in the background. It takes the event,
the data and the address as further arguments, and has no await.""",
        solution_text="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        io.start_background_task(io.emit, "welcome", "hello", to=sid)
""",
        praise="First connected, then welcomed, and nobody else was disturbed.",
        play=_welcome_in_time,
        scenes=((("alice",), ("bob",)), (("carol", "dave"), ("erin",))),
    ),
    Exercise(
        number="01.3",
        starter="""
async def answer(alice, url):
    ...
""",
        hint_text="Keep alice.get_sid() in a variable before you let her disconnect.",
        solution_text="""
async def answer(alice, url):
    before = alice.get_sid()
    await alice.disconnect()
    await alice.connect(url)
    return before, alice.get_sid()
""",
        praise="The same client and two ids: an id names a connection, not a person.",
        play=_there_and_back,
        scenes=(("alice",), ("bob", "carol")),
    ),
    Prediction(
        number="01.4",
        server_source="""@io.on("connect")
async def connect(sid, environ, auth):
    if auth != "swordfish":
        await io.emit("stranger")
        return False
    io.start_background_task(io.emit, "welcome", to=sid)""",
        setup="""
from socketio.exceptions import ConnectionError

alice, bob = await lab.join("alice", "bob", auth="swordfish")
carol, dave = lab.client("carol"), lab.client("dave")

old_id = bob.get_sid()
await bob.disconnect()
await bob.connect(lab.url, auth="swordfish")


async def arrives(client, code):
    try:
        await client.connect(lab.url, auth=code)
    except ConnectionError:
        pass
""",
        lines=(
            Line(
                'arrives(carol, "swordfish")',
                heard=["carol"],
                why="The welcome has an address: the newcomer's.",
            ),
            Line(
                'arrives(dave, "sesame")',
                heard=["alice", "bob", "carol", "dave"],
                why=(
                    "What has no address is for everyone on the circuit, and whoever is at the "
                    "door is on it while the handler runs."
                ),
            ),
            Line(
                'io.emit("news")',
                heard=["alice", "bob", "carol"],
                why="Everyone is everyone who is connected: dave was refused, bob is back.",
            ),
            Line(
                'io.emit("note", to=old_id)',
                heard=[],
                why="That connection has ended, and its id with it; bob has another one by now.",
            ),
        ),
        hint_text="Ask who is on the circuit at the moment of the emission, and under which id.",
        praise="You know who is on the circuit, from which moment, and under which id.",
    ),
]
