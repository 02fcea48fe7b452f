"""One class against the rest at every threshold: ROC and precision-recall curves, and exact counts for a slider."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.evaluate.intervals import Floats

__all__ = ["THRESHOLDS", "Curve", "curve"]

_POINTS = 400


@cache
def _thresholds() -> tuple[float, ...]:
    tails = [1e-4, 3e-4, 1e-3, 3e-3]
    return (*tails, *(round(0.005 * i, 3) for i in range(1, 200)), *(1 - t for t in reversed(tails)))


THRESHOLDS: tuple[float, ...] = _thresholds()
"""The places of a threshold slider: every half percent, and finer at both ends."""


@dataclass(frozen=True)
class Curve:
    """How well one class is told from the rest.

    Attributes:
        positives: Samples of the class.
        negatives: All others.
        found: Samples of the class at or above each of `THRESHOLDS`, (T,).
        false: Others at or above each of `THRESHOLDS`, (T,).
        roc_x: False positive rates, rising, (P,).
        roc_y: True positive rates.
        pr_x: Recall, rising.
        pr_y: Precision.
        roc_auc: Area under the ROC curve; NaN where a side has no samples.
        average_precision: Mean precision weighted by the rise of recall; NaN where the class has no samples.
    """

    positives: int
    negatives: int
    found: NDArray[np.int64]
    false: NDArray[np.int64]
    roc_x: Floats
    roc_y: Floats
    pr_x: Floats
    pr_y: Floats
    roc_auc: float
    average_precision: float


def curve(truth: NDArray[np.bool_], score: NDArray[Any]) -> Curve:
    """The curves of one class.

    Args:
        truth: Whether each sample is of the class, (N,).
        score: Its probability of the class, (N,).
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

    yes, no = np.sort(score[truth]), np.sort(score[~truth])
    at = np.asarray(THRESHOLDS, score.dtype)
    found = len(yes) - np.searchsorted(yes, at, side="left")
    false = len(no) - np.searchsorted(no, at, side="left")
    empty = np.empty(0)
    roc_x = roc_y = pr_x = pr_y = empty
    auc = precision = float("nan")
    if len(yes):
        p, r, _ = precision_recall_curve(truth, score)
        pr_x, pr_y = _thin(r[::-1], p[::-1])
        precision = float(average_precision_score(truth, score))
    if len(yes) and len(no):
        x, y, _ = roc_curve(truth, score)
        roc_x, roc_y = _thin(x, y)
        auc = float(roc_auc_score(truth, score))
    return Curve(
        len(yes), len(no), found.astype(np.int64), false.astype(np.int64), roc_x, roc_y, pr_x, pr_y, auc, precision
    )


def _thin(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Points at even distances along the curve: a steep part keeps as many as a flat one."""
    if len(x) <= _POINTS:
        return np.asarray(x, np.float64), np.asarray(y, np.float64)
    way = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
    rows = np.unique(np.searchsorted(way, np.linspace(0, way[-1], _POINTS)).clip(0, len(x) - 1))
    rows = np.unique(np.concatenate([[0], rows, [len(x) - 1]]))
    return np.asarray(x[rows], np.float64), np.asarray(y[rows], np.float64)
