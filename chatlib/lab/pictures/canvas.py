"""An SVG document in the making."""

import html
import re
from collections.abc import Hashable, Iterable, Mapping
from typing import Any, Generic, Literal, TypeVar

import svg

from chatlib.lab.pictures.lettering import HEAD_CHARACTER, Label, short_names, text_width
from chatlib.lab.pictures.style import FONT, attributes, dark
from chatlib.lab.words import plain

# With the file browser open in a window of 900 px, JupyterLab has 448 px for a picture: the letters
# of one as wide as this, 12 px high, are 9 px high there.
WIDTH = 596
_NARROWEST = 300
MARGIN = 20

_NEWLINE = "&#10;"  # browsers drop newlines from data: URLs

_Column = TypeVar("_Column", bound=Hashable)


class Canvas:
    """An SVG document in the making, that grows downward.

    Attributes:
        width: How wide it is, in px.
        y: Where the next thing is drawn, in px from the top.
    """

    def __init__(self, width: float) -> None:
        self.width = max(width, _NARROWEST)
        self.y = float(MARGIN)
        self._elements: list[svg.Element] = []
        self._styles = {"chatlib", "page"}

    def line(self, style: str, x1: float, y1: float, x2: float, y2: float) -> None:
        """Draw a line from one point to another."""
        self._add(svg.Line, style, x1=_n(x1), y1=_n(y1), x2=_n(x2), y2=_n(y2))

    def rect(
        self, style: str, x: float, y: float, width: float, height: float, radius: float
    ) -> None:
        """Draw a rectangle with round corners."""
        size = {"width": _n(width), "height": _n(height)}
        self._add(svg.Rect, style, x=_n(x), y=_n(y), rx=radius, **size)

    def circle(self, style: str, x: float, y: float, radius: float) -> None:
        """Draw a circle."""
        self._add(svg.Circle, style, cx=_n(x), cy=_n(y), r=radius)

    def polygon(self, style: str, *corners: tuple[float, float]) -> None:
        """Draw a polygon."""
        self._add(svg.Polygon, style, points=[svg.Point(_n(x), _n(y)) for x, y in corners])

    def text(
        self,
        style: str,
        x: float,
        y: float,
        text: str,
        anchor: Literal["start", "middle"] = "start",
    ) -> None:
        """Write a line of text."""
        self._add(svg.Text, style, x=_n(x), y=_n(y), text_anchor=anchor, text=_line(text))

    def parts(self, x: float, y: float, parts: Iterable[tuple[str, str]]) -> None:
        """Write a line of text, each part of it in a style of its own."""
        spans: list[svg.Element] = []
        for style, text in parts:
            self._styles.add(style)
            spans.append(svg.TSpan(text=_line(text), **attributes(style)))
        self._elements.append(svg.Text(x=_n(x), y=_n(y), elements=spans))

    def label(
        self, label: Label, middle: float, y: float, ground: str, style: str = "bold"
    ) -> None:
        """Write a label on a ground of its own, as near to its place as fits in the picture."""
        padding = 3 if ground == "ground" else 10
        label = label.clipped(self.width - 16 - 2 * padding)
        width = text_width(str(label)) + 2 * padding
        left = min(max(middle - width / 2, 8), self.width - width - 8)
        if ground == "ground":
            self.rect(ground, left, y - 11, width, 15, 0)
        else:
            self.rect(ground, left, y - 15, width, 22, 11 if ground == "pill" else 4)
        self._styles.add(style)
        parts: list[svg.Element] = [svg.TSpan(text=_line(label.title), **attributes(style))]
        parts += [svg.TSpan(text=_line(label.rest))] if label.rest else []
        x = _n(left + width / 2)
        self._elements.append(svg.Text(x=x, y=_n(y), text_anchor="middle", elements=parts))

    def note(self, text: str) -> None:
        """Write a line of text below all that there is."""
        self.text("soft", MARGIN, self.y + 16, text)
        self.y += 26

    def document(self, title: str, sentences: Iterable[str]) -> str:
        """Return the finished SVG document."""
        height = self.y + 8
        drawn, self._elements = self._elements, []
        self.background(height)
        elements: list[svg.Element] = [
            svg.Title(text=_escape(title)),
            svg.Desc(text=_NEWLINE.join(map(_escape, sentences))),
            svg.Style(text=dark(self._styles)),
            *self._elements,
            *drawn,
        ]
        document = svg.SVG(
            viewBox=svg.ViewBoxSpec(0, 0, _n(self.width), _n(height)),
            width=_n(self.width),
            height=_n(height),
            extra={
                "role": "img",
                "fill": attributes("chatlib")["fill"],
                "font-family": FONT,
                "font-size": "12",
            },
            elements=elements,
            class_=["chatlib"],
        )
        return _one_a_line(document)

    def background(self, height: float) -> None:
        """Draw what lies below the rest."""
        self.rect("page", 0.5, 0.5, self.width - 1, height - 1, 10)

    def _add(self, element: Any, style: str, **parts: Any) -> None:
        self._styles.add(style)
        self._elements.append(element(**attributes(style), **parts))


