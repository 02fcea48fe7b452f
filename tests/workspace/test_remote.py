"""A run of another process: read live, given orders, and found after a sudden death."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time

import pytest

from lepton_lab.errors import StoreError, TrainingError
from lepton_lab.training.status import RunState
from tests.workspace import hand_driven


@pytest.fixture
def remote(workspace):
    processes = []

    def start(run_id):
        command = [sys.executable, hand_driven.__file__, str(workspace.folder), run_id]
        path = os.pathsep.join(p for p in sys.path if p)
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path})
        processes.append(process)
        assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_reader_follows_live_and_gives_orders(workspace, remote):
    process = remote("far")
    run = workspace.open_run("far")
    ages, rows = [], []
    for update in run.feed.follow():
        if "time" in update.steps:
            ages.append(time.time() - update.steps["time"][-1])
            rows += update.steps["step"].tolist()
        if len(ages) > 10:
            break
    assert rows == list(range(1, len(rows) + 1))
    assert statistics.median(ages) < 0.3

    start = time.monotonic()
    run.pause()
    assert time.monotonic() - start < 1.0
    assert process.stdout.readline() == "pause {}\n"
    run.set(lr=0.5)
    assert process.stdout.readline() == "set {'lr': 0.5}\n"
    deadline = time.monotonic() + 3
    while run.status.lr != 0.5 or run.state is not RunState.PAUSED:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    run.resume()
    run.stop()
    assert run.wait(10).state is RunState.STOPPED
    assert process.wait(10) == 0
    assert [line.split()[0] for line in process.stdout] == ["resume", "stop"]
    assert [u.status.state for u in run.feed.follow()] == [RunState.STOPPED]


@pytest.mark.parametrize("after", [0.0, 0.13, 0.5, 1.1])
def test_a_killed_process_loses_less_than_a_second(workspace, remote, after):
    process = remote("far")
    time.sleep(after)
    process.send_signal(signal.SIGKILL)
    died = time.time()
    process.wait()
    run = workspace.open_run("far")
    assert run.state is RunState.INTERRUPTED
    assert "resume()" in run.status.message
    assert workspace.runs()["state"].tolist() == ["interrupted"]
    _, steps = run.history.steps.since(0)
    assert steps["step"].tolist() == list(range(1, len(steps["step"]) + 1))
    if after > 0.4:
        assert died - steps["time"][-1] < 1.0
    with pytest.raises(TrainingError, match=r"has ended.*resume\(\)"):
        run.pause()
    run.delete()


def test_a_process_that_hangs_takes_no_order(workspace, remote):
    process = remote("far")
    process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(StoreError, match="took no 'pause' within"):
            workspace.open_run("far").send(hand_driven.Command("pause"), timeout=0.8)
    finally:
        process.send_signal(signal.SIGCONT)
    assert process.stdout.readline() == "pause {}\n"
