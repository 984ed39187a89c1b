"""The exercises of lesson 09: a door, what is heard at it, and a key for the second tab."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import socketio
from socketio.exceptions import ConnectionError

from chatlib.identity import Passcode
from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.server import ChatServer

_SENTENCE = "The passcode is wrong."
_STRANGERS: list[Any] = [
    None,
    {"name": "dave"},
    {"passcode": "coffee"},
    {"passcode": "te"},
    {"passcode": "teapot"},
    {"passcode": ["tea"]},
    "tea",
    ["passcode", "tea"],
]


async def _knock(stage: Stage, name: str, auth: Any) -> tuple[bool, Any]:
    """Try to connect, and return whether that succeeded, and the reason if not."""
    client = stage.lab.client(name)
    reasons: list[Any] = []
    client.on("connect_error", reasons.append)
    try:
        await client.connect(stage.lab.url, auth=auth)
    except ConnectionError:
        reason = reasons[-1] if reasons else None
        return False, reason.get("message", reason) if isinstance(reason, dict) else reason
    return True, None


async def _the_door(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    for auth in ({"passcode": "tea"}, {"passcode": "tea", "name": "alice"}):
        let_in, reason = await _knock(stage, "alice", auth)
        if not let_in:
            stage.fail(f"alice came with {auth} and should have been let in; told: {reason!r}.")
    for auth in _STRANGERS:
        let_in, reason = await _knock(stage, "dave", auth)
        came = f"dave came with {'no auth' if auth is None else f'the auth {auth!r}'}"
        if let_in:
            stage.fail(f"{came} and was let in.")
        if reason != _SENTENCE:
            stage.fail(f'{came} and should have been told "{_SENTENCE}", not {reason!r}.')
        await stage.lab.settle()


class _LookUp:
    """A look-up that has been asked for; who forgets to await it gets no answer."""

    def __init__(self, look_up: Callable[[], Coroutine[Any, Any, bool]]) -> None:
        self.awaited = False
        self._look_up = look_up

    def __await__(self) -> Generator[Any, Any, bool]:
        self.awaited = True
        return self._look_up().__await__()


async def _at_the_door(answer: Callable[..., Any], stage: Stage) -> None:
    asked, answered = asyncio.Event(), asyncio.Event()
    look_ups: list[_LookUp] = []

    async def look_up(auth: Any) -> bool:
        if auth:
            return True
        asked.set()
        await answered.wait()
        return False

    def is_known(auth: Any) -> _LookUp:
        look_ups.append(_LookUp(lambda: look_up(auth)))
        return look_ups[-1]

    await run(answer, stage.io, is_known)
    alice, bob = await stage.join("alice", "bob", auth={"name": "a friend"})
    if not all(found.awaited for found in look_ups):
        stage.fail("is_known(auth) needs an await: what comes without it counts as true.")
    await alice.emit("say", "hello")
    await stage.expect('alice emitted "say"', "news", by=["alice", "bob"], data="hello")

    knocking = asyncio.create_task(_knock(stage, "dave", None))
    waiting = asyncio.create_task(asked.wait())
    await asyncio.wait({knocking, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    await bob.call("say", "a secret")
    answered.set()
    let_in, _ = await knocking
    after = 'bob emitted "say" while dave, who is not known, waited at the door'
    await stage.expect(after, "news", by=["alice", "bob"], data="a secret")
    if let_in:
        stage.fail("dave is not known, and was let in.")

    await stage.join("carol", auth={"name": "a friend"})
    await bob.emit("say", "welcome")
    after = 'carol came and bob emitted "say"'
    await stage.expect(after, "news", by=["alice", "bob", "carol"], data="welcome")


async def _the_second_tab(answer: Callable[..., Any], stage: Stage) -> None:
    laptop, phone = stage.lab.client("laptop"), stage.lab.client("phone")
    try:
        await run(answer, laptop, phone, stage.lab.url)
        await stage.lab.settle()
    except ConnectionError as error:
        notes = " ".join(getattr(error, "__notes__", []))
        stage.fail(f"A client was refused. {notes}")
    for client in (laptop, phone):
        if not client.connected:
            stage.fail(f"At the end, the {client.name} should be connected, and it is not.")
    users = [await _user(stage, client) for client in (laptop, phone)]
    if users[0] != users[1]:
        stage.fail("The laptop and the phone are two users; each came in by the passcode.")


async def _user(stage: Stage, client: Any) -> Any:
    """Return the user that a client is, as the server tells others."""
    await stage.deliveries()
    await client.emit("message", {"text": "who am I?"})
    return (await stage.deliveries())[0].data[0]["from"]["userId"]


class _Slow(ChatServer):
    async def welcome(self, sid: str, offset: int | None) -> None:
        await asyncio.sleep(0.2)  # as over a network: `connect` has returned by then
        await super().welcome(sid, offset)


def _with_passcode() -> socketio.AsyncServer:
    return _Slow(identity=Passcode("tea")).io


EXERCISES = [
    Exercise(
        number="09.1",
        starter="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        ...
""",
        hint_text="""Ask first whether it is an object at all: isinstance(auth, dict).
Then auth.get("passcode") is the passcode, or None where there is none.
ConnectionRefusedError has to be the one of socketio.exceptions.""",
        solution_text="""
from socketio.exceptions import ConnectionRefusedError


def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        if not isinstance(auth, dict) or auth.get("passcode") != "tea":
            raise ConnectionRefusedError("The passcode is wrong.")
""",
        praise="Whatever a client sends as auth, it is let in or told why, and nothing breaks.",
        play=_the_door,
    ),
    Exercise(
        number="09.2",
        starter="""
def answer(io, is_known):
    @io.on("connect")
    async def connect(sid, environ, auth):
        ...

    @io.on("say")
    async def say(sid, text):
        ...
""",
        hint_text="""return False refuses a socket.
A room that sockets enter after the check, and to= with its name, leaves out all the others.""",
        solution_text="""
def answer(io, is_known):
    @io.on("connect")
    async def connect(sid, environ, auth):
        if not await is_known(auth):
            return False
        await io.enter_room(sid, "inside")

    @io.on("say")
    async def say(sid, text):
        await io.emit("news", text, to="inside")
""",
        praise="Who is not in the room yet is not among those who are reached.",
        play=_at_the_door,
    ),
    Exercise(
        number="09.3",
        starter="""
async def answer(laptop, phone, url):
    ...
""",
        hint_text="""await laptop.connect(url, auth={...}) is the first half. Then the server sends
the event session, whose data has the token that the phone needs: register its handler
before you connect, as connect does not wait for it.""",
        solution_text="""
async def answer(laptop, phone, url):
    @laptop.on("session")
    async def session(mine):
        await phone.connect(url, auth={"token": mine["token"]})

    await laptop.connect(url, auth={"passcode": "tea"})
""",
        praise="The token proves the user; the passcode alone makes a new one each time.",
        play=_the_second_tab,
        server=_with_passcode,
    ),
]
