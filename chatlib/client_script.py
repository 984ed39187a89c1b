"""The browser's Socket.IO client, which Node's server hands out at ``/socket.io/socket.io.js``.

It is not ours, so it is not in this package: it comes from a folder on this machine, or else the
browser is sent to the project's own CDN.
"""

import base64
import hashlib
import os
from pathlib import Path
from typing import Self

import platformdirs
from aiohttp import hdrs, web

from chatlib.static import StaticFile

VERSION = "4.8.3"
VARIABLE = "CHATLIB_CLIENT_SCRIPT"
CDN = "https://cdn.socket.io"
FILES = tuple(
    f"socket.io{kind}.js{end}"
    for kind in ("", ".min", ".esm.min", ".msgpack.min")
    for end in ("", ".map")
)
SCRIPT = "socket.io.min.js"  # the one that our own pages use
# Of the CDN's, as the documentation of Socket.IO says it.
_INTEGRITY = "sha384-kzavj5fiMwLKzzD1f8S7TeoVIEi7uKHvbTA3ueZkrzYq75pNQUiUi6Dy98Q3fxb0"
# Modules of other origins may use it: it is public, and knows nothing of this server.
_HEADERS: dict[str, str] = {hdrs.ACCESS_CONTROL_ALLOW_ORIGIN: "*"}


class ClientScript:
    """Where browsers get the client from.

    Args:
        folder: Has the files of a release of ``socket.io-client``, as its ``dist`` does. Without
            one, browsers get them from the CDN.

    Attributes:
        origin: The other origin that browsers get them from, if any.

    Raises:
        ValueError: The folder does not have them.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder and not (folder / SCRIPT).is_file():
            raise ValueError(
                f"{folder} has no {SCRIPT}; name the folder dist of the package socket.io-client."
            )
        self.origin = None if folder else CDN
        self._folder = folder
        self._files: dict[str, StaticFile] = {}

    @classmethod
    def find(cls, folder: str | Path | None = None) -> Self:
        """Return the script of a folder.

        Args:
            folder: The folder. If not given, it is that of the environment variable
                ``CHATLIB_CLIENT_SCRIPT``; without that, `cache`, if the client was fetched.

        Raises:
            ValueError: The folder does not have the script.
        """
        if named := folder or os.environ.get(VARIABLE):
            return cls(Path(named))
        return cls(cache() if (cache() / SCRIPT).is_file() else None)

    @property
    def integrity(self) -> str:
        """What a page demands of the script, for the attribute of this name."""
        if not self._folder:
            return _INTEGRITY
        digest = hashlib.sha384((self._folder / SCRIPT).read_bytes()).digest()
        return f"sha384-{base64.b64encode(digest).decode()}"

    def add_to(self, app: web.Application) -> None:
        """Answer requests for the files."""
        for name in FILES:
            app.router.add_get(f"/socket.io/{name}", self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        name = request.path.rpartition("/")[2]
        if not self._folder:
            to = {hdrs.LOCATION: f"{CDN}/{VERSION}/{name}", hdrs.CACHE_CONTROL: "no-cache"}
            return web.Response(status=302, headers=_HEADERS | to)
        if name not in self._files:
            self._files[name] = _read(self._folder / name)
        return await self._files[name].answer(request)


def cache() -> Path:
    """Return the folder of this user to which the client is fetched."""
    return platformdirs.user_cache_path("chatlib", False) / f"socket.io-client-{VERSION}"


def _read(path: Path) -> StaticFile:
    kind = "json" if path.suffix == ".map" else "javascript"
    try:
        return StaticFile(path.read_bytes(), f"application/{kind}; charset=utf-8", _HEADERS)
    except OSError:  # the maps, for example, may have been left out
        raise web.HTTPNotFound from None
