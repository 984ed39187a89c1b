"""Exercise 08.1: send until it is there."""

import asyncio
import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import socketio

from chatlib.lab.errors import LabTimeoutError
from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.stage import NothingCameError

# An attempt that is made in the background comes so soon after the last one, in seconds.
_IDLE = 0.3
# On a busy machine an answer may take longer than an attempt, but not so often.
_SLACK = 2
# Whoever sends on after so many acknowledgements does not stop by itself.
_ENOUGH = 10
# What a tenth of a second may be, and when a call is not limited by anything else, either.
_SHORTEST, _LONGEST, _TOO_LONG = 0.08, 0.12, 0.4
# Whoever ends so many calls, and none before that time, gives each of them more than a tenth.
_ENDED, _LATE = 4, 0.15
# Who waits so long between two attempts waits on purpose; and so long goes no message get lost,
# nor one whose attempts need not wait.
_PAUSE, _LONG_ENOUGH, _LONG_HURRIED = 0.5, 0.4, 0.8


@dataclass(frozen=True)
class _Mishaps:
    """Who sends, and what the server does to the messages: a text, and what gets lost of it."""

    sender: str
    other: str
    messages: tuple[tuple[str, tuple[str, ...]], ...]


_MISHAPS = (
    _Mishaps("alice", "bob", (("hi", ("lost",)), ("hi", ("answer lost",)), ("bye", ()))),
    _Mishaps("dora", "erin", (("not", ()), ("yet", ("answer lost", *["lost"] * 100)), ("not", ()))),
)


class _Sending:
    """One message, what is to get lost of it, and the attempts that have come.

    Attributes:
        text: What it says.
        fates: What happens to the next attempts.
        lost: What has got lost.
        attempts: When they came.
        keys: The keys under which the server has taken it.
        taken: Whether one of them was another message's.
        limits: How many seconds an attempt had that gave up by itself.
        hurried: Whether attempts were ended before their time, to spare the reader the wait.
        strange: How many calls asked for something else.
    """

    def __init__(self, text: str, fates: tuple[str, ...]) -> None:
        self.text = text
        self.fates = list(fates)
        self.lost: list[str] = []
        self.attempts: list[float] = []
        self.keys: set[Any] = set()
        self.taken = False
        self.limits: list[float | None] = []
        self.hurried = False
        self.strange = 0
        self._came = asyncio.Event()

    def note(self) -> str:
        """Note an attempt, and return what happens to it."""
        now = asyncio.get_running_loop().time()
        if self.attempts and (
            now - self.attempts[-1] > _PAUSE
            or now - self.attempts[0] > (_LONG_HURRIED if self.hurried else _LONG_ENOUGH)
        ):
            self.fates.clear()  # nobody who waits in between needs to do so often
        self.attempts.append(now)
        self._came.set()
        if not self.fates:
            return "good"
        self.lost.append(self.fates.pop(0))
        return self.lost[-1]

    async def until(self, attempts: int) -> None:
        """Wait until so many attempts have come."""
        while len(self.attempts) < attempts:
            self._came.clear()
            await self._came.wait()

    async def idle(self) -> None:
        """Wait until no attempt comes any more, as they may be made in the background."""
        with contextlib.suppress(TimeoutError):
            while self.fates or len(self.attempts) <= len(self.lost):
                async with asyncio.timeout(_IDLE):
                    await self.until(len(self.attempts) + 1)


