"""Exercise 04.4: rooms, with the sender or without."""

from chatlib.lab.exercises.prediction import Line, Prediction

EXERCISE = Prediction(
    number="04.4",
    server_source="""
@io.on("join-room")
async def join_room(sid, room):
    await io.enter_room(sid, room)


@io.on("all")
async def all_(sid, room):
    await io.emit("news", to=room)


@io.on("others")
async def others(sid, room):
    await io.emit("news", to=room, skip_sid=sid)
""",
    setup="""
alice, bob, carol, dave = await lab.join("alice", "bob", "carol", "dave")
for client, room in ((alice, "tea"), (bob, "tea"), (carol, "cake")):
    await client.emit("join-room", room)
""",
    lines=(
        Line(
            'bob.emit("all", "tea")',
            heard=["alice", "bob"],
            why="The room is all its members, and bob is one of them.",
        ),
        Line(
            'alice.emit("others", "tea")',
            heard=["bob"],
            why="The room without the sender; carol and dave are not in it.",
        ),
        Line(
            'carol.emit("all", "tea")',
            heard=["alice", "bob"],
            why="carol may post to a room that she is not in, and does not hear it.",
        ),
        Line(
            'carol.emit("others", "cake")',
            heard=[],
            why="carol is alone in her room, and the sender is left out.",
        ),
        Line('dave.emit("join-room", "Tea")'),
        Line(
            'dave.emit("others", "tea")',
            heard=["alice", "bob"],
            why="To leave out dave changes nothing: he is in Tea, another room than tea.",
        ),
        Line(
            'alice.emit("all", "Tea")',
            heard=["dave"],
            why="Tea is a room of its own, and dave is the only one in it.",
        ),
    ),
    hint_text="Two questions for each line: who is in the room, and is the sender left out.",
    praise="The address says who hears it. The sender matters only where it is left out.",
)
