"""Exercise 11.1: one person, one vote."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_06.shared import chat, chat_of


@dataclass(frozen=True)
class _Election:
    """Who votes on which tabs, in which order, for what.

    Attributes:
        users: By client, the user id and the name.
        options: How many options there are.
        votes: The client, the option, and the result that comes of it; None if it is refused.
    """

    users: dict[str, tuple[Any, str]]
    options: int
    votes: tuple[tuple[str, Any, list[int] | None], ...]


async def _vote(answer: Callable[..., Any], stage: Stage, scene: _Election) -> None:
    await run(answer, chat_of(stage), scene.options)
    clients = {
        client: await stage.join(client, auth={"userId": user, "name": name})
        for client, (user, name) in scene.users.items()
    }
    for name, option, result in scene.votes:
        after = f'{_whose(scene, name)} called "vote" with {option!r}'
        ack = await stage.call(clients[name], "vote", option)
        if result is None:
            await stage.expect(f"{after}, which is no option", "result", by=[])
            if ack["ok"]:
                stage.fail(f"{after}, which is no option, and the answer was {ack}.")
            continue
        if not ack["ok"]:
            stage.fail(f'{after}, and was refused: "{ack["error"]}"')
        await stage.expect(after, "result", by=scene.users, data=result)


def _whose(scene: _Election, client: str) -> str:
    user, _ = scene.users[client]
    return f"{client} (user {user!r})"


EXERCISE = Exercise(
    number="11.1",
    starter="""
def answer(chat, options):
    @chat.event("vote")
    async def vote(sid, option):
        ...
""",
    hint_text="""What is kept by user, in a dict, is kept once: votes[user] = option.
The user of a socket is chat.members[sid].sender["userId"]. In Python, -1 is an index, too.""",
    solution_text="""
from chatlib.messages import EVERYONE, BadInputError


def answer(chat, options):
    votes = {}

    @chat.event("vote")
    async def vote(sid, option):
        if option not in list(range(options)):
            raise BadInputError("There is no such option.")
        votes[chat.members[sid].sender["userId"]] = option
        result = [list(votes.values()).count(n) for n in range(options)]
        await chat.io.emit("result", result, to=EVERYONE.room)
""",
    praise="A vote belongs to a user, not to a socket or a name, and what is no option counts "
    "nothing.",
    play=_vote,
    scenes=(
        _Election(
            {"alice": (1, "alice"), "phone": (1, "alice"), "bob": (2, "bob"), "carol": (3, "c")},
            2,
            (
                ("alice", 0, [1, 0]),
                ("bob", 1, [1, 1]),
                ("phone", 1, [0, 2]),
                ("carol", 2, None),
                ("carol", -1, None),
                ("carol", 0, [1, 2]),
                ("alice", 2, None),  # and her last one still counts
                ("bob", 1, [1, 2]),
            ),
        ),
        _Election(  # two people of one name
            {"dora": ("d", "Kim"), "erin": ("e", "Kim"), "desk": ("e", "Kim")},
            4,
            (
                ("erin", "1", None),
                ("erin", 3, [0, 0, 0, 1]),
                ("dora", 3, [0, 0, 0, 2]),
                ("desk", None, None),
                ("desk", [0], None),
                ("desk", 0, [1, 0, 0, 1]),
                ("dora", 4, None),
                ("dora", 2, [1, 0, 1, 0]),
            ),
        ),
    ),
    server=chat,
)
