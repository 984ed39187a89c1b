"""What a history keeps, and its file: an SQLite database. All of it blocks, in one thread."""

import contextlib
import json
import logging
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgpack

from chatlib.messages import Audience, BadInputError

logger = logging.getLogger("chatlib")

# How many messages a page has, and how many are removed at once: both take a few milliseconds.
PAGE = 100
# How many bytes of messages, as they are kept, a page may have. As JSON these may be six times as
# many, which must be less than what may wait for a client.
PAGE_BYTES = 250_000
# How far the messages are counted that a replay leaves out.
COUNTED = 10_000

# SQLite keeps these numbers in the head of the file. The first tells a history from other
# databases, the second tells how its tables look.
_OURS = 0x63686174
_VERSION = 1

# Names are kept as bytes: they may hold half a surrogate pair, which SQLite's text may not.
_USER = Audience("user").room
_PAST_USERS = _USER[:-1] + chr(ord(_USER[-1]) + 1)
_TO_USERS = f"audience >= CAST('{_USER}' AS BLOB) AND audience < CAST('{_PAST_USERS}' AS BLOB)"
_SCHEMA = f"""
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS messages (
    id INTEGER PRIMARY KEY,
    event TEXT NOT NULL,
    audience BLOB NOT NULL,
    sender BLOB NOT NULL,
    key BLOB,
    skip TEXT,
    data BLOB NOT NULL,
    kept_at INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS messages_by_key ON messages (sender, key) WHERE key IS NOT NULL;
CREATE INDEX IF NOT EXISTS messages_by_audience ON messages (audience, id);
CREATE INDEX IF NOT EXISTS messages_to_users ON messages (sender, id) WHERE {_TO_USERS};
CREATE TABLE IF NOT EXISTS removed (until INTEGER NOT NULL);
{{add_times}}
INSERT INTO removed SELECT 0 WHERE NOT EXISTS (SELECT * FROM removed);
PRAGMA application_id = {_OURS};
PRAGMA user_version = {_VERSION};
COMMIT;
"""  # noqa: S608  (of constants, like the next ones)
# A message of a file that had no times counts as kept when this is done.
_ADD_TIMES = "ALTER TABLE messages ADD COLUMN kept_at INTEGER NOT NULL DEFAULT {};"

_COLUMNS = "id, event, audience, sender, key, skip, data"
_INSERT = f"INSERT INTO messages ({_COLUMNS}, kept_at) VALUES "  # noqa: S608
_VALUES = "(?, ?, ?, ?, ?, ?, ?, ?)"
_SELECT = f"SELECT {_COLUMNS} FROM messages"  # noqa: S608
_WITH_KEYS = f"""
WITH asked (sender, key) AS (VALUES {{}})
SELECT {_COLUMNS} FROM asked CROSS JOIN messages USING (sender, key) WHERE key IS NOT NULL
"""  # noqa: S608
# What an audience has missed: what was sent to it, and what it sent to users from another socket.
# Each part comes in the order of an index: a page costs the same, however long the history is.
_MISSED = f"""
SELECT id FROM messages WHERE id > :after AND id <= :until AND audience = :first
UNION
SELECT id FROM messages WHERE id > :after AND id <= :until AND audience = :second
UNION
SELECT id FROM messages WHERE id > :after AND id <= :until AND sender = :second AND {_TO_USERS}
"""  # noqa: S608
_BEYOND = f"{_MISSED} ORDER BY id DESC LIMIT 1 OFFSET :bound"
_COUNT = f"SELECT count(*) FROM ({_MISSED} ORDER BY id LIMIT :most)"  # noqa: S608
_PAGE = f"{_MISSED} ORDER BY id LIMIT {PAGE}"
_OLDEST = f"SELECT id, kept_at, length(data) FROM messages ORDER BY id LIMIT {PAGE}"  # noqa: S608
_LAST = "SELECT max(until, (SELECT coalesce(max(id), 0) FROM messages)), until FROM removed"
_USED = """
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count, pragma_freelist_count, pragma_page_size
"""


