"""Poolings to a given size, and of whole maps."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import nn

from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.fields import Size1, Size2, need_axes
from lepton_lab.network.modules import Permute

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveMaxPool2d",
    "GlobalAvgPool1d",
    "GlobalAvgPool2d",
    "GlobalAvgPool3d",
    "GlobalMaxPool1d",
    "GlobalMaxPool2d",
    "GlobalMaxPool3d",
]

_GROUP = "Pooling"
_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn."
_STEPS_FIRST = "The input is (N, steps, channels), as Embedding and LSTM give it."


class _Adaptive(LayerSpec):
    """What the poolings to a given size share."""

    group: ClassVar[str] = _GROUP
    formula: ClassVar[str] = "(N, C, H, W) → (N, C, output_size)"
    axes: ClassVar[int]
    module: ClassVar[type[nn.Module]]

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_axes(x, self.axes + 1)
        values: Any = self
        return (("", Call(self.module, (values.output_size,))),)


@built_in
class AdaptiveAvgPool1d(_Adaptive):
    """The mean of windows chosen so that a given size comes out."""

    kind: ClassVar[str] = "AdaptiveAvgPool1d"
    summary: ClassVar[str] = "Brings sequences of any size to a given one by the mean of each window."
    formula: ClassVar[str] = "(N, C, T) → (N, C, output_size)"
    source: ClassVar[str] = _TORCH + "AdaptiveAvgPool1d.html"
    axes: ClassVar[int] = 1
    module: ClassVar[type[nn.Module]] = nn.AdaptiveAvgPool1d

    output_size: Size1 = Field(description="Size that comes out, for all axes or for each.")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(output_size=3), TensorInfo((4, 12))


@built_in
class AdaptiveAvgPool2d(_Adaptive):
    """The mean of windows chosen so that a given size comes out."""

    kind: ClassVar[str] = "AdaptiveAvgPool2d"
    summary: ClassVar[str] = "Brings maps of any size to a given one by the mean of each window."
    source: ClassVar[str] = _TORCH + "AdaptiveAvgPool2d.html"
    axes: ClassVar[int] = 2
    module: ClassVar[type[nn.Module]] = nn.AdaptiveAvgPool2d

    output_size: Size2 = Field(description="Size that comes out, for all axes or for each.")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(output_size=(2, 3)), TensorInfo((3, 9, 8))


@built_in
class AdaptiveMaxPool2d(_Adaptive):
    """The largest value of windows chosen so that a given size comes out."""

    kind: ClassVar[str] = "AdaptiveMaxPool2d"
    summary: ClassVar[str] = "Brings maps of any size to a given one by the largest value of each window."
    source: ClassVar[str] = _TORCH + "AdaptiveMaxPool2d.html"
    axes: ClassVar[int] = 2
    module: ClassVar[type[nn.Module]] = nn.AdaptiveMaxPool2d

    output_size: Size2 = Field(description="Size that comes out, for all axes or for each.")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(output_size=(2, 3)), TensorInfo((3, 9, 8))


class _Global(LayerSpec):
    """What the poolings over everything share."""

    group: ClassVar[str] = _GROUP
    other_names: ClassVar[dict[str, str]] = {"keepdims": "keepdim"}
    axes: ClassVar[int]
    module: ClassVar[type[nn.Module]]

    keepdim: bool = Field(False, description="Keeps each axis with size 1, as squeeze-and-excitation needs it.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        steps_first = bool(getattr(self, "steps_first", False))
        need_axes(x, self.axes + 1, wanted="a sequence (N, steps, channels)" if steps_first else "")
        calls: tuple[tuple[str, Call], ...] = (("", Call(self.module, (1,))),)
        if steps_first:
            calls = (("to_channels", Call(Permute, ((1, 0),))), *calls)
        if not self.keepdim:
            return (*calls, ("flatten", Call(nn.Flatten)))
        return (*calls, ("to_steps", Call(Permute, ((1, 0),)))) if steps_first else calls


@built_in
class GlobalAvgPool1d(_Global):
    """The mean of each whole channel."""

    kind: ClassVar[str] = "GlobalAvgPool1d"
    summary: ClassVar[str] = "Keeps one number of each channel of a sequence: its mean."
    formula: ClassVar[str] = "(N, C, T) → (N, C): y[c] = mean x[c]"
    source: ClassVar[str] = "Lin, Chen and Yan 2013, arXiv:1312.4400"
    axes: ClassVar[int] = 1
    module: ClassVar[type[nn.Module]] = nn.AdaptiveAvgPool1d

    steps_first: bool = Field(False, description=_STEPS_FIRST)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((4, 12))


@built_in
class GlobalAvgPool2d(_Global):
    """The mean of each whole channel."""

    kind: ClassVar[str] = "GlobalAvgPool2d"
    summary: ClassVar[str] = "Keeps one number of each channel of a map: its mean."
    formula: ClassVar[str] = "(N, C, H, W) → (N, C): y[c] = mean x[c]"
    source: ClassVar[str] = "Lin, Chen and Yan 2013, arXiv:1312.4400"
    axes: ClassVar[int] = 2
    module: ClassVar[type[nn.Module]] = nn.AdaptiveAvgPool2d

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((3, 9, 8))


@built_in
class GlobalAvgPool3d(_Global):
    """The mean of each whole channel."""

    kind: ClassVar[str] = "GlobalAvgPool3d"
    summary: ClassVar[str] = "Keeps one number of each channel of a volume: its mean."
    formula: ClassVar[str] = "(N, C, D, H, W) → (N, C): y[c] = mean x[c]"
    source: ClassVar[str] = "Lin, Chen and Yan 2013, arXiv:1312.4400"
    axes: ClassVar[int] = 3
    module: ClassVar[type[nn.Module]] = nn.AdaptiveAvgPool3d

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((2, 5, 6, 7))


@built_in
class GlobalMaxPool1d(_Global):
    """The largest value of each whole channel."""

    kind: ClassVar[str] = "GlobalMaxPool1d"
    summary: ClassVar[str] = "Keeps one number of each channel of a sequence: its largest value."
    formula: ClassVar[str] = "(N, C, T) → (N, C): y[c] = max x[c]"
    source: ClassVar[str] = _TORCH + "AdaptiveMaxPool1d.html"
    axes: ClassVar[int] = 1
    module: ClassVar[type[nn.Module]] = nn.AdaptiveMaxPool1d

    steps_first: bool = Field(False, description=_STEPS_FIRST)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((4, 12))


@built_in
class GlobalMaxPool2d(_Global):
    """The largest value of each whole channel."""

    kind: ClassVar[str] = "GlobalMaxPool2d"
    summary: ClassVar[str] = "Keeps one number of each channel of a map: its largest value."
    formula: ClassVar[str] = "(N, C, H, W) → (N, C): y[c] = max x[c]"
    source: ClassVar[str] = _TORCH + "AdaptiveMaxPool2d.html"
    axes: ClassVar[int] = 2
    module: ClassVar[type[nn.Module]] = nn.AdaptiveMaxPool2d

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((3, 9, 8))


@built_in
class GlobalMaxPool3d(_Global):
    """The largest value of each whole channel."""

    kind: ClassVar[str] = "GlobalMaxPool3d"
    summary: ClassVar[str] = "Keeps one number of each channel of a volume: its largest value."
    formula: ClassVar[str] = "(N, C, D, H, W) → (N, C): y[c] = max x[c]"
    source: ClassVar[str] = _TORCH + "AdaptiveMaxPool3d.html"
    axes: ClassVar[int] = 3
    module: ClassVar[type[nn.Module]] = nn.AdaptiveMaxPool3d

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((2, 5, 6, 7))
