"""Figures of an evaluation: confusion matrix, scores of the classes, curves, calibration, residuals."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lepton_lab.figures.drawn import Drawn

if TYPE_CHECKING:
    from lepton_lab.evaluate import Evaluation

__all__ = ["evaluation_figures", "figure_bytes", "plot_evaluation"]

_INK, _SOFT, _GRID, _BLUE, _ORANGE = "#1b2128", "#52575d", "#d9dbdd", "#0068ad", "#b13d00"
_RAMP = LinearSegmentedColormap.from_list("errors", ["#f7f7f7", "#eba57c", _ORANGE])
_MOST_WRITTEN = 20  # classes whose counts are written into the cells
_MOST_CURVES = 6

_Part = tuple[str, tuple[float, float], Callable[[Axes, Any], None]]


def plot_evaluation(evaluation: Evaluation) -> Figure:
    """All parts of an evaluation in one figure, two beside each other."""
    parts = _parts(evaluation)
    rows = -(-len(parts) // 2)
    figure = Drawn(figsize=(11, 4.6 * rows), layout="constrained")
    axes = np.atleast_1d(figure.subplots(rows, 2)).ravel()
    for ax, (title, _, draw) in zip(axes, parts, strict=False):
        draw(ax, evaluation)
        _finish(ax, title)
    for ax in axes[len(parts) :]:
        ax.set_axis_off()
    figure.suptitle(f"{evaluation.name}, {evaluation.split} set, {len(evaluation):,} samples", fontsize=11, color=_INK)
    return figure


def evaluation_figures(evaluation: Evaluation) -> dict[str, str]:
    """Every part as an SVG element, by title: what a report takes (`lepton_lab.evaluate.set_drawer`)."""
    found = {}
    for number, (title, size, draw) in enumerate(_parts(evaluation)):
        figure = Figure(figsize=size, layout="constrained")
        ax = figure.subplots()
        draw(ax, evaluation)
        _finish(ax, "")
        text = figure_bytes(figure, "svg").decode()
        text = text[text.index("<svg") :]
        # several pictures in one page must not share the ids of their parts
        found[title] = re.sub(r'(id="|url\(#|href="#)', rf"\1f{number}-", text)
    return found


def figure_bytes(figure: Figure, kind: str) -> bytes:
    """A figure as a file.

    Args:
        figure: The figure.
        kind: "svg" or "png".
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format=kind, dpi=160, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()


def _parts(evaluation: Evaluation) -> list[_Part]:
    if evaluation.task == "regression":
        return [
            ("Predicted against true", (5.5, 4.6), _against),
            ("Residuals", (5.5, 4.6), _residuals),
            ("Spread of the residuals", (5.5, 4.0), _histogram),
            ("Residuals against a normal distribution", (5.5, 4.6), _quantiles),
        ]
    found: list[_Part] = []
    classes = len(evaluation.classes)
    if evaluation.task != "multilabel":
        size = min(9.0, 3.2 + 0.36 * classes)
        found.append(("Confusion matrix", (size + 0.6, size), _confusion))
    found.append(("Each class", (5.5, 1.6 + 0.28 * min(classes, 40)), _classes))
    curves: list[_Part] = [
        ("Precision and recall", (5.5, 4.6), lambda ax, e: _curves(ax, e, roc=False)),
        ("ROC", (5.5, 4.6), lambda ax, e: _curves(ax, e, roc=True)),
    ]
    return [*found, *curves, ("Calibration", (5.5, 4.6), _calibration)]


def _confusion(ax: Axes, evaluation: Evaluation) -> None:
    counts = evaluation.confusion
    errors = counts.astype(float)
    np.fill_diagonal(errors, 0)
    ax.imshow(np.sqrt(errors), cmap=_RAMP, vmin=0, vmax=max(1.0, float(np.sqrt(errors.max())) * 1.6))
    places = range(len(counts))
    few = len(counts) <= _MOST_WRITTEN
    if few:
        for i, j in np.argwhere(counts > 0):
            ax.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", fontsize=8, color=_SOFT if i == j else _INK)
        ax.set_xticks(places, evaluation.classes, rotation=45 if max(map(len, evaluation.classes)) > 3 else 0)
        ax.set_yticks(places, evaluation.classes)
    ax.set_xlabel("predicted")
    ax.set_ylabel("label")


