"""What every layer of a network description has in common.

A `LayerSpec` is frozen, plain data. It never holds weights: asked with the shape of what comes in, it
answers with the torch modules to construct (`Call`s), which `build` constructs and `to_python` prints. So
the module that runs and the code that is shown cannot drift apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch
from pydantic import BaseModel, ConfigDict
from torch import nn

from lepton_lab.errors import SpecError

__all__ = ["BlockSpec", "Call", "LayerSpec", "TensorInfo", "snake_case"]


@dataclass(frozen=True)
class TensorInfo:
    """Shape and type of what flows between two layers.

    Attributes:
        shape: Sizes without the batch axis N.
        dtype: Element type; int64 for token or category indices.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32

    def __str__(self) -> str:
        return "(" + ", ".join(["N", *map(str, self.shape)]) + ")"


@dataclass(frozen=True)
class Call:
    """A torch module to construct: `target(*args, **kwargs)`.

    Attributes:
        target: A class of torch.nn, of `lepton_lab.network.modules`, or a registered one.
        args: Positional arguments, in the order that the field writes them.
        kwargs: Keyword arguments; only those that differ from the target's defaults.
    """

    target: Callable[..., nn.Module]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def build(self) -> nn.Module:
        """Constructs the module on torch's current default device."""
        return self.target(*self.args, **self.kwargs)


class LayerSpec(BaseModel):
    """One layer as plain data.

    A subclass states its class variables, declares its parameters as pydantic fields (typed, ranged, each with a
    `description`), and implements `calls`. Fields may be given by position, in the order of their declaration.

    Attributes:
        kind: Name in the catalogue and in JSON; the torch name where torch has the layer.
        group: Heading in the palette, such as "Convolution".
        summary: One line that explains the layer in plain words.
        formula: What it computes, in Unicode text.
        source: Where the formula comes from: a paper or torch's page.
        name: Name in the network; given by `NetworkSpec` where left empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=False)

    kind: ClassVar[str]
    group: ClassVar[str]
    summary: ClassVar[str]
    formula: ClassVar[str]
    source: ClassVar[str] = ""

    name: str = ""

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """The modules to construct for an input like `x`, in the order in which they run.

        Returns:
            Pairs of a name's suffix and a call. The main module has the suffix "", an activation after it has
            its own name: ("", Conv2d …), ("relu", ReLU …). They become `<name>` and `<name>_relu`.

        Raises:
            ShapeError: `x` does not fit this layer.
        """
        raise NotImplementedError(f"{type(self).__name__}.calls")

    def children(self) -> Mapping[str, tuple[LayerSpec, ...]]:
        """The lists of layers inside, by the name of the list; empty for a plain layer."""
        return {}

    def walk(self, prefix: str = "") -> Iterator[tuple[str, LayerSpec]]:
        """This layer and all inside it, each with its path such as "residual_1/body/conv2d_2"."""
        path = f"{prefix}/{self.name}" if prefix else self.name
        yield path, self
        for part, layers in self.children().items():
            for layer in layers:
                yield from layer.walk(f"{path}/{part}")


class BlockSpec(LayerSpec):
    """A layer that contains lists of layers: Residual, Parallel, Repeat, a named sub-network."""

    def with_children(self, children: Mapping[str, tuple[LayerSpec, ...]]) -> BlockSpec:
        """The same block with other layers inside.

        Raises:
            SpecError: The block has no list of such a name.
        """
        raise SpecError(f"{type(self).__name__} does not say how to replace its layers: {sorted(children)}")


def snake_case(kind: str) -> str:
    """The stem of default names: "Conv2d" gives "conv2d", "BatchNorm2d" "batch_norm2d"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()
