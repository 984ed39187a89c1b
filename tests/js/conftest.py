import json
import subprocess
from pathlib import Path

import pytest
from filelock import FileLock

from support.processes import needed
from support.waiting import WHOLE_RUN

HERE = Path(__file__).parent


def versions(lock):
    """Return the version of each package in a lock file, or nothing where there is no such file."""
    if not lock.exists():
        return {}
    packages = json.loads(lock.read_text("utf-8"))["packages"]
    return {path: package["version"] for path, package in packages.items() if path}


@pytest.fixture(scope="session")
def node():
    """The path of Node.js, with the official packages installed for it."""
    node, npm = needed("node"), needed("npm")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    if int(version.removeprefix("v").split(".")[0]) < 20:
        pytest.skip(f"Node.js 20 or later is needed, not {version}")
    HERE.joinpath("node_modules").mkdir(exist_ok=True)
    with FileLock(
        HERE / "node_modules" / ".installing", timeout=2 * WHOLE_RUN
    ):  # the other workers wait
        install(npm)
    return node


def install(npm):
    # npm keeps a lock file of what it has installed.
    installed = versions(HERE / "node_modules" / ".package-lock.json")
    if installed == versions(HERE / "package-lock.json"):
        return
    # Not `npm ci`: it would remove the lock together with the folder.
    run = subprocess.run(
        [npm, "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund"],
        cwd=HERE,
        capture_output=True,
        text=True,
        timeout=WHOLE_RUN,
    )
    if run.returncode != 0:
        pytest.skip(f"npm cannot install the packages:\n{run.stderr}")
