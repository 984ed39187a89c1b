"""The page of the chat in a real browser without internet, as people use it."""

import re

import pytest
import pytest_asyncio

from chatlib.history import History
from chatlib.identity import Passcode
from support.browsers import chromium, violations
from support.chat_pages import ChatPage
from support.processes import free_port
from support.servers import serving
from support.waiting import WHOLE_RUN

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("offline_client"),
]
# What a browser says when it looks for a server that is away.
EXPECTED = re.compile("ERR_(CONNECTION_REFUSED|INTERNET_DISCONNECTED)")
PHONE = {"width": 390, "height": 844}  # px
DESKTOP = {"width": 1280, "height": 800}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser():
    async with chromium("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1") as browser:
        yield browser


@pytest.fixture
def offline_client(client_script, monkeypatch):
    """Let every server hand out the client, as there is nothing else to get it from."""
    monkeypatch.setenv("CHATLIB_CLIENT_SCRIPT", str(client_script))


@pytest_asyncio.fixture(loop_scope="module")
async def visit(browser):
    """Open the page in a browser of its own: ``await visit(url, "Alice")`` is somebody who joins.

    Whatever the browser complains of fails the test.
    """
    contexts, tabs = [], []

    async def open_page(url, name=None, *, beside=None, passcode=None, **options):
        context = beside.page.context if beside else await browser.new_context(**options)
        contexts.append(context)
        tab = await ChatPage.open(context, f"{url}/")
        tabs.append(tab)
        if name:
            await tab.join(name, passcode)
        return tab

    yield open_page
    problems = [problem for tab in tabs for problem in tab.problems]
    for context in {*contexts}:
        await context.close()
    assert [problem for problem in problems if not EXPECTED.search(problem)] == []


async def test_two_people_chat(visit):
    async with serving() as server:
        alice, bob = await visit(server.url, "Alice"), await visit(server.url, "Bob")
        await alice.say("hello")
        await bob.hears("hello")
        await bob.say("hi yourself")
        for tab in (alice, bob):
            await tab.hears("hi yourself")
            assert await tab.said() == ["hello", "hi yourself"]
        assert await alice.page.locator("#log .mine").all_inner_texts() == ["Alice hello"]


async def test_everyone_sees_who_came(visit):
    async with serving() as server:
        alice = await visit(server.url, "Alice")
        bob = await visit(server.url, "Bob")
        await bob.sees(f"Welcome to the server {await bob.page.evaluate('socket.id')}")
        await alice.sees(f"{await bob.page.evaluate('socket.id')} joined the server")


async def test_a_room_waits_for_the_server_to_let_the_tab_in(visit):
    async with serving() as server:
        alice = await visit(server.url, "Alice")
        [sid] = server.chat.members
        async with server.chat.members[sid].turn:
            await alice.page.fill("#room", "tea")
            await alice.page.press("#room", "Enter")
            await alice.page.locator("#rooms button[aria-busy=true]").wait_for()
            assert not server.chat.members[sid].groups
        await alice.page.locator("#rooms button[aria-busy=false]").wait_for()
        assert server.chat.members[sid].groups


async def test_a_room_is_for_those_in_it(visit):
    async with serving() as server:
        alice, bob, carol = [await visit(server.url, name) for name in ("Alice", "Bob", "Carol")]
        await alice.enter("tea")
        await bob.enter("tea")
        await alice.say("milk?")
        await bob.hears("milk?")
        await bob.page.get_by_role("button", name="Leave tea").click()
        await bob.write_to("Everyone")
        await bob.say("I left")
        await alice.hears("I left")
        await alice.say("and now?")
        await alice.hears("and now?")
        await alice.write_to("Everyone")
        await alice.say("the end")
        for tab, heard in [
            (alice, ["milk?", "I left", "and now?", "the end"]),
            (bob, ["milk?", "I left", "the end"]),
            (carol, ["I left", "the end"]),
        ]:
            await tab.hears("the end")
            assert await tab.said() == heard


