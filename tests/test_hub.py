"""The server beside a Jupyter server, as on JupyterHub and Binder, with the real proxy between."""

import aiohttp
import pytest
import pytest_asyncio
from yarl import URL

from support.clients import PlainClient, leave
from support.hubs import PREFIX, JupyterServer
from support.raw_clients import POLLING
from support.waiting import TIMEOUT, WHOLE_RUN

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

HOST = "hub.example"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def jupyter(tmp_path_factory):
    server = JupyterServer(tmp_path_factory.mktemp("jupyter"))
    try:
        await server.started()
        yield server
    finally:
        server.stop()


@pytest_asyncio.fixture(loop_scope="module")
async def session(jupyter):
    """What Ada's browser sends: the name that she sees, and who she is."""
    headers = {
        "Host": HOST,
        "Authorization": f"token {jupyter.token}",
        # What the hub's own proxies add, one for each.
        "X-Forwarded-For": "203.0.113.1,10.0.0.1",
        "X-Forwarded-Proto": "https,http",
    }
    timeout = aiohttp.ClientTimeout(TIMEOUT)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
        yield session


@pytest_asyncio.fixture(params=["", f"https://{HOST}{PREFIX}"], ids=["unnamed", "named"])
async def chat(request, command):
    """The path under which browsers find ``python -m chatlib`` on a hub; as the server says it."""
    server = await command(
        *("--port", "0"),
        JUPYTERHUB_SERVICE_PREFIX=PREFIX,
        JUPYTERHUB_PUBLIC_URL=request.param,
    )
    await server.printed("Browsers find it at")
    return URL(server.lines[1].rpartition(" ")[2]).path


async def test_the_page_the_script_and_its_health_are_there(jupyter, session, chat):
    assert chat.startswith(f"{PREFIX}proxy/")
    for path in ("", "page.js", "health"):
        async with session.get(f"{jupyter.url}{chat}{path}") as answer:
            assert answer.status == 200, path


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
async def test_a_client_chats(jupyter, session, chat, transports):
    client = PlainClient(http_session=session)
    await client.connect(
        jupyter.url,
        transports=transports,
        socketio_path=f"{chat}socket.io",
        headers={"Origin": f"https://{HOST}"},
        wait_timeout=WHOLE_RUN,
    )
    await client.hears_itself()
    assert client.transport() == transports[-1]
    await leave(client)


async def test_a_page_of_another_site_does_not_come_in(jupyter, session, chat):
    path = f"{jupyter.url}{chat}{POLLING.removeprefix('/')}"
    for origin, status in {"https://evil.example": 403, f"https://{HOST}": 200}.items():
        async with session.get(path, headers={"Origin": origin}) as answer:
            assert answer.status == status


async def test_nobody_else_comes_in(jupyter, chat):
    async with (
        aiohttp.ClientSession(headers={"Host": HOST}) as stranger,
        stranger.get(f"{jupyter.url}{chat}health", allow_redirects=False) as answer,
    ):
        assert answer.status in (302, 403)
