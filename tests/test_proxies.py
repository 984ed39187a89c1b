"""Behind a proxy: a client is who the trusted proxies say, and nobody else's word counts."""

import aiohttp
import pytest

from chatlib.identity import LATE, Passcode
from chatlib.proxies import Proxies
from chatlib.web import WebServer
from support.raw_clients import POLLING, WEBSOCKET
from support.servers import serving
from support.waiting import eventually

ADA, BEN = "203.0.113.1", "203.0.113.2"
PROXY, OTHERS = "127.0.0.1", "127.0.0.9"


def forwarded(client, scheme="https"):
    return {"X-Forwarded-For": client, "X-Forwarded-Proto": scheme}


async def seen(server, headers):
    """Return as whom, and by which scheme, a server sees a client that sends some headers."""
    status, text = await server.get(POLLING, headers=headers)
    assert status == 200, text
    *_, environ = server.chat.io.environ.values()
    return environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]


class TestAddress:
    @pytest.mark.parametrize(
        ("said", "address"),
        [
            (ADA, ADA),
            ("2001:db8::1", "2001:db8::1"),
            ("2001:DB8:0::1", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            (f"{ADA}:4711", ADA),
            (f"::ffff:{ADA}", ADA),
            (f" {ADA} ", ADA),
            # Whatever is left of the first who is no proxy, that one may have made up.
            (f"6.6.6.6, {ADA}", ADA),
            (f"6.6.6.6,7.7.7.7,,{ADA},", ADA),
            (f"localhost, {ADA}", ADA),
            (f"{PROXY}, {ADA}", ADA),
            # A proxy before the last one.
            (f"6.6.6.6, {ADA}, 10.1.2.3", ADA),
            (f"{ADA}, 10.1.2.3, 10.1.2.4:80", ADA),
            ("10.1.2.3", "10.1.2.3"),
            ("10.1.2.3, 10.1.2.4", "10.1.2.3"),
            # Nobody knows for whom a proxy speaks: for itself, then.
            ("", PROXY),
            (",,", PROXY),
            ("unknown", PROXY),
            (f"{ADA}, unknown", PROXY),
            (f"{ADA}, unknown, 10.1.2.3", "10.1.2.3"),
            ("1.2.3", PROXY),
            ("1.2.3.4.5", PROXY),
            ("1.2.3.4:http", PROXY),
            ("[", PROXY),
            ("[]", PROXY),
            ("::1]:80", PROXY),
            ("9" * 5000, PROXY),
            ("\N{SNOWMAN}", PROXY),
            (f"<b>{ADA}</b>", PROXY),
            (ADA.replace("1", "\N{ARABIC-INDIC DIGIT ONE}"), PROXY),
        ],
    )
    async def test_that_a_trusted_proxy_names(self, said, address):
        async with serving([PROXY, "10.0.0.0/8"]) as server:
            assert (await seen(server, forwarded(said)))[0] == address

    async def test_several_headers_are_one_list(self):
        async with serving([PROXY]) as server:
            headers = [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", ADA)]
            assert (await seen(server, headers))[0] == ADA

    @pytest.mark.parametrize("trusted", [(), (OTHERS,), ("10.0.0.0/8", "::1")])
    async def test_that_anyone_else_names_is_not_believed(self, trusted):
        async with serving(trusted) as server:
            assert await seen(server, forwarded(ADA)) == (PROXY, "http")

    async def test_of_a_client_beside_the_proxy_is_its_own(self):
        async with serving([OTHERS]) as server:
            await server.wire(address=OTHERS, headers=[f"X-Forwarded-For: {ADA}"])
            await server.wire(headers=[f"X-Forwarded-For: {BEN}"])
            await eventually(lambda: len(server.chat.io.environ) == 2)
            addresses = [each["REMOTE_ADDR"] for each in server.chat.io.environ.values()]
            assert addresses == [ADA, PROXY]

    async def test_of_an_ipv4_proxy_on_an_ipv6_socket(self):
        proxies = Proxies(["192.0.2.0/24"])
        assert proxies.trust("::ffff:192.0.2.7")
        assert not proxies.trust("::ffff:192.0.3.7")
        assert Proxies(["fe80::/10"]).trust("fe80::1%eth0")
        assert not proxies.trust(None)


class TestScheme:
    @pytest.mark.parametrize(
        ("scheme", "client", "is_seen"),
        [
            ("https", ADA, "https"),
            ("HTTPS", ADA, "https"),
            ("http", ADA, "http"),
            ("wss", ADA, "https"),
            ("ws", ADA, "http"),
            ("https", "", "https"),
            # One for each proxy, or fewer: that of the one who speaks for the client counts.
            ("https, http", f"{ADA}, 10.1.2.3", "https"),
            ("http, https, http", f"6.6.6.6, {ADA}, 10.1.2.3", "https"),
            ("https, http", ADA, "http"),
            ("https", f"{ADA}, 10.1.2.3", "https"),
            ("", ADA, "http"),
            (",", ADA, "http"),
            ("javascript", ADA, "http"),
            ("https://evil.example", ADA, "http"),
        ],
    )
    async def test_that_a_trusted_proxy_names(self, scheme, client, is_seen):
        async with serving([PROXY, "10.0.0.0/8"]) as server:
            assert (await seen(server, forwarded(client, scheme)))[1] == is_seen


class TestOrigin:
    @pytest.mark.parametrize(
        ("origin", "status"),
        [
            ("https://localhost", 200),
            ("https://evil.example", 403),
            # Behind TLS, what comes without it can be anybody's.
            ("http://localhost", 403),
        ],
    )
    async def test_of_the_server_itself_is_what_its_proxy_shows(self, origin, status):
        async with serving([PROXY]) as server:
            headers = {"Host": "localhost", "Origin": origin} | forwarded(ADA)
            assert (await server.get(POLLING, headers=headers))[0] == status

    @pytest.mark.parametrize("trusted", [(), (PROXY,)])
    async def test_no_header_makes_another_name_lead_here(self, trusted):
        """A page whose name leads to this machine can send all of these, from this machine."""
        async with serving(trusted) as server:
            names = {"X-Forwarded-Host": "localhost", "Forwarded": "host=localhost"}
            headers = {"Host": "evil.example"} | names | forwarded(PROXY, "http")
            for path in ("/", "/health", POLLING):
                assert (await server.get(path, headers=headers))[0] == 403


class TestLimits:
    """One client's share is not used up by another's, and cannot be had twice."""

    async def test_a_client_has_as_many_connections_as_without_a_proxy(self, log):
        async with serving([PROXY]) as server:
            server.web.connections.most = 8
            wires = [await server.wire(headers=[f"X-Forwarded-For: {ADA}"]) for _ in range(6)]
            status, text = await server.get("/health", headers=forwarded(ADA))
            assert status == 503
            assert text == "There are too many connections from your address.\n"
            assert (await server.get("/health", headers=forwarded(BEN)))[0] == 200
            assert log() == [f"There are too many connections: refusing a request from {ADA}"]
            await server.hang_up(wires[0])
            await eventually(lambda: len(server.transports) <= 6)
            assert (await server.get("/health", headers=forwarded(ADA)))[0] == 200

    async def test_a_proxy_has_as_many_as_there_may_be(self):
        async with serving([PROXY]) as server:
            server.web.connections.most = 8
            for number in range(7):
                await server.wire(headers=[f"X-Forwarded-For: 203.0.113.{number}"])
            assert (await server.get("/health"))[0] == 200

    async def test_what_a_proxy_keeps_open_is_nobodys(self):
        async with serving([PROXY]) as server:
            server.web.connections.most = 8
            for _ in range(20):  # over one connection
                assert (await server.get("/health", headers=forwarded(ADA)))[0] == 200
                assert (await server.get("/health", headers=forwarded(BEN)))[0] == 200
            for _ in range(6):
                await server.wire(headers=[f"X-Forwarded-For: {ADA}"])

    async def test_of_the_same_home_are_one_client(self):
        async with serving([PROXY]) as server:
            server.web.connections.most = 4
            for number in range(3):
                await server.wire(headers=[f"X-Forwarded-For: 2001:db8:0:1::{number}"])
            for client, status in [("2001:db8:0:1::ff", 503), ("2001:db8:0:2::1", 200)]:
                assert (await server.get("/health", headers=forwarded(client)))[0] == status

    async def test_one_who_guesses_passcodes_does_not_slow_down_another(self):
        waits = []

        async def sleep(seconds):
            waits.append(seconds)

        async def guess(server, client, **auth):
            path = f"{server.url}{WEBSOCKET}"
            async with (
                aiohttp.ClientSession(headers=forwarded(client)) as session,
                session.ws_connect(path) as websocket,
            ):
                await websocket.receive()
                await websocket.send_str('40{"passcode": "wrong"}')
                assert "The passcode is wrong" in (await websocket.receive()).data

        async with serving([PROXY], identity=Passcode("right", sleep=sleep)) as server:
            for _ in range(4):
                await guess(server, ADA)
            assert LATE in waits
            waits.clear()
            await guess(server, BEN)
            assert LATE not in waits
            await guess(server, f"{BEN}, {ADA}")  # the guesser's own words do not make it another
            assert LATE in waits

    async def test_a_log_line_names_the_client(self, log):
        async with serving([PROXY]) as server:
            wire = await server.wire(headers=[f"X-Forwarded-For: {ADA}"])
            wire.send("not Engine.IO")
            await wire.hung_up_on()
            await server.get("/socket.io/?EIO=3&transport=polling", headers=forwarded(BEN))
            assert [f"a client at {ADA}" in log()[0], BEN in log()[1]] == [True, True]


class TestOption:
    @pytest.mark.parametrize("wrong", ["", "proxy.example", "10.0.0.1/8", "*", "127.0.0.1:80"])
    async def test_an_address_that_is_none_is_refused(self, wrong, chat):
        with pytest.raises(ValueError, match="is not a proxy's address, like 127"):
            WebServer(chat.io, trusted_proxies=[PROXY, wrong])

    def test_of_the_command_is_refused_with_one_sentence(self, fails):
        assert fails("--trusted-proxy", "nginx") == (
            "'nginx' is not a proxy's address, like 127.0.0.1, or a network, like 10.0.0.0/8."
        )

    async def test_of_the_command_is_believed(self, command):
        server = await command("--port", "0", "--trusted-proxy", "::1", "--trusted-proxy", PROXY)
        async with (
            aiohttp.ClientSession(server.url, headers=forwarded(ADA)) as session,
            session.get("/socket.io/?EIO=3&transport=polling") as answer,
        ):
            assert answer.status == 400
        await eventually(lambda: any(f"from {ADA}" in line for line in server.lines))
