"""The tables of `lepton.db` and the steps that bring an older file up to date.

A file's version is SQLite's `user_version`. A change of the tables appends one script to `MIGRATIONS`; scripts
that were released are never edited.
"""

from __future__ import annotations

import sqlite3

from lepton_lab.errors import StoreError

__all__ = ["MIGRATIONS", "migrate"]

_FIRST = """
CREATE TABLE projects (
    name TEXT PRIMARY KEY,
    network TEXT,
    data TEXT,
    settings TEXT NOT NULL DEFAULT '{}',
    created REAL NOT NULL,
    updated REAL NOT NULL
);
CREATE TABLE runs (
    id TEXT PRIMARY KEY,
    project TEXT NOT NULL DEFAULT '',
    name TEXT NOT NULL,
    tags TEXT NOT NULL DEFAULT '[]',
    star INTEGER NOT NULL DEFAULT 0,
    note TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT '{}',
    network TEXT,
    settings TEXT NOT NULL DEFAULT '{}',
    seed INTEGER,
    versions TEXT NOT NULL DEFAULT '{}',
    data TEXT NOT NULL DEFAULT '{}',
    fingerprint TEXT,
    device TEXT,
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    duration REAL,
    parent TEXT,
    error TEXT,
    measures TEXT NOT NULL DEFAULT '{}',
    generation INTEGER NOT NULL DEFAULT 0,
    place TEXT NOT NULL DEFAULT 'thread',
    owner TEXT NOT NULL DEFAULT '',
    host TEXT,
    pid INTEGER,
    process_started REAL,
    heartbeat REAL,
    job TEXT,
    claimed REAL
);
CREATE INDEX runs_by_project ON runs (project, created);
CREATE INDEX runs_by_state ON runs (state);
CREATE TABLE chunks (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    first INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    level INTEGER NOT NULL,
    columns TEXT NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (run, kind, first)
);
CREATE TABLE events (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE commands (
    id TEXT PRIMARY KEY,
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    args TEXT NOT NULL,
    created REAL NOT NULL,
    taken REAL,
    answered REAL,
    error TEXT
);
CREATE INDEX commands_by_run ON commands (run, taken);
CREATE TABLE checkpoints (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    kind TEXT NOT NULL,
    epoch REAL,
    step INTEGER,
    size INTEGER NOT NULL,
    created REAL NOT NULL,
    PRIMARY KEY (run, path)
) WITHOUT ROWID;
CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL,
    process_started REAL NOT NULL,
    started REAL NOT NULL,
    heartbeat REAL NOT NULL,
    slots INTEGER NOT NULL
);
"""

_PROBES = """
ALTER TABLE runs ADD COLUMN probe_cost TEXT;
CREATE TABLE reading_layouts (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (run, number)
) WITHOUT ROWID;
CREATE TABLE readings (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    number INTEGER NOT NULL,
    step INTEGER NOT NULL,
    epoch REAL NOT NULL,
    layout INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (run, number)
);
CREATE TABLE frames (
    run TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
    step INTEGER NOT NULL,
    data BLOB NOT NULL,
    UNIQUE (run, step)
);
"""

_PROJECT_IDS = """
ALTER TABLE projects ADD COLUMN id TEXT;
ALTER TABLE projects ADD COLUMN about TEXT;
UPDATE projects SET id = lower(hex(randomblob(5)));
CREATE UNIQUE INDEX projects_by_id ON projects (id);
"""

MIGRATIONS: tuple[str, ...] = (_FIRST, _PROBES, _PROJECT_IDS)
"""Script number n brings a file from version n to n + 1."""


def migrate(connection: sqlite3.Connection, where: str) -> None:
    """Creates or updates the tables; safe when several processes do so at once.

    Raises:
        StoreError: The file was written by a newer version.
    """
    if _version(connection, where) == len(MIGRATIONS):
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        for script in MIGRATIONS[_version(connection, where) :]:
            for statement in script.split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, where: str) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise StoreError(
            "the run store was written by a newer version of Lepton Lab",
            where=where,
            expected=f"schema version {len(MIGRATIONS)} or older",
            received=f"version {version}",
            do="Update with `pip install -U lepton-lab`, or name another folder in LEPTON_WORKSPACE; it is unchanged",
        )
    return version
