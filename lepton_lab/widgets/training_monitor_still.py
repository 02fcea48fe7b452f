"""The last curves of a run as SVG, for a notebook without a kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.workspace.downsample import downsample

if TYPE_CHECKING:
    from lepton_lab.widgets.training_monitor_reader import Reader

__all__ = ["draw"]

_WIDE, _HIGH = 420, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 10, 26, 34
_POINTS = 240
_COLOURS = ("#0068ad", "#c26a00", "#00805c", "#a84a7f", "#c44a00", "#2a84b6", "#7d6f00", "#3b4148")
_INK, _SOFT = "var(--jp-ui-font-color1, #1b2128)", "var(--jp-ui-font-color2, #57606a)"
_LINE = "var(--jp-border-color2, #d0d7de)"
_AXES = {"epoch": "Epoch", "step": "Step", "time": "Seconds"}

Points = tuple[NDArray[Any], NDArray[Any]]


def draw(readers: Sequence[Reader], axis: str, log: bool) -> str:
    """Loss and the first metric of the runs, training solid, validation dashed."""
    columns = readers[0].tables["steps"].columns or readers[0].tables["epochs"].columns
    known = [c for c in columns if c not in ("loss", "lr", "grad_norm", "samples_per_s") and not c.startswith("val_")]
    panels = [_panel(readers, "loss", axis, log), *(_panel(readers, name, axis, False) for name in known[:1])]
    said = "; ".join(_sentence(reader) for reader in readers)
    legend = "".join(
        f'<span style="margin-right:16px"><span style="color:{_COLOURS[i % 8]}">&#9644;</span> '
        f"{escape(_sentence(reader))}</span>"
        for i, reader in enumerate(readers)
    )
    style = "font:12px var(--jp-ui-font-family, sans-serif);padding:8px"
    return (
        f'<div role="img" aria-label="{escape(said, quote=True)}" style="{style};color:{_INK}">'
        f"<div>{''.join(panels)}</div><div>{legend}"
        f'<span style="color:{_SOFT}">solid: training, dashed: validation</span></div></div>'
    )


def _sentence(reader: Reader) -> str:
    status = reader.status
    parts = [f"{reader.run.name}: {status.state}, epoch {status.epoch} of {status.epochs}"]
    best = reader.best()
    if best is not None:
        shown = [k for k in ("val_loss", "val_accuracy", "loss") if k in best and math.isfinite(best[k])][:2]
        parts.append(f"best at epoch {best['epoch']:g} ({', '.join(f'{k} {best[k]:.4g}' for k in shown)})")
    return ", ".join(parts)


def _panel(readers: Sequence[Reader], name: str, axis: str, log: bool) -> str:
    curves: list[tuple[int, bool, Points]] = []
    for i, reader in enumerate(readers):
        trained = reader.curve("steps", axis, name)
        if not np.isfinite(trained[1]).any():
            trained = reader.curve("epochs", axis, name)
        curves.append((i, False, trained))
        curves.append((i, True, reader.curve("epochs", axis, f"val_{name}")))
    curves = [(i, valid, _usable(points, log)) for i, valid, points in curves]
    curves = [(i, valid, points) for i, valid, points in curves if len(points[1])]
    title = (
        f'<text x="{_LEFT}" y="16" font-weight="600" fill="{_INK}">{escape(name.replace("_", " ").capitalize())}</text>'
    )
    body = _lines(curves, log) if curves else f'<text x="{_LEFT}" y="60" fill="{_SOFT}">no values yet</text>'
    label = f'<text x="{_WIDE - _RIGHT}" y="{_HIGH - 4}" text-anchor="end" fill="{_SOFT}">{_AXES[axis]}</text>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDE}" height="{_HIGH}" viewBox="0 0 {_WIDE} {_HIGH}" '
        f'font-size="11" style="max-width:100%">{title}{body}{label}</svg>'
    )


def _usable(points: Points, log: bool) -> Points:
    x, y = (np.asarray(part, np.float64) for part in points)
    good = np.isfinite(x) & np.isfinite(y) & ((y > 0) | (not log))
    x, y = x[good], y[good]
    return downsample(x, np.log10(y) if log else y, _POINTS)


def _lines(curves: Sequence[tuple[int, bool, Points]], log: bool) -> str:
    xs = np.concatenate([points[0] for _, _, points in curves])
    ys = np.concatenate([points[1] for _, _, points in curves])
    left, right = float(xs.min()), float(xs.max())
    low, high = float(ys.min()), float(ys.max())
    left, right = (left, right) if right > left else (left - 0.5, right + 0.5)
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)

    def at_x(x: Any) -> Any:
        return _LEFT + (x - left) / (right - left) * (_WIDE - _LEFT - _RIGHT)

    def at_y(y: Any) -> Any:
        return _HIGH - _BOTTOM - (y - low) / (high - low) * (_HIGH - _TOP - _BOTTOM)

    parts = []
    for share in (0.0, 0.5, 1.0):
        value, place = low + share * (high - low), at_y(low + share * (high - low))
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{place:.1f}" y2="{place:.1f}" stroke="{_LINE}"/>')
        shown = f"{10**value if log else value:.3g}"
        parts.append(f'<text x="{_LEFT - 6}" y="{place + 4:.1f}" text-anchor="end" fill="{_SOFT}">{shown}</text>')
        across, anchor = left + share * (right - left), "end" if share == 1 else "middle"  # within the picture
        parts.append(
            f'<text x="{at_x(across):.1f}" y="{_HIGH - _BOTTOM + 14}" text-anchor="{anchor}" fill="{_SOFT}">'
            f"{across:.4g}</text>"
        )
    for i, valid, (x, y) in curves:
        path = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(at_x(x), at_y(y), strict=True))
        dash = ' stroke-dasharray="5 3"' if valid else ""
        colour = _COLOURS[i % len(_COLOURS)]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.75"{dash}/>')
        if valid or len(x) == 1:
            dots = zip(at_x(x[-1:]), at_y(y[-1:]), strict=True)
            parts += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="2.5" fill="{colour}"/>' for a, b in dots]
    return "".join(parts)
