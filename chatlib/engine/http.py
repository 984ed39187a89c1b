"""What the engine reads and says as plain HTTP: bodies, origins, the environment of a request."""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError


async def read_body(request: web.Request, most: int, seconds: float) -> bytes:
    """Return the body of a request, of so many bytes at most, sent in so many seconds.

    Raises:
        ValueError: It is longer, or takes longer; the text says so.
        aiohttp.web.HTTPBadRequest: The client vanished, or what it sent is no HTTP.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > most:
                    raise ValueError("it sent a request that is too long")
    except TimeoutError:
        raise ValueError(f"it takes more than {seconds:g} seconds to send a request") from None
    except (OSError, HttpProcessingError, web.RequestPayloadError) as error:
        raise web.HTTPBadRequest from error
    return bytes(body)


def environ(request: web.Request) -> dict[str, Any]:
    """Return a request as a connect handler gets it: as WSGI has it, and ``aiohttp.request``."""
    headers: dict[str, Any] = {}
    for name, value in request.headers.items():
        key = f"HTTP_{name.upper().replace('-', '_')}"
        headers[key] = f"{headers[key]},{value}" if key in headers else value
    return headers | {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query_string,
        "REMOTE_ADDR": request.remote,
        "wsgi.url_scheme": request.scheme,
        "aiohttp.request": request,
    }


def is_allowed(request: web.Request, origins: str | Sequence[str] | None) -> bool:
    """Return whether a request may come from where it does, by ``cors_allowed_origins``."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or origins == []:
        return True
    allowed = {origins or "self"} if isinstance(origins, str | None) else set(origins)
    if "self" in allowed:
        allowed = allowed - {"self"} | _own(request)
    return not allowed.isdisjoint(("*", origin))


def _own(request: web.Request) -> set[str]:
    """Return the server's origin, as it is here and as it is in front of a proxy that adds TLS.

    Nobody else has a page at the same host and port by TLS, so that needs no word of the proxy's.
    """
    return {f"{scheme}://{request.host}" for scheme in (request.scheme, "https")}


def cors_headers(request: web.Request, *, credentials: bool) -> dict[str, str]:
    """Return the headers by which a browser lets a page of an allowed origin read the answer."""
    if hdrs.ORIGIN not in request.headers:
        return {}
    headers: dict[str, str] = {
        hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: request.headers[hdrs.ORIGIN],
        hdrs.ACCESS_CONTROL_ALLOW_METHODS: "OPTIONS, GET, POST",
    }
    if wanted := request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS):
        headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = wanted
    if credentials:
        headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
    return headers
