"""The projects of a workspace as rows of a list, and the runs of one: plain data, read again as often as one looks."""

from __future__ import annotations

import json
import math
import sqlite3
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np

from lepton_lab.workspace import Workspace
from lepton_lab.workspace.history import StoredHistory
from lepton_lab.workspace.project_table import best_value, main_metric
from lepton_lab.workspace.rows import RunRow, run_row, shown_status

__all__ = ["Row", "WorkList"]

_SPARK = 32  # points of the small curve
_RUN = (
    "id, project, name, star, state, status, data, measures, created, ended, duration, error, generation,"
    " host, pid, process_started, heartbeat"
)
_NEWEST = (
    f"SELECT {_RUN} FROM runs WHERE rowid IN"  # noqa: S608  constant
    " (SELECT (SELECT rowid FROM runs r WHERE r.project = p.name ORDER BY created DESC, rowid DESC LIMIT 1)"
    " FROM projects p)"
)
_ALL = f"SELECT {_RUN} FROM runs WHERE project = ? ORDER BY created DESC, rowid DESC"  # noqa: S608  constant

Row = dict[str, Any]


class WorkList:
    """Reads what a list of projects shows; what was read of a run that did not move is kept.

    Args:
        workspace: Whose projects.

    Threads: safe.
    """

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self._lock = threading.Lock()
        self._curves: dict[str, tuple[tuple[Any, ...], Row]] = {}

    def projects(self, limit: int | None = None) -> list[Row]:
        """One row a project, the last used first.

        Args:
            limit: How many at most.

        Returns:
            Of each: `id`, `title`, `door` (where it began), `data` (name, form, samples, classes), `network` (whether
            it has one), `when` (seconds since 1970), `runs` (how many), `run` (its newest, as in `runs`, or None).
        """
        with self.workspace.database.read() as connection:
            projects = connection.execute("SELECT id, name, data, about, updated, network FROM projects").fetchall()
            counts = dict(connection.execute("SELECT project, count(*) FROM runs GROUP BY project").fetchall())
            newest = {row["project"]: run_row(row) for row in connection.execute(_NEWEST)}
        projects.sort(key=lambda p: max(p["updated"], _last(newest.get(p["name"]))), reverse=True)
        return [_project(p, counts, newest.get(p["name"]), self._run) for p in projects[:limit]]

    def runs(self, project: str) -> list[Row]:
        """The runs of a project of this name, the newest first.

        Returns:
            Of each: `id`, `name`, `star`, `state`, `live`, `epoch`, `epochs`, `metric` and its value `best` at the best
            weights, `spark` (that metric over the epochs), `when`, `duration` in seconds, `message`.
        """
        return [self._run(run_row(row)) for row in self.workspace.database.rows(_ALL, (project,))]

    def _run(self, row: RunRow) -> Row:
        status = shown_status(row)
        live = not status.state.ended
        message = row["error"] or status.message
        return {
            **{name: row[name] for name in ("id", "name", "duration")},
            "star": bool(row["star"]),
            "state": str(status.state),
            "live": live,
            "epoch": status.epoch,
            "epochs": status.epochs,
            "message": message.split("\n")[0] if message else "",
            "when": _last(row),
            **self._curve(row, status.epoch, status.best_epoch),
        }

    def _curve(self, row: Mapping[str, Any], epoch: int, best_epoch: int | None) -> Row:
        key = (row["generation"], epoch, best_epoch)
        with self._lock:
            known = self._curves.get(row["id"])
        if known is not None and known[0] == key:
            return known[1]
        history = StoredHistory(self.workspace.database, row["id"], row["measures"])
        metric = main_metric(history.epochs.columns) or ""
        found: Row = {"metric": metric, "best": None, "spark": []}
        if metric:
            _, values = history.epochs.curve(metric, against="epoch", points=_SPARK)
            found["best"] = best_value(history, metric, best_epoch)
            found["spark"] = [round(float(v), 5) for v in values if math.isfinite(v)]
        with self._lock:
            self._curves[row["id"]] = (key, found)
        return found


def _project(project: sqlite3.Row, counts: Mapping[str, int], newest: RunRow | None, run: Any) -> Row:
    about = json.loads(project["about"] or "{}") or {}
    source = json.loads(project["data"]) if project["data"] else None
    return {
        "id": project["id"],
        "title": project["name"],
        "door": str(about.get("door", "")),
        "data": _facts(about.get("facts") or (newest or {}).get("data") or {}, source),
        "network": project["network"] is not None,
        "when": max(project["updated"], _last(newest)),
        "runs": counts.get(project["name"], 0),
        "run": run(newest) if newest is not None else None,
    }


def _last(row: Mapping[str, Any] | None) -> float:
    """When a run moved last, in seconds since 1970."""
    if row is None:
        return 0.0
    return float(max(row["created"], row["ended"] or 0.0))


def _facts(described: Mapping[str, Any], source: Mapping[str, Any] | None) -> Row | None:
    """What there is to say of the data in few words; None where there is none yet."""
    if not described and source is None:
        return None
    args = (source or {}).get("args", {})
    shape = tuple(described.get("sample_shape") or ())
    samples = described.get("samples") or {}
    return {
        "name": str(described.get("name") or args.get("name") or ""),
        "form": _form(shape, str(described.get("sample_dtype", ""))) if shape else "",
        "samples": int(np.sum(list(samples.values()))) if samples else 0,
        "classes": len(described.get("classes") or ()),
    }


def _form(shape: tuple[int, ...], dtype: str) -> str:
    if dtype == "int64":
        return "texts"
    if len(shape) == 3:
        return "images"
    return "points" if shape == (2,) else "rows"
