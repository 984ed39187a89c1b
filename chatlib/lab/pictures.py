"""Pictures of what happened: a sequence diagram, and a matrix of who heard what.

Each has three forms: SVG that needs no network and fits light and dark pages, the same as text for
terminals, and a title and description in the SVG for screen readers.
"""

import html
import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import svg

from chatlib.lab.trace import SERVER, Emission, Fault, Packet, Step, Trace
from chatlib.lab.words import as_json, enumerated

WIDTH = 860  # an output area of JupyterLab on a small screen shows this without scaling
MARGIN = 20
_CHARACTER = 7.3  # the advance of a 12 px monospace character, rounded up
_HEAD = 32  # the height of a name at the top of its lifeline
_ROW = 42
_DELIVERY = 17
_NARROWEST = 20  # a column of a matrix

_UNPRINTABLE = re.compile("[^\\t\\n\\x20-\\x7e\\xa0-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")

_STYLE = """
.chatlib { --page: #ffffff; --edge: #d5dce6; --ink: #1b2330; --soft: #566274; --line: #bcc6d3;
  --up: #1f55d0; --down: #08734a; --lost: #bb2d20; --name: #e9effc; --server: #26304d;
  --server-ink: #ffffff; --pill: #e4f4ec;
  font: 12px ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", Consolas, monospace; }
@media (prefers-color-scheme: dark) { .chatlib { --page: #141922; --edge: #323c4c; --ink: #e9eef6;
  --soft: #a3afbf; --line: #4a566a; --up: #86afff; --down: #5bd7a2; --lost: #ff9184;
  --name: #223052; --server: #dbe3f8; --server-ink: #141922; --pill: #163528; } }
.chatlib text { fill: var(--ink); }
.chatlib .page { fill: var(--page); stroke: var(--edge); }
.chatlib .life { stroke: var(--line); stroke-dasharray: 2 4; stroke-width: 1.5; }
.chatlib .name { fill: var(--name); stroke: var(--up); }
.chatlib .server { fill: var(--server); stroke: none; }
.chatlib .head { font-weight: 600; font-size: 13px; }
.chatlib .server-head { fill: var(--server-ink); }
.chatlib .label { paint-order: stroke; stroke: var(--page); stroke-width: 4px; }
.chatlib .bold { font-weight: 600; }
.chatlib .soft { fill: var(--soft); }
.chatlib .arrow { stroke-width: 1.8; fill: none; }
.chatlib .up { stroke: var(--up); }
.chatlib .down { stroke: var(--down); }
.chatlib .answer { stroke: var(--soft); stroke-dasharray: 5 4; }
.chatlib .lost { stroke: var(--lost); stroke-dasharray: 5 4; }
.chatlib .up-tip { fill: var(--up); }
.chatlib .down-tip { fill: var(--down); }
.chatlib .answer-tip { fill: var(--soft); }
.chatlib .lost-tip { stroke: var(--lost); stroke-width: 2; fill: none; }
.chatlib .pill { fill: var(--pill); stroke: var(--down); }
.chatlib .fault { fill: var(--page); stroke: var(--lost); stroke-width: 1.6; }
.chatlib .in-fault { fill: var(--lost); }
.chatlib .not { fill: var(--page); stroke: var(--soft); stroke-width: 1.6; }
.chatlib .rule { stroke: var(--edge); }
"""


