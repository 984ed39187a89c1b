"""Exercise 09.3: a second tab of the same user."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import socketio
from socketio.exceptions import ConnectionError

from chatlib.identity import Passcode
from chatlib.lab.errors import LabTimeoutError
from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_09.shared import first_of
from chatlib.lab.handlers import handles
from chatlib.server import ChatServer


class _Paced(ChatServer):
    """A chat that hands over its tokens early or late, as the network may.

    Attributes:
        before: What to call before a token is handed over early, which is before the client's
            ``connect`` has returned; None if it comes late.
        came: The socket ids of those who were let in, one after the other.
    """

    before: Callable[[], None] | None = None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.came: list[str] = []

    async def connect(self, sid: str, environ: dict[str, Any], auth: Any) -> None:
        await super().connect(sid, environ, auth)
        self.came.append(sid)
        if self.before:
            self.before()
            session = self.identity.session(self.members[sid].sender)
            await self.io.emit("session", session, to=sid)

    async def welcome(self, sid: str, offset: int | None) -> None:
        if not self.before:
            for _ in range(25):  # turns of the loop, however slow: `connect` has returned by then
                await asyncio.sleep(0.002)
            await super().welcome(sid, offset)


_chats: WeakKeyDictionary[socketio.AsyncServer, _Paced] = WeakKeyDictionary()


def _with_passcode() -> socketio.AsyncServer:
    chat = _Paced(identity=Passcode("tea"))
    _chats[chat.io] = chat
    return chat.io


@dataclass(frozen=True)
class _Tabs:
    """The names of two clients, and when the server hands over the token."""

    first: str
    second: str
    early: bool


async def _the_second_tab(answer: Callable[..., Any], stage: Stage, scene: _Tabs) -> None:
    chat = _chats[stage.io]
    first, second = stage.lab.client(scene.first), stage.lab.client(scene.second)
    unheard = asyncio.Event()

    def before() -> None:
        if not (handles(first, "session") or handles(second, "session")):
            unheard.set()

    chat.before = before if scene.early else None
    running = asyncio.create_task(run(answer, first, second, stage.lab.url))
    await first_of(running, unheard)
    if unheard.is_set():  # it may still come again, to who connects once more
        await stage.comes(running.done)
        is_late = not running.done() or running.exception() is not None
        if is_late or not _are_one(chat, first, second):
            running.cancel()
            await asyncio.wait([running])
            stage.fail(
                f'The {first.name} had no handler for "session" when it came: on a fast network it '
                "is there before connect has returned."
            )
    try:
        await running
        await stage.deliveries(lambda _: first.connected and second.connected)
    except ConnectionError as error:
        said = [n for n in getattr(error, "__notes__", []) if n.startswith("The server said")]
        if not said:  # it did not come to that
            raise
        who = second if first.connected else first
        stage.fail(f"The {who.name} was refused. {said[0]}")
    except LabTimeoutError:
        if handles(first, "session"):
            raise
        stage.fail(f'The {first.name} has no handler for "session", which brings the token.')
    for client in (first, second):
        if not client.connected:
            stage.fail(f"At the end, the {client.name} should be connected, and it is not.")
    if not _are_one(chat, first, second):
        stage.fail(
            f"The {first.name} and the {second.name} are two users; each came in by the passcode."
        )
    if chat.came.index(first.get_sid()) > chat.came.index(second.get_sid()):
        stage.fail(
            f"The {second.name} came first: the {first.name} was to come with the passcode, and "
            f"the {second.name} after it."
        )


def _are_one(chat: ChatServer, *clients: Any) -> bool:
    """Tell whether clients are in a chat, as one user."""
    sids = [client.get_sid() for client in clients if client.connected]
    users = {str(member.user) for sid in sids if (member := chat.members.get(sid))}
    return len(sids) == len(clients) and len(users) == 1


EXERCISE = Exercise(
    number="09.3",
    starter="""
async def answer(laptop, phone, url):
    ...
""",
    hint_text="""await laptop.connect(url, auth={...}) is the first half. Then the server sends
the event session, whose data has the token that the phone needs. It comes when it likes:
connect does not wait for it, and on a fast network it is there before connect returns.""",
    solution_text="""
async def answer(laptop, phone, url):
    @laptop.on("session")
    async def session(mine):
        await phone.connect(url, auth={"token": mine["token"]})

    await laptop.connect(url, auth={"passcode": "tea"})
""",
    praise="The token proves the user; the passcode alone makes a new one each time.",
    play=_the_second_tab,
    scenes=(_Tabs("laptop", "phone", early=False), _Tabs("desk", "tablet", early=True)),
    server=_with_passcode,
)
