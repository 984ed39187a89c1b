"""Exercise 07.1: answer, whatever comes."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.errors import LabTimeoutError
from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.stage import NothingCameError
from chatlib.lab.words import as_json


@dataclass(frozen=True)
class _Sharing:
    caller: str
    good: tuple[tuple[int, int], ...]
    bad: tuple[tuple[Any, ...], ...]


async def _answer_whatever_comes(answer: Callable[..., Any], stage: Stage, scene: _Sharing) -> None:
    await run(answer, stage.io)
    *_, caller = await stage.join("alice", "bob", scene.caller)

    async def share(*numbers: Any) -> tuple[str, dict[str, Any]]:
        shown = f"({as_json(numbers)}{',' * (len(numbers) == 1)})"
        after = f'After {caller.name} called "share" with {shown if numbers else "no arguments"}, '
        answers: list[Any] = []
        try:
            await caller.emit("share", numbers, callback=lambda *got: answers.extend(got or [None]))
            await stage.lab.settle()
        except LabTimeoutError:
            raise
        except Exception as error:  # noqa: BLE001  (whatever a handler raises)
            stage.fail(after + _raised(error))
        if not answers:
            stage.fail(f'{caller.name} called "share" and got no answer.', as_=NothingCameError)
        got = answers[0] if len(answers) == 1 else tuple(answers)
        if not isinstance(got, dict) or "ok" not in got:
            stage.fail(f'{after}the answer should have had an "ok", but it was {got!r}.')
        if not isinstance(got["ok"], bool):
            stage.fail(f'{after}"ok" should have been True or False, but the answer was {got}.')
        return after, got

    async def expect_each(sweets: int, people: int) -> None:
        after, got = await share(sweets, people)
        wanted = {"ok": True, "each": sweets // people}
        if got != got | wanted:
            stage.fail(f"{after}the answer should have been {wanted}, but it was {got}.")

    for sweets, people in scene.good:
        await expect_each(sweets, people)
    for numbers in scene.bad:
        after, got = await share(*numbers)
        if got["ok"]:
            stage.fail(f'{after}"ok" should have been false, but the answer was {got}.')
        if not isinstance(got.get("error"), str) or not got["error"].strip():
            stage.fail(f'{after}the answer should have had a sentence as "error": it was {got}.')
    # Nobody can have written these down beforehand.
    await expect_each(random.randint(50, 500), random.randint(2, 7))  # noqa: S311


def _raised(error: Exception) -> str:
    what = re.sub(r"\b(?:\w+\.<locals>\.)+", "", str(error)).rstrip(".")
    if "not JSON serializable" in what:
        return f"the answer could not be sent: {what}."
    return (
        f"the handler raised {type(error).__name__}: {what}. A client outside the lab "
        "would have waited for an answer in vain."
    )


EXERCISE = Exercise(
    number="07.1",
    starter="""
def answer(io):
    @io.on("share")
    async def share(sid, *numbers):
        ...
""",
    hint_text="""*numbers takes any number of arguments, so whatever goes wrong does so inside.
Unpacking them into two names can fail, too: let it do so where you catch it.""",
    solution_text="""
def answer(io):
    @io.on("share")
    async def share(sid, *numbers):
        try:
            sweets, people = numbers
            return {"ok": True, "each": sweets // people}
        except (TypeError, ValueError, ZeroDivisionError):
            return {"ok": False, "error": "Send two numbers, the second of them not 0."}
""",
    praise="Whatever a client sends, it is never left waiting.",
    play=_answer_whatever_comes,
    scenes=(
        _Sharing(
            "carol",
            ((12, 4), (7, 2)),
            ((12, 0), (12,), (), (12, 4, 1), ("many", 4), (None, 4), ("12", "4")),
        ),
        _Sharing(
            "dave",
            ((30, 6), (3, 5), (0, 8)),
            ((), (5, "few"), (0, 0), ([20, 5],), (9, 3, 3), ({"sweets": 8},), (20, "5")),
        ),
    ),
)
