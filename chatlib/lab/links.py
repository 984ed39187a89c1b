"""The connections of a lab, and the packets that are under way on them."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from chatlib.lab.changes import Changes
from chatlib.lab.trace import SERVER, Emission, Packet

# A lab client tells the server its name in this header of its first request.
NAME_HEADER = "X-Chatlib-Name"
_NAME_IN_ENVIRON = "HTTP_X_CHATLIB_NAME"
# A client of the lab's without a library tells its name in this one.
RAW_HEADER = "X-Chatlib-Raw"
_RAW_IN_ENVIRON = "HTTP_X_CHATLIB_RAW"

# A packet waits at most this many seconds for one that was sent before it: the order of outputs is
# worth little against a packet that never comes.
_TURN = 0.25


def name_header(name: str, header: str = NAME_HEADER) -> dict[str, str]:
    """Return the headers by which a client of the lab's tells its name."""
    return {header: quote(name)}


def name_in_header(value: str) -> str:
    """Return the client's name that a `NAME_HEADER` carries."""
    return unquote(value)


class Link:
    """One connection: the packets that are under way on it, and which ends are open.

    Args:
        eio_sid: The Engine.IO id.
        environ: The request that opened it.
        guest: The name of its client, if that is not one of the lab's.

    Attributes:
        eio_sid: The Engine.IO id.
        environ: The request that opened it.
        name: The name of its client.
        is_lab_client: Whether the lab listens at the client's end, too.
        is_raw: Whether the client has no library, and a reader writes its frames.
        server_open: Whether the server's end is open.
        client_open: Whether the client's end is.
        namespaces: The namespaces into which the server has let the client, in order.
        is_broken: Whether nothing comes through.
        is_slow: Whether everything comes late.
        is_silent: Whether it ends without a goodbye in the picture.
        goodbyes: What ended it, a packet for each namespace.
        reason: Why the client's end was closed.
        too_long: The size of a message that the server hangs up on, if one was sent.
        up: What the client has sent and the server has not taken.
        down: What the server has sent and the client has not taken.
        asked: The event that awaits an answer, by who asked, the namespace and the packet's number.
        taken: How many messages the server has taken.
        carried: What the last packet of each end was, or was a part of.
    """

    def __init__(self, eio_sid: str, environ: dict[str, Any], guest: str) -> None:
        name = environ.get(_NAME_IN_ENVIRON)
        raw = environ.get(_RAW_IN_ENVIRON)
        told = raw if name is None else name
        self.eio_sid = eio_sid
        self.environ = environ
        self.name = guest if told is None else name_in_header(told)
        self.is_lab_client = name is not None
        self.is_raw = name is None and raw is not None
        self.server_open = True
        self.client_open = False
        self.namespaces: list[str] = []
        self.is_broken = False
        self.is_slow = False
        self.is_silent = False
        self.goodbyes: list[Packet] = []
        self.reason = ""
        self.too_long = 0
        self.up: deque[Packet] = deque()
        self.down: deque[Packet] = deque()
        self.asked: dict[tuple[str, str, int], str] = {}
        self.taken = 0
        self.carried: dict[str, Packet | Emission] = {}

    def enter(self, namespace: str) -> None:
        """Note that the server has let the client into a namespace."""
        self.goodbyes = [said for said in self.goodbyes if said.namespace != namespace]
        self.namespaces.append(namespace)

    def leave(self, namespace: str) -> None:
        """Note that the client is no longer in a namespace."""
        self.namespaces = [one for one in self.namespaces if one != namespace]

    def ending(self, reason: str) -> str:
        """Say why the client's end was closed.

        Args:
            reason: The reason that the client was told.
        """
        if self.too_long:
            return f"{self.too_long:,} bytes are more than the server takes at once"
        if any(goodbye.source == SERVER for goodbye in self.goodbyes):
            return "the server has disconnected it"
        return reason

    def unsaid(self) -> list[Packet]:
        """Return a goodbye for each namespace that nobody has said it for."""
        said = {goodbye.namespace for goodbye in self.goodbyes}
        left = [one for one in self.namespaces if one not in said] or ["/"] * (not said)
        return [
            Packet("disconnect", self.name, SERVER, namespace=namespace)
            for namespace in left
            if not self.is_silent
        ]

    @property
    def settled(self) -> bool:
        """Whether both ends know that it stands, or that it has gone."""
        return not self.is_lab_client or self.is_broken or self.server_open == self.client_open

    @property
    def closed(self) -> bool:
        """Whether neither end is open."""
        return not self.server_open and not self.client_open


