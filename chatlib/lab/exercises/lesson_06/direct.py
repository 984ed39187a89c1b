"""Exercise 06.3: a direct message, and what became of it."""

import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import socketio

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_06.shared import fail_if_refused, sent_by
from chatlib.lab.exercises.stage import NothingCameError
from chatlib.lab.words import as_json, enumerated
from chatlib.limits import Limits
from chatlib.server import ChatServer


@dataclass(frozen=True)
class _Direct:
    """Who writes what to whom, and to which users one cannot write."""

    sender: str
    texts: tuple[str, str]
    user: Any
    tabs: tuple[str, ...]
    away: Any
    not_users: tuple[Any, ...]
    is_cut_late: bool = False  # whether the connection ends at last while the server is asked


# No sentence can be known beforehand that has this bound in it.
_SHORTEST, _LONGEST = 20, 40


def _strict_chat() -> socketio.AsyncServer:
    length = _SHORTEST + secrets.randbelow(_LONGEST - _SHORTEST)
    return ChatServer(limits=Limits(name_length=length)).io


async def _direct(answer: Callable[..., Any], stage: Stage, scene: _Direct) -> None:
    messages: list[Any] = []
    sender = await stage.join(scene.sender)
    for name in scene.tabs:
        tab = await stage.join(name, auth={"userId": scene.user})
        tab.on("single-message", messages.append)
    has_tabs = f"who has the tabs {enumerated(scene.tabs)}"
    text, next_text = scene.texts
    for user, words, tabs, who in (
        (scene.user, text, scene.tabs, has_tabs),
        (scene.user, next_text, scene.tabs, has_tabs),
        (scene.away, text, (), "who is away"),
    ):
        wrote = f"{scene.sender} wrote {_quoted(words)} to user {user!r}, {who}"
        messages.clear()
        returned = await run(answer, sender, user, words)
        sent = await sent_by(stage, sender)
        try:
            await stage.expect(wrote, "single-message", by=tabs)
        except NothingCameError:
            await fail_if_refused(stage, sender, sent)
            raise
        for message in messages:
            if not isinstance(message, dict) or message.get("text") != words:
                if isinstance(message, dict) and _is_cut(message.get("text"), words):
                    stage.fail(
                        f"The text of the message should have had {len(words)} characters, but "
                        f"only the first {len(message['text'])} of them came."
                    )
                stage.fail(
                    f'The message should have had "text": {_quoted(words, as_json((words,)))}, '
                    f"but it was {as_json((message,))}."
                )
        if returned is not True:
            stage.fail(
                f"After {wrote}, the server answered that it has carried it out. The function "
                f"should have returned True, but it returned {returned!r}."
            )
    for user in scene.not_users:
        sentence = (await sender.call("message", {"user": user, "text": text}))["error"]
        returned = await run(answer, sender, user, text)
        await stage.expect(f"{scene.sender} wrote to {user!r}", "single-message", by=[])
        if returned != sentence:
            stage.fail(
                f'To a message for the user {user!r} the server answered "{sentence}" The function '
                f"should have returned that sentence, but it returned {returned!r}."
            )
    await _nobody_answers(answer, stage, scene, sender)


async def _nobody_answers(
    answer: Callable[..., Any], stage: Stage, scene: _Direct, sender: Any
) -> None:
    """See what the function returns where the connection ends, before it sends or after that."""

    async def hang_up(sid: str, *_: Any) -> None:
        await stage.io.disconnect(sid)

    if scene.is_cut_late:
        stage.io.on("message", hang_up)
        when = f"The connection of {scene.sender} ended before the server had answered"
    else:
        await sender.disconnect()
        await stage.clear()
        when = f"{scene.sender} was not connected any more, so nobody answered"
    returned = None
    with contextlib.suppress(Exception):  # it may well raise what call does
        returned = await run(answer, sender, scene.user, scene.texts[0])
    if returned is True and not sender.connected:
        stage.fail(
            f"{when}: nothing tells that the server has carried it out. The function returned "
            "True all the same."
        )


# A text with more characters than this is not put in a sentence.
_QUOTED = 60


def _quoted(text: str, quoted: str = "") -> str:
    return f"a text of {len(text)} characters" if len(text) > _QUOTED else quoted or repr(text)


def _is_cut(came: Any, text: str) -> bool:
    return isinstance(came, str) and 0 < len(came) < len(text) > _QUOTED and text.startswith(came)


EXERCISE = Exercise(
    number="06.3",
    starter="""
async def answer(client, user, text):
    ...
""",
    hint_text="client.call returns the acknowledgement: an object with ok, and maybe error.",
    solution_text="""
async def answer(client, user, text):
    ack = await client.call("message", {"user": user, "text": text})
    return True if ack["ok"] else ack["error"]
""",
    praise="call waits for the acknowledgement, and now the caller knows what became of it.",
    play=_direct,
    scenes=(
        _Direct("alice", ("lunch?", "at one?"), 2, ("bob", "bob-2"), 3, (None, "x" * _LONGEST)),
        _Direct(
            "erin",
            (" it rains\n", "stay in! " * 600),
            "zoe",
            ("laptop", "tablet"),
            2,
            ("z" * 99, ""),
        ),
        _Direct("carol", ("zero", "one"), 0, ("dave", "dave-2"), 20, ([0], True), is_cut_late=True),
    ),
    server=_strict_chat,
)
