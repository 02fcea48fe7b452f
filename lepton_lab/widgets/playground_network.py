"""The playground's network: a simple list of layers, as a specification, as code, and as pictures of its neurons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lepton_lab.errors import SpecError, UnknownNameError
from lepton_lab.network import Linear, NetworkSpec
from lepton_lab.probes.access import examine, look
from lepton_lab.probes.layers import Layer, Layers
from lepton_lab.widgets.playground_data import HALF, Frame

__all__ = [
    "ACTIVATIONS",
    "MAX_LAYERS",
    "MAX_UNITS",
    "Portrait",
    "layers_of_spec",
    "look_over",
    "portrait_of",
    "spec_of",
]

ACTIVATIONS = ("tanh", "relu", "sigmoid", "gelu", "leaky_relu", "none")
MAX_LAYERS = 8
MAX_UNITS = 64
SHOWN = 10
"""Neurons of a layer that get a picture."""

_GRID = 96
_EVERY = 4

Bytes = NDArray[np.uint8]


def checked(layers: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The list of hidden layers, each with `units` and `activation`.

    Raises:
        SpecError: There are too many, or a size cannot be used.
        UnknownNameError: There is no such activation function.
    """
    if len(layers) > MAX_LAYERS:
        raise SpecError(f"the playground takes {MAX_LAYERS} hidden layers", received=str(len(layers)))
    found = []
    for i, layer in enumerate(layers):
        units, activation = layer.get("units"), str(layer.get("activation", "tanh"))
        if isinstance(units, bool) or not isinstance(units, int) or not 1 <= units <= MAX_UNITS:
            raise SpecError(
                "the layer's size cannot be used", where=f"layer {i + 1}", expected=f"1 to {MAX_UNITS} units",
                received=repr(units),
            )  # fmt: skip
        if activation not in ACTIVATIONS:
            raise UnknownNameError("activation function", activation, ACTIVATIONS)
        found.append({"units": units, "activation": activation})
    return found


def spec_of(layers: Sequence[Mapping[str, Any]], classes: int) -> NetworkSpec:
    """The specification of a list of hidden layers."""
    hidden = [
        Linear(out_features=layer["units"], activation=None if layer["activation"] == "none" else layer["activation"])
        for layer in checked(layers)
    ]
    return NetworkSpec([*hidden, Linear(out_features=classes)], input_shape=(2,), name="playground")


def layers_of_spec(spec: NetworkSpec) -> list[dict[str, Any]] | None:
    """The list of hidden layers of a specification; None where it has others than linear ones."""
    layers = spec.to_dict()["layers"]
    plain = {"kind", "name", "out_features", "activation"}
    if not layers or any(layer["kind"] != "Linear" or set(layer) - plain for layer in layers):
        return None
    found = [{"units": layer["out_features"], "activation": layer.get("activation") or "none"} for layer in layers[:-1]]
    known = all(layer["activation"] in ACTIVATIONS and layer["units"] <= MAX_UNITS for layer in found)
    return found if known and len(found) <= MAX_LAYERS else None


@dataclass(frozen=True)
class Portrait:
    """A network over the whole plane, with the weights of one moment.

    Attributes:
        winner: The likeliest class at each point of the grid (H, W), the first row on top.
        sure: How much likelier it is than chance, 0 to 255, (H, W).
        neurons: By layer pictures of the first neurons (K, h, w), 128 where a neuron puts out 0, and what 127 stands
            for each (K,), and how many neurons there are.
        weights: By layer what leads into its first neurons (K, J).
    """

    winner: Bytes
    sure: Bytes
    neurons: list[tuple[str, Bytes, NDArray[np.float32], int]]
    weights: list[NDArray[np.float32]]


def portrait_of(thing: Any, frame: Frame | None = None) -> Portrait:
    """Looks at a network of two inputs: a run, or a module.

    Args:
        thing: The run or module.
        frame: How the plane lies in its inputs; as it is where None.

    Raises:
        TrainingError: It is neither.
    """
    known = frame if frame is not None else Frame()
    return examine(thing, lambda module: look_over(module, known))


def look_over(module: nn.Module, frame: Frame) -> Portrait:
    """Passes the plane through a module."""
    axis = torch.linspace(-HALF, HALF, _GRID)
    rows, columns = torch.meshgrid(axis.flip(0), axis, indexing="ij")
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    places = torch.stack([columns.reshape(-1), rows.reshape(-1)], 1)
    x = torch.from_numpy(frame.to_inputs(places.numpy())).to(device)
    known = Layers.of(module)
    seen: list[tuple[Layer, Tensor]] = []
    output = look(module, known, x, lambda layer, y, _: seen.append((layer, y)) if y.dim() == 2 else None)
    chances = _chances(output.float().cpu())
    best, winner = chances.max(1)
    classes = chances.shape[1]
    sure = ((best - 1 / classes) / (1 - 1 / classes) * 255).round().clamp(0, 255)
    neurons, weights = [], []
    for i, (layer, y) in enumerate(seen):
        follower = seen[i + 1][0].module if i + 1 < len(seen) else None
        if follower is None or (follower is not None and not _mixes(follower)):
            continue  # the output, or a layer whose activation function follows
        pictures, largest = _pictures(y)
        neurons.append((layer.label, pictures, largest, y.shape[1]))
    for layer, _ in seen:
        if isinstance(layer.module, nn.Linear):
            weights.append(layer.module.weight.detach().float().cpu().numpy()[:SHOWN, :SHOWN].copy())
    shape = _GRID, _GRID
    return Portrait(
        winner.to(torch.uint8).reshape(shape).numpy().copy(), sure.to(torch.uint8).reshape(shape).numpy().copy(),
        neurons, weights,
    )  # fmt: skip


def packed(portrait: Portrait, first: int) -> tuple[dict[str, Any], list[Any]]:
    """A portrait as content and buffers, the first of which has the number `first`."""
    about = {
        "size": len(portrait.winner), "first": first,
        "neurons": [
            {"name": name, "shape": list(pictures.shape), "largest": largest.tolist(), "count": count}
            for name, pictures, largest, count in portrait.neurons
        ],
        "weights": [list(w.shape) for w in portrait.weights],
    }  # fmt: skip
    return about, [portrait.winner, portrait.sure, *(p for _, p, _, _ in portrait.neurons), *portrait.weights]


def _chances(output: Tensor) -> Tensor:
    """A network's outputs (N, C) as probabilities (N, C), at least of two classes."""
    if output.shape[1] == 1:
        one = output if bool(((output >= 0) & (output <= 1)).all()) else output.sigmoid()
        return torch.cat([1 - one, one], 1)
    already = bool((output >= 0).all()) and bool(torch.allclose(output.sum(1), torch.ones(len(output)), atol=1e-3))
    return output if already else output.softmax(1)


def _mixes(module: nn.Module) -> bool:
    """Whether a layer mixes its inputs, so that what comes before it is a finished set of neurons."""
    return any(True for _ in module.parameters(recurse=False)) and not isinstance(
        module, nn.modules.batchnorm._NormBase
    )


def _pictures(y: Tensor) -> tuple[Bytes, NDArray[np.float32]]:
    maps = y.detach().float().cpu().reshape(_GRID, _GRID, -1)[::_EVERY, ::_EVERY, :SHOWN].permute(2, 0, 1)
    maps = maps.nan_to_num(0.0, 0.0, 0.0)
    largest = maps.abs().amax((1, 2))
    scaled = maps / largest.clamp_min(1e-12)[:, None, None] * 127 + 128
    return scaled.round().clamp(0, 255).to(torch.uint8).contiguous().numpy(), largest.numpy()