async def test_a_message_to_a_person_reaches_all_tabs_of_both_and_nobody_else(visit):
    async with serving() as server:
        alice, bob, carol = [await visit(server.url, name) for name in ("Alice", "Bob", "Carol")]
        tabs = [await visit(server.url, name, beside=tab)
                for name, tab in (("Alice", alice), ("Bob", bob))]  # fmt: skip
        await bob.say("here I am")
        await alice.page.locator("#log .from", has_text="Bob").click()
        await alice.say("psst")
        for tab in (bob, alice, *tabs):
            await tab.hears("psst")
        await alice.write_to("Everyone")
        await alice.say("the end")
        for tab in (alice, bob, *tabs):
            await tab.hears("the end")
            assert await tab.said() == ["here I am", "psst", "the end"]
        await carol.hears("the end")
        assert await carol.said() == ["here I am", "the end"]
        assert await bob.page.locator("#log .where:not(:empty)").all_inner_texts() == ["to you"]


async def test_a_server_that_is_killed_and_comes_back_costs_no_line_and_doubles_none(
    visit, command, tmp_path
):
    arguments = ("--port", str(free_port()), "--history", str(tmp_path / "history.db"))
    chat = await command(*arguments)
    alice, bob = await visit(chat.url, "Alice"), await visit(chat.url, "Bob")
    for tab in (alice, bob):
        await tab.enter("tea")
    said = [f"before {number}" for number in range(5)]
    for text in said:
        await alice.say(text)
    await bob.hears(said[-1])
    await alice.hears(said[-1])
    chat.kill()
    for tab in (alice, bob):
        await tab.sees("trying again")
    # Both write while nobody listens, Alice to everyone, and Bob to the room.
    await alice.write_to("Everyone")
    for number in range(3):
        await alice.say(f"Alice {number}")
        await bob.say(f"Bob {number}")
    await alice.sees("3 messages wait for the connection.")
    await command(*arguments)
    for tab in (alice, bob):
        await tab.page.wait_for_selector("#state.connected", timeout=WHOLE_RUN * 1000)
        await tab.hears("Alice 2")
        await tab.hears("Bob 2")
    await bob.say("the end")
    await alice.hears("the end")
    await bob.hears("the end")
    order = await alice.said()
    assert order == await bob.said()
    assert order[:5] == said
    assert [text for text in order[5:] if text.startswith("Alice")] == [
        f"Alice {number}" for number in range(3)
    ]
    assert [text for text in order[5:] if not text.startswith("Alice")] == [
        *(f"Bob {number}" for number in range(3)),
        "the end",
    ]


async def test_who_was_away_gets_what_was_said_meanwhile(visit):
    async with serving(history=History()) as server:
        alice, bob = await visit(server.url, "Alice"), await visit(server.url, "Bob")
        await alice.enter("tea")
        await bob.enter("tea")
        await bob.say("one")
        await alice.hears("one")
        await alice.page.context.set_offline(True)
        await alice.page.evaluate("socket.io.engine.close()")
        await alice.sees("trying again")
        await bob.say("two")
        await bob.write_to("Everyone")
        await bob.say("three")
        await bob.hears("three")
        await alice.page.context.set_offline(False)
        await alice.page.wait_for_selector("#state.connected")
        await alice.hears("three")
        assert await alice.said() == await bob.said() == ["one", "two", "three"]


async def test_a_newcomer_and_a_reloaded_page_see_what_was_said_before(visit):
    async with serving(history=History()) as server:
        alice = await visit(server.url, "Alice")
        await alice.enter("tea")
        await alice.say("in the room")
        await alice.hears("in the room")
        await alice.write_to("Everyone")
        await alice.say("to all")
        await alice.hears("to all")
        bob = await visit(server.url, "Bob")
        await bob.hears("to all")
        assert await bob.said() == ["to all"]
        await alice.page.reload()
        await alice.hears("in the room")
        await alice.hears("to all")
        assert await alice.said() == ["in the room", "to all"]
        assert await alice.page.locator("#log .mine").count() == 2


