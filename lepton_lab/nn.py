"""Torch's layers, functions, losses and optimizers under one name, for class-style models.

`lepton_lab.nn.Linear`, `.relu`, `.CrossEntropyLoss` and `.Adam` are `torch.nn.Linear`, `torch.nn.functional.relu`,
`torch.nn.CrossEntropyLoss` and `torch.optim.Adam` themselves, not copies: what is built with them is plain PyTorch.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = ("torch.nn", "torch.nn.functional", "torch.optim")


def _public(home: str) -> list[str]:
    module = importlib.import_module(home)
    names = getattr(module, "__all__", None) or [n for n in dir(module) if not n.startswith("_")]
    return [n for n in names if not n.startswith("_")]


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        for home in _HOMES:
            module = importlib.import_module(home)
            if hasattr(module, name):
                value = getattr(module, name)
                globals()[name] = value
                return value
    raise AttributeError(f"torch.nn, torch.nn.functional and torch.optim have no {name!r}")


def __dir__() -> list[str]:
    return sorted({name for home in _HOMES for name in _public(home)})
