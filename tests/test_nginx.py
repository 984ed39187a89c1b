"""The server behind TLS, with the README's configuration of nginx."""

import contextlib
import json

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver

from chatlib.identity import LATE, Passcode
from support.clients import PlainClient, leave
from support.nginx import NAME, Nginx
from support.processes import free_port
from support.raw_clients import POLLING, WEBSOCKET
from support.servers import serving
from support.waiting import TIMEOUT

pytestmark = pytest.mark.slow

ADA, BEN = "127.0.0.5", "127.0.0.6"


class LeadsHere(AbstractResolver):
    """Has every name lead to this machine."""

    async def resolve(self, host, port=0, family=0):
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": port,
                "family": 2,
                "proto": 0,
                "flags": 0,
            }
        ]

    async def close(self):
        pass


@contextlib.asynccontextmanager
async def browser(nginx, address=ADA, **headers):
    """Return a session of HTTP from an address of this machine."""
    connector = aiohttp.TCPConnector(
        local_addr=(address, 0), ssl=nginx.context, resolver=LeadsHere()
    )
    async with aiohttp.ClientSession(
        connector=connector, headers=headers, timeout=aiohttp.ClientTimeout(TIMEOUT)
    ) as session:
        yield session


async def status(session, url):
    async with session.get(url) as answer:
        return answer.status


@contextlib.asynccontextmanager
async def behind_nginx(folder, **options):
    """Start a chat server behind nginx, as which it trusts."""
    port = free_port()
    origins = ["self", f"https://{NAME}:{port}"]
    async with serving(["127.0.0.1"], cors_allowed_origins=origins, **options) as server:
        nginx = Nginx(folder, server.url, port)
        try:
            await nginx.listens()
            yield server, nginx
        finally:
            nginx.stop()


@pytest.mark.parametrize("transports", [["websocket"], ["polling"], ["polling", "websocket"]])
@pytest.mark.parametrize("path", ["", "/below/a/path"])
async def test_a_client_chats(tmp_path, transports, path):
    async with behind_nginx(tmp_path) as (server, nginx), browser(nginx) as session:
        client = PlainClient(http_session=session)
        await client.connect(
            nginx.origin,
            transports=transports,
            socketio_path=f"{path}/socket.io",
            headers={"Origin": nginx.origin},
        )
        await client.hears_itself()
        assert client.transport() == transports[-1]
        [environ] = server.chat.io.environ.values()
        assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == (ADA, "https")
        await leave(client)


async def test_its_own_origin_is_that_with_tls(tmp_path):
    async with behind_nginx(tmp_path) as (_, nginx):
        for origin, expected in {
            nginx.url: 200,
            nginx.origin: 200,
            nginx.url.replace("https", "http"): 403,
            "https://evil.example": 403,
            "null": 403,
        }.items():
            async with browser(nginx, Origin=origin) as session:
                assert await status(session, f"{nginx.url}{POLLING}") == expected, origin


async def test_a_name_that_is_not_an_origins_does_not_lead_here(tmp_path):
    async with behind_nginx(tmp_path) as (_, nginx), browser(nginx) as session:
        assert await status(session, f"{nginx.origin}/health") == 200
        for host in ("evil.example", f"evil.example, {NAME}"):
            async with session.get(f"{nginx.url}/health", headers={"Host": host}) as answer:
                assert answer.status in (400, 403)


async def test_who_sends_the_proxys_headers_stays_who_they_are(tmp_path):
    async with (
        behind_nginx(tmp_path) as (server, nginx),
        browser(nginx, **{"X-Forwarded-For": BEN, "X-Forwarded-Proto": "http"}) as session,
    ):
        assert await status(session, f"{nginx.url}{POLLING}") == 200
        [environ] = server.chat.io.environ.values()
        assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == (ADA, "https")


async def test_one_clients_wrong_passcodes_are_not_anothers(tmp_path):
    waits = []

    async def sleep(seconds):
        waits.append(seconds)

    async def guess(nginx, address):
        async with (
            browser(nginx, address) as session,
            session.ws_connect(f"{nginx.url}{WEBSOCKET}") as websocket,
        ):
            await websocket.receive(TIMEOUT)
            await websocket.send_str(f"40{json.dumps({'passcode': 'wrong'})}")
            assert "The passcode is wrong" in (await websocket.receive(TIMEOUT)).data

    async with behind_nginx(tmp_path, identity=Passcode("right", sleep=sleep)) as (_, nginx):
        for _ in range(4):
            await guess(nginx, ADA)
        assert LATE in waits
        waits.clear()
        await guess(nginx, BEN)
        assert LATE not in waits


async def test_one_clients_connections_are_not_anothers(tmp_path):
    async with behind_nginx(tmp_path) as (server, nginx):
        server.web.connections.most = 8
        async with browser(nginx, ADA) as ada, browser(nginx, BEN) as ben:
            sockets = [await ada.ws_connect(f"{nginx.url}{WEBSOCKET}") for _ in range(6)]
            with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                await ada.ws_connect(f"{nginx.url}{WEBSOCKET}")
            assert await status(ben, f"{nginx.url}/health") == 200
            for websocket in sockets:
                await websocket.close()