def _classes(ax: Axes, evaluation: Evaluation) -> None:
    frame = evaluation.per_class.iloc[:40]
    y = np.arange(len(frame))
    for name, marker, fill, shift in (("precision", "o", _BLUE, -0.14), ("recall", "s", "white", 0.14)):
        low, high = frame[f"{name}_low"], frame[f"{name}_high"]
        ax.hlines(y + shift, 100 * low, 100 * high, color=_BLUE, linewidth=1)
        ax.plot(100 * frame[name], y + shift, marker, color=_BLUE, markerfacecolor=fill, markersize=5, label=name)
    ax.plot(100 * frame["f1"], y, "|", color=_INK, markersize=11, markeredgewidth=1.8, label="F1")
    ax.set_yticks(y, [str(name) for name in frame.index])
    ax.invert_yaxis()
    ax.set_xlabel("%, bars: 95 % intervals")
    ax.legend(fontsize=8, frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1))


def _curves(ax: Axes, evaluation: Evaluation, *, roc: bool) -> None:
    classes = [1] if evaluation.task == "binary" else _hardest(evaluation)
    for place, i in enumerate(classes):
        curve = evaluation.curve(i)
        area = curve.roc_auc if roc else curve.average_precision
        x, y = (curve.roc_x, curve.roc_y) if roc else (curve.pr_x, curve.pr_y)
        style = ("-", "--", ":", "-.")[place % 4]
        ax.plot(
            100 * x, 100 * y, style, color=f"C{place}", linewidth=1.5, label=f"{evaluation.classes[i]} ({area:.3f})"
        )
    ax.set_xlabel("false alarms, % of the others (false positive rate)" if roc else "recall, % of the class found")
    ax.set_ylabel("found, % of the class (true positive rate)" if roc else "precision, % of those called so")
    ax.legend(fontsize=8, frameon=False, title="area" if evaluation.task == "binary" else "hardest classes (area)")


def _hardest(evaluation: Evaluation) -> list[int]:
    f1 = evaluation.per_class["f1"].fillna(2.0).to_numpy()
    return [int(i) for i in np.argsort(f1, kind="stable")[:_MOST_CURVES]]


def _calibration(ax: Axes, evaluation: Evaluation) -> None:
    c = evaluation.calibration
    some = c.count > 0
    ax.plot([0, 100], [0, 100], ":", color=_SOFT, label="ideal")
    ax.vlines(100 * c.sure[some], 100 * c.low[some], 100 * c.high[some], color=_BLUE, linewidth=1)
    ax.plot(
        100 * c.sure[some], 100 * c.right[some], "o", color=_BLUE, markerfacecolor="white", label="this network, 95 %"
    )
    ax.set_xlabel("how sure, %")
    ax.set_ylabel("right, %")
    ax.legend(fontsize=8, frameon=False)


def _against(ax: Axes, evaluation: Evaluation) -> None:
    r = evaluation.residuals(0)
    ends = [min(r.true.min(), r.predicted.min()), max(r.true.max(), r.predicted.max())]
    ax.plot(ends, ends, ":", color=_SOFT)
    ax.plot(r.true, r.predicted, ".", color=_BLUE, markersize=4, alpha=0.5)
    ax.set_xlabel(f"true {evaluation.classes[0]}")
    ax.set_ylabel("predicted")


def _residuals(ax: Axes, evaluation: Evaluation) -> None:
    r = evaluation.residuals(0)
    ax.axhline(0, linestyle=":", color=_SOFT)
    ax.plot(r.predicted, r.error, ".", color=_BLUE, markersize=4, alpha=0.5)
    ax.set_xlabel(f"predicted {evaluation.classes[0]}")
    ax.set_ylabel("predicted − true")


def _histogram(ax: Axes, evaluation: Evaluation) -> None:
    r = evaluation.residuals(0)
    ax.bar(r.edges[:-1], r.count, np.diff(r.edges), align="edge", color=_BLUE, edgecolor="white", linewidth=0.5)
    ax.set_xlabel("predicted − true")
    ax.set_ylabel("samples")


def _quantiles(ax: Axes, evaluation: Evaluation) -> None:
    r = evaluation.residuals(0)
    slope, start = r.line
    ax.plot(r.normal, slope * r.normal + start, ":", color=_SOFT)
    ax.plot(r.normal, r.ordered, ".", color=_BLUE, markersize=4)
    ax.set_xlabel("normal quantile, standard deviations")
    ax.set_ylabel("predicted − true")


def _finish(ax: Axes, title: str) -> None:
    ax.set_title(title, fontsize=10, color=_INK, loc="left", pad=16)
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(colors=_SOFT, labelsize=8)
    if not ax.images:
        ax.grid(color=_GRID, linewidth=0.6)
        ax.set_axisbelow(True)
