"""Exercises in which the reader says beforehand who will hear what."""

import ast
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import socketio
from IPython.display import display

from chatlib.lab.exercises.awaited import to_be_awaited
from chatlib.lab.exercises.comparison import Comparison
from chatlib.lab.exercises.exercise import Verdict, bare_server
from chatlib.lab.exercises.stage import deliveries_in
from chatlib.lab.lab import Lab
from chatlib.lab.trace import Step
from chatlib.lab.words import enumerated

_NOBODY = ("nobody", "none", "no one", "")
_EVERYONE = ("everyone", "everybody", "all")


class _UnreadableGuessError(Exception):
    """A guess cannot be compared; the message says why."""


@dataclass(frozen=True)
class Line:
    """A line of a scene: it does something that clients may hear of.

    Attributes:
        code: The line; without an ``await`` in it, it gets one in front.
        heard: Who hears something of it, a name for each time; None if that is not asked.
        why: Why it is those, for a reader who guessed otherwise.
    """

    code: str
    heard: Sequence[str] | None = None
    why: str = ""


@dataclass(frozen=True, repr=False, kw_only=True)
class Prediction:
    """An exercise to say who will hear what; the check shows the guess beside what happens.

    Attributes:
        number: The lesson's number and its own, for example ``"03.4"``.
        server_source: What the reader sees of the server: Python that uses ``io``.
        setup: Lines that connect the clients, by ``lab.join``; nothing of them counts.
        lines: The lines of the scene, one after the other.
        hint_text: What `hint` prints.
        praise: What is said of a guess that is right.
        events: The events that count; all, if not given.
        server: Makes the server; one without handlers, if not given.
        names: What the lines can use besides ``io`` and ``lab``.
        options: Passed on to `Lab.open`, for example ``faults=True``.
    """

    number: str
    server_source: str
    setup: str
    lines: tuple[Line, ...]
    hint_text: str
    praise: str
    events: tuple[str, ...] | None = None
    server: Callable[[], socketio.AsyncServer] = bare_server
    names: Mapping[str, Any] | None = None
    options: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        return f"Exercise {self.number}: .check(answer), .hint(), .solution()"

    @property
    def starter(self) -> str:
        """The guess that the reader completes, as source."""
        rows = "".join(f"    {line.code!r}: ...,\n" for line in self._asked())
        return f"\nanswer = {{\n{rows}}}\n"

    @property
    def solution_text(self) -> str:
        """The guess that is right, as source."""
        rows = "".join(f"    {line.code!r}: {list(line.heard or [])},\n" for line in self._asked())
        return f"\nanswer = {{\n{rows}}}\n"

    @to_be_awaited
    async def check(self, answer: Any) -> None:
        """Play the scene on live clients, print what comes of a guess, and draw it.

        Args:
            answer: The guess: a dict with the names of those who will hear each line.
        """
        verdict, picture = await self.compare(answer)
        print(verdict)
        if picture:
            display(picture)  # type: ignore[no-untyped-call]

    async def judge(self, answer: Any) -> Verdict:
        """Play the scene on live clients, and return what comes of a guess."""
        verdict, _ = await self.compare(answer)
        return verdict

    def hint(self) -> None:
        """Print a hint."""
        print(self.hint_text)

    def solution(self) -> None:
        """Print the guess that is right."""
        print(self.solution_text.strip())

    async def compare(self, answer: Any) -> tuple[Verdict, Comparison | None]:
        """Return what comes of a guess, and the picture of it, if there is one."""
        asked = self._asked()
        if isinstance(answer, Mapping) and (open_ := self._open(answer)):
            if len(open_) == len(asked):
                return Verdict("not yet", "Replace each ... with the names of who hears it."), None
            return Verdict("not yet", f"There is no guess for {enumerated(open_)}."), None
        happened, clients = await self._happened()
        try:
            guess = self._read(answer, clients)
        except _UnreadableGuessError as error:
            return Verdict("wrong", str(error)), None
        picture = Comparison([line.code for line in asked], clients, guess, happened)
        for line in asked:
            if guess[line.code] != happened[line.code]:
                said = _difference(line.code, guess[line.code], happened[line.code])
                return Verdict("wrong", f"{said} {line.why}"), picture
        return Verdict("right", self.praise), picture

    def _asked(self) -> list[Line]:
        return [line for line in self.lines if line.heard is not None]

    def _open(self, answer: Mapping[Any, Any]) -> list[str]:
        """Return the lines that have no guess yet."""
        return [line.code for line in self._asked() if answer.get(line.code, ...) is ...]

    async def _happened(self) -> tuple[dict[str, Counter[str]], list[str]]:
        """Play the scene, and return who heard each line, and the names of all clients."""
        io = self.server()
        name, options = f"exercise {self.number}", self.options or {}
        happened = {}
        async with await Lab.open(io, name=name, **options) as lab:
            names = {"io": io, "lab": lab} | dict(self.names or {})
            await _run(self.server_source, names)
            await _run(self.setup, names)
            await lab.clear()
            for line in self.lines:
                await _run(line.code if "await " in line.code else f"await {line.code}", names)
                await lab.settle()
                heard = Counter(_who_heard(lab.trace.take(), self.events))
                if line.heard is not None:
                    happened[line.code] = heard
            return happened, list(lab.trace.clients)

    def _read(self, answer: Any, clients: Sequence[str]) -> dict[str, Counter[str]]:
        if not isinstance(answer, Mapping):
            raise _UnreadableGuessError(
                "A guess is a dict: for each line, a list of the names of who hears it."
            )
        return {
            line.code: Counter(_names(answer[line.code], line.code, clients))
            for line in self._asked()
        }


