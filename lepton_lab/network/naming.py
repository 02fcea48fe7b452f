"""Names of layers: given where they are missing, unique in each list."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn

from lepton_lab.errors import SpecError
from lepton_lab.network.base import LayerSpec
from lepton_lab.network.catalogue import stem_of

__all__ = ["free_name", "named_layers"]


def free_name(layer: LayerSpec, taken: Iterable[str]) -> str:
    """The first free name of the layer's kind: linear_1, linear_2, …"""
    used, stem, number = set(taken), stem_of(type(layer)), 1
    while f"{stem}_{number}" in used:
        number += 1
    return f"{stem}_{number}"


def named_layers(value: Any) -> tuple[LayerSpec, ...]:
    """A list of layers, each with a name of its own.

    Raises:
        SpecError: Something in the list is no layer, or two layers have the same name.
    """
    layers: Sequence[Any] = (value,) if isinstance(value, LayerSpec | nn.Module) else tuple(value)
    taken: set[str] = set()
    for item in layers:
        if not isinstance(item, LayerSpec):
            raise _no_layer(item)
        if item.name and item.name in taken:
            raise SpecError(
                f"two layers of one list are called {item.name!r}",
                expected="a name for each layer that is unique in its list",
                do="Rename one of them, or leave the name away",
            )
        taken.add(item.name)
    result = []
    for item in layers:
        if not item.name:
            name = free_name(item, taken)
            taken.add(name)
            item = item.model_copy(update={"name": name})
        result.append(item)
    return tuple(result)


def _no_layer(item: Any) -> SpecError:
    if isinstance(item, nn.Module):
        do = "Write lepton_lab's layer instead, read the module with NetworkSpec.from_module, or register its class"
    elif isinstance(item, type) and issubclass(item, LayerSpec):
        do = f"Write {item.__name__}() with its parameters"
    else:
        do = "Write a layer such as Linear(64)"
    received = repr(item) if isinstance(item, type) else f"{type(item).__name__}: {item!r}"
    return SpecError("a list of layers contains something else", expected="layers", received=received[:200], do=do)