async def test_a_wrong_passcode_and_then_the_right_one(visit):
    async with serving(identity=Passcode("open sesame")) as server:
        alice = await visit(server.url)
        await alice.page.fill("#name", "Alice")
        await alice.page.press("#name", "Enter")
        await alice.sees("This chat needs a passcode.")
        assert await alice.page.evaluate("document.activeElement.id") == "passcode"
        await alice.page.fill("#passcode", "wrong")
        await alice.page.press("#passcode", "Enter")
        await alice.sees("The passcode is wrong.")
        await alice.join("Alice", "open sesame")
        # Another tab has the token, and needs no passcode.
        other = await visit(server.url, "Alice", beside=alice)
        await other.say("hello")
        await alice.hears("hello")
        assert await alice.page.locator("#log .mine").count() == 1


async def test_markup_is_shown_and_never_taken_for_markup(visit):
    attack = "<img src=x onerror=\"document.title='hacked'\"><script>alert(1)</script>"
    async with serving() as server:
        mallory, alice = await visit(server.url, attack[:40]), await visit(server.url, "Alice")
        await mallory.enter(attack)
        await mallory.write_to("Everyone")
        await mallory.say(attack)
        await alice.hears(attack)
        await mallory.hears(attack)
        for tab in (alice, mallory):
            assert await tab.page.locator("main :is(img, script, iframe)").count() == 0
            assert await tab.page.title() == "Chat"


async def test_even_a_mistake_in_the_page_could_not_make_it_markup(visit):
    async with serving() as server:
        alice = await visit(server.url, "Alice")
        with pytest.raises(Exception, match="TrustedHTML"):
            await alice.page.evaluate("document.body.innerHTML = '<b>x</b>'")
        alice.problems.clear()


async def wider_than_the_window(tab):
    assert await tab.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return await tab.page.evaluate(
        """() => [...document.querySelectorAll("body *")]
            .filter((each) => each.checkVisibility() && !each.classList.contains("unseen"))
            .filter((each) => {
                const {left, right} = each.getBoundingClientRect();
                return left < 0 || right > innerWidth;
            }).map((each) => each.outerHTML.slice(0, 80))"""
    )


@pytest.mark.parametrize("viewport", [PHONE, {"width": 320, "height": 480}, DESKTOP])
async def test_nothing_is_cut_off(visit, viewport):
    async with serving() as server:
        alice = await visit(server.url, viewport=viewport)
        assert await wider_than_the_window(alice) == []
        await alice.join("A" * 40)
        for room in ("tea", "R" * 100, "another room", "and one more"):
            await alice.enter(room)
        await alice.say("long" * 200)
        await alice.hears("long" * 200)
        await server.chat.io.emit("classroom", CLASSROOM)
        await server.chat.io.emit("poll", POLL)
        await alice.sees("Milk?")
        assert await wider_than_the_window(alice) == []
        # What is needed most is there without scrolling the page, if there is the room for it.
        for part in ("#scroll", "#text", "#send", "#state") if viewport["height"] > 500 else ():
            box = await alice.page.locator(part).bounding_box()
            assert box["y"] + box["height"] <= viewport["height"] + 1, part


async def test_the_last_line_is_in_view_unless_somebody_reads_further_up(visit):
    async with serving() as server:
        alice, bob = await visit(server.url, "Alice"), await visit(server.url, "Bob")
        for number in range(60):
            await alice.say(f"line {number}")
        last = bob.page.locator("#log li").last
        await bob.hears("line 59")
        assert await last.evaluate("(line) => line.getBoundingClientRect().bottom < innerHeight")
        await bob.page.evaluate("document.getElementById('scroll').scrollTop = 0")
        await alice.say("one more")
        await bob.hears("one more")
        assert await bob.page.evaluate("document.getElementById('scroll').scrollTop") == 0


