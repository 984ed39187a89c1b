"""Measures how members fare while others attack: ``python tests/benchmarks/hostile.py``.

Each scene starts ``python -m chatlib`` as a person does. Members send messages at a steady pace and
note how long each waits for its acknowledgement, and newcomers come in: first in quiet, then under
the attack, so that what else the machine does meets both. The attackers share an address with some
of the newcomers, their neighbours. Where there are two cores, the server has one of them to itself.

It needs Linux, where every address that begins with 127 is this machine.
"""

import argparse
import asyncio
import collections
import contextlib
import dataclasses
import functools
import itertools
import json
import os
import re
import resource
import signal
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.processes import Command
from support.raw_clients import POLLING, WEBSOCKET, RawClient, WireClient, websocket_frame

HOME, ELSEWHERE = "127.0.0.1", "127.0.0.2"
PASSCODE = {"passcode": "open sesame"}
MEMBERS, PACE = 4, 0.04  # so many, and seconds between two messages of one
ARRIVALS = 0.5  # seconds between two newcomers of one address
PATIENCE = 10.0  # seconds that a newcomer waits
SENDERS = 30  # when the server is told to stop
ANSWER, LONGEST_ANSWER = re.compile(rb"43\d+\[({[^}]*})\]"), 200
CORES = sorted(os.sched_getaffinity(0))
FAILURES = (OSError, EOFError, TimeoutError, AssertionError, aiohttp.ClientError)


@contextlib.asynccontextmanager
async def wire(url, address=ELSEWHERE):
    """A WebSocket on which nobody has asked to be let in yet."""
    client = await WireClient.open(url, WEBSOCKET, address=address)
    try:
        yield client
    finally:
        client.writer.transport.abort()


async def let_in(client):
    """Ask to be let in, and wait for the welcome."""
    client.send("40" + json.dumps(PASSCODE))
    await client.reader.readuntil(b'42["welcome"')


# -- attackers: each comes again when it was hung up on, and counts what it sees --


async def stranger(url, seen):
    """Sends frames of nearly a megabyte without asking to be let in."""
    async with wire(url) as attacker:
        await flood(attacker, ones(990_000), seen)


async def member(url, seen):
    """Sends messages of nearly 64 kB."""
    async with wire(url) as attacker:
        await let_in(attacker)
        await flood(attacker, ones(65_000), seen)


