"""How far a training has come: the few numbers that the loop counts, and its clock."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Clock", "Progress"]


@dataclass
class Progress:
    """Counters of one training.

    Attributes:
        epoch: Epochs completed.
        position: Samples of the present epoch that a resumed training has behind it.
        step: Batches completed.
        loss_sum: Losses of this epoch, summed over its samples.
        loss_count: Samples of this epoch.
        best: Best monitored value; None before the first epoch's end.
        best_epoch: Its epoch, from 1.
        waited: Epochs without improvement.
    """

    epoch: int = 0
    position: int = 0
    step: int = 0
    loss_sum: float = 0.0
    loss_count: int = 0
    best: float | None = None
    best_epoch: int | None = None
    waited: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain data that `load` reads."""
        return dict(vars(self))

    def load(self, data: Mapping[str, Any]) -> None:
        """Goes on from `data`."""
        for name in vars(self):
            if name in data:
                setattr(self, name, data[name])


class Clock:
    """Seconds spent training: pauses are left out."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._since: float | None = None
        self._lap = 0.0

    def start(self) -> None:
        """Starts, or goes on after `stop`."""
        self._since = self._lap = time.perf_counter()

    def add(self, seconds: float) -> None:
        """Counts seconds of an earlier part of the same training."""
        self._spent += seconds

    def stop(self) -> None:
        """Holds the clock."""
        if self._since is not None:
            self._spent += time.perf_counter() - self._since
            self._since = None

    def elapsed(self) -> float:
        """Seconds so far."""
        return self._spent + (time.perf_counter() - self._since if self._since is not None else 0.0)

    def lap(self) -> tuple[float, float]:
        """Seconds since the last lap, and seconds so far."""
        now = time.perf_counter()
        seconds, self._lap = now - self._lap, now
        return seconds, self.elapsed()