class Links:
    """The connections of one lab, and the order of what is under way on them.

    Args:
        changes: Whom to tell when something arrives, or a connection ends.
    """

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._links: dict[str, Link] = {}
        self._under_way: dict[Packet, Link] = {}

    def open(self, link: Link) -> None:
        """Begin with a connection."""
        self._links[link.eio_sid] = link

    def __getitem__(self, eio_sid: str) -> Link:
        return self._links[eio_sid]

    def get(self, eio_sid: str) -> Link | None:
        """Return a connection that has not ended at both ends."""
        return self._links.get(eio_sid)

    def all(self) -> list[Link]:
        """Return the connections that have not ended at both ends, in order of arrival."""
        return list(self._links.values())

    def named(self, name: str) -> list[Link]:
        """Return the connections of one client."""
        return [link for link in self._links.values() if link.name == name]

    def why_gone(self, name: str) -> Callable[[], str]:
        """Return what tells, from now on, why a client's connection has ended, if it has.

        Args:
            name: The client's name.
        """
        links = self.named(name)

        def why() -> str:
            if any(link.client_open for link in links):
                return ""
            return f"the connection has ended ({', '.join(link.reason for link in links)})"

        return why

    def depart(self, queue: deque[Packet], sent: Packet, link: Link) -> None:
        """Put a packet on its way.

        Args:
            queue: The link's ``up`` or ``down``.
            sent: The packet.
            link: Its connection.
        """
        queue.append(sent)
        if not link.is_broken:
            self._under_way[sent] = link

    async def arrive(self, queue: deque[Packet]) -> Packet:
        """Take the next packet off a connection, when all that were sent before it have arrived.

        Args:
            queue: A link's ``up`` or ``down``.
        """
        arrived = queue.popleft()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TURN):
                await self._changes.until(lambda: self._is_next(arrived))
        self._under_way.pop(arrived, None)
        arrived.arrived = True
        self._changes.notify()
        return arrived

    def break_off(self, name: str) -> None:
        """Wait no longer for what is on a client's wire: nothing comes through it any more."""
        for link in self.named(name):
            link.is_broken = True
            self._lose(*link.up, *link.down)
        self._changes.notify()

    def slow_down(self, name: str, *, is_slow: bool) -> None:
        """Let others overtake what is on a client's wire."""
        for link in self.named(name):
            link.is_slow = is_slow
        self._changes.notify()

    def end(self, link: Link) -> None:
        """Wait no longer for packets that a closed end does not take any more."""
        self._lose(*(() if link.server_open else link.up), *(() if link.client_open else link.down))
        if link.closed:
            self._links.pop(link.eio_sid, None)
        self._changes.notify()

    def is_quiet(self) -> bool:
        """Tell whether nothing is under way, and both ends of each connection agree."""
        return not self._under_way and all(link.settled for link in self._links.values())

    def unsettled(self) -> list[str]:
        """Return what is still to come on the wires, each as it follows "Waited 5 s for"."""
        coming = [f"{sent.title} to reach {sent.target}" for sent in self._under_way]
        ending = [link.name for link in self._links.values() if not link.settled]
        return coming + [f"both ends to see that {name} has gone" for name in ending]

    def _lose(self, *packets: Packet) -> None:
        for sent in packets:
            self._under_way.pop(sent, None)

    def _is_next(self, arrived: Packet) -> bool:
        in_order = (sent for sent, link in self._under_way.items() if not link.is_slow)
        link = self._under_way.get(arrived)
        return link is None or link.is_slow or next(in_order) is arrived
