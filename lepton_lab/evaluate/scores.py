"""Numbers of a classification: the confusion matrix, the scores of each class, their means, all with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.evaluate.intervals import Floats, limits, resampled_counts, wilson

__all__ = ["Score", "class_scores", "confusion", "label_counts", "mean_scores"]

Ints = NDArray[np.int64]
_RESAMPLED_CELLS = 10_000  # a table with more cells is not resampled: 100 classes


@dataclass(frozen=True)
class Score:
    """One number with its 95 % interval.

    Attributes:
        name: Such as "accuracy".
        value: The number; NaN where it is not defined.
        low: Lower end of the interval; NaN where none was computed.
        high: Upper end.
        unit: "share", "nats", or "" for the target's own unit.
    """

    name: str
    value: float
    low: float
    high: float
    unit: str = "share"


def confusion(labels: Ints, predicted: Ints, classes: int) -> Ints:
    """Counts (C, C): rows are labels, columns predictions."""
    from sklearn.metrics import confusion_matrix

    found: Ints = confusion_matrix(labels, predicted, labels=range(classes)).astype(np.int64)
    return found


def label_counts(truth: NDArray[Any], said: NDArray[Any]) -> Ints:
    """One table a label (K, 2, 2): rows are no and yes in truth, columns what the network said."""
    from sklearn.metrics import multilabel_confusion_matrix

    found: Ints = multilabel_confusion_matrix(truth, said, labels=range(truth.shape[1])).astype(np.int64)
    return found


def one_against_rest(matrix: Ints | Floats) -> Floats:
    """Tables (…, C, 2, 2) of each class against all others, from (…, C, C)."""
    m = np.asarray(matrix, np.float64)
    tp = np.diagonal(m, axis1=-2, axis2=-1)
    fn, fp = m.sum(-1) - tp, m.sum(-2) - tp
    tn = m.sum((-2, -1))[..., None] - tp - fn - fp
    return np.stack([np.stack([tn, fp], -1), np.stack([fn, tp], -1)], -2)


def class_scores(tables: Ints | Floats, resampled: Floats | None) -> dict[str, Floats]:
    """Scores of each class, (C,), with `_low` and `_high`.

    Args:
        tables: (C, 2, 2), as `one_against_rest` gives.
        resampled: The same with other samples, (R, C, 2, 2), for the interval of F1; None for no such interval.
    """
    t = np.asarray(tables, np.float64)
    tn, fp, fn, tp = t[:, 0, 0], t[:, 0, 1], t[:, 1, 0], t[:, 1, 1]
    out: dict[str, Floats] = {"support": tp + fn, "called": tp + fp}
    for name, hits, of in (
        ("accuracy", tp + tn, tp + tn + fp + fn),
        ("precision", tp, tp + fp),
        ("recall", tp, tp + fn),
    ):
        out[name] = _share(hits, of)
        out[f"{name}_low"], out[f"{name}_high"] = wilson(hits, of)
    out["f1"] = _f1(t)
    if resampled is None:
        out["f1_low"] = out["f1_high"] = np.full(len(t), np.nan)
    else:
        out["f1_low"], out["f1_high"] = limits(_f1(resampled))
    return out


def mean_scores(tables: Ints | Floats, resampled: Floats | None) -> list[Score]:
    """Precision, recall and F1 as means over the classes (macro); a class that does not occur counts nothing."""
    out = []
    for name, measure in (("precision", _precision), ("recall", _recall), ("f1", _f1)):
        value = _mean(measure(np.asarray(tables, np.float64)), np.asarray(tables, np.float64))
        low, high = (np.nan, np.nan) if resampled is None else limits(_mean(measure(resampled), resampled))
        out.append(Score(name, float(value), float(low), float(high)))
    return out


def resampled_tables(matrix: Ints) -> Floats | None:
    """Tables of each class with other samples, (R, C, 2, 2), from a confusion matrix; None where it is too large."""
    if matrix.size > _RESAMPLED_CELLS:
        return None
    return one_against_rest(resampled_counts(matrix))


def _mean(values: Floats, tables: Floats) -> Floats:
    """Mean over the classes that occur in truth or in what was said; 0 stands for a score that is not defined."""
    occurs = tables[..., 1, 1] + tables[..., 1, 0] + tables[..., 0, 1] > 0
    return np.asarray(np.where(occurs, np.nan_to_num(values), 0).sum(-1) / np.maximum(1, occurs.sum(-1)))


def _precision(t: Floats) -> Floats:
    return _share(t[..., 1, 1], t[..., 1, 1] + t[..., 0, 1])


def _recall(t: Floats) -> Floats:
    return _share(t[..., 1, 1], t[..., 1, 1] + t[..., 1, 0])


def _f1(t: Floats) -> Floats:
    return _share(2 * t[..., 1, 1], 2 * t[..., 1, 1] + t[..., 0, 1] + t[..., 1, 0])


def _share(hits: Floats, of: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(of > 0, hits / of, np.nan))
