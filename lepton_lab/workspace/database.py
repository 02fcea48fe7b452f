"""One SQLite file used by many threads and processes at once."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lepton_lab.errors import StoreError
from lepton_lab.workspace.schema import migrate

__all__ = ["BUSY_S", "Database", "store_error"]

BUSY_S = 10.0
"""How long a writer waits for another one before it gives up, in seconds."""

_ADVICE = {
    "full": "Free some space on the disk; what is in memory is written as soon as there is room",
    "readonly": "Choose a folder that you may write to, in LEPTON_WORKSPACE or as Workspace(folder)",
    "unable to open": "Choose a folder that you may write to, in LEPTON_WORKSPACE or as Workspace(folder)",
    "locked": "Another process holds the store for long; look for one that hangs, then try again",
    "busy": "Another process holds the store for long; look for one that hangs, then try again",
    "not a database": "Move the file away; a new one is made, and the checkpoints in the folder stay usable",
    "malformed": "Move the file away; a new one is made, and the checkpoints in the folder stay usable",
}


def store_error(error: Exception, path: Path) -> StoreError:
    """The error to raise for what SQLite or the file system reported."""
    text = str(error)
    advice = next((do for word, do in _ADVICE.items() if word in text.replace("read-only", "readonly")), None)
    advice = advice or _ADVICE["readonly" if isinstance(error, OSError) else "malformed"]
    return StoreError(f"the run store cannot be used: {text}", where=str(path), do=advice)


class Database:
    """A SQLite file in WAL mode, with one connection a thread.

    A commit survives a killed process; a power cut may lose the last moments, never the file
    (https://www.sqlite.org/pragma.html#pragma_synchronous, NORMAL).

    Args:
        path: The file; it is created with its folder.

    Raises:
        StoreError: The file cannot be opened or is of a newer version.

    Threads: safe; a forked process gets connections of its own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._open: list[tuple[weakref.ref[threading.Thread], sqlite3.Connection]] = []
        self._lock = threading.Lock()
        self._pid = os.getpid()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            migrate(self.connection(), str(path))
        except (sqlite3.Error, OSError) as error:
            self.close()
            raise store_error(error, path) from error
        except StoreError:
            self.close()
            raise

    def connection(self) -> sqlite3.Connection:
        """This thread's connection, opened on first use."""
        if os.getpid() != self._pid:
            self._pid, self._local, self._open = os.getpid(), threading.local(), []
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            self._local.connection = connection
            with self._lock:
                self._close_those_of_dead_threads()
                self._open.append((weakref.ref(threading.current_thread()), connection))
            connection.row_factory = sqlite3.Row
            _use_wal(connection)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA foreign_keys = ON")
        return connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is committed as a whole or not at all.

        Raises:
            StoreError: SQLite could not write: disk full, locked for long, read-only.
        """
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Several reads of one moment, whatever others write meanwhile.

        Raises:
            StoreError: SQLite could not read.
        """
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def patience(self, seconds: float) -> Iterator[None]:
        """Lets this thread wait no longer than that for another writer, inside the block."""
        connection = self.connection()
        connection.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
        try:
            yield
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_S * 1000)}")

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """The rows of one query.

        Raises:
            StoreError: SQLite could not read.
        """
        try:
            return self.connection().execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise store_error(error, self.path) from error

    def row(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row of a query, None where there is none."""
        rows = self.rows(sql, values)
        return rows[0] if rows else None

    def changes(self) -> int:
        """A number that differs after any other connection has written; costs microseconds."""
        row = self.row("PRAGMA data_version")
        return int(row[0]) if row is not None else 0

    def close(self) -> None:
        """Closes every connection; the next use opens a new one."""
        with self._lock:
            for _, connection in self._open:
                connection.close()
            self._open.clear()
            self._local = threading.local()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        try:
            connection = self.connection()
            connection.execute(begin)
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise store_error(error, self.path) from error

    def _close_those_of_dead_threads(self) -> None:
        alive = []
        for thread, connection in self._open:
            owner = thread()
            if owner is None or not owner.is_alive():
                connection.close()
            else:
                alive.append((thread, connection))
        self._open = alive


def _use_wal(connection: sqlite3.Connection) -> None:
    """Turns WAL on; SQLite's own waiting does not cover two processes that do so at once."""
    deadline = time.monotonic() + BUSY_S
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
