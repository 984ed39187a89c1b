"""Exercise 06.5: tell the sender that a message is seen."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Repair, Stage, run
from chatlib.lab.exercises.lesson_06.shared import chat, expect


@dataclass(frozen=True)
class _Seen:
    """Who has seen what of whom: of a user with tabs, and of sockets without a user."""

    reader: str
    user_of_reader: Any
    user: Any
    tabs: tuple[str, ...]
    guests: tuple[str, str]
    texts: tuple[str, str]


async def _seen(answer: Callable[..., Any], stage: Stage, scene: _Seen) -> None:
    await run(answer, stage.io)
    reader = await stage.join(scene.reader, auth={"userId": scene.user_of_reader})
    tabs = [await stage.join(name, auth={"userId": scene.user}) for name in scene.tabs]
    guests = [await stage.join(name) for name in scene.guests]
    for client in (reader, *tabs, *guests):
        await client.call("join-room", "tea")
    await stage.clear()
    of_user, of_guest = scene.texts
    user = {"id": tabs[-1].get_sid(), "userId": scene.user, "name": "pat"}

    async def see(client: Any, message: dict[str, Any], who: str, by: Iterable[str]) -> None:
        rooms = (
            "All sockets of a user are in the room read_user(userId).room; a socket without a "
            "userId has only its id."
        )
        await client.emit("seen", message)
        await expect(
            stage,
            f'{client.name} emitted "seen" for a message of {who}',
            "seen",
            by=by,
            data=message["text"],
            rooms=rooms if client is reader else "",
        )

    whose = f"user {scene.user!r}"
    direct = {"user": scene.user_of_reader, "text": of_user, "from": user}
    await see(reader, direct, whose, scene.tabs)
    for guest in guests:
        message = {"room": "tea", "text": of_guest, "from": {"id": guest.get_sid(), "name": "pat"}}
        await see(reader, message, f"{guest.name}, who has no userId", [guest.name])
    message = {"room": "tea", "text": of_guest, "from": user}
    await see(tabs[-1], message, f"{whose}, which it wrote itself", scene.tabs)
    await tabs[-1].disconnect()
    await stage.join("desk", auth={"userId": scene.user})
    whose += f", who has desk now, and has closed {scene.tabs[-1]}, which wrote it"
    await see(reader, direct, whose, {*scene.tabs[:-1], "desk"})


async def _show_seen(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, _ = await stage.join("alice", "phone", auth={"userId": 1})
    bob = await stage.join("bob", auth={"userId": 2})
    carol = await stage.join("carol")
    await bob.emit("seen", {"text": "tea?", "from": {"id": alice.get_sid(), "userId": 1}})
    await stage.lab.settle()
    await bob.emit("seen", {"text": "milk?", "from": {"id": carol.get_sid()}})


EXERCISE = Repair(
    number="06.5",
    starter="""
def answer(io):
    @io.on("seen")
    async def seen(sid, message):
        writer = message["from"]
        await io.emit("seen", message["text"], to=writer.get("userId"))
""",
    hint_text=(
        "What is to= for user 1, and is there a room of that name? What is it for carol, whose "
        "from has no userId? One of the two needs a prefix, the other another field."
    ),
    solution_text="""
from chatlib.messages import read_group_or_socket, read_user


def answer(io):
    @io.on("seen")
    async def seen(sid, message):
        writer = message["from"]
        if "userId" in writer:
            to = read_user(writer["userId"])
        else:
            to = read_group_or_socket(writer["id"])
        await io.emit("seen", message["text"], to=to.room)
""",
    praise=(
        "Each kind of address has its room, and nothing is left that could be None. "
        "read_user and read_group_or_socket also refuse what a forged from could bring."
    ),
    play=_seen,
    scenes=(
        _Seen("bob", 2, 1, ("alice", "phone"), ("carol", "dave"), ("tea?", "milk?")),
        _Seen(
            "grace",
            "zoe",
            "None",
            ("laptop", "tablet", "watch"),
            ("erin", "frank"),
            ("where?", "there!"),
        ),
        _Seen("frank", "7", 0, ("tablet", "phone"), ("bob", "grace"), ("now?", "soon")),
    ),
    demo=_show_seen,
    server=chat,
)
