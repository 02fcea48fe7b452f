"""The table of runs: one row a run, read and written as plain dicts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from lepton_lab.errors import UnknownNameError
from lepton_lab.training.status import RunState, RunStatus
from lepton_lab.workspace.database import Database
from lepton_lab.workspace.liveness import Owner, is_alive

__all__ = [
    "RunRow",
    "add_event",
    "find_run",
    "insert_run",
    "owner_of",
    "run_row",
    "shown_status",
    "to_text",
    "update_run",
]

RunRow = dict[str, Any]
"""One row of the table `runs` with its JSON columns read."""

_JSON = frozenset(
    {"tags", "status", "network", "settings", "versions", "data", "measures", "parent", "job", "probe_cost"}
)


def to_text(value: Any) -> str:
    """JSON as it is stored; what JSON cannot say is kept as text."""
    return json.dumps(value, separators=(",", ":"), default=str)


def insert_run(connection: sqlite3.Connection, values: Mapping[str, Any]) -> None:
    """Adds a run, or replaces what is given where the run exists."""
    ready = _ready(values)
    updates = ", ".join(f"{name} = excluded.{name}" for name in ready if name != "id") or "id = excluded.id"
    connection.execute(
        f"INSERT INTO runs ({', '.join(ready)}) VALUES ({', '.join('?' * len(ready))})"  # noqa: S608  names are ours
        f" ON CONFLICT (id) DO UPDATE SET {updates}",
        tuple(ready.values()),
    )


def update_run(connection: sqlite3.Connection, run_id: str, values: Mapping[str, Any]) -> None:
    """Changes some columns of a run."""
    ready = _ready(values)
    assignments = ", ".join(f"{name} = ?" for name in ready)
    connection.execute(f"UPDATE runs SET {assignments} WHERE id = ?", (*ready.values(), run_id))  # noqa: S608  names are ours


def add_event(connection: sqlite3.Connection, run_id: str, event: Mapping[str, Any]) -> None:
    """Adds an event after the last one of a run."""
    insert = "INSERT INTO events (run, number, data) SELECT ?, coalesce(max(number) + 1, 0), ? FROM events"
    connection.execute(insert + " WHERE run = ?", (run_id, to_text(event), run_id))


def run_row(row: sqlite3.Row) -> RunRow:
    """A row with its JSON columns read."""
    return {k: json.loads(row[k]) if k in _JSON and row[k] is not None else row[k] for k in row.keys()}  # noqa: SIM118


def find_run(database: Database, name: str) -> RunRow:
    """The run with this id, the newest with this name, or the only one whose id begins so.

    Raises:
        UnknownNameError: There is no such run.
    """
    row = database.row("SELECT * FROM runs WHERE id = ?", (name,)) or database.row(
        "SELECT * FROM runs WHERE name = ? ORDER BY created DESC, rowid DESC LIMIT 1", (name,)
    )
    if row is None and len(name) >= 4:
        starting = database.rows("SELECT * FROM runs WHERE substr(id, 1, ?) = ? LIMIT 2", (len(name), name))
        row = starting[0] if len(starting) == 1 else None
    if row is None:
        known = database.rows("SELECT name FROM runs ORDER BY created DESC LIMIT 50")
        raise UnknownNameError("run", name, {str(r["name"]) for r in known}, where=str(database.path))
    return run_row(row)


def owner_of(row: Mapping[str, Any]) -> Owner | None:
    """The process that runs a run; None while it waits for a worker."""
    if row["pid"] is None:
        return None
    return Owner(row["host"], row["pid"], row["process_started"])


def shown_status(row: Mapping[str, Any]) -> RunStatus:
    """A run's status as a reader should see it: interrupted where its process is gone."""
    status = RunStatus.from_json(row["status"] | {"state": row["state"]})
    owner = owner_of(row)
    if status.state.ended or owner is None or is_alive(owner, row["heartbeat"]):
        return status
    data = status.to_json() | {"state": RunState.INTERRUPTED, "eta_s": None, "samples_per_s": 0.0}
    data["message"] = "The process that trained this run is gone; resume() goes on from its last checkpoint."
    return RunStatus.from_json(data)


def _ready(values: Mapping[str, Any]) -> dict[str, Any]:
    return {k: to_text(v) if k in _JSON and v is not None else v for k, v in values.items()}
