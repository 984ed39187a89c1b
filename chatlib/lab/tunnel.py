"""Wires that break: a TCP tunnel in front of the lab's server, with a wire for each client."""

import asyncio
import contextlib
import re
from collections.abc import Coroutine
from typing import Any

from chatlib.lab.links import NAME_HEADER, name_in_header
from chatlib.web import to_the_end

_NAME = re.compile(rf"^{NAME_HEADER}: *(\S+)\r$".encode(), re.IGNORECASE | re.MULTILINE)


class _Line:
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
    """Passes bytes between clients and a server, and can stop doing so for one of them.

    Attributes:
        url: Where clients connect.
    """

    def __init__(self) -> None:
        self.url = ""
        self._server: asyncio.Server | None = None
        self._upstream = ("", 0)
        self._lines: dict[str, _Line] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def lead_to(self, host: str, port: int) -> None:
        """Say where the server is, which may come back elsewhere; begin listening if need be."""
        self._upstream = (host, port)
        if not self._server:
            await to_the_end(self._listen())

    async def stop(self) -> None:
        """End every connection, and stop listening."""
        if self._server:
            self._server.close()
        for name in self._lines:
            self.cut(name)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def cut(self, name: str) -> None:
        """End a client's connection without a goodbye, and take no new one from it."""
        line = self._line(name)
        line.is_cut = True
        line.drop()

    def freeze(self, name: str) -> None:
        """Let a client's connection stand, but pass nothing more in either direction."""
        self._line(name).flows.clear()

    def slow_down(self, name: str, delay: float) -> None:
        """Hold up everything on a client's wire, in both directions, for ``delay`` seconds."""
        self._line(name).delay = delay

    def is_cut(self, name: str) -> bool:
        """Tell whether a client cannot connect."""
        return self._line(name).is_cut

    def is_slow(self, name: str) -> bool:
        """Tell whether everything on a client's wire is held up for a while."""
        return bool(self._line(name).delay)

    def is_frozen(self, name: str) -> bool:
        """Tell whether a client's connection stands and passes nothing."""
        return not self._line(name).flows.is_set()

    def mend(self, name: str) -> None:
        """Undo whatever was done to a client's wire."""
        line = self._line(name)
        line.flows.set()
        line.is_cut = False
        line.delay = 0.0

    def _line(self, name: str) -> _Line:
        return self._lines.setdefault(name, _Line())

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of its own: asyncio before 3.12 prints an error when one that it made is cancelled.
        task = asyncio.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [writer]
        line = _Line()
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            named = _NAME.search(head)
            line = self._line(name_in_header(named[1].decode()) if named else "")
            if line.is_cut:
                return
            server_reader, server_writer = await asyncio.open_connection(*self._upstream)
            ends.append(server_writer)
            if line.is_cut:  # meanwhile
                return
            line.ends.update(ends)
            server_writer.write(head)
            await _first(
                self._pump(line, reader, server_writer), self._pump(line, server_reader, writer)
            )
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            return  # one end has gone, and so goes the other
        finally:
            line.ends.difference_update(ends)
            for end in ends:
                end.transport.abort() if line.is_cut else end.close()
            for end in ends:
                with contextlib.suppress(OSError):
                    await end.wait_closed()

    @staticmethod
    async def _pump(
        line: _Line, source: asyncio.StreamReader, target: asyncio.StreamWriter
    ) -> None:
        while True:
            data = await source.read(65_536)
            if line.delay:
                await asyncio.sleep(line.delay)
            await line.flows.wait()
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
