"""The exercises of lesson 06: one more event for the chat server, and two clients of it."""

from collections.abc import Callable
from typing import Any

import socketio

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.server import ChatServer


def _chat() -> socketio.AsyncServer:
    return ChatServer().io


async def _typing(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, bob, carol = await stage.join("alice", "bob", "carol")
    for client, group in ((alice, "tea"), (bob, "tea"), (carol, "coffee")):
        await client.call("join-room", group)
    await alice.emit("typing", "tea")
    if not await stage.deliveries():
        stage.fail(
            'After alice emitted "typing" for the group "tea", bob should have heard it, as he is '
            "a member. Nobody did. The members are in the room that group_room makes of the name."
        )
    await alice.emit("typing", "tea")
    await stage.expect(
        'alice emitted "typing" for the group of her and bob', "typing", by=["bob"], data="tea"
    )
    await carol.emit("typing", "coffee")
    await stage.expect('carol emitted "typing" for a group of her own', "typing", by=[])


async def _hello(answer: Callable[..., Any], stage: Stage) -> None:
    messages: list[Any] = []
    for client in await stage.join("alice", "bob"):
        client.on("recieve-message", messages.append)
    carol = stage.lab.client("carol")
    await run(answer, carol)
    await carol.connect(stage.lab.url)
    await stage.expect("the server welcomed carol", "recieve-message", by=["alice", "bob"])
    await stage.io.emit("welcome", "Welcome again", to=carol.get_sid())
    await stage.expect(
        "the server welcomed carol a second time", "recieve-message", by=["alice", "bob"]
    )
    for message in messages:
        if not isinstance(message, dict) or message.get("text") != "hello":
            stage.fail(f'The message should have had "text": "hello", but it was {message!r}.')


async def _direct(answer: Callable[..., Any], stage: Stage) -> None:
    messages: list[Any] = []
    alice, _ = await stage.join("alice", "carol")
    for client in await stage.join("bob", "bob-2", auth={"userId": 2}):
        client.on("single-message", messages.append)
    returned = await run(answer, alice, 2, "lunch?")
    await stage.expect(
        'alice wrote "lunch?" to user 2, who is bob with two tabs',
        "single-message",
        by=["bob", "bob-2"],
    )
    for message in messages:
        if message.get("text") != "lunch?":
            stage.fail(f'The message should have had "text": "lunch?", but it was {message!r}.')
    if returned is not True:
        stage.fail(
            "The server carried it out, so the function should have returned True, "
            f"but it returned {returned!r}."
        )
    sentence = (await alice.call("message", {"user": None}))["error"]
    returned = await run(answer, alice, None, "lunch?")
    await stage.expect("alice wrote to the user None", "single-message", by=[])
    if returned != sentence:
        stage.fail(
            f'For the user None the server answered "{sentence}", and the function should have '
            f"returned that, but it returned {returned!r}."
        )


EXERCISES = [
    Exercise(
        number="06.1",
        starter="""
def answer(io):
    @io.on("typing")
    async def typing(sid, group):
        ...
""",
        hint_text=(
            "ChatServer.message does the same for a message with a room: to= and skip_sid=. "
            "The room of a group is group_room(group)."
        ),
        solution_text="""
from chatlib.messages import group_room


def answer(io):
    @io.on("typing")
    async def typing(sid, group):
        await io.emit("typing", group, to=group_room(group), skip_sid=sid)
""",
        praise="The members but the one who types: in JavaScript, socket.to(group).emit.",
        play=_typing,
        server=_chat,
    ),
    Exercise(
        number="06.2",
        starter="""
def answer(client):
    @client.on("welcome")
    async def welcome(text):
        ...
""",
        hint_text='Emit "message" with an object of two fields: text, and the one for the others.',
        solution_text="""
def answer(client):
    @client.on("welcome")
    async def welcome(text):
        await client.emit("message", {"text": "hello", "others": True})
""",
        praise="The server starts the exchange, the client answers, and only the others hear it.",
        play=_hello,
        server=_chat,
    ),
    Exercise(
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
        server=_chat,
    ),
]
