"""Layers that real architectures need between the others: class tokens, learned offsets and scales, means, picking."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import nn

from lepton_lab.network import token_modules as modules
from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.fields import Size, Whole, need_axes, need_float
from lepton_lab.network.fixes import Misfit

__all__ = ["ClassToken", "LearnedOffset", "LearnedScale", "Mean", "Scale", "Select"]

_VIT = "Dosovitskiy et al. 2020, arXiv:2010.11929"
_Axis = Annotated[Whole, Field(ge=1, le=8)]


def _need_axis(x: TensorInfo, *dims: int) -> None:
    """Checks that a sample has the axes; axis 0 is N.

    Raises:
        Misfit: It has not.
    """
    if max(dims) > len(x.shape):
        raise Misfit(f"an axis {max(dims)} (N is axis 0)")


@built_in
class Select(LayerSpec):
    """Picks one place of an axis."""

    kind: ClassVar[str] = "Select"
    group: ClassVar[str] = "Shape"
    summary: ClassVar[str] = "Picks one place of an axis: the last step of a sequence, or its class token."
    formula: ClassVar[str] = "(N, T, F) → (N, F)"
    source: ClassVar[str] = "https://docs.pytorch.org/docs/stable/generated/torch.select.html"

    index: Whole = Field(-1, description="The place; negative ones count from the end.")
    dim: _Axis = Field(1, description="The axis; N is axis 0.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        _need_axis(x, self.dim)
        size = x.shape[self.dim - 1]
        if not -size <= self.index < size:
            raise Misfit(f"more than {self.index} places in axis {self.dim}")
        return (("", Call(modules.Select, (self.index,), {} if self.dim == 1 else {"dim": self.dim})),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(index=-1), TensorInfo((5, 4))


@built_in
class Mean(LayerSpec):
    """The mean over axes."""

    kind: ClassVar[str] = "Mean"
    group: ClassVar[str] = "Pooling"
    summary: ClassVar[str] = "Averages over some axes, such as the steps of a sequence."
    formula: ClassVar[str] = "y = Σₜ x[t] / T"
    source: ClassVar[str] = "https://docs.pytorch.org/docs/stable/generated/torch.mean.html"

    dim: _Axis | tuple[_Axis, ...] = Field(1, description="The axis or axes; N is axis 0.")
    keepdim: bool = Field(False, description="Keeps each axis with size 1.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_float(x)
        _need_axis(x, *(self.dim if isinstance(self.dim, tuple) else (self.dim,)))
        return (("", Call(modules.Mean, (self.dim,), {"keepdim": True} if self.keepdim else {})),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(dim=1), TensorInfo((5, 4))


@built_in
class Scale(LayerSpec):
    """Multiplies by a constant and adds another one."""

    kind: ClassVar[str] = "Scale"
    group: ClassVar[str] = "Normalisation"
    summary: ClassVar[str] = "Multiplies by a fixed number and adds another one; nothing is learned."
    formula: ClassVar[str] = "y = factor · x + offset"

    factor: float = Field(1.0, allow_inf_nan=False, description="What to multiply by.")
    offset: float = Field(0.0, allow_inf_nan=False, description="What to add.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_float(x)
        kwargs = {} if self.offset == 0.0 else {"offset": self.offset}
        return (("", Call(modules.Scale, (self.factor,), kwargs)),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(factor=0.5, offset=-1.0), TensorInfo((5, 4))


@built_in
class ClassToken(LayerSpec):
    """Puts learned tokens in front of a sequence."""

    kind: ClassVar[str] = "ClassToken"
    group: ClassVar[str] = "Sequence"
    summary: ClassVar[str] = "Puts a learned token in front of a sequence, which gathers what a classifier needs."
    formula: ClassVar[str] = "(N, T, F) → (N, count + T, F)"
    source: ClassVar[str] = _VIT

    count: Size = Field(1, le=1024, description="Number of tokens.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_axes(x, 2)
        return (("", Call(modules.ClassToken, (x.shape[1],), {} if self.count == 1 else {"count": self.count})),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((5, 4))


class _Learned(LayerSpec):
    """One learned number for each value of a sample, or for each place of some axes."""

    module: ClassVar[type[nn.Module]]

    shape: tuple[Size, ...] | None = Field(
        None, description="Shape of the learned numbers, which must stretch to the input's; all of it where left out."
    )

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_float(x)
        shape = x.shape if self.shape is None else self.shape
        try:
            fits = tuple(torch.broadcast_shapes(shape, x.shape)) == x.shape  # type: ignore[no-untyped-call]
        except RuntimeError:
            fits = False
        if not fits:
            raise Misfit(f"a sample to which {shape} stretches")
        return (("", Call(self.module, (shape,))),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((5, 4))


@built_in
class LearnedOffset(_Learned):
    """Adds learned numbers."""

    kind: ClassVar[str] = "LearnedOffset"
    group: ClassVar[str] = "Sequence"
    summary: ClassVar[str] = "Adds a learned number to each value, as position embeddings of vision transformers do."
    formula: ClassVar[str] = "y = x + b, b learned"
    source: ClassVar[str] = _VIT
    module: ClassVar[type[nn.Module]] = modules.LearnedOffset


@built_in
class LearnedScale(_Learned):
    """Multiplies by learned numbers."""

    kind: ClassVar[str] = "LearnedScale"
    group: ClassVar[str] = "Normalisation"
    summary: ClassVar[str] = "Multiplies each value by a learned number."
    formula: ClassVar[str] = "y = x · s, s learned"
    source: ClassVar[str] = "Touvron et al. 2021, arXiv:2103.17239"
    module: ClassVar[type[nn.Module]] = modules.LearnedScale
