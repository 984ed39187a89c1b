"""The connections of a web server: how many there may be, and for how long one may be idle."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

from aiohttp import web
from aiohttp.http import HttpProcessingError

from chatlib.engine.log import OnceASecond
from chatlib.identity import network
from chatlib.proxies import Proxies

try:
    import resource
except ImportError:  # on Windows, nothing limits descriptors
    resource = None  # type: ignore[assignment]

# So many seconds a connection has for its first request, and to read an answer or to ask again.
FIRST, NEXT = 10.0, 75.0
# So many seconds are given to the rest of a request that was refused before it was read.
_LINGERING = 2.0
# So many the event loop accepts at once, which it may do three times before it tells of the first.
AT_ONCE = 16
# So many descriptors are left to files and the like; and the most connections if there is no limit.
_RESERVE, _MOST = 48 + 3 * AT_ONCE, 20_000


class Connections:
    """The connections of a web server.

    A connection is idle while no request of it is being answered. Where there are too many, a new
    one takes the place of the one that has been idle for longest, and is turned away if none is.

    Args:
        logger: Where to log.
        proxies: Whose connections are those of others, while they carry a request.

    Attributes:
        most: How many there may be; one address may have three quarters of them.
    """

    def __init__(self, logger: logging.Logger, proxies: Proxies) -> None:
        self.logger = logger
        self._proxies = proxies
        self.log = OnceASecond(logger)
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if resource else -1
        self.most = _MOST if limit < 0 else max(1, min(_MOST, limit - _RESERVE))  # -1: no limit
        self._addresses: dict[Connection, str] = {}
        self._counts: Counter[str] = Counter()
        self._idle: dict[Connection, asyncio.TimerHandle] = {}  # that for longest comes first
        self._all_left: asyncio.Future[None] | None = None  # waited for at the end

    def __iter__(self) -> Iterator["Connection"]:
        return iter(self._addresses)

    def __len__(self) -> int:
        return len(self._addresses)

    def enter(self, connection: "Connection") -> None:
        """Let a connection in, or turn it away."""
        address = connection.address
        self._count(connection, address)
        self._let_idle(connection, FIRST)
        if self._is_too_many(address) and not self._proxies.trust(connection.peer):
            self._drop(next(each for each in self._idle if self._addresses[each] == address))
        elif len(self._addresses) > self.most:
            self._drop(next(iter(self._idle)))

    def _drop(self, connection: "Connection") -> None:
        address = self._addresses[connection]
        self.log.warning("There are too many connections: closing an idle one from %s", address)
        self.end(connection)

    def _count(self, connection: "Connection", address: str) -> None:
        self._addresses[connection] = address
        self._counts[address] += 1

    def _is_too_many(self, address: str) -> bool:
        return self._counts[address] > self.most * 3 // 4

    def work(self, connection: "Connection", client: str | None) -> bool:
        """Note that a request of a connection is being answered, unless it is one too many.

        Args:
            connection: The connection.
            client: The address of who sent the request, maybe through a proxy.

        Returns:
            Whether the client may have that many connections.
        """
        self._stop_timer(connection)
        address = connection.address if client == connection.peer else network(client)
        is_one_too_many = not self._give(connection, address)
        if is_one_too_many:
            self.log.warning("There are too many connections: refusing a request from %s", client)
        return not is_one_too_many

    def _give(self, connection: "Connection", address: str) -> bool:
        """Count a connection as one of another address; return whether that may have it."""
        if self._addresses.get(connection, address) == address:
            return True
        self._uncount(connection)
        self._count(connection, address)
        return not self._is_too_many(address)

    def rest(self, connection: "Connection") -> None:
        """Note that no request of a connection is being answered."""
        if connection in self._addresses:
            self._give(connection, connection.address)
            self._let_idle(connection, NEXT)

    def _let_idle(self, connection: "Connection", seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._idle[connection] = loop.call_later(seconds, self.end, connection)

    def _stop_timer(self, connection: "Connection") -> None:
        if timer := self._idle.pop(connection, None):
            timer.cancel()

    def _uncount(self, connection: "Connection") -> None:
        if (address := self._addresses.pop(connection, None)) is not None:
            self._counts[address] -= 1
            if not self._counts[address]:
                del self._counts[address]

    def end(self, connection: "Connection") -> None:
        """Close a connection, and forget it."""
        connection.abort()
        self.leave(connection)

    def leave(self, connection: "Connection") -> None:
        """Forget a connection."""
        self._stop_timer(connection)
        self._uncount(connection)
        if self._all_left and not self._addresses and not self._all_left.done():
            self._all_left.set_result(None)

    async def close(self, seconds: float) -> None:
        """Close all connections: idle ones at once, others within some seconds."""
        for connection in list(self._idle):
            connection.force_close()
        if self._addresses:
            self._all_left = asyncio.get_running_loop().create_future()
            await asyncio.wait([self._all_left], timeout=seconds)
        for connection in list(self._addresses):
            self.end(connection)


class _RequestLog(logging.LoggerAdapter[logging.Logger]):
    """Logs what goes wrong with requests; one line is enough for who does not speak HTTP."""

    def __init__(self, all_: Connections) -> None:
        super().__init__(all_.logger)
        self._once = all_.log

    def log(self, level: int, msg: object, *args: object, **options: Any) -> None:
        """Log a line, as `logging.Logger.log` does."""
        if isinstance(options.get("exc_info"), HttpProcessingError):
            self._once.warning(f"{msg}: it does not speak HTTP", *args)
        else:
            super().log(level, msg, *args, **options)


class Connection(web.RequestHandler):
    """One connection, from when it is accepted.

    Attributes:
        peer: The address at its other end.
        address: What counts as one client with that.
    """

    __slots__ = ("_all", "_wire", "address", "peer")

    def __init__(self, server: web.Server, all_: Connections) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            logger=_RequestLog(all_),  # type: ignore[arg-type]
            access_log=None,  # type: ignore[arg-type]
            lingering_time=_LINGERING,
            auto_decompress=False,  # a megabyte becomes a gigabyte, and no client compresses
        )
        self._all = all_

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._wire = cast("asyncio.Transport", transport)
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if peer else None
        self.address = network(self.peer)
        self._all.enter(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End."""
        self._all.leave(self)
        super().connection_lost(exc)

    def abort(self) -> None:
        """Close the connection at once; a mere close waits until the client has read all."""
        self.force_close()
        self._wire.abort()
