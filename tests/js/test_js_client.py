"""The official JavaScript client against ``python -m chatlib``, in processes of their own."""

from pathlib import Path

import pytest

from support.chats_so_far import LESSONS, Program
from support.processes import passes

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent


@pytest.mark.parametrize(
    "transport", [{}, {"CHAT_TRANSPORT": "websocket"}], ids=["polling first", "websocket only"]
)
async def test_a_front_end_written_for_the_notes(node, command, transport):
    chat = await command("--port", "0")
    run_tests(node, "front_end.mjs", {"CHAT_URL": chat.url} | transport)
    assert chat.errors == []


@pytest.mark.parametrize("lesson", LESSONS)
async def test_the_chat_so_far(node, lesson, tmp_path):
    program = Program(lesson, tmp_path)
    try:
        await program.started()
        run_tests(node, "chat_so_far.mjs", {"CHAT_URL": program.url, "LESSON": lesson})
    finally:
        program.kill()


def run_tests(node, name, environment):
    passes([node, "--test-reporter=spec", name], HERE, **environment)
