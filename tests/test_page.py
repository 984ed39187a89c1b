"""The page as a browser gets it: what it is allowed to do, and where it gets everything from."""

import re
from html.parser import HTMLParser
from importlib import resources

import aiohttp
import pytest

from chatlib import ChatServer
from chatlib.client_script import CDN, SCRIPT, VARIABLE
from chatlib.history import History
from chatlib.web import WebServer
from support.servers import serving
from support.waiting import TIMEOUT

PAGES = resources.files("chatlib.page")
FILES = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "classroom.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


@pytest.fixture(autouse=True)
def no_client_here(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda *_: tmp_path)


@pytest.fixture
def client(tmp_path):
    (tmp_path / SCRIPT).write_text("a client")
    return tmp_path


async def get(url, path="/", **headers):
    async with (
        aiohttp.ClientSession(url, timeout=aiohttp.ClientTimeout(TIMEOUT)) as session,
        session.get(path, headers=headers) as answer,
    ):
        return answer.status, answer.headers, await answer.text()


class Tags(HTMLParser):
    """The tags of a page, each with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def named(self, *names):
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.mark.parametrize("name", FILES)
async def test_every_file_is_served_as_what_it_is(server, name):
    status, headers, text = await get(server.url, f"/{name}")
    assert (status, headers["Content-Type"]) == (200, f"{FILES[name]}; charset=utf-8")
    assert text == PAGES.joinpath(name).read_text("utf-8")


async def test_no_other_file_of_the_package_is(server):
    for name in ("__init__.py", "index.html", "nothing.js"):
        assert (await get(server.url, f"/{name}"))[0] == 404


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css"])
async def test_it_may_do_nothing_but_what_it_has_to(server, path):
    _, headers, _ = await get(server.url, path)
    policy = headers["Content-Security-Policy"].split("; ")
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert not re.search("unsafe|data:|[*]", " ".join(policy))
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_nothing_that_runs_stands_in_the_page_itself(server):
    page = Tags((await get(server.url))[2])
    assert all(attributes["src"] for attributes in page.named("script"))
    assert not page.named("style")
    for _, attributes in page.tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")]


async def test_all_addresses_are_relative_for_a_proxy_may_put_it_anywhere(server):
    page = Tags((await get(server.url))[2])
    addresses = [
        attributes.get("src") or attributes.get("href")
        for attributes in page.named("script", "link")
    ]
    assert addresses
    for address in addresses:
        assert not address.startswith(("/", "http"))


async def test_the_client_comes_from_the_server_if_it_is_there(client):
    server = WebServer(ChatServer().io, client)
    await server.start()
    _, headers, text = await get(server.url)
    await server.stop()
    assert "script-src 'self';" in headers["Content-Security-Policy"]
    assert CDN not in headers["Content-Security-Policy"]
    [script] = [each for each in Tags(text).named("script") if "integrity" in each]
    assert script["src"] == f"socket.io/{SCRIPT}"
    assert script["integrity"].startswith("sha384-")


async def test_and_otherwise_from_the_cdn_which_the_page_does_not_trust_blindly(server):
    _, headers, text = await get(server.url)
    assert f"script-src 'self' {CDN};" in headers["Content-Security-Policy"]
    [script] = [each for each in Tags(text).named("script") if "integrity" in each]
    assert len(script["integrity"]) == len("sha384-") + 64
    assert script["crossorigin"] == "anonymous"


async def test_nothing_is_left_to_be_filled_in(server):
    _, _, text = await get(server.url)
    assert "{{" not in text


@pytest.mark.parametrize(("history", "said"), [(None, "false"), (History(), "true")])
async def test_it_knows_whether_the_server_keeps_a_history(history, said):
    async with serving(history=history) as server:
        [html] = Tags((await get(server.url))[2]).named("html")
    assert html["data-history"] == said


async def test_who_has_the_page_already_does_not_get_it_again(server):
    _, headers, _ = await get(server.url)
    status, _, text = await get(server.url, **{"If-None-Match": headers["ETag"]})
    assert (status, text) == (304, "")
