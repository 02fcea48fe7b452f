"""A layer in a few words, as a card or a diagram says it."""

from __future__ import annotations

from typing import Any

from lepton_lab.network.base import BlockSpec, LayerSpec, TensorInfo
from lepton_lab.network.parameters import parameters_of

__all__ = ["describe", "shape_text"]

_SHORT = {"padding": "pad", "stride": "stride", "dilation": "dilation"}
_INPUTS = frozenset({"in_features", "in_channels", "num_features", "input_size"})
_MOST = 4  # values beyond these do not fit on a card


def shape_text(info: TensorInfo | None) -> str:
    """A sample's shape as "8 × 28 × 28"."""
    return "" if info is None else " × ".join(map(str, info.shape)) or "1"


def describe(layer: LayerSpec, x: TensorInfo | None = None) -> str:
    """A layer as "Conv2d 8, 5 × 5, pad 2"; a block with the number of its layers.

    Args:
        layer: The layer.
        x: Its input, where that is known.
    """
    if isinstance(layer, BlockSpec):
        inside = sum(1 for _ in layer.walk()) - 1
        text = f"{layer.kind}, {inside} layer{'' if inside == 1 else 's'}"
        times = f", {layer.runs} times" if layer.runs > 1 else ""
        merge = getattr(layer, "merge", "concat")
        return text + times + (f", {merge}" if merge != "concat" else "")
    if layer.kind == "Linear":
        values: Any = layer
        size = values.in_features if values.in_features is not None else (x.shape[-1] if x and x.shape else None)
        words = [f"{size if size is not None else ''} → {values.out_features}".strip()]
        skip = {"out_features", *_INPUTS}
    else:
        words, skip = [], set(_INPUTS)
    for parameter in parameters_of(type(layer)):
        value = getattr(layer, parameter.name)
        if parameter.name not in skip and (
            parameter.required or parameter.name == "kernel_size" or value != parameter.default
        ):
            words.append(_word(layer, parameter.name, value, parameter.required or parameter.name == "kernel_size"))
    return f"{layer.kind} {', '.join(words[:_MOST])}".strip()


def _word(layer: LayerSpec, name: str, value: Any, required: bool) -> str:
    if name == "kernel_size" and isinstance(value, int) and layer.kind.endswith(("2d", "3d")):
        value = (value,) * (3 if layer.kind.endswith("3d") else 2)
    text = " × ".join(map(str, value)) if isinstance(value, tuple) else str(value)
    if value is True:
        return name.replace("_", " ")
    if value is False:
        return f"no {name.replace('_', ' ')}"
    if isinstance(value, str) or (required and name not in _SHORT):
        return text
    return f"{_SHORT.get(name, name.replace('_', ' '))} {text}"
