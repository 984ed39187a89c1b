"""A class: forty phones and two browsers, and every message on every screen, in order, once.

It goes on for as many seconds as ``CHATLIB_CLASS_SECONDS`` in the environment says.
"""

import asyncio
import contextlib
import json
import os

import pytest

from chatlib.classroom import Classroom
from chatlib.client_script import VARIABLE
from support.browsers import chromium
from support.chat_pages import ChatPage
from support.npm import FOLDER
from support.waiting import PATIENCE, TIMEOUT

PHONES, BROWSERS = 40, 2
PACE = 5  # messages a second
COUNT = round(PACE * float(os.environ.get("CHATLIB_CLASS_SECONDS", "10")))

pytestmark = pytest.mark.slow


class Phones:
    """Forty front ends on Node.js, in one process."""

    @classmethod
    @contextlib.asynccontextmanager
    async def join(cls, node, room):
        environment = {
            "CHAT_URL": room.link.partition("#")[0],
            "PASSCODE": room.passcode,
            "PHONES": str(PHONES),
            "COUNT": str(COUNT),
        }
        pipe = asyncio.subprocess.PIPE
        phones = cls()
        phones._process = await asyncio.create_subprocess_exec(
            *(node, "class.mjs"),
            cwd=FOLDER,
            env=os.environ | environment,
            stdin=pipe,
            stdout=pipe,
            limit=10_000_000,
        )
        try:
            assert await phones._line() == "all are in"
            yield phones
            async with asyncio.timeout(TIMEOUT):
                assert await phones._process.wait() == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                phones._process.kill()
            await phones._process.wait()

    async def _line(self):
        async with asyncio.timeout(PATIENCE):
            return (await self._process.stdout.readline()).decode().strip()

    def say(self, number, text):
        self._process.stdin.write(f"{number} {text}\n".encode())

    async def heard(self):
        """Return the ids and the texts that each has heard, once all have heard all."""
        self._process.stdin.close()
        return [[tuple(message) for message in each] for each in json.loads(await self._line())]


async def test_every_message_is_on_every_screen_in_order_and_once(monkeypatch, node, client_script):
    monkeypatch.setenv(VARIABLE, str(client_script))
    room = await Classroom.open("Tea", host="127.0.0.1")
    try:
        async with chromium() as browser, Phones.join(node, room) as phones:
            tabs = []
            for number in range(BROWSERS):  # each a person of its own
                tabs.append(await ChatPage.open(await browser.new_context(), room.link))
                await tabs[-1].join(f"browser {number}")
            texts = [f"message {number}" for number in range(COUNT)]
            begun = asyncio.get_running_loop().time()
            for number, text in enumerate(texts):
                sender = number % (PHONES + BROWSERS)
                if sender < PHONES:
                    phones.say(sender, text)
                else:
                    await tabs[sender - PHONES].say(text)
                # Nothing else sets the pace of a class.
                await asyncio.sleep(begun + number / PACE - asyncio.get_running_loop().time())
            screens = await phones.heard()
            for tab in tabs:
                await tab.page.wait_for_function(
                    "(count) => document.querySelectorAll('#log .text').length >= count", arg=COUNT
                )
                assert await tab.page.evaluate("ask('hand', {raised: false})") == {"ok": True}
            said = [await tab.said() for tab in tabs]
        ids, order = zip(*screens[0], strict=True)
        assert sorted(ids) == [*ids]
        assert sorted(order) == sorted(texts)
        assert screens == [screens[0]] * PHONES
        assert said == [[*order]] * BROWSERS
        assert [tab.problems for tab in tabs] == [[]] * BROWSERS
    finally:
        await room.close()
