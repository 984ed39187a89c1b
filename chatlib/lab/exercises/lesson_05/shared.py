"""What the exercises of lesson 05 share."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Stage, run
from chatlib.lab.trace import Packet
from chatlib.lab.words import enumerated


@dataclass(frozen=True)
class People:
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
PEOPLE = (
    People(
        "alice", ("desk", "pad"), ("bob", "phone"), "carol", (1, 2, 0, 22),
        ("lunch?", "tea?", "milk!", "at noon?"),
    ),
    People(
        "dave", ("tablet", "tv"), ("erin", "laptop"), "frank", ("U22 ", "u22", "U22", " U22"),
        ("who has the key?", "I have", "buy stamps", "still there?"),
    ),
)  # fmt: skip


async def _write(
    client: Any, stage: Stage, user: Any, text: str, *, by: list[str], meanwhile: str = ""
) -> None:
    await client.emit("dm", {"user": user, "text": text})
    after = f"{meanwhile}{client.name} wrote to user {quoted(user)}"
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
    after = f"After {meanwhile}{client.name} wrote to user {quoted(user)}"
    if heard := [packet for packet in found if packet.data != (other_text,)]:
        names = sorted({packet.target for packet in heard})
        stage.fail(f'{after}, {enumerated(names)} should not have heard "dm"', heard)
    if [packet.target for packet in found] != [other.name]:
        after += f" and at once {other.name} to user {quoted(one)}"
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
        f"{client.name} {'' if number else 'wrote '}to user {quoted(user)}"
        for number, (client, user, _) in enumerate(notes)
    )
    if sorted(packet.target for packet in found) != names:
        stage.fail(f'After {wrote}, {enumerated(names)} should have heard "dm", once each', found)
    for client, _, text in notes:
        heard = [packet for packet in found if packet.target == client.name]
        stage.expect_data(f"{wrote}, at {client.name}", heard, (text,))


async def reach_a_person(answer: Callable[..., Any], stage: Stage, people: People) -> None:
    """See that a message to a user is heard on all of that user's tabs, and nowhere else."""
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
    never = f"nobody had come as user {quoted(nobody)} and "
    await _write_to_nobody(writer, stage, nobody, lunch, meanwhile=never, witness=witness)
    many = ["car", phone.name, "watch"]
    await stage.join(*many, auth={"userId": second})
    come = f"{enumerated(many)} had come as user {quoted(second)} and "
    await _write(other, stage, second, tea, by=many, meanwhile=come)
    # What an answer notes for all is overwritten by the second, whichever that is.
    await _write_notes((writer, first, noon), (other, third, lunch), stage)


def quoted(name: Any) -> str:
    """Return a name as JSON, shortened if it is long."""
    if isinstance(name, str) and len(name) > 40:
        middle = len(name) // 2
        name = "...".join((name[:12], name[middle - 3 : middle + 4], name[-6:]))
    return json.dumps(name)
