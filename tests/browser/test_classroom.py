"""What a class shows its instructor, as a browser has it, and a phone that scans the QR code."""

import pytest
import pytest_asyncio

from chatlib.classroom import Classroom, views
from support.browsers import chromium, violations
from support.waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    async with chromium() as browser:
        yield browser


class Output:
    """What is displayed in a notebook, at last."""

    def __init__(self, view):
        self.view = view

    def update(self, view):
        self.view = view


@pytest_asyncio.fixture(loop_scope="module")
async def room(client_script, monkeypatch):
    """A class, with what it shows in ``room.shown``."""
    monkeypatch.setenv("CHATLIB_CLIENT_SCRIPT", str(client_script))
    shown = []
    monkeypatch.setattr(views, "display", lambda view, **_: shown.append(Output(view)) or shown[-1])
    room = await Classroom.open("Tea & <cake>", host="127.0.0.1")
    room.shown = shown
    yield room
    await room.close()


async def join(browser, room, name, **options):
    """Return the page of somebody who has followed the link of the QR code."""
    context = await browser.new_context(**options)
    page = await context.new_page()
    await page.goto(room.link)
    await page.fill("#name", name)
    await page.click("#join button")
    await page.wait_for_selector("#state.connected")
    return page


async def test_who_follows_the_link_needs_only_a_name(browser, room):
    phone = await join(browser, room, "Ada")
    await phone.wait_for_selector("#hand")
    await room.poll("Milk?", ["yes", "no"])
    await phone.get_by_role("button", name="yes").click()
    await phone.click("#hand")
    await eventually(lambda: room.hands == ["Ada"])
    assert "(1 answered)" in repr(await room.close_poll())
    await room.remove("Ada")
    await phone.get_by_text("You were removed from this class.").first.wait_for()


@pytest.mark.parametrize("width", [600, 900])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing_in_what_the_instructor_sees(browser, room, width, scheme):
    phone = await join(browser, room, "<b>Ben</b> " + "x" * 25)
    await phone.click("#hand")
    await room.poll("Milk?", ["yes", "no"])
    await room.say("Hello! " * 40)
    await eventually(lambda: "up" in repr(room.shown[0].view))
    html = "".join(output.view.html() for output in room.shown)
    context = await browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme
    )
    page = await context.new_page()
    head = "<html lang='en'><title>Tea</title><style>:root {color-scheme: light dark}</style>"
    await page.set_content(f"{head}<main><h1>Tea</h1>{html}</main>")
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    assert await violations(page) == []