async def test_the_keyboard_is_enough(visit):
    async with serving() as server:
        alice = await visit(server.url)
        keyboard = alice.page.keyboard
        await keyboard.type("Alice")
        await keyboard.press("Enter")
        await alice.page.wait_for_selector("#state.connected")
        await keyboard.type("by hand")
        await keyboard.press("Enter")
        await alice.hears("by hand")
        stops = []
        for _ in range(12):
            await keyboard.press("Tab")
            stops.append(await alice.page.evaluate("document.activeElement.id"))
        assert {"room", "scroll", "to", "text"} <= set(stops)


CLASSROOM = {
    "title": "A class about tea, and about what else there is to drink",
    "instructor": {"userId": "instructor", "name": "Instructor"},
    "room": None,
    "hand": False,
    "poll": None,
}
POLL = {"poll": 1, "question": "Milk?", "options": ["yes", "no, and never again " * 5]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(visit, scheme):
    async with serving(identity=Passcode("open")) as server:
        alice = await visit(server.url, color_scheme=scheme, bypass_csp=True)
        assert await violations(alice.page) == []
        await alice.page.fill("#name", "Alice")
        await alice.page.press("#name", "Enter")
        await alice.sees("This chat needs a passcode.")
        assert await violations(alice.page) == []
        await alice.join("Alice", "open")
        bob = await visit(server.url, "Bob", passcode="open")
        await bob.say("hello")
        await alice.enter("tea")
        await alice.say("milk?")
        await alice.hears("milk?")
        await server.chat.io.emit("classroom", CLASSROOM)
        await server.chat.io.emit("poll", POLL)
        await alice.sees("Milk?")
        await alice.page.get_by_role("button", name="yes").click()
        assert await violations(alice.page) == []
        await server.chat.io.emit("poll-closed", POLL | {"counts": [3, 1]})
        await alice.sees("yes: 3")
        assert await violations(alice.page) == []


TUTORIAL = """<!DOCTYPE html>
<html>
  <body>
    <ul id="messages"></ul>
    <form id="form"><input id="input" autocomplete="off" /><button>Send</button></form>
    {script}
      const socket = io();
      const form = document.getElementById('form');
      const input = document.getElementById('input');
      form.addEventListener('submit', (e) => {{
        e.preventDefault();
        if (input.value) {{
          socket.emit('message', input.value);
          input.value = '';
        }}
      }});
      socket.on('recieve-message', (msg) => {{
        const item = document.createElement('li');
        item.textContent = msg;
        document.getElementById('messages').appendChild(item);
      }});
    </script>
  </body>
</html>
"""
LOADED = {
    "script": '<script src="/socket.io/socket.io.js"></script><script>',
    "minified": '<script src="/socket.io/socket.io.min.js"></script><script>',
    "module": '<script type="module">import { io } from "/socket.io/socket.io.esm.min.js";',
}


@pytest.mark.parametrize("how", LOADED)
async def test_a_page_of_the_official_tutorials_shape_works_unchanged(visit, command, how):
    chat = await command("--port", "0")
    alice = await visit(chat.url, "Alice")
    page = await alice.page.context.new_page()
    html = TUTORIAL.format(script=LOADED[how])
    await page.route(
        "**/tutorial", lambda route: route.fulfill(body=html, content_type="text/html")
    )
    await page.goto(f"{chat.url}/tutorial")
    await page.fill("#input", "hello from the tutorial")
    await page.press("#input", "Enter")
    await alice.hears("hello from the tutorial")
    await page.get_by_text("hello from the tutorial").wait_for()
    assert await page.locator("#messages li").count() == 1


async def test_without_the_client_the_page_says_so(visit, monkeypatch, tmp_path):
    monkeypatch.delenv("CHATLIB_CLIENT_SCRIPT")
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_: tmp_path)
    async with serving() as server:
        alice = await visit(server.url)
        await alice.sees("The Socket.IO client could not be loaded.")
        alice.problems.clear()
