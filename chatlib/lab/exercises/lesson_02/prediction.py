"""Exercise 02.4: events and answers."""

from chatlib.lab.exercises.prediction import Line, Prediction

EXERCISE = Prediction(
    number="02.4",
    server_source="""
@io.on("whisper")
async def whisper(sid, text):
    await io.emit("news", text, sid)

@io.on("tell")
async def tell(sid, text):
    await io.call("ready?", to=sid)
    await io.emit("news", text)

@io.on("double")
async def double(sid, number):
    return 2 * number

@io.on("*")
async def anything(event, sid, *arguments):
    await io.emit("unknown", event, to=sid)
""",
    setup='alice, bob = await lab.join("alice", "bob")',
    lines=(
        Line(
            'alice.emit("whisper", "psst")',
            heard=["alice"],
            why="The third argument of io.emit is the address, and here it is alice's own.",
        ),
        Line(
            'bob.emit("tell", "lunch is ready")',
            heard=["bob", "alice", "bob"],
            why='First bob is asked "ready?", and then "news" goes to both.',
        ),
        Line(
            'alice.call("double", 21)',
            heard=[],
            why="What a handler returns is an answer to its caller, and no event for anybody.",
        ),
        Line(
            'bob.emit("duoble", 21)',
            heard=["bob"],
            why='Nobody handles "duoble" by that name, so that the handler for "*" gets it.',
        ),
        Line(
            'alice.emit("news", "it rains")',
            heard=["alice"],
            why=(
                "A client's event goes to the server and no further: there it is one without "
                "a handler of its own, like any other."
            ),
        ),
    ),
    hint_text=(
        "Look for each emission of the server, and for its address. A call of the server's is "
        "heard, too, by the one it asks; an answer is no event."
    ),
    praise="Whoever hears something hears it from the server, and an answer is no event.",
)
