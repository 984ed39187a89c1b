"""Every block of JavaScript in the lessons, run on Node.js with the official packages."""

import json
import re
import subprocess
from pathlib import Path

import nbformat
import pytest

from support.lessons import lessons
from support.waiting import WHOLE_RUN

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent


def blocks(path):
    """Return the blocks of JavaScript in a lesson, in order."""
    cells = nbformat.read(path, as_version=4).cells
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    return re.findall(r"^```js\n(.*?)^```$", "\n\n".join(texts), re.DOTALL | re.MULTILINE)


def run_blocks(node, number, sources):
    return subprocess.run(
        [node, "blocks.mjs", number],
        cwd=HERE,
        input=json.dumps(sources),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=WHOLE_RUN,
    )


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem)
def test_the_javascript_of_a_lesson_does_what_the_lesson_says(node, path):
    run = run_blocks(node, path.name[:2], blocks(path))
    if run.returncode != 0:
        pytest.fail(run.stdout, pytrace=False)


def test_every_lesson_has_scenes_and_nothing_else_has():
    written = {path.stem for path in (HERE / "lessons").glob("*.mjs")}
    assert written == {path.name[:2] for path in lessons()}


# -- the harness itself ----------------------------------------------------------------------------

GOOD = """
socket.on("me", (text) => socket.emit("news", text));
"""


@pytest.mark.parametrize(
    ("sources", "found"),
    [
        ([GOOD.replace("news", "gnus")], "FAILED: a block that answers"),
        ([GOOD.replace("socket.on", "sucket.on")], "sucket is not defined"),
        ([GOOD, "1 + 1;"], "NOT RUN: block 1"),
        ([], "there is no block 0"),
    ],
)
def test_the_harness_finds(node, sources, found):
    run = run_blocks(node, "../harness", sources)
    assert run.returncode == 1
    assert found in run.stdout


def test_the_harness_passes_what_is_good(node):
    run = run_blocks(node, "../harness", [GOOD])
    assert run.returncode == 0, run.stdout
    assert "1 scenes, 1 blocks, 0 failures" in run.stdout