class Heads(Generic[_Column]):
    """The names at the top of columns, on as many levels as it takes for none to cover another.

    Args:
        columns: Where each column is, in px from the left.
        names: The name of each.
        padding: How much wider than its name a head is, in px.
        height: How high a head is, in px.
    """

    def __init__(
        self,
        columns: Mapping[_Column, float],
        names: Mapping[_Column, str],
        padding: float,
        height: float = 32,
    ) -> None:
        self._columns = columns
        self._height = height
        shown = short_names(map(plain, names.values()))
        self._names = {column: shown[plain(name)] for column, name in names.items()}
        self.widths = {
            column: text_width(name, HEAD_CHARACTER) + padding
            for column, name in self._names.items()
        }
        self._levels: dict[_Column, int] = {}
        ends: list[float] = []  # of the last head on each level
        for column, x in columns.items():
            left, right = x - self.widths[column] / 2, x + self.widths[column] / 2
            level = next((n for n, end in enumerate(ends) if left > end + 4), len(ends))
            ends[level : level + 1] = [right]
            self._levels[column] = level

    def bottom(self, column: _Column) -> float:
        """Return where a head ends, in px below the first one's top."""
        return self._height + self._levels[column] * (self._height + 6)

    @property
    def height(self) -> float:
        """How many px they take, from top to bottom."""
        return max(map(self.bottom, self._columns), default=0)

    @property
    def right(self) -> float:
        """Where the last one ends, in px from the left."""
        return max((x + self.widths[column] / 2 for column, x in self._columns.items()), default=0)

    def draw(self, canvas: Canvas, top: float, boxes: Mapping[_Column, str]) -> None:
        """Draw them.

        Args:
            canvas: Where.
            top: Where the first one begins, in px from the top.
            boxes: The style of each one's box, if it has one.
        """
        for column, x in self._columns.items():
            width, bottom = self.widths[column], top + self.bottom(column)
            if box := boxes.get(column):
                canvas.rect(box, x - width / 2, bottom - self._height, width, self._height, 8)
            style = "server-head" if box == "server" else "head"
            canvas.text(style, x, bottom - self._height / 2 + 5, self._names[column], "middle")


def _one_a_line(document: svg.SVG) -> str:
    # A line for each element but the parts of a text, where a new line would be seen.
    return re.sub(r"><(?!/|tspan)", ">\n<", str(document))


def _n(number: float) -> float:
    """Round a coordinate, to keep the document short and the same on every machine."""
    return round(number, 1)


def _line(text: str) -> str:
    # Of several blanks browsers draw one, whatever the document's xml:space says.
    return re.sub(" {2,}", lambda blanks: "\N{NO-BREAK SPACE}" * len(blanks[0]), _escape(text))


def _escape(text: str) -> str:
    return html.escape(plain(text), quote=False)
