"""Exercise 07.5: a turn for all."""

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import Any, Self

from chatlib.lab.exercises.exercise import Repair, Stage, WrongAnswerError, run
from chatlib.lab.exercises.lesson_07.shared import NEARLY, TRIES
from chatlib.lab.exercises.stage import NothingCameError
from chatlib.lab.words import as_json, enumerated

_OVEN = 0.2  # seconds
_TOO_LONG = 0.7
_BEAT = 0.01
# Code that runs for so long without giving way does not do so by chance. Where none is to be seen,
# as `call_soon` calls `time.sleep` itself, so many beats tell.
_STILL = 0.03  # seconds
_MANY = 10  # beats
# On a busy machine, anybody may have made the loop pause: then it is tried again, so often at most.
_MOST_TRIES = 10


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
        times_wrong = 0
        for _ in range(_MOST_TRIES):
            wrong = await _bake_and_ask(stage, scene.orders[:number], baker, asker, heard)
            if elsewhere:
                stage.fail(
                    f'"{elsewhere[0]}" was emitted from another event loop than the server\'s '
                    "(asyncio.run makes a new one). The server's is not told, and may sleep on."
                )
            if wrong == "":
                break
            times_wrong += wrong is not None
            if wrong and times_wrong == TRIES:
                stage.fail(wrong)
    if scene.at_once:
        await _bake_at_once(stage, scene.at_once, baker, asker, heard)


def _watch_the_loop(stage: Stage) -> list[str]:
    """Return a list to which each event goes that is emitted from another loop."""
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
    """Beats in the event loop, and in a thread beside it that looks at what the loop runs.

    Args:
        is_own: Tells whether the reader's code is running, among a frame and its callers.

    Attributes:
        still: The longest time that the reader's code was seen to run between two beats of the
            loop, in seconds. A loop that merely gets no turn, as the machine is busy, is rarely
            seen in that code.
        gap: The longest time between two beats of the loop, in seconds: whatever blocks the loop
            takes no longer.
        alone: The most beats of the thread between two of the loop.
    """

    def __init__(self, is_own: Callable[[FrameType | None], object]) -> None:
        self.still = 0.0
        self.gap = 0.0
        self.alone = 0
        self._is_own = is_own
        self._loop = asyncio.get_running_loop()
        self._loop_thread = threading.get_ident()
        self._end = threading.Event()
        self._since: float | None = None
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        self._in_loop()
        threading.Thread(target=self._in_thread, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._handle.cancel()

    def _in_loop(self) -> None:
        since, last, self._last = self._since, self._last, time.monotonic()
        self.gap = max(self.gap, self._last - last)
        if since is not None:
            self.still = max(self.still, self._last - since)
        self._beats = 0
        self._since = None
        self._handle = self._loop.call_later(_BEAT, self._in_loop)

    def _in_thread(self) -> None:
        while not self._end.wait(_BEAT):
            since, now = self._since, time.monotonic()
            frame = sys._current_frames().get(self._loop_thread)
            if _starts_a_thread(frame):
                self._since = None
                continue
            self._beats += 1
            self.alone = max(self.alone, self._beats)
            if not self._is_own(frame):
                self._since = None
            elif since is None:
                self._since = now
            else:
                self.still = max(self.still, now - since)


def _starts_a_thread(frame: FrameType | None) -> bool:
    """Tell whether a frame waits for a new thread to begin, which a busy machine may let wait."""
    while frame and frame.f_code is not threading.Thread.start.__code__:
        frame = frame.f_back
    return frame is not None


async def _bake_and_ask(
    stage: Stage, orders: tuple[str, ...], baker: Any, asker: Any, heard: _Heard
) -> str | None:
    """Bake the last of the orders.

    Returns:
        What is wrong, which may be the load's fault, once; nothing if all is well; None if nobody
        can tell.
    """
    ordered = " and then with ".join(as_json([what]) for what in orders)
    after = f'{baker.name} emitted "bake" with {ordered}'
    what = orders[-1]
    loop = asyncio.get_running_loop()
    heard.all.clear()
    was_first = False
    with _Pulse(stage.own_frame) as pulse:
        begin = loop.time()
        await baker.emit("bake", what)
        if await stage.comes(lambda: bool(heard.all)) and "baking" in heard.when(asker.name):
            # Several times, as a handler may give way for a moment and then block.
            answers = [await stage.call(asker, "open?") for _ in range(3)]
            was_first = "baked" not in heard.when(asker.name)
            if answers != ["yes"] * 3:
                said = next(one for one in answers if one != "yes")
                stage.fail(
                    f'After {asker.name} called "open?", the answer should have been "yes", as '
                    f"before, but it was {said!r}."
                )
        await stage.comes(lambda: heard.by_all("baked"))
    if heard.by_all("baked"):
        await stage.clear()  # whatever comes more than once
    for event in ("baking", "baked"):
        heard.expect(stage, after, event, what)
    took = heard.when(asker.name)["baked"] - begin
    if took < _OVEN * NEARLY:
        stage.fail(
            f'After {after}, "baked" came at once. The oven takes {_OVEN:g} s: that has to stay.'
        )
    if not was_first:
        wrong = (
            f'When {asker.name} heard "baking", {asker.name} called "open?", and was answered '
            'only after "baked" had come. Between the two, the server should have time for others.'
        )
    elif pulse.still >= _STILL or pulse.alone >= _MANY:
        wrong = (
            f"After {after}, {asker.name} was answered in time, but the server stood still for a "
            'while before "baked" came, and had no time for anybody.'
        )
    elif took > _TOO_LONG:
        wrong = f'After {after}, "baked" came too late. The oven takes {_OVEN:g} s, and no longer.'
    elif pulse.gap >= _STILL + _BEAT:
        return None
    else:
        return ""
    if pulse.still >= _OVEN / 2:
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
        if await stage.comes(lambda: heard.number("baked") >= 2 * len(orders)):
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
    await stage.comes(lambda: "baking" in heard.when("bob"))
    await stage.call(bob, "open?")


EXERCISE = Repair(
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
)
