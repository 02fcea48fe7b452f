"""Runs that wait for a worker: plain data, taken by exactly one worker, fairly among their owners."""

from __future__ import annotations

import getpass
import os
import sqlite3
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lepton_lab.training.status import RunState
from lepton_lab.workspace.liveness import Owner, is_alive
from lepton_lab.workspace.rows import RunRow, insert_run, owner_of, run_row, shown_status, update_run

if TYPE_CHECKING:
    from lepton_lab.workspace.database import Database

__all__ = ["OWNER_VARIABLE", "claim", "claim_interrupted", "default_owner", "enqueue", "waiting"]

OWNER_VARIABLE = "LEPTON_OWNER"
"""Environment variable that says on whose behalf runs are queued."""

_WAITING = "job IS NOT NULL AND pid IS NULL AND state = 'queued'"
_TAKEN = "job IS NOT NULL AND pid IS NOT NULL AND state NOT IN ('finished', 'stopped', 'failed', 'interrupted')"


def default_owner() -> str:
    """`$LEPTON_OWNER`, else the user and the process: two notebooks of one user take turns as two people do."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = str(os.getuid()) if hasattr(os, "getuid") else "user"
    return os.environ.get(OWNER_VARIABLE) or f"{user}:{os.getpid()}"


def enqueue(
    database: Database,
    *,
    name: str,
    network: Mapping[str, Any],
    data: Mapping[str, Any],
    settings: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
    project: str = "",
    owner: str | None = None,
    parent: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
) -> str:
    """Queues a run for any worker of the store; returns its id.

    Args:
        database: The store.
        name: What people call it; one is made up where empty.
        network: `NetworkSpec.to_json`.
        data: What a run says of its data; its "source" says how to load it again.
        settings: `TrainSettings.to_json`.
        options: Further plain arguments of the start; a "fork" says the run, where "at" and the "changes" of settings.
        project: The project that it belongs to.
        owner: On whose behalf; workers are fair among owners.
        parent: `{"run", "step"}` of the run that it comes from.
        tags: Its tags.
    """
    run_id = uuid.uuid4().hex[:12]
    job = {"network": network, "source": data.get("source"), "settings": settings, "options": options or {}}
    with database.write() as connection:
        insert_run(
            connection,
            {
                "id": run_id,
                "project": project,
                "name": name or f"run {run_id[:6]}",
                "state": str(RunState.QUEUED),
                "status": {"state": str(RunState.QUEUED), "epochs": settings.get("epochs", 0)},
                "network": network,
                "settings": settings,
                "seed": settings.get("seed"),
                "data": data,
                "created": time.time(),
                "place": "worker",
                "owner": owner or default_owner(),
                "job": job,
                "parent": parent,
                "tags": sorted(tags),
            },
        )
    return run_id


def waiting(connection: sqlite3.Connection) -> int:
    """How many runs wait."""
    return int(connection.execute(f"SELECT count(*) FROM runs WHERE {_WAITING}").fetchone()[0])  # noqa: S608  constant


def claim(database: Database, worker: Owner) -> RunRow | None:
    """Takes the next run for a worker; None where none waits.

    Next is the oldest run of the owner who has the fewest runs under way and, among those, was served longest ago.
    """
    with database.write() as connection:
        rows = connection.execute(f"SELECT * FROM runs WHERE {_WAITING} ORDER BY created, rowid").fetchall()  # noqa: S608
        if not rows:
            return None
        busy: dict[str, int] = {}
        for row in connection.execute(f"SELECT * FROM runs WHERE {_TAKEN}"):  # noqa: S608  constant
            if not shown_status(run_row(row)).state.ended:
                busy[row["owner"]] = busy.get(row["owner"], 0) + 1
        claims = "SELECT owner, max(claimed) FROM runs WHERE claimed IS NOT NULL GROUP BY owner"
        served = dict(connection.execute(claims).fetchall())
        best = min(rows, key=lambda row: (busy.get(row["owner"], 0), served.get(row["owner"], 0.0)))
        return _take(connection, run_row(best), worker)


def claim_interrupted(database: Database, worker: Owner) -> RunRow | None:
    """Takes a run whose worker is gone, to go on with it; None where there is none."""
    with database.write() as connection:
        for row in connection.execute(f"SELECT * FROM runs WHERE {_TAKEN} ORDER BY created, rowid").fetchall():  # noqa: S608
            owner = owner_of(row)
            if owner is not None and not is_alive(owner, row["heartbeat"]):
                return _take(connection, run_row(row), worker)
    return None


def _take(connection: sqlite3.Connection, row: RunRow, worker: Owner) -> RunRow:
    now = time.time()
    values = {
        "state": str(RunState.STARTING),
        "host": worker.host,
        "pid": worker.pid,
        "process_started": worker.process_started,
        "heartbeat": now,
        "claimed": now,
    }
    update_run(connection, row["id"], values)
    return row | values
