"""Exercise 01.4: who is on the circuit."""

from chatlib.lab.exercises.prediction import Line, Prediction

EXERCISE = Prediction(
    number="01.4",
    server_source="""@io.on("connect")
async def connect(sid, environ, auth):
    if auth != "swordfish":
        await io.emit("stranger")
        return False
    io.start_background_task(io.emit, "welcome", to=sid)""",
    setup="""
from socketio.exceptions import ConnectionError

alice, bob = await lab.join("alice", "bob", auth="swordfish")
carol, dave = lab.client("carol"), lab.client("dave")

old_id = bob.get_sid()
await bob.disconnect()
await bob.connect(lab.url, auth="swordfish")


async def arrives(client, code):
    try:
        await client.connect(lab.url, auth=code)
    except ConnectionError:
        pass
""",
    lines=(
        Line(
            'arrives(carol, "swordfish")',
            heard=["carol"],
            why="The welcome has an address: the newcomer's.",
        ),
        Line(
            'arrives(dave, "sesame")',
            heard=["alice", "bob", "carol", "dave"],
            why=(
                "What has no address is for everyone on the circuit, and whoever is at the "
                "door is on it while the handler runs."
            ),
        ),
        Line(
            'io.emit("news")',
            heard=["alice", "bob", "carol"],
            why="Everyone is everyone who is connected: dave was refused, bob is back.",
        ),
        Line(
            'io.emit("note", to=old_id)',
            heard=[],
            why="That connection has ended, and its id with it; bob has another one by now.",
        ),
    ),
    hint_text="Ask who is on the circuit at the moment of the emission, and under which id.",
    praise="You know who is on the circuit, from which moment, and under which id.",
)
