"""How long a round of training takes on this machine, from a few steps that were measured once and kept.

A step's time is taken as a sum of what it costs to call its modules, to write their outputs, to multiply and add, to
step through a sequence, and to change its parameters. The five prices are fitted to small trainings that the real
engine ran here, so that an estimate holds for networks and data of other sizes.

Run as a program, `python -m lepton_lab.app.network_speed FOLDER`, it measures and writes `speed.json` there.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lepton_lab.network import NetworkShapes, NetworkSpec, zoo

__all__ = ["FILE", "Speed", "machine", "main", "measure", "measure_beside"]

FILE = "speed.json"
"""Where a workspace keeps what was measured."""

PARTS = ("modules", "outputs", "multiply_adds", "sequence_steps", "parameters")
"""What a step pays for."""

_BATCH = 32
_STEPS = 8
_ROUNDS = 3
_INSIDE = 9  # modules within an encoder layer of a transformer
_STALE_S = 180.0  # a measurement takes seconds; a lock that is older was left by a process that was killed

_TRIED: tuple[Callable[[], NetworkSpec], ...] = (
    lambda: zoo.mlp((4,), 3, hidden=(16,)),
    lambda: zoo.mlp((30,), 2, hidden=(256, 128, 64)),
    lambda: zoo.mlp((1, 28, 28), 10, hidden=(512, 256)),
    lambda: zoo.table_resnet((30,), 2, width=128, blocks=4),
    lambda: zoo.small_cnn((1, 28, 28), 10, width=8),
    lambda: zoo.small_cnn((1, 28, 28), 10, width=32),
    lambda: zoo.small_cnn((3, 64, 64), 10, width=16, stages=3),
    lambda: zoo.resnet_quick((3, 32, 32), 10, stem=16, widths=(32, 64, 128), depth=1),
    lambda: zoo.mobile_tiny((1, 28, 28), 10),
    lambda: zoo.lstm_classifier((64, 32), 2, hidden=32),
    lambda: zoo.lstm_classifier((32, 64), 2, hidden=64),
    lambda: zoo.transformer_classifier((64, 32), 2, features=64),
)


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        machine: Where, with what; see `machine`.
        prices: Seconds for one of each of `PARTS`.
        error: Typical relative error of an estimate, over what was measured.
    """

    machine: str
    prices: tuple[float, ...]
    error: float

    def step_seconds(self, network: NetworkSpec, shapes: NetworkShapes, batch_size: int) -> float:
        """Seconds of one step of training.

        Args:
            network: The network.
            shapes: Its table.
            batch_size: Samples in a step.
        """
        return float(np.dot(_parts(network, shapes, batch_size), self.prices))

    def round_seconds(
        self, network: NetworkSpec, shapes: NetworkShapes, batch_size: int, samples: int, checked: int = 0
    ) -> float:
        """Seconds of one round (epoch).

        Args:
            network: The network.
            shapes: Its table.
            batch_size: Samples in a step.
            samples: Samples that it learns from.
            checked: Samples that it is checked on after them; a forward pass alone takes about a third of a step.
        """
        batch_size = max(1, min(batch_size, samples))
        return self.step_seconds(network, shapes, batch_size) * (samples + checked / 3) / batch_size

    @classmethod
    def read(cls, folder: Path) -> Speed | None:
        """What was measured on this machine, with this version of torch; None where nothing was."""
        try:
            data = json.loads((folder / FILE).read_text(encoding="utf-8"))
            found = cls(str(data["machine"]), tuple(map(float, data["prices"])), float(data["error"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        usable = found.machine == machine() and len(found.prices) == len(PARTS) and min(found.prices) >= 0
        return found if usable else None

    def write(self, folder: Path) -> None:
        """Keeps it in a workspace's folder; another process sees the whole file or none."""
        data = {"machine": self.machine, "parts": PARTS, "prices": self.prices, "error": self.error}
        handle, name = tempfile.mkstemp(dir=folder, prefix=FILE)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file)
        Path(name).replace(folder / FILE)


def machine() -> str:
    """The machine, how many CPUs may be used, its GPU and the version of torch: what a measurement holds for."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    device = torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"
    return f"{platform.node()}, {cpus} CPUs, {device}, torch {torch.__version__}"


def measure(tried: Sequence[Callable[[], NetworkSpec]] = _TRIED) -> Speed:
    """Trains a few small networks for a few steps each, on random samples, and fits the prices; takes seconds."""
    networks = [make() for make in tried]
    rows = [_parts(network, network.infer_shapes(), _BATCH) for network in networks]
    return fit(np.array(rows), np.array([_step_seconds(network) for network in networks]))


def fit(rows: NDArray[np.float64], seconds: NDArray[np.float64]) -> Speed:
    """The prices, none below zero, that make the squares of the relative errors least.

    Args:
        rows: What each network pays for, (N, 5).
        seconds: Seconds of a step of each, (N,).
    """
    from scipy.optimize import nnls

    scaled = rows / seconds[:, None]
    size = np.maximum(scaled.max(axis=0), 1e-30)
    prices, _ = nnls(scaled / size, np.ones(len(rows)))
    prices = prices / size
    error = float(np.median(np.abs(rows @ prices / seconds - 1)))
    return Speed(machine(), tuple(map(float, prices)), error)


def _parts(network: NetworkSpec, shapes: NetworkShapes, batch_size: int) -> NDArray[np.float64]:
    steps = sum(
        row.input.shape[0] * (2 if getattr(layer, "bidirectional", False) else 1) * getattr(layer, "num_layers", 1)
        for (_, layer), row in zip(network.walk(), shapes.rows, strict=False)
        if layer.kind in ("LSTM", "GRU", "RNN")
    )
    outputs = batch_size * shapes.activation_bytes / 4
    inside = sum(_INSIDE for _, layer in network.walk() if layer.kind == "TransformerEncoderLayer")
    return np.array(
        [1 + len(shapes.rows) + inside, outputs, batch_size * shapes.multiply_adds, steps, shapes.trainable], np.float64
    )


def _step_seconds(network: NetworkSpec) -> float:
    """Seconds of a step of the real engine, the fastest of a few rounds."""
    from lepton_lab.training.trainer import Trainer

    x = torch.rand((_BATCH * _STEPS, *(network.input_shape or ())), generator=torch.Generator().manual_seed(0))
    y = torch.arange(len(x)) % 2
    trainer = Trainer(network, optimizer="adam", lr=1e-4, compile=False, validate=False)
    run = trainer.start((x, y), epochs=_ROUNDS, batch_size=_BATCH, record=False).wait()
    times: Mapping[str, Any] = run.history.epochs.since(0)[1]
    return float(np.diff(times["time"]).min()) / _STEPS


def measure_beside(folder: Path) -> subprocess.Popen[bytes] | None:
    """Starts the process that measures for a workspace; None where one is at it already."""
    if _is_locked(folder / f"{FILE}.lock"):
        return None
    program, quiet = [sys.executable, "-m", "lepton_lab.app.network_speed", str(folder)], subprocess.DEVNULL
    return subprocess.Popen(program, stdin=quiet, stdout=quiet, stderr=quiet)


def _is_locked(lock: Path) -> bool:
    try:
        return time.time() - lock.stat().st_mtime <= _STALE_S
    except OSError:
        return False  # nobody measures


def main(arguments: list[str]) -> int:
    """Measures, quietly and after everybody else, and writes what it found into the folder that is named.

    Returns at once where another process measures for this folder; ends with the process that started it.
    """
    folder = Path(arguments[0])
    lock = folder / f"{FILE}.lock"
    if not _is_locked(lock):
        lock.unlink(missing_ok=True)
    try:
        lock.touch(exist_ok=False)
    except FileExistsError:
        return 0
    try:
        threading.Thread(target=_end_with_parent, args=(os.getppid(), lock), daemon=True).start()
        if hasattr(os, "nice"):
            os.nice(10)
        measure().write(folder)
    finally:
        lock.unlink(missing_ok=True)
    return 0


def _end_with_parent(parent: int, lock: Path) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    lock.unlink(missing_ok=True)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
