"""Edits of several layers at once: put them into a block, take them out of it, bring copies in, move them."""

from __future__ import annotations

from collections.abc import Sequence

from lepton_lab.errors import SpecError
from lepton_lab.network import edits
from lepton_lab.network.base import BlockSpec, LayerSpec
from lepton_lab.network.catalogue import LAYERS
from lepton_lab.network.naming import free_name
from lepton_lab.network.spec import NetworkSpec

__all__ = ["WRAPS", "insert_layers", "move_layers", "outermost", "remove_layers", "unwrap", "wrap"]

WRAPS = ("Residual", "Repeat", "Parallel", "SubNetwork")
"""Blocks that layers can be put into."""


def outermost(network: NetworkSpec, paths: Sequence[str]) -> list[str]:
    """The paths in the network's order, without those that lie inside another one of them.

    Raises:
        UnknownNameError: A path is not in the network.
    """
    for path in paths:
        edits.find(network.layers, path)
    wanted = set(paths)
    found: list[str] = []
    for path, _ in network.walk():
        if path in wanted and not any(path.startswith(outer + "/") for outer in found):
            found.append(path)
    return found


def wrap(network: NetworkSpec, paths: Sequence[str], kind: str) -> tuple[NetworkSpec, str]:
    """Puts neighbouring layers into a block; in a Parallel each becomes a branch of its own.

    Args:
        network: The network.
        paths: Layers of one list without a gap between them.
        kind: One of `WRAPS`.

    Returns:
        The new network, and the block's path.

    Raises:
        SpecError: The layers are not neighbours in one list, or the kind is no block that layers can be put into.
    """
    if kind not in WRAPS:
        raise SpecError(f"layers cannot be put into {kind!r}", expected=" or ".join(WRAPS))
    chosen = outermost(network, paths)
    if not chosen:
        raise SpecError("no layers are selected", do="Select the layers that the block shall hold")
    places = [edits.parent(network.layers, path) for path in chosen]
    holder = places[0][0]
    around = edits.list_at(network.layers, holder)
    names = [layer.name for layer in around]
    if any(place[0] != holder for place in places):
        raise SpecError("the selected layers lie in different lists", do="Select layers that stand side by side")
    first = names.index(places[0][1])
    if names[first : first + len(places)] != [name for _, name in places]:
        raise SpecError("the selected layers are not neighbours", do="Select layers without a gap between them")
    inside = around[first : first + len(places)]
    block = _block(kind, inside)
    rest = {name for name in names if name not in {layer.name for layer in inside}}
    block = block.changed(name=free_name(block, rest))
    layers = (*around[:first], block, *around[first + len(places) :])
    path = f"{holder}/{block.name}" if holder else block.name
    return network.changed(layers=edits.edited(network.layers, holder, lambda _: layers)), path


def _block(kind: str, inside: tuple[LayerSpec, ...]) -> LayerSpec:
    if kind == "Parallel":
        return LAYERS[kind](branches=tuple((layer,) for layer in inside) if len(inside) > 1 else (inside, ()))
    return LAYERS[kind](**{"layers" if kind == "SubNetwork" else "body": inside})


def unwrap(network: NetworkSpec, path: str) -> tuple[NetworkSpec, list[str]]:
    """Puts what a block holds in its place, list after list.

    Returns:
        The new network, and the paths of what was inside.

    Raises:
        SpecError: The layer at `path` is no block.
    """
    block = edits.find(network.layers, path)
    if not isinstance(block, BlockSpec):
        raise SpecError(f"{path!r} holds no layers", expected="a block", received=block.kind)
    holder, name = edits.parent(network.layers, path)
    around = edits.list_at(network.layers, holder)
    taken = {layer.name for layer in around} - {name}
    inside: list[LayerSpec] = []
    for layers in block.children().values():
        for layer in layers:
            inside.append(_renamed(layer, taken))
            taken.add(inside[-1].name)
    at = [layer.name for layer in around].index(name)
    layers = (*around[:at], *inside, *around[at + 1 :])
    changed = network.changed(layers=edits.edited(network.layers, holder, lambda _: layers))
    return changed, [f"{holder}/{layer.name}" if holder else layer.name for layer in inside]


def insert_layers(
    network: NetworkSpec, layers: Sequence[LayerSpec], into: str = "", index: int | None = None
) -> tuple[NetworkSpec, list[str]]:
    """Puts layers into a list, under new names where theirs are taken.

    Args:
        network: The network.
        layers: What to insert.
        into: The list, as "residual_1/body"; "" is the outermost.
        index: The place in it; None is its end.

    Returns:
        The new network, and the paths of what was inserted.

    Raises:
        UnknownNameError: There is no such list.
    """
    around = edits.list_at(network.layers, into)
    taken = {layer.name for layer in around}
    new: list[LayerSpec] = []
    for layer in layers:
        new.append(_renamed(layer, taken))
        taken.add(new[-1].name)
    at = len(around) if index is None else max(0, min(index, len(around)))
    whole = (*around[:at], *new, *around[at:])
    changed = network.changed(layers=edits.edited(network.layers, into, lambda _: whole))
    return changed, [f"{into}/{layer.name}" if into else layer.name for layer in new]


def remove_layers(network: NetworkSpec, paths: Sequence[str]) -> NetworkSpec:
    """The network without these layers.

    Raises:
        UnknownNameError: A path is not in the network.
    """
    for path in outermost(network, paths):
        network = network.remove(path)
    return network


def move_layers(
    network: NetworkSpec, paths: Sequence[str], into: str = "", index: int | None = None
) -> tuple[NetworkSpec, list[str]]:
    """Moves layers to a place in a list, in the network's order.

    Args:
        network: The network.
        paths: The layers.
        into: The list, as in `insert_layers`.
        index: The place in the list as it is before the move; None is its end.

    Returns:
        The new network, and the layers' new paths.

    Raises:
        SpecError: The list lies inside one of the layers.
        UnknownNameError: There is no such layer or list.
    """
    chosen = outermost(network, paths)
    around = edits.list_at(network.layers, into)
    for path in chosen:
        if into == path or into.startswith(path + "/"):
            raise SpecError(f"{path!r} cannot be moved into itself")
    moved = [edits.find(network.layers, path) for path in chosen]
    here = {name for holder, name in (edits.parent(network.layers, path) for path in chosen) if holder == into}
    at = len(around) if index is None else max(0, min(index, len(around)))
    before = sum(1 for layer in around[:at] if layer.name in here)
    rest = remove_layers(network, chosen)
    return insert_layers(rest, moved, into, at - before)


def _renamed(layer: LayerSpec, taken: set[str]) -> LayerSpec:
    if layer.name and layer.name not in taken:
        return layer
    return layer.changed(name=free_name(layer, taken))