@functools.cache
def ones(size):
    """A message to nobody of about ``size`` bytes, half of them numbers, as a frame."""
    numbers = ",".join("1" * (size // 2))
    return websocket_frame(f'420["message",{{"room":"nobody","n":[{numbers}]}}]')


async def flood(attacker, frame, seen):
    """Send a frame again and again, as fast as the server takes it."""
    hung_up = asyncio.create_task(attacker.hung_up_on())
    try:
        while not hung_up.done():
            attacker.writer.write(frame)
            await attacker.writer.drain()
            seen["frames"] += 1
    finally:
        hung_up.cancel()


async def fickle(url, seen):
    """Comes in and goes, again and again, on one connection."""
    async with wire(url) as attacker:
        while True:
            attacker.send("40")
            await attacker.reader.readuntil(b'40{"sid"')
            attacker.send("41")
            seen["comings and goings"] += 1


async def silent(url, seen, said=""):
    """Opens a connection, and does not say all that it should."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, port, local_addr=(ELSEWHERE, 0))
    try:
        writer.write(said.encode())
        while await reader.read(65_536):
            pass
    finally:
        writer.transport.abort()


async def half_a_header(url, seen):
    """Sends a request, but for its end."""
    await silent(url, seen, "GET / HTTP/1.1\r\nHost: localhost\r\n")


async def half_a_body(url, seen):
    """Announces more in a polling request than it sends."""
    connector = aiohttp.TCPConnector(local_addr=(ELSEWHERE, 0))
    async with aiohttp.request("GET", url + POLLING, connector=connector) as answer:
        sid = json.loads((await answer.text())[1:])["sid"]
    await connector.close()
    head = f"POST {POLLING}&sid={sid} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n"
    await silent(url, seen, head + "40")


async def undecided(url, seen):
    """Opens a WebSocket, and never asks to be let in."""
    async with wire(url) as attacker:
        await attacker.hung_up_on()


async def guesser(url, seen):
    """Tries a wrong passcode."""
    async with wire(url) as attacker:
        attacker.send('40{"passcode":"wrong"}')
        await attacker.reader.readuntil(b"44{")
        seen["guesses answered"] += 1


async def joiner(url, seen):
    """Comes in and stays."""
    start = time.perf_counter()
    async with wire(url) as attacker:
        await let_in(attacker)
        seen["let in"] += 1
        seen["seconds until the last was"] = round(time.perf_counter() - start, 2)
        await attacker.hung_up_on()


async def attack(name, number, pause, url):
    """Be so many attackers until standard input ends, and print what they have seen.

    Args:
        name: What an attacker is called above.
        number: How many there are.
        pause: How many seconds one that was hung up on waits before it comes again.
        url: Where the server listens.
    """
    attacker = globals()[name]
    seen = collections.Counter()

    async def again_and_again():
        while True:
            seen["attempts"] += 1
            try:
                await attacker(url, seen)
                seen["hung up on"] += 1
            except FAILURES as error:
                seen[type(error).__name__] += 1
            await asyncio.sleep(pause)

    os.nice(10)  # who measures goes first
    attackers = [asyncio.create_task(again_and_again()) for _ in range(number)]
    await asyncio.to_thread(sys.stdin.read)
    for task in attackers:
        task.cancel()
    print(json.dumps(seen))


class Attack:
    """The process in which attackers live, to use as a context.

    Attributes:
        seen: What they have seen, once it has ended.
    """

    def __init__(self, *arguments):
        self._command = [sys.executable, __file__, "--attack", *map(str, arguments)]

    async def __aenter__(self):
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe
        )
        return self

    async def __aexit__(self, *_):
        self.seen = json.loads((await self._process.communicate(b""))[0])


# -- who is measured --


async def member_of(session, url):
    """Return a `RawClient` that was let in."""
    client = RawClient(await session.ws_connect(url + WEBSOCKET))
    await client.receive()
    assert "sid" in await client.enter(PASSCODE)
    return client


async def waits(client, seconds):
    """Send messages at a steady pace; return how many seconds each waited for its answer."""
    loop = asyncio.get_running_loop()
    messages = int(seconds / PACE)
    due, waited = {}, []

    async def note_answers():
        while len(waited) < messages:
            frame = await client.until(lambda frame: frame.startswith("43"))
            waited.append(loop.time() - due.pop(int(frame[2 : frame.index("[")])))

    noting = asyncio.create_task(note_answers())
    start = loop.time()
    for number in range(messages):
        # What waits to be sent waits, too: one long answer must not hide that others are late.
        due[number] = start + number * PACE
        await asyncio.sleep(due[number] - loop.time())
        await client.send(f'42{number}["message",{{"room":"nobody","text":"hello"}}]')
    await asyncio.wait([noting], timeout=PATIENCE)
    noting.cancel()
    return [*waited, *(loop.time() - then for then in due.values())]


async def arrivals(url, address, seconds):
    """Let newcomers come in, one after the other; return how long each took, None if it failed."""

    async def arrive(after):
        await asyncio.sleep(after)
        start = time.perf_counter()
        try:
            async with asyncio.timeout(PATIENCE), wire(url, address) as client:
                await let_in(client)
        except FAILURES:
            return None
        return time.perf_counter() - start

    number = int(seconds / ARRIVALS)
    return await asyncio.gather(*(arrive(ARRIVALS * n) for n in range(number)))


# -- the scenes --


@dataclasses.dataclass
class Scene:
    """An attack beside members' talk.

    Attributes:
        attackers: What they do, and how many they are.
        pause: How many seconds one that was hung up on waits before it comes again.
        joined: How many others have joined before, and listen.
        descriptors: How many files and connections the server may have open, if not as many as
            this process.
        arguments: Of the server's command line.
    """

    attackers: tuple[Callable, int]
    pause: float = 0.0
    joined: int = 0
    descriptors: int | None = None
    arguments: tuple[str, ...] = ()


FEW = {"pause": 1.0, "descriptors": 256}
SCENES = {
    "strangers, 1 MB frames": Scene((stranger, 1)),
    "a member, 64 kB frames": Scene((member, 1)),
    "40/41 on four sockets": Scene((fickle, 4), joined=100),
    "silent TCP": Scene((silent, 400), **FEW),
    "half a header": Scene((half_a_header, 400), **FEW),
    "half a body": Scene((half_a_body, 400), **FEW),
    "a WebSocket without 40": Scene((undecided, 400), **FEW),
    "60 guessers": Scene((guesser, 60), arguments=("--passcode", PASSCODE["passcode"])),
    "1,000 join at once": Scene((joiner, 1_000), pause=1.0),
}


@contextlib.contextmanager
def server(*arguments, root, descriptors=None):
    """Run ``python -m chatlib``, and yield its `Command`."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    with tempfile.TemporaryDirectory() as folder:
        # A process has the limits and the cores of the one that starts it.
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors or limits[0], limits[1]))
        os.sched_setaffinity(0, CORES[:1])
        environment = {"PYTHONPATH": str(root)} if root else {}
        command = Command(Path(folder), ["--port", "0", *arguments], environment)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        os.sched_setaffinity(0, CORES[1:] or CORES)
        try:
            yield command
        finally:
            command.kill()


