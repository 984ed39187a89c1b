"""Exercise 09.4: who hears what through a door."""

from chatlib.lab.exercises.prediction import Line, Prediction

_DOOR = """
@io.on("connect")
async def connect(sid, environ, auth):
    await io.emit("knock", "Somebody is at the door.")
    if auth != {"passcode": "tea"}:
        return False
    await io.enter_room(sid, "inside")


@io.on("join-room")
async def join_room(sid, room):
    await io.enter_room(sid, f"room:{room}")


@io.on("say")
async def say(sid, data):
    room = f"room:{data['room']}" if "room" in data else "inside"
    await io.emit("news", data["text"], to=room)
"""


_GUESTS = """
import contextlib

alice, bob, carol = await lab.join("alice", "bob", "carol", auth={"passcode": "tea"})
await carol.call("join-room", "tea")
dave = lab.client("dave")


async def knock(client):
    with contextlib.suppress(Exception):
        await client.connect(lab.url)
"""


EXERCISE = Prediction(
    number="09.4",
    server_source=_DOOR,
    setup=_GUESTS,
    lines=(
        Line(
            "knock(dave)",
            heard=["alice", "bob", "carol", "dave"],
            why="Without an address it goes to everyone, and who is at the door is among them.",
        ),
        Line(
            'alice.emit("say", {"text": "hi"})',
            heard=["alice", "bob", "carol"],
            why="Dave was refused, and never entered the room; Alice is in it herself.",
        ),
        Line('bob.emit("join-room", "inside")'),
        Line(
            'alice.emit("say", {"room": "inside", "text": "hi"})',
            heard=["bob"],
            why="The group that Bob joined is the room room:inside, and he is alone in it.",
        ),
        Line(
            'bob.emit("say", {"room": "tea", "text": "hi"})',
            heard=["carol"],
            why="Whoever knows a group's name can write to it, and nobody needs to be in it.",
        ),
    ),
    hint_text="""Ask of each emit which room it goes to, and who has entered that room.
A prefix makes another room, and no address at all is everyone.""",
    praise="A room has its whole name for an address, and no address at all is everyone.",
)
