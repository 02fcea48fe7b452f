"""Evidence as a small SVG picture, for a notebook's output. No library: layers below figures have none."""

from __future__ import annotations

import math
from html import escape

from lepton_lab.doctor.findings import Evidence

__all__ = ["svg"]

_WIDTH, _HEIGHT = 300, 96
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 8, 24


def svg(evidence: Evidence) -> str:
    """The plot with its axes' names and the healthy band, in the notebook's own colours."""
    scale = _Scale(evidence)
    parts = [scale.band()]
    parts += scale.bars() if evidence.kind == "bars" else scale.lines()
    parts += scale.axes()
    label = escape(f"{evidence.y_name} by {evidence.x_name or 'kind'}")
    return (
        f'<svg class="ll-evidence" role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" '
        f'height="{_HEIGHT}" style="display:block;margin:4px 0">{"".join(parts)}</svg>'
    )


class _Scale:
    """Where a value lies in the picture."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        values = [v for v in (*evidence.y, *evidence.other) if math.isfinite(v)]
        limits = [v for v in (evidence.low, evidence.high) if v is not None and math.isfinite(v)]
        positive = [v for v in (*values, *limits) if v > 0]
        self.log = evidence.log and bool(positive) and max(positive) > 20 * min(positive)
        if self.log:
            values, limits = [v for v in values if v > 0], [v for v in limits if v > 0]
        shown = [*values, *limits] or [0.0, 1.0]
        low, high = min(shown), max(shown)
        if evidence.kind == "bars" and not self.log:
            low = min(0.0, low)
        self.low, self.high = self._of(low), self._of(high)
        if self.high - self.low < 1e-12:
            self.high = self.low + 1.0
        xs = [x for x in evidence.x if math.isfinite(x)] or [0.0]
        self.first, self.last = min(xs), max(max(xs), min(xs) + 1e-9)

    def _of(self, value: float) -> float:
        return math.log10(max(value, 1e-30)) if self.log else value

    def y(self, value: float) -> float:
        """Distance from the top."""
        share = (self._of(value) - self.low) / (self.high - self.low)
        return _TOP + (1 - min(1.0, max(0.0, share))) * (_HEIGHT - _TOP - _BOTTOM)

    def x(self, value: float) -> float:
        """Distance from the left."""
        return _LEFT + (value - self.first) / (self.last - self.first) * (_WIDTH - _LEFT - _RIGHT)

    def band(self) -> str:
        """The healthy range as a ground."""
        e = self.evidence
        if e.low is None and e.high is None:
            return ""
        top = self.y(e.high) if e.high is not None else _TOP
        bottom = self.y(e.low) if e.low is not None else _HEIGHT - _BOTTOM
        return (
            f'<rect x="{_LEFT}" y="{top:.1f}" width="{_WIDTH - _LEFT - _RIGHT}" height="{max(0.0, bottom - top):.1f}" '
            'fill="currentColor" opacity="0.08"/>'
        )

    def lines(self) -> list[str]:
        """The curve, and the second one dashed."""
        e = self.evidence
        drawn = []
        for values, dash in ((e.y, ""), (e.other, ' stroke-dasharray="4 3"')):
            points = [
                f"{self.x(a):.1f},{self.y(b):.1f}"
                for a, b in zip(e.x, values, strict=False)
                if math.isfinite(b) and (b > 0 or not self.log)
            ]
            if points:
                drawn.append(
                    f'<polyline points="{" ".join(points)}" fill="none" stroke="currentColor" '
                    f'stroke-width="1.5"{dash}/>'
                )
        return drawn

    def bars(self) -> list[str]:
        """One bar a value, with its name where there is room."""
        e = self.evidence
        width = (_WIDTH - _LEFT - _RIGHT) / max(1, len(e.y))
        drawn = []
        for i, value in enumerate(e.y):
            if not math.isfinite(value):
                continue
            top = self.y(value)
            name = escape(e.labels[i]) if i < len(e.labels) else ""
            drawn.append(
                f'<rect x="{_LEFT + i * width + 0.1 * width:.1f}" y="{top:.1f}" width="{0.8 * width:.1f}" '
                f'height="{max(1.0, _HEIGHT - _BOTTOM - top):.1f}" fill="currentColor" opacity="0.6">'
                f"<title>{name}: {value:.3g}</title></rect>"
            )
        return drawn

    def axes(self) -> list[str]:
        """Two lines, the ends of the scale, and the names with their units."""
        e = self.evidence
        ends = (10**self.high, 10**self.low) if self.log else (self.high, self.low)
        x_name = e.x_name + (f" [{e.x_unit}]" if e.x_unit else "")
        y_name = (
            e.y_name + (f" [{e.y_unit}]" if e.y_unit else "") + (f" (dashed: {e.other_name})" if e.other_name else "")
        )
        style = 'font-size="9" fill="currentColor"'
        floor = _HEIGHT - _BOTTOM
        return [
            f'<path d="M{_LEFT} {_TOP}V{floor}H{_WIDTH - _RIGHT}" fill="none" stroke="currentColor" opacity="0.4"/>',
            f'<text x="{_LEFT - 4}" y="{_TOP + 6}" text-anchor="end" {style}>{ends[0]:.3g}</text>',
            f'<text x="{_LEFT - 4}" y="{floor}" text-anchor="end" {style}>{ends[1]:.3g}</text>',
            f'<text x="{_LEFT}" y="{_HEIGHT - 12}" {style}>{escape(y_name)}</text>',
            f'<text x="{_WIDTH - _RIGHT}" y="{_HEIGHT - 2}" text-anchor="end" {style}>{escape(x_name)}</text>',
        ]
