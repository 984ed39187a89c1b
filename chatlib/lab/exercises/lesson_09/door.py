"""Exercise 09.1: a passcode."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_09.shared import try_the_door

_SENTENCE = "The passcode is wrong."
# What python-socketio says where a handler raises Python's own ConnectionRefusedError.
_BUILT_IN = "Connection refused by server"


@dataclass(frozen=True)
class _Callers:
    """Who comes to a door with a passcode, and with what."""

    friend: str
    stranger: str
    right: tuple[Any, ...]
    wrong: tuple[Any, ...]


async def _the_door(answer: Callable[..., Any], stage: Stage, scene: _Callers) -> None:
    await run(answer, stage.io)
    for auth in scene.right:
        await _opens(stage, scene.friend, auth)
    for auth in scene.wrong:
        client, reason = await try_the_door(stage, scene.stranger, auth)
        came = f"{scene.stranger} came with {'no auth' if auth is None else f'the auth {auth!r}'}"
        if client:
            stage.fail(f"{came} and was let in.")
        if reason == _BUILT_IN:
            stage.fail(
                f'{came} and should have been told "{_SENTENCE}". Python\'s own '
                "ConnectionRefusedError tells nobody anything: import the one of "
                "socketio.exceptions."
            )
        if reason != _SENTENCE:
            stage.fail(f'{came} and should have been told "{_SENTENCE}", not {reason!r}.')
        await stage.lab.settle()
    await _opens(stage, scene.friend, scene.right[-1], ", after others who were refused,")


async def _opens(stage: Stage, name: str, auth: Any, after: str = "") -> None:
    client, reason = await try_the_door(stage, name, auth)
    if not client:
        stage.fail(f"{name} came with {auth}{after} and should have been let in; told: {reason!r}.")


EXERCISE = Exercise(
    number="09.1",
    starter="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        ...
""",
    hint_text="""Ask first whether it is an object at all: isinstance(auth, dict).
Then auth.get("passcode") is the passcode, or None where there is none.
ConnectionRefusedError has to be the one of socketio.exceptions.""",
    solution_text="""
from socketio.exceptions import ConnectionRefusedError


def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        if not isinstance(auth, dict) or auth.get("passcode") != "tea":
            raise ConnectionRefusedError("The passcode is wrong.")
""",
    praise="Whatever a client sends as auth, it is let in or told why, and nothing breaks.",
    play=_the_door,
    scenes=(
        _Callers(
            "alice",
            "dave",
            ({"passcode": "tea"}, {"passcode": "tea", "name": "alice"}),
            (
                None,
                {"name": "alice"},
                {"passcode": "coffee"},
                {"passcode": "te"},
                {"passcode": "teapot"},
                {"passcode": ["tea"]},
                "tea",
                ["passcode", "tea"],
                [["passcode", "tea"]],
            ),
        ),
        _Callers(
            "erin",
            "mallory",
            ({"name": "mallory", "passcode": "tea"}, {"passcode": "tea", "userId": 7}),
            (
                {"passcode": "Tea"},
                {"passcode": " tea"},
                {"passcode": "tea\n"},
                {"passcode": "thé"},
                {"passcode": None},
                {"passcode": {"tea": 1}},
                {"passcode": True},
                {"password": "tea"},
                {"name": "tea", "userId": 7},
                7,
                ["tea"],
            ),
        ),
    ),
)
