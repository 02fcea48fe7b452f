"""The run store: records of runs in a folder, readers of them, and worker processes that train queued ones.

What lives here: the SQLite file and its tables, metric columns in chunks, the pump that records live runs, feeds,
stored runs with their controls, projects, exports, the queue and the worker. What may not: widgets, drawing, and
anything that trains by itself; a run is always trained by `lepton_lab.training`.

Importing this package connects it to the engine: the current workspace records every run that names no recorder,
and `Trainer.start(where="worker")` queues runs for a worker process.
"""

from __future__ import annotations

from lepton_lab.training.recording import set_default_recorder, set_place
from lepton_lab.workspace.api import compare, open_run, runs
from lepton_lab.workspace.comparison import Comparison
from lepton_lab.workspace.elsewhere import start_in_worker
from lepton_lab.workspace.feed import Feed, FeedCursor, FeedUpdate
from lepton_lab.workspace.projects import Project
from lepton_lab.workspace.recorder import StoreRecorder, default_store_recorder
from lepton_lab.workspace.stored import StoredRun
from lepton_lab.workspace.workspace import Workspace, current_workspace

__all__ = [
    "Comparison",
    "Feed",
    "FeedCursor",
    "FeedUpdate",
    "Project",
    "StoreRecorder",
    "StoredRun",
    "Workspace",
    "compare",
    "connect",
    "current_workspace",
    "open_run",
    "runs",
    "start_in_worker",
]


def connect() -> None:
    """Makes the current workspace record runs, and workers train them; done once when this package is imported."""
    set_default_recorder(default_store_recorder)
    set_place("worker", start_in_worker)


connect()
