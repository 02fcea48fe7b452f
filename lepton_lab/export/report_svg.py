"""Curves for the report, as SVG in the page's own colours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

__all__ = ["curves"]

_WIDE, _HIGH = 420, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 36
_STEPS = (1, 2, 2.5, 5, 10)


def curves(title: str, lines: Mapping[str, Sequence[float]], *, percent: bool = False, marked: int = 0) -> str:
    """One value an epoch: training solid, validation dashed with a point an epoch.

    Args:
        title: What is drawn.
        lines: Values from epoch 1 on, by "training" and "validation".
        percent: Whether values are shares.
        marked: The epoch whose weights are taken; 0 for none.
    """
    values = [v for line in lines.values() for v in line if math.isfinite(v)]
    if not values:
        return ""
    count = max(len(line) for line in lines.values())
    low, high, step = _nice(min(values), max(values))

    def at(epoch: float, value: float) -> tuple[float, float]:
        x = _LEFT + (epoch - 1) / max(1, count - 1) * (_WIDE - _LEFT - _RIGHT) if count > 1 else _WIDE / 2
        return x, _HIGH - _BOTTOM - (value - low) / (high - low) * (_HIGH - _TOP - _BOTTOM)

    parts = []
    for i in range(round((high - low) / step) + 1):
        value = low + i * step
        y = at(1, value)[1]
        shown = f"{100 * value:.4g} %" if percent else f"{value:.4g}"
        parts.append(f'<line x1="{_LEFT}" x2="{_WIDE - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{shown}</text>')
    for epoch in _epochs(count):
        x = at(epoch, low)[0]
        parts.append(f'<text x="{x:.1f}" y="{_HIGH - _BOTTOM + 16}" text-anchor="middle">{epoch}</text>')
    parts.append(f'<text x="{(_LEFT + _WIDE - _RIGHT) / 2}" y="{_HIGH - 4}" text-anchor="middle">epoch</text>')
    if marked:
        x = at(marked, low)[0]
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HIGH - _BOTTOM}" class="mark"/>')
    for name, line in lines.items():
        dots = [at(i + 1, v) for i, v in enumerate(line) if math.isfinite(v)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in dots)
        parts.append(f'<polyline points="{path}" class="{name}"/>')
        if name == "validation" or count == 1:
            shown_dots = dots if len(dots) <= 60 else dots[:: len(dots) // 30]
            parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" class="{name}"/>' for x, y in shown_dots]
    said = "; ".join(f"{name} {line[0]:.4g} to {line[-1]:.4g}" for name, line in lines.items() if len(line))
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg class="curve" viewBox="0 0 {_WIDE} {_HIGH}" role="img" '
        f'aria-label="{escape(f"{title} over {count} epochs: {said}", quote=True)}">{"".join(parts)}</svg></figure>'
    )


def _nice(low: float, high: float) -> tuple[float, float, float]:
    """Round bounds, and a round step between a few lines."""
    if high - low < 1e-12 * max(1.0, abs(high)):
        low, high = low - 0.5 * max(abs(low), 1e-3), high + 0.5 * max(abs(high), 1e-3)
    rough = (high - low) / 4
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(s * size for s in _STEPS if s * size >= rough * 0.999)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step, step


def _epochs(count: int) -> list[int]:
    step = max(1, round(count / 5))
    found = list(range(step, count + 1, step)) if step > 1 else list(range(1, count + 1))
    return found if found[0] == 1 or step == 1 else [1, *found]
