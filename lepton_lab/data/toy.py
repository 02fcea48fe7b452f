"""Points in the plane that show what a network can separate, and scikit-learn's small tables."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

from lepton_lab.errors import DataError

__all__ = ["blobs", "circles", "moons", "sklearn_table", "spirals"]

Points = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]


def moons(n: int = 1000, noise: float = 0.1, seed: int = 0) -> Points:
    """Two half circles that reach into each other."""
    from sklearn.datasets import make_moons

    _check(n, noise)
    return _points(make_moons(n, noise=noise, random_state=seed))


def circles(n: int = 1000, noise: float = 0.05, factor: float = 0.5, seed: int = 0) -> Points:
    """A circle inside a larger one.

    The larger one has `1 / factor` times the size of the other.
    """
    from sklearn.datasets import make_circles

    _check(n, noise)
    if not 0 <= factor < 1:
        raise DataError("the inner circle must be smaller", expected="factor from 0 up to 1", received=repr(factor))
    return _points(make_circles(n, noise=noise, factor=factor, random_state=seed))


def blobs(n: int = 1000, classes: int = 3, noise: float = 1.0, seed: int = 0) -> Points:
    """Round clouds, one for each class.

    Their standard deviation is `noise`.
    """
    from sklearn.datasets import make_blobs

    _check(n, noise, classes)
    return _points(make_blobs(n, centers=classes, cluster_std=noise, random_state=seed))


def spirals(n: int = 1000, classes: int = 2, noise: float = 0.05, turns: float = 1.5, seed: int = 0) -> Points:
    """Arms that wind around each other, one for each class.

    Their radius grows from 0 to 1 over `turns` turns.
    """
    _check(n, noise, classes)
    rng = np.random.default_rng(seed)
    label = np.arange(n) % classes
    radius = np.sqrt(rng.uniform(0.01, 1, n))
    angle = 2 * np.pi * (turns * radius + label / classes)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1) + rng.normal(0, noise, (n, 2))
    return x.astype(np.float32), label.astype(np.int64)


def sklearn_table(name: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[Any], tuple[str, ...], tuple[str, ...]]:
    """Features, targets, names of the features and of the classes of one of scikit-learn's own tables."""
    import sklearn.datasets

    data = getattr(sklearn.datasets, f"load_{name}")()
    classes = tuple(str(c) for c in data["target_names"]) if "target_names" in data else ()
    return data["data"].astype(np.float32), data["target"], tuple(map(str, data["feature_names"])), classes


def _points(pair: tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]) -> Points:
    return pair[0].astype(np.float32), pair[1].astype(np.int64)


def _check(n: int, noise: float, classes: int = 2) -> None:
    numbers = (("n", n, Integral), ("classes", classes, Integral), ("noise", noise, Real))
    for name, value, kind in numbers:
        if not isinstance(value, kind):
            wanted = "a whole number" if kind is Integral else "a number"
            raise DataError(f"{name} is not {wanted}", expected=wanted, received=repr(value))
    if not 2 <= classes <= 100:
        raise DataError("no such number of classes", expected="2 to 100", received=repr(classes))
    if not 5 * classes <= n <= 10_000_000:
        raise DataError("no such number of points", expected=f"{5 * classes} to 10,000,000", received=repr(n))
    if not (np.isfinite(noise) and noise >= 0):
        raise DataError("noise is a deviation", expected="0 or more", received=repr(noise))
