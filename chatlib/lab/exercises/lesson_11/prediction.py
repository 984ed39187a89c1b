"""Exercise 11.2: who hears what in a class with breakout rooms."""

import socketio

from chatlib.classroom import Classroom
from chatlib.classroom.record import Record
from chatlib.classroom.room import LIMITS
from chatlib.history import History
from chatlib.lab.exercises.prediction import Line, Prediction

_SCENE = """await room.breakout({"Blue": ["alice", "bob"], "Red": ["carol"]})
"""

_last: list[Classroom] = []


def _class() -> socketio.AsyncServer:
    """Return the server of a class, for a lab that listens instead of the class itself."""
    history = History()
    _last[:] = [Classroom("Tea", Record("Instructor", history), history, LIMITS)]
    return _last[0].chat.io


def the_class() -> Classroom:
    """Return the class whose server was made last."""
    return _last[0]


EXERCISE = Prediction(
    number="11.2",
    server_source="",
    setup=f"""
room = the_class()
await room.chat.delivery.open()


async def come(name, **auth):
    return await lab.join(name, auth={{"passcode": room.passcode, "name": name}} | auth)


alice, bob, carol, dave = [await come(name) for name in ("alice", "bob", "carol", "dave")]
{_SCENE}""",
    lines=(
        Line(
            'room.say("ten minutes", to="Blue")',
            heard=["alice", "bob"],
            why="It is for those who were sent to Blue.",
        ),
        Line(
            'alice.call("message", {"room": "Blue", "text": "you?"})',
            heard=["bob"],
            why="A message to a room goes to all who are in it but the sender.",
        ),
        Line(
            'carol.call("message", {"room": "Blue", "text": "hi"})',
            heard=[],
            why="Carol was sent to Red: Blue refuses what she writes.",
        ),
        Line('carol.call("join-room", "Blue")'),
        Line(
            'bob.call("message", {"room": "Blue", "text": "psst"})',
            heard=["alice"],
            why="Blue has let nobody in whom the instructor did not send there.",
        ),
        Line(
            'dave.call("message", {"text": "lost"})',
            heard=["alice", "bob", "carol", "dave"],
            why="It has no address: that is everyone, whatever room they are in.",
        ),
        Line(
            'dave.call("message", {"user": "instructor", "text": "?"})',
            heard=[],
            why="It is for the instructor alone, who has no phone here: it is in room.inbox.",
        ),
        Line("room.recall()"),
        Line(
            'alice.call("message", {"room": "Blue", "text": "bye"})',
            heard=[],
            why="Blue was closed, and nobody is in it.",
        ),
        Line('room.remove("dave")'),
        Line(
            'room.say("home")',
            heard=["alice", "bob", "carol"],
            why="Dave was removed, and the others are back among everyone, where they always were.",
        ),
    ),
    events=("recieve-message", "single-message"),
    server=_class,
    names={"the_class": the_class},
    hint_text="""Ask of each line whether it has an address: a room, a user or none.
Then ask who was sent to that room, and whether the sender was.""",
    praise="A breakout room adds an address, and takes nobody away from everyone.",
)
