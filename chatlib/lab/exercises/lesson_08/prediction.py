"""Exercise 08.4: keys and offsets."""

from chatlib.history import History
from chatlib.lab.exercises.lesson_08.shared import chat
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.server import ChatServer

EXERCISE = Prediction(
    number="08.4",
    server_source="""io = ChatServer(history=History()).io
""",
    setup="""\
seen = {"userId": "bob", "offset": 0}
alice = await lab.join("alice", reconnection=True, auth={"userId": "alice"})
bob = await lab.join("bob", reconnection=True, auth=lambda: seen)
carol = await lab.join("carol", auth={"userId": "carol"})


@bob.on("recieve-message")
@bob.on("single-message")
async def note(data):
    seen["offset"] = data["id"]
""",
    lines=(
        Line(
            'alice.call("message", {"key": "k", "text": "hi"})',
            heard=["alice", "bob", "carol"],
            why="It has no address: that is everyone, the sender too.",
        ),
        Line(
            'alice.call("message", {"key": "k", "text": "ho"})',
            heard=[],
            why="The server knows this key of hers, with another text: it answers with an error, "
            "and delivers nothing.",
        ),
        Line(
            'carol.call("message", {"key": "k", "text": "hi"})',
            heard=["alice", "bob", "carol"],
            why="A key belongs to its sender, and Carol has never used this one.",
        ),
        Line("lab.faults.cut(bob)"),
        Line(
            'alice.call("message", {"user": "bob", "text": "?"})',
            heard=[],
            why="Bob has no socket now: it is kept for him. Alice, who sent it, is left out.",
        ),
        Line('carol.call("message", {"text": "bye"})'),
        Line(
            "lab.faults.mend(bob)",
            heard=["bob", "bob"],
            why="His offset is that of Carol's first message, and two have come since: the one "
            "to him and the one to everyone.",
        ),
        Line("lab.faults.cut(alice)"),
        Line('carol.call("message", {"text": "alice?"})'),
        Line(
            "lab.faults.mend(alice)",
            heard=[],
            why="Her auth has no offset: she did not ask for what she has missed.",
        ),
    ),
    events=("recieve-message", "single-message"),
    server=chat,
    names={"ChatServer": ChatServer, "History": History},
    options={"faults": True},
    hint_text="""For each message: has this sender used the key before? For each one who comes
back: what does the auth say, and what is newer than that?""",
    praise="Keys belong to their sender, and who comes back gets what is newer than the offset "
    "that it gives. Without one, it gets nothing.",
)
