"""What becomes of a run when the app's server ends, and when it starts again."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import lepton_lab as ll
from lepton_lab.app.server_runs import MARK, end_processes, go_on
from lepton_lab.workspace import Workspace
from lepton_lab.workspace.launch import live_workers
from lepton_lab.workspace.stored import StoredRun


def wait(run: StoredRun, *, step: int = 0, ended: bool = False, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while run.status.step < step or (ended and not run.status.state.ended):
        assert time.monotonic() < end, run.status
        time.sleep(0.05)


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Workspace, StoredRun]:
    """A run of a worker that bears the mark of a server."""
    monkeypatch.setenv("LEPTON_WORKSPACE", str(tmp_path))
    monkeypatch.setenv(MARK, "this server")
    workspace = Workspace(tmp_path)
    data = ll.load_dataset("spirals", seed=1)
    network = ll.NetworkSpec([ll.Linear(8, activation="tanh"), ll.Linear(2)], input_shape=data.sample_shape)
    trainer = ll.Trainer(network, compile=False)
    run = trainer.start(data, epochs=100_000, where="worker", recorder=workspace.recorder())
    stored = workspace.open_run(run.id)
    wait(stored, step=50)
    return workspace, stored


def test_a_run_goes_on_where_it_was_when_the_app_starts_again(training: tuple[Workspace, StoredRun]) -> None:
    workspace, run = training
    (worker,) = live_workers(workspace)
    assert asyncio.run(end_processes(workspace, "this server")) == 1
    assert not psutil.pid_exists(worker.pid)
    assert live_workers(workspace) == []
    before = run.status
    assert str(before.state) == "interrupted"
    assert go_on(workspace)
    wait(run, step=before.step + 50)
    assert str(run.status.state) == "running"
    assert asyncio.run(end_processes(workspace, "this server")) == 1


def test_the_worker_of_somebody_else_is_left_alone(training: tuple[Workspace, StoredRun]) -> None:
    workspace, run = training
    assert asyncio.run(end_processes(workspace, "another server")) == 0
    step = run.status.step
    wait(run, step=step + 10)
    run.stop()
    wait(run, ended=True)
    asyncio.run(end_processes(workspace, "this server"))
    assert str(run.status.state) == "stopped"  # a run that was stopped stays so
    assert not go_on(workspace)


def test_helpers_that_left_their_parents_end_too(tmp_path: Path) -> None:
    environment = {**os.environ, MARK: "this server"}
    waiting = [sys.executable, "-c", "import time; print(1, flush=True); time.sleep(600)"]
    with subprocess.Popen(waiting, env=environment, stdout=subprocess.PIPE, start_new_session=True) as helper:
        assert helper.stdout is not None
        helper.stdout.readline()
        assert asyncio.run(end_processes(Workspace(tmp_path), "this server")) == 0
        assert helper.wait(10) == -9


def test_without_runs_no_worker_is_started(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    assert not go_on(workspace)
    assert live_workers(workspace) == []
