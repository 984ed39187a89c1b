"""What those are called who take part in a lab and are not its own clients."""

import itertools
from collections.abc import Iterator
from typing import Any

from chatlib.lab.links import Link, Links
from chatlib.lab.trace import SERVER, Packet, Trace
from chatlib.lab.words import plain

# What others are called, until they say their names.
_GUEST, _PAGE = "guest", "page"

# A page may give itself a name of so many characters.
_LONGEST_NAME = 40


class Guests:
    """Gives each guest of one lab a name that nobody else has.

    Args:
        trace: Where the names are noted.
        links: The connections of those who are here.
    """

    def __init__(self, trace: Trace, links: Links) -> None:
        self._trace = trace
        self._links = links
        self._own_names: set[str] = set()

    def keep_from(self, name: str) -> None:
        """Call no guest by the name of a client of the lab's."""
        self._own_names.add(name)

    def name(self, environ: dict[str, Any]) -> str:
        """Return what to call a guest who has not said a name.

        Args:
            environ: The request that opened the connection.
        """
        # All browsers begin with this word, since one of them was called so.
        is_page = environ.get("HTTP_USER_AGENT", "").startswith("Mozilla/")
        return self._free_name(_PAGE if is_page else _GUEST)

    def introduce(self, link: Link, sent: Packet) -> None:
        """Call a guest by the name that it gives.

        Args:
            link: Its connection, or that of a client of the lab's, which has its name.
            sent: The packet by which it connects.
        """
        match sent.data:
            case ({"name": str(name)},) if not link.is_lab_client and not link.is_raw:
                if name.strip() and name != SERVER and plain(name[:_LONGEST_NAME]) == name:
                    link.name = sent.source = self._free_name(name)
                    self._trace.connections[link.eio_sid] = link.name

    def _free_name(self, name: str) -> str:
        """Return a name like this one, that none of those who are here has."""
        taken = {*self._own_names, *(link.name for link in self._links.all())}
        if name == _GUEST:  # nothing tells that one is another, who left
            taken.update(self._trace.clients)
        return next(one for one in _names_like(name) if one not in taken)


def _names_like(name: str) -> Iterator[str]:
    if name != _GUEST:
        yield name
    for number in itertools.count(1 if name == _GUEST else 2):
        yield f"{name} {number}"
