"""The exercises of lesson 08: a sender, a server and a receiver that lose and double nothing."""

import asyncio
from collections.abc import Callable
from typing import Any

import socketio

from chatlib.history import History
from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.wire import LabTimeoutError
from chatlib.server import ChatServer


def _chat() -> socketio.AsyncServer:
    return ChatServer(history=History()).io


async def _sender(answer: Callable[..., Any], stage: Stage) -> None:
    fates: list[str] = []
    attempts: list[Any] = []
    done: dict[Any, str] = {}
    over = asyncio.Event()

    async def message(sid: str, data: Any = None) -> dict[str, Any]:  # noqa: ARG001
        fate = fates.pop(0) if fates else "good"
        attempts.append(data)
        if not isinstance(data, dict) or data.keys() != {"text", "key"}:
            stage.fail(f"A message should have had a text and a key, but it was {data!r}.")
        if fate != "lost":
            done.setdefault(data["key"], data["text"])
        if fate != "good":
            await over.wait()  # to the sender, an answer that never comes
        return {"ok": True}

    stage.io.on("message", message)
    alice = await stage.join("alice")
    try:
        for number, (text, *misfortunes) in enumerate(
            [("hi", "lost"), ("hi", "answer lost"), ("bye", "answer lost", "lost", "lost")], start=1
        ):
            fates[:] = misfortunes
            attempts.clear()
            case = f"When the server lost {_and_then(misfortunes)}"
            try:
                await run(answer, alice, text)
            except LabTimeoutError:
                if len(attempts) > len(misfortunes):  # it was answered, and does not end
                    raise
                stage.fail(f"{case}, the function raised. It should have sent once more.")
            if not attempts:
                stage.fail("The server got no message.")
            if fates or len(attempts) <= len(misfortunes):
                stage.fail(f"{case}, the function returned and should have sent once more.")
            if len(done) < number:
                stage.fail(
                    f'The text "{text}" was sent with a key that another message had, so the '
                    "server took it for a second attempt. It is lost."
                )
            if len(done) > number:
                stage.fail(f"{case}, the next attempt had another key: the message is doubled.")
    finally:
        over.set()


def _and_then(misfortunes: list[str]) -> str:
    return " and then ".join({"lost": "a message"}.get(one, "an answer") for one in misfortunes)


async def _server(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, _ = await stage.join("alice", "bob")

    async def attempt(text: str, key: str, by: list[str], what: str) -> None:
        after = f'alice called "message" with the text "{text}" and {what}'
        try:
            got = await alice.call("message", {"text": text, "key": key}, timeout=1)
        except LabTimeoutError:
            stage.fail(f"After {after}, there was no answer.")
        await stage.expect(after, "news", by=by, data=text)
        if got != {"ok": True}:
            stage.fail(
                f'After {after}, she should have got {{"ok": True}}, or she would try again for '
                f"ever. She got {got!r}."
            )

    everyone = ["alice", "bob"]
    await attempt("one", "a", everyone, "a key")
    await attempt("one", "a", [], "the same key")
    await attempt("one", "b", everyone, "another key, which makes it another message")
    await attempt("two", "c", everyone, "a third key")
    await attempt("one", "a", [], "the first key once more")


async def _receiver(answer: Callable[..., Any], stage: Stage) -> None:
    alice = await stage.join("alice", auth={"userId": "alice"})
    heard: list[Any] = []
    bob = stage.lab.client("bob")
    auth = await run(answer, bob, heard)
    if not callable(auth):
        stage.fail(
            f"The function should have returned a function, which bob's client calls each time it "
            f"connects. It returned {auth!r}."
        )
    if not isinstance(said := await run(auth), dict) or said.get("userId") != "bob":
        stage.fail(f"Bob's auth should have had a userId, which is 'bob', but it was {said!r}.")

    async def say(text: str, **address: Any) -> None:
        await alice.call("message", {"text": text} | address)
        await stage.lab.settle()

    async def expect(case: str, *texts: str) -> None:
        await stage.lab.settle()
        if heard != list(texts):
            only_texts = all(isinstance(one, str) for one in heard)
            came = f"it was {heard}" if only_texts else "there was more in it than texts"
            stage.fail(f"{case}, the list heard should have been {list(texts)}, but {came}.")

    await say("for carol", user="carol")
    await bob.connect(stage.lab.url, auth=auth)
    await say("one")
    await say("two")
    await expect("When bob was there for two messages", "one", "two")
    await bob.disconnect()
    await say("three")
    await say("for carol", user="carol")
    await say("four")
    await bob.connect(stage.lab.url, auth=auth)
    await expect("When bob was back and had missed two", "one", "two", "three", "four")
    await say("five")
    await bob.disconnect()
    await bob.connect(stage.lab.url, auth=auth)
    await expect(
        "When bob had heard a fifth one live, and was back once more and had missed nothing",
        *("one", "two", "three", "four", "five"),
    )


EXERCISES = [
    Exercise(
        number="08.1",
        starter="""
async def answer(client, text):
    ...
""",
        hint_text="""Make the key once, before the loop, for example str(uuid.uuid4()).
In the loop, client.call with timeout=0.1: return what it returns, and go on where it raises
socketio.exceptions.TimeoutError.""",
        solution_text="""
import uuid

import socketio


async def answer(client, text):
    data = {"text": text, "key": str(uuid.uuid4())}
    while True:
        try:
            return await client.call("message", data, timeout=0.1)
        except socketio.exceptions.TimeoutError:
            pass
""",
        praise="It is sent until it is there, and the key makes all attempts one message.",
        play=_sender,
    ),
    Exercise(
        number="08.2",
        starter="""
def answer(io):
    @io.on("message")
    async def message(sid, data):
        ...
""",
        hint_text="""A set of all keys, made before the handler. Only the emit depends on whether
the key is new; what is returned does not.""",
        solution_text="""
def answer(io):
    keys = set()

    @io.on("message")
    async def message(sid, data):
        if data["key"] not in keys:
            keys.add(data["key"])
            await io.emit("news", data["text"])
        return {"ok": True}
""",
        praise="Done once, answered each time: that is what makes trying again harmless.",
        play=_server,
    ),
    Exercise(
        number="08.3",
        starter="""
def answer(bob, heard):
    ...
""",
        hint_text="""Every message has an "id". Keep the last one where both functions see it, for
example in a dict that the lambda returns: {"userId": "bob", "offset": 0}.""",
        solution_text="""
def answer(bob, heard):
    seen = {"userId": "bob", "offset": 0}

    @bob.on("recieve-message")
    async def message(data):
        heard.append(data["text"])
        seen["offset"] = data["id"]

    return lambda: seen
""",
        praise="The client says what it has, and the server adds what it has not.",
        play=_receiver,
        server=_chat,
    ),
]
