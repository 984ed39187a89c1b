"""The exercises of lesson 07: answers for all, a limit to waiting, and order."""

import asyncio
from collections.abc import Callable
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.wire import LabTimeoutError


async def _answer_whatever_comes(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice = await stage.join("alice")

    async def share(*numbers: Any) -> Any:
        after = f'After alice called "share" with {numbers or "no arguments"}, '
        try:
            got = await alice.call("share", numbers)
        except LabTimeoutError:
            stage.fail(f"{after}there was no answer.")
        except Exception as error:  # noqa: BLE001  (whatever a handler raises)
            stage.fail(
                f"{after}the handler raised {type(error).__name__}. A client outside the lab "
                "would have waited for an answer in vain."
            )
        if not isinstance(got, dict) or not isinstance(got.get("ok"), bool):
            stage.fail(f'{after}the answer should have had an "ok", but it was {got!r}.')
        return after, got

    for sweets, people in ((12, 4), (7, 2)):
        after, got = await share(sweets, people)
        if got != (wanted := {"ok": True, "each": sweets // people}):
            stage.fail(f"{after}the answer should have been {wanted}, but it was {got}.")
    for numbers in ((12, 0), (12,), (), (12, 4, 1), ("many", 4), (None, 4)):
        after, got = await share(*numbers)
        if got["ok"]:
            stage.fail(f'{after}"ok" should have been false, but the answer was {got}.')
        if not isinstance(got.get("error"), str) or not got["error"].strip():
            stage.fail(f'{after}the answer should have had a sentence as "error": it was {got}.')
    after, got = await share(9, 3)
    if got != {"ok": True, "each": 3}:
        stage.fail(f"{after}as before, the answer should have been good, but it was {got}.")


async def _three_ways(answer: Callable[..., Any], stage: Stage) -> None:
    io = stage.io
    events = []
    answered_late = asyncio.Event()

    async def message(sid: str, text: Any = None) -> dict[str, Any]:  # noqa: ARG001
        events.append(text)
        if text == "hello?":
            # Long after the answer was worth waiting for.
            asyncio.get_running_loop().call_later(1.0, answered_late.set)
            await answered_late.wait()
        if text == "":
            return {"ok": False, "error": "Say something."}
        return {"ok": True}

    io.on("message", message)
    alice = await stage.join("alice")
    for text, does, wanted in (
        ("hi", "accepts it", "sent"),
        ("", 'refuses it with "Say something."', "Say something."),
        ("hello?", "answers a second later", "no answer"),
    ):
        case = f"When the text is {text!r} and the server {does}"
        events.clear()
        try:
            returned = await run(answer, alice, text)
        except LabTimeoutError:
            answered_late.set()
            stage.fail(f"{case}, the function should have returned {wanted!r}, but it raised.")
        if text != "hello?":
            await stage.lab.settle()
        if events != [text]:
            stage.fail(
                f'{case}, it should have got "message" once, with the text. It got '
                f"{events or 'nothing'}."
            )
        if returned != wanted:
            stage.fail(
                f"{case}, the function should have returned {wanted!r}, but it returned "
                f"{returned!r}."
            )
    answered_late.set()


async def _in_order(answer: Callable[..., Any], stage: Stage) -> None:
    io = stage.io
    io.on("think", lambda sid: None)  # noqa: ARG005
    await run(answer, io)
    alice, bob = await stage.join("alice", "bob")
    heard: list[Any] = []
    alice.on("noted", lambda *data: heard.extend(data))
    rounds = {"one": 5, "two": 0, "three": 2, "four": 0}

    async def alice_checks(*data: Any) -> str:
        text = ", ".join(map(str, data))
        for _ in range(rounds.get(text, 0)):
            await alice.call("think")
        return text.upper()

    alice.on("check", alice_checks)
    await alice.emit("note", "zero")
    await stage.expect(
        'alice emitted "note" with zero, and answered "check" with ZERO',
        "noted",
        by=["alice", "bob"],
        data="ZERO",
    )
    heard.clear()
    for text in rounds:
        await alice.emit("note", text)
    await stage.lab.settle()
    if heard != [text.upper() for text in rounds]:
        stage.fail(
            f'After alice emitted "note" with {", ".join(rounds)}, "noted" came to her as '
            f"{', '.join(map(str, heard)) or 'nothing'}: not in order."
        )
    await _nobody_waits_for_another(stage, alice, bob)


async def _nobody_waits_for_another(stage: Stage, alice: Any, bob: Any) -> None:
    alice_is_done = asyncio.Event()
    alice.on("noted", lambda *data: alice_is_done.set() if data == ("FOUR",) else None)

    async def bob_checks(*data: Any) -> Any:
        await alice_is_done.wait()
        return data

    bob.on("check", bob_checks)
    await bob.emit("note", "slow")
    await alice.emit("note", "four")
    try:
        await stage.lab.settle()
    except LabTimeoutError:
        stage.fail(
            "While the server waited for bob's answer, alice's note should have come out, but it "
            "waited for bob's."
        )
    finally:
        alice_is_done.set()


EXERCISES = [
    Exercise(
        number="07.1",
        starter="""
def answer(io):
    @io.on("share")
    async def share(sid, *numbers):
        ...
""",
        hint_text="""*numbers takes any number of arguments, so whatever goes wrong does so inside.
Put the whole body into a try, the unpacking too: sweets, people = numbers.""",
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
    ),
    Exercise(
        number="07.2",
        starter="""
async def answer(client, text):
    ...
""",
        hint_text="""client.call with timeout=0.5, in a try. What the server returns has "ok",
and an "error" where that is false. What call raises is socketio.exceptions.TimeoutError.""",
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
    ),
    Exercise(
        number="07.3",
        starter="""
def answer(io):
    @io.on("note")
    async def note(sid, text):
        ...
""",
        hint_text="""A lock for each socket, before the handler: turns = defaultdict(asyncio.Lock).
In the handler, async with turns[sid] around both the call of check and the emit of noted.""",
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
    ),
]