class Picture:
    """Something that shows itself in a notebook, and as text elsewhere."""

    def text(self) -> str:
        """Return the picture as text."""
        raise NotImplementedError

    def svg(self) -> str:
        """Return the picture as an SVG document."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return self.text()

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"image/svg+xml": self.svg(), "text/plain": self.text()}


class SequenceDiagram(Picture):
    """One lifeline for each client, the server in the middle, time downward.

    Args:
        trace: The names to use.
        steps: What to draw, in order.
    """

    def __init__(self, trace: Trace, steps: Sequence[Step]) -> None:
        self._trace = trace
        self._steps = steps
        self._clients = _in_order(trace.clients, _taking_part(steps)) or trace.clients

    def text(self) -> str:
        """Return one line for each packet, and one for those who did not get an emission."""
        lines = [line for step in self._steps for line in self._lines(step)]
        return printable("\n".join(lines)) or "Nothing has happened."

    def svg(self) -> str:
        """Return the diagram as an SVG document."""
        half = len(self._clients) // 2
        names = [*self._clients[:half], SERVER, *self._clients[half:]]
        gap = min((WIDTH - 2 * MARGIN - 110) / max(len(names) - 1, 1), 300)
        edge = MARGIN + max(text_width(name) for name in (names[0], names[-1])) / 2 + 14
        columns = {name: edge + gap * index for index, name in enumerate(names)}
        canvas = Canvas(columns, 2 * edge + gap * (len(names) - 1))
        for step in self._steps:
            match step:
                case Emission():
                    canvas.emission(step, self._label(step))
                case Packet():
                    canvas.packet(step, *self._label(step))
                case Fault():
                    canvas.fault(step)
        if not self._steps:
            canvas.note("Nothing has happened.")
        return canvas.document(f"What {enumerated(names)} said to each other", self.text())

    def _lines(self, step: Step) -> list[str]:
        width = max(len(name) for name in [*self._clients, SERVER])
        if isinstance(step, Fault):
            return [f"{step.where:{width}} ⚡ {step.what}"]
        title = " ".join(filter(None, self._label(step)))
        if isinstance(step, Packet):
            return [_line(step, width, title)]
        lines = [_line(packet, width, title) for packet in step.deliveries]
        missed = [name for name in step.missed() if name not in {p.target for p in step.deliveries}]
        if missed:
            lines.append(f"{SERVER:{width}} ○ {enumerated(missed)}: not {title}")
        return lines or [f"{SERVER:{width}} ○ nobody: {title}"]

    def _label(self, step: Packet | Emission) -> tuple[str, str]:
        """Return an event's name, and what it carried."""
        if isinstance(step, Packet) and step.kind != "event":
            title = f"answer to {step.event}" if step.kind == "ack" else step.kind
        else:
            title = step.event
        # What was sent: the handler's own object may have changed since.
        sent = step.deliveries[0] if isinstance(step, Emission) and step.deliveries else step
        return title, self._trace.with_names(as_json(sent.data))


class Matrix(Picture):
    """Which clients heard which emissions: a row for each emission, a column for each client.

    Args:
        trace: What was recorded.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._rows = {self._python(emission): emission for emission in trace.emissions}
        present = {name for row in self._rows.values() for name in {*row.present, *row.heard()}}
        self._clients = _in_order(trace.clients, present)

    def text(self) -> str:
        """Return the matrix as lines of text."""
        width = max([len(python) for python in self._rows] or [0])
        lines = [" " * width + "".join(f"  {name}" for name in self._clients)] * bool(self._rows)
        for python, emission in self._rows.items():
            marks = "".join(
                f"  {_mark(emission, name):{len(name)}}" for name in self._clients
            ).rstrip()
            lines.append(f"{python:{width}}{marks}")
        return printable("\n".join(lines)) or "Nothing has been emitted."

    def svg(self) -> str:
        """Return the matrix as an SVG document."""
        rows = [(python, self._javascript(emission)) for python, emission in self._rows.items()]
        label = max([text_width(text) for row in rows for text in row] or [200]) + 24
        widest = max([text_width(name) for name in self._clients] or [0]) + 34
        left = WIDTH - 2 * MARGIN - label
        cell = min(widest, max(left / max(len(self._clients), 1), _NARROWEST))
        columns = {
            name: MARGIN + label + cell * (index + 0.5) for index, name in enumerate(self._clients)
        }
        ends = [x + _head_width(name, 0) / 2 for name, x in columns.items()]
        width = MARGIN + max([MARGIN + label + cell * len(columns), *ends])
        canvas = Canvas(columns, width, lifelines=False)
        for (python, javascript), emission in zip(rows, self._rows.values(), strict=True):
            canvas.row(python, javascript, {name: _mark(emission, name) for name in columns})
        canvas.note("● heard it    ○ did not" if rows else "Nothing has been emitted.")
        return canvas.document("Who heard what", self.text())

    def _javascript(self, emission: Emission) -> str:
        """Return the notes' name for the form of an emission."""
        if not emission.to or None in emission.to:  # either is everyone to python-socketio
            return "socket.broadcast.emit" if emission.skip else "io.emit"
        if len(emission.to) == 1 and emission.to[0] in self._trace.ids and not emission.skip:
            return "socket.emit"
        rooms = "".join(f".to({self._address(room)})" for room in emission.to)
        return f"{'socket' if emission.skip else 'io'}{rooms}.emit"

    def _python(self, emission: Emission) -> str:
        to = [self._address(room) for room in emission.to]
        skip = [self._trace.ids.get(sid, sid) for sid in emission.skip]
        arguments = [as_json([emission.event]), _argument("to", to), _argument("skip_sid", skip)]
        return self._trace.with_names(f"io.emit({', '.join(filter(None, arguments))})")

    def _address(self, room: Any) -> str:
        return self._trace.ids.get(room) or as_json([room])


