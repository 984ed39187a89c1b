"""Exercise 10.3: who hears what across namespaces."""

import socketio

from chatlib.lab.exercises.prediction import Line, Prediction

EXERCISE = Prediction(
    number="10.3",
    server_source="""
class Admin(socketio.AsyncNamespace):
    async def on_say(self, sid, text):
        await self.emit("said", text)

    async def on_alarm(self, sid):
        await io.emit("alarm")


io.register_namespace(Admin("/admin"))


@io.on("say")
async def say(sid, text):
    await io.emit("said", text, skip_sid=sid)
""",
    setup="""
alice = await lab.join("alice", namespaces=["/", "/admin"])
bob = await lab.join("bob")
carol = await lab.join("carol", namespaces=["/admin"])
""",
    lines=(
        Line(
            'alice.emit("say", "hi")',
            ["bob"],
            "It goes to /, where Carol is not, and leaves out the speaker.",
        ),
        Line(
            'alice.emit("say", "hi", namespace="/admin")',
            ["alice", "carol"],
            "The handler of /admin leaves nobody out, and self.emit stays in /admin.",
        ),
        Line(
            'carol.emit("alarm", namespace="/admin")',
            ["alice", "bob"],
            "io.emit goes to / if nobody says another, whoever calls it; Carol is not there.",
        ),
        Line(
            'io.emit("note", to=alice.get_sid())',
            ["alice"],
            "Her id in / is an address in /.",
        ),
        Line(
            'io.emit("note", to=alice.get_sid("/admin"))',
            [],
            "In / nobody has the id that she has in /admin: each namespace has its own.",
        ),
    ),
    hint_text="""For each line, ask two things: into which namespace does it emit, and who is in
there? An id belongs to one namespace, too.""",
    praise="One wire, two circuits: what is emitted in one never comes out of the other.",
    names={"socketio": socketio},
)
