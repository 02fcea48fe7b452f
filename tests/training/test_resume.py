"""A run that was interrupted and goes on ends with the same bits as one that was not."""

import json
import time

import pytest
import torch
from torch import nn

from lepton_lab.errors import CheckpointError
from lepton_lab.network import Dropout, Linear, NetworkSpec
from lepton_lab.training import RunState, Slots, Trainer, load_checkpoint, newest_checkpoint, resume_run
from lepton_lab.training.run import Run

SETTINGS = {
    "plain": {},
    "momentum": {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9},
    "torch's own": {"optimizer": "rmsprop"},
    "one-cycle": {"schedule": "one_cycle", "lr": 0.02},
    "plateau": {"schedule": {"name": "plateau", "patience": 0, "factor": 0.5}},
    "average": {"ema": 0.95},
    "gathered": {"accumulate": 3},
    "clipped": {"clip_norm": 0.1},
    "deterministic": {"deterministic": True},
    "mixed": {"precision": "bf16"},
    "uneven": {"batch_size": 33},
}


EVERYWHERE = ("plain", "gathered", "uneven")
"""Settings with which every place in an epoch is tried: its first and last batch, and two between."""


def net():
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3), nn.Linear(16, 3))


class StopAt:
    def __init__(self, step):
        self.step = step

    def on_train_batch_end(self, batch, logs=None):
        self.step -= 1
        if self.step == 0:
            self.run.stop()


def same_bits(a, b):
    for (name, p), q in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
        assert torch.equal(p, q), name


PLACES = [(name, at) for name in SETTINGS for at in ((1, 7, 10, 13) if name in EVERYWHERE else (7, 13))]


@pytest.mark.parametrize(("name", "at"), PLACES)
def test_the_bits_are_the_same(blobs, tmp_path, name, at):
    settings = {"batch_size": 20, "threads": 1, "compile": False, "metrics": ["accuracy", "f1"], **SETTINGS[name]}
    whole, part = net(), net()
    reference = Trainer(whole, **settings).fit(blobs, 3, verbose=0, record=False, slots=Slots(1))
    stopped = Trainer(part, callbacks=[StopAt(at)], **settings).fit(
        blobs, 3, verbose=0, record=False, slots=Slots(1), folder=tmp_path
    )
    assert stopped.state is RunState.STOPPED
    with torch.no_grad():
        for p in part.parameters():
            p.fill_(7.0)
    torch.manual_seed(99)
    stopped._plan.callbacks = ()
    resume_run(stopped).wait()
    assert stopped.state is RunState.FINISHED
    same_bits(whole, part)
    assert stopped.history["val_loss"] == reference.history["val_loss"]
    assert stopped.history["accuracy"] == pytest.approx(reference.history["accuracy"])
    assert stopped.status.step == reference.status.step


def test_another_process_goes_on_from_the_files(blobs, tmp_path):
    spec = NetworkSpec([Linear(16, activation="relu"), Dropout(0.2), Linear(3)], input_shape=(8,))
    settings = {"batch_size": 20, "threads": 1, "compile": False}
    reference = Trainer(spec, **settings).fit(blobs, 3, verbose=0, record=False, slots=Slots(1))
    first = Trainer(spec, callbacks=[StopAt(14)], **settings).fit(
        blobs, 3, verbose=0, record=False, slots=Slots(1), folder=tmp_path
    )
    record = json.loads(json.dumps({"settings": first.settings, "network": first.network, "data": first.data}))
    again = Run(**record, run_id=first.id, folder=tmp_path, history=first.history)
    resume_run(again, data=blobs).wait()
    same_bits(reference.module, again.module)
    assert again.history["val_loss"] == reference.history["val_loss"]


def test_the_number_of_threads_is_kept(blobs, tmp_path):
    run = Trainer(net(), threads=1, compile=False).fit(
        blobs, 1, 20, verbose=0, record=False, slots=Slots(1), folder=tmp_path
    )
    assert newest_checkpoint(run.folder / "checkpoints")[0].about["threads"] == 1


class AwaitFiles:
    """Holds every epoch until the checkpoint of the one before is written."""

    def __init__(self, folder):
        self.folder = folder

    def on_epoch_begin(self, epoch, logs=None):
        path = self.folder / f"step-{epoch * 10:012d}.json"
        deadline = time.monotonic() + 20
        while epoch and not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)


def test_a_damaged_checkpoint_is_told_and_the_older_one_used(blobs, tmp_path):
    awaiting = AwaitFiles(tmp_path / "checkpoints")
    run = Trainer(net(), threads=1, compile=False, callbacks=[awaiting]).fit(
        blobs, 3, 20, verbose=0, record=False, slots=Slots(1), folder=tmp_path
    )
    folder = tmp_path / "checkpoints"
    files = sorted(folder.glob("step-*.safetensors"))
    assert len(files) == 2
    payload = bytearray(files[-1].read_bytes())
    payload[-5] ^= 1
    files[-1].write_bytes(payload)
    with pytest.raises(CheckpointError, match=r"damaged"):
        load_checkpoint(files[-1].with_suffix(".json"))
    snapshot, problems = newest_checkpoint(folder)
    assert snapshot.about["step"] == 20
    assert len(problems) == 1
    run._plan.last = None
    resume_run(run).wait()
    assert run.status.step == 30
    assert [e["kind"] for e in run.history.events][-2:] == ["checkpoint damaged", "resumed"]


@pytest.mark.parametrize("damage", ["truncate", "missing", "json", "newer"])
def test_every_damage_is_a_checkpoint_error(blobs, tmp_path, damage):
    Trainer(net(), threads=1, compile=False).fit(blobs, 1, 20, verbose=0, record=False, slots=Slots(1), folder=tmp_path)
    path = max((tmp_path / "checkpoints").glob("step-*.json"))
    weights = path.with_suffix(".safetensors")
    if damage == "truncate":
        weights.write_bytes(weights.read_bytes()[:100])
    elif damage == "missing":
        weights.unlink()
    elif damage == "json":
        path.write_text("{")
    else:
        path.write_text(json.dumps({**json.loads(path.read_text()), "schema_version": 99}))
    with pytest.raises(CheckpointError):
        load_checkpoint(path)
    with pytest.raises(CheckpointError, match=r"no checkpoint to go on from"):
        newest_checkpoint(tmp_path / "checkpoints")


def test_no_half_written_file_stays(blobs, tmp_path, monkeypatch):
    from lepton_lab.training import checkpoint

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.os, "fsync", full)
    run = Trainer(net(), threads=1, compile=False).fit(
        blobs, 3, 20, verbose=0, record=False, slots=Slots(1), folder=tmp_path
    )
    assert run.state is RunState.FINISHED
    assert list((tmp_path / "checkpoints").iterdir()) == []


def test_best_and_epochs_can_be_had(blobs, tmp_path):
    run = Trainer(net(), threads=1, compile=False).fit(
        blobs, 3, 20, verbose=0, record=False, slots=Slots(1), folder=tmp_path
    )
    assert run.snapshot(3).about["epoch"] == 3
    assert run.snapshot("best").about["epoch"] == run.status.best_epoch
    assert set(run.weights("best")) == set(run.module.state_dict())
    with pytest.raises(CheckpointError, match=r"end of epoch 7"):
        run.snapshot(7)
