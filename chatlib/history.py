"""A message store in SQLite: ids, de-duplication, replay from an offset.

Messages are kept, delivered and acknowledged in one order, that of their ids. That is what makes an
offset enough to say what somebody has missed.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import aiosqlite
import msgpack

from chatlib.messages import BadInputError

logger = logging.getLogger("chatlib")

# How many messages may share one transaction, and with it one wait for the disk.
_BATCH = 400
# How many messages a replay sends to a client at once, and how many bytes of them as they are kept.
# As JSON these may be six times as many, which must be less than what may wait for a client.
PAGE = 100
PAGE_BYTES = 250_000

# SQLite keeps this number in the head of the file. It tells a history from other databases.
_OURS = 0x63686174
_WHOSE = "SELECT (SELECT count(*) FROM sqlite_master), application_id FROM pragma_application_id"

# Before anything else: from then on, what locks the file locks it until it is closed.
_ALONE = "PRAGMA locking_mode = EXCLUSIVE"
# Names are kept as bytes: they may hold half a surrogate pair, which SQLite's text may not.
_TO_USERS = "audience >= CAST('user:' AS BLOB) AND audience < CAST('user;' AS BLOB)"
_SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
BEGIN IMMEDIATE;
PRAGMA application_id = {_OURS};
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY,
    event TEXT NOT NULL,
    audience BLOB NOT NULL,
    sender BLOB NOT NULL,
    key BLOB,
    skip TEXT,
    data BLOB NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS messages_by_key ON messages (sender, key) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS messages_by_audience ON messages (audience, id);
CREATE INDEX IF NOT EXISTS messages_to_users ON messages (sender, id) WHERE {_TO_USERS};
COMMIT;
"""

_INSERT = """
INSERT INTO messages (id, event, audience, sender, key, skip, data) VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_WITH_KEYS = """
WITH asked (sender, key) AS (VALUES {})
SELECT sender, key, id FROM asked CROSS JOIN messages USING (sender, key) WHERE key IS NOT NULL
"""
_LAST_ID = "SELECT coalesce(max(id), 0) FROM messages"
# What an audience has missed: what was sent to it, and what it sent to users from another socket.
# Each part comes in the order of an index: a page costs the same, however long the history is.
_MISSED = f"""
SELECT id FROM messages WHERE id > :after AND id <= :until AND audience = :first
UNION
SELECT id FROM messages WHERE id > :after AND id <= :until AND audience = :second
UNION
SELECT id FROM messages WHERE id > :after AND id <= :until AND sender = :second AND {_TO_USERS}
"""  # noqa: S608  (of constants, like the next ones)
_COUNT = f"SELECT count(*) FROM ({_MISSED})"  # noqa: S608
_BEYOND = f"{_MISSED} ORDER BY id DESC LIMIT 1 OFFSET :bound"
_PAGE = f"""
SELECT id, event, audience, sender, skip, data FROM messages
WHERE id IN ({_MISSED} ORDER BY id LIMIT {PAGE}) ORDER BY id
"""  # noqa: S608


@dataclass(frozen=True)
class Message:
    """A message that was accepted.

    Attributes:
        event: The event to deliver it as.
        audience: The Socket.IO room that it goes to.
        sender: The Socket.IO room of the user who sent it, or the id of a socket without a user.
        data: The event's data.
        key: The sender's own name for it, to be able to send it again.
        skip: The socket that sent it, if it is left out.
        id: Its place in the history; 0 before it has one.
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
        return {"id": self.id} | self.data | {"id": self.id}  # first, to be seen; last, to win


class Page(NamedTuple):
    """A part of what somebody has missed.

    Attributes:
        messages: The messages, oldest first.
        after: The id after which the next page begins.
        more: Whether there may be a next page.
    """

    messages: list[Message]
    after: int
    more: bool


class _Waiting(NamedTuple):
    message: Message
    packed: bytes
    done: asyncio.Future[int]


Deliver = Callable[[Message], Awaitable[None]]


