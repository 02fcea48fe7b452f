"""A run of another process: read live, given orders, and found after a sudden death."""

from __future__ import annotations

import os
import signal
import statistics
import time

import pytest

from lepton_lab.errors import StoreError, TrainingError
from lepton_lab.training.status import RunState
from tests.workspace import hand_driven, processes


@pytest.fixture
def remote(workspace):
    started = []

    def start(run_id):
        said = processes.context.Queue()
        process = processes.in_process(hand_driven.main, workspace.folder, run_id, said)
        started.append(process)
        assert said.get(timeout=60) == "ready"
        return process, said

    yield start
    for process in started:
        process.kill()
        process.join()


def test_a_reader_follows_live_and_gives_orders(workspace, remote):
    process, said = remote("far")
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
    assert said.get(timeout=5) == ("pause", {})
    run.set(lr=0.5)
    assert said.get(timeout=5) == ("set", {"lr": 0.5})
    deadline = time.monotonic() + 3
    while run.status.lr != 0.5 or run.state is not RunState.PAUSED:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    run.resume()
    run.stop()
    assert run.wait(10).state is RunState.STOPPED
    process.join(10)
    assert process.exitcode == 0
    assert [said.get(timeout=5)[0] for _ in range(2)] == ["resume", "stop"]
    assert [u.status.state for u in run.feed.follow()] == [RunState.STOPPED]


@pytest.mark.parametrize("after", [0.0, 0.13, 0.5, 1.1])
def test_a_killed_process_loses_less_than_a_second(workspace, remote, after):
    process, _ = remote("far")
    time.sleep(after)
    process.kill()
    died = time.time()
    process.join()
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
    process, said = remote("far")
    os.kill(process.pid, signal.SIGSTOP)
    try:
        with pytest.raises(StoreError, match="took no 'pause' within"):
            workspace.open_run("far").send(hand_driven.Command("pause"), timeout=0.8)
    finally:
        os.kill(process.pid, signal.SIGCONT)
    assert said.get(timeout=5) == ("pause", {})
