"""Whether 80 % sure is right 80 % of the time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.evaluate.intervals import Floats, bootstrap, wilson

__all__ = ["BINS", "Calibration", "calibration"]

BINS = 10


@dataclass(frozen=True)
class Calibration:
    """Stated against true shares, by how sure the network was.

    Attributes:
        edges: Borders of the bins, (B + 1,).
        count: Statements in each bin, (B,).
        sure: Mean of the stated probabilities; NaN in an empty bin.
        right: Share that came true.
        low: Lower end of the 95 % interval of `right`.
        high: Upper end.
        error: Expected calibration error: the mean distance of `sure` and `right`, weighted by `count`.
        error_low: Lower end of its 95 % interval.
        error_high: Upper end.
    """

    edges: Floats
    count: NDArray[np.int64]
    sure: Floats
    right: Floats
    low: Floats
    high: Floats
    error: float
    error_low: float
    error_high: float


def calibration(stated: NDArray[Any], true: NDArray[Any]) -> Calibration:
    """Bins of equal width from 0 to 1.

    Source of the error: M. P. Naeini, G. F. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using
    Bayesian binning", AAAI 2015.

    Args:
        stated: Probabilities, (N,).
        true: Whether each came true, (N,).
    """
    p, hit = stated.astype(np.float64), true.astype(np.float64)
    place = np.minimum((p * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    with np.errstate(invalid="ignore"):
        sure = np.bincount(place, p, BINS) / count
        right = np.bincount(place, hit, BINS) / count
    low, high = wilson(np.bincount(place, hit, BINS), count)
    gap = p - hit

    def error(rows: NDArray[np.int64]) -> float:
        return float(np.abs(np.bincount(place[rows], gap[rows], BINS)).sum() / len(rows))

    error_low, error_high = bootstrap(len(p), error)
    value = float(np.abs(np.bincount(place, gap, BINS)).sum() / max(1, len(p)))
    edges = np.linspace(0, 1, BINS + 1)
    return Calibration(edges, count, sure, right, low, high, value, float(error_low), float(error_high))
