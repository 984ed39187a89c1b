"""Exercise 05.4: tabs and people."""

from chatlib.lab.exercises.prediction import Line, Prediction

EXERCISE = Prediction(
    number="05.4",
    server_source="""
@io.on("connect")
async def connect(sid, environ, auth):
    await io.save_session(sid, auth)
    await io.enter_room(sid, f"user:{auth['userId']}")


@io.on("dm")
async def dm(sid, data):
    me = await io.get_session(sid)
    rooms = [f"user:{data['user']}", f"user:{me['userId']}"]
    await io.emit("dm", data | {"from": me["userId"]}, to=rooms, skip_sid=sid)
""",
    setup="""
alice, desk = await lab.join("alice", "desk", auth={"userId": 1})
bob, phone = await lab.join("bob", "phone", auth={"userId": 2})
carol = await lab.join("carol", auth={"userId": 3})
""",
    lines=(
        Line(
            'carol.emit("dm", {"user": 2})',
            heard=["bob", "phone"],
            why="Bob's room holds both his tabs; Carol has no tab but the one she wrote in.",
        ),
        Line(
            'phone.emit("dm", {"user": 1})',
            heard=["alice", "desk", "bob"],
            why="Both of Alice's tabs are in her room, and Bob's other tab is in his.",
        ),
        Line(
            'alice.emit("dm", {"user": 1})',
            heard=["desk"],
            why="Both rooms are Alice's: one set of sockets, without the one that sent.",
        ),
        Line(
            'alice.emit("dm", {"user": 9})',
            heard=["desk"],
            why="The room of user 9 is empty, and Alice's own is still in the list.",
        ),
        Line(
            'carol.emit("dm", {"user": "2"})',
            heard=["bob", "phone"],
            why='2 and "2" make the same name of a room, user:2.',
        ),
        Line(
            'carol.emit("dm", {"user": "user:2"})',
            heard=[],
            why="That is the room user:user:2, which nobody has entered.",
        ),
    ),
    hint_text="Write down the names of the two rooms and who is in each; take out the sender.",
    praise="Two rooms, one set of sockets, and never the one that sent.",
)
