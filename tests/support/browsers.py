"""Chromium, driven by Playwright."""

import contextlib

import pytest

from support.processes import needed
from support.waiting import WHOLE_RUN

NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextlib.asynccontextmanager
async def chromium(*arguments):
    """Start Chromium; the test is skipped where it, or Playwright, is not installed.

    Args:
        *arguments: Of the command line, besides what it needs in a container.
    """
    playwright_api = pytest.importorskip("playwright.async_api")
    program = needed(*NAMES)
    async with playwright_api.async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=program,
            args=["--no-sandbox", "--disable-gpu", *arguments],
            timeout=WHOLE_RUN * 1000,
        )
        try:
            yield browser
        finally:
            await browser.close()
