"""Ends a run of the tests that does not end by itself: a plugin of pytest.

``faulthandler_timeout`` is pytest's own limit of a test. The same limit holds after the last one:
Python waits for all threads before it ends, and a test that failed may have left one.
"""

import faulthandler
import sys


def pytest_unconfigure(config):
    limit = float(config.getini("faulthandler_timeout"))
    faulthandler.dump_traceback_later(limit, exit=True, file=sys.__stderr__)
