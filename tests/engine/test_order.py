"""Each client gets all that it is sent in the order of the sends, upgrading at any moment."""

import asyncio
import contextlib
import random

import aiohttp
import pytest

from support.engines import engine, packets
from support.waiting import TIMEOUT

CLIENTS, SENDS = 20, 400
SEEDS = [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 8))]


class Upgrading:
    """A client that polls, moves to a WebSocket at some moment, and notes what it gets."""

    def __init__(self, server, path):
        self.server = server
        self.path = path
        self.heard = []
        self._stops_polling = False

    async def run(self, upgrades_after):
        """Return once ``4end`` has come."""
        polling = asyncio.create_task(self._poll())
        await upgrades_after.wait()
        client = await self.server.websocket(self.path)
        await client.send("2probe")
        assert await client.receive() == "3probe"
        self._stops_polling = True
        await polling
        await client.send("5")
        while "4end" not in self.heard:
            self.take(await client.receive())
            if random.random() < 0.1:
                await client.send("4echo me")

    async def _poll(self):
        while not self._stops_polling:
            status, text = await self.server.get(self.path)
            assert status == 200
            for packet in packets(text):
                self.take(packet)
            if "4end" in self.heard:
                return

    def take(self, packet):
        if packet not in ("6", "4echo me"):
            self.heard.append(packet)


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_carries_it(seed):
    rng = random.Random(seed)
    async with engine() as server:
        server.http._connector._limit = 0
        clients = [Upgrading(server, await server.poller()) for _ in range(CLIENTS)]
        moments = [asyncio.Event() for _ in clients]
        sids = list(server.eio.sockets)
        running = [asyncio.create_task(c.run(m)) for c, m in zip(clients, moments, strict=True)]
        sent = {sid: [] for sid in sids}
        waiting = list(moments)
        rng.shuffle(waiting)
        for number in range(SENDS):
            data = rng.choice([f"{number}", b"%d" % number, "x" * rng.randrange(2000)])
            frame = server.eio.message(data)
            chosen = sids if rng.random() < 0.5 else [rng.choice(sids)]
            for sid in chosen:
                sent[sid].append(data if isinstance(data, bytes) else f"4{data}")
                if rng.random() < 0.5:
                    server.eio.sockets[sid].send(frame)
                else:
                    await server.eio.send(sid, data)
            if waiting and rng.random() < 2 * CLIENTS / SENDS:
                waiting.pop().set()
            if rng.random() < 0.4:
                await asyncio.sleep(rng.random() * 0.002)
        for moment in waiting:
            moment.set()
        for sid in sids:
            await server.eio.send(sid, "end")
        async with asyncio.timeout(TIMEOUT * 2):
            await asyncio.gather(*running)
        for sid, client in zip(sids, clients, strict=True):
            assert client.heard == [*sent[sid], "4end"]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.slow
async def test_and_clients_that_come_and_go_at_random_leave_nothing(seed):
    """They end in every state there is, while the server sends to all and ends some itself."""
    rng = random.Random(seed)

    async def visit(server):
        with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError, AssertionError):
            async with asyncio.timeout(rng.random() * 0.3):
                path = await server.poller()
                for _ in range(rng.randrange(3)):
                    await server.post(path, rng.choice(["4a", "4a\x1e4b", "3", "1", "zzz"]))
                    await server.get(path)
                client = await server.websocket(path)
                await client.send("2probe")
                await client.receive()
                await client.send(rng.choice(["5", "5", "5", "zzz"]))
                await client.send(*rng.choices(["4a", b"b", "3", "1", "zzz"], k=5))
                await client.ended()

    async with engine(unread_bytes=100_000, timeout=0.1) as server:
        visits = [asyncio.create_task(visit(server)) for _ in range(150)]
        while not all(visit.done() for visit in visits):
            for sid in list(server.eio.sockets):
                await server.eio.send(sid, rng.choice(["x" * 500, b"y" * 5000]))
                if rng.random() < 0.01:
                    await server.eio.disconnect(sid)
            await asyncio.sleep(0.005)
        await asyncio.gather(*visits)

        def all_that(event):
            return sorted(sid for told, sid, *_ in server.app.told if told == event)

        async with asyncio.timeout(TIMEOUT):
            while all_that("disconnect") != all_that("connect"):
                await server.eio.disconnect()  # a last request may be read only now
                await asyncio.sleep(0.005)
        assert not server.eio.sockets
