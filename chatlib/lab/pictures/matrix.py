"""The matrix: who heard what."""

from typing import Any

from chatlib.lab.pictures.calls import address, client_of, emit_call
from chatlib.lab.pictures.excerpt import MOST_CLIENTS, taking_part
from chatlib.lab.pictures.grid import Grid
from chatlib.lab.pictures.lettering import cells, padded
from chatlib.lab.pictures.picture import Picture
from chatlib.lab.trace import Emission, Trace
from chatlib.lab.words import as_json, counted, plain

_MOST_ROWS = 20
_LONGEST = 120  # characters of a row's label
_LEGEND = "● heard it    ○ did not"


class Matrix(Picture):
    """Which clients heard which emissions: a row for each emission, a column for each client.

    Args:
        trace: What was recorded.
    """

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        forms = {self._python(emission): emission for emission in trace.emissions}
        self._rows = [(self._shown(python), emission) for python, emission in forms.items()]
        part = taking_part(forms.values())
        clients = [name for name in trace.clients if name in part]
        self._clients, self._others = clients[:MOST_CLIENTS], clients[MOST_CLIENTS:]
        self._rest = f"{len(self._others)} more"
        self._columns = [*self._clients, *[self._rest] * bool(self._others)]

    @property
    def title(self) -> str:
        """What the picture shows."""
        return "Who heard what"

    def text(self) -> str:
        """Return the matrix as lines of text."""
        rows, left_out = self._both_ends()
        width = max([cells(python) for python, _ in rows] or [0])
        lines = [" " * width + "".join(f"  {plain(name)}" for name in self._columns)] * bool(rows)
        for number, (python, emission) in enumerate(rows):
            if left_out and number == _MOST_ROWS // 2:
                lines.append(left_out)
            marks = "".join(
                f"  {padded(mark, cells(plain(name)))}"
                for name, mark in self._marks(emission).items()
            )
            lines.append(f"{padded(python, width)}{marks}".rstrip())
        return "\n".join([*lines, *self._notes()])

    def sentences(self) -> list[str]:
        """Return a sentence for each row."""
        rows, left_out = self._both_ends()
        sentences = [self._sentence(python, emission) for python, emission in rows]
        if left_out:
            sentences.insert(_MOST_ROWS // 2, f"{left_out}.")
        return [*sentences, *self._notes()]

    def svg(self) -> str:
        """Return the matrix as an SVG document."""
        rows, left_out = self._both_ends()
        labels = [(python, self._shown(self._javascript(emission))) for python, emission in rows]
        grid = Grid(self._columns, [part for label in labels for part in label], _LEGEND)
        for number, ((python, javascript), (_, emission)) in enumerate(
            zip(labels, rows, strict=True)
        ):
            if left_out and number == _MOST_ROWS // 2:
                grid.aside(left_out)
            marks = {(0, name): mark for name, mark in self._marks(emission).items()}
            grid.row(python, marks, javascript)
        for note in [_LEGEND] * bool(rows) + self._notes():
            grid.note(note)
        return grid.document(self.title, self.sentences())

    def _both_ends(self) -> tuple[list[tuple[str, Emission]], str]:
        """Return the rows to draw, and what is to be said of those in the middle."""
        if (more := len(self._rows) - _MOST_ROWS) <= 1:
            return self._rows, ""
        half = _MOST_ROWS // 2
        return self._rows[:half] + self._rows[-half:], f"{more} rows are left out here"

    def _notes(self) -> list[str]:
        if not self._rows:
            return ["Nothing has been emitted."]
        if not self._others:
            return []
        who = "client" if len(self._others) == 1 else "clients"
        return [f"{self._rest}: {who} without a column, and how many heard it."]

    def _sentence(self, python: str, emission: Emission) -> str:
        heard = self._counted(emission.heard())
        missed = self._counted({*emission.missed()})
        sentence = f"{python}: {heard} heard it"
        return f"{sentence}; {missed} did not." if emission.missed() else f"{sentence}."

    def _counted(self, who: set[str]) -> str:
        return counted([plain(n) for n in self._clients if n in who], len(who & {*self._others}))

    def _marks(self, emission: Emission) -> dict[str, str]:
        """Return the mark in each column."""
        marks = {name: _mark(emission, name) for name in self._clients}
        if self._others:
            marks[self._rest] = str(len(emission.heard() & {*self._others}))
        return marks

    def _python(self, emission: Emission) -> str:
        foreign = "  # another server's" * emission.is_foreign
        return f"{emit_call(self._trace, emission)}{foreign}"

    def _javascript(self, emission: Emission) -> str:
        """Return JavaScript's name for the form of an emission."""
        own = [sid for sid in (*emission.to, *emission.skip) if self._is_own(sid, emission)]
        if not emission.skip and len(emission.to) == 1 and emission.to[0] in own:
            return "socket.emit"
        namespace = as_json([emission.namespace])
        io = "io" if emission.namespace == "/" else f"io.of({namespace})"
        to = [f".to({address(self._trace, room, _as_javascript)})" for room in emission.to]
        to = [] if None in emission.to else to
        others = [
            f".except({address(self._trace, sid, _as_javascript)})"
            for sid in emission.skip
            if sid not in own
        ]
        form = "socket" if any(sid in own for sid in emission.skip) else io
        if form == "socket" and not to:
            form = "socket.broadcast"
        return f"{form}{''.join(to)}{''.join(others)}.emit"

    def _is_own(self, sid: Any, emission: Emission) -> bool:
        """Tell whether a socket id is that of the client in whose handler the server emitted."""
        return client_of(self._trace, sid) == emission.caller

    def _shown(self, code: str) -> str:
        code = plain(self._trace.with_names(code))
        return code if len(code) <= _LONGEST else f"{code[:_LONGEST]}…"


def _as_javascript(value: Any) -> str:
    return as_json([value])


def _mark(emission: Emission, name: str) -> str:
    if name in emission.heard():
        return "●"
    return "○" if name in emission.present else ""
