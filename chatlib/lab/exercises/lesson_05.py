"""The exercises of lesson 05: direct messages."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Repair, Stage, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.trace import Packet
from chatlib.lab.words import enumerated


@dataclass(frozen=True)
class _People:
    """Who is there: somebody, somebody with two tabs, and somebody who is not concerned.

    Attributes:
        writer: The name of the first one's tab.
        desks: The names of the writer's other tabs.
        tabs: The names of the second one's two tabs.
        other: The name of the third one's tab.
        ids: The user ids of the three, and of somebody who never comes.
        texts: What they write.
    """

    writer: str
    desks: tuple[str, str]
    tabs: tuple[str, str]
    other: str
    ids: tuple[Any, Any, Any, Any]
    texts: tuple[str, str, str, str]

    async def join(self, stage: Stage) -> tuple[Any, ...]:
        """Connect all but the desks: the writer, the two tabs, and the other one."""
        writer = await self.join_writer(stage)
        return writer, *await self.join_others(stage)

    async def join_writer(self, stage: Stage) -> Any:
        """Connect the writer."""
        return await stage.join(self.writer, auth={"userId": self.ids[0]})

    async def join_others(self, stage: Stage) -> tuple[Any, ...]:
        """Connect the two tabs and the other one."""
        _, second, third, _ = self.ids
        tabs = await stage.lab.join(*self.tabs, auth={"userId": second})
        other = await stage.join(self.other, auth={"userId": third})
        return *tabs, other


# As a room, the number 0 is no address at all; as a user, it is somebody. One id is a part of
# another, and some differ in the case, in a space, or in the order of their letters only.
_PEOPLE = (
    _People(
        "alice", ("desk", "pad"), ("bob", "phone"), "carol", (1, 2, 0, 22),
        ("lunch?", "tea?", "milk!", "at noon?"),
    ),
    _People(
        "dave", ("tablet", "tv"), ("erin", "laptop"), "frank", ("U22 ", "u22", "U22", " U22"),
        ("who has the key?", "I have", "buy stamps", "still there?"),
    ),
)  # fmt: skip


async def _write(
    client: Any, stage: Stage, user: Any, text: str, *, by: list[str], meanwhile: str = ""
) -> None:
    await client.emit("dm", {"user": user, "text": text})
    after = f"{meanwhile}{client.name} wrote to user {_quoted(user)}"
    await stage.expect(after, "dm", by=by, data=text)


async def _write_to_nobody(
    client: Any, stage: Stage, user: Any, text: str, *, meanwhile: str, witness: tuple[Any, Any]
) -> None:
    """Write to somebody who is not there, while a witness has a note to itself."""
    (other, one), other_text = witness, f"{text} (to somebody else)"
    await asyncio.gather(
        client.emit("dm", {"user": user, "text": text}),
        other.emit("dm", {"user": one, "text": other_text}),
    )

    def has_come(found: list[Packet]) -> bool:
        return any(packet.target == other.name and packet.data == (other_text,) for packet in found)

    found = [p for p in await stage.deliveries(has_come) if p.event == "dm"]
    after = f"After {meanwhile}{client.name} wrote to user {_quoted(user)}"
    if heard := [packet for packet in found if packet.data != (other_text,)]:
        names = sorted({packet.target for packet in heard})
        stage.fail(f'{after}, {enumerated(names)} should not have heard "dm"', heard)
    if [packet.target for packet in found] != [other.name]:
        after += f" and at once {other.name} to user {_quoted(one)}"
        stage.fail(f'{after}, only {other.name} should have heard "dm", and that once', found)


async def _write_notes(one: tuple[Any, Any, str], two: tuple[Any, Any, str], stage: Stage) -> None:
    """Let two people write to themselves at once: a client, its user, and a text, for each."""
    notes = (one, two)
    await asyncio.gather(
        *(client.emit("dm", {"user": user, "text": text}) for client, user, text in notes)
    )
    names = sorted(client.name for client, _, _ in notes)
    found = await stage.deliveries(
        lambda found: {p.target for p in found if p.event == "dm"} >= set(names)
    )
    found = [packet for packet in found if packet.event == "dm"]
    wrote = " and at once ".join(
        f"{client.name} {'' if number else 'wrote '}to user {_quoted(user)}"
        for number, (client, user, _) in enumerate(notes)
    )
    if sorted(packet.target for packet in found) != names:
        stage.fail(f'After {wrote}, {enumerated(names)} should have heard "dm", once each', found)
    for client, _, text in notes:
        heard = [packet for packet in found if packet.target == client.name]
        stage.expect_data(f"{wrote}, at {client.name}", heard, (text,))


async def _reach_a_person(answer: Callable[..., Any], stage: Stage, people: _People) -> None:
    await run(answer, stage.io)
    first, second, third, nobody = people.ids
    lunch, tea, milk, noon = people.texts

    writer = await people.join_writer(stage)
    alone = "nobody else had come and "
    await _write(writer, stage, first, milk, by=[writer.name], meanwhile=alone)
    tab, phone, other = await people.join_others(stage)
    await _write(writer, stage, second, lunch, by=[*people.tabs])
    await _write(tab, stage, third, tea, by=[other.name])
    await phone.disconnect()
    gone = f"{phone.name} had gone and "
    await _write(writer, stage, second, noon, by=[tab.name], meanwhile=gone)
    await tab.disconnect()
    gone = f"{tab.name} and {phone.name} had gone and "
    witness = (other, third)
    await _write_to_nobody(writer, stage, second, noon, meanwhile=gone, witness=witness)
    never = f"nobody had come as user {_quoted(nobody)} and "
    await _write_to_nobody(writer, stage, nobody, lunch, meanwhile=never, witness=witness)
    many = ["car", phone.name, "watch"]
    await stage.join(*many, auth={"userId": second})
    come = f"{enumerated(many)} had come as user {_quoted(second)} and "
    await _write(other, stage, second, tea, by=many, meanwhile=come)
    # What an answer notes for all is overwritten by the second, whichever that is.
    await _write_notes((writer, first, noon), (other, third, lunch), stage)


async def _show_who_is_away(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    people = _PEOPLE[0]
    writer, tab, phone, _ = await people.join(stage)
    await writer.emit("dm", {"user": 2, "text": "lunch?"})
    await stage.lab.settle()
    await phone.disconnect()
    await tab.disconnect()
    await writer.emit("dm", {"user": 2, "text": "PIN: 4711"})


_LONG = "a-very-long-name-" * 600
# Texts and numbers that careless names confuse: by a separator, a prefix, the case, a space.
_NAMES: tuple[Any, ...] = (
    *range(40), *range(100, 700, 7), -2, -22, 222, 2222, 10**20, 10**20 + 1, 2.5,
    "02", "+2", "2.0", "\u0662", "\uff12", "", " ", "  ", " 2", "2 ", "2\n",
    "two", " two", "two ", "Two", "TWO", "t wo", "2 2", "2:2", "2_2", "2-2", "2.2",
    "user", "group", "room", "users", "user:", "group:", ":", "::", "user:2", "user:22", "group:2",
    "room:2", "2:user", "2:group", "user2", "group2", "user_2", "group_2", "user-2", "group-2",
    "user 2", "group 2", "user/2", "group/2", "user.2", "group.2", "u2", "g2", "u:2", "g:2",
    "user:user:2", "user:group:2", "group:user:2", "('user', 2)", "('group', 2)", "None", "[]",
    # What is made of these by unquoting, by filling in, and by tabs at every so many columns.
    "%32", "2+2", "&#50;", "{kind}", "{name}", "{0}", "{{}}", "{}", "\t2", " \t2",
    "ana", "ann", "anna", "\u00e1na", "a\u0301na",
    _LONG + "1", _LONG + "2", "1" + _LONG, "2" + _LONG, f"{_LONG}1{_LONG}", f"{_LONG}2{_LONG}",
)  # fmt: skip


_KINDS = ("user", "group")
_PROBE = "chess"


async def _room(answer: Callable[..., Any], stage: Stage, kind: str, name: Any) -> str:
    room = await run(answer, kind, name)
    written = f'answer("{kind}", {_quoted(name)})'
    if not isinstance(room, str):
        # The text form of many an object has an address in it.
        it = f"a {type(room).__name__}" if " at 0x" in repr(room) else repr(room)
        stage.fail(f"{written} should be text that names a room, not {it}.")
    if not room:
        stage.fail(f"{written} is empty, and to an empty name is to everyone.")
    # The same name, but not the same object: so it comes with each message.
    if await run(answer, kind, json.loads(json.dumps(name))) != room:
        stage.fail(f"{written} is another name each time. Nobody could be found by it.")
    return str(room)


def _quoted(name: Any) -> str:
    if isinstance(name, str) and len(name) > 40:
        middle = len(name) // 2
        name = "...".join((name[:12], name[middle - 3 : middle + 4], name[-6:]))
    return json.dumps(name)


@dataclass(frozen=True)
class _Listener:
    """A group that somebody joins to hear what is meant for the user with two tabs."""

    people: _People
    groups: tuple[Any, ...]


async def _names_that_cannot_meet(
    answer: Callable[..., Any], stage: Stage, scene: _Listener
) -> None:
    io, people = stage.io, scene.people
    second = people.ids[1]
    taken: dict[str, tuple[str, Any]] = {}

    async def take(kind: str, name: Any) -> None:
        room = await _room(answer, stage, kind, name)
        other_kind, other = taken.setdefault(room, (kind, name))
        # Whether 2 and "2" are one is the answer's own affair.
        if other_kind != kind or str(other) != str(name):
            stage.fail(
                f"The {other_kind} {_quoted(other)} and the {kind} {_quoted(name)} have one room, "
                f"{_quoted(room)}: each hears what is meant for the other."
            )

    # First what is most likely to meet, so that a verdict is about an everyday name.
    for name in (*people.ids, *scene.groups, *_NAMES):
        for kind in _KINDS:
            await take(kind, name)
    # Then what is made for the text that an answer adds: "_2", if that is "_" and "__".
    for kind in _KINDS:
        before, found, after = (await _room(answer, stage, kind, _PROBE)).partition(_PROBE)
        for room in [*taken] if found else ():
            name = room.removeprefix(before).removesuffix(after)
            if before + name + after == room:
                await take(kind, name)

    async def connect(sid: str, environ: Any, auth: Any) -> None:  # noqa: ARG001
        await io.enter_room(sid, await run(answer, "user", auth["userId"]))

    async def join_room(sid: str, room: Any) -> dict[str, bool]:
        await io.enter_room(sid, await run(answer, "group", room))
        return {"ok": True}

    for event, handler in (("connect", connect), ("join-room", join_room)):
        io.on(event, handler)
    _, tab, _, listener = await people.join(stage)
    room_of_two = await _room(answer, stage, "user", second)
    for group in (*scene.groups, room_of_two):
        await listener.call("join-room", group)
        await io.emit("dm", to=room_of_two)
        after = f"{listener.name} joined the group {_quoted(group)} and the server emitted to "
        await stage.expect(f"{after}user {_quoted(second)}", "dm", by=people.tabs)

    await listener.call("join-room", tab.get_sid())
    await io.emit("dm", to=tab.get_sid())
    after = f"{listener.name} joined a group that is named like the id of {tab.name}'s socket, and"
    await stage.expect(f"{after} the server emitted to that socket", "dm", by=[tab.name])

    group = scene.groups[0]
    room = await _room(answer, stage, "group", group)
    spy = await stage.join("spy", auth={"userId": room})
    await spy.call("join-room", f"{group}{group}")
    await io.emit("single-message", to=room)
    after = (
        f"{listener.name} joined the group {_quoted(group)}, spy came as the user "
        f"{_quoted(room)}, and the server emitted to the group {_quoted(group)}"
    )
    await stage.expect(after, "single-message", by=[listener.name])


async def _the_whole_handler(answer: Callable[..., Any], stage: Stage, people: _People) -> None:
    io = stage.io

    async def connect(sid: str, environ: Any, auth: Any) -> None:  # noqa: ARG001
        await io.save_session(sid, auth)
        await io.enter_room(sid, f"user:{auth['userId']}")
        await io.enter_room(sid, "room:lobby")

    io.on("connect", connect)
    await run(answer, io)
    writer, tab, phone, other = await people.join(stage)
    first, second, third, nobody = people.ids
    await stage.join(*people.desks, auth={"userId": first})

    async def write(client: Any, me: Any, user: Any, text: str, by: list[str], **more: Any) -> None:
        data = {"user": user, "text": text}
        await client.emit("dm", data | more)
        claim = f"to be user {_quoted(more['from'])}" if "from" in more else "nothing"
        who = f"{client.name}, who is user {_quoted(me)}," if me == user else client.name
        after = f"{who} wrote to user {_quoted(user)} and claimed {claim}"
        await stage.expect(after, "dm", by=by, data=data | more | {"from": me})

    lunch, tea, milk, noon = people.texts
    await write(writer, first, second, lunch, [*people.tabs, *people.desks])
    await write(other, third, second, tea, [*people.tabs], **{"from": first})
    await write(phone, second, third, noon, [tab.name, other.name], room="red")
    await write(writer, first, first, milk, [*people.desks])
    await write(writer, first, nobody, noon, [*people.desks])
    data = {"user": first, "text": milk}
    await asyncio.gather(writer.emit("dm", data), other.emit("dm", {"user": nobody, "text": lunch}))
    after = (
        f"{writer.name} wrote to user {_quoted(first)} and at once {other.name} to user "
        f"{_quoted(nobody)}, who is not there"
    )
    await stage.expect(after, "dm", by=people.desks, data=data | {"from": first})


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
        praise="All of a person's tabs hear it, and nobody when there are none.",
        play=_reach_a_person,
        scenes=_PEOPLE,
    ),
    Exercise(
        number="05.2",
        starter="""
