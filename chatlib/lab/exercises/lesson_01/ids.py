"""Exercise 01.3: a new id for each connection."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from socketio.exceptions import ConnectionError as NotConnectedError

from chatlib.lab.exercises.exercise import Exercise, Stage, run
from chatlib.lab.exercises.lesson_01.shared import with_article

# What holds two ids in no order, or is one.
_UNORDERED = (str, set, frozenset, Mapping)


async def _there_and_back(
    answer: Callable[..., Any], stage: Stage, present: tuple[str, ...]
) -> None:
    name = present[-1]
    visits: list[tuple[str, str]] = []
    stage.io.on("connect", lambda sid, *_: visits.append((stage.lab.name(sid), sid)))
    clients = await stage.join(*present)
    client = clients[-1] if len(present) > 1 else clients
    try:
        returned = await run(answer, client, stage.lab.url)
    except NotConnectedError as error:
        if str(error) == "Already connected":
            raise
        stage.fail(
            f"There was no connection. {name} herself should connect again, to the url that the "
            "function is given."
        )
    await stage.clear()
    ids = [sid for visitor, sid in visits if visitor == name]
    others = [sid for visitor, sid in visits if visitor not in present]
    if len(ids) < 2:
        other = ", and another client connect beside her" if others else ""
        stage.fail(
            f"{name} should have connected twice in all. The server saw her connect once{other}."
        )
    if not client.connected:
        stage.fail(f"{name} should be connected at the end, and she is not.")
    if client.get_sid() != ids[-1]:
        stage.fail(f"{name} should have connected again. It was another client that did.")
    told = _as_told(returned)
    if isinstance(returned, Iterable) and not isinstance(returned, _UNORDERED):
        returned = list(returned)
        told += f" of {len(returned)}"
    elif isinstance(returned, set | frozenset):
        told += ", which has no order"
    if not isinstance(returned, list) or len(returned) != 2:
        stage.fail(f"answer should return two ids, and it returned {told}.")
    wanted_ids = (ids[0], ids[-1])
    for place, wanted, given in zip(("first", "second"), wanted_ids, returned, strict=True):
        if given != wanted:
            stage.fail(
                f"The {place} id should be the one that the server knew {name} by "
                f"{'before' if place == 'first' else 'after'} she reconnected; "
                f"{_as_told(given, ids, others)}. A client tells it by get_sid(), while it is "
                "connected."
            )


def _as_told(returned: Any, ids: list[str] | None = None, others: list[str] | None = None) -> str:
    """Say what came back, without ids that nobody knows."""
    if ids and returned in ids:
        return "it is the other one" if len(ids) == 2 else "it is another one of hers"
    if others and returned in others:
        return "it is another client's"
    if ids and isinstance(returned, str):
        return "it is another text"
    what = "None" if returned is None else with_article(returned)
    return f"it is {what}" if ids else what


EXERCISE = Exercise(
    number="01.3",
    starter="""
async def answer(alice, url):
    ...
""",
    hint_text="Keep alice.get_sid() in a variable before you let her disconnect.",
    solution_text="""
async def answer(alice, url):
    before = alice.get_sid()
    await alice.disconnect()
    await alice.connect(url)
    return before, alice.get_sid()
""",
    praise="The same client and two ids: an id names a connection, not a person.",
    play=_there_and_back,
    scenes=(("alice",), ("bob", "carol")),
)
