"""The exercises of lesson 03: everyone, only you, everyone but you."""

from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Exercise, Repair, Stage, run
from chatlib.lab.exercises.prediction import Line, Prediction
from chatlib.lab.exercises.stage import NothingCameError
from chatlib.lab.words import as_json, enumerated


@dataclass(frozen=True)
class _Talk:
    """Who is there, and who says what.

    Attributes:
        names: The names of the clients, in the order in which they connect.
        said: The name of who speaks and a text, one after the other.
    """

    names: tuple[str, ...]
    said: tuple[tuple[str, str], ...]

    async def join(self, stage: Stage) -> dict[str, Any]:
        """Connect the clients, and return them by their names."""
        joined = await stage.join(*self.names)
        return {one.name: one for one in (joined if len(self.names) > 1 else [joined])}

    def others(self, name: str) -> list[str]:
        """Return the names of all but one."""
        return [other for other in self.names if other != name]

    def after(self, name: str, event: str) -> str:
        """Return that somebody emitted an event, as the beginning of a sentence."""
        return f'{name}{"" if self.others(name) else ", alone on the server,"} emitted "{event}"'


_Heard = tuple[str, str, tuple[Any, ...]]
# Who comes when the others have spoken.
_LATE = "niaj"


async def _at_once(
    stage: Stage,
    clients: dict[str, Any],
    event: str,
    wanted: Callable[[str, str], list[_Heard]],
) -> None:
    """See what is heard when all clients emit an event at once, each with a text of its own.

    One more client comes before that, and is one of them.

    Args:
        stage: Where the clients are.
        clients: The clients, by their names.
        event: What they emit.
        wanted: Returns what is to be heard when somebody has emitted a text: who hears it, the
            event and its data.
    """
    clients[_LATE] = await stage.join(_LATE)
    texts = {name: f"{event} of {name}" for name in clients}
    for name, client in clients.items():
        await client.emit(event, texts[name])
    heard = [one for name, text in texts.items() for one in wanted(name, text)]
    should = Counter((who, what, as_json(data)) for who, what, data in heard)
    events = {what for _, what, _ in heard}
    packets = await stage.deliveries(
        lambda found: sum(packet.event in events for packet in found) >= len(heard)
    )
    did = Counter((p.target, p.event, as_json(p.data)) for p in packets if p.event in events)
    for found, kind in ((should - did, "should have"), (did - should, "should not have")):
        for who, what, data in found:
            stage.fail(
                f'When {enumerated(clients)}, who came last, emitted "{event}" at once, '
                f'{who} {kind} heard "{what}"{" with " * bool(data)}{data}.'
            )


async def _only_the_asker(answer: Callable[..., Any], stage: Stage, talk: _Talk) -> None:
    await run(answer, stage.io)
    clients = await talk.join(stage)
    for name, text in talk.said:
        await clients[name].emit("question", text)
        await stage.expect(f'{name} emitted "question"', "answer", by=[name], data=text)
    await _at_once(stage, clients, "question", lambda name, text: [(name, "answer", (text,))])


async def _everyone_but_the_teller(answer: Callable[..., Any], stage: Stage, talk: _Talk) -> None:
    await run(answer, stage.io)
    clients = await talk.join(stage)
    for name, text in talk.said:
        await clients[name].emit("joke", text)
        await stage.expect(talk.after(name, "joke"), "laugh", by=talk.others(name), data=text)
    await _at_once(
        stage,
        clients,
        "joke",
        lambda name, text: [(other, "laugh", (text,)) for other in clients if other != name],
    )


async def _score(answer: Callable[..., Any], stage: Stage, talk: _Talk) -> None:
    await run(answer, stage.io)
    clients = await talk.join(stage)
    for name, team in talk.said:
        await clients[name].emit("goal", team)
        await _scored(stage, name, team, talk.names)
    await _at_once(
        stage,
        clients,
        "goal",
        lambda name, team: [
            *((other, "score", (team,)) for other in clients),
            (name, "well done", ()),
        ],
    )


async def _scored(stage: Stage, name: str, team: str, everyone: Collection[str]) -> None:
    after = f'{name} emitted "goal"'
    deliveries = await stage.deliveries(
        lambda found: (
            {p.target for p in found if p.event == "score"} >= set(everyone)
            and any(p.event == "well done" and p.target == name for p in found)
        )
    )
    if not deliveries:
        stage.fail(f"After {after}, nobody heard anything.", as_=NothingCameError)
    for event, who, names, data in (
        ("score", "everyone", everyone, (team,)),
        ("well done", f"{name} alone", [name], ()),
    ):
        heard = [packet for packet in deliveries if packet.event == event]
        if {packet.target for packet in heard} != set(names):
            stage.fail(f'After {after}, {who} should have heard "{event}"', deliveries)
        if len(heard) > len(names):
            stage.fail(f'After {after}, "{event}" came more than once.')
        stage.expect_data(after, heard, data)
    events = [p.event for p in deliveries if p.target == name]
    if events.index("score") > events.index("well done"):
        stage.fail(f'After {after}, "score" should have come before "well done"', deliveries)


