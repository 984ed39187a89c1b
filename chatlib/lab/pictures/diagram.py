"""The sequence diagram: who said what to whom, one thing after the other."""

from collections.abc import Sequence

from chatlib.lab.pictures.canvas import MARGIN, WIDTH, Canvas, Heads
from chatlib.lab.pictures.excerpt import Gap, excerpt
from chatlib.lab.pictures.lettering import Label, cells, padded
from chatlib.lab.pictures.picture import Picture
from chatlib.lab.trace import SERVER, Emission, Fault, Packet, Step, Trace
from chatlib.lab.words import counted, enumerated, event_title, plain, short_json

_ROW = 42  # px, of a packet with its label
_DELIVERY = 17  # px, of one arrow of several
_FARTHEST = 280  # px between two lifelines
_LONGEST_EVENT = 80  # characters


class SequenceDiagram(Picture):
    """One lifeline for each client, the server in the middle, time downward.

    Args:
        trace: The names to use.
        steps: What to draw, in order.
    """

    def __init__(self, trace: Trace, steps: Sequence[Step]) -> None:
        self._trace = trace
        self._drawn = excerpt(steps, trace.clients)
        half = len(self._drawn.clients) // 2
        self._names = [*self._drawn.clients[:half], SERVER, *self._drawn.clients[half:]]

    @property
    def title(self) -> str:
        """What the picture shows."""
        if not self._drawn.clients:
            return "What clients and the server said to each other"
        return f"What {enumerated(map(plain, self._names))} said to each other"

    def text(self) -> str:
        """Return one line for each packet, and one for those who did not get an emission."""
        return "\n".join(
            [*(line for step in self._drawn.steps for line in self._lines(step)), *self._notes()]
        )

    def sentences(self) -> list[str]:
        """Return a sentence for each step."""
        return [*map(self._sentence, self._drawn.steps), *self._notes()]

    def svg(self) -> str:
        """Return the diagram as an SVG document."""
        lifelines = _Lifelines(self._names)
        for step in self._drawn.steps:
            match step:
                case Emission():
                    drawn = [p for p in step.deliveries if p.target in self._names]
                    lifelines.emission(self._label(step), drawn, self._missed(step))
                    lifelines.aside(self._aside(step))
                case Packet():
                    lifelines.packet(step, self._label(step))
                case Fault():
                    lifelines.fault(step)
                case Gap():
                    lifelines.aside(_left_out(step))
        for note in self._notes():
            lifelines.aside(note)
        return lifelines.document(self.title, self.sentences())

    def _lines(self, step: Step | Gap) -> list[str]:
        match step:
            case Gap():
                return [_left_out(step)]
            case Fault():
                return [f"{self._padded(step.where)} ⚡ {plain(step.what)}"]
            case Packet():
                return [self._line(step, self._label(step))]
        label, server = self._label(step), self._padded(SERVER)
        lines = [self._line(p, label) for p in step.deliveries if p.target in self._names]
        if missed := self._missed(step):
            lines.append(f"{server} ○ {enumerated(map(plain, missed))}: not {label}")
        if aside := self._aside(step):
            lines.append(f"{server} … {aside}")
        nobody = "nobody here" if step.is_shared else "nobody"
        return lines or [f"{server} ○ {nobody}: {label}"]

    def _line(self, packet: Packet, label: Label) -> str:
        source, target = map(self._padded, (packet.source, packet.target))
        return f"{source} {'→' if packet.arrived else '✗'} {target}  {label}"

    def _padded(self, name: str) -> str:
        return padded(plain(name), max(cells(plain(name)) for name in self._names))

    def _sentence(self, step: Step | Gap) -> str:
        match step:
            case Gap():
                return f"{_left_out(step)}."
            case Fault():
                return f"{plain(step.where)}: {step.what}."
            case Packet():
                end = "" if step.arrived else " It was lost."
                return f"{plain(step.source)} to {plain(step.target)}: {self._label(step)}.{end}"
        told = [plain(p.target) for p in step.deliveries if p.target in self._names]
        lost = [
            plain(p.target) for p in step.deliveries if not p.arrived and p.target in self._names
        ]
        others, not_others = self._of_others(step)
        here = " here" * (step.is_shared and not told and not others)
        sentence = f"{SERVER} to {counted(told, others)}{here}: {self._label(step)}."
        missed = self._missed(step)
        if missed or not_others:
            sentence += f" Not to {counted(map(plain, missed), not_others)}."
        if lost:
            sentence += f" It was lost on the way to {enumerated(lost)}."
        return sentence

    def _label(self, step: Packet | Emission) -> Label:
        """Return an event's name, and what it carried."""
        title = event_title(step.event)
        if isinstance(step, Packet) and step.kind != "event":
            title = f"answer to {title}" if step.kind == "ack" else step.kind
        if step.namespace != "/":
            title = f"{step.namespace}: {title}"
        title = plain(self._trace.with_names(title))
        if len(title) > _LONGEST_EVENT:
            title = f"{title[:_LONGEST_EVENT]}…"
        detail, size = short_json(step.data, self._trace.with_names)
        is_foreign = isinstance(step, Emission) and step.is_foreign
        return Label(title, detail, f"{size} {'(from another server)' * is_foreign}".strip())

    def _missed(self, emission: Emission) -> list[str]:
        """Return who is drawn, was there, and was not sent it."""
        reached = {packet.target for packet in emission.deliveries}
        return [n for n in emission.present if n in self._names and n not in reached]

    def _aside(self, emission: Emission) -> str:
        """Say how many heard an emission, and how many did not, of those who are not drawn."""
        heard, missed = self._of_others(emission)
        parts = [f"{heard} more heard it"] * (heard > 0) + [f"{missed} more did not"] * (missed > 0)
        return ", ".join(parts)

    def _of_others(self, emission: Emission) -> tuple[int, int]:
        """Return how many heard an emission, and how many did not, of those who are not drawn."""
        others = {*self._drawn.others}
        return len(others & emission.heard()), len(others & {*emission.missed()})

    def _notes(self) -> list[str]:
        if self._drawn.others:
            count = len(self._drawn.others)
            who = "1 client is" if count == 1 else f"{count} clients are"
            return [f"{who} left out, with what they sent and were sent alone."]
        return [] if self._drawn.steps else ["Nothing has happened."]


