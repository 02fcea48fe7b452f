"""Small statistics over curves that several rules share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lepton_lab.data import Task
from lepton_lab.doctor.case import Case, Measured
from lepton_lab.training.optimizers import OPTIMIZERS

__all__ = [
    "LossCurve",
    "chance_level",
    "largest_update",
    "loss_curve",
    "recent",
    "since_when",
    "typical_update",
    "usual_lr",
]

Array = NDArray[np.floating[Any]]


class LossCurve:
    """The training loss by step.

    Attributes:
        steps: Steps of the readings.
        values: The loss at each.
        first: Where it started.
        last: Where it is, the mean of the last fifth.
        least: The lowest level, smoothed.
        level: The smoothed curve.
    """

    def __init__(self, steps: Array, values: Array) -> None:
        self.steps, self.values = steps, values
        n = len(values)
        self.window = max(1, n // 5)
        kernel = np.ones(self.window) / self.window
        self.level = np.convolve(values, kernel, mode="valid") if n else np.zeros(0)
        self.first = float(values[: max(1, n // 20)].max()) if n else math.nan
        self.last = float(self.level[-1]) if n else math.nan
        self.least = float(self.level.min()) if n else math.nan

    def __len__(self) -> int:
        return len(self.values)

    @property
    def since_least(self) -> int:
        """The step at which the lowest level ended."""
        return int(self.steps[min(int(self.level.argmin()) + self.window - 1, len(self.steps) - 1)])


def loss_curve(case: Case) -> LossCurve:
    """The readings of the training loss that are numbers."""
    loss, steps = case.steps["loss"], case.steps["step"]
    good = np.isfinite(loss)
    return LossCurve(steps[good], loss[good])


def chance_level(case: Case) -> float | None:
    """The loss of the best guess that looks at no sample; None where that cannot be told.

    For classes this is the entropy of their shares, for squared errors the variance of the targets.
    """
    name = str(case.settings.loss)
    weighted = case.settings.class_weights is not None or (case.data is not None and case.data.balance)
    if case.data is not None:
        data = case.data
        if data.task.is_classification and name in ("auto", *_CROSS):
            if weighted:
                return math.log(max(2, data.target_size))
            counts = data.class_counts().double()
            shares = counts[counts > 0] / counts.sum()
            return float(-(shares * shares.log()).sum())
        if data.task is Task.REGRESSION and name in ("auto", "mse", "MSELoss", "mean_squared_error", "mse_loss"):
            y = data.train.targets().double()
            y = y[torch.isfinite(y)]
            return float((y - y.mean()).square().mean())
        return None
    about = case.run.data if case.run is not None else {}
    if about.get("task") in ("binary", "multiclass") and name in ("auto", *_CROSS):
        return math.log(max(2, int(about.get("target_size") or 2)))
    return None


_CROSS = (
    "cross_entropy", "CrossEntropyLoss", "categorical_crossentropy", "sparse_categorical_crossentropy", "bce",
    "BCEWithLogitsLoss", "binary_cross_entropy", "binary_crossentropy", "nll", "NLLLoss", "nll_loss",
)  # fmt: skip


def recent(measured: Measured, least: int = 5, share: float = 0.34) -> Array:
    """The readings of the last third, at least `least` of them where there are as many, (T', L)."""
    count = max(least, math.ceil(share * len(measured.steps)))
    return measured.values[-count:]


def since_when(measured: Measured, row: int, bad: NDArray[np.bool_]) -> int:
    """The first step of the last unbroken stretch in which a layer was `bad`, single readings apart."""
    steps = measured.steps
    start = len(bad)
    misses = 0
    for i in range(len(bad) - 1, -1, -1):
        if bad[i] or not np.isfinite(measured.values[i, row]):
            start = i if bad[i] else start
            misses = 0
        else:
            misses += 1
            if misses > 1:
                break
    return int(steps[min(start, len(steps) - 1)])


def typical_update(case: Case) -> float | None:
    """How far a step of this run moves the fastest layer, relative to its weights; None where nobody measured it.

    The upper quartile over time, so that a learning rate that is lowered towards the end does not count.
    """
    measured = case.measured("update_ratio")
    if measured is None or not measured.live or len(measured.steps) < 3:
        return None
    fastest = np.nan_to_num(measured.values, nan=0.0).max(1)
    return float(np.quantile(fastest, 0.75))


def largest_update(case: Case) -> float | None:
    """The largest step of the run relative to the weights, of the typical layer, the very first ones left out.

    None where nobody measured it.
    """
    measured = case.measured("update_ratio")
    if measured is None or not measured.live or len(measured.steps) < 3:
        return None
    typical = np.median(np.nan_to_num(measured.values[1:], nan=0.0), axis=1)
    return float(typical.max())


def usual_lr(case: Case) -> float:
    """The optimizer's usual learning rate."""
    name = case.settings.optimizer
    return OPTIMIZERS[name].lr if name in OPTIMIZERS else 1e-3