class Canvas:
    """An SVG document in the making, that grows downward."""

    def __init__(self, columns: dict[str, float], width: float, *, lifelines: bool = True) -> None:
        self._columns = columns
        self._width = max(width, 300)
        self._lifelines = lifelines
        self._elements: list[svg.Element] = []
        self._levels = _levels(columns, 24 if lifelines else 0)
        self._y = self._bottom(max(self._levels.values())) + 12.0 if columns else float(MARGIN)

    def packet(self, packet: Packet, title: str, detail: str) -> None:
        """Draw one packet as an arrow between two lifelines, with its label above."""
        start, end = self._columns[packet.source], self._columns[packet.target]
        room = abs(end - start) - 16
        self._text((start + end) / 2, self._y + 14, title, detail, room)
        self._y += 24
        self._arrow(packet, start, end)
        self._y += _ROW - 24

    def emission(self, emission: Emission, label: tuple[str, str]) -> None:
        """Draw one emission: what it is, an arrow to each receiver, a ring on everyone else."""
        server = self._columns[SERVER]
        title, detail = _clip(*label, self._width - 60)
        width = text_width(f"{title} {detail}".strip()) + 20
        left = min(max(server - width / 2, 8), self._width - width - 8)
        self._add(
            svg.Rect(class_=["pill"], x=_n(left), y=_n(self._y), width=_n(width), height=22, rx=11)
        )
        self._text(left + width / 2, self._y + 15, title, detail, width, "in-pill")
        self._y += 22
        for packet in emission.deliveries:
            self._y += _DELIVERY
            self._arrow(packet, server, self._columns[packet.target])
        reached = {packet.target for packet in emission.deliveries}
        missed = [name for name in emission.present if name not in reached]
        self._y += 13 * bool(missed)  # clear of the arrows, that may run past a ring
        for name in missed:
            self._ring(self._columns[name], self._y)
        self._y += 20

    def fault(self, fault: Fault) -> None:
        """Write on a lifeline what was done to it."""
        width = text_width(fault.what) + 20
        middle = self._columns[fault.where]
        left = min(max(middle - width / 2, 8), self._width - width - 8)
        self._y += 4
        self._rect("fault", left, self._y, width, 22, 4)
        self._text(left + width / 2, self._y + 15, fault.what, "", width, "in-fault")
        self._y += 36

    def row(self, title: str, subtitle: str, marks: dict[str, str]) -> None:
        """Draw one row of a matrix."""
        y = self._y
        self._add(
            svg.Line(class_=["rule"], x1=MARGIN, x2=_n(self._width - MARGIN), y1=_n(y), y2=_n(y))
        )
        self._add(svg.Text(class_=["bold"], x=MARGIN, y=_n(y + 18), text=_escape(title)))
        self._add(svg.Text(class_=["soft"], x=MARGIN, y=_n(y + 34), text=_escape(subtitle)))
        for name, mark in marks.items():
            x = self._columns[name]
            if mark == "●":
                self._add(svg.Circle(class_=["down-tip"], cx=_n(x), cy=_n(y + 22), r=8))
            elif mark:
                self._ring(x, y + 22)
        self._y += 46

    def words(self, texts: dict[float, str], anchor: Literal["start", "middle"]) -> None:
        """Write a line of words, each at its place."""
        for x, text in texts.items():
            style = ["soft"] if anchor == "start" else ["bold"]
            self._add(
                svg.Text(
                    class_=style,
                    x=_n(x),
                    y=_n(self._y + 14),
                    text_anchor=anchor,
                    text=_escape(text),
                )
            )
        self._y += 22

    def marks(self, title: list[str], marks: dict[float, str], framed: set[float]) -> None:
        """Draw a row of marks, each at its place, some of them framed, with lines of a title."""
        top = self._y
        middle = top + 17 + 7 * (len(title) - 1)
        self._line("rule", MARGIN, top, self._width - MARGIN, top)
        for index, text in enumerate(title):
            y = _n(top + 21 + 14 * index)
            self._add(svg.Text(class_=["bold"], x=MARGIN, y=y, text=_escape(text)))
        for x, mark in marks.items():
            if x in framed:
                self._rect("fault", x - 14, middle - 13, 28, 26, 5)
            if mark == "●":
                self._add(svg.Circle(class_=["down-tip"], cx=_n(x), cy=_n(middle), r=7))
            elif mark == "○":
                self._ring(x, middle)
            else:
                self._text(x, middle + 4, mark, "", 28, "count")
        self._y += 34 + 14 * (len(title) - 1)

    def note(self, text: str) -> None:
        """Write a line of text."""
        self._add(svg.Text(class_=["soft"], x=MARGIN, y=_n(self._y + 16), text=_escape(text)))
        self._y += 26

    def document(self, title: str, description: str) -> str:
        """Return the finished SVG document."""
        height = self._y + 8
        drawn, self._elements = self._elements, []
        self._rect("page", 0.5, 0.5, self._width - 1, height - 1, 10)
        for name, x in self._columns.items() if self._lifelines else ():
            self._line("life", x, self._bottom(self._levels[name]), x, height - 10)
        for name, x in self._columns.items():
            self._head(name, x, self._bottom(self._levels[name]))
        document = svg.SVG(
            class_=["chatlib"],
            viewBox=svg.ViewBoxSpec(0, 0, _n(self._width), _n(height)),
            width=_n(self._width),
            height=_n(height),
            style="max-width: 100%; height: auto",
            extra={"role": "img"},
            elements=[
                svg.Title(text=_escape(title)),
                svg.Desc(text=_escape(description)),
                svg.Style(text=_STYLE),
                *self._elements,
                *drawn,
            ],
        )
        return str(document)

    def _bottom(self, level: int) -> float:
        """Return where the heads of a level end."""
        return MARGIN + _HEAD + level * (_HEAD + 6)

    def _head(self, name: str, x: float, bottom: float) -> None:
        is_server = self._lifelines and name == SERVER
        if self._lifelines:
            style, width = "server" if is_server else "name", _head_width(name)
            self._rect(style, x - width / 2, bottom - _HEAD, width, _HEAD, 8)
        self._add(
            svg.Text(
                class_=["head", "server-head"] if is_server else ["head"],
                x=_n(x),
                y=_n(bottom - _HEAD + 21),
                text_anchor="middle",
                text=_escape(name),
            )
        )

    def _arrow(self, packet: Packet, start: float, end: float) -> None:
        style = _arrow_style(packet)
        forward = 1 if end > start else -1
        tip = end - 3 * forward if packet.arrived else (start + 2 * end) / 3
        back, y = tip - 9 * forward, self._y
        self._line(f"arrow {style}", start, y, tip, y)
        if packet.arrived:
            corners = [svg.Point(_n(x), _n(y)) for x, y in ((tip, y), (back, y - 5), (back, y + 5))]
            self._add(svg.Polygon(class_=[f"{style}-tip"], points=corners))
        else:
            self._line("lost-tip", tip - 5, y - 5, tip + 5, y + 5)
            self._line("lost-tip", tip - 5, y + 5, tip + 5, y - 5)

    def _line(self, style: str, x1: float, y1: float, x2: float, y2: float) -> None:
        self._add(svg.Line(class_=[style], x1=_n(x1), y1=_n(y1), x2=_n(x2), y2=_n(y2)))

    def _rect(
        self, style: str, x: float, y: float, width: float, height: float, radius: float
    ) -> None:
        self._add(
            svg.Rect(
                class_=[style], x=_n(x), y=_n(y), width=_n(width), height=_n(height), rx=radius
            )
        )

    def _ring(self, x: float, y: float) -> None:
        self._add(svg.Circle(class_=["not"], cx=_n(x), cy=_n(y), r=6))

    def _text(
        self, x: float, y: float, title: str, detail: str, room: float, style: str = "label"
    ) -> None:
        title, detail = _clip(title, detail, room)
        parts: list[svg.Element] = [svg.TSpan(class_=["bold"], text=_escape(title))]
        if detail:
            parts.append(svg.TSpan(text=_escape(f" {detail}")))
        self._add(svg.Text(class_=[style], x=_n(x), y=_n(y), text_anchor="middle", elements=parts))

    def _add(self, element: svg.Element) -> None:
        self._elements.append(element)


