"""The runs of a workspace as columns, read by one query however many there are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.training.run import active_runs
from lepton_lab.training.status import RunState
from lepton_lab.workspace.rows import shown_status

if TYPE_CHECKING:
    from lepton_lab.workspace import Workspace

__all__ = ["NUMBERS", "Listing", "list_runs", "live_rows", "newest"]

NUMBERS = ("epoch", "epochs", "step", "loss", "lr", "batch_size", "duration", "created")
"""Numeric columns that every run has; metrics follow by name."""

_TEXTS = ("id", "name", "project", "state", "device", "data", "note", "parent")
_ENDED = tuple(str(state) for state in RunState if state.ended)
_QUERY = (
    "SELECT id, name, project, state, status, star, tags, note, created, duration, device, pid, host, process_started,"
    " heartbeat, json_extract(data, '$.name') AS data_name, json_extract(parent, '$.run') AS parent_run,"
    " json_extract(settings, '$.lr') AS lr, json_extract(settings, '$.batch_size') AS batch_size FROM runs"
)
_NEWEST_FIRST = " ORDER BY created DESC, rowid DESC"

Row = dict[str, Any]


class Listing:
    """Rows as columns: texts as lists, numbers as one array.

    Args:
        rows: What `list_runs` or `live_rows` found.
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        found = list(rows)
        self.rows = len(found)
        self.metrics = sorted({name for row in found for name in row["metrics"]})
        self.texts: dict[str, list[Any]] = {name: [row[name] for row in found] for name in (*_TEXTS, "tags", "star")}
        self.columns = (*NUMBERS, *self.metrics)
        self.numbers: NDArray[np.float64] = np.full((len(self.columns), len(found)), np.nan)
        for i, name in enumerate(self.columns):
            source = [row["metrics"].get(name) if i >= len(NUMBERS) else row[name] for row in found]
            self.numbers[i] = [np.nan if value is None else value for value in source]

    def content(self) -> dict[str, Any]:
        """What goes beside the array."""
        return {"rows": self.rows, "columns": list(self.columns), "metrics": self.metrics, "texts": self.texts}


def list_runs(workspace: Workspace, project: str | None, ids: Iterable[str] | None = None) -> list[Row]:
    """The runs, the newest first; those of this process as they are at this moment.

    Args:
        workspace: Where they are kept.
        project: Only those of this project.
        ids: Only these.
    """
    where, values = _where(project)
    if ids is not None:
        wanted = list(ids)
        where += (" AND" if where else " WHERE") + f" id IN ({', '.join('?' * len(wanted))})"
        values = (*values, *wanted)
    here = {run.id: run for run in active_runs()}
    return [_row(row, here) for row in workspace.database.rows(_QUERY + where + _NEWEST_FIRST, values)]


def live_rows(workspace: Workspace, project: str | None) -> list[Row]:
    """The runs that have not ended, and those whose process is gone without having said so."""
    where, values = _where(project)
    where += (" AND" if where else " WHERE") + f" state NOT IN ({', '.join('?' * len(_ENDED))})"
    here = {run.id: run for run in active_runs()}
    return [_row(row, here) for row in workspace.database.rows(_QUERY + where + _NEWEST_FIRST, (*values, *_ENDED))]


def newest(workspace: Workspace, project: str | None) -> tuple[Any, ...]:
    """Changes when a run is added or deleted."""
    where, values = _where(project)
    row = workspace.database.row("SELECT count(*) AS n, max(rowid) AS last FROM runs" + where, values)  # noqa: S608  no text from outside
    return tuple(row) if row is not None else ()


def _where(project: str | None) -> tuple[str, tuple[str, ...]]:
    return ("", ()) if project is None else (" WHERE project = ?", (project,))


def _row(row: Any, here: Mapping[str, Any]) -> Row:
    run = here.get(row["id"])
    status = run.status if run is not None else shown_status({**dict(row), "status": json.loads(row["status"])})
    return {
        "id": row["id"],
        "name": row["name"],
        "project": row["project"],
        "state": str(status.state),
        "device": row["device"] or "",
        "data": row["data_name"] or "",
        "note": row["note"],
        "parent": row["parent_run"] or "",
        "tags": json.loads(row["tags"]),
        "star": bool(row["star"]),
        "epoch": status.epoch,
        "epochs": status.epochs,
        "step": status.step,
        "loss": status.loss,
        "lr": status.lr if status.lr is not None else row["lr"],
        "batch_size": row["batch_size"],
        "duration": row["duration"] if status.state.ended and row["duration"] is not None else status.elapsed_s,
        "created": row["created"],
        "metrics": {name: value for name, value in status.metrics.items() if isinstance(value, (int, float))},
    }
