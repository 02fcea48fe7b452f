"""How long the examples take on this machine: measured once and kept in the workspace."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

from lepton_lab.app.examples import Example
from lepton_lab.data.images_reader import core_count
from lepton_lab.workspace import Workspace

__all__ = ["ExampleTimes", "key_of", "seconds_of_a_step"]

_FILE = "example-times.json"
_TRIED_S = 0.4  # of measuring an example
_BESIDE = 1.3  # a run's time over that of its bare steps: validation, records, probes; measured on two examples
_STALE_S = 120.0  # a measurement that has not ended by then never will


class ExampleTimes:
    """Seconds that each example trains.

    Args:
        workspace: Where they are kept. All who open the page share them, and only one of them measures.

    Threads: safe.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._path = workspace.folder / _FILE
        self._lock = threading.Lock()

    def known(self) -> dict[str, float]:
        """Seconds by the example's name; empty before they were measured on this machine."""
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
            if data["machine"] == _machine():
                return {str(name): float(seconds) for name, seconds in data["seconds"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        return {}

    def measure(self, examples: Iterable[Example], done: Callable[[], Any]) -> None:
        """Measures what is not known yet, in a thread of its own; not while something trains or another one measures.

        Args:
            examples: Which.
            done: Called when new times are there.

        Side effects: writes to the workspace's folder.
        """
        missing = [one for one in examples if key_of(one) not in self.known()]
        if missing and self._lock.acquire(blocking=False):
            threading.Thread(target=self._measure, args=(missing, done), name="lepton-times", daemon=True).start()

    def _measure(self, examples: list[Example], done: Callable[[], Any]) -> None:
        try:
            if self._training() or not self._turn():
                return
            try:
                seconds = {key_of(one): one.steps * seconds_of_a_step(one) * _BESIDE for one in examples}
            finally:
                self._mark.unlink(missing_ok=True)
            if not self._training():  # else it took part of the machine, and these are too long
                self._save({**self.known(), **seconds})
                done()
        finally:
            self._lock.release()

    @property
    def _mark(self) -> Path:
        return self._path.with_suffix(".measuring")

    def _turn(self) -> bool:
        """Whether it is this process that measures."""
        with contextlib.suppress(OSError):
            if time.time() - self._mark.stat().st_mtime > _STALE_S:
                self._mark.unlink(missing_ok=True)
        try:
            self._mark.touch(exist_ok=False)
        except OSError:
            return False
        return True

    def _training(self) -> bool:
        states = "('starting', 'running', 'stopping')"
        return self._workspace.database.row(f"SELECT 1 FROM runs WHERE state IN {states} LIMIT 1") is not None  # noqa: S608

    def _save(self, seconds: dict[str, float]) -> None:
        data = {"machine": _machine(), "seconds": {key: round(value, 2) for key, value in sorted(seconds.items())}}
        new = self._path.with_suffix(f".{os.getpid()}.new")
        new.write_text(json.dumps(data, indent=1), encoding="utf-8")
        new.replace(self._path)


def key_of(one: Example) -> str:
    """Under which an example's time is kept: another network, size or number of epochs is another training."""
    return f"{one.name}:{one.data[0]}:{one.steps}"


def seconds_of_a_step(one: Example, budget: float = _TRIED_S) -> float:
    """Seconds of one step of its network on random samples: the median of as many as fit into `budget` seconds."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    generator = torch.Generator().manual_seed(0)
    module = one.network.build().to(device).train()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    shape = (int(one.settings["batch_size"]), *(one.network.input_shape or ()))
    x = torch.rand(shape, generator=generator).to(device)
    times: list[float] = []
    end = time.perf_counter() + budget
    while len(times) < 3 or time.perf_counter() < end:
        began = time.perf_counter()
        optimizer.zero_grad()
        out = module(x)
        torch.autograd.backward(F.mse_loss(out, torch.zeros_like(out)))
        optimizer.step()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2]


def _machine() -> dict[str, Any]:
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else ""
    return {"node": platform.node(), "cores": core_count(), "gpu": gpu, "torch": torch.__version__}
