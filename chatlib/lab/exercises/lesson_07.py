"""The exercises of lesson 07: answers for all, a limit to waiting, order, and a turn for all."""

import asyncio
import contextlib
import inspect
import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self

from socketio.exceptions import TimeoutError as SocketTimeoutError

from chatlib.lab.exercises.exercise import Exercise, Repair, Stage, WrongAnswerError, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.exercises.stage import NothingCameError
from chatlib.lab.trace import Packet
from chatlib.lab.wire import LabTimeoutError
from chatlib.lab.words import as_json, enumerated

# A right answer does what is asked at once; one that has not in so many looks never will. Looks are
# counted and not seconds: on a busy machine they take longer, as the answer does.
_LOOKS = 30
_LOOK = 0.02  # seconds

# Under load a right answer may be late once. A wrong one is wrong each time.
_TRIES = 3


async def _comes(test: Callable[[], bool]) -> bool:
    """Wait for something that should come at once; return whether it has."""
    for _ in range(_LOOKS):
        if test():
            return True
        await asyncio.sleep(_LOOK)
    return test()


# -- 07.1: answer, whatever comes ------------------------------------------------------------------


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


# -- 07.2: three ways for a call to end ------------------------------------------------------------

_LIMIT = 0.5  # seconds
_NEARLY = 0.9


@dataclass(frozen=True)
class _Case:
    """What the server does with a text, and what the function is to make of that.

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
        for _ in range(_TRIES):
            if not (wrong := await _one_way(answer, stage, client, server, case)):
                break
        else:
            stage.fail(wrong)
    for tries_left in reversed(range(_TRIES if scene.at_once else 0)):
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
    """Play a case; return what may be the load's fault, once, or nothing. What cannot, is wrong."""
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
    if case.after and waited < _LIMIT * _NEARLY:
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


# -- 07.3: in order --------------------------------------------------------------------------------


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
    # Whoever comes third is served like the first.
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
    if await _comes(lambda: checks.is_asked):
        await author.emit("note", text)
        waits = not await _comes(lambda: text in noted)
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


# -- 07.5: a turn for all --------------------------------------------------------------------------

_OVEN = 0.2  # seconds
_TOO_LONG = 0.7
_BEAT = 0.01
_SURE = 6  # beats
_STILL = 0.04  # seconds
_MANY = 3  # beats


@dataclass(frozen=True)
class _Bakery:
    baker: str
    asker: str
    orders: tuple[str, ...]
    at_once: tuple[str, ...] = ()


async def _a_turn_for_all(answer: Callable[..., Any], stage: Stage, scene: _Bakery) -> None:
    elsewhere = _watch_the_loop(stage)
    await run(answer, stage.io)
    baker, asker = await stage.join(scene.baker, scene.asker)
    heard = _Heard((baker, asker))
    for number in range(1, len(scene.orders) + 1):
        for _ in range(_TRIES):
            wrong = await _bake_and_ask(stage, scene.orders[:number], baker, asker, heard)
            if elsewhere:
                stage.fail(
                    f'"{elsewhere[0]}" was emitted from another event loop than the server\'s '
                    "(asyncio.run makes a new one). The server's is not told, and may sleep on."
                )
            if not wrong:
                break
        else:
            stage.fail(wrong)
    if scene.at_once:
        await _bake_at_once(stage, scene.at_once, baker, asker, heard)


def _watch_the_loop(stage: Stage) -> list[str]:
    """Return a list, into which goes each event that is emitted from another loop."""
    loop, manager = asyncio.get_running_loop(), stage.io.manager
    emit, elsewhere = manager.emit, []

    async def watched(event: str, *arguments: Any, **options: Any) -> Any:
        if asyncio.get_running_loop() is not loop:
            elsewhere.append(event)
        return await emit(event, *arguments, **options)

    manager.emit = watched
    return elsewhere


