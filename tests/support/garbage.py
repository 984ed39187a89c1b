"""Keeps the garbage collector from what lives as long as the run: a plugin of pytest.

Thousands of collected tests would be looked through again and again.
"""

import gc

import pytest

gc.disable()  # while plugins and tests are imported


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """Look through nothing once more while Python ends, after all other plugins have."""
    config.add_cleanup(gc.freeze)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Collect garbage from now on, but none of what there is."""
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
