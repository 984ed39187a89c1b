"""Exercise 10.1: what frames do."""

from chatlib.lab.exercises.prediction import Line, Prediction

EXERCISE = Prediction(
    number="10.1",
    server_source="""
@io.on("say")
async def say(sid, text):
    await io.emit("said", text, skip_sid=sid)


hi = '42["say","hi"]'
ho = '42["say","ho"]'
hey = '42["Say","hey"]'
psst = '42/admin,["say","psst"]'
bye = '42["said","bye"]'
""",
    setup="""
alice, bob = await lab.join("alice", "bob")
dave = lab.raw("dave")
await dave.websocket("/socket.io/?EIO=4&transport=websocket")
await dave.receive()
""",
    lines=(
        Line("dave.send(hi)", [], "Before the 40 Dave is nobody, and what he sends is dropped."),
        Line('dave.send("40")'),
        Line("dave.send(ho)", ["alice", "bob"], "Now he is in; skip_sid leaves out the speaker."),
        Line("dave.send(hey)", [], "Capitals count: there is no handler for Say."),
        Line("dave.send(psst)", [], "Dave is not in /admin, where it is addressed to."),
        Line(
            "dave.send(bye)",
            [],
            "A client's event goes to the server. It has no handler for said, and passes nothing "
            "on by itself.",
        ),
        Line(
            'io.emit("said", "all")',
            ["alice", "bob", "dave"],
            "To the server Dave is a socket like the others.",
        ),
    ),
    hint_text="""Only a handler emits to others, and a handler is found by the namespace and by the
name, to the letter. Is Dave in when he sends the first one?""",
    praise="A frame does what its letters say, whoever has put them there.",
)
