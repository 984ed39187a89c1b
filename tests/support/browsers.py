"""Chromium, driven by Playwright."""

import contextlib

import pytest

from support.npm import PACKAGES
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


async def violations(page):
    """Return what axe finds wrong in a page, which must hand out no policy against scripts."""
    await page.evaluate((PACKAGES / "axe-core" / "axe.min.js").read_text("utf-8"))
    found = await page.evaluate("axe.run()")
    assert found["passes"]
    return [
        (each["impact"], each["id"], [node["html"] for node in each["nodes"]])
        for each in found["violations"]
    ]
