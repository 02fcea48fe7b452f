"""Present weights for other processes: written while somebody asks, gone afterwards, and no difference to the run."""

import threading
import time

import pytest
import torch

from lepton_lab.training.callbacks import LambdaCallback
from lepton_lab.training.run import Run
from lepton_lab.training.status import RunState
from lepton_lab.workspace import StoreRecorder, live
from lepton_lab.workspace.live import LiveWeights, Sharing
from tests.workspace import processes, trains


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(live, "LIVE_S", 0.02)
    monkeypatch.setattr(live, "_COST", 0)


def wait(found, seconds=30.0):
    for _ in range(int(seconds / 0.01)):
        if value := found():
            return value
        threading.Event().wait(0.01)
    raise AssertionError("it did not come")


def start(workspace, after_batch=None, epochs=3, **settings):
    trainer = trains.trainer(**settings)
    if after_batch is not None:
        trainer.callbacks = [LambdaCallback(on_train_batch_end=after_batch)]
    return trainer.start(trains.digits(), epochs, 64, recorder=StoreRecorder(workspace))


def test_nothing_is_written_where_nobody_asks(workspace):
    run = start(workspace).wait(60)
    assert not list(run.folder.glob("live*"))
    assert not [t for t in threading.enumerate() if t.name == "lepton-live-weights"]


def test_weights_of_the_present_step_are_shared_and_follow_the_training(workspace):
    run = start(workspace, epochs=2000)
    reader = LiveWeights(run.folder)
    first = wait(reader.step)
    second = wait(lambda: (found := reader.step()) is not None and found > first and found)
    run.pause()
    wait(lambda: run.state is RunState.PAUSED)
    wait(lambda: reader.step() == run.status.step)
    step, weights = reader.read()
    assert step >= second
    assert {name: torch.equal(t, weights[name]) for name, t in run.module.state_dict().items()} == dict.fromkeys(
        weights, True
    )
    run.stop()
    run.wait(60)
    wait(lambda: not (run.folder / "live.safetensors").exists())
    assert reader.read() is None


def test_the_weights_are_bit_equal_with_and_without_a_reader(workspace):
    alone = start(workspace, epochs=4, seed=3).wait(60)
    read = threading.Event()
    run = start(workspace, lambda batch, logs: read.is_set() or time.sleep(0.05), epochs=4, seed=3)
    reader = LiveWeights(run.folder)
    seen = set()
    while not run.state.ended:
        seen.add(reader.step())
        if len(seen - {None}) > 2:
            read.set()  # no need to go slowly any more
        threading.Event().wait(0.002)
    run.wait(60)
    assert len(seen - {None}) > 2
    for name, tensor in alone.module.state_dict().items():
        assert torch.equal(tensor, run.module.state_dict()[name])


def test_sharing_ends_when_nobody_asks_any_more(workspace, monkeypatch):
    run = start(workspace, epochs=2000)
    reader = LiveWeights(run.folder)
    wait(reader.step)
    monkeypatch.setattr(live, "ASKED_S", 0.0)
    wait(lambda: not (run.folder / "live.safetensors").exists())
    wait(lambda: not [t for t in threading.enumerate() if t.name == "lepton-live-weights"])
    run.stop()
    run.wait(60)


def test_what_a_killed_process_left_is_not_taken_for_present_weights(tmp_path):
    (tmp_path / "live.safetensors").write_bytes(b"old")
    run = Run(settings={}, data={}, folder=tmp_path)
    Sharing(run, threading.Event())
    assert not (tmp_path / "live.safetensors").exists()


def test_a_damaged_or_foreign_file_counts_as_none(tmp_path):
    reader = LiveWeights(tmp_path)
    for content in (b"", b"\x80\x04pickle", b"{}" * 9):
        (tmp_path / "live.safetensors").write_bytes(content)
        assert reader.step() is None
        assert reader.read() is None


def test_a_full_disk_is_noted_once_and_the_run_goes_on(workspace, monkeypatch):
    def full(*args, **keys):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    run = start(workspace, epochs=100_000)
    reader = LiveWeights(run.folder)
    wait(lambda: reader.step() or [e for e in run.history.events if e["kind"] == "live weights"])
    after = run.status.step
    wait(lambda: reader.step() or run.status.step > after + 200)
    run.stop()
    assert run.wait(60).state is RunState.STOPPED
    assert len([e for e in run.history.events if e["kind"] == "live weights"]) == 1
    assert reader.step() is None


def test_a_run_of_another_process_shares_its_weights(workspace):
    ready = processes.context.Event()
    process = processes.in_process(trains.main, workspace.folder, "far", 100_000, 0.001, ready)
    try:
        assert ready.wait(60)
        run = workspace.open_run("far")
        reader = LiveWeights(run.folder)
        first = wait(reader.step)
        assert wait(lambda: (found := reader.step()) is not None and found > first)
        assert set(reader.read()[1]) == set(trains.network().build().state_dict())
    finally:
        process.kill()
        process.join()
