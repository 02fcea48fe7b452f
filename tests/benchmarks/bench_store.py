"""What recording costs: time a row, bytes a value, opening a long run, and training with and without it."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import torch

from lepton_lab.data import from_arrays
from lepton_lab.network import Linear, NetworkSpec
from lepton_lab.training import Callback, Trainer, set_default_recorder
from lepton_lab.training.commands import Controls
from lepton_lab.training.history import History
from lepton_lab.training.status import RunState, RunStatus
from lepton_lab.workspace import StoreRecorder, Workspace
from lepton_lab.workspace.recording import Recording

READER = """
import json, sys, time
from lepton_lab.workspace import Workspace

run, begun = Workspace(sys.argv[1]).open_run(sys.argv[2]), time.time()
ages, orders = [], []
for update in run.feed.follow():
    ages += [time.time() - event["at"] for event in update.events if event["kind"] == "mark" and event["at"] > begun]
    if len(ages) >= 40:
        break
for _ in range(20):
    for order in (run.pause, run.resume):
        start = time.monotonic()
        order()
        orders.append(time.monotonic() - start)
run.stop()
print(json.dumps([ages, orders]))
"""

ROWS = 1_000_000
TICK = 1000  # rows between two writes: 5,000 steps a second


def run() -> list[dict]:
    """Measures everything; rows of what, value, unit, target."""
    with tempfile.TemporaryDirectory() as folder:
        rows = _record_and_open(Workspace(Path(folder) / "lab"))
    return [*rows, *_elsewhere(), _slowdown()]


def _record_and_open(workspace: Workspace) -> list[dict]:
    rng = np.random.default_rng(0)
    history = History(("accuracy",))
    stand_in = SimpleNamespace(
        **dict.fromkeys(("folder", "network", "parent")),
        **dict.fromkeys(("id", "name"), "long"),
        **dict.fromkeys(("exception", "fingerprint"), lambda: None),
        **{
            "settings": {},
            "data": {},
            "created": time.time(),
            "history": history,
            "controls": Controls(),
            "status": RunStatus(RunState.RUNNING),
        },
    )
    recording = Recording(workspace.database, stand_in, {})
    writing = 0.0
    for first in range(1, ROWS + 1, TICK):
        step = np.arange(first, first + TICK)
        loss, accuracy = rng.random(TICK).astype(np.float32), rng.random(TICK).astype(np.float32)
        for row in zip(
            step, step / 1875, step * 2e-4, loss, [1e-3] * TICK, [np.nan] * TICK, [1.6e5] * TICK, accuracy, strict=True
        ):
            history.steps.append(row)
        start = time.perf_counter()
        assert recording.write()
        writing += time.perf_counter() - start
    size = workspace.database.row("SELECT sum(length(data)) + sum(length(columns)) FROM chunks")[0]
    opening = []
    for _ in range(5):
        start = time.perf_counter()
        stored = workspace.open_run("long")
        assert len(stored.history.steps.since(0)[1]["loss"]) == ROWS
        opening.append(time.perf_counter() - start)
    start = time.perf_counter()
    stored.history.steps.curve("loss", points=2000)
    thinned = time.perf_counter() - start
    columns = len(history.steps.columns)
    return [
        {
            "what": "recording, a row of 8 columns, 1,000 a write",
            "value": writing / ROWS * 1e6,
            "unit": "µs",
            "target": "< 3",
        },
        {"what": "stored size", "value": size / ROWS / columns, "unit": "bytes/value", "target": "≤ 8"},
        {"what": "opening a run of 1,000,000 steps", "value": statistics.median(opening), "unit": "s", "target": "≤ 1"},
        {"what": "its loss curve thinned to 2,000 points", "value": thinned * 1e3, "unit": "ms", "target": ""},
        {
            "what": "chunks of that run",
            "value": workspace.database.row("SELECT count(*) FROM chunks")[0],
            "unit": "",
            "target": "",
        },
    ]


def _elsewhere() -> list[dict]:
    """How soon another process sees what a run with compiled steps does, and how soon its orders are obeyed."""

    class Mark(Callback):
        def on_epoch_end(self, epoch: int, logs: object = None) -> None:
            self.run.history.add_event("mark", "now")

    x = torch.randn(4_000, 784, generator=torch.Generator().manual_seed(0))
    network = NetworkSpec([Linear(64, activation="relu"), Linear(10)], input_shape=(784,))
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(network, compile=True, callbacks=[Mark()])
        run = trainer.start(
            from_arrays(x, x[:, :10].argmax(1)), 1_000_000, 32, recorder=StoreRecorder(Workspace(folder))
        )
        command = [sys.executable, "-c", READER, folder, run.id]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        run.wait(30)
    ages, orders = json.loads(done.stdout)
    rows = []
    for what, seconds in (("an event is seen after", ages), ("an order is obeyed and answered after", orders)):
        rows.append(_ms(f"from another process, {what}, median", statistics.median(seconds), ""))
        rows.append(_ms(f"from another process, {what}, at most", max(seconds), "≤ 300"))
    return rows


def _ms(what: str, seconds: float, target: str) -> dict:
    return {"what": what, "value": seconds * 1e3, "unit": "ms", "target": target}


def _slowdown() -> dict:
    """The same training with the recorder and without, in turn and in turns of order, median of ten pairs."""
    x = torch.randn(30_000, 64, generator=torch.Generator().manual_seed(0))
    data = from_arrays(x, x[:, :10].argmax(1))
    network = NetworkSpec([Linear(64, activation="relu"), Linear(10)], input_shape=(64,))
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace(folder)

        def seconds(recorder: StoreRecorder | None) -> float:
            set_default_recorder(lambda: recorder)
            trainer = Trainer(network, metrics=["accuracy"], log_every=1, compile=False, threads=1)
            start = time.perf_counter()
            trainer.start(data, epochs=8, batch_size=32).wait()
            return time.perf_counter() - start

        seconds(None)
        for i in range(10):
            recorders = (None, StoreRecorder(workspace))
            took = {r is not None: seconds(r) for r in (recorders if i % 2 == 0 else recorders[::-1])}
            ratios.append(took[True] / took[False])
        set_default_recorder(None)
    what = "training with the record on / off, a row every step"
    return {"what": what, "value": statistics.median(ratios), "unit": "×", "target": "≤ 1.05"}


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    for line in run():
        print(f"{line['what']:<60} {line['value']:>12.4g} {line['unit']:<12} {line['target']}")
