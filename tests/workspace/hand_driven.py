"""A run whose every row a test writes itself."""

from __future__ import annotations

import dataclasses
import time
import uuid

from lepton_lab.training.commands import Command, Controls
from lepton_lab.training.history import History
from lepton_lab.training.status import RunState, RunStatus
from lepton_lab.workspace import StoreRecorder, Workspace


class HandDriven:
    """Stands for a `Run` towards the recorder: a test writes its rows and takes its orders."""

    def __init__(self, name="by hand", run_id=None, history=None, parent=None, **settings):
        self.id, self.name, self.folder = run_id or uuid.uuid4().hex, name, None
        self.network, self.settings = {"layers": []}, {"lr": 0.1, "seed": 0, **settings}
        self.data = {"name": "digits"}
        self.parent, self.created = parent, time.time()
        self.history = History(("accuracy",), validation=True) if history is None else history
        self.controls = Controls()
        self.status = RunStatus(RunState.RUNNING, epochs=3)
        self.error = None

    def send(self, command: Command):
        self.controls.send(command)

    def fingerprint(self):
        return "abc"

    def exception(self):
        return self.error

    def train(self, steps):
        for _ in range(steps):
            at = len(self.history.steps) + 1
            self.history.steps.append((at, at / 10, at / 100, 1 / at, 0.1, 0.5, 1e4, 0.5))

    def end_epoch(self):
        at = len(self.history.epochs) + 1
        self.history.epochs.append((at, 1 / at, 0.5, 2 / at, 0.4, 0.1, 1.0))
        self.set_state(RunState.RUNNING, epoch=at)

    def set_state(self, state, **changes):
        self.status = dataclasses.replace(self.status, state=state, **changes)


def main(folder, run_id, said):
    """Records rows whose "time" column is the wall clock, obeys orders, and says each as it is obeyed."""
    run = HandDriven("remote", run_id=run_id)
    recorder = StoreRecorder(Workspace(folder))
    recorder.attach(run)
    said.put("ready")
    state = RunState.RUNNING
    while state is not RunState.STOPPED:
        for command in run.controls.take():
            said.put((command.name, dict(command.args)))
            state = {"pause": RunState.PAUSED, "resume": RunState.RUNNING, "stop": RunState.STOPPED}.get(
                command.name, state
            )
            run.set_state(state, lr=command.args.get("lr", run.status.lr))
        if state is RunState.RUNNING:
            at = len(run.history.steps) + 1
            run.history.steps.append((at, at / 10, time.time(), 1 / at, 0.1, 0.5, 1e4, 0.5))
        time.sleep(0.005)
    recorder.detach(run)
