"""Wires that break: a TCP tunnel in front of the lab's server, with a wire for each client."""

import asyncio
import contextlib
import re
from collections.abc import Coroutine
from typing import Any

from chatlib.lab.wire import NAME_HEADER, name_in_header

_NAME = re.compile(rf"^{NAME_HEADER}: *(\S+)\r$".encode(), re.IGNORECASE | re.MULTILINE)


class _Wire:
    """One client's wire, over as many connections as the client makes."""

    def __init__(self) -> None:
        self.is_cut = False
        self.delay = 0.0
        self.flows = asyncio.Event()
        self.flows.set()
        self.ends: set[asyncio.StreamWriter] = set()

    def drop(self) -> None:
        """End every connection at once, as a pulled plug does: nobody says goodbye."""
        for end in self.ends:
            end.transport.abort()


class Tunnel:
    """Passes bytes between clients and a server, and can stop to do so for one of them.

    Attributes:
        url: Where clients connect.
    """

    def __init__(self) -> None:
        self.url = ""
        self._server: asyncio.Server | None = None
        self._upstream = ("", 0)
        self._wires: dict[str, _Wire] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to listen on a free port of this machine."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def lead_to(self, host: str, port: int) -> None:
        """Say where the server is; it may come back elsewhere."""
        self._upstream = (host, port)

    async def stop(self) -> None:
        """End every connection, and stop to listen."""
        if self._server:
            self._server.close()
        for name in self._wires:
            self.cut(name)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def cut(self, name: str) -> None:
        """End a client's connection without a goodbye, and take no new one from it."""
        wire = self._wire(name)
        wire.is_cut = True
        wire.drop()

    def freeze(self, name: str) -> None:
        """Let a client's connection stand, but pass nothing more in either direction."""
        self._wire(name).flows.clear()

    def slow_down(self, name: str, delay: float) -> None:
        """Hold up everything on a client's wire, in both directions, for ``delay`` seconds."""
        self._wire(name).delay = delay

    def is_cut(self, name: str) -> bool:
        """Tell whether a client cannot connect."""
        return self._wire(name).is_cut

    def is_slow(self, name: str) -> bool:
        """Tell whether everything on a client's wire is held up for a while."""
        return bool(self._wire(name).delay)

    def is_frozen(self, name: str) -> bool:
        """Tell whether a client's connection stands and passes nothing."""
        return not self._wire(name).flows.is_set()

    def mend(self, name: str) -> None:
        """Undo whatever was done to a client's wire."""
        wire = self._wire(name)
        wire.flows.set()
        wire.is_cut = False
        wire.delay = 0.0

    def _wire(self, name: str) -> _Wire:
        return self._wires.setdefault(name, _Wire())

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of its own: asyncio before 3.12 prints an error when one that it made is cancelled.
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        wire = _Wire()
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            named = _NAME.search(head)
            wire = self._wire(name_in_header(named[1].decode()) if named else "")
            if wire.is_cut:
                return
            server_reader, server_writer = await asyncio.open_connection(*self._upstream)
            ends.append(server_writer)
            if wire.is_cut:  # meanwhile
                return
            wire.ends.update(ends)
            server_writer.write(head)
            await _first(
                self._pump(wire, reader, server_writer), self._pump(wire, server_reader, writer)
            )
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # one end has gone, and so goes the other
        finally:
            wire.ends.difference_update(ends)
            for end in ends:
                end.transport.abort() if wire.is_cut else end.close()
            for end in ends:
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    @staticmethod
    async def _pump(
        wire: _Wire, source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        while True:
            data = await source.read(65_536)
            if wire.delay:
                await asyncio.sleep(wire.delay)
            await wire.flows.wait()
            if not data:  # the end, which is held up like all that came before
                return
            target.write(data)
            await target.drain()


async def _first(*coroutines: Coroutine[Any, Any, None]) -> None:
    """Run coroutines until the first of them ends."""
    tasks = [asyncio.create_task(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