class Message(NamedTuple):
    """A message that was accepted.

    Attributes:
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
    """The id that a message has, and whether it was not there before."""

    id: int
    is_new: bool


class Gap(NamedTuple):
    """So many messages after an id that a reader cannot have; perhaps there are more."""

    after: int
    missed: int
    more: bool = False


class Page(NamedTuple):
    """A part of what somebody has missed: the next one, if there is more, begins after an id."""

    entries: list[Message | Gap]
    after: int
    more: bool


class Database:
    """The messages in a file that no other program can write to meanwhile."""

    def __init__(self, path: str | Path, factory: type[sqlite3.Connection]) -> None:
        self._file = None if path == ":memory:" else Path(path).absolute()
        self._factory = factory
        self._connection: sqlite3.Connection | None = None
        self._files: list[Any] = []
        self._last = self._removed = 0  # of all ids that there ever were
        self._damaged: set[int] = set()

    def open(self) -> int:
        """Open the file, or make it, and return the id of the last message."""
        if self._file:
            _make_private(self._file)
        self._connection = sqlite3.connect(
            self._file or ":memory:", timeout=0, isolation_level=None, factory=self._factory
        )
        self._connection.text_factory = bytes  # or a damaged text would spoil its whole page
        self._prepare()
        [[self._last, self._removed]] = self._execute(_LAST)
        self._files = self._identify()
        return self._last

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._connection:
            self._connection.close()

    # -- what `History` says of these --

    def keep(self, batch: Sequence[Message]) -> list[Kept | BadInputError]:
        """Keep messages, all at once; leave out those whose key was used before."""
        known = self._with_keys(batch)
        values: list[Any] = []
        number, now = self._last, int(time.time())
        results: list[Kept | BadInputError] = []
        for message in batch:
            name = _name(message)
            try:
                if name in known:
                    if not (earlier := known[name]) or _content(message) != _content(earlier):
                        raise BadInputError("This key was used for another message.")
                    results.append(Kept(earlier.id, is_new=False))
                    continue
                data = _pack(message.data)
            except BadInputError as error:
                results.append(error)
                continue
            number += 1
            room = _bytes(message.to.room)
            values += (number, message.event, room, *name, message.skip, data, now)
            results.append(Kept(number, is_new=True))
            if message.key is not None:
                known[name] = message._replace(id=number)
        if values:
            if self._identify() != self._files:  # it would be lost with this process
                raise sqlite3.OperationalError("file was removed or replaced while it was open")
            # One statement is one transaction: one wait for the disk, and for Python's lock.
            self._execute(_INSERT + ", ".join([_VALUES] * (number - self._last)), values)
            self._last = number
        return results

    def start_of_replay(
        self, audience: Sequence[Audience], after: int, until: int, bound: int
    ) -> tuple[int, Gap | None]:
        """Return after which id no more than ``bound`` were missed, and what that leaves out."""
        heard = after if after <= self._last else 0
        first = max(heard, self._removed)
        for [start] in self._execute(_BEYOND, _given(audience, first, until) | {"bound": bound}):
            counted = _given(audience, first, start) | {"most": COUNTED + 1}
            [[missed]] = self._execute(_COUNT, counted)
            return start, Gap(after, min(missed, COUNTED), missed > COUNTED or heard < first)
        return first, Gap(after, 0, more=True) if heard < first else None

    def missed(self, audience: Sequence[Audience], after: int, until: int) -> Page:
        """Return the first page of what an audience has missed."""
        entries: list[Message | Gap] = []
        if after < self._removed:  # perhaps between two pages
            entries.append(Gap(after, 0, more=True))
            after = self._removed
        ids = [number for [number] in self._execute(_PAGE, _given(audience, after, until))]
        rows = {row[0]: row for row in self._rows(ids)}
        room = PAGE_BYTES
        for number in ids:
            message, size = self._read(number, rows.get(number))
            room -= size
            if entries and room < 0:
                return Page(entries, after, more=True)
            entries.append(message or Gap(after, 1))
            after = number
        more = len(ids) == PAGE
        return Page(entries, after if more else until, more)

    def remove_some(self, before: float, keep_bytes: float) -> bool:
        """Remove some of the oldest messages, and tell whether there may be more to remove.

        Args:
            before: The time, in seconds since 1970, before which a message is too old.
            keep_bytes: How many bytes of the file may be in use.
        """
        [[used]] = self._execute(_USED)
        until, too_much = 0, used - keep_bytes
        for number, kept_at, size in self._execute(_OLDEST):
            if kept_at >= before and too_much <= 0:
                break
            until, too_much = number, too_much - size
        if not until:
            return False
        with self._connected:
            self._execute("BEGIN IMMEDIATE")
            self._execute("DELETE FROM messages WHERE id <= ?", (until,))
            self._execute("UPDATE removed SET until = ?", (until,))
        self._removed = until
        return True

    # -- the file --

    def _prepare(self) -> None:
        # Before anything else: from then on, what locks the file locks it until it is closed.
        self._execute("PRAGMA locking_mode = EXCLUSIVE")
        [[tables]] = self._execute("SELECT count(*) FROM sqlite_master")
        [[owner]] = self._execute("PRAGMA application_id")
        [[version]] = self._execute("PRAGMA user_version")
        if tables and owner != _OURS:
            raise sqlite3.DatabaseError("file is a database, but not a history")
        if version > _VERSION:
            raise sqlite3.DatabaseError("file is a history of a newer version of chatlib")
        [[found]] = self._execute("PRAGMA quick_check(1)")
        if found != b"ok":
            raise sqlite3.DatabaseError(f"file is damaged: {found.decode().splitlines()[-1]}")
        add_times = _ADD_TIMES.format(int(time.time())) if tables and version < 1 else ""
        self._connected.executescript(_SCHEMA.format(add_times=add_times))

    def _execute(self, statement: str, given: Any = ()) -> list[Any]:
        return self._connected.execute(statement, given).fetchall()

    @property
    def _connected(self) -> sqlite3.Connection:
        if not self._connection:
            raise sqlite3.ProgrammingError("The history is closed.")
        return self._connection

    def _identify(self) -> list[Any]:
        """Return what tells the database's files from others of their names."""
        files = (self._file, Path(f"{self._file}-wal")) if self._file else ()
        found = [file.stat() for file in files if file.exists()]
        return [(status.st_dev, status.st_ino) for status in found]

    # -- its rows --

    def _with_keys(self, batch: Sequence[Message]) -> dict[Any, Message | None]:
        names = [_name(message) for message in batch if message.key is not None]
        if not names:
            return {}
        query = _WITH_KEYS.format(", ".join(["(?, ?)"] * len(names)))
        rows = self._execute(query, [part for name in names for part in name])
        return {(row[3], row[4]): self._read(row[0], row)[0] for row in rows}

    def _rows(self, ids: Sequence[int]) -> list[Any]:
        """Return the rows with these ids, but those that cannot be read."""
        try:
            return self._execute(f"{_SELECT} WHERE id IN ({', '.join(map(str, ids))})")
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # the next time, the disk may do better
                raise
            return [row for each in ids for row in self._rows([each])] if len(ids) > 1 else []

    def _read(self, number: int, row: Any) -> tuple[Message | None, int]:
        """Return a row's message, unless it is damaged, and how many bytes of data it has."""
        try:
            if row:
                return _message(row), len(row[-1])
            why = "its part of the file cannot be read"
        except (ValueError, TypeError, AttributeError) as error:
            why = str(error)
        if number not in self._damaged:
            self._damaged.add(number)
            logger.warning("Message %d is damaged, and is left out: %s", number, why)
        return None, 0


