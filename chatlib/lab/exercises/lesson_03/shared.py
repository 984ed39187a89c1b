"""What the exercises of lesson 03 share."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chatlib.lab.exercises.exercise import Stage
from chatlib.lab.words import as_json, enumerated


@dataclass(frozen=True)
class Talk:
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


async def at_once(
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