def _names(guess: Any, line: str, clients: Sequence[str]) -> list[str]:
    """Return the names in a guess, which may be a list of them, or text."""
    if isinstance(guess, str):
        word = guess.strip().casefold()
        guess = [word] if word in (*_NOBODY, *_EVERYONE) else re.split(r"[\s,;&]+|\band\b", guess)
    if isinstance(guess, Mapping):  # of how often, as a Counter is
        guess = [name for name, n in guess.items() for _ in range(n if isinstance(n, int) else 1)]
    named = [name for name in (guess if isinstance(guess, Iterable) else [guess]) if name]
    if len(named) == 1 and str(named[0]).strip().casefold() in _EVERYONE:
        return list(clients)
    if all(str(name).strip().casefold() in _NOBODY for name in named):
        return []
    # A client of the notebook's, `[alice]` without quotes, is meant by its name.
    names = [str(getattr(name, "name", name)).strip().casefold() for name in named]
    for name, written in zip(names, named, strict=True):
        if name not in clients:
            raise _UnreadableGuessError(
                f"The guess for {line} names {written!r}; there are {enumerated(clients)}."
            )
    return names


def _difference(line: str, guess: Counter[str], happened: Counter[str]) -> str:
    """Say in a sentence how a guess differs from what happened."""
    parts = []
    names = list(dict.fromkeys([*happened, *guess]))
    if missed := [name for name in names if happened[name] and not guess[name]]:
        parts.append(f"{enumerated(missed)} heard it, and your guess leaves them out")
    if extra := [name for name in names if guess[name] and not happened[name]]:
        parts.append(f"{enumerated(extra)} did not hear it, and your guess names them")
    parts += [
        f"{name} heard it {_times(happened[name])}, not {_times(guess[name])}"
        for name in names
        if guess[name] and happened[name] and guess[name] != happened[name]
    ]
    return f"{line}: {'; '.join(parts)}."


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _who_heard(steps: Iterable[Step], events: tuple[str, ...] | None) -> list[str]:
    heard = deliveries_in(steps)
    return [packet.target for packet in heard if events is None or packet.event in events]


async def _run(source: str, names: dict[str, Any]) -> None:
    """Run source that may await, as a cell of a notebook does."""
    code = compile(source, "<scene>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, names)  # noqa: S307  (the exercise's own source)
    if inspect.isawaitable(result):
        await result
