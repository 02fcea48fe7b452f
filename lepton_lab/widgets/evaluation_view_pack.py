"""An evaluation as the front end takes it: small JSON, and arrays beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lepton_lab.evaluate import Evaluation, Sample, read_samples
from lepton_lab.evaluate.curves import THRESHOLDS
from lepton_lab.widgets._base import Reply

__all__ = ["MOST_CLASSES", "pack_curve", "pack_evaluation", "pack_samples", "pack_target"]

MOST_CLASSES = 30
"""With more classes the most frequent confusions are listed instead of a matrix."""

_PAIRS = 40
_DOTS = 3000
_PROBABILITIES = 12  # of one sample, the largest

_SCORES = ("precision", "recall", "f1", "accuracy")
_COLUMNS = ("support", "called", *(f"{s}{end}" for s in _SCORES for end in ("", "_low", "_high")))


def pack_evaluation(evaluation: Evaluation) -> Reply:
    """All numbers of a whole evaluation; curves and samples are asked for one by one."""
    about: dict[str, Any] = {
        "name": evaluation.name,
        "data": evaluation.data.name,
        "split": evaluation.split,
        "task": evaluation.task,
        "samples": len(evaluation),
        "classes": list(evaluation.classes),
        "step": evaluation.step,
        "summary": [
            {"name": s.name, "value": _number(s.value), "low": _number(s.low), "high": _number(s.high), "unit": s.unit}
            for s in evaluation.summary
        ],
    }
    if evaluation.task == "regression":
        return Reply(about)
    c, frame = evaluation.calibration, evaluation.per_class
    about |= {
        "wrong": int(evaluation.wrong.sum()),
        "columns": list(_COLUMNS),
        "thresholds": list(THRESHOLDS),
        "calibration": {
            name: [_number(v) for v in getattr(c, name).tolist()] for name in ("count", "sure", "right", "low", "high")
        },
    }
    small = evaluation.task == "multilabel" or len(evaluation.classes) <= MOST_CLASSES
    about["pairs"] = [] if small else _pairs(evaluation)
    matrix = evaluation.confusion.astype(np.int32) if small else np.empty(0, np.int32)
    return Reply(about, [matrix, frame[list(_COLUMNS)].to_numpy(np.float32).T.copy()])


def pack_curve(evaluation: Evaluation, which: int) -> Reply:
    """Both curves of a class, and the exact counts at the places of the slider."""
    c = evaluation.curve(which)
    about = {
        "which": which,
        "positives": c.positives,
        "negatives": c.negatives,
        "roc_auc": _number(c.roc_auc),
        "average_precision": _number(c.average_precision),
    }
    counts = [c.found.astype(np.int32), c.false.astype(np.int32)]
    return Reply(about, [*counts, *(a.astype(np.float32) for a in (c.roc_x, c.roc_y, c.pr_x, c.pr_y))])


def pack_target(evaluation: Evaluation, which: int) -> Reply:
    """The residuals of one target of a regression, of very many samples some, the largest errors among them."""
    r = evaluation.residuals(which)
    rows = np.arange(len(r.error))
    if len(rows) > _DOTS:
        worst = np.argsort(-np.abs(r.error), kind="stable")[: _DOTS // 10]
        drawn = np.random.default_rng(0).permutation(len(rows))[: _DOTS - len(worst)]
        rows = np.unique(np.concatenate([worst, drawn]))
    about = {
        "which": which,
        "line": list(r.line),
        "dots": len(rows),
        "count": r.count.tolist(),
        "edges": r.edges.tolist(),
    }
    arrays = (r.predicted[rows], r.true[rows], r.error[rows], r.normal, r.ordered)
    return Reply(about, [rows.astype(np.int32), *(a.astype(np.float32) for a in arrays)])


def pack_samples(evaluation: Evaluation, rows: Sequence[int], total: int) -> Reply:
    """Samples with what was said of them; pictures follow in one buffer, one after the other."""
    found, pixels = [], []
    for row, sample in zip(rows, read_samples(evaluation.data, evaluation.split, rows), strict=True):
        found.append({"row": int(row), **_said(evaluation, int(row)), **_shown(sample)})
        if sample.pixels is not None:
            pixels.append(np.ascontiguousarray(sample.pixels).reshape(-1))
    buffer = np.concatenate(pixels) if pixels else np.empty(0, np.uint8)
    return Reply({"total": total, "samples": found}, [buffer])


def _said(evaluation: Evaluation, row: int) -> dict[str, Any]:
    values = evaluation.values[row]
    if evaluation.task == "regression":
        pairs = [
            [n, float(t), float(v)] for n, t, v in zip(evaluation.classes, evaluation.targets[row], values, strict=True)
        ]
        return {"targets": pairs[:_PROBABILITIES]}
    top = np.argsort(-values, kind="stable")[:_PROBABILITIES]
    about: dict[str, Any] = {"top": [[int(i), float(values[i])] for i in top]}
    if evaluation.task == "multilabel":
        about["labels"] = np.flatnonzero(evaluation.targets[row] > 0.5).tolist()
        about["predicted"] = np.flatnonzero(evaluation.predicted[row]).tolist()
    else:
        about["labels"], about["predicted"] = [int(evaluation.targets[row])], [int(evaluation.predicted[row])]
        about["p_label"] = float(values[evaluation.targets[row]])
    about["sure"] = float(evaluation.sureness[row])
    return about


def _shown(sample: Sample) -> dict[str, Any]:
    about: dict[str, Any] = {"kind": sample.kind}
    if sample.pixels is not None:
        shape = sample.pixels.shape
        about |= {"height": shape[0], "width": shape[1], "channels": shape[2] if len(shape) > 2 else 1}
    elif sample.kind == "text":
        about["text"] = sample.text
    elif sample.kind == "row":
        about["cells"] = [list(pair) for pair in sample.cells]
    else:
        about["values"] = [_number(v) for v in sample.values]
    return about


def _pairs(evaluation: Evaluation) -> list[list[int]]:
    counts = evaluation.confusion.copy()
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts.reshape(-1), kind="stable")[:_PAIRS]
    places = [divmod(int(i), counts.shape[1]) for i in order]
    return [[i, j, int(counts[i, j])] for i, j in places if counts[i, j]]


def _number(x: Any) -> float | int | None:
    return x if isinstance(x, int) or math.isfinite(x) else None
