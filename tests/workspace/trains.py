"""A small real training, for a test to run in a process and to kill."""

from __future__ import annotations

import time

import torch

from lepton_lab.data import load_dataset
from lepton_lab.network import Dropout, Flatten, Linear, NetworkSpec
from lepton_lab.training.callbacks import LambdaCallback
from lepton_lab.training.trainer import Trainer
from lepton_lab.workspace import StoreRecorder, Workspace
from lepton_lab.workspace.worker import Worker

QUICK = {"metrics": ["accuracy"], "compile": False, "threads": 1, "log_every": 1, "device": "cpu"}


def network():
    return NetworkSpec([Flatten(), Linear(16, activation="relu"), Dropout(0.1), Linear(10)], input_shape=(1, 8, 8))


def digits():
    return load_dataset("digits")


def written(folder):
    """A callback that waits for the checkpoint of the epoch before: of two short epochs only the last may have one."""

    def wait(epoch, logs):
        end = time.monotonic() + 30
        while len(list(folder.glob("runs/*/checkpoints/step-*.json"))) < min(epoch, 2):
            assert time.monotonic() < end
            time.sleep(0.01)

    return LambdaCallback(on_epoch_begin=wait)


def trainer(pause=0.0, **settings):
    callbacks = [LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(pause))] if pause else []
    return Trainer(network(), callbacks=callbacks, **{**QUICK, **settings})


def work(folder, log):
    """Serves a workspace until it is idle."""
    torch.set_num_threads(1)
    with log.open("w") as file:
        Worker(Workspace(folder), slots=1, idle_s=0.5, log=file).serve()


def main(folder, run_id, epochs, pause, ready):
    """Trains a run in this process; sets `ready` after its first step."""
    torch.set_num_threads(1)
    recorder = StoreRecorder(Workspace(folder))
    run = trainer(pause).start(digits(), epochs, 64, recorder=recorder, run_id=run_id, name=run_id)
    while run.status.step == 0:
        time.sleep(0.005)
    ready.set()
    run.wait()
