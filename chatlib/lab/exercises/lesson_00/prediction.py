"""Exercise 00.2: three handlers."""

from chatlib.lab.exercises.prediction import Line, Prediction

EXERCISE = Prediction(
    number="00.2",
    server_source="""@io.on("hello")
async def hello(sid, name):
    await io.emit("greeting", f"hello, {name}")


@io.on("secret")
async def secret(sid):
    await io.emit("password", "swordfish", to=sid)


@io.on("length")
async def length(sid, text):
    return len(text)""",
    setup='alice, bob, carol = await lab.join("alice", "bob", "carol")',
    lines=(
        Line(
            'alice.emit("hello", "bob")',
            heard=["alice", "bob", "carol"],
            why="An emission without an address is for everyone; the name in it is only data.",
        ),
        Line(
            'carol.emit("secret")',
            heard=["carol"],
            why="to=sid is the one who asked, and nobody else.",
        ),
        Line(
            'bob.call("length", "good morning")',
            heard=[],
            why="An answer is not an emission: bob gets it, and no event reaches anybody.",
        ),
        Line(
            'bob.emit("password", "sesame")',
            heard=[],
            why="What a client emits goes to the server alone, which has no handler for this.",
        ),
    ),
    hint_text="Ask of each line: does it make the server call io.emit, and is there a to=?",
    praise="You know who hears what, and before it happens.",
)
