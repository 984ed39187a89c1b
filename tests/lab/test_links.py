import asyncio

import pytest

from chatlib.lab import links as module
from chatlib.lab.changes import Changes
from chatlib.lab.links import Link, Links, name_header
from chatlib.lab.trace import SERVER, Packet
from support.waiting import TIMEOUT


@pytest.fixture
def links():
    return Links(Changes())


@pytest.fixture
def alice(links):
    return opened(links, "alice")


@pytest.fixture
def bob(links):
    return opened(links, "bob")


def opened(links, name):
    """Return a connection with both ends open."""
    [(_, value)] = name_header(name).items()
    link = Link(f"id of {name}", {"HTTP_X_CHATLIB_NAME": value}, "guest")
    link.client_open = True
    links.open(link)
    return link


def send(links, link, event="news"):
    """Put a packet on its way to a client."""
    sent = Packet("event", SERVER, link.name, event)
    links.depart(link.down, sent, link)
    return sent


async def turns():
    for _ in range(20):
        await asyncio.sleep(0)


async def test_packets_arrive_in_the_order_in_which_they_were_sent(links, alice, bob):
    send(links, alice)
    send(links, bob)
    second = asyncio.create_task(links.arrive(bob.down))
    await turns()
    assert not second.done()
    await links.arrive(alice.down)
    async with asyncio.timeout(TIMEOUT):
        assert (await second).arrived
    assert links.is_quiet()


async def test_a_packet_does_not_wait_for_ever_for_its_turn(links, alice, bob, monkeypatch):
    monkeypatch.setattr(module, "_TURN", 0.01)
    send(links, alice)
    send(links, bob)
    async with asyncio.timeout(TIMEOUT):
        assert (await links.arrive(bob.down)).target == "bob"
    assert links.unsettled() == ["'news' from server to reach alice"]


async def test_a_packet_overtakes_what_is_on_a_slow_wire(links, alice, bob):
    links.slow_down("alice", is_slow=True)
    send(links, alice)
    send(links, bob)
    async with asyncio.timeout(TIMEOUT):
        await links.arrive(bob.down)
    assert not links.is_quiet()


async def test_nothing_is_under_way_on_a_broken_wire(links, alice, bob):
    lost = send(links, alice)
    links.break_off("alice")
    assert links.is_quiet()
    send(links, alice)
    assert links.is_quiet()
    send(links, bob)
    async with asyncio.timeout(TIMEOUT):
        await links.arrive(bob.down)
    assert not lost.arrived


async def test_nothing_is_under_way_to_an_end_that_is_closed(links, alice):
    lost = send(links, alice)
    alice.client_open = False
    links.end(alice)
    assert links.unsettled() == ["both ends to see that alice has gone"]
    alice.server_open = False
    links.end(alice)
    assert links.is_quiet()
    assert links.all() == []
    assert not lost.arrived


def test_whose_wire_it_is(links, alice, bob):
    assert links.named("bob") == [bob]
    assert links.get("id of alice") is links["id of alice"] is alice
    assert links.get("another id") is None
