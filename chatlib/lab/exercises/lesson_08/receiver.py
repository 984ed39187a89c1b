"""Exercise 08.3: get what was missed."""

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_08.shared import Post, chat, check_auth, connect_bob, until_noted


@dataclass
class _Mailbox:
    """Bob, what he should have heard, and what he has heard.

    Attributes:
        stage: The stage.
        post: Who writes, and where.
        sender: The client that writes.
        heard: The list that the answer appends to.
        sent: What was written to everyone, in order.
        private: What was written to Bob or to his group.
        arrived: The ids that reached Bob as messages to everyone.
    """

    stage: Stage
    post: Post
    sender: Any
    heard: list[Any] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    private: list[str] = field(default_factory=list)
    arrived: Counter[int] = field(default_factory=Counter)

    async def say(self, text: str, **address: Any) -> int:
        """Write something, and return its id."""
        answer = await self.sender.call("message", {"text": text} | address)
        if not address:
            self.sent.append(text)
        elif self.post.other not in address.values():
            self.private.append(text)
        await self.stage.lab.settle()
        return int(answer["id"])

    async def _note_arrivals(self) -> None:
        for packet in await self.stage.deliveries():
            if packet.target == "bob" and packet.event == "recieve-message":
                self.arrived[packet.data[0]["id"]] += 1

    async def expect(self, case: str) -> None:
        """See that Bob has heard all that was written to everyone, once each."""
        await self._note_arrivals()
        await until_noted(self.heard, self.sent)
        if not all(isinstance(one, str) for one in self.heard):
            self.stage.fail(f"{case}, there was more in the list heard than texts.")
        public = [one for one in self.heard if one not in self.private]
        if public != self.sent:
            self.stage.fail(
                f"{case}, the list heard should have been {self.sent}, but it was {public}."
            )
        if again := [number for number, times in self.arrived.items() if times > 1]:
            self.stage.fail(
                f"{case}, the server sent him again what he had: {len(again)} "
                f"{'message' if len(again) == 1 else 'messages'}. His offset should have been the "
                "id of the last one."
            )
        # Who hears what is for Bob alone, too, hears it once.
        mine = Counter(one for one in self.heard if one in self.private)
        if twice := [one for one in mine if mine[one] > 1]:
            self.stage.fail(f"{case}, {twice[0]!r}, which was for him alone, came twice.")
        if mine and (lost := [one for one in self.private if one not in mine]):
            self.stage.fail(f"{case}, {lost[0]!r}, which was for him alone, was lost.")


async def _receiver(answer: Callable[..., Any], stage: Stage, post: Post) -> None:
    sender = await stage.join(post.sender, auth={"userId": post.sender})
    box = _Mailbox(stage, post, sender)
    bob = stage.lab.client("bob")
    auth = await run(answer, bob, box.heard)
    await check_auth(stage, auth)
    one, two, three, four, five = post.texts

    connect = functools.partial(connect_bob, stage, bob, auth)
    await connect()
    await bob.disconnect()  # he has heard nothing so far
    await box.say(one)
    for _ in range(post.others):
        await sender.call("message", {"text": "for another", "user": post.other})
    await connect()
    who = "another bob" if post.others else "bob"
    await box.expect(f"When {who} had heard nothing, and missed the first message of all")
    await box.say("for another", user=post.other)
    await box.say(two)
    await box.expect("When bob was there for a second message")
    await box.say("psst", user="bob")
    await box.say(two)
    await box.expect("When somebody said the same text once more, which is another message")
    await bob.disconnect()
    await box.say(three)
    await box.say("for another", user=post.other)
    await box.say(one)
    await connect()
    await box.expect("When bob was back and had missed two")
    await box.say(four)
    await bob.disconnect()
    await connect()
    await box.expect(
        "When bob had heard one more live, and was back once more and had missed nothing"
    )

    last = await box.say("in there", user="bob")
    await bob.disconnect()
    await connect()
    await box.expect("When bob had heard a message for him alone live, and was back")
    await bob.disconnect()
    await box.say("in the room", room=post.room)
    await box.say(five)
    await connect()
    await bob.call("join-room", {"room": post.room, "offset": last})
    await bob.disconnect()
    await connect()
    await box.expect("When bob had got an older message to his room last, and was back once more")


EXERCISE = Exercise(
    number="08.3",
    starter="""
def answer(bob, heard):
    ...
""",
    hint_text="""Every message has an "id". Keep the last one where both functions see it, for
example in a dict that the lambda returns: {"userId": "bob", "offset": 0}.""",
    solution_text="""
def answer(bob, heard):
    seen = {"userId": "bob", "offset": 0}

    @bob.on("recieve-message")
    async def message(data):
        heard.append(data["text"])
        seen["offset"] = data["id"]

    return lambda: seen
""",
    praise="The client says what it has, and the server adds what it has not.",
    play=_receiver,
    scenes=(
        Post("alice", "carol", "team", ("one", "two", "three", "four", "five")),
        Post("dora", "erin", "choir", ("do", "re", "mi", "fa", "so"), others=20),
    ),
    server=chat,
)
