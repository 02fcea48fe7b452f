"""Fewer points of a long curve, with every spike kept."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["downsample"]


def downsample(
    x: NDArray[np.float64], y: NDArray[np.float64], points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """At most about `points` points of a curve: the smallest and the largest of each stretch, and both ends.

    Args:
        x: Positions, (N,).
        y: Values, (N,); a stretch that is NaN throughout stays a gap.
        points: How many points to aim for; a shorter curve comes back as it is.
    """
    count = len(y)
    if count <= max(points, 4):
        return x, y
    size = -(-count // max(1, (points - 2) // 2))
    whole = count // size * size
    blocks = y[:whole].reshape(-1, size)
    missing = np.isnan(blocks)
    low = np.where(missing, np.inf, blocks).argmin(axis=1)
    high = np.where(missing, -np.inf, blocks).argmax(axis=1)
    starts = np.arange(0, whole, size)
    picked = [starts + low, starts + high, np.array([0, count - 1])]
    if whole < count and not np.isnan(y[whole:]).all():
        picked.append(whole + np.array([np.nanargmin(y[whole:]), np.nanargmax(y[whole:])]))
    index = np.unique(np.concatenate(picked))
    return x[index], y[index]
