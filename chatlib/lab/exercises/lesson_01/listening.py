"""Exercise 01.5: listen before connecting."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from socketio.exceptions import ConnectionError as NotConnectedError

from chatlib.lab.exercises.exercise import Repair, Stage, run
from chatlib.lab.exercises.lesson_01.shared import has_others
from chatlib.lab.handlers import handled_events, handles
from chatlib.lab.words import as_json

# A client's events that no server emits.
_BUILT_IN = ("connect", "connect_error", "disconnect")


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
        if (client := self.clients.get(name)) and not handles(client, "welcome"):
            self.too_early.add(name)
        await self._stage.io.emit("welcome", text, to=sid)


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
    if not handles(client, "welcome"):
        handled = [event for event in handled_events(client) if event not in _BUILT_IN]
        stage.fail(f'{name} has no handler for "welcome"{has_others(handled)}.')
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


EXERCISE = Repair(
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
)
