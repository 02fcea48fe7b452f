"""An evaluation as one HTML page that needs no script, no file and no network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lepton_lab.markup import cell, escape, page, table

if TYPE_CHECKING:
    from lepton_lab.evaluate.result import Evaluation
    from lepton_lab.evaluate.scores import Score

__all__ = ["set_drawer", "shown", "to_html"]

NAMES = {
    "accuracy": "Accuracy",
    "precision": "Precision, mean of classes",
    "recall": "Recall, mean of classes",
    "f1": "F1, mean of classes",
    "loss": "Loss",
    "calibration error": "Calibration error",
    "rmse": "Root mean squared error",
    "mae": "Mean absolute error",
    "r2": "R²",
    "bias": "Mean error (predicted − true)",
}
_MOST_CLASSES = 25  # of a printed matrix

_drawer: Callable[[Any], Mapping[str, str]] | None = None


def set_drawer(draw: Callable[[Any], Mapping[str, str]] | None) -> None:
    """Says who draws the figures of a report: `draw(evaluation)` returns SVG by title."""
    global _drawer
    _drawer = draw


def shown(score: Score, value: float | None = None) -> str:
    """A score, or another number on its scale, as people read it."""
    x = score.value if value is None else value
    if not math.isfinite(x):
        return "–"
    if score.unit == "share" and score.name != "r2":
        return f"{100 * x:.1f} %"
    return f"{x:.4g}" + (" nats" if score.unit == "nats" and value is None else "")


def to_html(evaluation: Evaluation, *, whole: bool) -> str:
    """See `Evaluation.to_html`."""
    parts = [
        f"<h4>{escape(evaluation.name)} on the {escape(evaluation.split)} set of {escape(evaluation.data.name)}</h4>"
    ]
    parts.append(f'<p class="soft">{escape(_about(evaluation))}</p>')
    rows = (
        [cell(NAMES.get(s.name, s.name), "key"), cell(shown(s), "num"), cell(_range(s), "num soft")]
        for s in evaluation.summary
    )
    parts.append(
        table(
            rows, [cell("", header=True), cell("value", "num", header=True), cell("95 % interval", "num", header=True)]
        )
    )
    if evaluation.task != "regression":
        parts += _class_parts(evaluation)
    if whole and _drawer is not None:
        parts += [f"<h4>{escape(title)}</h4>{svg}" for title, svg in _drawer(evaluation).items()]
    body = page(f"Evaluation of {evaluation.name}", *parts)
    if not whole:
        return body
    title = f"{evaluation.name}: {evaluation.split} set"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        "<style>body{margin:24px auto;max-width:880px;padding:0 16px;background:#fff}svg{max-width:100%;height:auto}"
        f"</style></head><body>{body}</body></html>"
    )


def _about(evaluation: Evaluation) -> str:
    text = f"{len(evaluation):,} samples."
    if evaluation.task != "regression":
        text += f" {int(evaluation.wrong.sum()):,} of them are told wrongly."
    if evaluation.step is not None:
        text += f" Weights after {evaluation.step:,} steps."
    if evaluation.split == "test":
        times = "once" if evaluation.test_looks == 1 else f"{evaluation.test_looks} times"
        text += f" The test set was looked at {times}." if evaluation.test_looks else ""
    return text


def _range(score: Score) -> str:
    if not (math.isfinite(score.low) and math.isfinite(score.high)):
        return ""
    return f"{shown(score, score.low)} to {shown(score, score.high)}"


def _class_parts(evaluation: Evaluation) -> list[str]:
    frame = evaluation.per_class
    head = [
        cell("class", header=True),
        *(cell(n, "num", header=True) for n in ("samples", "precision", "recall", "F1")),
    ]
    rows = []
    for name, row in frame.iterrows():
        parts = [_with_range(row[n], row[f"{n}_low"], row[f"{n}_high"]) for n in ("precision", "recall", "f1")]
        rows.append(
            [cell(name, "key"), cell(f"{int(row['support']):,}", "num"), *(cell(p, "num", raw=True) for p in parts)]
        )
    found = ["<h4>Each class</h4>", table(rows, head)]
    if evaluation.task != "multilabel" and len(evaluation.classes) <= _MOST_CLASSES:
        matrix = (
            [cell(n, "key"), *(cell(f"{v:,}", "num") for v in line)]
            for n, line in zip(evaluation.classes, evaluation.confusion.tolist(), strict=True)
        )
        top = [cell("label \\ predicted", header=True), *(cell(n, "num", header=True) for n in evaluation.classes)]
        found += ["<h4>Confusion matrix</h4>", table(matrix, top)]
    return found


def _with_range(value: float, low: float, high: float) -> str:
    return f'{_percent(value)} <span class="soft">({_percent(low)} to {_percent(high)})</span>'


def _percent(x: float) -> str:
    return f"{100 * x:.1f} %" if math.isfinite(x) else "–"
