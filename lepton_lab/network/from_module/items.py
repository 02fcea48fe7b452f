"""What reading finds before it becomes a `NetworkSpec`: layers with their weights and where they came from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import torch
from torch import fx, nn

from lepton_lab.network.base import LayerSpec
from lepton_lab.network.from_module.graph import Level
from lepton_lab.network.layers.blocks import Parallel, Residual, SubNetwork
from lepton_lab.network.layers.opaque import Opaque
from lepton_lab.network.naming import free_name

__all__ = ["Found", "assemble", "branch", "opaque", "plain"]

_RESERVED = frozenset(dir(nn.Sequential()))


@dataclass
class Found:
    """One layer or block that was found.

    Attributes:
        layer: The layer; for a block, the block without its parts.
        level: The graph of which it is a part.
        start: The step that gives its input.
        end: The step whose value it gives.
        covers: The steps that it stands for.
        stem: The name that it would like to have.
        state: Weights by their names in the module that the layer builds.
        parts: For a block, its lists by name.
        owned: The parameters and buffers behind it.
        note: What to tell the user about it.
        hint: What its name begins with where it has no name of its own.
    """

    layer: LayerSpec
    level: Level
    start: fx.Node
    end: fx.Node
    covers: set[fx.Node]
    stem: str = ""
    state: Mapping[str, torch.Tensor] = field(default_factory=dict)
    parts: dict[str, list[Found]] = field(default_factory=dict)
    owned: frozenset[int] = frozenset()
    note: str = ""
    hint: str = ""

    def walk(self) -> Iterator[Found]:
        """This one and all inside it."""
        yield self
        for part in self.parts.values():
            for item in part:
                yield from item.walk()

    def at(self, level: Level, start: fx.Node, end: fx.Node, stem: str = "") -> Found:
        """The same as a part of another graph."""
        return replace(self, level=level, start=start, end=end, covers={end}, stem=stem or self.stem)


def plain(
    layer: LayerSpec,
    level: Level,
    start: fx.Node,
    end: fx.Node,
    *,
    stem: str = "",
    source: nn.Module | None = None,
    state: Mapping[str, torch.Tensor] | None = None,
    covers: set[fx.Node] | None = None,
    owned: frozenset[int] | None = None,
    note: str = "",
) -> Found:
    """A layer; its weights are those of `source` unless `state` says which."""
    tensors = dict(source.state_dict(keep_vars=True)) if source is not None and state is None else dict(state or {})
    covered = {end} if covers is None else covers
    behind = frozenset(map(id, tensors.values())) if owned is None else owned
    return Found(layer, level, start, end, covered, stem, tensors, owned=behind, note=note)


def opaque(level: Level, start: fx.Node, end: fx.Node, reason: str) -> Found:
    """The steps from `start` to `end` as they are: the module that they call, or a piece of the forward."""
    module: nn.Module
    if end.op == "call_module" and list(end.args) == [start] and not end.kwargs:
        module, covered = level.module.get_submodule(str(end.target)), {end}
        path, owner = _path(level, str(end.target)), type(module)
        name, what = f"{owner.__module__}.{owner.__qualname__}", f"{path!r} ({owner.__name__})"
        stem = readable(str(end.target))
    else:
        module, covered = level.carve(start, end)
        owner = type(level.module)
        name = f"{owner.__module__}.{owner.__qualname__}"
        what, stem = f"a part of the forward of {owner.__name__}", "part"
        what += f" at {level.path!r}" if level.path else ""
    tensors = [*module.parameters(), *module.buffers()]
    note = (
        f"{what} stays as it is and cannot be edited: {reason}. "
        f"To make a layer of it, put @lepton_lab.register_layer over its class."
    )
    layer = Opaque.of(module, reason=reason, class_name=name)
    return Found(layer, level, start, end, covered, stem, owned=frozenset(map(id, tensors)), note=note)


def branch(items: list[Found]) -> list[Found]:
    """The items of a list; one sub-network alone gives way to what it holds."""
    if len(items) == 1 and isinstance(items[0].layer, SubNetwork):
        return branch(items[0].parts[""])
    return items


def readable(path: str) -> str:
    """A layer's name from an attribute's path: "blocks.0.norm" gives "blocks_0_norm", "3" nothing."""
    name = re.sub(r"\W+", "_", path, flags=re.ASCII)
    if not name or name.isdigit():
        return ""
    return f"{name}_1" if name in _RESERVED else name


def assemble(items: list[Found], prefix: str = "") -> tuple[tuple[LayerSpec, ...], dict[str, Found]]:
    """The layers with their final names, and what stands behind each by its path in the built module."""
    taken: set[str] = set()
    layers: list[LayerSpec] = []
    behind: dict[str, Found] = {}
    wished = {item.stem for item in items}
    for item in items:
        name = item.stem or _free(item, taken | wished)
        number = 2
        while name in taken:
            name, number = f"{item.stem}_{number}", number + 1
        taken.add(name)
        values: dict[str, Any] = {"name": name}
        path = f"{prefix}{name}"
        behind[path] = item
        lists: dict[str, tuple[LayerSpec, ...]] = {}
        for part, inside in item.parts.items():
            lists[part], deeper = assemble(inside, f"{path}.{part}." if part else f"{path}.")
            behind.update(deeper)
        if isinstance(item.layer, Parallel):
            values["branches"] = tuple(lists.values())
        elif isinstance(item.layer, Residual):
            values.update(lists)
        elif isinstance(item.layer, SubNetwork):
            values["layers"] = lists[""]
        layers.append(item.layer.changed(**values))
    return tuple(layers), behind


def _free(item: Found, taken: set[str]) -> str:
    if not item.hint:
        return free_name(item.layer, taken)
    return next(name for number in count(1) if (name := f"{item.hint}_{number}") not in taken)


def _path(level: Level, target: str) -> str:
    return f"{level.path}.{target}" if level.path else target
