"""What the source of a module may name: torch's layers, and functions that only compute. All else is refused."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from lepton_lab.errors import SpecError

__all__ = ["BUILTINS", "METHODS", "Space", "imported", "start"]

_TORCH = frozenset(
    [
        "relu",
        "sigmoid",
        "tanh",
        "softmax",
        "log_softmax",
        "flatten",
        "cat",
        "concat",
        "concatenate",
        "add",
        "mul",
        "mean",
        "amax",
        "squeeze",
        "unsqueeze",
        "permute",
        "transpose",
        "reshape",
        "chunk",
        "swapaxes",
    ]
)
_FUNCTIONAL = frozenset(
    [
        "relu",
        "relu6",
        "elu",
        "selu",
        "gelu",
        "silu",
        "mish",
        "leaky_relu",
        "hardswish",
        "hardsigmoid",
        "softplus",
        "sigmoid",
        "tanh",
        "softmax",
        "log_softmax",
        "max_pool1d",
        "max_pool2d",
        "max_pool3d",
        "avg_pool1d",
        "avg_pool2d",
        "avg_pool3d",
        "adaptive_avg_pool1d",
        "adaptive_avg_pool2d",
        "adaptive_max_pool2d",
        "dropout",
        "dropout2d",
        "interpolate",
        "pad",
    ]
)
_MATH = frozenset(["sqrt", "floor", "ceil", "log", "log2", "prod"])
METHODS = frozenset(
    [
        "view",
        "reshape",
        "flatten",
        "size",
        "dim",
        "permute",
        "transpose",
        "squeeze",
        "unsqueeze",
        "mean",
        "contiguous",
        "relu",
        "sigmoid",
        "tanh",
        "softmax",
        "log_softmax",
        "chunk",
        "float",
        "long",
        "add",
        "mul",
        "unflatten",
        "swapaxes",
        "amax",
        "append",
        "extend",
        "add_module",
        "items",
        "values",
        "keys",
    ]
)
"""Methods of tensors and of lists of modules that a forward or an `__init__` may call."""
_LONGEST = 10_000


def _range(*sizes: int) -> range:
    found = range(*sizes)
    if len(found) > _LONGEST:
        raise SpecError(f"a loop of more than {_LONGEST:,} rounds is not read")
    return found


BUILTINS: dict[str, Callable[..., Any]] = {
    "OrderedDict": OrderedDict, "abs": abs, "bool": bool, "dict": dict, "enumerate": enumerate, "float": float,
    "int": int, "len": len, "list": list, "max": max, "min": min, "print": lambda *_, **__: None, "range": _range,
    "reversed": reversed, "round": round, "str": str, "sum": sum, "tuple": tuple, "zip": zip,
}  # fmt: skip


@dataclass(frozen=True)
class Space:
    """A package of which some names may be used."""

    name: str

    def get(self, key: str) -> Any:
        """One of its names.

        Raises:
            SpecError: It is not among those that may be used.
        """
        found: Any = None
        if self.name == "torch" and key == "nn":
            found = Space("torch.nn")
        elif self.name == "torch.nn" and key == "functional":
            found = Space("torch.nn.functional")
        elif self.name == "torch.nn":
            cls = getattr(nn, key, None)
            found = cls if isinstance(cls, type) and issubclass(cls, nn.Module) else None
        elif self.name == "torch" and key in _TORCH:
            found = getattr(torch, key)
        elif self.name == "torch.nn.functional" and key in _FUNCTIONAL:
            found = getattr(F, key)
        elif self.name == "math" and key in _MATH:
            found = getattr(math, key)
        elif self.name == "collections" and key == "OrderedDict":
            found = OrderedDict
        if found is None:
            raise SpecError(f"{self.name}.{key} is not read from source")
        return found


_SPACES = frozenset({"torch", "torch.nn", "torch.nn.functional", "math", "collections"})


def start() -> dict[str, Any]:
    """The names that a piece of source without imports usually means."""
    return {
        "torch": Space("torch"), "nn": Space("torch.nn"), "F": Space("torch.nn.functional"), "math": Space("math"),
    }  # fmt: skip


def imported(module: str, name: str | None) -> Any:
    """What an import brings: `import module`, or `from module import name`.

    Returns:
        None where it is passed over: only if the name is used later is that an error.
    """
    if name is None:
        return Space(module) if module in _SPACES else None
    if f"{module}.{name}" in _SPACES:
        return Space(f"{module}.{name}")
    space = "torch.nn" if module.startswith("torch.nn.modules") else module
    if space not in _SPACES:
        return None
    try:
        return Space(space).get(name)
    except SpecError:
        return None
