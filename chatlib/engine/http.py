"""What the engine says and reads as plain HTTP: refusals, the rules of origins, bodies."""

import asyncio
import enum
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import hdrs, web
from aiohttp.http import HttpProcessingError

# In a list of origins, this stands for the server's own.
SELF = "self"

Origins = str | Sequence[str] | Callable[..., bool] | None


class Refusal(enum.Enum):
    """Why a request is refused, with the number and the text that Engine.IO has for it."""

    TRANSPORT = (0, "Transport unknown")
    SESSION = (1, "Session ID unknown")
    METHOD = (2, "Bad handshake method")
    REQUEST = (3, "Bad request")
    ORIGIN = (4, "Forbidden")
    VERSION = (5, "Unsupported protocol version")


async def read_body(request: web.Request, most: int, seconds: float) -> bytes:
    """Return the body of a request.

    Args:
        request: The request.
        most: How many bytes it may have.
        seconds: How long it may take to arrive.

    Raises:
        ValueError: It is too long or too slow; the text says so.
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
        raise ValueError(f"it takes over {seconds:g} seconds to send a request") from None
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
        "SCRIPT_NAME": "",
        "PATH_INFO": request.path,
        "QUERY_STRING": request.query_string,
        "RAW_URI": request.path_qs,
        "SERVER_PROTOCOL": f"HTTP/{request.version.major}.{request.version.minor}",
        "REMOTE_ADDR": request.remote,
        "wsgi.url_scheme": request.scheme,
        "aiohttp.request": request,
    }


def is_allowed(request: web.Request, allowed: Origins) -> bool:
    """Return whether a request may come from where it does.

    Args:
        request: The request.
        allowed: What `engineio.AsyncServer` takes as ``cors_allowed_origins``: None for the
            server's own origin alone, an empty list for all that browsers send without asking.
    """
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or allowed == []:
        return True
    if callable(allowed):
        return _asked(allowed, origin, request)
    allowed = [SELF] if allowed is None else [allowed] if isinstance(allowed, str) else allowed
    return "*" in allowed or origin in allowed or (SELF in allowed and origin in _own(request))


def _asked(allowed: Callable[..., bool], origin: str, request: web.Request) -> bool:
    try:
        return bool(allowed(origin, environ(request)))
    except TypeError:  # python-engineio takes one that wants the origin alone, too
        return bool(allowed(origin))


def _own(request: web.Request) -> tuple[str, str]:
    """Return the server's origin as it is, and as it is seen from outside of a proxy."""
    host = request.headers.get("X-Forwarded-Host", request.host)
    scheme = request.headers.get("X-Forwarded-Proto", request.scheme)
    outside = "://".join(each.partition(",")[0].strip() for each in (scheme, host))
    return f"{request.scheme}://{request.host}", outside


def cors_headers(request: web.Request, allowed: Origins, *, credentials: bool) -> dict[str, str]:
    """Return the headers by which a browser lets a page of another origin read the answer."""
    origin = request.headers.get(hdrs.ORIGIN)
    if origin is None or allowed == [] or not is_allowed(request, allowed):
        return {}
    headers: dict[str, str] = {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: origin}
    if request.method == hdrs.METH_OPTIONS:
        headers[hdrs.ACCESS_CONTROL_ALLOW_METHODS] = "OPTIONS, GET, POST"
    if wanted := request.headers.get(hdrs.ACCESS_CONTROL_REQUEST_HEADERS):
        headers[hdrs.ACCESS_CONTROL_ALLOW_HEADERS] = wanted
    if credentials:
        headers[hdrs.ACCESS_CONTROL_ALLOW_CREDENTIALS] = "true"
    return headers
