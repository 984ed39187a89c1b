"""The official JavaScript client against ``python -m chatlib``, in processes of their own."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TIMEOUT = 60  # seconds, for all tests of one transport; each wait in them has a shorter one


def cannot_run(reason):
    """Skip on a learner's machine, fail in CI."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def versions(lock):
    """Return the version of each package in a lock file, or nothing where there is no such file."""
    if not lock.exists():
        return {}
    packages = json.loads(lock.read_text("utf-8"))["packages"]
    return {path: package["version"] for path, package in packages.items() if path}


@pytest.fixture(scope="module")
def node():
    """The path of Node.js, with the official client installed for it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        cannot_run("Node.js with npm is not installed")
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    if int(version.removeprefix("v").split(".")[0]) < 20:
        cannot_run(f"Node.js 20 or later is needed, not {version}")
    wanted = versions(HERE / "package-lock.json")
    # npm keeps a lock file of what it has installed.
    if versions(HERE / "node_modules" / ".package-lock.json") != wanted:
        install = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=HERE,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if install.returncode != 0:
            cannot_run(f"npm cannot install socket.io-client:\n{install.stderr}")
    return node


@pytest.mark.parametrize(
    "transport", [{}, {"CHAT_TRANSPORT": "websocket"}], ids=["polling first", "websocket only"]
)
async def test_a_front_end_written_for_the_notes(node, command, transport):
    chat = await command("--port", "0")
    front_end = subprocess.run(  # noqa: ASYNC221  (nothing else runs in this loop)
        [node, "--test-reporter=spec", "front_end.mjs"],
        cwd=HERE,
        env=os.environ | {"CHAT_URL": chat.url} | transport,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=TIMEOUT,
    )
    if front_end.returncode != 0:
        pytest.fail(front_end.stdout, pytrace=False)
    assert chat.errors == []
