"""Queued runs are taken once, fairly, and can be taken out again."""

from __future__ import annotations

import os
import time

import pytest

from lepton_lab.errors import TrainingError
from lepton_lab.training.status import RunState
from lepton_lab.workspace import Workspace, liveness, queue
from lepton_lab.workspace.launch import Registration, ensure_worker, live_workers
from lepton_lab.workspace.rows import update_run
from tests.workspace import processes

ME = liveness.this_process()
GONE = liveness.Owner(ME.host, ME.pid, ME.process_started - 1000)


def put(workspace, owner, name=""):
    return queue.enqueue(
        workspace.database, name=name, network={}, data={"source": {}}, settings={"epochs": 2}, owner=owner
    )


def end(workspace, run_id):
    with workspace.database.write() as connection:
        update_run(connection, run_id, {"state": "finished"})


def test_a_queued_run_is_shown_as_such(workspace):
    run = workspace.open_run(put(workspace, "ann", "mine"))
    assert (run.state, run.status.epochs, run.name) == (RunState.QUEUED, 2, "mine")
    assert len(run.history.steps) == 0
    assert workspace.runs()["place"].tolist() == ["worker"]


def test_owners_take_turns(workspace):
    for name in ("a1", "a2", "a3"):
        put(workspace, "ann", name)
    put(workspace, "bob", "b1")
    put(workspace, "cid", "c1")
    order = [queue.claim(workspace.database, ME)["name"] for _ in range(5)]
    assert order == ["a1", "b1", "c1", "a2", "a3"]
    assert queue.claim(workspace.database, ME) is None


def test_who_was_served_longest_ago_is_next_when_nothing_runs(workspace):
    for owner in ("ann", "bob"):
        for _ in range(2):
            put(workspace, owner)
    order = []
    for _ in range(4):
        row = queue.claim(workspace.database, ME)
        order.append(row["owner"])
        end(workspace, row["id"])
    assert order == ["ann", "bob", "ann", "bob"]


def test_only_runs_of_a_vanished_worker_are_gone_on_with(workspace):
    first, second = put(workspace, "ann"), put(workspace, "ann")
    assert queue.claim(workspace.database, GONE)["id"] == first
    assert queue.claim(workspace.database, ME)["id"] == second
    assert workspace.open_run(first).state is RunState.INTERRUPTED
    assert queue.claim_interrupted(workspace.database, ME)["id"] == first
    assert workspace.open_run(first).state is RunState.STARTING
    assert queue.claim_interrupted(workspace.database, ME) is None


def test_stop_takes_a_waiting_run_out_of_the_queue(workspace):
    run = workspace.open_run(put(workspace, "ann"))
    run.pause()  # kept for when it starts
    run.stop()
    assert run.state is RunState.STOPPED
    assert queue.claim(workspace.database, ME) is None
    with pytest.raises(TrainingError, match="has ended"):
        run.pause()


def _claim_all(folder, start, taken):
    workspace = Workspace(folder)
    start.wait()
    while (row := queue.claim(workspace.database, liveness.this_process())) is not None:
        taken.put((row["id"], os.getpid()))
    taken.put(None)
    taken.close()
    taken.join_thread()
    workspace.close()


def test_two_workers_never_take_the_same_run(workspace):
    expected = {put(workspace, f"owner {i % 3}") for i in range(60)}
    start, taken = processes.context.Barrier(2), processes.context.Queue()
    takers = [processes.in_process(_claim_all, workspace.folder, start, taken) for _ in range(2)]
    found, ended = [], 0
    while ended < 2:
        item = taken.get(timeout=60)
        ended += item is None
        found += [item] if item is not None else []
    for process in takers:
        process.join(30)
    assert len(found) == 60
    assert {run_id for run_id, _ in found} == expected


def test_a_second_worker_is_not_started_needlessly(workspace, monkeypatch):
    assert live_workers(workspace) == []
    here = Registration(workspace, ME, 1)
    assert here.enter(only=True)
    assert not Registration(workspace, ME, 1).enter(only=True)
    assert Registration(workspace, GONE, 1).enter(only=False)
    here.beat()
    assert live_workers(workspace) == [ME]
    assert not ensure_worker(workspace)
    put(workspace, "ann")
    assert not here.leave(if_idle=True)
    queue.claim(workspace.database, ME)
    assert here.leave(if_idle=True)
    assert live_workers(workspace) == []


def test_the_owner_is_the_user_unless_named(monkeypatch):
    assert queue.default_owner().endswith(f":{os.getpid()}")
    monkeypatch.setenv("LEPTON_OWNER", "class 3b")
    assert queue.default_owner() == "class 3b"


def test_a_process_is_known_by_its_number_and_start():
    assert liveness.is_alive(ME, None)
    assert not liveness.is_alive(GONE, None)
    assert not liveness.is_alive(liveness.Owner(ME.host, 2**22 + 1, 0.0), None)
    elsewhere = liveness.Owner("another machine", 1, 0.0)
    assert not liveness.is_alive(elsewhere, None)
    assert liveness.is_alive(elsewhere, time.time())
    assert not liveness.is_alive(elsewhere, time.time() - 100)
