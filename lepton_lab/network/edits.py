"""Pure edits of nested lists of layers, addressed by path: the old lists stay as they were."""

from __future__ import annotations

from collections.abc import Callable

from lepton_lab.errors import SpecError, UnknownNameError
from lepton_lab.network.base import BlockSpec, LayerSpec

__all__ = ["Layers", "edited", "find", "list_at"]

Layers = tuple[LayerSpec, ...]


def find(layers: Layers, path: str) -> LayerSpec:
    """The layer at `path`.

    Raises:
        UnknownNameError: There is none; suggests the closest paths.
    """
    for layer in layers:
        for found, inner in layer.walk():
            if found == path:
                return inner
    raise UnknownNameError("layer", path, [p for layer in layers for p, _ in layer.walk()])


def list_at(layers: Layers, path: str) -> Layers:
    """A list inside a block: "residual_1/body", "parallel_1/branch_2", a sub-network's own name; "": the outermost.

    Raises:
        UnknownNameError: There is none.
    """
    if not path:
        return layers
    lists = {key: inner for layer in layers for key, inner in _lists(layer, "")}
    if path not in lists:
        raise UnknownNameError("list of layers", path, lists)
    return lists[path]


def edited(layers: Layers, path: str, change: Callable[[Layers], Layers]) -> Layers:
    """`layers` with the list at `path` (as in `list_at`) put through `change`.

    Raises:
        UnknownNameError: There is no such list.
        SpecError: The changed list is not one that its block can hold.
    """
    if not path:
        return change(layers)
    head, _, rest = path.partition("/")
    for number, layer in enumerate(layers):
        if layer.name != head or not isinstance(layer, BlockSpec):
            continue
        children = layer.children()
        part, _, deeper = ("", "", rest) if "" in children else rest.partition("/")
        if part not in children:
            break
        changed = layer.with_children({part: edited(children[part], deeper, change)})
        return (*layers[:number], changed, *layers[number + 1 :])
    list_at(layers, path)  # says what there is
    raise SpecError(f"there is no list of layers at {path!r}")


def _lists(layer: LayerSpec, prefix: str) -> list[tuple[str, Layers]]:
    path = f"{prefix}/{layer.name}" if prefix else layer.name
    found: list[tuple[str, Layers]] = []
    for part, inner in layer.children().items():
        key = f"{path}/{part}" if part else path
        found.append((key, inner))
        for child in inner:
            found.extend(_lists(child, key))
    return found


def parent(layers: Layers, path: str) -> tuple[str, str]:
    """The path of the list that holds a layer, and the layer's name.

    Raises:
        UnknownNameError: There is no layer at `path`.
    """
    find(layers, path)
    head, _, name = path.rpartition("/")
    return head, name
