"""Linear regression by exact least squares: scikit-learn's, which also takes a single column."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LinearRegression as _LinearRegression
from sklearn.metrics import mean_squared_error

__all__ = ["LinearRegression", "mean_squared_error"]


class LinearRegression(_LinearRegression):  # type: ignore[misc]
    """scikit-learn's `LinearRegression`; a one-dimensional `X`, such as a column of a frame, is one feature."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LinearRegression:  # noqa: N803 - scikit-learn's name
        """Fits slope and intercept; X is (N,) or (N, K)."""
        super().fit(_columns(X), y, sample_weight)
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803 - scikit-learn's name
        """Predictions for X of (N,) or (N, K)."""
        return np.asarray(super().predict(_columns(X)))

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:  # noqa: N803 - scikit-learn's name
        """The coefficient of determination, R²."""
        return float(super().score(_columns(X), y, sample_weight))


def _columns(X: Any) -> Any:  # noqa: N803 - scikit-learn's name
    if np.ndim(X) != 1:
        return X
    return X.to_frame() if hasattr(X, "to_frame") else np.asarray(X).reshape(-1, 1)
