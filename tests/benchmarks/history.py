"""Measures what a history costs: ``python tests/benchmarks/history.py``.

Two servers, one with a history on the disk and one without, take the same load in turns, so that
what else the machine does meets both. The server is a process of its own, as its clients' work
would otherwise hide what the history costs.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import socketio

from chatlib import ChatServer
from chatlib.history import History
from chatlib.limits import Limits
from chatlib.web import WebServer

CLIENTS = 30
LOADS = {
    "to everyone, one at a time": ({}, 1),
    "to one user, one at a time": ({"user": 0}, 1),
    "to one user, ten at a time": ({"user": 0}, 10),
}


async def serve(path):
    """Run a server with a history in ``path``, or with none, until standard input ends.

    To each line it answers how many seconds of CPU it has taken.
    """
    limits = Limits(messages_per_second=1e9, burst=10**9, unread_bytes=10**9)
    chat = ChatServer(history=History(path) if path else None, limits=limits)
    web = WebServer(chat.io)
    await web.start()
    print(web.url, flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(time.process_time(), flush=True)
    await web.stop()


class Load:
    """A server, and the clients that send to it."""

    async def start(self, path):
        pipe = asyncio.subprocess.PIPE
        command = [sys.executable, __file__, "--serve", str(path or "")]
        self.process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe)
        url = (await self.process.stdout.readline()).decode().strip()
        self.clients = [socketio.AsyncClient(handle_sigint=False) for _ in range(CLIENTS)]
        for number, client in enumerate(self.clients):
            await client.connect(url, auth={"userId": number}, transports=["websocket"])

    async def stop(self):
        for client in self.clients:
            await client.disconnect()
        self.process.stdin.close()
        await self.process.wait()

    async def _cpu(self):
        self.process.stdin.write(b"\n")
        return float(await self.process.stdout.readline())

    async def measure(self, address, at_a_time, messages):
        """Return how many messages a second were acknowledged, and the CPU for one, in us."""

        async def send(client):
            answer = await client.call("message", {"text": "a message", **address})
            assert answer["ok"], answer

        async def work(client):
            for _ in range(0, messages, at_a_time):
                await asyncio.gather(*(send(client) for _ in range(at_a_time)))

        start, cpu = time.perf_counter(), await self._cpu()
        await asyncio.gather(*(work(client) for client in self.clients))
        took, cpu = time.perf_counter() - start, await self._cpu() - cpu
        return CLIENTS * messages / took, 1e6 * cpu / (CLIENTS * messages)


async def compare(rounds, messages):
    """Print the throughput and the CPU with and without a history."""
    with tempfile.TemporaryDirectory() as folder:
        off, on = Load(), Load()
        await off.start(None)
        await on.start(Path(folder) / "history.db")
        for name, (address, at_a_time) in LOADS.items():
            pairs = [
                (
                    await off.measure(address, at_a_time, messages),
                    await on.measure(address, at_a_time, messages),
                )
                for _ in range(rounds)
            ]
            (without, cpu), (with_one, cpu_with_one) = (
                map(statistics.median, zip(*side, strict=True)) for side in zip(*pairs, strict=True)
            )
            ratio = statistics.median(b / a for (a, _), (b, _) in pairs)
            print(
                f"{name}: {without:.0f} messages a second without a history, "
                f"{with_one:.0f} with one, ratio {ratio:.2f}; CPU for one "
                f"{cpu:.0f} us and {cpu_with_one:.0f} us, {cpu_with_one - cpu:+.0f} us"
            )
        await off.stop()
        await on.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--messages", type=int, default=20, help="per client and round")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    given = parser.parse_args()
    asyncio.run(
        compare(given.rounds, given.messages) if given.serve is None else serve(given.serve)
    )


if __name__ == "__main__":
    main()
