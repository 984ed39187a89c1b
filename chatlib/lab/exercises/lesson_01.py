"""The exercises of lesson 01: who may connect, when to welcome them, and ids."""

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from socketio.exceptions import ConnectionError as NotConnectedError

from chatlib.lab.exercises.exercise import Exercise, Repair, Stage, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.exercises.stage import handled_events
from chatlib.lab.words import as_json, enumerated

_Auth = dict[str, Any] | None
_Visits = tuple[tuple[str, _Auth, bool], ...]

# What holds two ids in no order, or is one.
_UNORDERED = (str, set, frozenset, Mapping)

# A client's events that no server emits.
_BUILT_IN = ("connect", "connect_error", "disconnect")

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
            _see_that_somebody_is_at_the_door(stage)
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
    """See that of two that connect at the same moment the one is let in that has a name."""
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
        if error and (not isinstance(error, NotConnectedError) or _comes_from_the_handler(error)):
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
        stage.fail(f'The server has no handler for "connect"{_has_others(handled)}.')


def _has_others(events: Iterable[str]) -> str:
    own = [f'"{event}"' for event in events]
    return f"; it has one for {enumerated(own)}" if own else ""


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


@dataclass(frozen=True)
class _Arrivals:
    """Who connects, one after the other, and whether each welcome has a text of its own."""

    names: tuple[str, ...]
    differ: bool


class _Door:
    """A server's handler for ``connect``, that welcomes while it runs.

    Args:
        stage: Where the server is.
        text: Returns a welcome's text.

    Attributes:
        clients: Those that an answer connects, by their names.
        sent: The texts that each of them was sent; others have a name here too.
        too_early: The names of those that had no handler for a welcome that they were sent.
    """

    def __init__(self, stage: Stage, text: Callable[[], str]) -> None:
        self.clients: dict[str, Any] = {}
        self.sent: dict[str, list[str]] = {}
        self.too_early: set[str] = set()
        self._stage = stage
        self._text = text
        stage.io.on("connect", self._welcome)

    def client(self, name: str) -> Any:
        """Return a client that is still outside."""
        self.sent[name] = []
        self.clients[name] = self._stage.lab.client(name)
        return self.clients[name]

    async def _welcome(self, sid: str, *_: Any) -> None:
        name, text = self._stage.lab.name(sid), self._text()
        self.sent.setdefault(name, []).append(text)
        if (client := self.clients.get(name)) and not _hears_welcome(client):
            self.too_early.add(name)
        await self._stage.io.emit("welcome", text, to=sid)


def _hears_welcome(client: Any) -> bool:
    return not {"welcome", "*"}.isdisjoint(handled_events(client))


async def _every_welcome(answer: Callable[..., Any], stage: Stage, scene: _Arrivals) -> None:
    same = secrets.token_hex(2)
    door = _Door(stage, lambda: f"hello {secrets.token_hex(2) if scene.differ else same}")
    heard: dict[str, list[Any]] = {}

    async def see(after: str) -> None:
        await stage.deliveries(
            lambda _: all(len(heard[name]) >= len(door.sent[name]) > 0 for name in heard)
        )
        for name, texts in heard.items():
            _see_what_was_heard(stage, door, name, texts, after)

    for name in scene.names:
        heard[name] = []
        try:
            await run(answer, door.client(name), stage.lab.url, heard[name])
        except NotConnectedError as error:
            if str(error) == "Already connected":
                raise
            stage.fail(
                f"There was no connection. {name} should connect to the url that the function is "
                "given."
            )
        await see(f"{name} connected")
    for name, client in door.clients.items():
        await client.disconnect()
        await stage.clear()
        await client.connect(stage.lab.url)
        await see(f"{name} disconnected and connected again")


def _see_what_was_heard(stage: Stage, door: _Door, name: str, heard: list[Any], after: str) -> None:
    client, sent = door.clients[name], door.sent[name]
    if not client.get_sid():
        others = "; another client connected" if door.sent.keys() - door.clients.keys() else ""
        stage.fail(f"{name} should be connected at the end, and is not{others}.")
    if heard == sent:
        return
    lists = f"{name}'s list should be {as_json((sent,))}, and it is {as_json((heard,))}"
    if not _hears_welcome(client):
        handled = [event for event in handled_events(client) if event not in _BUILT_IN]
        stage.fail(f'{name} has no handler for "welcome"{_has_others(handled)}.')
    if len(heard) < len(sent) and name in door.too_early:
        stage.fail(
            f'When "welcome" came, {name} had no handler for it yet: it comes before connect has '
            f"returned. After {after}, {lists}."
        )
    stage.fail(f"After {after}, {lists}.")


async def _show_the_newcomer(answer: Callable[..., Any], stage: Stage) -> None:
    door = _Door(stage, lambda: "hello, Carol")
    heard: list[Any] = []
    await run(answer, door.client("carol"), stage.lab.url, heard)
    await stage.lab.settle()
    print("carol's list:", heard)


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
    Repair(
        number="01.5",
        starter="""
async def answer(client, url, heard):
    await client.connect(url)

    @client.on("welcome")
    async def welcome(text):
        heard.append(text)
""",
        hint_text=(
            "Find the line of the picture at which connect returns. Which of the function's lines "
            "have run by then, and which have not?"
        ),
        solution_text="""
async def answer(client, url, heard):
    @client.on("welcome")
    async def welcome(text):
        heard.append(text)

    await client.connect(url)
""",
        praise="On the wire nothing has changed, but now somebody listens when the welcome comes.",
        play=_every_welcome,
        scenes=(_Arrivals(("alice",), differ=True), _Arrivals(("erin", "bob"), differ=False)),
        demo=_show_the_newcomer,
    ),
]
