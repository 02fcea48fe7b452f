"""The heat map of gradients as SVG, for a notebook without a kernel."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np

from lepton_lab.probes.log import Measurement
from lepton_lab.widgets.gradient_monitor_rows import rows_of

__all__ = ["still_picture"]

_STOPS = (
    (-9.0, (23, 79, 134)), (-6.0, (141, 183, 220)), (-4.0, (238, 240, 239)), (-1.0, (238, 240, 239)),
    (-0.5, (235, 165, 124)), (0.0, (177, 61, 0)),
)  # fmt: skip
_COLUMNS, _ROW, _LEFT, _WIDTH = 80, 18, 132, 700


def colour(value: float) -> str:
    """The colour of a gradient's typical size: blue for vanishing, grey for healthy, orange for exploding."""
    if math.isnan(value):
        return "none"
    at = math.log10(value) if value > 0 else -99.0
    at = 99.0 if math.isinf(value) else at
    low = _STOPS[0]
    for high in _STOPS:
        if at <= high[0]:
            share = 0.0 if high[0] == low[0] else (max(at, low[0]) - low[0]) / (high[0] - low[0])
            mixed = [round(a + (b - a) * share) for a, b in zip(low[1], high[1], strict=True)]
            return f"#{mixed[0]:02x}{mixed[1]:02x}{mixed[2]:02x}"
        low = high
    red, green, blue = _STOPS[-1][1]
    return f"#{red:02x}{green:02x}{blue:02x}"


def still_picture(name: str, measurements: Sequence[Measurement], sizes: Mapping[str, int]) -> str:
    """SVG with a row a layer; a sentence where nothing was measured."""
    rows = rows_of(measurements, ("grad_norm",))
    if "grad_norm" not in rows.values or not len(rows.steps):
        return f"<p>No gradients were measured in {html.escape(name)}.</p>"
    labels = rows.labels["grad_norm"]
    per_weight = bool(sizes) and all(label in sizes for label in labels)
    counts = np.array([sizes[label] for label in labels] if per_weight else np.ones(len(labels)))
    values = rows.values["grad_norm"] / np.sqrt(counts)
    picks = np.unique(np.linspace(0, len(values) - 1, min(_COLUMNS, len(values))).astype(int))
    width = (_WIDTH - _LEFT) / len(picks)
    parts = []
    for i, label in enumerate(labels):
        y = 24 + i * _ROW
        parts.append(f'<text x="0" y="{y + 12}">{html.escape(label[-20:])}</text>')
        parts += [
            f'<rect x="{_LEFT + j * width:.1f}" y="{y}" width="{width + 0.3:.1f}" height="{_ROW - 1}" '
            f'fill="{colour(float(values[t, i]))}"/>'
            for j, t in enumerate(picks)
        ]
    bottom = 24 + len(labels) * _ROW
    what = "typical size (RMS) of a weight's gradient" if per_weight else "norm of each layer's gradient"
    parts.append(f'<text x="{_LEFT}" y="{bottom + 14}">step {int(rows.steps[0]):,}</text>')
    parts.append(f'<text x="{_WIDTH}" y="{bottom + 14}" text-anchor="end">step {int(rows.steps[-1]):,}</text>')
    head = f'<text x="0" y="12" font-weight="600">{html.escape(name)}: gradients by layer, {what}</text>'
    said = f"Gradients by layer of {html.escape(name, quote=True)}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {bottom + 20}" width="100%" style="max-width:{_WIDTH}px" role="img" '
        f'aria-label="{said}" font-family="system-ui,sans-serif" font-size="11" fill="currentColor">'
        f"{head}{''.join(parts)}</svg>"
    )
