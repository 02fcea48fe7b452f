"""Curves of one run or several: loss and metrics over epochs, training solid, validation dashed, the best marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lepton_lab.figures.drawn import Drawn

__all__ = ["plot_run", "plot_runs"]

_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # Okabe and Ito, colour-blind-safe
_UNITS = {"loss": "loss (mean per sample)", "accuracy": "accuracy (share of samples)"}
_UP = ("accuracy", "auroc", "f1", "precision", "r2", "recall", "top_")
_INK, _GRID = "#1f2328", "#d0d7de"


class _Drawable(Protocol):
    """What is drawn of a run."""

    @property
    def name(self) -> str: ...

    @property
    def history(self) -> Any: ...


def plot_run(run: _Drawable) -> Figure:
    """Loss and every metric of a run over its epochs.

    Args:
        run: Anything with a `name` and a `history`.

    Returns:
        A figure of its own, not known to pyplot.
    """
    return plot_runs([run])


def plot_runs(runs: Sequence[_Drawable]) -> Figure:
    """Several runs in one figure, one panel for the loss and one for each metric."""
    names = _panels(runs)
    figure = Drawn(figsize=(4.2 * len(names), 3.2), layout="constrained")
    axes = np.atleast_1d(figure.subplots(1, len(names)))
    for ax, name in zip(axes, names, strict=True):
        for i, run in enumerate(runs):
            _curve(ax, run, name, _COLORS[i % len(_COLORS)], several=len(runs) > 1)
        _finish(ax, name)
    if len(runs) == 1:
        figure.suptitle(runs[0].name, fontsize=10, color=_INK)
    return figure


def _panels(runs: Sequence[_Drawable]) -> list[str]:
    names = ["loss"]
    for run in runs:
        for column in run.history.epochs.columns:
            name = column.removeprefix("val_")
            if name not in ("epoch", "time", "lr", *names):
                names.append(name)
    return names


def _curve(ax: Axes, run: _Drawable, name: str, color: str, *, several: bool) -> None:
    prefix = f"{run.name}: " if several else ""
    epochs = run.history.epochs.since(0)[1]
    steps = run.history.steps.since(0)[1]
    trained = epochs.get(name, np.empty(0))
    if len(trained) < 2 and name in steps and len(steps[name]) > 1:  # less than two epochs: show the steps
        ax.plot(steps["epoch"], steps[name], color=color, linewidth=0.8, alpha=0.6)
    dots = "o" if len(trained) < 20 else ""
    style: dict[str, Any] = {"color": color, "linewidth": 1.6, "markersize": 3, "marker": dots}
    if len(trained):
        ax.plot(epochs["epoch"], trained, linestyle="-", label=f"{prefix}training", **style)
    best = epochs.get(f"val_{name}")
    if best is not None and len(best) and not np.isnan(best).all():
        ax.plot(epochs["epoch"], best, linestyle="--", label=f"{prefix}validation", **style)
    else:
        best = trained
    if len(best) and not np.isnan(best).all():
        at = int(np.nanargmax(best) if name.startswith(_UP) else np.nanargmin(best))
        epoch = int(epochs["epoch"][at])
        ax.plot(
            epoch,
            best[at],
            marker="*",
            markersize=11,
            linestyle="none",
            color=color,
            markeredgecolor=_INK,
            markeredgewidth=0.6,
            label=f"{prefix}best {best[at]:.4g}, epoch {epoch}",
        )


def _finish(ax: Axes, name: str) -> None:
    ax.set_xlabel("epoch")
    ax.set_ylabel(_UNITS.get(name, name.replace("_", " ")))
    ax.grid(color=_GRID, linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize=8, frameon=False)
    else:
        ax.text(0.5, 0.5, "No epoch has ended yet", transform=ax.transAxes, ha="center", va="center", color=_INK)
