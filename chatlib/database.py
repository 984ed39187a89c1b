"""The file of a history: an SQLite database, its rows, and what may befall it.

All of it blocks, and belongs into one thread.
"""

import contextlib
import os
import sqlite3
import time
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from chatlib.messages import Audience

# How many rows a page has, and how many are removed at once: both take a few milliseconds.
PAGE = 100
_AT_ONCE = 100

# SQLite keeps these numbers in the head of the file. The first tells a history from other
# databases, the second tells how its tables look.
_OURS = 0x63686174
_VERSION = 1
_TABLES = "SELECT count(*) FROM sqlite_master"

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
# As bytes, for a damaged text not to spoil its whole page.
_SELECT = """
SELECT id, CAST(event AS BLOB), audience, sender, key, CAST(skip AS BLOB), data FROM messages
"""
_WITH_KEYS = f"""
WITH asked (sender, key) AS (VALUES {{}}) {_SELECT.replace("FROM", "FROM asked CROSS JOIN")}
USING (sender, key) WHERE key IS NOT NULL
"""
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
_OLDEST = f"SELECT id, kept_at, length(data) FROM messages ORDER BY id LIMIT {_AT_ONCE}"  # noqa: S608
_LAST = "SELECT max(until, (SELECT coalesce(max(id), 0) FROM messages)), until FROM removed"
_USED = """
SELECT (page_count - freelist_count) * page_size
FROM pragma_page_count, pragma_freelist_count, pragma_page_size
"""


class Row(NamedTuple):
    """A message as it is kept; from a damaged file, anything may be in its fields."""

    id: int
    event: bytes | str
    audience: bytes
    sender: bytes
    key: bytes | None
    skip: bytes | str | None
    data: bytes


class Database:
    """The rows of a history, in a file that no other program can write to meanwhile.

    Its arguments are those of `History`.

    Attributes:
        last: The id of the last row that there ever was.
        removed: The id of the last row that was removed, with all before it.
    """

    def __init__(self, path: str | Path, factory: type[sqlite3.Connection]) -> None:
        self._file = None if path == ":memory:" else Path(path).absolute()
        self._factory = factory
        self._connection: sqlite3.Connection | None = None
        self._files: list[Any] = []
        self.last = self.removed = 0

    def open(self) -> None:
        """Open the file, or make it; bring one of an older version up to date."""
        if self._file:
            _make_private(self._file)
        self._connection = sqlite3.connect(
            self._file or ":memory:", timeout=0, isolation_level=None, factory=self._factory
        )
        self._prepare()
        [[self.last, self.removed]] = self._execute(_LAST)
        self._files = self._identify()

    def close(self) -> None:
        """Close the file, if it is open."""
        if self._connection:
            self._connection.close()

    def insert(self, rows: Sequence[Row]) -> None:
        """Add rows: all of them, on the disk, or none."""
        now = int(time.time())
        values = [value for row in rows for value in (*row, now)]
        self._check_files()
        # One statement is one transaction: one wait for the disk, and one for Python's lock.
        self._execute(_INSERT + ", ".join([_VALUES] * len(rows)), values)
        self.last = rows[-1].id
        self._check_files()

    def with_keys(self, names: Sequence[tuple[bytes, bytes | None]]) -> list[Row]:
        """Return the rows that have one of these pairs of sender and key."""
        query = _WITH_KEYS.format(", ".join(["(?, ?)"] * len(names)))
        return [Row(*row) for row in self._execute(query, [*chain.from_iterable(names)])]

    def page(self, rooms: Sequence[bytes], after: int, until: int) -> list[tuple[int, Row | None]]:
        """Return the ids and rows that come first among what was missed; no row if it is damaged.

        Args:
            rooms: One or two audiences. With a user's comes what that user sent to users.
            after: The id before the first.
            until: The last id.
        """
        ids = [number for [number] in self._execute(_PAGE, _given(rooms, after, until))]
        rows = {row[0]: Row(*row) for row in self._rows(ids)}
        return [(number, rows.get(number)) for number in ids]

    def beyond(
        self, rooms: Sequence[bytes], after: int, until: int, bound: int, most: int
    ) -> tuple[int, int]:
        """Return after which id no more than ``bound`` were missed, and how many up to there.

        Args:
            rooms: As for `page`.
            after: As for `page`.
            until: As for `page`.
            bound: How many may come after that id.
            most: How far to count.
        """
        for [start] in self._execute(_BEYOND, _given(rooms, after, until) | {"bound": bound}):
            [[count]] = self._execute(_COUNT, _given(rooms, after, start) | {"most": most})
            return start, count
        return after, 0

    def remove_some(self, before: float, keep_bytes: float) -> bool:
        """Remove some of the oldest rows if they are too old, or all take too much room.

        Args:
            before: The time, in seconds since 1970, before which a row is too old.
            keep_bytes: How many bytes of the file may be in use.

        Returns:
            Whether any were removed, so that there may be more.
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
        self.removed = until
        return True

    def _prepare(self) -> None:
        # Before anything else: from then on, what locks the file locks it until it is closed.
        self._execute("PRAGMA locking_mode = EXCLUSIVE")
        [[tables]] = self._execute(_TABLES)
        [[owner]] = self._execute("PRAGMA application_id")
        [[version]] = self._execute("PRAGMA user_version")
        if tables and owner != _OURS:
            raise sqlite3.DatabaseError("file is a database, but not a history")
        if version > _VERSION:
            raise sqlite3.DatabaseError("file is a history of a newer version of chatlib")
        [[found]] = self._execute("PRAGMA quick_check(1)")
        if found != "ok":
            raise sqlite3.DatabaseError(f"file is damaged: {found.splitlines()[-1]}")
        add_times = _ADD_TIMES.format(int(time.time())) if tables and version < 1 else ""
        self._connected.executescript(_SCHEMA.format(add_times=add_times))

    def _execute(self, statement: str, given: Any = ()) -> list[Any]:
        return self._connected.execute(statement, given).fetchall()

    @property
    def _connected(self) -> sqlite3.Connection:
        if not self._connection:
            raise sqlite3.ProgrammingError("The history is closed.")
        return self._connection

    def _rows(self, ids: Sequence[int]) -> list[Any]:
        """Return the rows with these ids, but those that cannot be read."""
        try:
            return self._execute(f"{_SELECT} WHERE id IN ({', '.join(map(str, ids))})")
        except sqlite3.DatabaseError as error:
            if type(error) is not sqlite3.DatabaseError:  # the next time, the disk may do better
                raise
            return [row for each in ids for row in self._rows([each])] if len(ids) > 1 else []

    def _check_files(self) -> None:
        """Raise an error if what is written now would be lost with the last process to have it."""
        if self._identify() != self._files:
            raise sqlite3.OperationalError("file was removed or replaced while it was open")

    def _identify(self) -> list[Any]:
        """Return what tells the database's files from others of their names."""
        files = (self._file, Path(f"{self._file}-wal")) if self._file else ()
        found = [file.stat() for file in files if file.exists()]
        return [(status.st_dev, status.st_ino) for status in found]


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


def _given(rooms: Sequence[bytes], after: int, until: int) -> dict[str, Any]:
    return {"first": rooms[0], "second": rooms[-1], "after": after, "until": until}
