"""A workspace of its own for every test, and a run that a test drives by hand."""

from __future__ import annotations

import pytest

from lepton_lab.training.status import RunState
from lepton_lab.workspace import StoreRecorder, Workspace
from tests.workspace.hand_driven import HandDriven


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_WORKSPACE", str(tmp_path / "lab"))
    return tmp_path / "lab"


@pytest.fixture
def workspace(own_folder):
    workspace = Workspace()
    yield workspace
    workspace.close()


@pytest.fixture
def by_hand(workspace):
    """Starts hand-driven runs; ends those that a test left running."""
    started = []

    def start(name="by hand", details=None, **parts):
        run, recorder = HandDriven(name, **parts), StoreRecorder(workspace, **(details or {}))
        recorder.attach(run)
        started.append((run, recorder))
        return run

    def end(run, state=RunState.FINISHED):
        run.set_state(state)
        recorder = next(recorder for other, recorder in started if other is run)
        recorder.detach(run)

    start.end = end
    yield start
    for run, _ in started:
        if not run.status.state.ended:
            end(run, RunState.STOPPED)
