"""Real trainings that were interrupted go on; their weights, data and history are found again."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest

from lepton_lab.data import from_arrays
from lepton_lab.errors import CheckpointError, DataError, StoreError, TrainingError
from lepton_lab.training.status import RunState
from lepton_lab.workspace import Feed, StoreRecorder, connect, rows
from tests.workspace import processes, trains


@pytest.fixture(autouse=True)
def recorded():
    connect()


def trained(workspace, name="real", epochs=2, data=None, **settings):
    data = trains.digits() if data is None else data
    return trains.trainer(**settings).start(data, epochs, 64, recorder=StoreRecorder(workspace), name=name).wait()


def orphaned(workspace, run):
    """As if the process had vanished while it trained."""
    with workspace.database.write() as connection:
        rows.update_run(connection, run.id, {"state": "running", "pid": 2**22 + 1})


def start(workspace, run_id, epochs=6, pause=0.01):
    ready = processes.context.Event()
    process = processes.in_process(trains.main, workspace.folder, run_id, epochs, pause, ready)
    assert ready.wait(60)
    return process


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_killed_training_is_interrupted_and_goes_on_to_its_end(workspace, number):
    process = start(workspace, "killed")
    time.sleep(random.Random(number).uniform(0.0, 0.6))
    process.kill()
    process.join()
    run = workspace.open_run("killed")
    assert run.state is RunState.INTERRUPTED
    before = run.history.steps.since(0)[1]["step"]
    assert before.tolist() == list(range(1, len(before) + 1))
    run.resume()
    assert run.wait(60).state is RunState.FINISHED
    steps = run.history.steps.since(0)[1]
    assert steps["step"].tolist() == list(range(1, run.status.steps + 1))
    assert run.history.epochs.since(0)[1]["epoch"].tolist() == list(range(1, 7))
    whole = trained(workspace, "whole", epochs=6)
    np.testing.assert_array_equal(steps["loss"], whole.history.steps.since(0)[1]["loss"])


def test_a_damaged_checkpoint_is_passed_over(workspace):
    trainer = trains.trainer()
    trainer.callbacks = [trains.written(workspace.folder)]
    run = trainer.start(trains.digits(), 3, 64, recorder=StoreRecorder(workspace), name="real").wait()
    orphaned(workspace, run)
    newest = sorted((run.folder / "checkpoints").glob("step-*.safetensors"))[-1]
    newest.write_bytes(newest.read_bytes()[:-8] + b"damaged!")
    stored = workspace.open_run("real")
    loss = stored.history["loss"]
    stored.resume()
    stored.wait(60)
    assert stored.state is RunState.FINISHED
    assert any(e["kind"] == "checkpoint damaged" for e in stored.history.events)
    assert stored.history["loss"] == loss


def test_nothing_is_lost_where_no_checkpoint_is_whole(workspace):
    run = trained(workspace)
    orphaned(workspace, run)
    for path in (run.folder / "checkpoints").glob("step-*.safetensors"):
        path.write_bytes(b"nothing")
    stored = workspace.open_run("real")
    with pytest.raises(CheckpointError, match="checksum"):
        stored.resume()
    assert stored.state is RunState.INTERRUPTED
    assert len(stored.history.epochs) == 2


def test_a_run_without_a_checkpoint_begins_again(workspace):
    run = trained(workspace)
    orphaned(workspace, run)
    for path in (run.folder / "checkpoints").iterdir():
        path.unlink()
    stored = workspace.open_run("real")
    stored.resume()
    assert stored.wait(60).state is RunState.FINISHED
    assert stored.history["loss"] == run.history["loss"]


def test_a_live_run_is_not_taken_over(workspace):
    live = trains.trainer(pause=0.01).start(trains.digits(), 50, 64, recorder=StoreRecorder(workspace), name="live")
    stored = workspace.open_run("live")
    from lepton_lab.workspace.jobs import resume_stored

    with pytest.raises(StoreError, match="cannot be taken over"):
        resume_stored(workspace, stored.id)
    stored.pause()
    deadline = time.monotonic() + 5
    while live.state is not RunState.PAUSED:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    stored.set(lr=0.25)
    stored.step(2)
    stored.resume()
    stored.stop()
    assert stored.wait(10).state is RunState.STOPPED
    assert any(e.get("lr") == 0.25 for e in stored.history.events)
    live.wait()


def test_weights_are_found_again(workspace):
    run = trained(workspace)
    stored = workspace.open_run("real")
    assert stored.evaluate() == run.evaluate()
    assert stored.evaluate(split="valid")["loss"] > 0
    assert stored.test_looks == 2  # one through the record, one through the handle that trained
    np.testing.assert_array_equal(stored.weights("last")["linear_1.weight"], run.weights("last")["linear_1.weight"])
    x = trains.digits().test.sample(0)[0][None]
    np.testing.assert_array_equal(stored.predict(x).numpy(), run.predict(x).numpy())
    assert stored.network == trains.network().to_dict()
    assert {e.kind for e in stored.checkpoints} == {"best", "step"}
    assert stored.checkpoints[-1].size > 1000


def test_a_fork_begins_where_its_parent_was(workspace, monkeypatch):
    trainer = trains.trainer()
    trainer.callbacks = [trains.written(workspace.folder)]
    trainer.start(trains.digits(), 2, 64, recorder=StoreRecorder(workspace), name="real").wait()
    stored = workspace.open_run("real")
    fork = stored.fork(epochs=3, lr=0.5, name="bold").wait()
    forked = workspace.open_run("bold")
    assert forked.parent == {"run": stored.id, "step": stored.status.step}
    assert forked.history["loss"][:2] == stored.history["loss"]
    assert len(forked.history) == 3
    assert fork.settings["lr"] == 0.5
    assert workspace.compare("real", "bold").settings().loc["epochs"].tolist() == [2, 3]
    assert workspace.open_run(stored.fork(1, epochs=2).wait().id).history["loss"] == stored.history["loss"]
    best = stored.fork("best", epochs=1).wait()
    assert best.history["loss"][0] < stored.history["loss"][0]
    with pytest.raises(CheckpointError, match="no checkpoint of the end of epoch 9"):
        stored.fork(9)


def test_data_from_memory_must_be_given_again(workspace):
    x = np.random.default_rng(0).normal(size=(200, 1, 8, 8)).astype("float32")
    data = from_arrays(x, np.arange(200) % 10)
    run = trained(workspace, data=data)
    orphaned(workspace, run)
    stored = workspace.open_run("real")
    with pytest.raises(DataError, match="cannot be loaded again"):
        stored.resume()
    assert stored.state is RunState.INTERRUPTED
    stored.resume(data)
    assert stored.wait(30).state is RunState.FINISHED


def test_a_module_of_ones_own_cannot_be_rebuilt(workspace):
    trainer = trains.Trainer(trains.network().build(), **trains.QUICK)
    run = trainer.start(trains.digits(), 1, 64, recorder=StoreRecorder(workspace), name="module").wait()
    orphaned(workspace, run)
    with pytest.raises(TrainingError, match="no specification"):
        workspace.open_run("module").resume()


def test_a_failed_run_is_recorded_with_its_reason(workspace):
    def fail(*_):
        raise ValueError("my own mistake")

    trainer = trains.Trainer(trains.network(), callbacks=[trains.LambdaCallback(on_epoch_end=fail)], **trains.QUICK)
    run = trainer.start(trains.digits(), 2, 64, recorder=StoreRecorder(workspace), name="bad")
    with pytest.raises(ValueError, match="my own"):
        run.wait()
    with pytest.raises(TrainingError, match="my own mistake"):
        workspace.open_run("bad").wait(5)


def test_orders_to_a_process_that_vanished_are_dropped(workspace):
    run = trained(workspace)
    orphaned(workspace, run)
    with workspace.database.write() as connection:
        connection.execute(
            "INSERT INTO commands (id, run, name, args, created) VALUES ('x', ?, 'stop', '{}', 0)", (run.id,)
        )
    stored = workspace.open_run("real")
    stored.resume()
    assert stored.wait(30).state is RunState.FINISHED


def test_a_feed_of_a_run_in_memory_reads_like_one_of_the_store(workspace):
    run = trains.trainer().start(trains.digits(), 2, 64, recorder=workspace.recorder("p"))
    live = Feed(run)
    updates = list(live.follow())
    assert updates[-1].status.state is RunState.FINISHED
    run.wait()
    whole, stored = live.since(), Feed(workspace.open_run(run.id)).since()
    assert np.concatenate([u.steps["step"] for u in updates if u.steps]).tolist() == whole.steps["step"].tolist()
    assert whole.cursor == stored.cursor
    assert whole.status == stored.status
    for name, values in stored.steps.items():
        np.testing.assert_array_equal(values, whole.steps[name])
    assert workspace.runs("p")["id"].tolist() == [run.id]
    run.history = run.history.truncated(10, 0)
    again = live.since(whole.cursor)
    assert again.reset
    assert again.steps["step"].tolist() == list(range(1, 11))
