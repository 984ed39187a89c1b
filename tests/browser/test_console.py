"""A page on a reader's own server, in a browser, and what a lab shows of it."""

import os
from pathlib import Path

import pytest
import pytest_asyncio
import socketio

from chatlib import ChatServer
from chatlib.lab import Lab
from chatlib.lab.pictures import Frames
from support.browsers import chromium, violations
from support.chat_pages import ChatPage
from support.waiting import TIMEOUT

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]
SCREENSHOTS = os.environ.get("CHATLIB_SCREENSHOTS")


@pytest.fixture
def io():
    return socketio.AsyncServer(async_mode="aiohttp")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def lab(io, client_script, monkeypatch):
    monkeypatch.setenv("CHATLIB_CLIENT_SCRIPT", str(client_script))
    async with await Lab.open(io, timeout=TIMEOUT) as lab:
        yield lab


@pytest_asyncio.fixture(loop_scope="module")
async def tab(browser, lab):
    """The console of the lab's server, connected."""
    tab = await ChatPage.open(await browser.new_context(), lab.page)
    await tab.page.wait_for_selector("#state.connected")
    yield tab
    assert tab.problems == []


async def emit(tab, event, arguments="", *, ask=False):
    await tab.page.fill("#event", event)
    await tab.page.fill("#arguments", arguments)
    await tab.page.set_checked("#ask", ask)
    await tab.page.click("#emit button")


def keep(name, image):
    if SCREENSHOTS:
        (Path(SCREENSHOTS) / name).write_bytes(image)


async def line(tab, text):
    await tab.page.locator("#log li").filter(has_text=text).first.wait_for()


async def test_it_emits_hears_and_is_a_lifeline(io, lab, tab):
    @io.on("say")
    async def say(sid, text, number):
        await io.emit("said", (text, number), skip_sid=sid)

    alice = await lab.join("alice")
    heard = []
    alice.on("said", lambda *args: heard.append(args))
    await lab.clear()
    await emit(tab, "say", '"hi", 1')
    await line(tab, '→ say "hi", 1')
    await alice.emit("say", ("ho", 2))
    await line(tab, '← said "ho", 2')
    assert heard == [("hi", 1)]
    assert (await lab.picture()).text().splitlines() == [
        'page   → server  say "hi", 1',
        'server → alice   said "hi", 1',
        'server ○ page: not said "hi", 1',
        'alice  → server  say "ho", 2',
        'server → page    said "ho", 2',
        'server ○ alice: not said "ho", 2',
    ]


async def test_it_has_the_name_that_it_gives(io, lab, tab):
    auths = []
    io.on("connect", lambda sid, environ, auth: auths.append(auth))
    await tab.page.fill("#name", "ana")
    await tab.page.click("#come button")
    await line(tab, "connected to / as ana")
    await io.emit("news")
    await line(tab, "← news")
    assert auths == [{"name": "ana"}]
    assert "server → ana" in (await lab.picture()).text()


async def test_it_is_answered_and_answers(io, lab, tab):
    io.on("add", lambda sid, a, b: a + b)
    await emit(tab, "add", "3, 4", ask=True)
    await line(tab, "← answer to add 7")
    [sid] = lab.trace.ids
    asking = io.start_background_task(io.call, "name?", to=sid)
    await tab.page.get_by_label("Answer to name?").fill('"ana"')
    await tab.page.get_by_role("button", name="Acknowledge").click()
    assert await asking == "ana"
    await line(tab, '→ answer to name? "ana"')


async def test_it_joins_a_namespace_and_says_when_it_is_refused(io, tab):
    io.on("connect", lambda sid, environ, auth: None, namespace="/admin")
    for namespace, told in (("/admin", "connected to /admin"), ("/nowhere", "refused: ")):
        await tab.page.fill("#namespace", namespace)
        await tab.page.click("#come button")
        await line(tab, told)


async def test_what_is_no_json_and_what_no_client_may_emit_is_said(tab):
    await emit(tab, "say", "hi")
    await tab.sees("Arguments are JSON")
    await emit(tab, "connect")
    await tab.sees("reserved event name")


async def test_bytes_are_counted_and_markup_is_text(io, tab):
    await io.emit("<img src=x onerror=alert(1)>", {"jpeg": b"\xff\xd8", "text": "<b>hi</b>"})
    await line(tab, '← <img src=x onerror=alert(1)> {"jpeg":"<2 bytes>","text":"<b>hi</b>"}')
    assert await tab.page.locator("#log img, #log b").count() == 0


async def test_a_server_that_goes_is_noticed(io, lab, tab):
    await io.disconnect(next(iter(lab.trace.ids)))
    await line(tab, "disconnected: io server disconnect")
    await tab.sees("not connected")


async def test_a_chat_server_has_the_chat_as_its_page(browser, client_script, monkeypatch):
    monkeypatch.setenv("CHATLIB_CLIENT_SCRIPT", str(client_script))
    async with await Lab.open(ChatServer().io, timeout=TIMEOUT) as lab:
        alice = await lab.join("alice", auth={"name": "alice"})
        tab = await ChatPage.open(await browser.new_context(), lab.page)
        await tab.join("ana")
        await lab.clear()
        await tab.say("hi from the page")
        await tab.hears("hi from the page")
        await alice.emit("message", {"text": "hi from the lab"})
        await tab.hears("hi from the lab")
        picture = (await lab.picture()).text()
        assert "ana    → server  message" in picture
        assert "server → ana     recieve-message" in picture
        assert tab.problems == []


@pytest.mark.parametrize("width", [360, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_nothing_is_cut_off_and_axe_finds_nothing(io, lab, browser, width, scheme):
    context = await browser.new_context(
        viewport={"width": width, "height": 740}, color_scheme=scheme
    )
    tab = await ChatPage.open(context, lab.page)
    await tab.page.wait_for_selector("#state.connected")
    await emit(tab, "say", '"hi", {"a": [1, 2, 3]}')
    await io.emit("said", "x" * 300)
    asking = io.start_background_task(io.call, "name?", to=next(iter(lab.trace.ids)))
    await tab.page.get_by_label("Answer to name?").wait_for()
    keep(f"console_{scheme}_{width}.png", await tab.page.screenshot())
    assert await violations(tab.page) == []
    wide = "document.documentElement.scrollWidth"
    assert await tab.page.evaluate(wide) <= width
    for button in await tab.page.get_by_role("button").all():
        assert await button.is_visible()
    await tab.page.get_by_label("Answer to name?").fill('"ana"')
    await tab.page.get_by_role("button", name="Acknowledge").click()
    assert await asking == "ana"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_in_pictures(io, lab, browser, scheme):
    alice = await lab.join("alice")
    await alice.emit("say", "hi")
    await lab.settle()
    frames = Frames(lab.trace, *lab.trace.take_frames())
    pictures = [await lab.picture(), frames]
    shown = "".join(picture.html() for picture in pictures)
    context = await browser.new_context(color_scheme=scheme)
    page = await context.new_page()
    await page.set_content(
        f"<html lang='en'><title>Pictures</title><main><h1>Pictures</h1>{shown}</main>"
    )
    assert await page.locator("img").count() == len(pictures)
    assert await violations(page) == []
