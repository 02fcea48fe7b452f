"""Blocks: layers that contain lists of layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from pydantic import BeforeValidator, Field, SerializeAsAny

from lepton_lab.errors import SpecError
from lepton_lab.network.base import BlockSpec, Call, Chain, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.fields import Size, Whole, layer_json, set_fix
from lepton_lab.network.fixes import Edit, Fix, Misfit
from lepton_lab.network.layers.activations import WithActivation
from lepton_lab.network.modules import Parallel as ParallelModule, Residual as ResidualModule
from lepton_lab.network.naming import named_layers

__all__ = ["Layers", "Parallel", "Repeat", "Residual", "SubNetwork"]

_GROUP = "Block"

Layers = Annotated[tuple[SerializeAsAny[LayerSpec], ...], BeforeValidator(named_layers)]


@built_in
class Residual(BlockSpec, WithActivation):
    """Adds a body's output to the input."""

    kind: ClassVar[str] = "Residual"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Adds what its layers find to what came in, so that deep networks train well."
    formula: ClassVar[str] = "y = body(x) + shortcut(x)"
    source: ClassVar[str] = "He et al. 2015, arXiv:1512.03385"

    body: Layers = Field((), description="Layers whose output is added.")
    shortcut: Layers = Field((), description="Layers on the way around; none: the input itself.")

    def children(self) -> Mapping[str, tuple[LayerSpec, ...]]:
        """See `LayerSpec.children`."""
        return {"body": self.body, "shortcut": self.shortcut}

    def with_children(self, children: Mapping[str, tuple[LayerSpec, ...]]) -> Self:
        """See `BlockSpec.with_children`."""
        return self.changed(**children)

    def join(self, x: TensorInfo, outputs: Mapping[str, TensorInfo]) -> TensorInfo:
        """See `BlockSpec.join`."""
        body, around = outputs["body"], outputs["shortcut"]
        if body.shape != around.shape:
            way = "shortcut" if self.shortcut else "input"
            fixes = _projection(x, body)
            raise Misfit(
                f"its body and its {way} to have the same shape",
                received=f"the body gives {body} and the {way} is {around}",
                do=f"{fixes[0].label.replace('{name}', 'it')[0].upper()}{fixes[0].label.replace('{name}', 'it')[1:]}"
                if fixes
                else "Choose sizes and padding in the body that keep the shape",
                fixes=fixes,
            )
        return TensorInfo(body.shape, torch.promote_types(body.dtype, around.dtype))

    def assemble(self, x: TensorInfo, parts: Mapping[str, tuple[Chain, ...]]) -> tuple[tuple[str, Call | Chain], ...]:
        """See `BlockSpec.assemble`."""
        args: tuple[Any, ...] = (parts["body"][0],)
        if self.shortcut:
            args += (parts["shortcut"][0],)
        return self.activated((("", Call(ResidualModule, args)),), x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        from lepton_lab.network.layers.convolution import Conv2d

        body = [
            Conv2d(out_channels=4, kernel_size=3, padding=1, activation="relu"),
            Conv2d(out_channels=4, kernel_size=1),
        ]
        return cls(body=body, activation="relu"), TensorInfo((4, 6, 6))


def _broadcast(shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """The shape to which all stretch, N included.

    Raises:
        RuntimeError: There is none.
    """
    return tuple(torch.broadcast_shapes(*((2, *shape) for shape in shapes)))[1:]  # type: ignore[no-untyped-call]


def _projection(x: TensorInfo, wanted: TensorInfo) -> list[Fix]:
    """A shortcut that brings the input to the body's shape, where one layer can do that."""
    if len(x.shape) != len(wanted.shape) or x.shape == wanted.shape:
        return []
    if len(x.shape) in (1, 2) and x.shape[:-1] == wanted.shape[:-1]:
        layer = layer_json("Linear", out_features=wanted.shape[-1])
    elif len(x.shape) in (2, 3, 4):
        strides = [max(-(-a // b), 1) for a, b in zip(x.shape[1:], wanted.shape[1:], strict=True)]
        sizes = [(a - 1) // s + 1 for a, s in zip(x.shape[1:], strides, strict=True)]
        if sizes != list(wanted.shape[1:]):
            return []
        stride: int | list[int] = strides[0] if len(set(strides)) == 1 else strides
        kind = f"Conv{len(x.shape) - 1}d"
        layer = layer_json(
            kind, out_channels=wanted.shape[0], kernel_size=1, **({} if stride == 1 else {"stride": stride})
        )
    else:
        return []
    shown = layer["kind"]
    return [
        Fix(label=f"add a {shown} as the shortcut of {{name}}", edits=(Edit(op="set", values={"shortcut": [layer]}),))
    ]


@built_in
class Parallel(BlockSpec, WithActivation):
    """Branches side by side."""

    kind: ClassVar[str] = "Parallel"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Runs several lists of layers side by side on the same input and joins what they give."
    formula: ClassVar[str] = "y = concat(f₁(x), f₂(x), …), or their sum or product"
    source: ClassVar[str] = "Szegedy et al. 2014, arXiv:1409.4842"

    branches: tuple[Layers, ...] = Field(
        min_length=1, max_length=64, description="The branches; an empty one passes on."
    )
    merge: Literal["concat", "sum", "multiply"] = Field("concat", description="How the outputs are joined.")
    dim: Whole = Field(1, ge=-8, le=8, description="Axis to concatenate along; N is axis 0.")

    def __init__(self, *args: Any, **values: Any) -> None:
        if args and all(_is_branch(arg) for arg in args):  # Parallel([…], […]) as well as Parallel([[…], […]])
            args = (tuple(args),)
        super().__init__(*args, **values)

    def children(self) -> Mapping[str, tuple[LayerSpec, ...]]:
        """See `LayerSpec.children`."""
        return {f"branch_{number}": branch for number, branch in enumerate(self.branches, 1)}

    def with_children(self, children: Mapping[str, tuple[LayerSpec, ...]]) -> Self:
        """See `BlockSpec.with_children`."""
        merged = {**self.children(), **children}
        if len(merged) != len(self.branches):
            raise SpecError(f"{self.kind} has no such branch", expected=", ".join(self.children()))
        return self.changed(branches=tuple(merged.values()))

    def join(self, x: TensorInfo, outputs: Mapping[str, TensorInfo]) -> TensorInfo:
        """See `BlockSpec.join`."""
        infos = list(outputs.values())
        gives = ", ".join(f"{name} {info}" for name, info in outputs.items())
        dtype = infos[0].dtype
        for info in infos[1:]:
            dtype = torch.promote_types(dtype, info.dtype)
        if self.merge != "concat":
            try:
                return TensorInfo(_broadcast([info.shape for info in infos]), dtype)
            except RuntimeError:
                raise Misfit(
                    f"branches of equal shape to {self.merge}", received=f"they give {gives}", fixes=self._concat(infos)
                ) from None
        axes = len(infos[0].shape) + 1
        dim = self.dim % axes if -axes <= self.dim < axes else 0
        if dim == 0 or any(len(info.shape) + 1 != axes for info in infos):
            wanted = "branches with equally many axes, and a dim among them that is not N"
            raise Misfit(wanted, received=f"dim is {self.dim} and they give {gives}")
        rest = {(*info.shape[: dim - 1], *info.shape[dim:]) for info in infos}
        if len(rest) > 1:
            raise Misfit(
                f"branches that differ only in axis {dim}, to concatenate them",
                received=f"they give {gives}",
                do="Choose padding and strides that give equal sizes",
            )
        shape = list(infos[0].shape)
        shape[dim - 1] = sum(info.shape[dim - 1] for info in infos)
        return TensorInfo(tuple(shape), dtype)

    def _concat(self, infos: list[TensorInfo]) -> list[Fix]:
        same = len({info.shape[1:] for info in infos}) == 1
        return [set_fix("concatenate in {name} instead", merge="concat", dim=1)] if same else []

    def assemble(self, x: TensorInfo, parts: Mapping[str, tuple[Chain, ...]]) -> tuple[tuple[str, Call | Chain], ...]:
        """See `BlockSpec.assemble`."""
        kwargs: dict[str, Any] = {} if self.merge == "concat" else {"merge": self.merge}
        if self.dim != 1:
            kwargs["dim"] = self.dim
        chains = tuple(runs[0] for runs in parts.values())
        return self.activated((("", Call(ParallelModule, chains, kwargs)),), x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        from lepton_lab.network.layers.convolution import Conv2d

        first, second = [Conv2d(out_channels=3, kernel_size=1)], [Conv2d(out_channels=5, kernel_size=3, padding=1)]
        return cls(branches=(first, second), activation="relu"), TensorInfo((4, 6, 6))


def _is_branch(value: Any) -> bool:
    return isinstance(value, LayerSpec) or (
        isinstance(value, list | tuple) and all(isinstance(item, LayerSpec) for item in value)
    )


@built_in
class Repeat(BlockSpec):
    """The same layers several times over."""

    kind: ClassVar[str] = "Repeat"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Runs its layers several times in a row, each time with weights of its own."
    formula: ClassVar[str] = "y = fₙ(… f₂(f₁(x)))"

    body: Layers = Field(description="The layers to repeat.")
    times: Size = Field(2, le=1000, description="How often.")

    @property
    def runs(self) -> int:
        """See `BlockSpec.runs`."""
        return self.times

    def children(self) -> Mapping[str, tuple[LayerSpec, ...]]:
        """See `LayerSpec.children`."""
        return {"body": self.body}

    def with_children(self, children: Mapping[str, tuple[LayerSpec, ...]]) -> Self:
        """See `BlockSpec.with_children`."""
        return self.changed(**children)

    def join(self, x: TensorInfo, outputs: Mapping[str, TensorInfo]) -> TensorInfo:
        """See `BlockSpec.join`."""
        return outputs["body"]

    def assemble(self, x: TensorInfo, parts: Mapping[str, tuple[Chain, ...]]) -> tuple[tuple[str, Call | Chain], ...]:
        """See `BlockSpec.assemble`."""
        return (("", Chain(tuple((str(number), chain) for number, chain in enumerate(parts["body"], 1)))),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        from lepton_lab.network.layers.linear import Linear

        return cls(body=[Linear(out_features=7, activation="relu")], times=3), TensorInfo((5,))


@built_in
class SubNetwork(BlockSpec):
    """A part of a network with a name, such as encoder or head."""

    kind: ClassVar[str] = "SubNetwork"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Holds some layers under one name, such as 'encoder' or 'head'."
    formula: ClassVar[str] = "y = fₙ(… f₂(f₁(x)))"

    layers: Layers = Field((), description="The layers, one after the other.")

    def children(self) -> Mapping[str, tuple[LayerSpec, ...]]:
        """See `LayerSpec.children`; the layers' paths are <name>/<layer>."""
        return {"": self.layers}

    def with_children(self, children: Mapping[str, tuple[LayerSpec, ...]]) -> Self:
        """See `BlockSpec.with_children`."""
        return self.changed(layers=children[""])

    def join(self, x: TensorInfo, outputs: Mapping[str, TensorInfo]) -> TensorInfo:
        """See `BlockSpec.join`."""
        return outputs[""]

    def assemble(self, x: TensorInfo, parts: Mapping[str, tuple[Chain, ...]]) -> tuple[tuple[str, Call | Chain], ...]:
        """See `BlockSpec.assemble`."""
        return (("", parts[""][0]),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        from lepton_lab.network.layers.linear import Linear

        return cls(layers=[Linear(out_features=7, activation="relu"), Linear(out_features=3)]), TensorInfo((5,))
