"""Node.js, and the JavaScript packages that tests use."""

import json
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from support.processes import needed
from support.waiting import WHOLE_RUN

FOLDER = Path(__file__).parents[1] / "js"
PACKAGES = FOLDER / "node_modules"


def node():
    """Return the path of Node.js, with the packages installed for it."""
    node, npm = needed("node"), needed("npm")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    if int(version.removeprefix("v").split(".")[0]) < 20:
        pytest.skip(f"Node.js 20 or later is needed, not {version}")
    PACKAGES.mkdir(exist_ok=True)
    with FileLock(PACKAGES / ".installing", timeout=2 * WHOLE_RUN):  # the other workers wait
        _install(npm)
    return node


def _install(npm):
    # npm keeps a lock file of what it has installed.
    if _versions(PACKAGES / ".package-lock.json") == _versions(FOLDER / "package-lock.json"):
        return
    # Not `npm ci`: it would remove the lock together with the folder.
    run = subprocess.run(
        [npm, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=FOLDER,
        capture_output=True,
        text=True,
        timeout=WHOLE_RUN,
    )
    if run.returncode != 0:
        pytest.skip(f"npm cannot install the packages:\n{run.stderr}")


def _versions(lock):
    """Return the version of each package in a lock file, or nothing where there is no such file."""
    if not lock.exists():
        return {}
    packages = json.loads(lock.read_text("utf-8"))["packages"]
    return {path: package["version"] for path, package in packages.items() if path}