def answer(kind, name):
    ...
""",
        hint_text="The kind has to be a part of the name, and the whole name another part.",
        solution_text="""
def answer(kind, name):
    return f"{kind}:{name}"
""",
        praise="No name of a group is the name of a user's room, whatever text a client sends.",
        play=_names_that_cannot_meet,
        scenes=(
            _Listener(_PEOPLE[0], ("2", 2, 22, "user:2", "group:2", "user2", "user_2")),
            _Listener(_PEOPLE[1], ("u22", "user:u22", "group:u22", "U22", "u2", "22")),
        ),
    ),
    Exercise(
        number="05.3",
        starter="""
def answer(io):
    @io.on("dm")
    async def dm(sid, data):
        ...
""",
        hint_text="""The session of the sender says who it is: await io.get_session(sid).
One emission is enough: to= takes a list of rooms, and skip_sid= leaves out one socket.""",
        solution_text="""
def answer(io):
    @io.on("dm")
    async def dm(sid, data):
        me = await io.get_session(sid)
        rooms = [f"user:{data['user']}", f"user:{me['userId']}"]
        data = data | {"from": me["userId"]}
        await io.emit("dm", data, to=rooms, skip_sid=sid)
""",
        praise="All windows of both people, each once, and a sender that nobody can make up.",
        play=_the_whole_handler,
        scenes=_PEOPLE,
    ),
    Prediction(
        number="05.4",
        server_source="""
