"""Exercise 06.4: the chat's audiences."""

from chatlib.lab.exercises.lesson_06.shared import chat
from chatlib.lab.exercises.prediction import Line, Prediction

EXERCISE = Prediction(
    number="06.4",
    server_source="""
from chatlib import ChatServer

io = ChatServer().io
""",
    setup="""
alice, phone = await lab.join("alice", "phone", auth={"userId": 1})
bob, bob_2 = await lab.join("bob", "bob-2", auth={"userId": 2})
carol = await lab.join("carol")
for client in (alice, bob, carol):
    await client.call("join-room", "tea")
""",
    lines=(
        Line(
            'phone.call("message", {"others": True})',
            heard=["alice", "bob", "bob-2", "carol"],
            why="skip_sid leaves out the one socket that sends, not all that its user has.",
        ),
        Line(
            'phone.call("message", {"room": "tea"})',
            heard=["alice", "bob", "carol"],
            why="Sockets are members, not people, and nobody asks whether the sender is one.",
        ),
        Line(
            'alice.call("message", {"user": 1})',
            heard=["phone"],
            why="A note to oneself reaches one's own other sockets, and each of them once.",
        ),
        Line(
            'carol.call("message", {"user": "2"})',
            heard=["bob", "bob-2"],
            why='The user is "user:2" for 2 and for "2", and whoever sends is skipped.',
        ),
        Line(
            'bob.call("message", {"user": 1, "room": "tea"})',
            heard=[],
            why="read_address refuses a message with two addresses.",
        ),
    ),
    hint_text=(
        "Read message and read_address again, then Message.rooms: for each line, which rooms, "
        "who is in them, and which one socket is skipped."
    ),
    praise="Rooms hold sockets, addresses are checked, and only the sending socket is skipped.",
    server=chat,
)
