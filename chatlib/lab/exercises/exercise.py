"""What an exercise is, and how an answer is judged: by what live clients hear of it."""

import ast
import asyncio
import inspect
import textwrap
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import socketio

from chatlib.lab.lab import Lab
from chatlib.lab.trace import SERVER, Emission, Packet, Step
from chatlib.lab.wire import LabTimeoutError
from chatlib.lab.words import as_json, enumerated

# An answer that hangs is told so after this many seconds.
_TIMEOUT = 2.0

# JupyterLab breaks longer lines in the middle of a word.
_LINE = 88

_ANYTHING: Any = object()


class WrongAnswerError(Exception):
    """An answer is not right; the message says what was expected of whom, and what happened."""


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


class Stage:
    """A lab of an exercise's own, that says what its clients should have heard.

    Attributes:
        io: The server that the answer works on.
        lab: The lab.
    """

    def __init__(self, io: socketio.AsyncServer, lab: Lab) -> None:
        self.io = io
        self.lab = lab

    async def join(self, *names: str, auth: Any = None) -> Any:
        """Connect clients, as `Lab.join` does, and forget what happened until then."""
        clients = await self.lab.join(*names, auth=auth)
        await self.lab.clear()
        return clients

    async def expect(
        self, after: str, event: str, *, by: Iterable[str], data: Any = _ANYTHING
    ) -> None:
        """Wait until all is quiet, then see who heard an event since the last time.

        Args:
            after: What was done, as the beginning of a sentence: ``alice emitted "shout"``.
            event: The event's name.
            by: The names of the clients that should have heard it, once each, and nobody else.
            data: What should have come with it; anything, if not given.

        Raises:
            WrongAnswerError: Somebody should have heard it and did not, or the other way round.
        """
        wanted = sorted(set(by))
        deliveries = await self.deliveries()
        heard = [packet for packet in deliveries if packet.event == event]
        names = [packet.target for packet in heard]
        missed, extra = sorted(set(wanted) - set(names)), sorted(set(names) - set(wanted))
        twice = sorted({name for name in names if names.count(name) > 1})
        if wanted and not deliveries:
            self.fail(
                f'After {after}, {enumerated(wanted)} should have heard "{event}". Nobody did.'
            )
        if missed:
            self.fail(
                f'After {after}, {enumerated(missed)} should have heard "{event}" and did not',
                deliveries,
            )
        if extra:
            self.fail(f'After {after}, {enumerated(extra)} should not have heard "{event}"', heard)
        if twice:
            self.fail(f'After {after}, {enumerated(twice)} heard "{event}" more than once', heard)
        if data is not _ANYTHING:
            self.expect_data(after, heard, data if isinstance(data, tuple) else (data,))

    def expect_data(self, after: str, heard: Iterable[Packet], data: tuple[Any, ...]) -> None:
        """See what came with an event.

        Args:
            after: As for `expect`.
            heard: The event, as each client heard it.
            data: The arguments that should have come with it.

        Raises:
            WrongAnswerError: One of them came with other data.
        """
        for packet in heard:
            if packet.data != data:
                came, wanted = (as_json(values) or "nothing" for values in (packet.data, data))
                self.fail(
                    f'After {after}, "{packet.event}" should have carried {wanted}, '
                    f"but it carried {came}."
                )

    async def deliveries(self) -> list[Packet]:
        """Wait until all is quiet, then return what reached clients since the last time."""
        await self.lab.settle()
        steps = self.lab.trace.take()
        return [packet for step in steps for packet in _deliveries(step)]

    def fail(self, sentence: str, heard: Iterable[Packet] = ()) -> None:
        """Judge the answer to be wrong.

        Args:
            sentence: What was expected of whom, and what happened.
            heard: What was heard instead; ends the sentence.

        Raises:
            WrongAnswerError: Always.
        """
        if found := [f'{p.target} heard "{p.event}"' for p in heard]:
            sentence += f". What happened: {enumerated(dict.fromkeys(found))}."
        raise WrongAnswerError(self.lab.trace.with_names(sentence))


def _bare_server() -> socketio.AsyncServer:
    return socketio.AsyncServer(async_mode="aiohttp")


@dataclass(frozen=True)
class Exercise:
    """A task for the reader, and the means to check an answer.

    Attributes:
        number: The lesson's number and its own, for example ``"03.1"``.
        starter: The function that the reader completes, as source.
        hint_text: What `hint` prints.
        solution_text: A function that is right, as source.
        praise: Why the right answer is right.
        play: Plays the answer on a stage, and raises `WrongAnswerError` if it is not right.
        server: Makes the server of the stage; one without handlers, if not given.
    """

    number: str
    starter: str
    hint_text: str
    solution_text: str
    praise: str
    play: Callable[[Callable[..., Any], Stage], Awaitable[None]]
    server: Callable[[], socketio.AsyncServer] = _bare_server

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
        if _same_code(answer, self.starter):
            return Verdict("not yet", "Replace the ... with your code and run the cell again.")
        io = self.server()
        try:
            async with await Lab.open(io, name=f"exercise {self.number}", timeout=_TIMEOUT) as lab:
                await self.play(answer, Stage(io, lab))
        except WrongAnswerError as wrong:
            return Verdict("wrong", str(wrong))
        except LabTimeoutError as late:
            return Verdict("wrong", f"Something does not end. {late}")
        except Exception as error:  # noqa: BLE001  (the reader's code may raise anything)
            return Verdict("wrong", _told(error))
        return Verdict("right", self.praise)


async def run(answer: Callable[..., Any], *arguments: Any) -> Any:
    """Call a reader's function, which may or may not be a coroutine function."""
    result = answer(*arguments)
    if not inspect.isawaitable(result):
        return result
    try:
        async with asyncio.timeout(_TIMEOUT) as timeout:
            return await result
    except TimeoutError:
        if not timeout.expired():
            raise
        raise LabTimeoutError(f"Waited {_TIMEOUT:g} s for your function to end.") from None


def _deliveries(step: Step) -> list[Packet]:
    match step:
        case Emission():
            return [packet for packet in step.deliveries if packet.arrived]
        case Packet(kind="event", arrived=True) if step.source == SERVER:
            return [step]
    return []


def _same_code(answer: Callable[..., Any], starter: str) -> bool:
    try:
        written = textwrap.dedent(inspect.getsource(answer))
    except (OSError, TypeError):
        return False
    return ast.dump(ast.parse(written)) == ast.dump(ast.parse(starter))


def _told(error: Exception) -> str:
    where = " ".join(getattr(error, "__notes__", []))
    what = str(error).rstrip(".")
    return f"Your code raised {type(error).__name__}: {what}. {where}".strip()