async def _typing(answer: Callable[..., Any], stage: Stage, talk: _Talk) -> None:
    await run(answer, stage.io)
    clients = await talk.join(stage)
    for name, nick in talk.said:
        await clients[name].emit("typing", nick)
        await stage.expect(talk.after(name, "typing"), "is typing", by=talk.others(name), data=nick)
    await _at_once(
        stage,
        clients,
        "typing",
        lambda name, nick: [(other, "is typing", (nick,)) for other in clients if other != name],
    )


async def _typing_demo(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice, bob, _ = await stage.join("alice", "bob", "carol")
    await alice.emit("typing", "Alice")
    await stage.lab.settle()
    await bob.emit("typing", "Bob")


EXERCISES = [
    Exercise(
        number="03.1",
        starter="""
def answer(io):
    @io.on("question")
    async def question(sid, text):
        ...
""",
        hint_text="to names the socket to reach. Whose id does the handler have?",
        solution_text="""
def answer(io):
    @io.on("question")
    async def question(sid, text):
        await io.emit("answer", text, to=sid)
""",
        praise="Only the one who asked: in JavaScript, socket.emit.",
        play=_only_the_asker,
        scenes=(
            _Talk(
                ("alice", "bob", "carol"),
                (
                    ("bob", "what is io?"),
                    ("carol", "and sid?"),
                    ("alice", "and to?"),
                    ("bob", "aha"),
                ),
            ),
            _Talk(
                ("grace", "heidi", "ivan"),
                (
                    ("ivan", "Is anybody here, and what is it that you do?"),
                    ("heidi", "and you?"),
                    ("grace", "and you?"),
                    ("heidi", " why?"),
                ),
            ),
            _Talk(("frank", "erin"), (("erin", "who is there?"), ("frank", "since when?"))),
        ),
    ),
    Exercise(
        number="03.2",
        starter="""
def answer(io):
    @io.on("joke")
    async def joke(sid, text):
        ...
""",
        hint_text="skip_sid names the socket to leave out. Whose id does the handler have?",
        solution_text="""
def answer(io):
    @io.on("joke")
    async def joke(sid, text):
        await io.emit("laugh", text, skip_sid=sid)
""",
        praise="Everyone but the one who told it: in JavaScript, socket.broadcast.emit.",
        play=_everyone_but_the_teller,
        scenes=(
            _Talk(
                ("alice", "bob", "carol"),
                (("alice", "knock knock"), ("carol", "who is there?"), ("bob", "a cat")),
            ),
            _Talk(
                ("grace", "frank", "erin", "dave", "heidi"),
                (
                    ("erin", "A byte walks into a bar "),
                    ("grace", "ouch"),
                    ("heidi", "ouch"),
                    ("erin", "ouch"),
                ),
            ),
            _Talk(("ivan",), (("ivan", "is this thing on?"),)),
        ),
    ),
    Exercise(
        number="03.3",
        starter="""
def answer(io):
    @io.on("goal")
    async def goal(sid, team):
        ...
""",
        hint_text="Two emissions, one after the other, and each has an address of its own or none.",
        solution_text="""
def answer(io):
    @io.on("goal")
    async def goal(sid, team):
        await io.emit("score", team)
        await io.emit("well done", to=sid)
""",
        praise="One event in, two emissions out, each with an address of its own.",
        play=_score,
        scenes=(
            _Talk(
                ("alice", "bob", "carol"),
                (("alice", "red"), ("carol", "blue"), ("bob", "red"), ("alice", "red")),
            ),
            _Talk(("frank", "erin"), (("erin", " the owls"), ("frank", "the foxes"))),
        ),
    ),
    Prediction(
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
    ),
    Repair(
        number="03.5",
        starter="""
def answer(io):
    me = []

    @io.on("connect")
    async def connect(sid, environ, auth):
        me.append(sid)

    @io.on("typing")
    async def typing(sid, name):
        await io.emit("is typing", name, skip_sid=me[0])
""",
        hint_text="Compare the two rings in the picture. Whose id is me[0], whoever is typing?",
        solution_text="""
def answer(io):
    @io.on("typing")
    async def typing(sid, name):
        await io.emit("is typing", name, skip_sid=sid)
""",
        praise="Each call of the handler brings the sender's own id; there is nothing to remember.",
        play=_typing,
        scenes=(
            _Talk(
                ("alice", "bob", "carol"), (("alice", "Alice"), ("bob", "Bob"), ("carol", "Caro "))
            ),
            _Talk(("grace", "erin"), (("erin", "E."), ("grace", "E."), ("erin", "E."))),
            _Talk(("ivan", "heidi"), (("heidi", "Alice"), ("ivan", "Bob"))),
            _Talk(("judy",), (("judy", "Judy"),)),
        ),
        demo=_typing_demo,
    ),
]
