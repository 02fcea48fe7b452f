"""Trainings in a worker: started on demand, steered from here, outliving who started them."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from lepton_lab.data import from_arrays
from lepton_lab.errors import TrainingError
from lepton_lab.training.slots import default_slots
from lepton_lab.training.status import RunState
from lepton_lab.workspace import connect, elsewhere, launch, liveness, queue, rows
from lepton_lab.workspace.worker import Worker
from tests.workspace import processes, trains


@pytest.fixture(autouse=True)
def connected():
    connect()
    count = default_slots.count
    yield
    default_slots.resize(count)


def put(workspace, name, owner="ann", epochs=2, source=None, **settings):
    trainer = trains.trainer(epochs=epochs, batch_size=64, **settings)
    return workspace.open_run(
        queue.enqueue(
            workspace.database,
            name=name,
            network=trains.network().to_dict(),
            data={"source": source or {"loader": "load_dataset", "args": {"name": "digits"}}},
            settings=trainer.settings.to_json(),
            owner=owner,
        )
    )


def kill(workspace):
    for owner in launch.live_workers(workspace):
        os.kill(owner.pid, signal.SIGKILL)


def _notebook(folder, said):
    """Starts two runs in a worker, as a notebook would, and waits to be killed."""
    os.environ["LEPTON_WORKSPACE"] = str(folder)
    elsewhere.ensure_worker = lambda w: launch.ensure_worker(w, "--idle", "1", "--slots", "2")
    trainer, data = trains.trainer(), trains.digits()
    began = time.monotonic()
    far = trainer.start(data, 3000, 64, where="worker", name="far")
    said.put((far.state, time.monotonic() - began))
    trainer.start(data, 2, 64, where="worker", name="beside")
    said.put("both")
    time.sleep(600)


def test_a_worker_outlives_its_starter_is_steered_and_ends_by_itself(workspace):
    try:
        said = processes.context.Queue()
        notebook = processes.in_process(_notebook, workspace.folder, said)
        state, seconds = said.get(timeout=60)
        assert state is RunState.QUEUED
        assert seconds < 2
        assert said.get(timeout=10) == "both"
        notebook.kill()
        notebook.join()
        run, other = workspace.open_run("far"), workspace.open_run("beside")
        assert other.wait(90).state is RunState.FINISHED
        (worker,) = launch.live_workers(workspace)
        update = next(u for u in run.feed.follow() if u.steps)
        assert update.status.state is RunState.RUNNING
        assert run.status.device == "cpu"
        run.set(lr=0.5)
        run.pause()
        assert run.state is RunState.PAUSED
        paused = run.status.step
        time.sleep(0.3)
        assert (run.state, run.status.step) == (RunState.PAUSED, paused)
        run.resume()
        run.stop()
        assert run.wait(20).state is RunState.STOPPED
        assert run.history.events[0]["lr"] == 0.5
        assert set(run.evaluate()) == {"loss", "accuracy"}
        deadline = time.monotonic() + 30
        while liveness.is_alive(worker, None):
            assert time.monotonic() < deadline, "the idle worker did not end"
            time.sleep(0.1)
        assert launch.live_workers(workspace) == []
        log = launch.log_path(workspace).read_text()
        assert "'beside'" in log
        assert "idle; ending" in log
    finally:
        kill(workspace)


def test_only_plain_descriptions_travel(workspace):
    data = trains.digits()
    with pytest.raises(TrainingError, match='where="thread"'):
        trains.Trainer(trains.network().build(), **trains.QUICK).start(data, 1, where="worker")
    with pytest.raises(TrainingError, match='where="thread"'):
        trains.trainer(pause=0.1).start(data, 1, where="worker")
    memory = from_arrays(data.train.tensors()[0].numpy(), data.train.tensors()[1].numpy())
    with pytest.raises(TrainingError, match='where="thread"'):
        trains.trainer().start(memory, 1, where="worker")
    assert workspace.runs().empty


def test_a_worker_here_trains_what_waits_and_survives_bad_jobs(workspace):
    good = put(workspace, "good")
    bad = put(workspace, "bad", source={"loader": "load_dataset", "args": {"name": "no such thing"}})
    worse = put(workspace, "worse", optimizer="adam", lr=1e30, epochs=3)
    last = put(workspace, "last", owner="bob")
    assert Worker(workspace, slots=1, idle_s=0.3).serve() == 4
    assert good.state is RunState.FINISHED
    assert last.state is RunState.FINISHED
    assert bad.state is RunState.FAILED
    assert worse.state is RunState.FAILED
    with pytest.raises(TrainingError, match="no such thing"):
        bad.wait(1)
    claimed = workspace.database.rows("SELECT name FROM runs ORDER BY claimed")
    assert [row["name"] for row in claimed] == ["good", "last", "bad", "worse"]
    mine = trains.trainer().start(trains.digits(), 2, 64, record=False).wait()
    assert good.history["loss"] == mine.history["loss"]


def test_a_vanished_workers_run_is_restarted_only_if_asked(workspace):
    run = put(workspace, "left", epochs=3)
    Worker(workspace, slots=1, idle_s=0.2).serve()
    loss = run.history["loss"]
    with workspace.database.write() as connection:
        rows.update_run(connection, run.id, {"state": "running", "pid": 2**22 + 1})
    assert Worker(workspace, slots=1, idle_s=0.2).serve() == 0
    assert run.state is RunState.INTERRUPTED
    assert Worker(workspace, slots=1, idle_s=0.2, restart_interrupted=True).serve() == 1
    assert run.state is RunState.FINISHED
    assert run.history["loss"] == loss
    assert [e["kind"] for e in run.history.events][-1] == "resumed"


def test_a_stopped_worker_keeps_the_best_of_its_runs(workspace):
    run = put(workspace, "long", epochs=100_000)
    worker = Worker(workspace, slots=1)
    thread = threading.Thread(target=worker.serve)
    thread.start()
    deadline = time.monotonic() + 30
    while run.status.epoch < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    worker.stop()
    thread.join(30)
    assert run.state is RunState.STOPPED
    assert {c.kind for c in run.checkpoints} == {"best", "step"}
    assert launch.live_workers(workspace) == []


def test_an_order_given_while_waiting_is_obeyed_at_the_start(workspace):
    run = put(workspace, "set before", epochs=2)
    run.set(lr=0.5)
    Worker(workspace, slots=1, idle_s=0.2).serve()
    assert any(e.get("lr") == 0.5 for e in run.history.events)


def test_two_worker_processes_share_the_queue(workspace, tmp_path):
    runs = [put(workspace, f"run {i}", owner=f"owner {i % 2}", epochs=1) for i in range(8)]
    logs = [tmp_path / "first.log", tmp_path / "second.log"]
    workers = [processes.in_process(trains.work, workspace.folder, log) for log in logs]
    for worker in workers:
        worker.join(90)
        assert worker.exitcode == 0
    texts = [log.read_text() for log in logs]
    for run in runs:
        assert sum(text.count(f"starting {run.name!r}") for text in texts) == 1
        assert run.state is RunState.FINISHED
        assert len(run.history.epochs) == 1


def test_a_waiting_handle_starts_a_worker_again(workspace, monkeypatch):
    calls = []
    monkeypatch.setattr("lepton_lab.workspace.elsewhere.ensure_worker", lambda w: calls.append(w))
    monkeypatch.setattr("lepton_lab.workspace.stored.ensure_worker", lambda w: calls.append(w))
    monkeypatch.setattr("lepton_lab.workspace.stored._WORKER_S", 0.1)
    request = trains.Trainer(trains.network(), **trains.QUICK)
    run = request.start(trains.digits(), 1, where="worker")
    assert len(calls) == 1
    with pytest.raises(TimeoutError):
        run.wait(0.3)
    assert len(calls) > 1
