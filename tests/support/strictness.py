"""What a run of the tests may not do: last for ever and, in CI, leave anything out. A plugin."""

import faulthandler
import os
import sys

import pytest


def pytest_unconfigure(config):
    """Set the limit of a test, ``faulthandler_timeout``, to what comes after the last one, too.

    Python waits for all threads before it ends, and a test that failed may have left one.
    """
    limit = float(config.getini("faulthandler_timeout"))
    faulthandler.dump_traceback_later(limit, exit=True, file=sys.__stderr__)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Fail a test that is skipped in CI, unless it says by ``skipif`` where it cannot be run."""
    report = yield
    if report.skipped and os.environ.get("CI") and not any(item.iter_markers("skipif")):
        report.outcome = "failed"
        report.longrepr = f"Nothing may be missing in CI: {call.excinfo.value}"
    return report
