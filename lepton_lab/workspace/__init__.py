"""The run store: records of runs in a folder, readers of them, and worker processes that train queued ones.

What lives here: the SQLite file and its tables, metric columns in chunks, the pump that records live runs, feeds,
stored runs with their controls, projects, exports, the queue and the worker. What may not: widgets, drawing, and
anything that trains by itself; a run is always trained by `lepton_lab.training`.

Importing this package makes the current workspace the recorder of every run that names no other.
"""

from __future__ import annotations

from lepton_lab.training.recording import set_default_recorder
from lepton_lab.workspace.api import compare, open_run, runs
from lepton_lab.workspace.comparison import Comparison
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
    "current_workspace",
    "open_run",
    "runs",
]

set_default_recorder(default_store_recorder)
