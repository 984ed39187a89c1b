"""What of a long story, or a big crowd, is drawn; all that is left out is said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chatlib.lab.trace import SERVER, Emission, Packet, Step

MOST_CLIENTS = 12
_MOST_ROWS = 36  # of a diagram: each takes about 42 px


@dataclass(frozen=True)
class Gap:
    """Steps that are left out.

    Attributes:
        count: How many.
    """

    count: int


@dataclass(frozen=True)
class Excerpt:
    """What is drawn of a story.

    Attributes:
        steps: The steps, with a `Gap` where some are left out.
        clients: The names of those who are drawn, in order.
        others: The names of those who are not.
    """

    steps: list[Step | Gap]
    clients: list[str]
    others: list[str]


def excerpt(steps: Sequence[Step], clients: Sequence[str]) -> Excerpt:
    """Return as much of a story as fits in a picture: its beginning and its end.

    Args:
        steps: What happened.
        clients: The names of all that may be drawn, in order.
    """
    part = taking_part(steps)
    present = [name for name in clients if name in part] or list(clients)
    active = {step.source for step in steps if isinstance(step, Packet)}
    # Who sends comes first, as nothing could be understood without them.
    chosen = set(sorted(present, key=lambda name: name not in active)[:MOST_CLIENTS])
    others = [name for name in present if name not in chosen]
    left = [step for step in steps if not _is_about(step, {*others})]
    return Excerpt(_both_ends(left), [name for name in present if name in chosen], others)


def taking_part(steps: Iterable[Step]) -> set[str]:
    """Return the names of all clients that steps are about."""
    names: set[str] = set()
    for step in steps:
        match step:
            case Emission():
                names.update(step.present, (packet.target for packet in step.deliveries))
            case Packet():
                names.update((step.source, step.target))
            case _:
                names.add(step.where)
    return names - {SERVER}


def _is_about(step: Step, names: set[str]) -> bool:
    """Tell whether a step is about one of these clients alone."""
    return not isinstance(step, Emission) and bool(taking_part([step]) & names)


def _both_ends(steps: list[Step]) -> list[Step | Gap]:
    first = _fitting(steps)
    last = _fitting(steps[:first:-1]) if first < len(steps) else 0
    gap = len(steps) - first - last
    return [*steps[:first], Gap(gap), *steps[len(steps) - last :]] if gap > 1 else [*steps]


def _fitting(steps: Sequence[Step]) -> int:
    """Return how many steps, from the first on, take half of a picture."""
    room = _MOST_ROWS / 2
    for count, step in enumerate(steps):
        room -= _height(step)
        if room < 0:
            return max(count, 1)
    return len(steps)


def _height(step: Step) -> float:
    """Return how many rows a step takes: one, and more for arrows, rings and a crowd's count."""
    if not isinstance(step, Emission):
        return 1
    arrows = min(len(step.deliveries), MOST_CLIENTS)
    return 1.4 + 0.4 * arrows + 0.7 * (len(step.present) > MOST_CLIENTS)
