"""A message store in SQLite: ids, de-duplication, replay from an offset.

Messages are kept, delivered and acknowledged in one order, that of their ids. That is what makes an
offset enough to say what somebody has missed.
"""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiosqlite
import msgpack

from chatlib.messages import BadInputError

logger = logging.getLogger("chatlib")

# So many messages share one transaction, and with it one wait for the disk.
_BATCH = 500
# So many messages are read from the disk at once, and are on their way to one client at once.
PAGE = 100

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
PRAGMA locking_mode = EXCLUSIVE;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY,
    event TEXT NOT NULL,
    audience TEXT NOT NULL,
    sender TEXT NOT NULL,
    key TEXT,
    data BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS messages_by_key ON messages (sender, key) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS messages_by_audience ON messages (audience, id);
CREATE INDEX IF NOT EXISTS messages_by_sender ON messages (sender, id);
"""

_INSERT = "INSERT INTO messages (id, event, audience, sender, key, data) VALUES (?, ?, ?, ?, ?, ?)"
_WITH_KEY = "SELECT id FROM messages WHERE sender = ? AND key = ?"
_LAST_ID = "SELECT coalesce(max(id), 0) FROM messages"
# What an audience has missed: what was sent to it, and what it sent to users from another socket.
_MISSED = """
FROM messages WHERE id > :after AND id <= :until AND (
    audience IN (:first, :second)
    OR (sender = :second AND audience >= 'user:' AND audience < 'user;')
)
"""


@dataclass(frozen=True)
class Message:
    """A message that was accepted.

    Attributes:
        event: The event to deliver it as.
        audience: The Socket.IO room that it goes to.
        sender: The Socket.IO room of the user who sent it, or the id of a socket without a user.
        data: The event's data.
        key: The sender's own name for it, to be able to send it again.
        skip: The socket that sent it, where that is left out.
        id: Its place in the history, once it has one.
    """

    event: str
    audience: str
    sender: str
    data: Any
    key: str | None = None
    skip: str | None = None
    id: int = 0

    @property
    def rooms(self) -> list[str]:
        """Where it is delivered: its audience, and of a user's message the user's own sockets."""
        own = self.sender.startswith("user:") and self.audience.startswith("user:")
        return [self.audience, self.sender] if own else [self.audience]

    def delivered_data(self) -> Any:
        """Return what clients get: the data, with the id if there is a place for it."""
        if not self.id or not isinstance(self.data, dict):
            return self.data
        return {"id": self.id} | self.data | {"id": self.id}  # first to see, last to win


Deliver = Callable[[Message], Awaitable[None]]


class History:
    """Keeps messages in a file, and delivers each once it is kept.

    Args:
        path: The file; ``":memory:"`` for a history that ends with the process.
        bound: How many missed messages are replayed at most.
    """

    def __init__(self, path: str | Path = ":memory:", *, bound: int = 1000) -> None:
        self.path = path
        self.bound = bound
        self.delivered = 0
        # Held while messages are delivered, and while a client passes from replay to live.
        self.turn = asyncio.Lock()
        self._deliver: Deliver | None = None
        self._opening = asyncio.Lock()
        self._database: aiosqlite.Connection | None = None
        self._waiting: list[tuple[Message, asyncio.Future[int]]] = []
        self._writer: asyncio.Task[None] | None = None
        self._last = 0

    def deliver_with(self, deliver: Deliver) -> None:
        """Say how a message is delivered, once it is on disk."""
        self._deliver = deliver

    async def open(self) -> aiosqlite.Connection:
        """Open the file, if it is not open yet; the first use does so too.

        Raises:
            sqlite3.Error: It cannot be opened, is not a history, or another server has it open.
        """
        async with self._opening:
            if not self._database:
                # aiosqlite leaves its thread behind with an error when a file cannot be opened.
                sqlite3.connect(self.path).close()
                database = await aiosqlite.connect(self.path, timeout=0)
                try:
                    await database.executescript(_SCHEMA)
                    self._last = self.delivered = await _one(database, _LAST_ID, ())
                except BaseException:
                    await database.close()
                    raise
                self._database = database
            return self._database

    async def append(self, message: Message) -> int:
        """Keep a message, then deliver it; a key that was used before does neither.

        Args:
            message: The message, without an id.

        Returns:
            Its id; for a key that was used before, the id of that time.

        Raises:
            BadInputError: The data cannot be kept.
            sqlite3.Error: The disk did not take it; it was not delivered either.
        """
        _pack(message.data)  # a message that cannot be kept must not spoil the batch of others
        await self.open()
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((message, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="chatlib history")
        return await done

    async def missed(self, audience: Sequence[str], after: int) -> AsyncIterator[list[Message]]:
        """Iterate over pages of what an audience has missed, oldest first.

        Args:
            audience: One or two Socket.IO rooms; of a user's, what that user sent is a part too.
            after: The last id that was heard.
        """
        while True:
            page = await self._page(audience, after, self.delivered)
            if page:
                yield page
            if len(page) < PAGE:
                return
            after = page[-1].id

    async def start_of_replay(self, audience: Sequence[str], after: int) -> tuple[int, int]:
        """Return where a replay may begin, and how many messages that leaves out.

        Args:
            audience: As for `missed`.
            after: The last id that was heard.
        """
        database = await self.open()
        given = _parameters(audience, after, self.delivered)
        count = await _one(database, f"SELECT count(*) {_MISSED}", given)
        if count <= self.bound:
            return after, 0
        newest = f"SELECT id {_MISSED} ORDER BY id DESC LIMIT 1 OFFSET {self.bound}"
        return await _one(database, newest, given), count - self.bound

    async def close(self) -> None:
        """Wait until all that was accepted is kept and delivered, then close the file."""
        if self._writer:
            await self._writer
        async with self._opening:
            if self._database:
                await self._database.close()
            self._database = None

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                try:
                    await self._write_batch(batch)
                except Exception as error:  # noqa: BLE001  (each that waits raises it)
                    for _, done in batch:
                        if not done.done():
                            done.set_exception(error)
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[tuple[Message, asyncio.Future[int]]]) -> None:
        database = await self.open()
        new, ids = await self._number(database, [message for message, _ in batch])
        try:
            rows = [(m.id, m.event, m.audience, m.sender, m.key, _pack(m.data)) for m in new]
            await database.executemany(_INSERT, rows)
            await database.commit()
        except BaseException:
            await database.rollback()
            raise
        self._last += len(new)
        async with self.turn:
            for message in new:
                await self._deliver_one(message)
        for (_, done), number in zip(batch, ids, strict=True):
            if not done.done():
                done.set_result(number)

    async def _deliver_one(self, message: Message) -> None:
        try:
            if self._deliver:
                await self._deliver(message)
        except Exception:  # it is kept, and those that it did not reach can have it replayed
            logger.exception("Message %d was kept, but not delivered", message.id)
        self.delivered = message.id

    async def _number(
        self, database: aiosqlite.Connection, messages: list[Message]
    ) -> tuple[list[Message], list[int]]:
        """Give each message an id: the next one, or that of its key."""
        new: list[Message] = []
        ids: list[int] = []
        known: dict[tuple[str, str], int] = {}
        for message in messages:
            name = (message.sender, message.key) if message.key is not None else None
            if name and name not in known:
                known[name] = await _one(database, _WITH_KEY, name)
            number = (name and known[name]) or self._last + len(new) + 1
            if name is None or not known[name]:
                new.append(replace(message, id=number))
            if name:
                known[name] = number
            ids.append(number)
        return new, ids

    async def _page(self, audience: Sequence[str], after: int, until: int) -> list[Message]:
        database = await self.open()
        select = f"SELECT id, event, audience, sender, data {_MISSED} ORDER BY id LIMIT {PAGE}"
        given = _parameters(audience, after, until)
        async with database.execute(select, given) as cursor:
            rows = await cursor.fetchall()
        return [
            Message(event, to, sender, _unpack(data), id=number)
            for number, event, to, sender, data in rows
        ]


def _parameters(audience: Sequence[str], after: int, until: int) -> dict[str, Any]:
    first, second = (*audience, audience[0])[:2]
    return {"first": first, "second": second, "after": after, "until": until}


async def _one(database: aiosqlite.Connection, query: str, given: Any) -> int:
    async with database.execute(query, given) as cursor:
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


def _pack(data: Any) -> bytes:
    try:
        packed: bytes = msgpack.packb(data, unicode_errors="surrogatepass")
    except (ValueError, OverflowError, TypeError) as error:
        raise BadInputError("This message cannot be kept: it nests or counts too far.") from error
    return packed


def _unpack(data: bytes) -> Any:
    return msgpack.unpackb(data, unicode_errors="surrogatepass", strict_map_key=False)
