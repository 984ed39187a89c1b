"""Connections to databases with faults of which tests decide."""

import contextlib
import sqlite3
import threading


class Faulty(sqlite3.Connection):
    """A connection whose writes fail, wait or find no room, as its class's attributes say.

    Attributes:
        error: What a write raises.
        pages: How many pages the file may have.
        writing: Set while a write waits.
        go_on: A write waits for this.
        writes: How many writes there have been.
    """

    error = None
    pages = 1_000_000
    writing, go_on = threading.Event(), threading.Event()
    writes = 0

    @classmethod
    def mend(cls):
        """Let all writes go well again."""
        cls.error, cls.pages, cls.writes = None, 1_000_000, 0
        cls.writing.clear()
        cls.go_on.set()

    def execute(self, statement, *given):
        if statement.lstrip().startswith(("INSERT", "DELETE")):
            type(self).writes += 1
            super().execute(f"PRAGMA max_page_count = {self.pages}").fetchall()
            self.writing.set()
            assert self.go_on.wait(10)
            if self.error:
                raise self.error
        return super().execute(statement, *given)


Faulty.mend()


def damage(file, *statements):
    """Change a database that no server has open."""
    with contextlib.closing(sqlite3.connect(file)) as database:
        for statement in statements:
            database.execute(statement)
        database.commit()
