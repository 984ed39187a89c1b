"""What happened: every packet between the clients and the server, as names and data."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Literal

SERVER = "server"

Kind = Literal["connect", "connected", "refused", "event", "ack", "disconnect"]


@dataclass(eq=False)
class Packet:
    """One Socket.IO packet on its way from one end of a connection to the other.

    Attributes:
        kind: What the packet is for; ``connect`` goes to the server, ``connected`` or ``refused``
            comes back.
        source: The name of the sender: a client's, or `SERVER`.
        target: The name of the receiver.
        event: The event's name; for an acknowledgement, the name of the event it answers.
        data: The event's arguments.
        arrived: Whether the receiver got it.
        namespace: The Socket.IO namespace.
        asks: What its sender has asked for an acknowledgement with: a call, or a callback.
    """

    kind: Kind
    source: str
    target: str
    event: str = ""
    data: tuple[Any, ...] = ()
    arrived: bool = False
    namespace: str = "/"
    asks: Literal["", "call", "callback"] = ""

    @property
    def title(self) -> str:
        """What it is, and whose, for an error."""
        what = {"event": repr(self.event), "ack": f"the acknowledgement of {self.event!r}"}
        return f"{what.get(self.kind, self.kind)} from {self.source}"


@dataclass(eq=False)
class Emission:
    """One call of ``io.emit``, and whom it reached.

    Attributes:
        event: The event's name.
        data: The event's arguments.
        to: What was given as ``to``: rooms or socket ids, none for everyone.
        skip: The socket ids that were left out.
        present: The names of the clients that were connected to the namespace at that moment, in
            order of arrival.
        deliveries: The packets that it became, one a receiver.
        namespace: The Socket.IO namespace.
        caller: The name of the client in whose handler it was called, if it was in one.
        is_foreign: Whether another server made it, and this one heard of it.
        is_shared: Whether other servers hear of it.
        is_call: Whether it is made by ``io.call``.
    """

    event: str
    data: tuple[Any, ...]
    to: tuple[str, ...]
    skip: tuple[str, ...]
    present: tuple[str, ...]
    deliveries: list[Packet] = field(default_factory=list)
    namespace: str = "/"
    caller: str = ""
    is_foreign: bool = False
    is_shared: bool = False
    is_call: bool = False

    def heard(self) -> set[str]:
        """Return the names of the clients that got it."""
        return {packet.target for packet in self.deliveries if packet.arrived}

    def missed(self) -> list[str]:
        """Return the names of the clients that were there and did not get it."""
        heard = self.heard()
        return [name for name in self.present if name not in heard]


@dataclass(eq=False)
class Fault:
    """Something that broke, or was mended, on purpose.

    Attributes:
        where: Whose wire, or `SERVER`.
        what: What happened to it.
    """

    where: str
    what: str


Step = Packet | Emission | Fault

# So many frames are kept to be drawn, and so much of each.
_MOST_FRAMES = 60
_MOST_OF_A_FRAME = 4000  # characters or bytes


@dataclass(frozen=True, eq=False)
class Frame:
    """One Engine.IO packet as it goes over the wire.

    Attributes:
        source: The name of the sender.
        target: The name of the receiver.
        data: The frame, or the beginning of a long one.
        size: How long it is, in characters or bytes.
        part_of: What it carries: an emission or a packet; None if that is the connection's own.
        by_hand: Whether a client without a library has sent it.
        over: By which HTTP request it goes, if not over a WebSocket.
    """

    source: str
    target: str
    data: str | bytes
    size: int
    part_of: Packet | Emission | None = None
    by_hand: bool = False
    over: Literal["", "GET", "POST"] = ""


@dataclass
class Trace:
    """All that was recorded, in order.

    Attributes:
        steps: What happened since the last picture.
        emissions: Every emission since the lab was opened or cleared.
        clients: The clients' names, in the order in which they first came.
        ids: The name behind each socket id.
        connections: The name behind each id of an Engine.IO connection.
        frames: The last frames since their last picture.
        frames_before: How many frames there were before those.
    """

    steps: list[Step] = field(default_factory=list)
    emissions: list[Emission] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)
    ids: dict[str, str] = field(default_factory=dict)
    connections: dict[str, str] = field(default_factory=dict)
    frames: deque[Frame] = field(default_factory=deque)
    frames_before: int = 0

    def add(self, step: Step) -> None:
        """Record a packet, or an emission."""
        self.steps.append(step)
        if isinstance(step, Emission):
            self.emissions.append(step)

    def add_client(self, name: str) -> None:
        """Record that a client called ``name`` takes part."""
        if name not in self.clients:
            self.clients.append(name)

    def take(self) -> list[Step]:
        """Return what happened since the last picture, and begin anew."""
        steps, self.steps = self.steps, []
        return steps

    def add_frame(self, source: str, target: str, data: str | bytes, **more: Any) -> None:
        """Record a frame; of many, the last are kept.

        Args:
            source: The name of the sender.
            target: The name of the receiver.
            data: The frame.
            **more: What else a `Frame` has.
        """
        self.frames.append(Frame(source, target, data[:_MOST_OF_A_FRAME], len(data), **more))
        if len(self.frames) > _MOST_FRAMES:
            self.frames.popleft()
            self.frames_before += 1

    def take_frames(self) -> tuple[list[Frame], int]:
        """Return the frames since the last time, and how many came before those; begin anew."""
        taken = [*self.frames], self.frames_before
        self.frames.clear()
        self.frames_before = 0
        return taken

    def clear(self) -> None:
        """Forget what happened, but not who takes part."""
        self.steps = []
        self.emissions = []
        self.take_frames()

    def with_names(self, text: str) -> str:
        """Return ``text`` with every socket id replaced by the name of its client."""
        for sid, name in self.ids.items():
            text = text.replace(sid, f"<{name}>")
        return text

    def with_all_names(self, text: str) -> str:
        """Return ``text`` as `with_names` does, with the ids of connections replaced as well."""
        for eio_sid, name in self.connections.items():
            text = text.replace(eio_sid, f"<{name}'s connection>")
        return self.with_names(text)
