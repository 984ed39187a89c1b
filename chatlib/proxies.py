"""Who sent a request that came through a proxy: what the proxies that are trusted say of it."""

import ipaddress
import re
from collections.abc import Iterable, Iterator

from aiohttp import hdrs, web

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Some proxies name the scheme of a WebSocket, whose page has the other one.
_SCHEMES = {"http": "http", "ws": "http", "https": "https", "wss": "https"}


class Proxies:
    """The proxies whose ``X-Forwarded-For`` and ``X-Forwarded-Proto`` are believed.

    Anyone can write these headers, and each proxy adds to the right of them: what is believed are
    the words of trusted proxies, from the right, up to the first address that is none of theirs.

    Args:
        trusted: Their addresses or networks, such as ``127.0.0.1`` or ``10.0.0.0/8``.

    Raises:
        ValueError: One is neither.
    """

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._networks = [_network(each) for each in trusted]

    def trust(self, address: str | None) -> bool:
        """Tell whether an address is that of a trusted proxy."""
        return self._are_those_of(_read(address or ""))

    def read(self, request: web.Request) -> web.Request:
        """Return a request with the address and the scheme that its client used."""
        if not self._networks or not self._are_those_of(client := _read(request.remote or "")):
            return request
        steps = 0
        for text in reversed([*_listed(request, hdrs.X_FORWARDED_FOR)]):
            if not (named := _read(text)):
                break  # whom the last proxy names is not known: it answers for that one
            client, steps = named, steps + 1
            if not self._are_those_of(named):
                break
        return request.clone(remote=str(client), scheme=_scheme(request, steps))

    def _are_those_of(self, address: _Address | None) -> bool:
        return address is not None and any(address in network for network in self._networks)


def _scheme(request: web.Request, steps: int) -> str:
    """Return the scheme that was used so many steps before the last proxy."""
    schemes = [*_listed(request, hdrs.X_FORWARDED_PROTO)]
    # Many proxies leave one value, whatever came before.
    said = schemes[-max(1, min(steps, len(schemes)))] if schemes else ""
    return _SCHEMES.get(said.lower(), request.scheme)


def _listed(request: web.Request, header: str) -> Iterator[str]:
    for line in request.headers.getall(header, ()):
        yield from filter(None, (each.strip() for each in line.split(",")))


def _read(text: str) -> _Address | None:
    """Return the address in a text, which may have a port; None if there is none."""
    if match := re.fullmatch(r"\[(.+)\](?::\d+)?|([\d.]+):\d+", text):
        text = match[1] or match[2]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a proxy's address, like 127.0.0.1, or a network, like 10.0.0.0/8."
        ) from None
