"""What an exercise is, and how an answer is judged: by what live clients hear of it."""

import asyncio
import contextlib
import gc
import inspect
import re
import textwrap
import traceback
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import socketio
from IPython.display import display
from socketio.exceptions import ConnectionError as SocketConnectionError

from chatlib.lab.blocking import BlockedLoopError, Stop
from chatlib.lab.errors import LabTimeoutError
from chatlib.lab.exercises.awaited import to_be_awaited
from chatlib.lab.exercises.reader import (
    Code,
    Watch,
    borrowed,
    misused,
    not_awaited,
)
from chatlib.lab.exercises.stage import TIMEOUT, NothingCameError, Stage, WrongAnswerError
from chatlib.lab.lab import Lab
from chatlib.lab.pictures import SequenceDiagram

__all__ = ["Exercise", "Repair", "Stage", "Verdict", "WrongAnswerError", "run"]

# JupyterLab breaks longer lines in the middle of a word.
_LINE = 88

_OnStage = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Verdict:
    """What a checker found.

    Attributes:
        kind: ``right``, ``wrong``, or ``not yet`` for a starter that nobody has touched.
        message: Why.
    """

    kind: Literal["right", "wrong", "not yet"]
    message: str

    def __str__(self) -> str:
        """Return the verdict as a learner reads it."""
        sign = {"right": "✓ Right.", "wrong": "✗ Not right.", "not yet": "… Not yet."}[self.kind]
        return textwrap.fill(f"{sign} {self.message}", _LINE, break_on_hyphens=False)


def bare_server() -> socketio.AsyncServer:
    """Return a server without handlers."""
    return socketio.AsyncServer(async_mode="aiohttp")


@dataclass(frozen=True, repr=False, kw_only=True)
class Exercise:
    """A task for the reader, and the means to check an answer.

    Attributes:
        number: The lesson's number and its own, for example ``"03.1"``.
        starter: The function that the reader completes, as source.
        hint_text: What `hint` prints.
        solution_text: A function that is right, as source.
        praise: Why the right answer is right.
        play: Plays the answer on a stage in one of the scenes, and raises `WrongAnswerError` if it
            is not right.
        scenes: What differs from scene to scene: who sends, the values, the names and the rooms.
        server: Makes the server of the stage; one without handlers, if not given.
        not_yet: What is said of a starter that nobody has touched.
    """

    number: str
    starter: str
    hint_text: str
    solution_text: str
    praise: str
    play: Callable[..., Awaitable[None]]
    scenes: tuple[Any, ...]
    server: Callable[[], socketio.AsyncServer] = bare_server
    not_yet: str = "Replace the ... with your code and run the cell again."

    def __repr__(self) -> str:
        return f"Exercise {self.number}: .check(answer), .hint(), .solution()"

    @to_be_awaited
    async def check(self, answer: Callable[..., Any]) -> None:
        """Try an answer with live clients, and print what comes of it.

        Args:
            answer: The function that the exercise asks for.
        """
        print(await self.judge(answer))

    def hint(self) -> None:
        """Print a hint."""
        print(self.hint_text)

    def solution(self) -> None:
        """Print a right answer."""
        print(self.solution_text.strip())

    async def judge(self, answer: Callable[..., Any]) -> Verdict:
        """Try an answer with live clients, and return what comes of it."""
        if not callable(answer):
            return Verdict("wrong", "Hand over the function itself, by its name.")
        if Code(answer).is_same(self.starter):
            return Verdict("not yet", self.not_yet)
        for scene in self.scenes:
            if wrong := await self.complaint(answer, partial(_play, self.play, answer, scene)):
                return Verdict("wrong", wrong)
        return Verdict("right", self.praise)

    async def complaint(self, answer: Callable[..., Any], play: _OnStage) -> str:
        """Play something on a stage of its own, and return what is wrong with an answer, if it is.

        Args:
            answer: What the reader hands over.
            play: What to play with it.
        """
        io = self.server()
        with Watch(Code(answer)) as watch, _little_to_collect():
            found = await self._on_stage(io, watch, play)
            # A coroutine that nobody awaits warns when it goes, which may be much later: the lab
            # had it among what was sent, or on newer Pythons only the collector finds it.
            if "coroutine" in found or watch.code.may_forget_to_await():
                gc.collect()
        return misused(watch) or (found and (borrowed(watch, io) or _failed(watch) or found))

    async def _on_stage(self, io: socketio.AsyncServer, watch: Watch, play: _OnStage) -> str:
        stage = None
        try:
            name = f"exercise {self.number}"
            async with await Lab.open(io, name=name, timeout=TIMEOUT) as lab:
                stage = Stage(io, lab, watch)
                await play(stage)
        except NothingCameError as wrong:
            return (stage.unhandled() if stage else "") or str(wrong)
        except WrongAnswerError as wrong:
            return str(wrong)
        except LabTimeoutError as late:
            return (stage.unhandled() if stage else "") or f"Something does not end. {late}"
        except (BlockedLoopError, Stop) as error:
            return str(error) or type(error).__name__  # the watch has more to say
        except Exception as error:  # noqa: BLE001  (the reader's code may raise anything)
            # What was not awaited is noticed when nothing holds it any more.
            traceback.clear_frames(error.__traceback__)
            told = _told(error, watch.code)
            return stage.lab.trace.with_names(told) if stage else told
        finally:
            await watch.stop()
        return ""


