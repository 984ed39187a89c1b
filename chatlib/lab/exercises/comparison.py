"""The picture of a guess: who was to hear what, beside who did."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence

from chatlib.lab.pictures import MARGIN, WIDTH, Canvas, Picture, printable, text_width

_BLOCKS = ("your guess", "what happens")
_GAP = 26  # between the two
_LEGEND = "● hears it, ○ does not; what is framed was guessed wrong"

_Heard = Mapping[str, Counter[str]]


class Comparison(Picture):
    """A matrix of what was guessed beside the one of what happened; what differs is framed.

    Args:
        lines: What was done: a row for each.
        clients: The clients' names: a column for each, twice.
        guess: Who was to hear each line, and how often.
        happened: Who heard it, and how often.
    """

    def __init__(
        self, lines: Sequence[str], clients: Sequence[str], guess: _Heard, happened: _Heard
    ) -> None:
        self._lines = lines
        self._clients = clients
        self._guess = guess
        self._happened = happened

    def text(self) -> str:
        """Return the two matrices as lines of text, with brackets for the frames."""
        width = max(map(len, self._lines))
        heads = "".join(f"  {name:{len(name) + 1}}" for name in self._clients)
        lines = [" " * width + f"  {_BLOCKS[0]:{len(heads)}}{_BLOCKS[1]}".rstrip()]
        lines.append(f"{' ' * width}{heads}  {heads}".rstrip())
        for line in self._lines:
            guess = "".join(f"  {self._guessed(line, name)}" for name in self._clients)
            was = "".join(
                f"  {_mark(self._happened[line], name):{len(name) + 1}}" for name in self._clients
            )
            lines.append(f"{line:{width}}{guess}  {was}".rstrip())
        return printable("\n".join(lines))

    def svg(self) -> str:
        """Return the two matrices as an SVG document."""
        cell = max(map(text_width, self._clients)) + 14
        room = WIDTH - 2 * MARGIN - _GAP - 2 * cell * len(self._clients) - 20
        labels = {line: _wrapped(line, room) for line in self._lines}
        label = max(text_width(part) for parts in labels.values() for part in parts) + 20
        columns = {
            (block, name): MARGIN
            + label
            + cell * (index + 0.5)
            + block * (cell * len(self._clients) + _GAP)
            for block in (0, 1)
            for index, name in enumerate(self._clients)
        }
        width = max(columns.values()) + cell / 2 + MARGIN
        canvas = Canvas({}, width, lifelines=False)
        starts = [columns[block, self._clients[0]] - cell / 2 for block in (0, 1)]
        canvas.words(dict(zip(starts, _BLOCKS, strict=True)), "start")
        canvas.words({x: name for (_, name), x in columns.items()}, "middle")
        for line in self._lines:
            guessed, was = self._guess[line], self._happened[line]
            canvas.marks(
                labels[line],
                {x: _mark((guessed, was)[block], name) for (block, name), x in columns.items()},
                {columns[0, name] for name in self._clients if guessed[name] != was[name]},
            )
        canvas.note(_LEGEND)
        return canvas.document("Your guess beside what happens", self.text())

    def _guessed(self, line: str, name: str) -> str:
        mark = _mark(self._guess[line], name)
        framed = f"[{mark}]" if self._guess[line][name] != self._happened[line][name] else mark
        return f"{framed:{len(name) + 1}}"


def _wrapped(line: str, room: float) -> list[str]:
    """Break a line of code, at a space if there is one, where it is too long."""
    return textwrap.wrap(line, max(int(room / text_width("x")), 12), subsequent_indent="  ")


def _mark(heard: Counter[str], name: str) -> str:
    """Return a dot for who heard it, a ring for who did not, a number for more than once."""
    return {0: "○", 1: "●"}.get(heard[name], str(heard[name]))
