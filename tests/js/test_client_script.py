"""The client as Node's server hands it out, and as ours does."""

import json
import subprocess
from pathlib import Path

import aiohttp
import pytest

from chatlib.client_script import FILES, ClientScript
from support.waiting import WHOLE_RUN

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent


async def answer(session, path):
    async with session.get(path) as answer:
        etag = answer.headers.get("ETag")
        text = await answer.text()
    again = None
    if etag:
        async with session.get(path, headers={"If-None-Match": etag}) as second:
            again = second.status
    return {
        "status": answer.status,
        "type": answer.headers["Content-Type"],
        "cache": answer.headers.get("Cache-Control"),
        "again": again,
        "text": text,
    }


def told_by_node(node, paths):
    run = subprocess.run(
        [node, "client_script.mjs", *paths],
        cwd=HERE,
        capture_output=True,
        encoding="utf-8",
        timeout=WHOLE_RUN,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


async def test_both_answer_alike(node, command):
    folder = HERE / "node_modules" / "socket.io" / "client-dist"
    chat = await command("--port", "0", "--client-script", folder)
    paths = [f"/socket.io/{name}" for name in FILES]
    async with aiohttp.ClientSession(chat.url) as session:
        told = {path: await answer(session, path) for path in paths}
    assert told == told_by_node(node, paths)
    assert {each["status"] for each in told.values()} == {200}


def names(folder):
    return {path.name for path in folder.iterdir()}


async def test_what_is_fetched_is_what_the_cdn_has(node, command, tmp_path):
    fetch = await command("--fetch-client", listening=False, XDG_CACHE_HOME=str(tmp_path))
    assert await fetch.ended() == 0, fetch.errors
    [line] = fetch.lines
    folder = Path(line.removeprefix("The browser's client is in "))
    assert ClientScript(folder).integrity == ClientScript().integrity
    assert names(folder) == set(FILES)
