"""What holds for the code as a whole: style, types, and what importing it costs."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.waiting import WHOLE_RUN

ROOT = Path(__file__).parent.parent
# Of what `import socketio, aiohttp.web` takes.
IMPORT_COSTS_AT_MOST = 1.15
MEASUREMENTS = 20  # pairs, at the most


def run(*arguments):
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=WHOLE_RUN
    )


@pytest.mark.parametrize(
    "command",
    [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]],
    ids=" ".join,
)
def test_there_is_nothing_to_complain_about(command):
    done = run("-m", *command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_server_needs_nothing_of_a_notebook():
    code = "import sys, chatlib, chatlib.__main__; print(*sys.modules)"
    done = run("-c", code)
    assert done.returncode == 0, done.stderr
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert "socketio" in loaded
    assert not loaded & {"IPython", "svg", "ipykernel", "jupyter_client"}
    assert "chatlib.lab" not in done.stdout.split()


@pytest.mark.slow
def test_the_lab_needs_what_the_server_does_not():
    done = run("-c", "import sys, chatlib.lab; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert {"IPython", "svg"} <= set(done.stdout.split())


def seconds(code):
    timed = f"import time\nstart = time.process_time()\n{code}\nprint(time.process_time() - start)"
    done = run("-c", timed)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


@pytest.mark.slow
def test_import_costs_little_more_than_what_it_imports():
    """The least of several runs, taken in turns, is least disturbed by the machine's other work."""
    ours, theirs = [], []
    for _ in range(MEASUREMENTS):
        theirs.append(seconds("import socketio, aiohttp.web"))
        ours.append(seconds("import chatlib"))
        ratio = min(ours) / min(theirs)
        if len(ours) >= 3 and ratio <= IMPORT_COSTS_AT_MOST:
            break
    print(f"{min(ours):.3f} s / {min(theirs):.3f} s = {ratio:.2f}")
    assert ratio <= IMPORT_COSTS_AT_MOST
