"""The official JavaScript client against ``python -m chatlib``, in processes of their own."""

import os
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TIMEOUT = 60  # seconds, for all tests of one transport; each wait in them has a shorter one


@pytest.mark.parametrize(
    "transport", [{}, {"CHAT_TRANSPORT": "websocket"}], ids=["polling first", "websocket only"]
)
async def test_a_front_end_written_for_the_notes(node, command, transport):
    chat = await command("--port", "0")
    front_end = subprocess.run(  # noqa: ASYNC221  (nothing else runs in this loop)
        [node, "--test-reporter=spec", "front_end.mjs"],
        cwd=HERE,
        env=os.environ | {"CHAT_URL": chat.url} | transport,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=TIMEOUT,
    )
    if front_end.returncode != 0:
        pytest.fail(front_end.stdout, pytrace=False)
    assert chat.errors == []
