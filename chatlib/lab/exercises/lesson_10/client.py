"""Exercise 10.2: a client by hand."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import socketio

from chatlib.lab.errors import LabTimeoutError
from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.packets import UNREADABLE
from chatlib.lab.trace import SERVER, Frame, Packet
from chatlib.lab.words import as_json

_PATH = "/socket.io/?EIO=4&transport=websocket"
_PING_INTERVAL = 0.05  # seconds
# So often the server looks for a pong before it answers all the same.
_LOOKS, _LOOK = 30, 0.02


@dataclass(frozen=True)
class _Shout:
    name: str
    text: str
    back: Any
    news: tuple[str, str]


class _Hall:
    """Where somebody shouts: a server that is in no hurry to answer.

    Attributes:
        heard: The arguments of each shout.
    """

    def __init__(self, stage: Stage, scene: _Shout) -> None:
        self.heard: list[tuple[Any, ...]] = []
        self._stage = stage
        self._scene = scene
        stage.io.on("shout", self._shout)

    async def _shout(self, sid: str, *args: Any) -> Any:
        self.heard.append(args)
        io, (before, after) = self._stage.io, self._scene.news
        await io.emit("news", before, to=sid)
        for _ in range(_LOOKS):
            if self._number_of("3", self._scene.name):
                break
            await asyncio.sleep(_LOOK)
        await io.emit("news", after, to=sid)
        return self._scene.back

    def check_heard(self) -> None:
        """See whether the shout has come as it should."""
        if len(self.heard) != 1:
            times = "never" if not self.heard else f"{len(self.heard)} times"
            self._stage.fail(f'The server should have heard "shout" once; it heard it {times}.')
        if self.heard[0] != (self._scene.text,):
            self._stage.fail(
                f'"shout" should have carried {as_json([self._scene.text])}, but it carried '
                f"{as_json(self.heard[0]) or 'nothing'}."
            )

    def check_pongs(self) -> None:
        """See whether each ping before the answer has got its pong."""
        name, frames = self._scene.name, [*self._stage.lab.trace.frames]
        answered = next((n for n, one in enumerate(frames) if _is_answer(one)), len(frames))
        pings = sum(_is(one, "2", SERVER) for one in frames[:answered])
        if (pongs := self._number_of("3", name)) < pings:
            some = "and" if not pongs else f"and only {pongs} of {pings} times"
            self._stage.fail(
                f"The server sent 2, a ping, before its answer, {some} {name} did not send 3, a "
                "pong. A server hangs up on who does not."
            )
        beats = (_is(one, "2", SERVER) - _is(one, "3", name) for one in frames)
        if min(itertools.accumulate(beats), default=0) < 0:
            self._stage.fail(f"{name} sent 3, a pong, though no ping had come.")

    def check_frames(self) -> None:
        """See whether all that was sent could be read."""
        steps = self._stage.lab.trace.steps
        frames = self._stage.lab.trace.frames
        if any(one.by_hand and isinstance(one.data, bytes) for one in frames):
            self._stage.fail(f"{self._scene.name} sent bytes, and a packet is text.")
        if any(isinstance(one, Packet) and one.event == UNREADABLE for one in steps):
            self._stage.fail(
                f"{self._scene.name} sent a message that is no packet: after the digits there has "
                "to be JSON, whatever is in the text."
            )

    def why_nothing_came(self) -> str:
        """Return why there was nothing to wait for any more, or an empty text."""
        name, trace = self._scene.name, self._stage.lab.trace
        if name not in trace.ids.values():
            return f"{name} was never let in: nothing but 40 asks for it."
        if not self.heard:
            return f'{name} was let in, and the server never heard "shout".'
        asked = [one for one in trace.steps if isinstance(one, Packet) and one.event == "shout"]
        if not any(one.asks for one in asked):
            return '"shout" came without a number, so the server does not answer it.'
        if any(isinstance(one, Packet) and one.kind == "ack" for one in trace.steps):
            back = as_json([self._scene.back])
            return f"The server has answered {back}, and your function goes on waiting."
        return ""

    def _number_of(self, kind: str, source: str) -> int:
        return sum(_is(one, kind, source) for one in self._stage.lab.trace.frames)


def _is(frame: Frame, kind: str, source: str) -> bool:
    return frame.data == kind and frame.source == source


def _is_answer(frame: Frame) -> bool:
    return frame.source == SERVER and isinstance(frame.data, str) and frame.data[:2] == "43"


async def _shout(answer: Callable[..., Any], stage: Stage, scene: _Shout) -> None:
    hall = _Hall(stage, scene)
    dave = stage.lab.raw(scene.name)
    await dave.websocket(_PATH)
    try:
        returned = await run(answer, dave, scene.text)
        await stage.lab.settle()
    except LabTimeoutError:
        if why := hall.why_nothing_came():
            stage.fail(why)
        raise
    except (TypeError, ValueError):
        hall.check_frames()
        raise
    hall.check_heard()
    _check_returned(stage, scene, returned)
    hall.check_pongs()


def _check_returned(stage: Stage, scene: _Shout, returned: Any) -> None:
    if returned == scene.back and type(returned) is type(scene.back):
        return
    told = f"The server answered {as_json([scene.back])}, and your function returned"
    if returned == [scene.back]:
        stage.fail(f"{told} the whole list. The answer is the one item in it.")
    if isinstance(returned, str) and returned[:2] == "43":
        stage.fail(f"{told} the frame. The answer is in the list in it.")
    if returned is None:
        stage.fail(f"{told} nothing.")
    stage.fail(f"{told} {as_json([returned])}.")


def _server() -> socketio.AsyncServer:
    return socketio.AsyncServer(async_mode="aiohttp", ping_interval=_PING_INTERVAL, ping_timeout=60)


EXERCISE = Exercise(
    number="10.2",
    starter="""
async def answer(dave, text):
    ...
""",
    hint_text="""Send 40 and then the question, and read frames in a loop: what begins with 43 is
the answer, and 2 wants a 3. json.dumps writes a text as JSON, whatever is in it.""",
    solution_text="""
import json


async def answer(dave, text):
    await dave.send("40")
    await dave.send("421" + json.dumps(["shout", text]))
    while True:
        frame = await dave.receive()
        if frame == "2":
            await dave.send("3")
        elif frame.startswith("431["):
            return json.loads(frame[3:])[0]
""",
    praise="You are a Socket.IO client: let in, alive, and answered.",
    play=_shout,
    scenes=(
        _Shout("dave", "hello", "HELLO", ("it rains", "it pours")),
        _Shout("erin", 'she said "no",\nand [left', 0, ('431["no"]', "2")),
        _Shout("fred", "", {"text": "43]", "of": ["fred", None]}, ("", "[")),
    ),
    server=_server,
)
