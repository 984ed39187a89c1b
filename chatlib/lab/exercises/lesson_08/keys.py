"""Exercise 08.2: a server that does nothing twice."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import socketio

from chatlib.lab.exercises.exercise import Exercise, Stage, run


class _SlowManager(socketio.AsyncManager):  # type: ignore[misc]
    """Takes a while for each emission, as one that has to ask another machine does."""

    async def emit(self, *args: Any, **kwargs: Any) -> None:
        await asyncio.sleep(0.02)
        await super().emit(*args, **kwargs)


def _slow_server() -> socketio.AsyncServer:
    return socketio.AsyncServer(async_mode="aiohttp", client_manager=_SlowManager())


@dataclass(frozen=True)
class _Talk:
    """Who sends to a server that knows keys, who else is there, and what is said.

    Attributes:
        is_long: Whether it is about other keys, or about a server that must not forget one.
    """

    sender: str
    other: str
    texts: tuple[str, str, str]
    is_long: bool


# So many other messages come in between.
_OTHERS = 12
# A key of the last check whose answer emitted for the key 0, which cannot be a new one.
_earlier: list[str] = []


async def _server(answer: Callable[..., Any], stage: Stage, talk: _Talk) -> None:
    await run(answer, stage.io)
    sender, other = await stage.join(talk.sender, talk.other)
    everyone = [talk.sender, talk.other]
    one, two, three = talk.texts
    # New ones for each check: an answer may remember those of the last one.
    key = uuid4().hex
    first, second, third, fourth = (f"{key}-{end}" for end in ("ab", "a", "b", "A"))

    def check_answer(after: str, got: Any) -> None:
        if got != {"ok": True} or got["ok"] is not True:
            stage.fail(
                f'After {after}, {talk.sender} should have got {{"ok": True}}, or would try again '
                f"for ever. {talk.sender} got {got!r}."
            )

    async def attempt(text: str, key: str | int, by: list[str], what: str) -> None:
        after = f'{talk.sender} called "message" with the text "{text}" and {what}'
        got = await stage.call(sender, "message", {"text": text, "key": key})
        await stage.expect(after, "news", by=by, data=text)
        check_answer(after, got)

    async def remembers() -> bool:
        """Tell whether the answer knows a key of an earlier check."""
        for known in _earlier:
            await stage.call(sender, "message", {"text": one, "key": known})
            return not any(packet.event == "news" for packet in await stage.deliveries())
        return False

    await attempt(one, first, everyone, "a key")
    if talk.is_long:
        await attempt(one, first, [], "the same key")
        sender = await stage.join(talk.sender)
        await attempt(one, first, [], "the same key, on a new connection")

    after = f'{talk.sender} and {talk.other} sent "message" at once with the same new key'
    answers: list[Any] = []
    # On two connections, as the lab hands on what comes on one of them packet by packet.
    both = {"text": three, "key": fourth}
    await asyncio.gather(
        *(client.emit("message", both, callback=answers.append) for client in (sender, other))
    )
    await stage.expect(after, "news", by=everyone, data=three)
    if len(answers) < 2:
        stage.fail(f"After {after}, only {len(answers)} of the two attempts had an answer.")
    for got in answers:
        check_answer(after, got)

    if talk.is_long:
        await attempt(one, second, everyone, "another key, which makes it another message")
        await attempt(two, second, [], "a key that another text had before, so that it is known")
        if await remembers():
            return
        await attempt(two, 0, everyone, "the key 0, which is a key, too")
        await attempt(two, 0, [], "the key 0 again")
        _earlier[:] = [first]
    else:
        others = [f"{two} {number}" for number in range(_OTHERS)]
        for number, text in enumerate(others):  # in turn on two connections, so two at once
            client = (sender, other)[number % 2]
            await client.emit("message", {"text": text, "key": f"{third}-{number}"})
        came = await stage.deliveries(
            lambda found: sum(p.event == "news" for p in found) >= _OTHERS * len(everyone)
        )
        heard = Counter(str(p.data[0]) for p in came if p.event == "news")
        if lost := [text for text in others if heard[text] < len(everyone)]:
            stage.fail(
                f"After {talk.sender} and {talk.other} sent {_OTHERS} messages at once, each with "
                f'a key of its own, everyone should have heard "{lost[0]}".'
            )
        await attempt(one, first, [], f"the first key, after {_OTHERS} others")


EXERCISE = Exercise(
    number="08.2",
    starter="""
def answer(io):
    @io.on("message")
    async def message(sid, data):
        ...
""",
    hint_text="""A set of all keys, made before the handler. Only the emit depends on whether
the key is new; what is returned does not. And a second attempt may come while the handler still
awaits something for the first: what does it find in the set then? Think of the order.""",
    solution_text="""
def answer(io):
    keys = set()

    @io.on("message")
    async def message(sid, data):
        if data["key"] not in keys:
            keys.add(data["key"])
            await io.emit("news", data["text"])
        return {"ok": True}
""",
    praise="Done once, answered each time: that is what makes trying again harmless.",
    play=_server,
    scenes=(
        _Talk("alice", "bob", ("one", "two", "three"), is_long=True),
        _Talk("erin", "frank", ("tea", "cake", "milk"), is_long=False),
    ),
    server=_slow_server,
)
