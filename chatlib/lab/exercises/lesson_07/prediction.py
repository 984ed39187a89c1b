"""Exercise 07.4: what an error does not take back."""

from chatlib.lab.exercises.prediction import Line, Prediction

EXERCISE = Prediction(
    number="07.4",
    server_source="""
PRICES = {"bread": 3, "cake": 12}


@io.on("order")
async def order(sid, *arguments):
    try:
        what, many = arguments
        await io.emit("ordered", what, skip_sid=sid)
        await io.emit("bill", PRICES[what] * many, to=sid)
        return {"ok": True}
    except Exception:
        return {"ok": False, "error": "Say what, and how many."}
""",
    setup='alice, bob, carol = await lab.join("alice", "bob", "carol")',
    lines=(
        Line(
            'alice.call("order", ("bread", 2))',
            ["bob", "carol", "alice"],
            'Bob and Carol hear "ordered", and Alice hears "bill".',
        ),
        Line(
            'bob.call("order", ("pizza", 1))',
            ["alice", "carol"],
            'There is no price for pizza, but by then "ordered" has gone out. An error takes '
            "nothing back.",
        ),
        Line(
            'carol.emit("order", ["bread", 2])',
            [],
            "A list is one argument, so the unpacking raises before anything is emitted. "
            "Carol did not ask for an answer, and gets none.",
        ),
        Line(
            'carol.emit("order", ("cake", "2"))',
            ["alice", "bob", "carol"],
            "Nothing raises: Python multiplies a number by a text, and the bill is the text "
            '"222222222222". No try finds bad input that does not raise.',
        ),
        Line(
            'alice.call("order", ("cake", None))',
            ["bob", "carol"],
            '12 * None raises, but that is after "ordered". Alice is refused, and '
            "the others have heard of her cake all the same.",
        ),
    ),
    hint_text="Go through the try line by line. What is emitted before the line that raises "
    "has gone out.",
    praise="What has been emitted stays emitted. So look at all the input first, and emit "
    "after that.",
)