@io.on("connect")
async def connect(sid, environ, auth):
    await io.save_session(sid, auth)
    await io.enter_room(sid, f"user:{auth['userId']}")


@io.on("dm")
async def dm(sid, data):
    me = await io.get_session(sid)
    rooms = [f"user:{data['user']}", f"user:{me['userId']}"]
    await io.emit("dm", data | {"from": me["userId"]}, to=rooms, skip_sid=sid)
""",
        setup="""
alice, desk = await lab.join("alice", "desk", auth={"userId": 1})
bob, phone = await lab.join("bob", "phone", auth={"userId": 2})
carol = await lab.join("carol", auth={"userId": 3})
""",
        lines=(
            Line(
                'carol.emit("dm", {"user": 2})',
                heard=["bob", "phone"],
                why="Bob's room holds both his tabs; Carol has no tab but the one she wrote in.",
            ),
            Line(
                'phone.emit("dm", {"user": 1})',
                heard=["alice", "desk", "bob"],
                why="Both of Alice's tabs are in her room, and Bob's other tab is in his.",
            ),
            Line(
                'alice.emit("dm", {"user": 1})',
                heard=["desk"],
                why="Both rooms are Alice's: one set of sockets, without the one that sent.",
            ),
            Line(
                'alice.emit("dm", {"user": 9})',
                heard=["desk"],
                why="The room of user 9 is empty, and Alice's own is still in the list.",
            ),
            Line(
                'carol.emit("dm", {"user": "2"})',
                heard=["bob", "phone"],
                why='2 and "2" make the same name of a room, user:2.',
            ),
            Line(
                'carol.emit("dm", {"user": "user:2"})',
                heard=[],
                why="That is the room user:user:2, which nobody has entered.",
            ),
        ),
        hint_text="Write down the names of the two rooms and who is in each; take out the sender.",
        praise="Two rooms, one set of sockets, and never the one that sent.",
    ),
    Repair(
        number="05.5",
        starter="""
def answer(io):
    tabs = {}

    @io.on("connect")
    async def connect(sid, environ, auth):
        tabs.setdefault(auth["userId"], []).append(sid)

    @io.on("disconnect")
    async def disconnect(sid, reason):
        for sids in tabs.values():
            if sid in sids:
                sids.remove(sid)

    @io.on("dm")
    async def dm(sid, data):
        await io.emit("dm", data["text"], to=tabs.get(data["user"]))
""",
        hint_text="""What is to= for a user whose tabs are closed, and for one who never came?
Lesson 03 tells whom an emission reaches that has no address.""",
        solution_text="""
def answer(io):
    tabs = {}

    @io.on("connect")
    async def connect(sid, environ, auth):
        tabs.setdefault(auth["userId"], []).append(sid)

    @io.on("disconnect")
    async def disconnect(sid, reason):
        for sids in tabs.values():
            if sid in sids:
                sids.remove(sid)

    @io.on("dm")
    async def dm(sid, data):
        if sids := tabs.get(data["user"]):
            await io.emit("dm", data["text"], to=sids)
""",
        praise="What is meant for somebody away reaches nobody, and not everyone.",
        play=_reach_a_person,
        scenes=_PEOPLE,
        demo=_show_who_is_away,
    ),
]
