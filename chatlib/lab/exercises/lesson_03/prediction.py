"""Exercise 03.4: three addresses."""

from chatlib.lab.exercises.prediction import Line, Prediction

EXERCISE = Prediction(
    number="03.4",
    server_source="""
addresses = {}

@io.on("i am")
async def i_am(sid, name):
    addresses[name] = sid

@io.on("tell")
async def tell(sid, name, text):
    await io.emit("news", text, to=addresses.get(name))

@io.on("twice")
async def twice(sid, text):
    await io.emit("news", text)
    await io.emit("news", text, skip_sid=sid)
""",
    setup='alice, bob, carol = await lab.join("alice", "bob", "carol")',
    lines=(
        Line(
            'bob.emit("twice", "dinner")',
            heard=["alice", "alice", "bob", "carol", "carol"],
            why="The first emission is everyone's, bob's too; the second leaves bob out.",
        ),
        Line(
            'alice.emit("tell", ("bob", "I miss you"))',
            heard=["alice", "bob", "carol"],
            why="There is no address for bob yet, and to=None is everyone.",
        ),
        Line('bob.emit("i am", "bob")'),
        Line(
            'carol.emit("tell", ("bob", "see you"))',
            heard=["bob"],
            why="Now the look-up finds an address, and it is bob's alone.",
        ),
        Line(
            'bob.emit("tell", ("Bob", "a note to me"))',
            heard=["alice", "bob", "carol"],
            why='A look-up of "Bob" does not find "bob", and to=None is everyone.',
        ),
    ),
    hint_text=(
        "For each line, look for who sends, what stands in to and in skip_sid at that moment, "
        "and whether an address is missing."
    ),
    praise="Everyone, one, all but one; and no address is everyone.",
)
