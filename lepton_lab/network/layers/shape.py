"""Layers that only rearrange: flatten, reshape, permute, enlarge, pad, pick."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field, field_validator
from torch import nn

from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.fields import Count, Size2, Whole, need_axes, remove_fix
from lepton_lab.network.fixes import Misfit
from lepton_lab.network.modules import Permute as PermuteModule

__all__ = ["Flatten", "Identity", "Permute", "Reshape", "Upsample", "ZeroPad2d"]

_GROUP = "Shape"
_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn."


@built_in
class Identity(LayerSpec):
    """Passes its input on."""

    kind: ClassVar[str] = "Identity"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Passes its input on unchanged; holds a place."
    formula: ClassVar[str] = "y = x"
    source: ClassVar[str] = _TORCH + "Identity.html"

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        return (("", Call(nn.Identity)),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((4, 3))


@built_in
class Flatten(LayerSpec):
    """Makes one axis of several."""

    kind: ClassVar[str] = "Flatten"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Lays all values of a sample in one row, as fully connected layers need them."
    formula: ClassVar[str] = "(N, C, H, W) → (N, C·H·W)"
    source: ClassVar[str] = _TORCH + "Flatten.html"

    start_dim: Whole = Field(1, ge=1, le=8, description="First axis to flatten; N is axis 0 and stays.")
    end_dim: Whole = Field(-1, ge=-8, le=8, description="Last axis to flatten.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        if self.start_dim == 1 and self.end_dim == -1:
            return (("", Call(nn.Flatten)),)
        return (("", Call(nn.Flatten, (self.start_dim, self.end_dim))),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((4, 3, 2))


@built_in
class Reshape(LayerSpec):
    """Arranges a sample's values in other axes."""

    kind: ClassVar[str] = "Reshape"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Arranges the values of a sample in other axes, in the same order."
    formula: ClassVar[str] = "(N, …) → (N, shape), with as many values"
    source: ClassVar[str] = _TORCH + "Unflatten.html"
    other_names: ClassVar[dict[str, str]] = {"target_shape": "shape", "unflattened_size": "shape"}

    shape: tuple[Whole, ...] = Field(description="The new sizes without N; one of them may be -1: what is left over.")

    @field_validator("shape")
    @classmethod
    def _sizes(cls, shape: tuple[int, ...]) -> tuple[int, ...]:
        if not shape or any(size < 1 and size != -1 for size in shape) or shape.count(-1) > 1:
            raise ValueError("sizes of at least 1, of which one may be -1")
        return shape

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        total, known = math.prod(x.shape), math.prod(size for size in self.shape if size != -1)
        if (total % known if -1 in self.shape else total - known) != 0:
            raise Misfit(
                f"{known} values in a sample (or a multiple of it)"
                if -1 in self.shape
                else f"{known} values in a sample",
                do=f"Choose sizes whose product is {total}",
                fixes=[remove_fix()],
            )
        sizes = tuple(total // known if size == -1 else size for size in self.shape)
        unflatten = Call(nn.Unflatten, (1, sizes))
        return (("", unflatten),) if len(x.shape) == 1 else (("flatten", Call(nn.Flatten)), ("", unflatten))

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(shape=(3, -1)), TensorInfo((4, 6))


@built_in
class Permute(LayerSpec):
    """Reorders axes."""

    kind: ClassVar[str] = "Permute"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Puts the axes of a sample in another order, such as channels first."
    formula: ClassVar[str] = "Permute((2, 0, 1)): (N, H, W, C) → (N, C, H, W)"
    source: ClassVar[str] = "https://docs.pytorch.org/docs/stable/generated/torch.permute.html"

    dims: tuple[Count, ...] = Field(description="For each new axis the old one, counted from 0 without N.")

    @field_validator("dims")
    @classmethod
    def _each_once(cls, dims: tuple[int, ...]) -> tuple[int, ...]:
        if sorted(dims) != list(range(len(dims))) or not dims:
            raise ValueError("each of the axes 0, 1, … once, such as (2, 0, 1)")
        return dims

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        if len(self.dims) != len(x.shape):
            raise Misfit(f"{len(self.dims)} axes beside N", fixes=[remove_fix()])
        return (("", Call(PermuteModule, (self.dims,))),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(dims=(2, 0, 1)), TensorInfo((5, 6, 3))


@built_in
class Upsample(LayerSpec):
    """Enlarges maps."""

    kind: ClassVar[str] = "Upsample"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Enlarges sequences, maps or volumes by repeating or interpolating values."
    formula: ClassVar[str] = "(N, C, H, W) → (N, C, s·H, s·W)"
    source: ClassVar[str] = _TORCH + "Upsample.html"
    other_names: ClassVar[dict[str, str]] = {"interpolation": "mode"}

    scale_factor: Size2 = Field(2, description="How many times larger, for all axes or for each.")
    mode: Literal["nearest", "bilinear", "bicubic"] = Field("nearest", description="How values between are found.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        if self.mode != "nearest" or isinstance(self.scale_factor, tuple) or len(x.shape) not in (2, 3, 4):
            need_axes(x, 3)
        factor = self.scale_factor
        scale = tuple(map(float, factor)) if isinstance(factor, tuple) else factor
        kwargs = {"scale_factor": scale} | ({} if self.mode == "nearest" else {"mode": self.mode})
        return (("", Call(nn.Upsample, (), kwargs)),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(scale_factor=2, mode="bilinear"), TensorInfo((3, 4, 5))


@built_in
class ZeroPad2d(LayerSpec):
    """Adds zeros around maps."""

    kind: ClassVar[str] = "ZeroPad2d"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Adds a border of zeros around maps."
    formula: ClassVar[str] = "(N, C, H, W) → (N, C, top + H + bottom, left + W + right)"
    source: ClassVar[str] = _TORCH + "ZeroPad2d.html"

    padding: Count | tuple[Count, Count, Count, Count] = Field(description="One width, or (left, right, top, bottom).")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_axes(x, 3)
        return (("", Call(nn.ZeroPad2d, (self.padding,))),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(padding=(1, 0, 2, 1)), TensorInfo((3, 4, 5))
