"""A run of the tests ends, whatever a test leaves or waits for."""

import subprocess
import sys
from pathlib import Path

import pytest

from support.waiting import WHOLE_RUN

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
pytestmark = pytest.mark.slow
WAITS_FOR_EVER = """
import threading

def test_this():
    threading.Event().wait()
"""
LEAVES_A_THREAD = """
from chatlib.history import History

async def test_this(tmp_path):
    history = History(tmp_path / "history.db")
    history.deliver_with(print)
    await history.open()
"""


def run(folder, source, workers):
    folder.joinpath("test_made_up.py").write_text(source)
    options = [f"--config-file={PROJECT}", f"--rootdir={folder}", f"-n{workers}"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--override-ini=faulthandler_timeout=3", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=WHOLE_RUN,
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_a_test_that_waits_for_ever_fails_and_shows_where(tmp_path, workers):
    done = run(tmp_path, WAITS_FOR_EVER, workers)
    assert done.returncode == 1, done.stdout
    assert 'test_made_up.py", line 5 in test_this' in done.stdout


def test_a_thread_that_is_left_does_not_keep_the_run_from_ending(tmp_path):
    done = run(tmp_path, LEAVES_A_THREAD, workers=0)
    assert "1 passed" in done.stdout
    assert "in _connection_worker_thread" in done.stdout
