"""'My work': the projects of the workspace and their runs, live, to reopen, rename, copy and delete."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import traitlets

from lepton_lab.app import words_work as words
from lepton_lab.app.visit import Visit
from lepton_lab.app.work_rows import Row, WorkList
from lepton_lab.errors import StoreError
from lepton_lab.widgets._base import Widget, command
from lepton_lab.workspace import Project, StoredRun
from lepton_lab.workspace.comparison import Comparison

__all__ = ["WorkPage"]

_LOOK_S = 0.4  # between two looks at the workspace
_COMPARED = 2


class WorkPage(Widget):
    """The projects of the visitor's workspace.

    Args:
        visit: What the visitor works on.

    Attributes:
        unfolded: Ids of the projects whose runs are shown.
    """

    _bundle: ClassVar[str] = "app_work"

    unfolded = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.workspace = visit.workspace
        self._list = WorkList(visit.workspace)
        self._looked = 0.0
        self._sent: dict[str, Any] = {"projects": [], "runs": {}}
        self._lock = threading.Lock()
        super().__init__()

    # --- reading -------------------------------------------------------------------------------------------------

    @command
    def listing(self) -> dict[str, Any]:
        """All projects, and the runs of those that are unfolded."""
        self._tell()
        return self._sent

    @command
    def gone_with(self, project_id: str) -> dict[str, Any]:
        """What a project's deletion would take along."""
        project = self._project(project_id)
        runs = self._list.runs(project.name)
        exports = self.workspace.folder / "exports" / project.id
        folders = [self.workspace.run_folder(run["id"]) for run in runs]
        uploads = [self.workspace.folder / "uploads" / name for name in project.own_uploads()]
        return {
            "runs": len(runs),
            "live": [run["name"] for run in runs if run["live"]],
            "exports": sum(1 for path in exports.glob("**/*") if path.is_file()) if exports.exists() else 0,
            "uploads": len(uploads),
            "bytes": sum(map(_size, [exports, *folders, *uploads])),
        }

    @command(background=True)
    def differences(self, run_ids: list[str]) -> dict[str, Any]:
        """The settings in which two runs differ, and how each did."""
        runs = [self.workspace.open_run(run_id) for run_id in run_ids[:_COMPARED]]
        frame = Comparison(runs).settings()
        settings = [
            [words.setting(str(name)), [words.value(v) for v in values]]
            for name, values in zip(frame.index, frame.to_numpy().tolist(), strict=True)
            if not words.is_technical(str(name))
        ]
        return {"ids": [run.id for run in runs], "settings": settings}

    # --- projects ------------------------------------------------------------------------------------------------

    @command
    def open_project(self, project_id: str) -> None:
        """Goes to a project."""
        self.visit.open(self._project(project_id).id)

    @command
    def start_new(self) -> None:
        """Goes where a project begins."""
        self.visit.go("start")

    @command
    def rename(self, project_id: str, title: str) -> None:
        """Gives a project another name; one that is empty or taken is refused."""
        self._project(project_id).rename(title)
        self._tell()

    @command
    def duplicate(self, project_id: str) -> str:
        """Makes a copy of a project without its runs; returns its id."""
        copy = self._project(project_id).duplicate()
        self._tell()
        return copy.id

    @command(background=True)
    def stop(self, project_id: str) -> None:
        """Ends what trains in a project, keeping the best weights."""
        for run in self._list.runs(self._project(project_id).name):
            if run["live"]:
                self.workspace.open_run(run["id"]).stop()
        self._tell()

    @command(background=True)
    def delete(self, project_id: str) -> None:
        """Forgets a project with all that belongs to it; refused while it trains."""
        self._project(project_id).delete()
        self._tell()

    # --- runs ----------------------------------------------------------------------------------------------------

    @command
    def open_run(self, project_id: str, run_id: str) -> None:
        """Goes to a project and looks at one of its runs."""
        run = self._run(run_id)
        self.visit.open(self._project(project_id).id, "train")
        self.visit.use_run(run)

    @command
    def rename_run(self, run_id: str, name: str) -> None:
        """Gives a run another name; an empty one is refused."""
        self._run(run_id).rename(name)
        self._tell()

    @command
    def star_run(self, run_id: str, on: bool) -> None:
        """Marks a run, or takes the mark away."""
        self._run(run_id).star(on)
        self._tell()

    @command(background=True)
    def delete_run(self, run_id: str) -> None:
        """Forgets a run with its curves and weights; refused while it trains."""
        self._run(run_id).delete()
        self._tell()

    # --- life ----------------------------------------------------------------------------------------------------

    def pulse(self) -> None:
        """Sends the projects that changed, a few times a second at most."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_S:
            self._looked = now
            self._tell()

    def _tell(self) -> None:
        """Sends what is not as it was sent last; a view replaces whole rows."""
        with self._lock:
            before, now = self._sent, self._read()
            if now == before:
                return
            known = {row["id"]: row for row in before["projects"]}
            changed = [row for row in now["projects"] if known.get(row["id"]) != row]
            runs = {project: rows for project, rows in now["runs"].items() if before["runs"].get(project) != rows}
            self._sent = now
            self.push("moved", {"ids": [row["id"] for row in now["projects"]], "projects": changed, "runs": runs})

    def _read(self) -> dict[str, Any]:
        projects = self._list.projects()
        names = {row["id"]: row["title"] for row in projects}
        runs: dict[str, list[Row]] = {i: self._list.runs(names[i]) for i in self.unfolded if i in names}
        return {"projects": projects, "runs": runs}

    @traitlets.observe("unfolded")
    def _unfolded(self, _: Any) -> None:
        self._looked = 0.0

    def _project(self, project_id: str) -> Project:
        project = self.workspace.project_by_id(project_id)
        if project is None:
            raise StoreError(words.GONE, do=words.GONE_FIX)
        return project

    def _run(self, run_id: str) -> StoredRun:
        return self.workspace.open_run(run_id)


def _size(path: Path) -> int:
    """Bytes of a file or folder; 0 where it is not there."""
    files = path.rglob("*") if path.is_dir() else [path]
    return int(np.sum([file.stat().st_size for file in files if file.is_file()], dtype=np.int64))
