"""A small real training, as a program for a test to kill: `trains.py FOLDER RUN EPOCHS SECONDS_A_BATCH`."""

from __future__ import annotations

import sys
import time

import torch

from lepton_lab.data import load_dataset
from lepton_lab.network import Dropout, Flatten, Linear, NetworkSpec
from lepton_lab.training.callbacks import LambdaCallback
from lepton_lab.training.trainer import Trainer
from lepton_lab.workspace import StoreRecorder, Workspace

QUICK = {"metrics": ["accuracy"], "compile": False, "threads": 1, "log_every": 1, "device": "cpu"}


def network():
    return NetworkSpec([Flatten(), Linear(16, activation="relu"), Dropout(0.1), Linear(10)], input_shape=(1, 8, 8))


def digits():
    return load_dataset("digits")


def trainer(pause=0.0, **settings):
    callbacks = [LambdaCallback(on_train_batch_end=lambda batch, logs: time.sleep(pause))] if pause else []
    return Trainer(network(), callbacks=callbacks, **{**QUICK, **settings})


def main(folder, run_id, epochs, pause):
    torch.set_num_threads(1)
    recorder = StoreRecorder(Workspace(folder))
    run = trainer(float(pause)).start(digits(), int(epochs), 64, recorder=recorder, run_id=run_id, name=run_id)
    while run.status.step == 0:
        time.sleep(0.005)
    print("ready", flush=True)
    run.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
