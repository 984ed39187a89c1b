"""Exercise 05.1: reach a person on all their tabs."""

from chatlib.lab.exercises.exercise import Exercise
from chatlib.lab.exercises.lesson_05.shared import PEOPLE, reach_a_person

EXERCISE = Exercise(
    number="05.1",
    starter="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        ...

    @io.on("dm")
    async def dm(sid, data):
        ...
""",
    hint_text="""A room for each user: every socket enters it at connect, and to= names it.
Both handlers have to make the same name, one from auth["userId"], the other from data["user"].""",
    solution_text="""
def answer(io):
    @io.on("connect")
    async def connect(sid, environ, auth):
        await io.enter_room(sid, f"user:{auth['userId']}")

    @io.on("dm")
    async def dm(sid, data):
        await io.emit("dm", data["text"], to=f"user:{data['user']}")
""",
    praise="All of a person's tabs hear it, and nobody when there are none.",
    play=reach_a_person,
    scenes=PEOPLE,
)