async def play(scene, seconds, root):
    """Play a scene once, on a server of its own.

    Returns:
        What was measured in quiet and under the attack, and what the attackers saw.
    """
    with server(*scene.arguments, root=root, descriptors=scene.descriptors) as command:
        await command.printed("listening")
        url = command.url
        async with contextlib.AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession())
            members = [await member_of(session, url) for _ in range(MEMBERS)]
            if scene.joined:
                await stack.enter_async_context(Attack("joiner", scene.joined, 1, url))
                await asyncio.sleep(2)
            quiet = await measured(members, command, seconds)
            attacker, number = scene.attackers
            async with Attack(attacker.__name__, number, scene.pause, url) as attack:
                attacked = await measured(members, command, seconds)
        return quiet, attacked, attack.seen


async def measured(members, command, seconds):
    """Return how members and newcomers fare for some seconds."""
    lines = len(command.lines) + len(command.errors)
    start = time.perf_counter()
    newcomers, neighbours, *waited = await asyncio.gather(
        arrivals(command.url, HOME, seconds),
        arrivals(command.url, ELSEWHERE, seconds),
        *(waits(client, seconds) for client in members),
    )
    lines = len(command.lines) + len(command.errors) - lines
    in_order = sorted(itertools.chain(*waited))
    return {
        "p50": 1000 * statistics.median(in_order),
        "p99": 1000 * in_order[int(0.99 * len(in_order))],
        "newcomers": newcomers,
        "neighbours": neighbours,
        "lines": lines / (time.perf_counter() - start),
    }


async def compare(name, rounds, seconds, root):
    """Play a scene several times, and print the medians, and the medians of the ratios."""
    played = [await play(SCENES[name], seconds, root) for _ in range(rounds)]
    quiet, attacked, seen = zip(*played, strict=True)
    figures = []
    for figure in ("p50", "p99"):
        without, under = ([phase[figure] for phase in phases] for phases in (quiet, attacked))
        ratio = statistics.median(b / a for a, b in zip(without, under, strict=True))
        figures += [
            f"{statistics.median(without):8.1f} {statistics.median(under):8.1f} {ratio:6.1f}"
        ]
    lines = statistics.median(phase["lines"] for phase in attacked)
    came = [in_of(attacked, who) for who in ("newcomers", "neighbours")]
    print(f"{name:24} {' '.join(figures)}  {came[0]:16} {came[1]:16} {lines:9.1f}")
    together = collections.Counter()
    for one in seen:
        together.update(one)
    print(
        " " * 24, ", ".join(f"{what}: {n / rounds:.4g}" for what, n in together.items()), flush=True
    )


