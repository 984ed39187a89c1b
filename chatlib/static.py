"""Files as HTTP answers them: compressed, and only if the browser does not have them already."""

import gzip
import hashlib
from collections.abc import Mapping

from aiohttp import ETag, hdrs, web


class StaticFile:
    """A file that stays as it is while the server runs.

    Args:
        body: What is in it.
        content_type: The whole of the header, charset included.
        headers: Further headers of its answers.
    """

    def __init__(self, body: bytes, content_type: str, headers: Mapping[str, str]) -> None:
        self._body = body
        self._packed = gzip.compress(body, mtime=0)
        self._etag = ETag(hashlib.sha256(body).hexdigest()[:32])
        # As Node's server says it: keep it, but ask each time whether it is still the same.
        always = {
            hdrs.CACHE_CONTROL: "public, max-age=0",
            hdrs.VARY: hdrs.ACCEPT_ENCODING,
            "X-Content-Type-Options": "nosniff",
        }
        self._headers: dict[str, str] = {**always, **headers}
        self._kind: dict[str, str] = {hdrs.CONTENT_TYPE: content_type}

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a request for it."""
        known = {tag.value for tag in request.if_none_match or ()}
        if known & {self._etag.value, "*"}:
            response = web.Response(status=304, headers=self._headers)
        elif "gzip" in request.headers.get(hdrs.ACCEPT_ENCODING, ""):
            packed: dict[str, str] = {hdrs.CONTENT_ENCODING: "gzip"}
            response = web.Response(body=self._packed, headers=self._headers | self._kind | packed)
        else:
            response = web.Response(body=self._body, headers=self._headers | self._kind)
        response.etag = self._etag
        return response
