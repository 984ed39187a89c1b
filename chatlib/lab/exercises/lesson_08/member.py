"""Exercise 08.5: a receiver in a room."""

from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

from chatlib.lab.exercises.exercise import Repair, Stage, run
from chatlib.lab.exercises.lesson_08.shared import Post, chat, check_auth, connect_bob, until_noted
from chatlib.lab.words import enumerated


class _RoomMember:
    """Bob, with an answer's two functions, and what he should have heard."""

    def __init__(self, stage: Stage, post: Post, sender: Any) -> None:
        self.stage = stage
        self.post = post
        self.sender = sender
        self.bob = stage.lab.client("bob")
        self.heard: list[Any] = []
        self.sent: list[str] = []
        self.arrived: Counter[int] = Counter()

    async def prepare(self, answer: Callable[..., Any]) -> None:
        """Call the answer, and keep the functions that it returns."""
        both = await run(answer, self.bob, self.heard, self.post.room)
        if not isinstance(both, tuple | list) or len(both) != 2 or not all(map(callable, both)):
            self.stage.fail(
                "It should still return two functions: what gives Bob's auth, and what gives what "
                "he says to join-room."
            )
        self.auth, self.joining = both
        await check_auth(self.stage, self.auth)

    async def connect(self) -> None:
        await connect_bob(self.stage, self.bob, self.auth)

    async def join(self) -> None:
        """Join the room, with what the answer says then."""
        asked = await run(self.joining)
        if not isinstance(asked, dict):
            self.stage.fail(
                "What bob says to join-room should have been a dict with his room and an offset, "
                f"but it was {asked!r}."
            )
        if asked.get("room") != self.post.room:
            self.stage.fail(
                "What bob says to join-room should have had his room, "
                f"{self.post.room!r}, but it was {asked!r}."
            )
        answer = await self.stage.call(self.bob, "join-room", asked)
        if not answer["ok"]:
            self.stage.fail(f"Bob's join-room was refused: {answer['error']}")
        await self.stage.lab.settle()

    async def come_back(self) -> None:
        await self.connect()
        await self.join()

    async def say(self, text: str, by: Any = None, **address: Any) -> None:
        await (by or self.sender).call("message", {"text": text} | address)
        self.sent.append(text)
        await self.stage.lab.settle()

    async def expect(self, case: str) -> None:
        """See that Bob has heard everything once."""
        for packet in await self.stage.deliveries():
            if packet.target == "bob" and packet.event in ("recieve-message", "single-message"):
                self.arrived[packet.data[0]["id"]] += 1
        await until_noted(self.heard, self.sent)
        if not all(isinstance(one, str) for one in self.heard):
            self.stage.fail(f"{case}, there was more in the list heard than texts.")
        got = Counter(self.heard)
        if lost := [one for one in self.sent if not got[one]]:
            self.stage.fail(f"{case}, {_quoted(lost)} {'was' if len(lost) == 1 else 'were'} lost.")
        if twice := [one for one in got if got[one] > 1]:
            self.stage.fail(f"{case}, {_quoted(twice)} came twice.")
        if any(times > 1 for times in self.arrived.values()):
            self.stage.fail(
                f"{case}, the server sent him again what he had. An offset should be the id of "
                "the last message."
            )


def _quoted(texts: list[str]) -> str:
    return enumerated(f'"{text}"' for text in texts)


async def _room_member(answer: Callable[..., Any], stage: Stage, post: Post) -> None:
    sender = await stage.join(post.sender, auth={"userId": post.sender})
    member = _RoomMember(stage, post, sender)
    await member.prepare(answer)
    room = {"room": post.room}
    names = (f"{text} {number}" for number in count(1) for text in post.texts)

    await member.come_back()
    await member.bob.disconnect()  # he has heard nothing so far
    await member.say("early")
    await member.say("early there", **room)
    for _ in range(post.others):
        await sender.call("message", {"text": "for another", "user": post.other})
    await member.come_back()
    who = "another bob" if post.others else "bob"
    await member.expect(f"When {who} had heard nothing yet, and missed two messages")
    await member.say(next(names))
    await member.say(next(names), **room)
    await member.say(next(names), user="bob")
    await member.expect("When bob was there for a message to everyone, one to his room and one DM")
    await member.bob.disconnect()
    await member.say(next(names), **room)
    await member.say(next(names))
    await member.come_back()
    await member.expect("When bob had missed a message to his room, and then one to everyone")
    await member.bob.disconnect()
    await member.come_back()
    await member.expect("When bob was back once more, and had missed nothing")
    await member.say(next(names), **room)
    await member.bob.disconnect()
    await member.come_back()
    await member.expect("When bob had heard a message to his room last, and had missed nothing")
    await member.bob.disconnect()
    await member.say(next(names))
    await member.say(next(names), **room)
    await member.say(next(names), user="bob")
    await member.come_back()
    await member.bob.disconnect()
    await member.come_back()
    await member.expect("When bob had missed one of each, and came back twice")
    await member.bob.disconnect()
    await member.say(next(names), **room)
    await member.say(next(names), user="bob")
    await member.connect()
    await member.say(next(names), by=member.bob, user=post.other)
    await member.bob.disconnect()  # too soon to join
    await member.come_back()
    await member.expect(
        f"When bob wrote to {post.other}, and his wire broke before he had joined his room"
    )


async def _show_room_member(answer: Callable[..., Any], stage: Stage) -> None:
    alice = await stage.join("alice", auth={"userId": "alice"})
    member = _RoomMember(stage, Post("alice", "carol", "team", ()), alice)
    await member.prepare(answer)
    await member.come_back()
    await member.say("one")
    await member.bob.disconnect()
    await stage.clear()
    await member.say("two", room="team")
    await member.say("three")
    await member.come_back()


EXERCISE = Repair(
    number="08.5",
    starter="""
def answer(bob, heard, room):
    seen = {"userId": "bob", "offset": 0}

    @bob.on("recieve-message")
    @bob.on("single-message")
    async def note(data):
        heard.append(data["text"])
        seen["offset"] = data["id"]

    return lambda: seen, lambda: {"room": room, "offset": seen["offset"]}
""",
    hint_text="""Look at the offset in Bob's join-room. Which message gave it to him, and what
was said in the room before that one, while he was away? What replays which messages?""",
    solution_text="""
def answer(bob, heard, room):
    seen = {"userId": "bob", "offset": 0}
    in_room = {"room": room, "offset": 0}

    @bob.on("recieve-message")
    @bob.on("single-message")
    async def note(data):
        heard.append(data["text"])
        where = in_room if "room" in data else seen
        where["offset"] = data["id"]

    return lambda: seen, lambda: in_room
""",
    praise="An offset says what one has of one replay. There are two replays, so there are "
    "two offsets.",
    play=_room_member,
    demo=_show_room_member,
    scenes=(
        Post("alice", "carol", "team", ("red", "green", "blue")),
        Post("dora", "erin", "choir", ("do", "re", "mi"), others=20),
    ),
    server=chat,
)
