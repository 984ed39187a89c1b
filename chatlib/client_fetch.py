"""Fetch the browser's Socket.IO client from npm into the cache, for a place without internet."""

import base64
import hashlib
import re
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from chatlib.client_script import FILES, VERSION, cache

_PACKAGE = f"socket.io-client@{VERSION}"
# Of the package as npm has it, base64 as in a lock file.
_SHA512 = "uP0bpjWrjQmUt5DTHq9RuoCBdFJF10cdX9X+a368j/Ft0wmaVgxlrjvK3kjvgCODOMMOz9lcaRzxmso0bTWZ/g=="
_OPTIONS = ("--ignore-scripts", "--fetch-retries=1", "--fetch-retry-mintimeout=1000")
_TIMEOUT = 120.0  # seconds


class CannotFetchError(Exception):
    """The client was not fetched; the message says why."""


def fetch() -> Path:
    """Fetch the client with the program ``npm``, and return the folder that has it now.

    Raises:
        CannotFetchError: There is no npm or no network, or what came is not what was asked for.
    """
    npm = shutil.which("npm")
    if not npm:
        raise CannotFetchError("npm is needed to fetch the client; it comes with Node.js.")
    folder = cache()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            unpacked = _unpack(_pack(npm, Path(scratch)))
            if folder.exists():
                folder.rename(Path(scratch) / "before")
            unpacked.rename(folder)
    except OSError as error:
        raise CannotFetchError(f"The client cannot be kept in {folder.parent}: {error}") from error
    return folder


def _pack(npm: str, scratch: Path) -> Path:
    """Have npm put the package into a folder, and return its file."""
    command = [npm, "pack", _PACKAGE, *_OPTIONS]
    try:
        run = subprocess.run(  # noqa: S603
            command, cwd=scratch, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except subprocess.TimeoutExpired:
        raise CannotFetchError(f"npm took more than {_TIMEOUT:g} s to fetch {_PACKAGE}.") from None
    packed = list(scratch.glob("*.tgz"))
    if run.returncode != 0 or len(packed) != 1:
        code = re.search(r"code (\w+)", run.stderr)
        why = f" ({code[1]})" if code else ""
        raise CannotFetchError(f"npm could not fetch {_PACKAGE}{why}; is this machine online?")
    return packed[0]


def _unpack(package: Path) -> Path:
    """Take what browsers need out of the package, and return its folder."""
    digest = base64.b64encode(hashlib.sha512(package.read_bytes()).digest()).decode()
    if digest != _SHA512:
        raise CannotFetchError(f"What npm fetched is not the {_PACKAGE} that is known here.")
    folder = package.parent / "dist"
    folder.mkdir()
    with tarfile.open(package) as archive:
        for name in FILES:
            file = archive.extractfile(f"package/dist/{name}")
            if file:
                (folder / name).write_bytes(file.read())
    return folder