@dataclass(frozen=True, repr=False, kw_only=True)
class Repair(Exercise):
    """An exercise whose starter is code with a bug in it, to be found in its picture.

    Attributes:
        demo: What `show` plays for the picture.
    """

    demo: Callable[[Callable[..., Any], Stage], Awaitable[None]]
    not_yet: str = "This is the code as it came, with its bug. Repair it and run the cell again."

    def __repr__(self) -> str:
        return f"Exercise {self.number}: .show(answer), .check(answer), .hint(), .solution()"

    @to_be_awaited
    async def show(self, answer: Callable[..., Any]) -> None:
        """Draw what happens with an answer, right or wrong.

        Args:
            answer: The function that the exercise asks for.
        """
        picture = await self.picture(answer)
        if isinstance(picture, str):
            print(f"There is no picture. {picture}")
        else:
            display(picture)  # type: ignore[no-untyped-call]

    async def picture(self, answer: Callable[..., Any]) -> SequenceDiagram | str:
        """Return what `show` displays, or why there is nothing to display."""
        pictures: list[SequenceDiagram] = []

        async def play(stage: Stage) -> None:
            await self.demo(answer, stage)
            pictures.append(await stage.lab.picture())

        wrong = await self.complaint(answer, play)
        return pictures[0] if pictures else wrong


async def _play(
    play: Callable[..., Awaitable[None]], answer: Callable[..., Any], scene: Any, stage: Stage
) -> None:
    await play(answer, stage, scene)


async def run(answer: Callable[..., Any], *arguments: Any) -> Any:
    """Call a reader's function, which may or may not be a coroutine function.

    Raises:
        LabTimeoutError: It does not end.
    """
    result = answer(*arguments)
    if not inspect.isawaitable(result):
        return result
    try:
        async with asyncio.timeout(TIMEOUT) as timeout:
            return await result
    except TimeoutError:
        if not timeout.expired():
            raise
        raise LabTimeoutError(f"Waited {TIMEOUT:g} s for your function to end.") from None


@contextlib.contextmanager
def _little_to_collect() -> Iterator[None]:
    """Keep what is there already from the collector, which would take a second in a big kernel."""
    if gc.get_freeze_count():  # somebody else keeps it from there, and `unfreeze` would end that
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _failed(watch: Watch) -> str:
    """Return what a task of the reader's raised, that nobody waits for, or nothing."""
    return _told(error, watch.code) if (error := watch.failure()) else ""


def _told(error: Exception, code: Code) -> str:
    if isinstance(error, ExceptionGroup):  # several handlers failed; one is enough to mend
        error = error.exceptions[0]
    # A reader does not know how Python shows a function in a function.
    what = re.sub(r"\b(?:\w+\.<locals>\.)+| at 0x\w+", "", str(error)).rstrip(".")
    if isinstance(error, TypeError) and "coroutine" in what and (calls := code.unawaited()):
        return f"{not_awaited(calls[:1])} The coroutine itself went on, and that is no data."
    if isinstance(error, SocketConnectionError) and "namespaces failed to connect" in what:
        return "A client that should be let in was refused: connect returned False, or refused it."
    what = f"{type(error).__name__}: {what}" if what else type(error).__name__
    return f"Your code raised {what}. {' '.join(getattr(error, '__notes__', []))}".strip()
