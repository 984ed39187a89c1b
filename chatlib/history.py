"""A message store: ids, de-duplication, replay from an offset, retention.

Messages get increasing ids in the order in which they are kept. That is what makes an offset enough
to say what somebody has missed.
"""

import asyncio
import json
import logging
import math
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgpack

from chatlib.database import PAGE, Database, Row
from chatlib.messages import Audience, BadInputError

logger = logging.getLogger("chatlib")

# How many bytes of messages, as they are kept, a page may have. As JSON these may be six times as
# many, which must be less than what may wait for a client.
PAGE_BYTES = 250_000
# How far the messages are counted that a replay leaves out.
COUNTED = 10_000

_DAY = 24 * 60 * 60
# How often old messages are looked for, and the pause between two steps of removing them, in
# seconds.
_RETENTION_INTERVAL = 10.0
_RETENTION_PAUSE = 0.02

_Result = TypeVar("_Result")
_Name = tuple[bytes, bytes | None]


class Message(NamedTuple):
    """A message that was accepted.

    Attributes:
        event: The event to deliver it as.
        to: Whom it goes to.
        sender: The user who sent it, or the socket without a user.
        data: The event's data.
        key: The sender's own name for it, to be able to send it again.
        skip: The socket that sent it, if it is left out.
        id: Its place in the history; 0 before it has one.
    """

    event: str
    to: Audience
    sender: Audience
    data: Any
    key: str | None = None
    skip: str | None = None
    id: int = 0

    @property
    def rooms(self) -> list[str]:
        """The rooms that hear it: of its audience, and of a user's message the user's own."""
        own = self.sender.kind == "user" and self.to.kind == "user"
        return [self.to.room, self.sender.room] if own else [self.to.room]

    def delivered_data(self) -> Any:
        """Return what clients get: the data, with the id if there is a place for it."""
        if not self.id or not isinstance(self.data, dict):
            return self.data
        return {"id": self.id} | self.data | {"id": self.id}  # first, to be seen; last, to win


class Kept(NamedTuple):
    """What became of a message that was to be kept.

    Attributes:
        id: Its id; for a key that was used before, the id of that time.
        is_new: Whether it was not there before.
    """

    id: int
    is_new: bool


class Gap(NamedTuple):
    """Messages that a reader cannot have.

    Attributes:
        after: The id after which they are missing.
        missed: How many are missing, at least.
        more: Whether there may be more of them.
    """

    after: int
    missed: int
    more: bool = False


class Page(NamedTuple):
    """A part of what somebody has missed.

    Attributes:
        entries: The messages, oldest first, and the gaps between them.
        after: The id after which the next page begins.
        more: Whether there may be a next page.
    """

    entries: list[Message | Gap]
    after: int
    more: bool