class _Lifelines(Canvas):
    """The drawing: a column for each name, and what goes to and fro between them."""

    def __init__(self, names: Sequence[str]) -> None:
        edges = Heads(dict.fromkeys((names[0], names[-1]), 0.0), {n: n for n in names}, 24).widths
        edge = MARGIN + max(edges.values()) / 2
        gap = min((WIDTH - 2 * edge) / max(len(names) - 1, 1), _FARTHEST)
        super().__init__(2 * edge + gap * (len(names) - 1))
        start = (self.width - gap * (len(names) - 1)) / 2
        self._columns = {name: start + gap * index for index, name in enumerate(names)}
        self._heads = Heads(self._columns, {name: name for name in names}, 24)
        self.y = MARGIN + self._heads.height + 12

    def background(self, height: float) -> None:
        """Draw the lifelines, and the names."""
        super().background(height)
        for name, x in self._columns.items():
            self.line("life", x, MARGIN + self._heads.bottom(name), x, height - 10)
        boxes = {name: "server" if name == SERVER else "name" for name in self._columns}
        self._heads.draw(self, MARGIN, boxes)

    def packet(self, packet: Packet, label: Label) -> None:
        """Draw one packet as an arrow between two lifelines, with its label above."""
        start, end = self._columns[packet.source], self._columns[packet.target]
        self.label(label, (start + end) / 2, self.y + 14, "ground")
        self._arrow(packet, start, end, self.y + 24)
        self.y += _ROW

    def emission(self, label: Label, deliveries: list[Packet], missed: list[str]) -> None:
        """Draw one emission: what it is, an arrow to each receiver, a ring on everyone else."""
        server = self._columns[SERVER]
        self.label(label, server, self.y + 15, "pill")
        self.y += 22
        for packet in deliveries:
            self.y += _DELIVERY
            self._arrow(packet, server, self._columns[packet.target], self.y)
        self.y += 13 * bool(missed)  # clear of the arrows, that may run past a ring
        for name in missed:
            self.circle("not", self._columns[name], self.y, 6)
        self.y += 20

    def fault(self, fault: Fault) -> None:
        """Write on a lifeline what was done to it."""
        self.label(Label(fault.what), self._columns[fault.where], self.y + 19, "fault", "in-fault")
        self.y += 40

    def aside(self, text: str) -> None:
        """Write what is not drawn, at the height where it would be."""
        if text:
            self.label(Label(text), self.width / 2, self.y + 12, "ground", "soft")
            self.y += 30

    def _arrow(self, packet: Packet, start: float, end: float, y: float) -> None:
        style = _arrow_style(packet)
        forward = 1 if end > start else -1
        tip = end - 3 * forward if packet.arrived else (start + 2 * end) / 3
        back = tip - 9 * forward
        self.line(style, start, y, tip, y)
        if packet.arrived:
            self.polygon(f"{style}-tip", (tip, y), (back, y - 5), (back, y + 5))
        else:
            self.line("lost-tip", tip - 5, y - 5, tip + 5, y + 5)
            self.line("lost-tip", tip - 5, y + 5, tip + 5, y - 5)


def _arrow_style(packet: Packet) -> str:
    if not packet.arrived:
        return "lost"
    if packet.kind in ("ack", "connected", "refused"):
        return "answer"
    return "up" if packet.target == SERVER else "down"


def _left_out(gap: Gap) -> str:
    return f"{gap.count} steps are left out here"
