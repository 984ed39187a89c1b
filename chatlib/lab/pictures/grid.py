"""Rows of marks, below the names of clients."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from chatlib.lab.pictures.canvas import MARGIN, WIDTH, Canvas, Heads
from chatlib.lab.pictures.lettering import text_width, wrapped

_GAP = 20  # px between two blocks of columns
_LINE = 15  # px from one line of a label to the next
_BESIDE = 210  # px; with less room beside its marks, a label stands above them
_NARROWEST = 26  # px, of a column

Column = tuple[int, str]  # the number of its block, and its name


@dataclass(frozen=True)
class _Layout:
    """Where labels and columns are, in px.

    Attributes:
        is_above: Whether a label stands above its marks, and not beside them.
        label: The room of a label.
        start: Where the columns begin.
        cell: The width of a column.
    """

    is_above: bool
    label: float
    start: float
    cell: float


def _layout(columns: int, gaps: float, widest: float, longest: float) -> _Layout:
    """Return where labels and columns are.

    Args:
        columns: How many columns there are.
        gaps: The room between blocks, in px.
        widest: The room of the widest name, in px.
        longest: The room of the longest label, in px.
    """
    # Names, on levels of their own, may be wider than the columns.
    overhang = max((widest - _NARROWEST) / 2 - MARGIN, 0)
    room = WIDTH - 2 * MARGIN - gaps - 2 * overhang
    cell = min(widest, (room - min(longest, _BESIDE)) / max(columns, 1))
    if cell >= min(widest, _NARROWEST):
        label = min(longest, room - cell * columns)
        return _Layout(False, label, MARGIN + label, cell)
    return _Layout(True, room, MARGIN + overhang, max(min(widest, room / columns), _NARROWEST))


class Grid(Canvas):
    """A label and marks in each row; the marks are in one or more blocks of the same columns.

    Args:
        names: The columns' names.
        labels: All labels that there will be.
        legend: What stands at the end.
        blocks: What stands above each block.
    """

    def __init__(
        self,
        names: Sequence[str],
        labels: Sequence[str],
        legend: str,
        blocks: Sequence[str] = ("",),
    ) -> None:
        columns = [(block, name) for block in range(len(blocks)) for name in names]
        titles = {column: column[1] for column in columns}
        widest = max(Heads(dict.fromkeys(columns, 0.0), titles, 14).widths.values(), default=0.0)
        # What stands above a block is not to run into what stands above the next.
        above = max(map(text_width, blocks)) + 4
        widest = max(widest, above / max(len(names), 1)) if any(blocks) else widest
        longest = max(map(text_width, labels), default=0.0) + 16
        self._layout = layout = _layout(len(columns), _GAP * (len(blocks) - 1), widest, longest)
        self._columns = {
            column: layout.start + layout.cell * (index + 0.5) + _GAP * column[0]
            for index, column in enumerate(columns)
        }
        self._heads = Heads(self._columns, titles, padding=6, height=18)
        right = max(self._columns.values(), default=0.0) + layout.cell / 2
        right = max(right, MARGIN + text_width(legend))
        super().__init__(max(right + MARGIN, self._heads.right + 8))
        self._draw_heads(blocks)

    def row(
        self,
        title: str,
        marks: Mapping[Column, str],
        subtitle: str = "",
        framed: Collection[Column] = (),
    ) -> None:
        """Draw a row: a label of one or two parts, and a mark in each column.

        Args:
            title: The label.
            marks: A dot, a ring, a number or nothing for each column.
            subtitle: More of the label.
            framed: Where a mark has a frame.
        """
        self.rule()
        lines = [("bold", line) for line in wrapped(title, self._layout.label - 12)]
        lines += [("soft", line) for line in wrapped(subtitle, self._layout.label - 12) if subtitle]
        for index, (style, line) in enumerate(lines):
            self.text(style, MARGIN, self.y + 18 + _LINE * index, line)
        height = _LINE * len(lines) + 16
        middle = self.y + (height + 12 if self._layout.is_above else height / 2)
        for column, mark in marks.items():
            self._mark(self._columns[column], middle, mark, is_framed=column in framed)
        self.y += height + 32 * self._layout.is_above

    def aside(self, text: str) -> None:
        """Write what is left out, in the place of rows."""
        self.rule()
        self.note(text)

    def rule(self) -> None:
        """Draw a line between two rows."""
        self.line("rule", MARGIN, self.y, self.width - MARGIN, self.y)

    def _draw_heads(self, blocks: Sequence[str]) -> None:
        for block, title in enumerate(blocks):
            if title:
                left = min(x for (number, _), x in self._columns.items() if number == block)
                self.text("soft", left - self._layout.cell / 2 + 4, self.y + 4, title)
        top = self.y + 6 * any(blocks) - 8 * (not any(blocks))
        self._heads.draw(self, top, {})
        self.y = top + self._heads.height

    def _mark(self, x: float, y: float, mark: str, *, is_framed: bool) -> None:
        if is_framed:
            self.rect("fault", x - 13, y - 12, 26, 24, 5)
        match mark:
            case "●":
                self.circle("down-tip", x, y, 7)
            case "○":
                self.circle("not", x, y, 6)
            case _:
                self.text("bold", x, y + 4, mark, "middle")
