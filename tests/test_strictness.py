"""A run of the tests ends, whatever a test leaves or waits for; in CI, nothing is left out."""

import os
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
import threading

def left_over():
    threading.Event().wait()

def test_this():
    threading.Thread(target=left_over).start()
"""


IS_SKIPPED = """
import pytest
from support.processes import needed

def test_this():
    needed("a program that there is not")

@pytest.mark.skipif(True, reason="another system")
def test_elsewhere():
    pass
"""


def run(folder, source, workers=0, **environment):
    folder.joinpath("test_made_up.py").write_text(source)
    options = [f"--config-file={PROJECT}", f"--rootdir={folder}", f"-n{workers}"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "--override-ini=faulthandler_timeout=3", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        env=os.environ | {"CI": ""} | environment,
        timeout=WHOLE_RUN,
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_a_test_that_waits_for_ever_fails_and_shows_where(tmp_path, workers):
    done = run(tmp_path, WAITS_FOR_EVER, workers)
    assert done.returncode == 1, done.stdout
    assert 'test_made_up.py", line 5 in test_this' in done.stdout


def test_a_thread_that_is_left_does_not_keep_the_run_from_ending(tmp_path):
    done = run(tmp_path, LEAVES_A_THREAD)
    assert "1 passed" in done.stdout
    assert "left_over" in done.stdout


def test_what_is_missing_is_skipped_but_in_ci_it_fails(tmp_path):
    assert "2 skipped" in run(tmp_path, IS_SKIPPED).stdout
    in_ci = run(tmp_path, IS_SKIPPED, CI="true").stdout
    assert "1 failed, 1 skipped" in in_ci
    assert "Nothing may be missing in CI: a program that there is not is not installed" in in_ci
