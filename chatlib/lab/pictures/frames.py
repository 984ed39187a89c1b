"""The frames that went over the wire, beside the calls that they come from."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from chatlib.lab.pictures.calls import emit_call, packet_call
from chatlib.lab.pictures.canvas import MARGIN, WIDTH, Canvas
from chatlib.lab.pictures.lettering import CHARACTER, cells, wrapped
from chatlib.lab.pictures.picture import Picture
from chatlib.lab.trace import SERVER, Emission, Frame, Packet, Trace
from chatlib.lab.words import counted, plain

_CALLS = 196  # px, the column of the calls
_GAP = 20
_LINE = 16
_LONGEST = 230  # characters of a frame
_MOST_BYTES = 12
_MOST_NAMES = 8
_HIGHEST = 1600  # px, of all rows

_ENGINE = ("open", "close", "ping", "pong", "message", "upgrade", "noop")
_SOCKET = (
    "connect",
    "disconnect",
    "event",
    "answer",
    "refusal",
    "event with attachments",
    "answer with attachments",
)
# A message: what it is, how many attachments follow, the namespace and the acknowledgement's id.
_MESSAGE = re.compile(r"(4)([0-6])(\d+-)?(/[^,]*,?)?(\d+)?(?=[\[{\"]|$)")
_STYLES = ("engine", "packet", "number", "number", "number")

_Letter = tuple[str, str]  # its style, and itself


@dataclass
class _Line:
    """One frame, and where it went.

    Attributes:
        source: The name of the sender.
        over: By which HTTP request it went, if not over a WebSocket.
        text: The frame.
        targets: The names of the receivers.
    """

    source: str
    over: str
    text: str
    targets: list[str] = field(default_factory=list)

    @property
    def route(self) -> str:
        """Who sent it to whom, and how."""
        way = f" by {self.over}" if self.over else ""
        return f"{plain(self.source)} → {_named(self.targets)}{way}"

    @property
    def meaning(self) -> str:
        """What the digits at its beginning say."""
        if message := _MESSAGE.match(self.text):
            return f"{message[1]}{message[2]} {_SOCKET[int(message[2])]}"
        kind = self.text[:1]
        return f"{kind} {_ENGINE[int(kind)]}" if kind and kind in "0123456" else ""


@dataclass
class _Row:
    """A call, and the frames that it became.

    Attributes:
        call: The call.
        lines: The frames.
        missed: The names of those who were there, and got nothing of it.
    """

    call: str
    lines: list[_Line] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    @property
    def not_to(self) -> list[str]:
        """That they got nothing, in words; empty if there is nobody."""
        return [f"not to {_named(self.missed)}"] if self.missed else []

    @property
    def height(self) -> float:
        """How many px it takes, from top to bottom."""
        room = WIDTH - 2 * MARGIN - _CALLS - _GAP
        texts = [*(line.route for line in self.lines), *self.not_to]
        right = sum(len(wrapped(text, room)) for text in texts)
        right += sum(len(list(_lines(line.text, room))) for line in self.lines)
        lines = max(right, len(wrapped(self.call, _CALLS)) + 0.5)
        return _LINE * lines + 4 * len(self.lines) + 14


class Frames(Picture):
    """The frames that went over the wire, beside the calls that they come from.

    Args:
        trace: The names to use.
        frames: The frames, in order.
        before: How many there were before those.
    """

    def __init__(self, trace: Trace, frames: Sequence[Frame], before: int = 0) -> None:
        self._trace = trace
        rows = self._grouped(frames)
        heights = itertools.accumulate(row.height for row in reversed(rows))
        fits = sum(1 for _ in itertools.takewhile(lambda height: height <= _HIGHEST, heights))
        self._rows = rows[-max(fits, 1) :]
        shown = sum(len(line.targets) for row in self._rows for line in row.lines)
        self._before = before + len(frames) - shown

    @property
    def title(self) -> str:
        """What the picture shows."""
        return "What went over the wire"

    def text(self) -> str:
        """Return a line for each call, and one for each frame below it."""
        lines = self._left_out()
        for row in self._rows:
            lines.append(row.call)
            lines += [f"    {line.route}  {line.text}" for line in row.lines]
            lines += [f"    {missed}" for missed in row.not_to]
        return "\n".join(lines)

    def sentences(self) -> list[str]:
        """Return a sentence for each frame."""
        return self._left_out() + [
            f"{row.call}: {line.route}: {line.text}, {line.meaning[2:].strip() or 'bytes'}."
            + "".join(f" It was {missed}." for missed in row.not_to)
            for row in self._rows
            for line in row.lines
        ]

    def svg(self) -> str:
        """Return the table as an SVG document."""
        table = _Table(WIDTH)
        table.head()
        for note in self._left_out():
            table.note(note)
        for row in self._rows:
            table.row(row)
        table.legend(dict.fromkeys(line.meaning for row in self._rows for line in row.lines))
        return table.document(self.title, self.sentences())

    def _left_out(self) -> list[str]:
        if self._before:
            return [f"{self._before} earlier frames are left out"]
        return [] if self._rows else ["Nothing went over the wire."]

    def _grouped(self, frames: Sequence[Frame]) -> list[_Row]:
        rows: dict[object, _Row] = {}
        for frame in frames:
            row = rows.setdefault(self._key(frame), _Row(self._call(frame)))
            if isinstance(frame.part_of, Emission):
                sent = {packet.target for packet in frame.part_of.deliveries}
                row.missed = [name for name in frame.part_of.present if name not in sent]
            text = self._shown(frame)
            same = (one for one in row.lines if (one.text, one.over) == (text, frame.over))
            line = next(same, None)
            if line is None or frame.target in line.targets:
                line = _Line(frame.source, frame.over, text)
                row.lines.append(line)
            line.targets.append(frame.target)
        return list(rows.values())

    def _key(self, frame: Frame) -> object:
        return frame.part_of or frame

    def _call(self, frame: Frame) -> str:
        if frame.by_hand:
            return f"{plain(frame.source)}, by hand"
        match frame.part_of:
            case Emission() as emission:
                call = emit_call(self._trace, emission, emission.data)
                call += "  # another server's" * emission.is_foreign
            case Packet() as packet:
                call = packet_call(packet)
            case _:
                call = f"the {'server' if frame.source == SERVER else 'client'}'s Engine.IO"
        call = plain(self._trace.with_all_names(call))
        return call if len(call) <= _LONGEST else f"{call[:_LONGEST]}…"

    def _shown(self, frame: Frame) -> str:
        if isinstance(frame.data, bytes):
            shown = frame.data[:_MOST_BYTES].hex(" ")
            more = " …" * (frame.size > _MOST_BYTES)
            return f"<{shown}{more}> {frame.size:,} byte{'s' * (frame.size != 1)}"
        text = plain(self._trace.with_all_names(frame.data))
        if len(text) <= _LONGEST and frame.size == len(frame.data):
            return text
        return f"{text[:_LONGEST]}… {frame.size:,} characters"


class _Table(Canvas):
    """A row for each call: what was called, and the frames beside it."""

    def head(self) -> None:
        """Write what the two columns are."""
        self.text("soft", MARGIN, self.y + 4, "the call")
        self.text("soft", self._right, self.y + 4, "the frame")
        self.y += 14

    def row(self, row: _Row) -> None:
        """Draw a call and its frames."""
        self.line("rule", MARGIN, self.y, self.width - MARGIN, self.y)
        top = self.y
        for number, part in enumerate(wrapped(row.call, _CALLS)):
            self.text("bold", MARGIN, top + 19 + _LINE * number, part)
        bottom = top + 19 + _LINE * len(wrapped(row.call, _CALLS))
        self.y = top + 19
        for line in row.lines:
            self._wrapped("soft", line.route)
            for letters in _lines(line.text, self._room):
                self._coloured(letters)
            self.y += 4
        for missed in row.not_to:
            self._wrapped("soft", missed)
        self.y = max(self.y - 6, bottom - 6)

    def legend(self, meanings: dict[str, None]) -> None:
        """Write what the digits mean that were drawn."""
        if not (known := sorted(filter(None, meanings))):
            return
        self.line("rule", MARGIN, self.y, self.width - MARGIN, self.y)
        together = (one.replace(" ", "\N{NO-BREAK SPACE}") for one in known)
        for part in wrapped(" · ".join(together), self.width - 2 * MARGIN):
            self.text("soft", MARGIN, self.y + 19, part)
            self.y += _LINE
        self.y += 8

    @property
    def _right(self) -> float:
        return MARGIN + _CALLS + _GAP

    @property
    def _room(self) -> float:
        return self.width - MARGIN - self._right

    def _wrapped(self, style: str, text: str) -> None:
        for part in wrapped(text, self._room):
            self.text(style, self._right, self.y, part)
            self.y += _LINE

    def _coloured(self, letters: list[_Letter]) -> None:
        runs = itertools.groupby(letters, key=lambda letter: letter[0])
        self.parts(
            self._right, self.y, [(style, "".join(one for _, one in run)) for style, run in runs]
        )
        self.y += _LINE


def _named(names: Sequence[str]) -> str:
    return counted(map(plain, names[:_MOST_NAMES]), max(len(names) - _MOST_NAMES, 0))


def _lines(text: str, room: float) -> Iterator[list[_Letter]]:
    """Yield the lines of a frame, which is broken wherever a line is full."""
    most = int(room / CHARACTER)
    line: list[_Letter] = []
    for letter in _letters(text):
        if cells("".join(one for _, one in [*line, letter])) > most:
            yield line
            line = []
        line.append(letter)
    yield line


def _letters(text: str) -> Iterator[_Letter]:
    """Yield each letter of a frame with its style: the digits at its beginning are not alike."""
    start = 0
    if message := _MESSAGE.match(text):
        for style, part in zip(_STYLES, message.groups(default=""), strict=True):
            yield from ((style, letter) for letter in part)
        start = message.end()
    elif text[:1].isdigit():
        yield "engine", text[0]
        start = 1
    yield from (("ink", letter) for letter in text[start:])
