"""A workspace of its own for every test, and a run that a test drives by hand."""

from __future__ import annotations

import dataclasses
import time
import uuid

import pytest

from lepton_lab.training.commands import Command, Controls
from lepton_lab.training.history import History
from lepton_lab.training.status import RunState, RunStatus
from lepton_lab.workspace import StoreRecorder, Workspace


class HandDriven:
    """Stands for a `Run` towards the recorder: a test writes its rows and takes its orders."""

    def __init__(self, name="by hand", run_id=None, history=None, parent=None, **settings):
        self.id, self.name, self.folder = run_id or uuid.uuid4().hex, name, None
        self.network, self.settings = {"layers": []}, {"lr": 0.1, "seed": 0, **settings}
        self.data = {"name": "digits"}
        self.parent, self.created = parent, time.time()
        self.history = History(("accuracy",), validation=True) if history is None else history
        self.controls = Controls()
        self.status = RunStatus(RunState.RUNNING, epochs=3)
        self.error = None

    def send(self, command: Command):
        self.controls.send(command)

    def fingerprint(self):
        return "abc"

    def exception(self):
        return self.error

    def train(self, steps):
        for _ in range(steps):
            at = len(self.history.steps) + 1
            self.history.steps.append((at, at / 10, at / 100, 1 / at, 0.1, 0.5, 1e4, 0.5))

    def end_epoch(self):
        at = len(self.history.epochs) + 1
        self.history.epochs.append((at, 1 / at, 0.5, 2 / at, 0.4, 0.1, 1.0))
        self.set_state(RunState.RUNNING, epoch=at)

    def set_state(self, state, **changes):
        self.status = dataclasses.replace(self.status, state=state, **changes)


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
