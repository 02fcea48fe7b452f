"""The projects of a workspace as a table, with how each one's newest run does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lepton_lab.workspace.history import StoredHistory
from lepton_lab.workspace.rows import run_row, shown_status

if TYPE_CHECKING:
    import pandas as pd

    from lepton_lab.training.history import History
    from lepton_lab.workspace.workspace import Workspace

__all__ = ["COLUMNS", "best_value", "main_metric", "projects_frame"]

COLUMNS = ("id", "name", "created", "updated", "runs", "run", "run_name", "state", "epoch", "epochs", "metric", "best")
"""Columns of the table; `run` to `best` are of the newest run, empty where there is none."""

_NEWEST = (
    "SELECT * FROM runs WHERE rowid IN"
    " (SELECT (SELECT rowid FROM runs r WHERE r.project = p.name ORDER BY created DESC, rowid DESC LIMIT 1)"
    " FROM projects p)"
)


def projects_frame(workspace: Workspace) -> pd.DataFrame:
    """One row a project, the last changed first; see `Workspace.projects`."""
    import pandas as pd

    with workspace.database.read() as connection:
        projects = connection.execute("SELECT * FROM projects ORDER BY updated DESC, rowid DESC").fetchall()
        counts = dict(connection.execute("SELECT project, count(*) FROM runs GROUP BY project").fetchall())
        newest = {row["project"]: run_row(row) for row in connection.execute(_NEWEST)}
    rows = []
    for project in projects:
        row = {name: project[name] for name in ("id", "name")}
        row |= {at: pd.Timestamp(project[at], unit="s", tz="UTC") for at in ("created", "updated")}
        row["runs"] = counts.get(project["name"], 0)
        rows.append(row | _of_run(workspace, newest.get(project["name"])))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _of_run(workspace: Workspace, row: Mapping[str, Any] | None) -> dict[str, Any]:
    if row is None:
        return {"run": "", "run_name": "", "state": "", "epoch": 0, "epochs": 0, "metric": "", "best": np.nan}
    status = shown_status(row)
    history = StoredHistory(workspace.database, row["id"], row["measures"])
    metric = main_metric(history.epochs.columns)
    best = best_value(history, metric, status.best_epoch) if metric is not None else None
    return {
        "run": row["id"],
        "run_name": row["name"],
        "state": str(status.state),
        "epoch": status.epoch,
        "epochs": status.epochs,
        "metric": metric or "",
        "best": np.nan if best is None else best,
    }


def main_metric(columns: Iterable[str]) -> str | None:
    """The column that says best how a run does: accuracy, else another metric, else the loss; of validation first."""
    names = [name.removeprefix("val_") for name in columns if name not in ("epoch", "step", "time", "lr")]
    bases = dict.fromkeys((*(n for n in names if n == "accuracy"), *(n for n in names if n != "loss"), *names))
    held = set(columns)
    return next((name for base in bases for name in (f"val_{base}", base) if name in held), None)


def best_value(history: History, metric: str, best_epoch: int | None) -> float | None:
    """A metric at the epoch of the best weights, else at the last one; None before the first epoch ends.

    Args:
        history: The run's history.
        metric: A column of its epochs.
        best_epoch: The epoch of the best weights, from 1.
    """
    _, columns = history.epochs.since(0)
    values = columns.get(metric)
    if values is None or not len(values):
        return None
    at = len(values) - 1
    if best_epoch is not None:
        matches = np.flatnonzero(columns["epoch"] == best_epoch)
        at = int(matches[-1]) if len(matches) else at
    return float(values[at]) if np.isfinite(values[at]) else None