def _argument(name: str, values: list[str]) -> str:
    """Return an argument as a call has it: one value, a list of several, nothing for none."""
    if not values:
        return ""
    return f"{name}={values[0]}" if len(values) == 1 else f"{name}=[{', '.join(values)}]"


def _head_width(name: str, padding: float = 24) -> float:
    return text_width(name, 8) + padding


def _levels(columns: dict[str, float], padding: float) -> dict[str, int]:
    """Return how far down each head stands, so that none covers another."""
    levels: dict[str, int] = {}
    ends: list[float] = []  # of the last head on each level
    for name, x in columns.items():
        width = _head_width(name, padding)
        left, right = x - width / 2, x + width / 2
        level = next((n for n, end in enumerate(ends) if left > end + 4), len(ends))
        ends[level : level + 1] = [right]
        levels[name] = level
    return levels


def _arrow_style(packet: Packet) -> str:
    if not packet.arrived:
        return "lost"
    if packet.kind in ("ack", "connected", "refused"):
        return "answer"
    return "up" if packet.target == SERVER else "down"


def _taking_part(steps: Iterable[Step]) -> set[str]:
    names: set[str] = set()
    for step in steps:
        match step:
            case Emission():
                names.update(step.present)
            case Packet():
                names.update((step.source, step.target))
            case Fault():
                names.add(step.where)
    return names - {SERVER}


