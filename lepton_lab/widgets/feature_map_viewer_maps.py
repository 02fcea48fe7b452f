"""What the layers of a network make of one sample, as bytes with their scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from lepton_lab.errors import DataError
from lepton_lab.probes.access import look
from lepton_lab.probes.frames import Frame, Maps, quantise
from lepton_lab.probes.layers import Layer, Layers
from lepton_lab.probes.maps import attention_maps

__all__ = ["LayerLook", "Sight", "filters_of", "look_at_frame", "look_at_sample", "unit_of"]

SHOWN = 8
"""Maps of a layer at first."""

MORE = 64
"""Maps of a layer that was opened."""

_SIDE = 32
_KEEPS_SHAPE = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Sigmoid, nn.Tanh, nn.GELU, nn.SiLU, nn.ELU, nn.SELU, nn.Mish, nn.Softplus,
    nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.PReLU, nn.Softsign, nn.LogSigmoid,
)  # fmt: skip

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LayerLook:
    """One layer's outputs for one sample.

    Attributes:
        name: The layer's label.
        kind: "maps" (C, H, W), "states" (F, T), "units" (F,), "attention" (heads, T, S), "probabilities" (C,).
        values: What was put out, of that shape.
        hidden: Whether an activation function follows at once, so that it is not shown by default.
    """

    name: str
    kind: str
    values: Floats
    hidden: bool = False


@dataclass
class Sight:
    """All layers' outputs for one sample, with weights of one moment.

    Attributes:
        step: The moment.
        layers: The layers in the order of the forward pass.
    """

    step: int
    layers: list[LayerLook] = field(default_factory=list)

    def find(self, name: str) -> LayerLook:
        """A layer's outputs.

        Raises:
            DataError: There is no such layer.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise DataError(f"there is no layer {name!r} to look at", expected=", ".join(x.name for x in self.layers))


def look_at_sample(module: nn.Module, known: Layers, x: Tensor, step: int, task: str = "") -> Sight:
    """Passes one sample through a module.

    Args:
        module: The module; its mode and buffers are put back.
        known: Its layers.
        x: The sample with a batch axis of one, on the module's device.
        step: The moment of the weights.
        task: The data's task; turns the outputs of a classification into probabilities.
    """
    seen: list[tuple[Layer, LayerLook]] = []
    names: dict[str, int] = {}

    def take(layer: Layer, y: Tensor, axis: int) -> None:
        if y.dim() < 1 or y.shape[0] != 1:
            return
        values = y[0].to("cpu", torch.float32).numpy().copy()
        names[layer.label] = names.get(layer.label, 0) + 1
        again = f"#{names[layer.label]}" if names[layer.label] > 1 else ""
        seen.append((layer, _arranged(layer.label + again, values, axis - 1)))

    output = look(module, known, x, take)
    sight = Sight(step)
    for i, (_, view) in enumerate(seen):
        follower = seen[i + 1] if i + 1 < len(seen) else None
        hidden = (
            follower is not None
            and isinstance(follower[0].module, _KEEPS_SHAPE)
            and follower[1].values.shape == view.values.shape
        )
        sight.layers.append(LayerLook(view.name, view.kind, view.values, hidden))
    if any(isinstance(layer.module, nn.MultiheadAttention) for layer in known.watched):
        labels = {layer.path: layer.label for layer in known.watched}
        for name, weights in attention_maps(module, x).items():
            path, _, again = name.partition("#")
            label = labels.get(path, path) + (f"#{again}" if again else "")
            sight.layers.append(LayerLook(f"{label} attention", "attention", weights[0].numpy()))
    chances = _probabilities(output, task)
    if chances is not None:
        sight.layers.append(LayerLook("output", "probabilities", chances))
    return sight


def look_at_frame(frame: Frame, number: int) -> Sight:
    """One of the samples whose maps a run keeps, at a step that was kept."""
    sight = Sight(frame.step)
    for name, maps in frame.layers.items():
        if number < len(maps.codes):
            one = Maps(maps.codes[number : number + 1], maps.low[number : number + 1], maps.scale[number : number + 1])
            sight.layers.append(_arranged(name, one.values()[0], 0 if maps.codes.ndim == 4 else -1))
    return sight


