"""The page of the chat where a proxy puts it: behind TLS, under a path, beside a Jupyter server."""

import contextlib

import pytest

from support.browsers import chromium
from support.chat_pages import ChatPage
from support.hubs import PREFIX, JupyterServer
from support.nginx import NAME, Nginx
from support.processes import free_port

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


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
async def test_a_jupyter_server_on_a_hub(tmp_path, command, client_script, is_known):
    for name in ("jupyter", "nginx"):
        (tmp_path / name).mkdir()
    jupyter = JupyterServer(tmp_path / "jupyter")
    async with running(jupyter, jupyter.started):
        nginx = Nginx(tmp_path / "nginx", jupyter.url)
        async with running(nginx, nginx.listens), browser() as context:
            chat = await command(
                *("--port", "0", "--client-script", client_script),
                JUPYTERHUB_SERVICE_PREFIX=PREFIX,
                JUPYTERHUB_PUBLIC_URL=f"{nginx.origin}{PREFIX}" if is_known else "",
            )
            await chat.printed("Browsers find it at")
            link = chat.lines[1].rpartition(" ")[2]
            if not is_known:
                assert link.startswith(PREFIX)
                link = f"{nginx.origin}{link}"
            page = await context.new_page()
            await page.goto(f"{nginx.origin}{PREFIX}?token={jupyter.token}")
            await they_chat(context, link)