def _in_order(order: Sequence[str], names: set[str]) -> list[str]:
    return [name for name in order if name in names]


def _mark(emission: Emission, name: str) -> str:
    if name in emission.heard():
        return "●"
    return "○" if name in emission.present else ""


def _line(packet: Packet, width: int, title: str) -> str:
    arrow = "→" if packet.arrived else "✗"
    return f"{packet.source:{width}} {arrow} {packet.target:{width}}  {title}"


def text_width(text: str, character: float = _CHARACTER) -> float:
    """Return how many px text takes, at so many px a character."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return (len(text) + wide) * character


def _clip(title: str, detail: str, room: float) -> tuple[str, str]:
    """Shorten what an event carried, or else its name, to the room that there is."""
    if not detail or text_width(f"{title} {detail}") <= room:
        return _shorten(title, room), detail
    left = room - text_width(f"{title} ")
    return (title, _shorten(detail, left)) if left > 3 * _CHARACTER else _clip(title, "", room)


def _shorten(text: str, room: float) -> str:
    if text_width(text) <= room:
        return text
    widths = itertools.accumulate(map(text_width, text))
    fits = sum(1 for _ in itertools.takewhile(lambda width: width + _CHARACTER <= room, widths))
    return f"{text[:fits]}…"


def _n(number: float) -> float:
    """Round a coordinate, to keep the document short and the same on every machine."""
    return round(number, 1)


def _escape(text: str) -> str:
    return html.escape(printable(text), quote=False)


def printable(text: str) -> str:
    """Replace what no SVG document may hold: control characters, and halves of characters."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
