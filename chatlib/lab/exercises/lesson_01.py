"""The exercises of lesson 01: who may connect, when to welcome them, and ids."""

from collections.abc import Callable
from typing import Any

from socketio.exceptions import ConnectionError as NotConnectedError

from chatlib.lab.exercises.exercise import Exercise, Stage, run

_Auth = dict[str, Any] | None


async def _names_only(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    visits: list[tuple[str, _Auth, bool]] = [
        ("alice", {"name": "Alice"}, True),
        ("bob", None, False),
        ("carol", {"colour": "red"}, False),
        ("dave", {"name": "Dave", "colour": "blue"}, True),
    ]
    for name, auth, welcome in visits:
        brought = f"{name} connected {f'with auth={auth}' if auth else 'without auth'}"
        was_accepted = await _is_accepted(stage, name, auth)
        if was_accepted and not welcome:
            stage.fail(f"{brought} and should have been refused. The server accepted the client.")
        if welcome and not was_accepted:
            stage.fail(f"{brought} and should have been accepted. The server refused the client.")


async def _is_accepted(stage: Stage, name: str, auth: _Auth) -> bool:
    try:
        await stage.join(name, auth=auth)
    except NotConnectedError:
        await stage.lab.clear()
        return False
    return True


async def _welcome_in_time(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    await stage.join("alice")
    bob = stage.lab.client("bob")
    heard: list[str] = []
    bob.on("connect", lambda: heard.append("connect"))
    bob.on("welcome", lambda *_: heard.append("welcome"))
    await bob.connect(stage.lab.url)
    await stage.expect("bob connected", "welcome", by=["bob"], data="hello")
    if heard != ["connect", "welcome"]:
        stage.fail(
            "bob should have been connected first and welcomed then. "
            f"What happened at bob's side: {', then '.join(heard)}."
        )


async def _there_and_back(answer: Callable[..., Any], stage: Stage) -> None:
    ids: list[str] = []
    stage.io.on("connect", lambda sid, environ: ids.append(sid))  # noqa: ARG005
    alice = await stage.join("alice")
    returned = await run(answer, alice, stage.lab.url)
    await stage.lab.settle()
    if len(ids) != 2:
        times = "once" if len(ids) == 1 else f"{len(ids)} times"
        stage.fail(f"alice should have connected twice in all. The server saw her connect {times}.")
    if not alice.connected:
        stage.fail("alice should be connected at the end, and she is not.")
    if not isinstance(returned, tuple | list) or len(returned) != 2:
        stage.fail(f"answer should return two ids, and it returned {_as_told(returned)}.")
    for place, wanted, given in zip(("first", "second"), ids, returned, strict=True):
        if given != wanted:
            stage.fail(
                f"The {place} id should be the one that the server knew alice by "
                f"{'before' if place == 'first' else 'after'} she reconnected; "
                f"{_as_told(given, ids)}. A client tells it by get_sid(), while it is connected."
            )


def _as_told(returned: Any, ids: tuple[str, ...] | list[str] = ()) -> str:
    """Say what came back, without ids that nobody knows."""
    if returned in ids:
        return "it is the other one"
    if ids and isinstance(returned, str):
        return "it is another text"
    kind = type(returned).__name__
    what = "None" if returned is None else f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
    return f"it is {what}" if ids else what


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
    ),
    Exercise(
        number="01.2",
        starter="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        ...
""",
        hint_text="""The handler's last line is io.start_background_task(io.emit, ...), and has no
await: io.emit then runs when the handler has ended.""",
        solution_text="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        io.start_background_task(io.emit, "welcome", "hello", to=sid)
""",
        praise="First connected, then welcomed, and nobody else was disturbed.",
        play=_welcome_in_time,
    ),
    Exercise(
        number="01.3",
        starter="""
async def answer(alice, url):
    ...
""",
        hint_text="Keep alice.get_sid() in a variable before await alice.disconnect().",
        solution_text="""
async def answer(alice, url):
    before = alice.get_sid()
    await alice.disconnect()
    await alice.connect(url)
    return before, alice.get_sid()
""",
        praise="The same client and two ids: an id names a connection, not a person.",
        play=_there_and_back,
    ),
]
