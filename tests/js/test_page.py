"""What the page of the chat does, without a browser, and how its JavaScript is written."""

from pathlib import Path

import pytest

from support.processes import passes

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def test_what_the_page_does(node):
    passes([node, "--test-reporter=spec", "page.mjs"], HERE)


def test_there_is_nothing_to_complain_about(node):
    eslint = HERE / "node_modules" / "eslint" / "bin" / "eslint.js"
    config = HERE / "eslint.config.mjs"
    passes([node, eslint, "--config", config, "chatlib/page", "tests/js"], ROOT)