class _Careless:
    """A server's handler of ``message`` that loses what it is told to lose."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.sendings: dict[str, _Sending] = {}
        self.done: dict[Any, _Sending] = {}
        self.ended: list[bool] = []  # the calls that the answer ended: whether too late
        self.over = asyncio.Event()

    async def message(self, sid: str, *values: Any) -> dict[str, Any]:
        data = values[0] if len(values) == 1 else values
        sending = self.sendings[sid]
        fate = sending.note()
        if not isinstance(data, dict) or not data.keys() >= {"text", "key"}:
            self._stage.fail(f"A message should have had a text and a key, but it was {data!r}.")
        key = data["key"]
        if not isinstance(key, str | int | float) or key == "":
            self._stage.fail(f"A key should have been a text or a number, but it was {key!r}.")
        if data["text"] != sending.text:
            self._stage.fail(
                f'The text should have been "{sending.text}", but it was {data["text"]!r}.'
            )
        if fate != "lost":
            sending.keys.add(key)
            sending.taken |= self.done.setdefault(key, sending) is not sending
        if fate != "good":
            await self.over.wait()  # to the sender, an answer that never comes
        if len(sending.attempts) - len(sending.lost) > _ENOUGH:
            _judge_attempts(self._stage, sending)
        return {"ok": True}

    def listen_to(self, client: Any) -> None:
        """Note how long a client's calls wait, and let no call wait whose message gets lost.

        The attempts of the first message have their time, and so has what limits itself.
        """
        call = client.call

        @functools.wraps(call)  # the reader is told of a call that is not awaited by its name
        async def listened(
            event: str, data: Any = None, namespace: str | None = None, timeout: float | None = None
        ) -> Any:
            sending = self.sendings[client.get_sid()]
            sending.strange += event not in ("message", "all here?")
            if sending.strange > _SLACK and not sending.attempts:
                self._stage.fail("The server got no message.", as_=NothingCameError)
            if event != "message" or not sending.fates:
                return await call(event, data, namespace, timeout)
            late = LabTimeoutError(f"The server has not answered {client.name}'s {event!r}.")
            before = len(sending.attempts)
            if self.done and timeout and _SHORTEST <= timeout <= _LONGEST:
                sending.hurried = True
                await client.emit(event, data, namespace, lambda *_: None)
                await sending.until(before + 1)
                raise late
            caller, late_ones = asyncio.current_task(), []
            assert caller  # noqa: S101
            # A timer, as those due before it have ended the call first, however busy the machine.
            timer = asyncio.get_running_loop().call_later(
                _LATE, lambda: late_ones.append(not caller.cancelling())
            )
            try:
                async with asyncio.timeout(_TOO_LONG):
                    return await call(event, data, namespace, timeout)
            except asyncio.CancelledError:
                if len(sending.attempts) <= before + 1:  # the next ones wait for this one
                    self.ended.append(any(late_ones))
                raise
            except TimeoutError:
                if len(sending.attempts) > before + 1:  # the next ones did not wait for this one
                    return await self.over.wait()
                sending.limits.append(timeout)
                raise late from None
            except socketio.exceptions.TimeoutError:
                sending.limits.append(timeout)
                raise
            finally:
                timer.cancel()

        client.call = listened


async def _sender(answer: Callable[..., Any], stage: Stage, mishaps: _Mishaps) -> None:
    server = _Careless(stage)
    stage.io.on("message", server.message)
    client, other = await stage.join(mishaps.sender, mishaps.other)
    try:
        for one in (client, other):
            server.listen_to(one)
        for text, fates in mishaps.messages:
            await _send(answer, stage, server, {client: _Sending(text, fates)})
        # Two people at once, who say the same.
        text = mishaps.messages[-1][0]
        both = {one: _Sending(text, ("lost", "lost")) for one in (client, other)}
        await _send(answer, stage, server, both)
        if len(server.ended) >= _ENDED and all(server.ended):
            _fail_time(stage, None)
    finally:
        server.over.set()


async def _send(
    answer: Callable[..., Any], stage: Stage, server: _Careless, sendings: dict[Any, _Sending]
) -> None:
    server.sendings = {client.get_sid(): sending for client, sending in sendings.items()}

    async def send(client: Any, sending: _Sending) -> None:
        try:
            await run(answer, client, sending.text)
        except LabTimeoutError as late:
            # It was answered and does not end, or it sent something else.
            if sending.attempts and (sending.fates or len(sending.attempts) <= len(sending.lost)):
                _judge_time(stage, sending)
                _judge_late(stage, sending, str(late))
            raise

    try:
        async with asyncio.TaskGroup() as group:
            for client, sending in sendings.items():
                group.create_task(send(client, sending))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    stage.io.on("all here?", lambda sid: True)  # noqa: ARG005
    for client in sendings:
        await client.call("all here?")  # what was sent before it has come then
    await asyncio.gather(*(sending.idle() for sending in sendings.values()))
    for sending in sendings.values():
        _judge_attempts(stage, sending)


def _judge_late(stage: Stage, sending: _Sending, what: str) -> None:
    case = f"When the server lost {_and_then(sending.lost)}"
    if "your function to end" in what:
        number = len(sending.attempts)
        there = f"there {'was' if number == 1 else 'were'} {_times(number, 'attempt')}"
        stage.fail(f"{case}, {there} in two seconds. Each should have had a tenth of a second.")
    stage.fail(f"{case}, the function raised. It should have sent once more.")


def _judge_time(stage: Stage, sending: _Sending) -> None:
    for limit in sending.limits:
        if not limit or not _SHORTEST <= limit <= _LONGEST:
            _fail_time(stage, limit)


def _fail_time(stage: Stage, limit: float | None) -> None:
    had = _times(limit, "second") if limit else "more time"
    stage.fail(f"An attempt had {had} to be answered. Each should have had a tenth of a second.")


def _judge_attempts(stage: Stage, sending: _Sending) -> None:
    attempts, lost = sending.attempts, len(sending.lost)
    case = f"When the server lost {_and_then(sending.lost)}"
    if not attempts:
        stage.fail("The server got no message.")
    if sending.fates or len(attempts) <= lost:
        stage.fail(f"{case}, the function returned and should have sent once more.")
    if sending.taken:
        stage.fail(
            f'The text "{sending.text}" was sent with a key that another message had, so the '
            "server took it for a second attempt. It is lost."
        )
    if len(sending.keys) > 1:
        stage.fail(f"{case}, the next attempt had another key: the message is doubled.")
    _judge_time(stage, sending)  # too short a limit may make more attempts, too
    if (more := len(attempts) - lost - 1) > _SLACK:
        stage.fail(
            f"{case}, the next attempt was acknowledged, and {more} more came. An acknowledgement "
            "is the end of it."
        )
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    if len(gaps) > 3 and max(gaps) < _SHORTEST and not sending.hurried:
        stage.fail(
            f"{case}, the attempts came one upon the other. Each should have had a tenth of a "
            "second to be answered."
        )


def _times(number: float, what: str) -> str:
    return f"{number:g} {what if number == 1 else f'{what}s'}"


def _and_then(fates: list[str]) -> str:
    answers, messages = fates.count("answer lost"), fates.count("lost")
    parts = ["an answer"] * bool(answers)
    parts += ["a message" if messages == 1 else f"{messages} messages"] * bool(messages)
    return " and then ".join(parts) or "nothing"


EXERCISE = Exercise(
    number="08.1",
    starter="""
async def answer(client, text):
    ...
""",
    hint_text="""Make the key once, before the loop, for example str(uuid.uuid4()).
In the loop, client.call with timeout=0.1: return what it returns, and go on where it raises
socketio.exceptions.TimeoutError.""",
    solution_text="""
import uuid

import socketio


async def answer(client, text):
    data = {"text": text, "key": str(uuid.uuid4())}
    while True:
        try:
            return await client.call("message", data, timeout=0.1)
        except socketio.exceptions.TimeoutError:
            pass
""",
    praise="It is sent until it is there, and the key makes all attempts one message.",
    play=_sender,
    scenes=_MISHAPS,
)