class History:
    """Keeps messages in a file, and delivers each once it is kept.

    Args:
        path: The file; ``":memory:"`` for a history that ends with the process.
        bound: How many missed messages are replayed at most.

    Attributes:
        delivered: The id of the last message that was delivered.
        turn: Held while messages are delivered, and while a client passes from replay to live.
        is_closed: Whether it was closed; nothing is kept or read then, until it is opened again.
    """

    def __init__(self, path: str | Path = ":memory:", *, bound: int = 1000) -> None:
        self.path = path
        self.bound = bound
        self.delivered = 0
        self.turn = asyncio.Lock()
        self._deliver: Deliver | None = None
        self._opening = asyncio.Lock()
        self._database: aiosqlite.Connection | None = None
        self.is_closed = False
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._last = 0

    def deliver_with(self, deliver: Deliver) -> None:
        """Say how a message is delivered, once it is on disk."""
        self._deliver = deliver

    async def open(self) -> aiosqlite.Connection:
        """Open the file, unless it is open; the first use does so, too, but not after `close`.

        Raises:
            sqlite3.Error: It cannot be opened, is not a history, or another server has it open.
        """
        self.is_closed = False
        async with self._opening:
            if not self._database:
                # aiosqlite leaves a thread and an error behind when a file cannot be opened.
                sqlite3.connect(self.path).close()
                database = await aiosqlite.connect(self.path, timeout=0)
                try:
                    await self._prepare(database)
                except BaseException:
                    await database.close()
                    raise
                self._database = database
            return self._database

    async def append(self, message: Message) -> int:
        """Keep a message, then deliver it; do neither if its key was used before.

        Args:
            message: The message, without an id.

        Returns:
            Its id; for a key that was used before, the id of that time.

        Raises:
            BadInputError: The data cannot be kept, or the history is closed.
            sqlite3.Error: It could not be written to the disk, and was not delivered either.
        """
        packed = _pack(message.data)  # one that cannot be kept must not spoil the batch of others
        if not self.is_closed:
            await self._opened()
        if self.is_closed:  # perhaps meanwhile
            raise BadInputError("The server is stopping; the message was not kept.")
        done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(message, packed, done))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write(), name="chatlib history")
        return await done

    async def start_of_replay(self, audience: Sequence[str], after: int) -> tuple[int, int]:
        """Return where a replay may begin, and how many messages that leaves out.

        Args:
            audience: As for `missed`.
            after: The last id that was heard. An id that this history has not given yet comes
                from another one; then all of this one was missed.
        """
        database = await self._opened()
        if after > self._last:
            after = 0
        given = self._given(audience, after) | {"bound": self.bound}
        for [beyond] in await database.execute_fetchall(_BEYOND, given):
            return beyond, await _number(database, _COUNT, given) - self.bound
        return after, 0

    async def missed(self, audience: Sequence[str], after: int) -> Page:
        """Return the first page of what an audience has missed.

        Args:
            audience: One or two Socket.IO rooms. With a user's comes what that user sent to users.
            after: The last id that was heard.
        """
        database = await self._opened()
        rows = list(await database.execute_fetchall(_PAGE, self._given(audience, after)))
        messages: list[Message] = []
        size = 0
        for number, event, to, sender, skip, data in rows:
            size += len(data)
            if messages and size > PAGE_BYTES:
                return Page(messages, messages[-1].id, more=True)
            messages.append(
                Message(event, _text(to), _text(sender), _unpack(data), skip=skip, id=number)
            )
        return Page(messages, messages[-1].id if messages else after, more=len(rows) == PAGE)

    async def close(self) -> None:
        """Wait until all that was accepted is kept and delivered, then close the file."""
        self.is_closed = True
        if self._writer:
            await asyncio.wait([self._writer])  # which does not cancel it, if this is cancelled
        async with self._opening:
            database, self._database = self._database, None
            if database:
                await database.close()

    async def _prepare(self, database: aiosqlite.Connection) -> None:
        await database.execute_fetchall(_ALONE)
        [[tables, owner]] = await database.execute_fetchall(_WHOSE)
        if tables and owner != _OURS:
            raise sqlite3.DatabaseError("file is a database, but not a history")
        await database.executescript(_SCHEMA)
        self._last = self.delivered = await _number(database, _LAST_ID)

    async def _opened(self) -> aiosqlite.Connection:
        if self.is_closed:
            raise sqlite3.ProgrammingError("The history is closed.")
        return self._database or await self.open()

    async def _write(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
                try:
                    await self._write_batch(batch)
                except Exception as error:  # noqa: BLE001  (each that waits raises it)
                    for waiting in batch:
                        if not waiting.done.done():
                            waiting.done.set_exception(error)
        finally:
            self._writer = None

    async def _write_batch(self, batch: list[_Waiting]) -> None:
        database = self._database
        assert database  # it was open when they came, and is not closed while they wait  # noqa: S101
        new, ids = await self._give_ids(database, batch)
        try:
            await database.executemany(_INSERT, [_row(waiting) for waiting in new])
            await database.commit()
        except BaseException:
            await database.rollback()
            raise
        self._last += len(new)
        async with self.turn:
            for waiting in new:
                await self._deliver_one(waiting.message)
        for waiting, number in zip(batch, ids, strict=True):
            if not waiting.done.done():
                waiting.done.set_result(number)

    async def _deliver_one(self, message: Message) -> None:
        try:
            if self._deliver:
                await self._deliver(message)
        except Exception:  # it is kept, and replayed to those whom it did not reach
            logger.exception("Message %d was kept, but not delivered", message.id)
        self.delivered = message.id

    async def _give_ids(
        self, database: aiosqlite.Connection, batch: list[_Waiting]
    ) -> tuple[list[_Waiting], list[int]]:
        """Return those of a batch that are new, with their ids, and the ids of all."""
        known = await _ids_of_keys(database, [waiting.message for waiting in batch])
        new: list[_Waiting] = []
        ids: list[int] = []
        for waiting in batch:
            message = waiting.message
            name = (message.sender, message.key)
            if message.key is None or name not in known:
                known[name] = self._last + len(new) + 1
                new.append(waiting._replace(message=replace(message, id=known[name])))
            ids.append(known[name])
        return new, ids

    def _given(self, audience: Sequence[str], after: int) -> dict[str, Any]:
        first, second = _bytes(audience[0]), _bytes(audience[-1])
        return {"first": first, "second": second, "after": after, "until": self.delivered}


async def _ids_of_keys(
    database: aiosqlite.Connection, messages: list[Message]
) -> dict[tuple[str, str | None], int]:
    names = [(m.sender, m.key) for m in messages if m.key is not None]
    if not names:
        return {}
    query = _WITH_KEYS.format(", ".join(["(?, ?)"] * len(names)))
    rows = await database.execute_fetchall(query, [_bytes(part) for name in names for part in name])
    return {(_text(sender), _text(key)): number for sender, key, number in rows}


async def _number(database: aiosqlite.Connection, query: str, given: Any = ()) -> int:
    [[number]] = await database.execute_fetchall(query, given)
    return int(number)


def _row(waiting: _Waiting) -> tuple[Any, ...]:
    message, packed, _ = waiting
    key = None if message.key is None else _bytes(message.key)
    audience, sender = _bytes(message.audience), _bytes(message.sender)
    return message.id, message.event, audience, sender, key, message.skip, packed


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")


def _pack(data: Any) -> bytes:
    try:
        packed: bytes = msgpack.packb(data, unicode_errors="surrogatepass")
        _unpack(packed)  # what could not be read would spoil every replay
    except (ValueError, OverflowError, TypeError) as error:
        raise BadInputError(
            "This message cannot be kept: it nests too deep, or has too large a number."
        ) from error
    return packed


def _unpack(data: bytes) -> Any:
    return msgpack.unpackb(data, unicode_errors="surrogatepass", strict_map_key=False)
