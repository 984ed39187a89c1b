"""Exercise 07.2: three ways for a call to end."""

import asyncio
import contextlib
import inspect
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from socketio.exceptions import TimeoutError as SocketTimeoutError

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_07.shared import NEARLY, TRIES

_LIMIT = 0.5  # seconds


@dataclass(frozen=True)
class _Case:
    """What the server does with a text.

    Attributes:
        text: The text.
        does: What the server does, for the verdict.
        ok: Whether it accepts the text.
        after: How many seconds it takes: none, or more than the function should wait.
    """

    text: str
    does: str
    ok: bool = True
    after: float = 0.0


@dataclass(frozen=True)
class _Asking:
    client: str
    cases: tuple[_Case, ...]
    at_once: bool = False  # whether two texts are sent at once, too


async def _three_ways(answer: Callable[..., Any], stage: Stage, scene: _Asking) -> None:
    server = _Slow()
    stage.io.on("message", server.message)
    client = await stage.join(scene.client)
    for case in scene.cases:
        for _ in range(TRIES):
            if not (wrong := await _one_way(answer, stage, client, server, case)):
                break
        else:
            stage.fail(wrong)
    for tries_left in reversed(range(TRIES if scene.at_once else 0)):
        if not (wrong := await _two_at_once(answer, stage, client, server)):
            break
        if not tries_left:
            stage.fail(wrong)


class _Slow:
    """The handler of ``message``, which takes its time and may be told not to."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.reply: dict[str, Any] = {}
        self.reply_to: dict[Any, dict[str, Any]] = {}  # where a text has one of its own
        self.after = 0.0
        self.at = 0.0
        self.hurry = asyncio.Event()

    async def message(self, sid: str, *data: Any) -> dict[str, Any]:  # noqa: ARG002
        self.got.append(data[0] if len(data) == 1 else data)
        self.at = asyncio.get_running_loop().time()
        reply = self.reply_to.get(self.got[-1], self.reply) if self.reply_to else self.reply
        if self.after:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.hurry.wait(), self.after)
        return reply


async def _one_way(
    answer: Callable[..., Any], stage: Stage, client: Any, server: _Slow, case: _Case
) -> str:
    """Play a case; return what may be the load's fault, once, or nothing.

    Raises:
        WrongAnswerError: Something is wrong that cannot be the load's fault.
    """
    error = f"Line {random.randint(10, 99)} is busy."  # noqa: S311
    wanted = "no answer" if case.after else "sent" if case.ok else error
    server.reply = {"ok": True, "id": 7} if case.ok else {"ok": False, "error": error}
    server.after, server.hurry = case.after, asyncio.Event()
    server.got.clear()
    told = "" if case.ok else f' with "{error}"'
    when = f"When the text is {case.text!r} and the server {case.does}{told}"

    async def guarded() -> Any:
        try:
            returned = answer(client, case.text)
            return await returned if inspect.isawaitable(returned) else returned
        except SocketTimeoutError:
            stage.fail(
                f"{when}, the function should have returned {wanted!r}, but it raised "
                "socketio.exceptions.TimeoutError."
            )
        except (LookupError, AttributeError, AssertionError) as error:
            stage.fail(
                f"{when}, its answer is {server.reply}. Of that, the function made "
                f"{type(error).__name__}: {error}."
            )

    loop = asyncio.get_running_loop()
    begin = loop.time()
    try:
        returned = await run(guarded)
    finally:
        server.hurry.set()
    waited = loop.time() - begin
    # Whoever gives up may leave a callback behind, that is called when nobody waits any more.
    with contextlib.suppress(asyncio.InvalidStateError):
        await stage.clear()
    if server.got != [case.text]:
        stage.fail(
            f'{when}, it should have got "message" once, with the text. It got '
            f"{', '.join(map(repr, server.got)) or 'nothing'}."
        )
    if server.at - begin > _LIMIT / 2:
        return f'{when}, it should have got "message" at once, but the function kept that back.'
    if returned == "no answer" and not case.after:
        should = (
            "waited for that answer, half a second at most" if case.ok else f"returned {wanted!r}"
        )
        return f"{when}, the function should have {should}, but it returned 'no answer'."
    if returned != wanted:
        stage.fail(
            f"{when}, the function should have returned {wanted!r}, but it returned {returned!r}."
        )
    if case.after and waited < _LIMIT * NEARLY:
        stage.fail(f"{when}, the function should have waited half a second, but it gave up sooner.")
    return ""


async def _two_at_once(answer: Callable[..., Any], stage: Stage, client: Any, server: _Slow) -> str:
    """Send two texts at once; return what may be the load's fault, once, or nothing."""
    error = f"Line {random.randint(10, 99)} is busy."  # noqa: S311
    server.reply_to = {"tea": {"ok": True}, "coffee": {"ok": False, "error": error}}
    server.after = 0.0

    async def send(text: str) -> Any:
        returned = answer(client, text)
        return await returned if inspect.isawaitable(returned) else returned

    async def send_both() -> list[Any]:
        return await asyncio.gather(*map(send, server.reply_to))

    returned = await run(send_both)
    await stage.clear()
    wanted = ["sent", error]
    if returned == wanted:
        return ""
    wrong = (
        "When the function is called for 'tea' and for 'coffee' at the same time, it should have "
        f"returned {wanted[0]!r} and {wanted[1]!r}, but it returned "
        f"{returned[0]!r} and {returned[1]!r}."
    )
    if "no answer" not in returned:
        stage.fail(wrong)
    return wrong


EXERCISE = Exercise(
    number="07.2",
    starter="""
async def answer(client, text):
    ...
""",
    hint_text="""call takes a timeout=. Its answer has an "ok", and an "error" if that is false.
What call raises is python-socketio's own TimeoutError, not Python's.""",
    solution_text="""
import socketio


async def answer(client, text):
    try:
        got = await client.call("message", text, timeout=0.5)
    except socketio.exceptions.TimeoutError:
        return "no answer"
    return "sent" if got["ok"] else got["error"]
""",
    praise="Three outcomes, and the third is not a failure: it only means that nobody knows.",
    play=_three_ways,
    scenes=(
        _Asking(
            "carol",
            (
                _Case("hi", "accepts it at once"),
                _Case("", "refuses it at once", ok=False),
                _Case("hello?", "accepts it at once"),
            ),
        ),
        _Asking(
            "dave",
            (
                _Case("", "accepts it at once"),
                _Case("hello?", "takes three quarters of a second", after=0.75),
                _Case("hi", "(whose last answer came late) refuses it at once", ok=False),
            ),
            at_once=True,
        ),
    ),
)