def _make_private(file: Path) -> None:
    """Make a file that only its owner can read; SQLite gives its other files the same mode."""
    try:
        # Never opened if it is there: to close it would undo the locks that this process has on it.
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        pass
    except OSError as error:
        raise sqlite3.OperationalError(f"unable to open database file: {error.strerror}") from None
    with contextlib.suppress(PermissionError):  # another user's, who says who can read it
        for each in (file, Path(f"{file}-wal")):
            if each.is_file():
                each.chmod(0o600)


def _given(audience: Sequence[Audience], after: int, until: int) -> dict[str, Any]:
    rooms = [_bytes(each.room) for each in audience]
    return {"first": rooms[0], "second": rooms[-1], "after": after, "until": until}


def _name(message: Message) -> tuple[bytes, bytes | None]:
    """Return what tells a message from others: who sent it, and the key if it has one."""
    return _bytes(message.sender.room), None if message.key is None else _bytes(message.key)


def _content(message: Message) -> tuple[str, Audience, str]:
    data = message.data
    if isinstance(data, dict):  # `from` is the server's: after a reconnect, it names another socket
        data = {field: value for field, value in data.items() if field != "from"}
    return message.event, message.to, json.dumps(data, sort_keys=True, default=repr)


def _message(row: Sequence[Any]) -> Message:
    number, event, to, sender, _, skip, data = row
    audiences = Audience.of(_text(to)), Audience.of(_text(sender))
    skipped = None if skip is None else _text(skip)
    return Message(_text(event), *audiences, _unpack(data), skip=skipped, id=number)


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