class _Heard:
    """What the clients of a bakery hear, and when."""

    def __init__(self, clients: tuple[Any, ...]) -> None:
        self._loop = asyncio.get_running_loop()
        self._names = sorted(client.name for client in clients)
        self.all: list[tuple[str, str, tuple[Any, ...], float]] = []
        for client in clients:
            for event in ("baking", "baked"):
                client.on(event, partial(self._note, client.name, event))

    def _note(self, name: str, event: str, *data: Any) -> None:
        self.all.append((name, event, data, self._loop.time()))

    def when(self, name: str) -> dict[str, float]:
        """Return when somebody heard each event."""
        return {event: at for who, event, _, at in self.all if who == name}

    def number(self, event: str) -> int:
        return sum(one[1] == event for one in self.all)

    def what(self, name: str, event: str) -> list[tuple[Any, ...]]:
        """Return what somebody heard with an event."""
        return [data for who, heard, data, _ in self.all if (who, heard) == (name, event)]

    def by_all(self, event: str) -> bool:
        return all(event in self.when(name) for name in self._names)

    def expect(self, stage: Stage, after: str, event: str, what: str) -> None:
        heard = [one for one in self.all if one[1] == event]
        if sorted(name for name, *_ in heard) != self._names:
            came = [f'{name} heard "{event}"' for name, event, *_ in self.all]
            stage.fail(
                f'After {after}, {enumerated(self._names)} should each have heard "{event}" once, '
                f"within a second. What happened: {enumerated(came) if came else 'nothing'}.",
                as_=WrongAnswerError if came else NothingCameError,
            )
        for _, _, data, _ in heard:
            if data != (what,):
                stage.fail(
                    f'After {after}, "{event}" should have carried {as_json([what])}, but it '
                    f"carried {as_json(data) or 'nothing'}."
                )