class History:
    """Keeps messages in a file, that only its owner can read, and finds them again.

    Args:
        path: The file; ``":memory:"`` for a history that ends with the process.
        bound: How many missed messages are replayed at most.
        keep_days: After how many days a message is removed; by default, never. In a file of an
            earlier version, they count from when it was first opened by this one.
        keep_bytes: How large the file may grow before the oldest messages are removed.
        factory: The class of the connection to the file, as for `sqlite3.connect`.

    Raises:
        ValueError: ``keep_days`` or ``keep_bytes`` is not positive.
    """

    def __init__(
        self,
        path: str | Path = ":memory:",
        *,
        bound: int = 1000,
        keep_days: float | None = None,
        keep_bytes: int | None = None,
        factory: type[sqlite3.Connection] = sqlite3.Connection,
    ) -> None:
        for name, value in (("keep_days", keep_days), ("keep_bytes", keep_bytes)):
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be more than 0.")
        self.path = path
        self.bound = bound
        self._keep_days = math.inf if keep_days is None else keep_days
        self._keep_bytes = math.inf if keep_bytes is None else keep_bytes
        self._factory = factory
        self._database = Database(path, factory)
        self._thread: ThreadPoolExecutor | None = None
        self._opening: asyncio.Task[None] | None = None
        self._retention: asyncio.Task[None] | None = None
        self._last_at_opening = 0
        self._damaged: set[int] = set()

    async def open(self) -> int:
        """Open the file, unless it is open.

        Returns:
            The id of the last message that it had when it was opened.

        Raises:
            sqlite3.Error: It cannot be opened, is not a history, or damaged, or another server
                has it open.
        """
        if not self._opening:
            self._opening = asyncio.create_task(self._open(), name="chatlib history opens")
        if not self._opening.done():
            await asyncio.shield(self._opening)
        return self._last_at_opening

    async def keep(self, batch: Sequence[Message]) -> list[Kept | BadInputError]:
        """Keep messages, all at once; leave out those whose key was used before.

        A key whose message was removed meanwhile counts as new.

        Args:
            batch: The messages, without ids.

        Returns:
            What became of each, or why it cannot be kept.

        Raises:
            sqlite3.Error: None of them could be written to the disk.
        """
        return await self._run(lambda: self._keep(batch))

    async def start_of_replay(
        self, audience: Sequence[Audience], after: int, until: int
    ) -> tuple[int, Gap | None]:
        """Return where a replay may begin, and what that leaves out.

        Args:
            audience: As for `missed`.
            after: The last id that was heard. An id that this history has not given yet comes
                from another one; then all of this one was missed.
            until: As for `missed`.
        """
        return await self._run(lambda: self._start_of_replay(_rooms(audience), after, until))

    async def missed(self, audience: Sequence[Audience], after: int, until: int) -> Page:
        """Return the first page of what an audience has missed.

        Args:
            audience: One or two audiences. With a user's comes what that user sent to users.
            after: The last id that was heard.
            until: The last id of those that count as missed.
        """
        return await self._run(lambda: self._missed(_rooms(audience), after, until))

    async def close(self) -> None:
        """Close the file once all that was asked of it is done; nothing is kept or read then."""
        if self._opening:
            await asyncio.wait([self._opening])
        if self._retention:
            self._retention.cancel()
            self._retention = None
        await self._end_thread()

    async def _open(self) -> None:
        database = self._database = Database(self.path, self._factory)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chatlib history")
        try:
            await self._run(database.open)
        except BaseException:
            await self._end_thread()
            raise
        self._last_at_opening = database.last
        if min(self._keep_days, self._keep_bytes) < math.inf:
            self._retention = asyncio.create_task(self._remove_old(), name="chatlib retention")

    async def _run(self, work: Callable[[], _Result]) -> _Result:
        """Do something with the database in its own thread, one thing after the other."""
        if not self._thread:
            raise sqlite3.ProgrammingError("The history is closed.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _end_thread(self) -> None:
        thread, self._thread, self._opening = self._thread, None, None
        if thread:
            closed = asyncio.get_running_loop().run_in_executor(thread, self._database.close)
            thread.shutdown(wait=False)  # it ends once it has done that
            await closed

    async def _remove_old(self) -> None:
        while True:
            more = await self._remove_some()
            await asyncio.sleep(_RETENTION_PAUSE if more else _RETENTION_INTERVAL)

    async def _remove_some(self) -> bool:
        before = time.time() - self._keep_days * _DAY
        try:
            return await self._run(lambda: self._database.remove_some(before, self._keep_bytes))
        except sqlite3.Error as error:
            logger.warning("Old messages cannot be removed: %s", error)
            return False

    # -- in the thread --

    def _keep(self, batch: Sequence[Message]) -> list[Kept | BadInputError]:
        known = self._with_keys(batch)
        rows: list[Row] = []
        results: list[Kept | BadInputError] = []
        for message in batch:
            name = _name(message)
            try:
                if name in known:
                    results.append(Kept(_same(message, known[name]), is_new=False))
                    continue
                row = _row(message, name, self._database.last + len(rows) + 1)
            except BadInputError as error:
                results.append(error)
                continue
            rows.append(row)
            results.append(Kept(row.id, is_new=True))
            if message.key is not None:
                known[name] = message._replace(id=row.id)
        if rows:
            self._database.insert(rows)
        return results

    def _with_keys(self, batch: Sequence[Message]) -> dict[_Name, Message | None]:
        names = [_name(message) for message in batch if message.key is not None]
        found = self._database.with_keys(names) if names else []
        return {(row.sender, row.key): self._read(row.id, row) for row in found}

    def _start_of_replay(
        self, rooms: Sequence[bytes], after: int, until: int
    ) -> tuple[int, Gap | None]:
        heard = after if after <= self._database.last else 0
        first = max(heard, self._database.removed)
        start, missed = self._database.beyond(rooms, first, until, self.bound, COUNTED + 1)
        if start == heard:
            return start, None
        more = missed > COUNTED or heard < first
        return start, Gap(after, min(missed, COUNTED), more)

    def _missed(self, rooms: Sequence[bytes], after: int, until: int) -> Page:
        entries: list[Message | Gap] = []
        if after < self._database.removed:  # perhaps between two pages
            entries.append(Gap(after, 0, more=True))
            after = self._database.removed
        rows = self._database.page(rooms, after, until)
        room = PAGE_BYTES
        for number, row in rows:
            message = self._read(number, row)
            room -= len(row.data) if row and message else 0
            if entries and room < 0:
                return Page(entries, after, more=True)
            entries.append(message or Gap(after, 1))
            after = number
        return Page(entries, after, more=len(rows) == PAGE)

    def _read(self, number: int, row: Row | None) -> Message | None:
        """Return a row's message, unless it is damaged."""
        try:
            if row:
                return _message(row)
            why = "its part of the file cannot be read"
        except (ValueError, TypeError, AttributeError) as error:
            why = str(error)
        if number not in self._damaged:
            self._damaged.add(number)
            logger.warning("Message %d is damaged, and is left out: %s", number, why)
        return None


def _name(message: Message) -> _Name:
    """Return what tells a message from others: who sent it, and the key if it has one."""
    key = None if message.key is None else _bytes(message.key)
    return _bytes(message.sender.room), key


def _same(message: Message, earlier: Message | None) -> int:
    """Return the id of the earlier message with the same key.

    Raises:
        BadInputError: It is another message, or cannot be read any more.
    """
    if not earlier or _content(message) != _content(earlier):
        raise BadInputError("This key was used for another message.")
    return earlier.id


def _content(message: Message) -> tuple[str, Audience, str]:
    data = message.data
    if isinstance(data, dict):  # `from` is the server's: after a reconnect, it names another socket
        data = {field: value for field, value in data.items() if field != "from"}
    return message.event, message.to, json.dumps(data, sort_keys=True, default=repr)


def _row(message: Message, name: _Name, number: int) -> Row:
    sender, key = name
    data = _pack(message.data)
    return Row(number, message.event, _bytes(message.to.room), sender, key, message.skip, data)


def _message(row: Row) -> Message:
    skip = None if row.skip is None else _text(row.skip)
    to, sender = Audience.of(_text(row.audience)), Audience.of(_text(row.sender))
    return Message(_text(row.event), to, sender, _unpack(row.data), skip=skip, id=row.id)


def _rooms(audience: Sequence[Audience]) -> list[bytes]:
    return [_bytes(each.room) for each in audience]


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")


def _text(name: Any) -> str:
    return bytes.decode(name, "utf-8", "surrogatepass")


def _pack(data: Any) -> bytes:
    try:
        packed: bytes = msgpack.packb(data, unicode_errors="surrogatepass")
        _unpack(packed)  # what could not be read would be missing in every replay
    except (ValueError, OverflowError, TypeError) as error:
        raise BadInputError(
            "This message cannot be kept: it nests too deep, or has too large a number."
        ) from error
    return packed


def _unpack(data: bytes) -> Any:
    return msgpack.unpackb(
        data, unicode_errors="surrogatepass", strict_map_key=False, ext_hook=_refuse_extension
    )


def _refuse_extension(code: int, data: bytes) -> None:
    raise ValueError(f"it has {len(data)} bytes of the unknown kind {code}")
