"""Exercise 10.4: what is said at a table in a namespace stays there."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Repair, Stage, run
from chatlib.lab.exercises.stage import deliveries_in
from chatlib.lab.handlers import handled_events
from chatlib.lab.trace import Packet
from chatlib.lab.words import as_json, enumerated

_STAFF = "/staff"


@dataclass(frozen=True)
class _Restaurant:
    first: str
    second: str
    other: str
    guest: str
    both: str
    table: str
    other_table: str
    texts: tuple[str, str, str]


class _Talk:
    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def expect(self, client: Any, table: str, text: str, hear: list[str]) -> None:
        """Let somebody speak, and see who hears it in ``/staff``, and who anywhere else."""
        stage, after = self._stage, f'After {client.name} sent "say" to the table {table!r} in'
        await client.emit("say", {"table": table, "text": text}, namespace=_STAFF)
        await stage.lab.settle()
        heard = [one for one in deliveries_in(stage.lab.trace.take()) if one.event == "said"]
        if outside := [one for one in heard if one.namespace != _STAFF]:
            names = enumerated(dict.fromkeys(one.target for one in outside))
            stage.fail(
                f'{after} {_STAFF}, {names} heard "said" in the namespace {outside[0].namespace}. '
                f"It should have stayed in {_STAFF}."
            )
        self._compare(f"{after} {_STAFF}", [one.target for one in heard], hear)
        self._check_text(f"{after} {_STAFF}", heard, text)

    def _compare(self, after: str, heard: list[str], hear: list[str]) -> None:
        wanted = enumerated(sorted(hear)) if hear else "nobody"
        if sorted(heard) != sorted(hear):
            came = enumerated(sorted(heard)) if heard else "nobody"
            self._stage.fail(
                f'{after}, {wanted} should have heard "said", once each, and nobody else. '
                f"What happened: {came} did."
            )

    def _check_text(self, after: str, heard: list[Packet], text: str) -> None:
        for one in heard:
            if one.data != (text,):
                self._stage.fail(
                    f'{after}, "said" should have carried {as_json([text])}, but it carried '
                    f"{as_json(one.data) or 'nothing'}."
                )


async def _staff_only(answer: Callable[..., Any], stage: Stage, scene: _Restaurant) -> None:
    await run(answer, stage.io)
    if not handled_events(stage.io, _STAFF):
        stage.fail(f"Nobody can connect to {_STAFF}: nothing is registered for it.")
    first, second, other = [
        await stage.join(name, namespaces=[_STAFF])
        for name in (scene.first, scene.second, scene.other)
    ]
    both = await stage.join(scene.both, namespaces=["/", _STAFF])
    await stage.join(scene.guest)
    talk, (one, two, three) = _Talk(stage), scene.texts
    for client, table in ((first, scene.table), (second, scene.table), (both, scene.other_table)):
        await _join(stage, client, table)
    await talk.expect(first, scene.table, one, [scene.first, scene.second])
    await talk.expect(second, scene.table, two, [scene.first, scene.second])
    await talk.expect(both, scene.other_table, three, [scene.both])
    await _join(stage, both, scene.table)
    await talk.expect(both, scene.table, one, [scene.first, scene.second, scene.both])
    # Who speaks at a table need not have joined it, and who joins one does not leave another.
    await talk.expect(other, scene.other_table, two, [scene.both])


async def _join(stage: Stage, client: Any, table: str) -> None:
    await client.emit("join", table, namespace=_STAFF)
    try:
        await stage.clear()
    except KeyError as error:
        if error.args != (client.get_sid(_STAFF),):
            raise
        stage.fail(
            f'{client.name} sent "join", and the room was looked for in /, where {client.name} is '
            "not: io.enter_room means / if nobody says another namespace."
        )


async def _show_the_restaurant(answer: Callable[..., Any], stage: Stage) -> None:
    await run(answer, stage.io)
    alice = await stage.join("alice", namespaces=[_STAFF])
    await stage.join("bob", namespaces=[_STAFF])
    await stage.join("guest")
    await alice.emit("join", "kitchen", namespace=_STAFF)
    await alice.emit("say", {"table": "kitchen", "text": "the fish is old"}, namespace=_STAFF)


EXERCISE = Repair(
    number="10.4",
    starter="""
def answer(io):
    class Staff(socketio.AsyncNamespace):
        async def on_join(self, sid, table):
            await self.enter_room(sid, table)

        async def on_say(self, sid, data):
            await io.emit("said", data["text"], to=data["table"])

    io.register_namespace(Staff("/staff"))
""",
    hint_text="""The room is right, and it is in /staff. In which namespace does on_say look for a
room of that name?""",
    solution_text="""
import socketio


def answer(io):
    class Staff(socketio.AsyncNamespace):
        async def on_join(self, sid, table):
            await self.enter_room(sid, table)

        async def on_say(self, sid, data):
            await self.emit("said", data["text"], to=data["table"])

    io.register_namespace(Staff("/staff"))
""",
    praise="A room belongs to its namespace, as an id does, and self.emit stays in it.",
    play=_staff_only,
    demo=_show_the_restaurant,
    scenes=(
        _Restaurant(
            *("alice", "bob", "carol", "guest", "dave"),
            *("kitchen", "bar", ("the fish is old", "it is not", "one beer")),
        ),
        _Restaurant(
            *("erin", "fred", "grace", "heidi", "ivan"),
            *("door", "cellar", ("", "they are late", "no more wine")),
        ),
    ),
)