def in_of(phases, who):
    """Say how many came in, and how many seconds the slowest of them took."""
    took = list(itertools.chain(*(phase[who] for phase in phases)))
    came = [one for one in took if one is not None]
    return f"{len(came)}/{len(took)} {max(came, default=0):.2f} s"


async def rebinding(root):
    """Ask as a page does that has made its own name that of this machine."""
    with server(root=root) as command:
        await command.printed("listening")
        port = command.url.rpartition(":")[2]
        async with aiohttp.ClientSession() as session:
            for host in ("evil.example", f"evil.example:{port}", f"localhost:{port}"):
                headers = {"Host": host, "Origin": f"http://{host}"}
                try:
                    websocket = await session.ws_connect(command.url + WEBSOCKET, headers=headers)
                except aiohttp.WSServerHandshakeError as error:
                    print(f"{'Host: ' + host:24} refused: {error.status}", flush=True)
                    continue
                client = RawClient(websocket)
                await client.receive()
                print(f"{'Host: ' + host:24} answered: {await client.enter({'userId': 'alice'})}")


async def stop(rounds, root):
    """Send SIGTERM while messages are kept; print how long it takes, and what was lost."""
    took, acknowledged, lost = [], 0, 0
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "history.db"
            with server("--history", str(file), root=root) as command:
                await command.printed("listening")
                ids = set()
                async with contextlib.AsyncExitStack() as stack:
                    senders = [
                        await stack.enter_async_context(wire(command.url)) for _ in range(SENDERS)
                    ]
                    for client in senders:
                        await let_in(client)
                    sending = [asyncio.create_task(keep_sending(one, ids)) for one in senders]
                    await asyncio.sleep(2)
                    command.signal(signal.SIGTERM)
                    start = time.perf_counter()
                    await command.ended()
                    took.append(time.perf_counter() - start)
                    await asyncio.gather(*sending)
            with contextlib.closing(sqlite3.connect(file)) as database:
                lost += len(
                    ids - {number for (number,) in database.execute("SELECT id FROM messages")}
                )
            acknowledged += len(ids)
    print(
        f"{'SIGTERM under load':24} ended in {statistics.median(took):.2f} s, "
        f"{max(took):.2f} s at the most; of {acknowledged} acknowledged messages {lost} lost",
        flush=True,
    )


async def keep_sending(client, ids):
    """Send messages to everyone until the server ends; note the ids of those that were kept."""
    loop = asyncio.get_running_loop()

    async def note_answers():
        text = b""
        while data := await client.reader.read(65_536):
            text += data
            for answer in ANSWER.finditer(text):
                if number := json.loads(answer[1]).get("id"):
                    ids.add(number)
            text = text[-LONGEST_ANSWER:]

    async def send():
        for number in itertools.count():
            client.send(f'42{number}["message",{{"text":"hello"}}]')
            await asyncio.sleep(PACE / 2)

    sending = loop.create_task(send())
    with contextlib.suppress(OSError):
        await note_answers()
    sending.cancel()


async def run(given):
    names = given.scenes or [*SCENES, "rebinding", "stop"]
    print(f"{'':24} {'p50: quiet attacked  ratio':25} {'p99: quiet attacked  ratio':25}", end="")
    print(f" {'newcomers':16} {'neighbours':16} log lines/s; times in ms")
    for name in names:
        if name == "rebinding":
            await rebinding(given.root)
        elif name == "stop":
            await stop(given.rounds, given.root)
        else:
            await compare(name, given.rounds, given.seconds, given.root)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("scenes", nargs="*", metavar="SCENE")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4, help="of quiet and of attack, a round")
    parser.add_argument("--root", type=Path, help="a folder with another version of chatlib")
    parser.add_argument("--attack", nargs=4, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.attack:
        name, number, pause, url = given.attack
        asyncio.run(attack(name, int(number), float(pause), url))
    else:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 8192)), hard))
        asyncio.run(run(given))


if __name__ == "__main__":
    main()
