"""A module as plain JSON data, for a process that needs its forward pass but not its weights.

Only chains of torch's own layers, and residual blocks of them, can be described: their constructor arguments are
attributes of the same names, so nothing has to be traced. What holds anything else has no blueprint.
"""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from lepton_lab.network.modules import Permute, Residual

__all__ = ["blueprint_of", "built"]

_LEAVES: dict[str, type[nn.Module]] = {
    cls.__name__: cls
    for cls in (
        nn.Linear, nn.Identity, nn.Dropout, nn.Flatten, nn.Unflatten, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm,
        nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d,
        nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d,
        nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Tanh, nn.Sigmoid,
        nn.Softplus, nn.Softsign, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.Softmax, nn.LogSoftmax, Permute,
        nn.CrossEntropyLoss, nn.NLLLoss, nn.MSELoss, nn.L1Loss, nn.HuberLoss, nn.SmoothL1Loss, nn.BCELoss,
        nn.BCEWithLogitsLoss,
    )
}  # fmt: skip
_PLACES = ("device", "dtype")
_OLD = ("size_average", "reduce")  # arguments that torch has replaced by `reduction`


def blueprint_of(module: nn.Module) -> dict[str, Any] | None:
    """What `built` needs to make a module that computes the same; None where a part cannot be described."""
    if "forward" in vars(module):  # somebody has put a function of his own in its place
        return None
    if type(module) is nn.Sequential:
        parts = [(name, blueprint_of(m)) for name, m in module._modules.items() if m is not None]
        return None if any(part is None for _, part in parts) else {"kind": "Sequential", "parts": parts}
    if type(module) is Residual:
        body = blueprint_of(module.body)
        shortcut = None if module.shortcut is None else blueprint_of(module.shortcut)
        if body is None or (shortcut is None and module.shortcut is not None):
            return None
        return {"kind": "Residual", "body": body, "shortcut": shortcut}
    if _LEAVES.get(type(module).__name__) is not type(module):
        return None
    arguments = {name: _argument(module, name) for name in _names(type(module))}
    if any(isinstance(value, Tensor) for value in arguments.values()):
        return None
    return {"kind": type(module).__name__, "arguments": arguments}


def built(blueprint: dict[str, Any]) -> nn.Module:
    """The module on the meta device: without weights.

    Raises:
        KeyError: It is no blueprint that `blueprint_of` has made.
    """
    with torch.device("meta"):
        return _built(blueprint)


def _built(blueprint: dict[str, Any]) -> nn.Module:
    kind = blueprint["kind"]
    if kind == "Sequential":
        chain = nn.Sequential()
        for name, part in blueprint["parts"]:
            chain.add_module(name, _built(part))
        return chain
    if kind == "Residual":
        shortcut = blueprint["shortcut"]
        return Residual(_built(blueprint["body"]), None if shortcut is None else _built(shortcut))
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in blueprint["arguments"].items()}
    return _LEAVES[kind](**values)


def _names(cls: type[nn.Module]) -> list[str]:
    parameters = inspect.signature(cls).parameters.values()
    named = [p.name for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return [name for name in named if name not in _PLACES + _OLD]


def _argument(module: nn.Module, name: str) -> Any:
    value = getattr(module, name, None)
    return value is not None if name == "bias" else value
