"""Exercise 07.3: in order."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, WrongAnswerError, run
from chatlib.lab.exercises.stage import NothingCameError
from chatlib.lab.trace import Packet
from chatlib.lab.words import as_json, enumerated


@dataclass
class _Notes:
    """What the clients of a scene are asked, and what they answer.

    Attributes:
        author: Who sends the notes.
        slow: Who is slow to answer.
        notes: The author's notes, each with the number of questions it takes to check.
        held: The note that the slow one thinks about.
        behind: The note that the slow one sends after that.
        last: The note that the slow one sends as soon as the held one is noted.
        guests: Who sends a note before these two do.
    """

    author: str
    slow: str
    notes: dict[str, int]
    held: str
    behind: str
    last: str
    guests: tuple[str, ...] = ()


@dataclass
class _Checks:
    """The handlers of ``check``: nobody can know their answers without asking."""

    stage: Stage
    scene: _Notes
    answers: dict[tuple[str, str], str] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    is_asked: bool = False
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def answer_of(self, name: str, text: str) -> str:
        checked = f"{text.upper()} {random.randint(100, 999)}"  # noqa: S311
        return self.answers.setdefault((name, text), checked)

    def text_of(self, data: tuple[Any, ...]) -> str:
        """Return the note that an answer was given to, or what else came."""
        texts = {answer: text for (_, text), answer in self.answers.items()}
        return texts.get(str(data[0]), str(data[0])) if data else "nothing"

    def answered_by(self, client: Any) -> None:
        async def check(*data: Any) -> str:
            text = ", ".join(map(str, data))
            self.asked.append((client.name, text))
            if text == self.scene.held:
                self.is_asked = True
                await self.release.wait()
            # The one behind takes long enough for the last to overtake it.
            for _ in range(5 if text == self.scene.behind else self.scene.notes.get(text, 0)):
                await self.stage.io.call("nod", to=client.get_sid())  # a round trip
            return self.answer_of(client.name, text)

        client.on("check", check)
        client.on("*", lambda event, *_: self.others.append(event))

    async def try_one(self, client: Any, text: str, everyone: list[str]) -> None:
        """Let a client send one note, and see that it is asked and everyone told."""
        after = f'{client.name} emitted "note" with {as_json([text])}'
        self.asked.clear()
        answer = self.answer_of(client.name, text)
        await client.emit("note", text)
        try:
            await self.stage.expect(
                f'{after}, and answered "check" with {as_json([answer])}',
                "noted",
                by=everyone,
                data=answer,
            )
        except NothingCameError:
            raise
        except WrongAnswerError:
            self._expect_asked(after, client.name, text)
            raise

    def _expect_asked(self, after: str, name: str, text: str) -> None:
        asked_of = sorted({who for who, asked in self.asked if asked == text})
        if name in asked_of:
            return
        wanted = f'After {after}, the server should have called "check" of {name}'
        if asked_of:
            self.stage.fail(f"{wanted}, but it called that of {enumerated(asked_of)}.")
        if others := [asked for who, asked in self.asked if who == name]:
            carried = " and ".join(as_json([other]) if other else "nothing" for other in others)
            self.stage.fail(f"{wanted} with {as_json([text])}, but with it came {carried}.")
        if misspelt := [event for event in dict.fromkeys(self.others) if event != "noted"]:
            sent = enumerated(f'"{event}"' for event in misspelt)
            self.stage.fail(f"{wanted}, but what came is {sent}.")
        self.stage.fail(f"{wanted}, but it did not ask.")


async def _in_order(answer: Callable[..., Any], stage: Stage, scene: _Notes) -> None:
    await run(answer, stage.io)
    clients = await stage.join(scene.author, scene.slow, "erin", *scene.guests)
    author, slow, listener, *guests = clients
    everyone = [client.name for client in clients]
    checks = _Checks(stage, scene)
    for client in clients:
        checks.answered_by(client)

    checks.answers[author.name, "hello"] = ""  # an answer like any other
    # Whoever comes sixth is served like the first.
    for client in (*guests, slow, author):
        await checks.try_one(client, "hello", everyone)
    heard = partial(_noted, checks, listener.name)
    await _compare_the_order(stage, scene, author, heard)
    await _nobody_waits_for_another(stage, scene, author, slow, checks, heard)


def _noted(checks: _Checks, name: str, found: list[Packet]) -> list[str]:
    """Return the notes whose answers somebody heard, in that order."""
    return [
        checks.text_of(packet.data)
        for packet in found
        if (packet.event, packet.target) == ("noted", name)
    ]


async def _compare_the_order(
    stage: Stage, scene: _Notes, author: Any, heard: Callable[[list[Packet]], list[str]]
) -> None:
    for text in scene.notes:
        await author.emit("note", text)
    noted = heard(await stage.deliveries(lambda found: len(heard(found)) >= len(scene.notes)))
    if noted != list(scene.notes):
        wrong = "not in order" if sorted(noted) == sorted(scene.notes) else "not those"
        stage.fail(
            f'After {author.name} emitted "note" with {", ".join(scene.notes)}, "noted" came out '
            f"with the answers for {', '.join(noted) or 'none of them'}: {wrong}."
        )


async def _nobody_waits_for_another(
    stage: Stage,
    scene: _Notes,
    author: Any,
    slow: Any,
    checks: _Checks,
    heard: Callable[[list[Packet]], list[str]],
) -> None:
    text, *_ = scene.notes
    noted: list[str] = []
    author.on("noted", lambda *data: noted.append(checks.text_of(data)))

    async def send_the_last(*data: Any) -> None:
        if checks.text_of(data) == scene.held:
            await slow.emit("note", scene.last)

    slow.on("noted", send_the_last)
    await slow.emit("note", scene.held)
    await slow.emit("note", scene.behind)
    waits = False
    if await stage.comes(lambda: checks.is_asked):
        await author.emit("note", text)
        waits = not await stage.comes(lambda: text in noted)
    checks.release.set()

    wanted = [scene.held, scene.behind, scene.last]
    found = await stage.deliveries(lambda found: set(heard(found)) >= set(wanted))
    if waits:
        stage.fail(
            f"While the server waited for {slow.name}'s answer, {author.name}'s note "
            f"should have come out, but it waited for {slow.name}'s."
        )
    came = [one for one in heard(found) if one != text]
    if scene.held not in came:
        stage.fail(
            f'After {slow.name} answered "check" with {as_json([scene.held])} at last, "noted" '
            "should have come out with that answer, and did not."
        )
    if came != wanted:
        stage.fail(
            f'After {slow.name} emitted "note" with {scene.held}, {scene.behind} and took time to '
            f"answer the first, and emitted {scene.last} as soon as that was noted, "
            f'"noted" came out with the answers for {", ".join(came)}.'
        )


EXERCISE = Exercise(
    number="07.3",
    starter="""
def answer(io):
    @io.on("note")
    async def note(sid, text):
        ...
""",
    hint_text="""Each socket needs a lock of its own, and it has to outlive the handler.
Asking and emitting belong into the same turn.""",
    solution_text="""
import asyncio
from collections import defaultdict


def answer(io):
    turns = defaultdict(asyncio.Lock)

    @io.on("note")
    async def note(sid, text):
        async with turns[sid]:
            checked = await io.call("check", text, to=sid)
            await io.emit("noted", checked)
""",
    praise="Each client's notes queue up, and no client stands in another's queue.",
    play=_in_order,
    scenes=(
        _Notes(
            "alice",
            "bob",
            {"one": 5, "two": 0, "three": 2, "four": 0},
            *("slow", "next", "last"),
        ),
        _Notes(
            "dave",
            "carol",
            {"red": 2, "green": 6, "blue": 0},
            *("grey", "white", "black"),
            guests=("frank", "grace", "heidi", "ivan"),
        ),
    ),
)
