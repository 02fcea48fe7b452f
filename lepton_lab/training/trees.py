"""Nested states as tensors by name beside plain JSON data, so that they can be saved without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from lepton_lab.errors import CheckpointError

__all__ = ["flatten", "unflatten"]


def flatten(tree: Any) -> tuple[dict[str, Tensor], Any]:
    """Splits a tree of dicts, lists, tuples, numbers, strings and tensors.

    Returns:
        The tensors by a name each, and JSON data that holds the names in their places.

    Raises:
        CheckpointError: Something in the tree is none of these.
    """
    tensors: dict[str, Tensor] = {}
    return tensors, _flatten(tree, "", tensors)


def unflatten(tensors: Mapping[str, Tensor], about: Any) -> Any:
    """The inverse of `flatten`."""
    kind, value = about
    if kind == "tensor":
        return tensors[value]
    if kind == "dict":
        return {k: unflatten(tensors, v) for k, v in value}
    if kind in ("list", "tuple"):
        items = [unflatten(tensors, v) for v in value]
        return tuple(items) if kind == "tuple" else items
    return value


def _flatten(tree: Any, path: str, tensors: dict[str, Tensor]) -> list[Any]:
    if isinstance(tree, Tensor):
        tensors[path] = tree
        return ["tensor", path]
    if isinstance(tree, Mapping):
        return ["dict", [[k, _flatten(v, f"{path}.{k}" if path else str(k), tensors)] for k, v in tree.items()]]
    if isinstance(tree, list | tuple):
        items = [_flatten(v, f"{path}.{i}", tensors) for i, v in enumerate(tree)]
        return ["tuple" if isinstance(tree, tuple) else "list", items]
    if tree is None or isinstance(tree, bool | int | float | str):
        return ["value", tree]
    raise CheckpointError(f"a state of type {type(tree).__name__} cannot be saved", where=path or None)
