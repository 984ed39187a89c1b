"""How wide text is, and how to make it fit."""

import itertools
import textwrap
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace

CHARACTER = 7.3  # px; the advance of a 12 px monospace character, rounded up
HEAD_CHARACTER = 8.0  # px; of a bold one of 13 px
_LONGEST_NAME = 16  # characters
_MOST_LINES = 6
_FILLER = "\x00"  # stands for the second half of a wide letter


@dataclass(frozen=True)
class Label:
    """What stands beside an arrow: an event's name, and what it carried.

    Attributes:
        title: The event's name.
        detail: What it carried, as JSON.
        note: What is to be said of it.
    """

    title: str
    detail: str = ""
    note: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, (self.title, self.detail, self.note)))

    @property
    def rest(self) -> str:
        """All but the title, as it follows it."""
        return str(self).removeprefix(self.title)

    def clipped(self, room: float) -> "Label":
        """Return the label cut to so many px: what it carried, or else the title."""
        if text_width(str(self)) <= room:
            return self
        left = room - text_width(str(replace(self, detail=" ")))
        if left > 3 * CHARACTER:
            return replace(self, detail=cut(self.detail, left))
        return Label(cut(self.title, room))


def text_width(text: str, character: float = CHARACTER) -> float:
    """Return how many px text takes, at so many px a character."""
    return cells(text) * character


def cells(text: str) -> int:
    """Return how many characters wide text is, where letters are all of one width, or of two."""
    return sum(map(_cells, text))


def padded(text: str, width: int) -> str:
    """Return text with blanks after it, to be so many characters wide."""
    return text + " " * (width - cells(text))


def cut(text: str, room: float) -> str:
    """Return text, cut at its end if it takes more than so many px."""
    if text_width(text) <= room:
        return text
    widths = itertools.accumulate(map(text_width, text))
    fits = sum(1 for _ in itertools.takewhile(lambda width: width + CHARACTER <= room, widths))
    return f"{text[:fits]}…"


def short_names(names: Iterable[str]) -> dict[str, str]:
    """Return what stands for each name: those that differ, long or not, do not look the same."""
    alike: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        alike.setdefault(_short_name(name), []).append(name)
    shown = {}
    for short, group in alike.items():
        shown.update({group[0]: short} if len(group) == 1 else _differences(group))
    return shown


def _differences(names: list[str]) -> dict[str, str]:
    """Return, of names that begin and end alike, a piece from where they begin to differ."""
    letters = enumerate(itertools.zip_longest(*names))
    start = max(next(place for place, those in letters if len({*those}) > 1) - 3, 1)
    pieces: dict[str, list[str]] = {}
    for name in names:
        piece = cut(f"…{name[start:]}", _LONGEST_NAME * CHARACTER)
        pieces.setdefault(piece, []).append(name)
    shown = {}
    for piece, group in pieces.items():
        shown.update({group[0]: piece} if len(group) == 1 else _differences(group))
    return shown


def _short_name(name: str) -> str:
    """Return a name, cut in its middle if it is long: names often differ at their ends."""
    if cells(name) <= _LONGEST_NAME:
        return name
    half = (_LONGEST_NAME - 1) // 2 // max(map(_cells, name))
    return f"{name[:half]}…{name[-half:]}"


def wrapped(text: str, room: float) -> list[str]:
    """Return code broken into a few lines of so many px, at spaces if there are any."""
    composed = unicodedata.normalize("NFC", text)  # marks of their own have no width
    lines = textwrap.wrap(
        "".join(letter + _FILLER * (_cells(letter) - 1) for letter in composed),
        max(int(room / CHARACTER), 12),
        subsequent_indent="  ",
        break_on_hyphens=False,
        max_lines=_MOST_LINES,
        placeholder="…",
    )
    return [cut(line.replace(_FILLER, ""), room) for line in lines]


def _cells(letter: str) -> int:
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1