def packed(
    sight: Sight, orders: dict[str, list[int]], opened: str = "", hidden: bool = False
) -> tuple[dict[str, Any], list[Bytes]]:
    """A sight as content and buffers: eight bits a number, with the least and largest value of each map.

    Args:
        sight: What was seen.
        orders: By layer the units in the order of their first activity; new layers are added, so that pictures keep
            their places while a network trains.
        opened: The layer of which more maps are wanted.
        hidden: Whether layers whose activation function follows are wanted too.
    """
    layers: list[dict[str, Any]] = []
    buffers: list[Bytes] = []
    for layer in sight.layers:
        if layer.hidden and not hidden and layer.name != opened:
            continue
        values = np.nan_to_num(layer.values, nan=0.0, posinf=0.0, neginf=0.0)
        about: dict[str, Any] = {
            "name": layer.name, "kind": layer.kind, "shape": list(layer.values.shape), "buffer": len(buffers),
            "zero": float((values == 0).mean()), "low": float(values.min(initial=0.0)),
            "high": float(values.max(initial=0.0)), "finite": bool(np.isfinite(layer.values).all()),
        }  # fmt: skip
        if layer.kind in ("maps", "attention"):
            order = orders.get(layer.name)
            if order is None or len(order) != len(values):
                strength = np.abs(values).reshape(len(values), -1).mean(1)
                order = orders[layer.name] = np.argsort(-strength, kind="stable").tolist()
            units = order[: MORE if layer.name == opened else SHOWN]
            small = _small(values[units])
        else:
            units = []
            small = _small(values[None])[0] if values.ndim == 2 else values[:512]
        lows, highs = (small.min((-2, -1)), small.max((-2, -1))) if units else (about["low"], about["high"])
        maps = quantise(small[None] if units else small.reshape(1, -1))
        about |= {
            "units": units, "size": list(small.shape[-2:] if small.ndim > 1 else (1, len(small))),
            "lows": np.atleast_1d(lows).tolist(), "highs": np.atleast_1d(highs).tolist(),
            "averaged": tuple(small.shape[-2:]) != tuple(values.shape[-2:]),
        }  # fmt: skip
        layers.append(about)
        buffers.append(np.ascontiguousarray(maps.codes))
    return {"step": sight.step, "layers": layers}, buffers


def unit_of(sight: Sight, layer: str, unit: int) -> Floats:
    """One unit's map (H, W), or its row of states (1, T), or its value (1, 1).

    Raises:
        DataError: There is no such layer or unit.
    """
    values = sight.find(layer).values
    if not 0 <= unit < len(values):
        raise DataError(f"layer {layer!r} has no unit {unit}", expected=f"0 to {len(values) - 1}", received=str(unit))
    one = np.asarray(values[unit], dtype=np.float32)
    return _small(one[None])[0] if one.ndim == 2 else np.atleast_2d(one)


def filters_of(known: Layers, layer: str, unit: int, sample_shape: Sequence[int]) -> tuple[Floats, str] | None:
    """The weights that a unit looks through: (n, h, w) pictures and what they are; None where it has none to show.

    Args:
        known: The module's layers.
        layer: The layer; for an activation function the layer that it follows.
        unit: Number of the unit.
        sample_shape: Shape of a sample: a first linear layer's weights can be shown in its form.
    """
    found = known.find(layer)
    while not isinstance(found.module, nn.modules.conv._ConvNd | nn.Linear):
        if not isinstance(found.module, _KEEPS_SHAPE) or found.index == 0:
            return None
        found = known.watched[found.index - 1]
    weight = found.module.weight.detach().to("cpu", torch.float32)
    if isinstance(found.module, nn.modules.conv._ConvTransposeNd):
        weight = weight.transpose(0, 1)
    if not 0 <= unit < len(weight):
        return None
    rows = weight[unit]
    if isinstance(found.module, nn.Linear):
        if len(sample_shape) == 3 and rows.numel() == int(np.prod(sample_shape)):
            return rows.reshape(tuple(sample_shape)).numpy().copy(), found.label
        return rows.reshape(1, 1, -1)[:, :, :256].numpy().copy(), found.label
    pictures = rows[:32] if rows.dim() == 3 else rows.reshape(1, rows.shape[0], -1)
    return pictures.numpy().copy(), found.label


def _arranged(name: str, values: Floats, axis: int) -> LayerLook:
    """An output without its batch axis, its units first."""
    if values.ndim == 0:
        values = values.reshape(1)
    if values.ndim == 1:
        return LayerLook(name, "units", values)
    values = np.moveaxis(values, axis, 0)
    if values.ndim == 2:
        return LayerLook(name, "states", values)
    if values.ndim > 3:
        values = values.reshape(values.shape[0], values.shape[1], -1)
    return LayerLook(name, "maps", values)


def _small(values: Floats) -> Floats:
    """Maps (n, H, W) of at most 32 pixels a side; larger ones are averaged."""
    height, width = (min(n, _SIDE if values.shape[0] > 1 else 4 * _SIDE) for n in values.shape[-2:])
    if (height, width) == values.shape[-2:]:
        return values
    averaged: Floats = F.adaptive_avg_pool2d(torch.from_numpy(np.ascontiguousarray(values)), (height, width)).numpy()
    return averaged


def _probabilities(output: Any, task: str) -> Floats | None:
    if not isinstance(output, Tensor) or output.dim() != 2 or task not in ("binary", "multiclass"):
        return None
    row = output[0].detach().to("cpu", torch.float32)
    if len(row) == 1:
        one = row if bool(((row >= 0) & (row <= 1)).all()) else row.sigmoid()
        return torch.cat([1 - one, one]).numpy()
    already = bool((row >= 0).all()) and abs(float(row.sum()) - 1) < 1e-3
    return (row if already else row.softmax(0)).numpy()
