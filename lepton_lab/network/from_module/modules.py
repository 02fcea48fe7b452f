"""From a torch module to the layer that would build it."""

from __future__ import annotations

import re
from typing import Any

import torch
from torch import nn

from lepton_lab.errors import LeptonError
from lepton_lab.network import modules as ours
from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import LAYERS
from lepton_lab.network.from_module.trace import Unreadable

__all__ = ["is_known", "layer_of", "same_module"]

_SIZES = (
    "in_features",
    "in_channels",
    "num_features",
    "input_size",
    "num_channels",
    "normalized_shape",
    "embed_dim",
    "d_model",
)
_IGNORED = frozenset({"training", "inplace", "call_super_init", "dump_patches"})


def spec_class(module: nn.Module) -> type[LayerSpec] | None:
    """The kind of layer that builds modules of this very class."""
    cls = type(module)
    own = cls.__dict__.get("spec")
    if isinstance(own, type) and issubclass(own, LayerSpec):
        return own
    ours = cls.__module__.startswith(("torch.nn.", "lepton_lab.network."))
    return LAYERS[cls.__name__] if ours and cls.__name__ in LAYERS else None


def is_known(module: nn.Module) -> bool:
    """Whether modules of this class are layers of the catalogue."""
    return spec_class(module) is not None or _special(module) is not None


def layer_of(module: nn.Module, x: TensorInfo) -> LayerSpec:
    """The layer that builds a module like this one for an input like `x`.

    Raises:
        Unreadable: There is none, or it would build another module.
    """
    cls, values = spec_class(module), None
    special = _special(module)
    if special is not None:
        kind, values = special
        cls = LAYERS[kind]
    if cls is None:
        raise Unreadable(f"the catalogue has no layer {type(module).__name__}")
    if cls is LAYERS["Identity"]:
        return cls()
    if values is None:
        values = _values(cls, module)
    sizes = {key: value for key, value in values.items() if key in _SIZES and not cls.model_fields[key].is_required()}
    lean = {key: value for key, value in values.items() if key not in sizes}
    why = f"the layer {cls.kind} does not have all of its options"
    for candidate in (lean, values, _collapsed(lean), _collapsed(values)):
        try:
            layer = cls(**candidate)
            calls = layer.calls(x)
        except (LeptonError, TypeError, ValueError) as error:
            why = str(error)
            continue
        if len(calls) == 1 and isinstance(calls[0][1], Call) and same_module(_meta(calls[0][1]), module):
            return layer
    raise Unreadable(why[:200])


def _special(module: nn.Module) -> tuple[str, dict[str, Any]] | None:
    """Kind and parameters of layers whose modules do not keep their parameters under the same names."""
    if type(module) is nn.TransformerEncoderLayer:
        function = getattr(module.activation, "__name__", "")
        return "TransformerEncoderLayer", {
            "num_heads": module.self_attn.num_heads,
            "dim_feedforward": module.linear1.out_features,
            "dropout": module.dropout.p,
            "activation": function if function in ("relu", "gelu") else type(module.activation).__name__.lower(),
            "norm_first": module.norm_first,
        }
    if type(module) is ours.SelfAttention:
        inner = module.attention
        return "MultiheadAttention", {
            "num_heads": inner.num_heads,
            "dropout": inner.dropout,
            "bias": inner.in_proj_bias is not None,
            "causal": module.causal,
        }
    if type(module) in (ours.SinusoidalPositions, ours.LearnedPositions):
        return "PositionalEncoding", {"mode": "learned" if type(module) is ours.LearnedPositions else "sinusoidal"}
    return None


def _meta(call: Call) -> nn.Module:
    with torch.device("meta"):
        return call.build()


def _values(cls: type[LayerSpec], module: nn.Module) -> dict[str, Any]:
    """The layer's parameters that the module knows, defaults left out."""
    values: dict[str, Any] = {}
    for key in cls.positional():
        if key == "activation" or not hasattr(module, key):
            continue
        info, value = cls.model_fields[key], getattr(module, key)
        if key == "bias" or isinstance(value, torch.Tensor):
            value = value is not None and value is not False
        if isinstance(value, list):
            value = tuple(value)
        if info.is_required() or value != info.default:
            values[key] = value
    return {
        k: v for k, v in values.items() if cls.model_fields[k].is_required() or _even(v) != cls.model_fields[k].default
    }


def _even(value: Any) -> Any:
    """(3, 3) is 3."""
    return value[0] if isinstance(value, tuple) and value and len(set(value)) == 1 else value


def _collapsed(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _even(value) for key, value in values.items()}


def same_module(built: nn.Module, original: nn.Module) -> bool:
    """Whether two modules have the same class, options and shapes of weights, all the way down."""
    if type(built) is not type(original) or _options(built) != _options(original):
        return False
    mine, theirs = built.state_dict(), original.state_dict()
    if {k: v.shape for k, v in mine.items()} != {k: v.shape for k, v in theirs.items()}:
        return False
    children = dict(original.named_children())
    return [k for k, _ in built.named_children()] == list(children) and all(
        same_module(child, children[key]) for key, child in built.named_children()
    )


def _options(module: nn.Module) -> dict[str, Any]:
    text = re.sub(r"(, )?inplace=(True|False)", "", module.extra_repr())
    plain = {
        key: _even(value)
        for key, value in vars(module).items()
        if not key.startswith("_")
        and key not in _IGNORED
        and (value is None or isinstance(value, bool | int | float | str | tuple))
    }
    functions = {
        k: getattr(v, "__name__", "") for k, v in vars(module).items() if callable(v) and not k.startswith("_")
    }
    if not plain:
        plain["repr"] = text
    return {**plain, **functions}
