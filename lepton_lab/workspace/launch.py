"""Worker processes of a workspace: who is there, and how one is started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from lepton_lab.errors import StoreError
from lepton_lab.workspace.liveness import Owner, is_alive
from lepton_lab.workspace.queue import waiting

if TYPE_CHECKING:
    import sqlite3

    from lepton_lab.workspace.workspace import Workspace

__all__ = ["Registration", "ensure_worker", "live_workers", "log_path"]

_started: dict[Path, subprocess.Popen[bytes]] = {}


def log_path(workspace: Workspace) -> Path:
    """Where workers that were started on demand write what they print."""
    return workspace.folder / "worker.log"


def live_workers(workspace: Workspace) -> list[Owner]:
    """The worker processes of a workspace that run now."""
    with workspace.database.read() as connection:
        return _live(connection)


def ensure_worker(workspace: Workspace, *options: str) -> bool:
    """Starts a worker where none runs; returns whether it started one.

    Args:
        workspace: Whose queue it serves.
        *options: Further arguments of `lepton-lab worker`.

    Raises:
        StoreError: The process cannot be started.

    Side effects: the process outlives this one, and ends by itself when it has had nothing to do for a while.
    """
    for folder in [folder for folder, process in _started.items() if process.poll() is not None]:
        del _started[folder]
    if workspace.folder in _started or live_workers(workspace):
        return False
    command = [sys.executable, "-m", "lepton_lab.commands.worker", str(workspace.folder), "--on-demand", *options]
    try:
        with log_path(workspace).open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            )
    except OSError as error:
        raise StoreError(f"a worker cannot be started: {error}", do='Train in this process: where="thread"') from error
    _started[workspace.folder] = process
    return True


class Registration:
    """A worker's entry in the table of workers.

    Args:
        workspace: Whose queue it serves.
        me: The worker's process.
        slots: How many runs it trains at once.
    """

    def __init__(self, workspace: Workspace, me: Owner, slots: int) -> None:
        self.database, self.me, self.slots = workspace.database, me, slots
        self.id = uuid.uuid4().hex

    def enter(self, *, only: bool) -> bool:
        """Enters the worker; with `only`, returns False instead where another one runs."""
        with self.database.write() as connection:
            others = _live(connection)
            if only and others:
                return False
            gone = {row["pid"] for row in connection.execute("SELECT pid FROM workers")} - {o.pid for o in others}
            connection.executemany("DELETE FROM workers WHERE pid = ?", [(pid,) for pid in gone])
            me, now = self.me, time.time()
            connection.execute(
                "INSERT INTO workers (id, host, pid, process_started, started, heartbeat, slots)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (self.id, me.host, me.pid, me.process_started, now, now, self.slots),
            )
            return True

    def beat(self) -> None:
        """Says that the worker is alive."""
        with self.database.write() as connection:
            connection.execute("UPDATE workers SET heartbeat = ? WHERE id = ?", (time.time(), self.id))

    def leave(self, *, if_idle: bool = False) -> bool:
        """Removes the entry; with `if_idle`, returns False instead where a run came in meanwhile."""
        with self.database.write() as connection:
            if if_idle and waiting(connection):
                return False
            connection.execute("DELETE FROM workers WHERE id = ?", (self.id,))
            return True


def _live(connection: sqlite3.Connection) -> list[Owner]:
    rows = connection.execute("SELECT * FROM workers ORDER BY started").fetchall()
    live = []
    for row in rows:
        owner = Owner(row["host"], row["pid"], row["process_started"])
        if is_alive(owner, row["heartbeat"]):
            live.append(owner)
    return live
