"""How much of the input one value of a layer's output can see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lepton_lab.network.base import BlockSpec, LayerSpec

__all__ = ["receptive_fields"]

_SEE_ALL = ("Linear", "Flatten", "Global", "Adaptive", "Mean", "Reshape", "Multihead", "Transformer", "LSTM", "GRU")
_PAIR = tuple[int, ...]
_Field = tuple[_PAIR, _PAIR]  # extent and distance of neighbours, an axis each, in input pixels


def receptive_fields(layers: Sequence[LayerSpec], axes: int) -> dict[str, _PAIR]:
    """Extent of the receptive field in input pixels, an axis each, by path; ends where a layer sees everything.

    A layer of kernel k and dilation d adds (k - 1)·d·j to the extent, where j, the distance of neighbouring outputs in
    the input, is the product of the strides so far (Araujo, Norris and Sim 2019, "Computing receptive fields of
    convolutional neural networks", Distill).

    Args:
        layers: The network's layers.
        axes: Axes of space: 2 for images.
    """
    found: dict[str, _PAIR] = {}
    _walk(layers, "", ((1,) * axes, (1,) * axes), found)
    return found


def _walk(layers: Sequence[LayerSpec], prefix: str, field: _Field | None, found: dict[str, _PAIR]) -> _Field | None:
    for layer in layers:
        path = f"{prefix}/{layer.name}" if prefix else layer.name
        if field is None:
            return None
        field = _block(layer, path, field, found) if isinstance(layer, BlockSpec) else _step(layer, field)
        if field is not None:
            found[path] = field[0]
    return field


def _block(block: BlockSpec, path: str, field: _Field, found: dict[str, _PAIR]) -> _Field | None:
    ends: list[_Field] = []
    for part, layers in block.children().items():
        end: _Field | None = field
        for _ in range(block.runs):
            if end is not None:
                end = _walk(layers, f"{path}/{part}" if part else path, end, found)
        if end is None:
            return None
        ends.append(end)
    wide = tuple(max(sizes) for sizes in zip(*(end[0] for end in ends), strict=True))
    return wide, ends[0][1]


def _step(layer: LayerSpec, field: _Field) -> _Field | None:
    if layer.kind.startswith(_SEE_ALL):
        return None
    kernel = getattr(layer, "kernel_size", None)
    if kernel is None:
        return field
    axes = len(field[0])
    transposed = layer.kind.startswith("ConvTranspose")
    k, s, d = (
        _each(v, axes) for v in (kernel, getattr(layer, "stride", None) or kernel, getattr(layer, "dilation", 1))
    )
    if transposed or k is None or s is None or d is None:
        return None
    extent, distance = field
    wider = tuple(e + (a - 1) * c * j for e, a, c, j in zip(extent, k, d, distance, strict=True))
    return wider, tuple(j * b for j, b in zip(distance, s, strict=True))


def _each(value: Any, axes: int) -> _PAIR | None:
    if isinstance(value, int):
        return (value,) * axes
    return tuple(value) if isinstance(value, tuple) and len(value) == axes else None