class _Pulse:
    """Beats in the event loop, and in a thread beside it.

    Attributes:
        pause: The longest time between two beats of the loop, in seconds.
        alone: The most beats of the thread between two of the loop. Where the machine is busy, the
            thread does not beat either.
    """

    def __init__(self) -> None:
        self.pause = 0.0
        self.alone = 0
        self._beats = 0
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._end = threading.Event()

    def __enter__(self) -> Self:
        self._in_loop()
        threading.Thread(target=self._in_thread, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._handle.cancel()

    def _in_loop(self) -> None:
        self._beats = 0
        now = self._loop.time()
        self.pause, self._last = max(self.pause, now - self._last), now
        self._handle = self._loop.call_later(_BEAT, self._in_loop)

    def _in_thread(self) -> None:
        while not self._end.wait(_BEAT):
            self._beats += 1
            self.alone = max(self.alone, self._beats)


async def _bake_and_ask(
    stage: Stage, orders: tuple[str, ...], baker: Any, asker: Any, heard: _Heard
) -> str:
    """Bake the last of the orders; return what may be the load's fault, once, or nothing."""
    ordered = " and then with ".join(as_json([what]) for what in orders)
    after = f'{baker.name} emitted "bake" with {ordered}'
    what = orders[-1]
    loop = asyncio.get_running_loop()
    heard.all.clear()
    was_first = False
    with _Pulse() as pulse:
        begin = loop.time()
        await baker.emit("bake", what)
        if await _comes(lambda: bool(heard.all)) and "baking" in heard.when(asker.name):
            # Several times, as a handler may give way for a moment and then block.
            answers = [await stage.call(asker, "open?") for _ in range(3)]
            was_first = "baked" not in heard.when(asker.name)
            if answers != ["yes"] * 3:
                said = next(one for one in answers if one != "yes")
                stage.fail(
                    f'After {asker.name} called "open?", the answer should have been "yes", as '
                    f"before, but it was {said!r}."
                )
        await _comes(lambda: heard.by_all("baked"))
    if heard.by_all("baked"):
        await stage.clear()  # whatever comes more than once
    for event in ("baking", "baked"):
        heard.expect(stage, after, event, what)
    took = heard.when(asker.name)["baked"] - begin
    if took < _OVEN * _NEARLY:
        stage.fail(
            f'After {after}, "baked" came at once. The oven takes {_OVEN:g} s: that has to stay.'
        )
    if not was_first:
        wrong = (
            f'When {asker.name} heard "baking", {asker.name} called "open?", and was answered '
            'only after "baked" had come. Between the two, the server should have time for others.'
        )
    elif pulse.pause >= _OVEN / 2 or (pulse.pause >= _STILL and pulse.alone >= _MANY):
        wrong = (
            f"After {after}, {asker.name} was answered in time, but the server stood still for a "
            'while before "baked" came, and had no time for anybody.'
        )
    elif took > _TOO_LONG:
        wrong = f'After {after}, "baked" came too late. The oven takes {_OVEN:g} s, and no longer.'
    else:
        return ""
    if pulse.alone >= _SURE:
        stage.fail(wrong)
    return wrong


async def _bake_at_once(
    stage: Stage, orders: tuple[str, ...], baker: Any, asker: Any, heard: _Heard
) -> None:
    """Let both clients bake, the first of them twice, before anything is done."""
    heard.all.clear()
    for client, what in zip((baker, asker, baker), orders, strict=True):
        await client.emit("bake", what)
    # They may stand in line for one oven.
    for _ in orders:
        if await _comes(lambda: heard.number("baked") >= 2 * len(orders)):
            break
    await stage.clear()
    for event in ("baking", "baked"):
        for name in (baker.name, asker.name):
            came = heard.what(name, event)
            if sorted(came, key=str) != sorted(((what,) for what in orders), key=str):
                carried = ", ".join(as_json(data) or "nothing" for data in came) or "nothing"
                stage.fail(
                    f'After {baker.name} and {asker.name} emitted "bake" at the same time, with '
                    f'{", ".join(as_json([what]) for what in orders)}, "{event}" should have come '
                    f"once for each, but {name} heard it with {carried}."
                )


async def _show_the_bakery(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, bob = await stage.join("alice", "bob")
    heard = _Heard((alice, bob))
    await alice.emit("bake", "bread")
    await _comes(lambda: "baking" in heard.when("bob"))
    await stage.call(bob, "open?")


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
    ),
    Exercise(
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
    ),
    Exercise(
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
                guests=("frank", "grace"),
            ),
        ),
    ),
    Prediction(
        number="07.4",
        server_source="""
PRICES = {"bread": 3, "cake": 12}


@io.on("order")
async def order(sid, *arguments):
    try:
        what, many = arguments
        await io.emit("ordered", what, skip_sid=sid)
        await io.emit("bill", PRICES[what] * many, to=sid)
        return {"ok": True}
    except Exception:
        return {"ok": False, "error": "Say what, and how many."}
""",
        setup='alice, bob, carol = await lab.join("alice", "bob", "carol")',
        lines=(
            Line(
                'alice.call("order", ("bread", 2))',
                ["bob", "carol", "alice"],
                'Bob and Carol hear "ordered", and Alice hears "bill".',
            ),
            Line(
                'bob.call("order", ("pizza", 1))',
                ["alice", "carol"],
                'There is no price for pizza, but by then "ordered" has gone out. An error takes '
                "nothing back.",
            ),
            Line(
                'carol.emit("order", ["bread", 2])',
                [],
                "A list is one argument, so the unpacking raises before anything is emitted. "
                "Carol did not ask for an answer, and gets none.",
            ),
            Line(
                'carol.emit("order", ("cake", "2"))',
                ["alice", "bob", "carol"],
                "Nothing raises: Python multiplies a number by a text, and the bill is the text "
                '"222222222222". No try finds bad input that does not raise.',
            ),
            Line(
                'alice.call("order", ("cake", None))',
                ["bob", "carol"],
                '12 * None raises, but that is after "ordered". Alice is refused, and '
                "the others have heard of her cake all the same.",
            ),
        ),
        hint_text="Go through the try line by line. What is emitted before the line that raises "
        "has gone out.",
        praise="What has been emitted stays emitted. So look at all the input first, and emit "
        "after that.",
    ),
    Repair(
        number="07.5",
        starter="""
def answer(io):
    import time

    @io.on("bake")
    async def bake(sid, what):
        await io.emit("baking", what)
        time.sleep(0.2)  # the oven
        await io.emit("baked", what)

    @io.on("open?")
    async def is_open(sid):
        return "yes"
""",
        hint_text="""time.sleep stops the whole program, and with it every other handler.
asyncio has a function of the same name, which lets the others run meanwhile.""",
        solution_text="""
import asyncio


def answer(io):
    @io.on("bake")
    async def bake(sid, what):
        await io.emit("baking", what)
        await asyncio.sleep(0.2)  # the oven
        await io.emit("baked", what)

    @io.on("open?")
    async def is_open(sid):
        return "yes"
""",
        praise="While one handler waits for its oven, the server has time for everybody else.",
        play=_a_turn_for_all,
        demo=_show_the_bakery,
        scenes=(
            _Bakery("alice", "bob", ("bread",), at_once=("rolls", "buns", "pizza")),
            _Bakery("dave", "carol", ("cake", "pie")),
        ),
    ),
]
