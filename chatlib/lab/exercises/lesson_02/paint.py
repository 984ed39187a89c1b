"""Exercise 02.2: several arguments from the server."""

import re
import traceback
from collections.abc import Callable
from typing import Any

from socketio.exceptions import BadNamespaceError

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.words import enumerated

_WANTED = ("red", [3, 4])
# What emit says of a third argument, which it takes for a namespace.
_THIRD = re.compile("unhashable|unsupported operand|positional arguments but")


def _in_emit(error: TypeError) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return "emit() " in str(error) or any(frame.name == "emit" for frame in frames)


async def _paint(answer: Callable[..., Any], stage: Stage, names: tuple[str, ...]) -> None:
    came: list[tuple[Any, ...]] = []
    events: list[str] = []
    stage.io.on("paint", lambda sid, *arguments: came.append(arguments))  # noqa: ARG005
    stage.io.on("*", lambda event, sid, *arguments: events.append(event))  # noqa: ARG005
    painter, *_ = await stage.join(*names)
    try:
        await run(answer, painter)
    except (TypeError, BadNamespaceError) as error:
        if isinstance(error, TypeError) and not (_THIRD.search(str(error)) and _in_emit(error)):
            raise
        stage.fail(
            "What emit takes after the event's name is one value: for several arguments, a tuple. "
            f"The next argument is no data any more; here it raised {type(error).__name__}."
        )
    await stage.deliveries(lambda _: bool(came))
    if not came:
        got = enumerated(f'"{event}"' for event in events) if events else "nothing"
        stage.fail(f'The server should have got "paint". It got {got}.')
    if len(came) > 1:
        stage.fail(f'"paint" should have come to the server once. It came {len(came)} times.')
    if came[0] != _WANTED:
        stage.fail(
            'The arguments of "paint" should have been two, "red" and [3, 4]. '
            f"There {'was' if len(came[0]) == 1 else 'were'} {len(came[0])}: "
            f"{', '.join(map(repr, came[0])) or 'none'}."
        )


EXERCISE = Exercise(
    number="02.2",
    starter="""
async def answer(alice):
    ...
""",
    hint_text="A tuple has one item for each argument. One of the two items is a list.",
    solution_text="""
async def answer(alice):
    await alice.emit("paint", ("red", [3, 4]))
""",
    praise="The tuple made two arguments, and the list stayed one of them.",
    play=_paint,
    scenes=(("alice", "bob"), ("erin", "frank", "grace")),
)
