"""A folder that keeps runs: `lepton.db` with their records, and their checkpoints beside it."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton_lab.errors import StoreError
from lepton_lab.workspace.database import Database
from lepton_lab.workspace.projects import Project
from lepton_lab.workspace.rows import find_run, run_row, shown_status

if TYPE_CHECKING:
    import pandas as pd

    from lepton_lab.workspace.comparison import Comparison
    from lepton_lab.workspace.recorder import StoreRecorder
    from lepton_lab.workspace.stored import StoredRun

__all__ = ["VARIABLE", "Workspace", "current_workspace"]

VARIABLE = "LEPTON_WORKSPACE"
"""Environment variable that names the default folder."""


class Workspace:
    """The runs of a folder, live and ended ones, of this process and of others.

    Args:
        folder: Where it lies; `$LEPTON_WORKSPACE`, else `~/lepton-lab`. It is created where missing.

    Raises:
        StoreError: The folder cannot be used, or a newer version wrote it.

    Threads: safe. Side effects: creates the folder and its database.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self.folder = Path(folder if folder is not None else default_folder()).expanduser().absolute()
        self.database = Database(self.folder / "lepton.db")

    def __repr__(self) -> str:
        return f"Workspace({str(self.folder)!r})"

    def runs(self, project: str | None = None) -> pd.DataFrame:
        """One row a run, the newest first; empty where there are none.

        Args:
            project: Only the runs of this project.
        """
        import pandas as pd

        where, values = ("", ()) if project is None else (" WHERE project = ?", (project,))
        order = " ORDER BY created DESC, rowid DESC"
        found = self.database.rows("SELECT * FROM runs" + where + order, values)  # noqa: S608  no text from outside
        return pd.DataFrame([_frame_row(run_row(row)) for row in found], columns=list(_FRAME))

    def open_run(self, name: str) -> StoredRun:
        """A run by its id, the beginning of its id, or its name (the newest of that name).

        Raises:
            UnknownNameError: There is no such run.
        """
        from lepton_lab.workspace.stored import StoredRun

        return StoredRun(self, find_run(self.database, name)["id"])

    def compare(self, *runs: str | StoredRun) -> Comparison:
        """Several runs side by side: their curves and the settings in which they differ."""
        from lepton_lab.workspace.comparison import Comparison

        return Comparison([self.open_run(r) if isinstance(r, str) else r for r in runs])

    def recorder(self, project: str = "") -> StoreRecorder:
        """Records runs here instead of in the current workspace: `trainer.start(data, recorder=workspace.recorder())`.

        Args:
            project: The project that they belong to.
        """
        from lepton_lab.workspace.recorder import StoreRecorder

        return StoreRecorder(self, project=project)

    def project(self, name: str) -> Project:
        """The project of this name, made where there is none."""
        return Project.get_or_create(self, name)

    def project_by_id(self, project_id: str) -> Project | None:
        """The project of this id; None where there is none (any more)."""
        row = self.database.row("SELECT id FROM projects WHERE id = ?", (project_id,))
        return Project(self, str(row["id"])) if row is not None else None

    def projects(self) -> pd.DataFrame:
        """One row a project, the last changed first: id, name, when made and changed, number of runs.

        Beside them the newest run: its id, name, state and epochs, and its main metric (accuracy of validation, where
        there is one) at the epoch of its best weights.
        """
        from lepton_lab.workspace.project_table import projects_frame

        return projects_frame(self)

    def run_folder(self, run_id: str) -> Path:
        """Where the files of a run lie."""
        return self.folder / "runs" / run_id

    def delete(self, run: str | StoredRun) -> None:
        """Forgets a run with its history and checkpoints; a run that is live is refused.

        Raises:
            StoreError: The run is still live.
            UnknownNameError: There is no such run.
        """
        row = find_run(self.database, run if isinstance(run, str) else run.id)
        state = shown_status(row).state
        if not state.ended:
            raise StoreError(f"the run {row['name']!r} is {state} and cannot be deleted", do="Stop it first")
        with self.database.write() as connection:
            connection.execute("DELETE FROM runs WHERE id = ?", (row["id"],))
        shutil.rmtree(self.run_folder(row["id"]), ignore_errors=True)

    def close(self) -> None:
        """Closes the connections to the database; the next use opens them again."""
        self.database.close()


def default_folder() -> Path:
    """`$LEPTON_WORKSPACE`, else `~/lepton-lab`."""
    return Path(os.environ.get(VARIABLE) or Path.home() / "lepton-lab")


def current_workspace() -> Workspace:
    """The workspace of the default folder, opened once a process.

    Raises:
        StoreError: See `Workspace`.
    """
    folder = default_folder().expanduser().absolute()
    with _lock:
        workspace = _open.get(folder)
        if workspace is None or not workspace.database.path.exists():
            workspace = _open[folder] = Workspace(folder)
        return workspace


_open: dict[Path, Workspace] = {}
_lock = threading.Lock()

_FRAME = (
    "name", "state", "project", "epoch", "epochs", "step", "loss", "metrics", "samples_per_s", "duration_s",
    "device", "data", "seed", "star", "tags", "note", "created", "place", "parent", "id",
)  # fmt: skip


def _frame_row(row: dict[str, Any]) -> dict[str, Any]:
    import pandas as pd

    status = shown_status(row)
    return {
        **{name: row[name] for name in ("name", "project", "device", "seed", "tags", "note", "place", "id")},
        "parent": (row["parent"] or {}).get("run"),
        "state": str(status.state),
        "epoch": status.epoch,
        "epochs": status.epochs,
        "step": status.step,
        "loss": status.loss,
        "metrics": dict(status.metrics),
        "samples_per_s": status.samples_per_s,
        "duration_s": row["duration"],
        "data": (row["data"] or {}).get("name"),
        "star": bool(row["star"]),
        "created": pd.Timestamp(row["created"], unit="s", tz="UTC"),
    }
