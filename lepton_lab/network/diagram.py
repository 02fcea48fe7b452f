"""A network as a drawing: SVG with lines and text only, as a paper takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from lepton_lab.network.base import BlockSpec, LayerSpec, TensorInfo
from lepton_lab.network.inference import Row
from lepton_lab.network.spec import NetworkSpec
from lepton_lab.network.wording import describe, shape_text

__all__ = ["diagram"]

_BOX, _GAP, _PAD, _HEAD, _CHAR = 34.0, 26.0, 12.0, 22.0, 6.6
"""Sizes in px: height of a box, room for an arrow, inside of a block, a block's title, width of a letter."""


@dataclass
class _Part:
    """A piece of the drawing; its input comes from above at the middle, its output leaves below at the middle."""

    width: float
    height: float
    svg: list[str]

    def at(self, x: float, y: float) -> str:
        return f'<g transform="translate({x:.1f} {y:.1f})">{"".join(self.svg)}</g>'


def diagram(network: NetworkSpec) -> str:
    """The network from top to bottom, with the shapes on its arrows; branches stand side by side.

    Args:
        network: The network; one that does not fit together is drawn without the shapes that are not known.

    Returns:
        SVG with black lines on a white ground, whose text stays text.
    """
    rows = {row.path: row for row in network.check().rows}
    body = _chain(network.layers, "", network.input, rows, first=shape_text(network.input), last=True)
    width, height = max(body.width + 40, 240), body.height + 64
    x = (width - body.width) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="Helvetica, Arial, sans-serif" font-size="12" role="img">',
        f"<title>{escape(network.name)}</title>",
        '<defs><marker id="ll-arrow" '
        'viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#222"/></marker></defs>',
        f'<rect width="{width:.0f}" height="{height:.0f}" fill="#fff"/>',
        _text(width / 2, 24, "input", bold=True),
        body.at(x, 32),
        _text(width / 2, height - 12, "output", bold=True),
        "</svg>",
    ]
    return "".join(parts)


def _chain(
    layers: Sequence[LayerSpec], prefix: str, x: TensorInfo | None, rows: dict[str, Row], *, first: str = "",
    last: bool = False,
) -> _Part:  # fmt: skip
    drawn: list[tuple[_Part, str]] = []
    for layer in layers:
        path = f"{prefix}/{layer.name}" if prefix else layer.name
        row = rows.get(path)
        part = _block(layer, path, x, rows) if isinstance(layer, BlockSpec) else _box(layer, x)
        x = row.output if row is not None else None
        drawn.append((part, shape_text(x)))
    width = max([part.width for part, _ in drawn], default=60.0)
    width = max(width, _CHAR * len(first) + 24)
    svg, y, label = [], 0.0, first
    for part, shape in drawn:
        svg.append(_arrow(width / 2, y, y + _GAP, label))
        y += _GAP
        svg.append(part.at((width - part.width) / 2, y))
        y += part.height
        label = shape
    if last or not drawn:
        svg.append(_arrow(width / 2, y, y + _GAP, label))
        y += _GAP
    return _Part(width, y, svg)


def _box(layer: LayerSpec, x: TensorInfo | None) -> _Part:
    what = describe(layer, x)
    width = max(120.0, _CHAR * max(len(what), len(layer.name)) + 20)
    return _Part(
        width,
        _BOX,
        [
            f'<rect width="{width:.1f}" height="{_BOX}" rx="4" fill="#f4f6f8" stroke="#222"/>',
            _text(width / 2, 14, layer.name, bold=True),
            _text(width / 2, 28, what, small=True),
        ],
    )


def _block(block: BlockSpec, path: str, x: TensorInfo | None, rows: dict[str, Row]) -> _Part:
    lists = [_chain(layers, f"{path}/{part}" if part else path, x, rows) for part, layers in block.children().items()]
    side = len(lists) > 1
    inner = sum(part.width for part in lists) + 2 * _PAD * (len(lists) - 1)
    what = describe(block, x)
    title = f"{block.name}: {what}"
    width = max(inner + 4 * _PAD, _CHAR * len(title) + 2 * _PAD)
    tall = max((part.height for part in lists), default=_GAP)
    height = _HEAD + tall + (2 * _PAD + 20 if side else _PAD)
    svg = [
        f'<rect width="{width:.1f}" height="{height:.1f}" rx="6" fill="none" stroke="#222" stroke-dasharray="4 3"/>',
        _text(_PAD, 15, title, small=True, anchor="start"),
    ]
    at, middle = (width - inner) / 2, width / 2
    foot = _HEAD + tall + _PAD
    for part in lists:
        centre = at + part.width / 2
        svg.append(part.at(at, _HEAD))
        if side:
            svg.append(f'<path d="M{middle:.1f} {_HEAD}H{centre:.1f}" stroke="#222" fill="none"/>')
            svg.append(
                f'<path d="M{centre:.1f} {_HEAD + part.height:.1f}V{foot:.1f}H{middle:.1f}" stroke="#222" fill="none"/>'
            )
        at += part.width + 2 * _PAD
    if side:
        sign = "+" if block.kind == "Residual" else {"sum": "+", "multiply": "×"}.get(getattr(block, "merge", ""), "‖")
        svg.append(f'<circle cx="{middle:.1f}" cy="{foot:.1f}" r="9" fill="#fff" stroke="#222"/>')
        svg.append(_text(middle, foot + 4, sign, bold=True))
    return _Part(width, height, svg)


def _arrow(x: float, top: float, bottom: float, label: str) -> str:
    line = f'<path d="M{x:.1f} {top:.1f}V{bottom:.1f}" stroke="#222" marker-end="url(#ll-arrow)"/>'
    return line + (_text(x + 6, (top + bottom) / 2 + 4, label, small=True, anchor="start") if label else "")


def _text(x: float, y: float, text: str, *, bold: bool = False, small: bool = False, anchor: str = "middle") -> str:
    weight = ' font-weight="600"' if bold else ""
    size = ' font-size="11" fill="#444"' if small else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}{size}>{escape(text)}</text>'
