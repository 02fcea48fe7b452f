"""How far a regression is off, and whether its errors look like noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.evaluate.intervals import Floats, bootstrap
from lepton_lab.evaluate.scores import Score

__all__ = ["Residuals", "regression_scores", "residuals"]

_QUANTILES = 300
_BINS = 30


@dataclass(frozen=True)
class Residuals:
    """Errors of one target: predicted minus true.

    Attributes:
        predicted: What the network said, (N,).
        true: What was right.
        error: The difference, in the target's unit.
        edges: Borders of the histogram's bins.
        count: Errors in each bin.
        normal: Quantiles of a normal distribution, in its standard deviations.
        ordered: The errors' quantiles at the same places.
        line: Slope and intercept of the straight line that normal errors would lie on.
    """

    predicted: Floats
    true: Floats
    error: Floats
    edges: Floats
    count: NDArray[np.int64]
    normal: Floats
    ordered: Floats
    line: tuple[float, float]


def residuals(predicted: NDArray[Any], true: NDArray[Any]) -> Residuals:
    """The errors of one target, (N,) each."""
    from scipy.stats import probplot

    p, t = predicted.astype(np.float64), true.astype(np.float64)
    error = p - t
    count, edges = np.histogram(error, bins=min(_BINS, max(5, len(error) // 5)))
    if len(error) > 1:
        (normal, ordered), (slope, intercept, _) = probplot(error, dist="norm")
    else:
        normal, ordered, slope, intercept = np.zeros(1), error, 0.0, float(error[0])
    rows = np.unique(np.linspace(0, len(normal) - 1, _QUANTILES).round().astype(int))
    return Residuals(p, t, error, edges, count, normal[rows], ordered[rows], (float(slope), float(intercept)))


def regression_scores(predicted: NDArray[Any], true: NDArray[Any]) -> list[Score]:
    """RMSE, MAE, R² and the mean error over all targets, with intervals from resampling.

    Args:
        predicted: (N, K).
        true: (N, K).
    """
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    p, t = predicted.astype(np.float64), true.astype(np.float64)
    error = p - t
    square, size, mean = (error**2).mean(1), np.abs(error).mean(1), error.mean(1)

    def measure(rows: NDArray[np.int64]) -> list[float]:
        drawn = t[rows]
        spread = ((drawn - drawn.mean(0)) ** 2).sum(0)
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = np.where(spread > 0, 1 - (error[rows] ** 2).sum(0) / spread, np.nan).mean()
        return [float(np.sqrt(square[rows].mean())), float(size[rows].mean()), float(r2), float(mean[rows].mean())]

    low, high = bootstrap(len(t), measure)
    values = [
        float(np.sqrt((error**2).mean())) if p.shape[1] > 1 else float(root_mean_squared_error(t, p)),
        float(mean_absolute_error(t, p)),
        float(r2_score(t, p)) if len(t) > 1 else float("nan"),
        float(mean.mean()),
    ]
    named = zip(("rmse", "mae", "r2", "bias"), values, low, high, strict=True)
    return [Score(n, v, float(a), float(b), "share" if n == "r2" else "") for n, v, a, b in named]
