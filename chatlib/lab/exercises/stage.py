"""A lab of an exercise's own, that says what its clients should have heard."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import socketio

from chatlib.lab.errors import LabTimeoutError
from chatlib.lab.exercises.reader import Watch
from chatlib.lab.handlers import handled_events, handles
from chatlib.lab.lab import Lab
from chatlib.lab.trace import SERVER, Emission, Packet, Step
from chatlib.lab.words import as_json, enumerated

# An answer that hangs is told so after this many seconds.
TIMEOUT = 2.0

# Tasks of the reader's that do nothing for this many seconds wait for something to come.
_IDLE = 0.1
# What the code puts off, by `call_later` and the like, usually comes within so many seconds.
_PUT_OFF = 0.3
# What was not heard may still come for this many seconds, and for longer if the code says so.
_SOON, _LATER = 0.1, 1.5
# How often to look whether it has.
_LOOK = 0.02
# A right answer does what is asked at once; one that has done nothing in so many looks never will.
# Looks are counted and not seconds: on a busy machine they take longer, as the answer does.
_LOOKS = 30
# While clients and server talk, more may come: such a look counts for a part of one.
_BUSY = 0.1

_ANYTHING: Any = object()

_Test = Callable[[list[Packet]], bool]


class WrongAnswerError(Exception):
    """An answer is not right; the message says what was expected of whom, and what happened."""


class NothingCameError(WrongAnswerError):
    """Something that was waited for did not come; there may be no handler to send it."""


class Stage:
    """A lab of an exercise's own, that says what its clients should have heard.

    Args:
        io: The server that the answer works on.
        lab: The lab.
        watch: What watches the reader's code.

    Attributes:
        io: The server that the answer works on.
        lab: The lab.
        own_frame: Returns the innermost frame of the reader's code, among a frame and its callers.
    """

    def __init__(self, io: socketio.AsyncServer, lab: Lab, watch: Watch) -> None:
        self.io = io
        self.lab = lab
        self._watch = watch
        lab.leave_out(watch)
        self._sent: list[Packet] = []
        self.own_frame = watch.code.own_frame

    async def join(self, *names: str, auth: Any = None, **options: Any) -> Any:
        """Connect clients, as `Lab.join` does, and forget what happened until then."""
        clients = await self.lab.join(*names, auth=auth, **options)
        await self.clear()
        return clients

    async def clear(self) -> None:
        """Wait until all is quiet, and forget what happened until then."""
        await self._quiet()
        self.lab.trace.clear()
        self._sent.clear()

    async def call(self, client: Any, event: str, data: Any = None) -> Any:
        """Return what the server answers to a client, as `Client.call` does.

        Raises:
            WrongAnswerError: Nobody answered.
        """
        no_answer = f'{client.name} called "{event}" and got no answer.'
        if not handles(self.io, event) and not self.io.namespace_handlers:
            await client.emit(event, data)  # whatever else the reader's code makes of it
            await self._quiet()
            self.fail(no_answer, as_=NothingCameError)
        try:
            return await client.call(event, data)
        except LabTimeoutError:
            self.fail(no_answer, as_=NothingCameError)

    async def expect(
        self, after: str, event: str, *, by: Iterable[str], data: Any = _ANYTHING
    ) -> None:
        """Wait until all is quiet, then see who heard an event since the last time.

        Args:
            after: What was done, as the beginning of a sentence: ``alice emitted "shout"``.
            event: The event's name. What else was heard is no mistake.
            by: The names of the clients that should have heard it, once each, and nobody else.
            data: What should have come with it; anything, if not given.

        Raises:
            WrongAnswerError: Somebody should have heard it and did not, or the other way round.
        """
        wanted = sorted(set(by))
        deliveries = await self.deliveries(
            lambda found: {p.target for p in found if p.event == event} >= set(wanted)
        )
        heard = [packet for packet in deliveries if packet.event == event]
        names = [packet.target for packet in heard]
        missed, extra = sorted(set(wanted) - set(names)), sorted(set(names) - set(wanted))
        twice = sorted({name for name in names if names.count(name) > 1})
        if wanted and not deliveries:
            self.fail(
                f'After {after}, {enumerated(wanted)} should have heard "{event}". Nobody did.',
                as_=NothingCameError,
            )
        if missed:
            self.fail(
                f'After {after}, {enumerated(missed)} should have heard "{event}" and did not',
                deliveries,
                as_=NothingCameError,
            )
        if extra:
            self.fail(f'After {after}, {enumerated(extra)} should not have heard "{event}"', heard)
        if twice:
            self.fail(f'After {after}, {enumerated(twice)} heard "{event}" more than once.')
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

    async def deliveries(self, until: _Test | None = None) -> list[Packet]:
        """Wait until all is quiet, then return what reached clients since the last time.

        Args:
            until: Tells whether all that is wanted has come. What has not is waited for a little,
                as the reader's code may have put it off.
        """
        steps = await self._steps()
        puts_off = self._watch.code.may_act_later()
        if puts_off and not (until and not until([])):  # what nobody should hear may come, too
            await asyncio.sleep(_PUT_OFF)
            steps += await self._steps()
        loop = asyncio.get_running_loop()
        end = loop.time() + (_LATER if puts_off or self._watch.pending() else _SOON)
        while until and not until(deliveries_in(steps)) and loop.time() < end:
            await asyncio.sleep(_LOOK)
            steps += await self._steps()
        return deliveries_in(steps)

    async def comes(self, test: Callable[[], bool]) -> bool:
        """Wait for something that should come at once; return whether it has."""
        looks, before = 0.0, len(self.lab.trace.steps)
        while looks < _LOOKS and not test():
            await asyncio.sleep(_LOOK)
            steps = len(self.lab.trace.steps)
            looks += 1 if steps == before else _BUSY
            before = steps
        return test()

    def fail(
        self,
        sentence: str,
        heard: Iterable[Packet] = (),
        as_: type[WrongAnswerError] = WrongAnswerError,
    ) -> NoReturn:
        """Judge the answer to be wrong.

        Args:
            sentence: What was expected of whom, and what happened.
            heard: What was heard instead; ends the sentence.
            as_: `NothingCameError` where an event without a handler would explain it better.

        Raises:
            WrongAnswerError: Always.
        """
        if found := [f'{p.target} heard "{p.event}"' for p in heard]:
            sentence += f". What happened: {enumerated(dict.fromkeys(found))}."
        raise as_(self.lab.trace.with_names(sentence))

    def unhandled(self) -> str:
        """Return that an event came for which the server has no handler, or nothing."""
        self._note(self.lab.trace.steps)
        for packet in self._sent:
            if not handles(self.io, packet.event):
                handled = handled_events(self.io)
                own = [f'"{name}"' for name in handled if name not in ("connect", "disconnect")]
                has = f"; it has one for {enumerated(own)}" if own else ""
                return (
                    f'{packet.source} sent "{packet.event}", and the server has no handler for '
                    f"it{has}."
                )
        return ""

    async def _steps(self) -> list[Step]:
        await self._quiet()
        steps = self.lab.trace.take()
        self._note(steps)
        return steps

    async def _quiet(self) -> None:
        """Wait for all that is under way, and for the tasks that the reader's code has started."""
        await self.lab.settle()
        while pending := self._watch.pending():
            before = len(self.lab.trace.steps)
            await asyncio.wait(pending, timeout=_IDLE, return_when=asyncio.FIRST_COMPLETED)
            await self.lab.settle()
            if self._watch.pending() == pending and len(self.lab.trace.steps) == before:
                return

    def _note(self, steps: Iterable[Step]) -> None:
        self._sent += [
            step
            for step in steps
            if isinstance(step, Packet) and step.kind == "event" and step.target == SERVER
        ]


def deliveries_in(steps: Iterable[Step]) -> list[Packet]:
    """Return what has reached clients by now; an emission may still be under way."""
    found: list[Packet] = []
    for step in steps:
        match step:
            case Emission():
                found += [packet for packet in step.deliveries if packet.arrived]
            case Packet(kind="event", arrived=True) if step.source == SERVER:
                found.append(step)
    return found
