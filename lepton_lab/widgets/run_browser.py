"""The runs of a workspace in a view: what lives, what ended, how they differ."""

from __future__ import annotations

import io
import json
import re
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import traitlets

from lepton_lab.errors import LeptonError, UnknownNameError
from lepton_lab.markup import cell, page, table
from lepton_lab.training.run import active_runs
from lepton_lab.training.status import RunState
from lepton_lab.widgets._base import Reply, Widget, command
from lepton_lab.widgets.run_browser_rows import Listing, Row, list_runs, live_rows, newest
from lepton_lab.widgets.training_monitor import TrainingMonitor
from lepton_lab.workspace import StoredRun, Workspace, current_workspace
from lepton_lab.workspace.comparison import Comparison

__all__ = ["RunBrowser"]

_MOST_CURVES = 8
_MOST_COMPARED = 200
_POINTS = 600  # of one curve
_STILL_ROWS = 20


class RunBrowser(Widget):
    """All runs, sorted, searched and compared: overlaid curves, the settings that differ, parallel coordinates.

    Live runs move while one looks, those of other processes too. Each run can be opened, renamed, tagged, starred,
    noted, forked, stopped, resumed, deleted and exported. An opened run is shown below the list, with its curves and
    controls, or by whoever listens with `on_open`.

    Args:
        project: Only the runs of this project.
        workspace: Where they are kept; the current workspace by default.

    Attributes:
        selected: Ids of the runs that are compared.
        opened: The view of the opened run, as a front end names it; empty where none is open.
    """

    _bundle = "run_browser"

    selected = traitlets.List(traitlets.Unicode()).tag(sync=True)
    opened = traitlets.Unicode().tag(sync=True)

    def __init__(self, project: str | None = None, workspace: Workspace | None = None) -> None:
        self.project = project
        self.workspace = workspace if workspace is not None else current_workspace()
        self._heard: list[Callable[[StoredRun], Any]] = []
        self._lock = threading.Lock()
        self._live: dict[str, Row] = {}
        self._known: tuple[Any, ...] = ()
        self._monitor: TrainingMonitor | None = None
        super().__init__()

    @property
    def selected_runs(self) -> list[StoredRun]:
        """The runs that are compared, in the order in which they were picked."""
        found = (
            {row["id"] for row in list_runs(self.workspace, self.project, self.selected)} if self.selected else set()
        )
        return [StoredRun(self.workspace, run_id) for run_id in self.selected if run_id in found]

    def on_open(self, callback: Callable[[StoredRun], Any]) -> None:
        """Calls `callback(run)` when somebody opens a run, in place of showing it below the list."""
        self._heard.append(callback)

    # --- orders: reading -----------------------------------------------------------------------------------------

    @command
    def listing(self) -> Reply:
        """Every run, as columns."""
        known = newest(self.workspace, self.project)
        rows = list_runs(self.workspace, self.project)
        with self._lock:
            self._known = known
            self._live = {row["id"]: row for row in rows if not RunState(row["state"]).ended}
        found = Listing(rows)
        return Reply({**found.content(), "project": self.project}, [found.numbers])

    @command
    def curves(self, ids: list[str], measure: str) -> Reply:
        """A measure over the epochs, of training and validation; over the steps before the first epoch has ended."""
        drawn, arrays = [], []
        for run_id in ids[:_MOST_CURVES]:
            history = StoredRun(self.workspace, run_id).history
            for split, name in (("train", measure), ("valid", f"val_{measure}")):
                source = history.epochs if len(history.epochs) > 1 else history.steps
                if not len(source) or name not in source.since(len(source))[1]:
                    continue
                x, y = source.curve(name, against="epoch", points=_POINTS)
                if np.isfinite(y).any():
                    drawn.append({"id": run_id, "split": split, "points": len(x)})
                    arrays += [np.asarray(x, np.float32), np.asarray(y, np.float32)]
        return Reply({"measure": measure, "curves": drawn}, arrays)

    @command
    def measures(self, ids: list[str]) -> list[str]:
        """Names of what can be drawn of these runs, the loss first."""
        names: dict[str, None] = {"loss": None}
        for run_id in ids[:_MOST_CURVES]:
            for column in StoredRun(self.workspace, run_id).history.epochs.columns:
                base = column.removeprefix("val_")
                if base not in ("epoch", "time", "step"):
                    names[base] = None
        return list(names)

    @command(background=True)
    def differences(self, ids: list[str]) -> dict[str, Any]:
        """The settings in which runs differ, and how each ended."""
        runs = self._runs(ids[:_MOST_COMPARED])
        frame = Comparison(runs).settings() if len(runs) > 1 else None
        rows = [] if frame is None else zip(frame.index, frame.to_numpy().tolist(), strict=True)
        settings = [[str(name), [_plain(value) for value in values]] for name, values in rows]
        return {"ids": [run.id for run in runs], "settings": settings}

    # --- orders: one run -----------------------------------------------------------------------------------------

    @command
    def show(self, run_id: str) -> None:
        """Hands a run to whoever listens for it; where nobody does, shows it below the list."""
        run = self._run(run_id)
        for heard in self._heard:
            heard(run)
        if not self._heard:
            self._put(TrainingMonitor(run.id, workspace=self.workspace))

    @command
    def put_away(self) -> None:
        """Closes the view of the opened run; the run goes on."""
        self._put(None)

    @command
    def rename(self, run_id: str, name: str) -> None:
        """Gives a run another name."""
        if not name.strip():
            raise LeptonError("a run needs a name", do="Type at least one letter")
        self._run(run_id).name = name.strip()
        self._tell([run_id])

    @command
    def star(self, run_id: str, on: bool) -> None:
        """Marks a run, or takes the mark away."""
        self._run(run_id).star(on)
        self._tell([run_id])

    @command
    def tag(self, run_id: str, tags: list[str]) -> None:
        """Gives a run exactly these tags."""
        run = self._run(run_id)
        wanted = {tag.strip() for tag in tags if tag.strip()}
        run.untag(*(set(run.tags) - wanted))
        run.tag(*wanted)
        self._tell([run_id])

    @command
    def note(self, run_id: str, text: str) -> None:
        """Replaces a run's note."""
        self._run(run_id).note = text
        self._tell([run_id])

    @command(background=True)
    def stop(self, run_id: str) -> None:
        """Ends a live run and keeps its best weights."""
        here = next((run for run in active_runs() if run.id == run_id), None)
        if here is not None:
            here.stop()
        else:
            self._run(run_id).stop()
        self._tell([run_id])

    @command(background=True)
    def resume(self, run_id: str) -> None:
        """Goes on with a run that was interrupted or stopped, in this process."""
        self._run(run_id).resume()
        self._tell([run_id])

    @command(background=True)
    def fork(self, run_id: str, at: str, name: str, changes: dict[str, float]) -> str:
        """Starts a new run from a run's weights; returns its id."""
        unknown = sorted(set(changes) - {"lr", "epochs", "batch_size"})
        if unknown:
            raise UnknownNameError("setting of a fork", unknown[0], ("lr", "epochs", "batch_size"))
        whole: dict[str, Any] = {key: value if key == "lr" else int(value) for key, value in changes.items()}
        run = self._run(run_id).fork("best" if at == "best" else "last", name=name, **whole)
        return run.id

    @command
    def delete(self, ids: list[str]) -> int:
        """Forgets runs with their history and checkpoints; live ones are refused before any is deleted."""
        runs = self._runs(ids)
        for run in runs:
            if not run.state.ended:
                raise LeptonError(f"{run.name!r} is {run.state} and cannot be deleted", do="Stop it first")
        for run in runs:
            run.delete()
        if self._monitor is not None and self._monitor.run_id in ids:
            self._put(None)
        self.push("removed", {"ids": [run.id for run in runs]})
        return len(runs)

    @command(background=True)
    def export(self, ids: list[str]) -> Reply:
        """The records of runs as CSV files in a zip archive."""
        buffer, taken = io.BytesIO(), set()
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for run in self._runs(ids):
                name = _file_name(run.name)
                name = f"{name}-{run.id[:6]}" if name in taken else name
                taken.add(name)
                for path in run.to_csv(Path(folder) / run.id):
                    archive.write(path, f"{name}/{path.name}")
        file = f"{taken.copy().pop()}.zip" if len(taken) == 1 else "runs.zip"
        return Reply({"name": file, "type": "application/zip"}, [buffer.getvalue()])

    @command(background=True)
    def export_table(self, ids: list[str]) -> Reply:
        """The table of runs as a CSV file, in the order of `ids`."""
        import pandas as pd

        rows = {row["id"]: row for row in list_runs(self.workspace, self.project)}
        flat = [
            {**{k: v for k, v in row.items() if k != "metrics"}, "tags": " ".join(row["tags"]), **row["metrics"]}
            for row in (rows[i] for i in ids if i in rows)
        ]
        frame = pd.DataFrame(flat)
        if len(frame):
            frame["created"] = pd.to_datetime(frame["created"], unit="s", utc=True)
        return Reply({"name": "runs.csv", "type": "text/csv"}, [frame.to_csv(index=False).encode()])

    # --- life ----------------------------------------------------------------------------------------------------

    def pulse(self) -> None:
        """Sends the live runs that changed, and says when runs came or went."""
        known = newest(self.workspace, self.project)
        live = {row["id"]: row for row in live_rows(self.workspace, self.project)}
        with self._lock:
            before, self._live = self._live, live
            moved, self._known = known != self._known, known
        over = list_runs(self.workspace, self.project, gone) if (gone := [i for i in before if i not in live]) else []
        changed = [row for row in live.values() if before.get(row["id"]) != row] + over
        if changed:
            self._push_rows(changed)
        if moved:
            self.push("moved")

    def still(self) -> str | None:
        """The newest runs as a table."""
        rows = list_runs(self.workspace, self.project)
        lines = (
            [
                cell(r["name"], "key"),
                cell(r["state"]),
                cell(f"{r['epoch']} of {r['epochs']}", "num"),
                cell(_short(r), "num"),
            ]
            for r in rows[:_STILL_ROWS]
        )
        head = [cell("run", header=True), cell("state", header=True)]
        head += [cell("epochs", "num", header=True), cell("loss", "num", header=True)]
        more = f'<p class="soft">and {len(rows) - _STILL_ROWS:,} more</p>' if len(rows) > _STILL_ROWS else ""
        return page("Runs", table(lines, head), more)

    def released(self) -> None:
        """Lets go of the view of the opened run."""
        self._put(None)

    def _put(self, monitor: TrainingMonitor | None) -> None:
        with self._lock:
            before, self._monitor = self._monitor, monitor
        self.opened = monitor.ref if monitor is not None else ""
        if before is not None:
            before.close()

    def _tell(self, ids: Sequence[str]) -> None:
        self._push_rows(list_runs(self.workspace, None, ids))

    def _push_rows(self, rows: Iterable[Row]) -> None:
        found = Listing(rows)
        self.push("rows", found.content(), [found.numbers])

    def _run(self, run_id: str) -> StoredRun:
        return self.workspace.open_run(run_id)

    def _runs(self, ids: Iterable[str]) -> list[StoredRun]:
        return [self._run(run_id) for run_id in ids]


def _plain(value: Any) -> Any:
    """A setting as JSON; what is no number or text becomes text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return json.dumps(value, default=str)


def _short(row: Row) -> str:
    loss = row["metrics"].get("val_loss", row["loss"])
    return "–" if loss is None else f"{loss:.4g}"


def _file_name(name: str) -> str:
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "run"
