"""The picture of a guess: who was to hear what, beside who did."""

from collections import Counter
from collections.abc import Mapping, Sequence

from chatlib.lab.pictures.grid import Grid
from chatlib.lab.pictures.lettering import cells, padded
from chatlib.lab.pictures.picture import Picture
from chatlib.lab.words import enumerated, plain

_BLOCKS = ("your guess", "what happens")
_LEGEND = "● hears it    ○ does not    a frame: guessed wrong"

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

    @property
    def title(self) -> str:
        """What the picture shows."""
        return "Your guess beside what happens"

    def text(self) -> str:
        """Return the two matrices as lines of text, with brackets for the frames."""
        width = max(map(cells, self._lines))
        heads = "".join(f"  {name} " for name in self._clients)
        heads = padded(heads, len(_BLOCKS[0]))
        lines = [" " * width + f"  {padded(_BLOCKS[0], cells(heads))}  {_BLOCKS[1]}".rstrip()]
        lines.append(f"{' ' * width}{heads}  {heads}".rstrip())
        for line in self._lines:
            guess = "".join(f"  {self._guessed(line, name)}" for name in self._clients)
            was = "".join(
                f"  {padded(_mark(self._happened[line], name), cells(name) + 1)}"
                for name in self._clients
            )
            lines.append(f"{padded(line, width)}{padded(guess, cells(heads))}  {was}".rstrip())
        return "\n".join(map(plain, lines))

    def sentences(self) -> list[str]:
        """Return a sentence for each line."""
        return [
            f"{line}: your guess is {_named(self._guess[line])}; "
            f"{_named(self._happened[line])} heard it."
            for line in self._lines
        ]

    def svg(self) -> str:
        """Return the two matrices as an SVG document."""
        grid = Grid(self._clients, self._lines, _LEGEND, _BLOCKS)
        for line in self._lines:
            both = (self._guess[line], self._happened[line])
            marks = {
                (block, name): _mark(both[block], name)
                for block in range(len(_BLOCKS))
                for name in self._clients
            }
            framed = {(0, name) for name in self._clients if both[0][name] != both[1][name]}
            grid.row(line, marks, framed=framed)
        grid.note(_LEGEND)
        return grid.document(self.title, self.sentences())

    def _guessed(self, line: str, name: str) -> str:
        mark = _mark(self._guess[line], name)
        framed = f"[{mark}]" if self._guess[line][name] != self._happened[line][name] else mark
        return padded(framed, cells(name) + 1)


def _named(heard: Counter[str]) -> str:
    """Say who heard something, and how often if it is more than once."""
    times = {name: count for name, count in heard.items() if count > 0}
    if not times:
        return "nobody"
    return enumerated(f"{n} ({count} times)" if count > 1 else n for n, count in times.items())


def _mark(heard: Counter[str], name: str) -> str:
    """Return a dot for who heard it, a ring for who did not, a number for more than once."""
    return {0: "○", 1: "●"}.get(heard[name], str(heard[name]))
