"""The exercises of lesson 05: direct messages."""

from collections.abc import Callable
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run


async def _four_sockets(stage: Stage) -> Any:
    """Connect alice (user 1), bob and his phone (user 2), and carol (user 3)."""
    alice = await stage.join("alice", auth={"userId": 1})
    bob, phone = await stage.join("bob", "phone", auth={"userId": 2})
    carol = await stage.join("carol", auth={"userId": 3})
    return alice, bob, phone, carol


async def _reach_a_person(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, bob, phone, _ = await _four_sockets(stage)

    async def write(client: Any, user: int, text: str, by: list[str], meanwhile: str = "") -> None:
        await client.emit("dm", {"user": user, "text": text})
        after = f"{meanwhile}{client.name} wrote to user {user}"
        await stage.expect(after, "dm", by=by, data=text)

    await write(alice, 2, "lunch?", ["bob", "phone"])
    await write(bob, 3, "tea?", ["carol"])
    await write(alice, 1, "milk!", ["alice"])
    await phone.disconnect()
    await stage.deliveries()
    await write(alice, 2, "at noon?", ["bob"], "bob's phone had gone and ")


async def _names_that_cannot_meet(answer: Callable[..., Any], stage: Stage) -> None:
    io = stage.io

    async def connect(sid: str, environ: Any, auth: Any) -> None:  # noqa: ARG001
        await io.enter_room(sid, await run(answer, "user", auth["userId"]))

    async def join_room(sid: str, room: Any) -> dict[str, bool]:
        await io.enter_room(sid, await run(answer, "group", room))
        return {"ok": True}

    for kind in ("user", "group"):
        if not isinstance(name := await run(answer, kind, 2), str) or not name:
            stage.fail(f'answer("{kind}", 2) should be text that names a room, not {name!r}.')
    for event, handler in (("connect", connect), ("join-room", join_room)):
        io.on(event, handler)
    *_, carol = await _four_sockets(stage)
    room_of_bob, room_of_two = await run(answer, "user", 2), await run(answer, "group", "2")
    for group in ("2", 2, room_of_bob):
        await carol.call("join-room", group)
        await io.emit("dm", to=room_of_bob)
        after = f"carol joined the group {group!r} and the server emitted to user 2"
        await stage.expect(after, "dm", by=["bob", "phone"])

    dave = await stage.join("dave", auth={"userId": 4})
    erin = await stage.join("erin", auth={"userId": room_of_two})
    await dave.call("join-room", "2")
    await erin.call("join-room", "blue")
    await io.emit("single-message", to=room_of_two)
    after = (
        'carol and dave joined the group "2", erin, who is the user '
        f'"{room_of_two}", joined "blue", and the server emitted to the group "2"'
    )
    await stage.expect(after, "single-message", by=["carol", "dave"])


async def _the_whole_handler(answer: Callable[..., Any], stage: Stage) -> None:
    io = stage.io

    async def connect(sid: str, environ: Any, auth: Any) -> None:  # noqa: ARG001
        await io.save_session(sid, auth)
        await io.enter_room(sid, f"user:{auth['userId']}")

    io.on("connect", connect)
    await run(answer, io)
    alice, _, _, carol = await _four_sockets(stage)
    await stage.join("desk", auth={"userId": 1})

    await alice.emit("dm", {"user": 2, "text": "lunch?"})
    await stage.expect(
        "alice wrote to user 2 and claimed nothing",
        "dm",
        by=["bob", "desk", "phone"],
        data={"user": 2, "text": "lunch?", "from": 1},
    )
    await carol.emit("dm", {"user": 2, "text": "you are fired", "from": 1})
    await stage.expect(
        "carol wrote to user 2 and claimed to be user 1",
        "dm",
        by=["bob", "phone"],
        data={"user": 2, "text": "you are fired", "from": 3},
    )


EXERCISES = [
    Exercise(
        number="05.1",
        starter="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        ...

    @io.on("dm")
    async def dm(sid, data):
        ...
""",
        hint_text="""A room for each user: every socket enters it at connect, and to= names it.
Both handlers have to make the same name, one from auth["userId"], the other from data["user"].""",
        solution_text="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        await io.enter_room(sid, f"user:{auth['userId']}")

    @io.on("dm")
    async def dm(sid, data):
        await io.emit("dm", data["text"], to=f"user:{data['user']}")
""",
        praise="All of a person's tabs hear it. A room does that without a table to tidy up.",
        play=_reach_a_person,
    ),
    Exercise(
        number="05.2",
        starter="""
def answer(kind, name):
    ...
""",
        hint_text="Put the kind into the name as well, for users and for groups.",
        solution_text="""
def answer(kind, name):
    return f"{kind}:{name}"
""",
        praise="No name of a group is the name of a user's room, whatever text a client sends.",
        play=_names_that_cannot_meet,
    ),
    Exercise(
        number="05.3",
        starter="""
def answer(io):
    @io.on("dm")
    async def dm(sid, data):
        ...
""",
        hint_text="""The session of the sender: await io.get_session(sid).
Two rooms in a list for to=, the sender's socket for skip_sid=, and data | {"from": ...}.""",
        solution_text="""
def answer(io):
    @io.on("dm")
    async def dm(sid, data):
        me = await io.get_session(sid)
        rooms = [f"user:{data['user']}", f"user:{me['userId']}"]
        data = data | {"from": me["userId"]}
        await io.emit("dm", data, to=rooms, skip_sid=sid)
""",
        praise="All windows of both people, and a sender that nobody can make up.",
        play=_the_whole_handler,
    ),
]
