"""The page of the chat where a proxy puts it: behind TLS, under a path, beside a Jupyter server."""

import asyncio
import contextlib
from urllib.parse import urljoin

import pytest
import socketio

from chatlib.client_script import VARIABLE
from chatlib.lab import Lab
from support.browsers import chromium
from support.chat_pages import ChatPage
from support.hubs import PREFIX, JupyterServer
from support.nginx import NAME, Nginx
from support.processes import free_port
from support.waiting import TIMEOUT

pytestmark = pytest.mark.slow


@contextlib.asynccontextmanager
async def browser():
    """Return a browser for which the certificate is good, and the name leads to this machine."""
    async with chromium(f"--host-resolver-rules=MAP {NAME} 127.0.0.1") as browser:
        yield await browser.new_context(ignore_https_errors=True)


@contextlib.asynccontextmanager
async def running(program, started):
    try:
        await started()
        yield program
    finally:
        program.stop()


async def they_chat(context, link):
    """Have two people talk, in two tabs."""
    ada, ben = [await ChatPage.open(context, link) for _ in range(2)]
    await ada.join("Ada")
    await ben.join("Ben")
    await ada.say("hello Ben")
    await ben.hears("hello Ben")
    await ben.say("hello Ada")
    await ada.hears("hello Ada")
    for tab in (ada, ben):
        assert await tab.said() == ["hello Ben", "hello Ada"]
        assert tab.problems == []
        await tab.page.wait_for_function("socket.io.engine.transport.name === 'websocket'")


@pytest.mark.parametrize("path", ["/", "/below/a/path/"])
async def test_nginx_with_tls(tmp_path, command, client_script, path):
    port = free_port()
    chat = await command(
        *("--port", "0", "--client-script", client_script),
        *("--origin", f"https://{NAME}:{port}", "--trusted-proxy", "127.0.0.1"),
    )
    nginx = Nginx(tmp_path, chat.url, port)
    async with running(nginx, nginx.listens), browser() as context:
        await they_chat(context, f"{nginx.origin}{path}")


@contextlib.asynccontextmanager
async def a_hub(folder):
    """Run Ada's Jupyter server behind TLS; return the hub's origin, and a browser with her in."""
    for name in ("jupyter", "nginx"):
        (folder / name).mkdir()
    jupyter = JupyterServer(folder / "jupyter")
    async with running(jupyter, jupyter.started):
        nginx = Nginx(folder / "nginx", jupyter.url)
        async with running(nginx, nginx.listens), browser() as context:
            page = await context.new_page()
            await page.goto(f"{nginx.origin}{PREFIX}?token={jupyter.token}")
            yield nginx.origin, context


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
async def test_a_server_on_a_hub(tmp_path, command, client_script, is_known):
    async with a_hub(tmp_path) as (origin, context):
        chat = await command(
            *("--port", "0", "--client-script", client_script),
            JUPYTERHUB_SERVICE_PREFIX=PREFIX,
            JUPYTERHUB_PUBLIC_URL=f"{origin}{PREFIX}" if is_known else "",
        )
        await chat.printed("Browsers find it at")
        link = chat.lines[1].rpartition(" ")[2]
        assert link.startswith(f"{origin}{PREFIX}" if is_known else PREFIX)
        await they_chat(context, urljoin(origin, link))


async def test_a_lab_on_a_hub(tmp_path, hub, client_script, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(client_script))
    io = socketio.AsyncServer(async_mode="aiohttp")
    heard = asyncio.get_running_loop().create_future()
    io.on("say", lambda sid, text: heard.set_result(text))
    async with a_hub(tmp_path) as (origin, context):
        hub(f"{origin}{PREFIX}")
        async with await Lab.open(io) as lab:
            tab = await ChatPage.open(context, lab.page)
            await tab.page.wait_for_selector("#state.connected")
            await tab.page.fill("#event", "say")
            await tab.page.fill("#arguments", '"hello"')
            await tab.page.press("#arguments", "Enter")
            assert await asyncio.wait_for(heard, TIMEOUT) == "hello"
            assert tab.page.url.startswith(f"{origin}{PREFIX}proxy/")
            assert 'page   → server  say "hello"' in str(await lab.picture())
            assert tab.problems == []
            await context.close()
