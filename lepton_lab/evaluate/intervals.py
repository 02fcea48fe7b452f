"""95 % intervals: Wilson's for shares, resampling for everything that is computed from many samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVEL", "Floats", "bootstrap", "resampled_counts", "wilson"]

LEVEL = 0.95
_RESAMPLES = 1000
_MOST_DRAWS = 20_000_000  # samples × resamples; more makes the interval no better and the wait longer

Floats = NDArray[np.float64]


def wilson(hits: Any, of: Any) -> tuple[Floats, Floats]:
    """Wilson's 95 % interval of a share, NaN where there were no trials.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).

    Args:
        hits: Successes, any shape.
        of: Trials, of the same shape.
    """
    from scipy.stats import norm

    k, n = np.asarray(hits, np.float64), np.asarray(of, np.float64)
    z = float(norm.ppf(0.5 + LEVEL / 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = k / n
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def resampled_counts(counts: NDArray[Any], seed: int = 0) -> Floats:
    """Tables of counts as they would have come out with other samples, (R, *shape): the bootstrap of a table."""
    flat = counts.reshape(-1).astype(np.float64)
    total = int(flat.sum())
    rng = np.random.default_rng(seed)
    kept = np.flatnonzero(flat)  # a large table is mostly empty
    draws = np.zeros((_RESAMPLES, flat.size))
    if total:
        draws[:, kept] = rng.multinomial(total, flat[kept] / total, size=_RESAMPLES)
    return draws.reshape(_RESAMPLES, *counts.shape)


def bootstrap(samples: int, measure: Callable[[NDArray[np.int64]], Any], seed: int = 0) -> tuple[Floats, Floats]:
    """The percentile interval of what `measure(rows)` says of samples drawn with replacement.

    Args:
        samples: How many there are.
        measure: Takes row numbers and returns a number or several.
        seed: Of the draws.
    """
    rng = np.random.default_rng(seed)
    times = max(100, min(_RESAMPLES, _MOST_DRAWS // max(1, samples)))
    found = np.array([measure(rng.integers(0, samples, samples)) for _ in range(times)], np.float64)
    return limits(found)


def limits(draws: Floats) -> tuple[Floats, Floats]:
    """The 95 % in the middle of resampled values, over the first axis; NaN where a value is never defined."""
    import warnings

    tail = 50 * (1 - LEVEL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a class without samples has only NaN
        low, high = np.nanpercentile(draws, [tail, 100 - tail], axis=0)
    return low, high
