"""Convolutions: plain, transposed, depthwise and separable."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import nn

from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.fields import (
    Padding1,
    Padding2,
    Padding3,
    Size,
    Size1,
    Size2,
    Size3,
    insert_fix,
    need_axes,
    set_fix,
    tuple_of,
)
from lepton_lab.network.fixes import Misfit
from lepton_lab.network.layers.activations import WithActivation
from lepton_lab.network.layers.window import check_window, same_pads
from lepton_lab.network.modules import PatchWhitening as PatchWhiteningModule, Permute

__all__ = ["Conv1d", "Conv2d", "Conv3d", "DepthwiseConv2d", "PatchWhitening", "SeparableConv2d"]

_GROUP = "Convolution"
_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn."
_PADS: dict[int, type[nn.Module]] = {1: nn.ZeroPad1d, 2: nn.ZeroPad2d, 3: nn.ZeroPad3d}
_STEPS_FIRST = "The input is (N, steps, channels), as Embedding and LSTM give it, and so is the output."


def channels_of(layer: LayerSpec, x: TensorInfo, given: int | None, axes: int) -> int:
    """The input's channels, checked against the layer's `in_channels`.

    Raises:
        Misfit: Another number of axes or of channels; where the channels come last, the first fix moves them.
    """
    need_axes(x, axes + 1)
    channels = x.shape[0]
    if given is not None and given != channels:
        drop = [
            set_fix(f"drop in_channels={given} from {{name}}", in_channels=None),
            set_fix(f"set in_channels={channels} in {{name}}", in_channels=channels),
        ]
        if x.shape[-1] == given:
            move = insert_fix("Permute", dims=[axes, *range(axes)])
            raise Misfit(
                f"{given} channels in its input's first axis after N",
                do="Its channels come last: insert Permute before it",
                fixes=[move, *drop],
            )
        raise Misfit(
            f"{given} channels in its input",
            do=f"Drop `in_channels={given}` and let it be inferred, or set it to {channels}",
            fixes=drop,
        )
    return channels


def convolution(
    layer: Any, x: TensorInfo, target: type[nn.Module], out: int, *, groups: int, bias: bool = True, axes: int = 2
) -> list[tuple[str, Call]]:
    """The calls of a convolution of any number of axes; "same" pads what torch's own padding cannot say."""
    channels = x.shape[0]
    kernel, stride = tuple_of(layer.kernel_size, axes), tuple_of(layer.stride, axes)
    dilation = tuple_of(getattr(layer, "dilation", 1), axes)
    kwargs: dict[str, Any] = {}
    calls: list[tuple[str, Call]] = []
    if any(s != 1 for s in stride):
        kwargs["stride"] = layer.stride
    if layer.padding == "same":
        check_window(layer, x, kernel, dilation, None)
        pads = same_pads(x.shape[1:], kernel, stride, dilation)
        if all(before == after for before, after in pads):
            each = tuple(before for before, _ in pads)
            if any(each):
                kwargs["padding"] = each[0] if len(set(each)) == 1 else each
        else:
            around = tuple(width for pair in reversed(pads) for width in pair)
            calls.append(("pad", Call(_PADS[axes], (around,))))
    else:
        padding = 0 if layer.padding == "valid" else layer.padding
        check_window(layer, x, kernel, dilation, tuple_of(padding, axes))
        if padding != 0:
            kwargs["padding"] = padding
    if any(d != 1 for d in dilation):
        kwargs["dilation"] = layer.dilation
    if groups != 1:
        kwargs["groups"] = groups
    if not bias:
        kwargs["bias"] = False
    calls.append(("", Call(target, (channels, out, layer.kernel_size), kwargs)))
    return calls


class _Conv(WithActivation):
    """What the plain convolutions share."""

    group: ClassVar[str] = _GROUP
    formula: ClassVar[str] = "y[o] = b[o] + Σᵢ W[o, i] ⋆ x[i]"
    axes: ClassVar[int]
    module: ClassVar[type[nn.Module]]

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        values: Any = self
        channels = channels_of(self, x, values.in_channels, self.axes)
        groups = values.groups
        if channels % groups or values.out_channels % groups:
            raise Misfit(
                f"input and output channels that groups={groups} divides",
                received=f"it has {channels} in and {values.out_channels} out",
                fixes=[set_fix("set groups=1 in {name}", groups=1)],
            )
        calls = convolution(self, x, self.module, values.out_channels, groups=groups, bias=values.bias, axes=self.axes)
        return self.activated(tuple(calls), x)


@built_in
class Conv1d(_Conv):
    """A convolution along sequences."""

    kind: ClassVar[str] = "Conv1d"
    summary: ClassVar[str] = "Slides small filters along a sequence and answers where each pattern occurs."
    source: ClassVar[str] = _TORCH + "Conv1d.html"
    axes: ClassVar[int] = 1
    module: ClassVar[type[nn.Module]] = nn.Conv1d

    out_channels: Size = Field(description="Number of filters.")
    kernel_size: Size1 = Field(description="Length of each filter.")
    stride: Size1 = Field(1, description="Step from one place to the next.")
    padding: Padding1 = Field(0, description="Zeros at each end, 'valid' (none) or 'same' (the length stays).")
    dilation: Size1 = Field(1, description="Distance of a filter's taps.")
    groups: Size = Field(1, description="Groups of channels that do not see each other.")
    bias: bool = Field(True, description="Adds a learned offset to each channel.")
    in_channels: Size | None = Field(None, description="Channels of the input; inferred where left out.")
    steps_first: bool = Field(False, description=_STEPS_FIRST)

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        if not self.steps_first:
            return super().calls(x)
        need_axes(x, 2, wanted="a sequence (N, steps, channels)")
        inner = super().calls(TensorInfo((x.shape[1], x.shape[0]), x.dtype))
        return (("to_channels", Call(Permute, ((1, 0),))), *inner, ("to_steps", Call(Permute, ((1, 0),))))

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(out_channels=6, kernel_size=3, activation="relu"), TensorInfo((4, 12))


@built_in
class Conv2d(_Conv):
    """A convolution over images."""

    kind: ClassVar[str] = "Conv2d"
    summary: ClassVar[str] = "Slides small filters over an image and answers where each pattern occurs."
    source: ClassVar[str] = _TORCH + "Conv2d.html"
    axes: ClassVar[int] = 2
    module: ClassVar[type[nn.Module]] = nn.Conv2d

    out_channels: Size = Field(description="Number of filters, and so of maps that come out.")
    kernel_size: Size2 = Field(description="Height and width of each filter.")
    stride: Size2 = Field(1, description="Step from one place to the next.")
    padding: Padding2 = Field(
        0, description="Zeros around, 'valid' (none) or 'same' (size stays, or is divided by the stride)."
    )
    dilation: Size2 = Field(1, description="Distance of a filter's taps.")
    groups: Size = Field(1, description="Groups of channels that do not see each other.")
    bias: bool = Field(True, description="Adds a learned offset to each map.")
    in_channels: Size | None = Field(None, description="Channels of the input; inferred where left out.")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(out_channels=6, kernel_size=3, padding="same", activation="relu"), TensorInfo((3, 9, 8))


@built_in
class Conv3d(_Conv):
    """A convolution over volumes or videos."""

    kind: ClassVar[str] = "Conv3d"
    summary: ClassVar[str] = "Slides small filters through a volume or a video."
    source: ClassVar[str] = _TORCH + "Conv3d.html"
    axes: ClassVar[int] = 3
    module: ClassVar[type[nn.Module]] = nn.Conv3d

    out_channels: Size = Field(description="Number of filters.")
    kernel_size: Size3 = Field(description="Depth, height and width of each filter.")
    stride: Size3 = Field(1, description="Step from one place to the next.")
    padding: Padding3 = Field(0, description="Zeros around, 'valid' (none) or 'same'.")
    dilation: Size3 = Field(1, description="Distance of a filter's taps.")
    groups: Size = Field(1, description="Groups of channels that do not see each other.")
    bias: bool = Field(True, description="Adds a learned offset to each channel.")
    in_channels: Size | None = Field(None, description="Channels of the input; inferred where left out.")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(out_channels=3, kernel_size=2), TensorInfo((2, 4, 5, 5))


@built_in
class DepthwiseConv2d(WithActivation):
    """A convolution of each channel by itself."""

    kind: ClassVar[str] = "DepthwiseConv2d"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Filters each channel by itself: far fewer weights than a full convolution."
    formula: ClassVar[str] = "y[c] = b[c] + W[c] ⋆ x[c]"
    source: ClassVar[str] = "Howard et al. 2017, arXiv:1704.04861"

    kernel_size: Size2 = Field(description="Height and width of each filter.")
    stride: Size2 = Field(1, description="Step from one place to the next.")
    padding: Padding2 = Field(0, description="Zeros around, 'valid' (none) or 'same'.")
    dilation: Size2 = Field(1, description="Distance of a filter's taps.")
    multiplier: Size = Field(1, description="Filters for each channel.")
    bias: bool = Field(True, description="Adds a learned offset to each map.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_axes(x, 3)
        channels = x.shape[0]
        calls = convolution(self, x, nn.Conv2d, channels * self.multiplier, groups=channels, bias=self.bias)
        return self.activated(tuple(calls), x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(kernel_size=3, stride=2, padding="same", activation="relu"), TensorInfo((4, 8, 8))


@built_in
class SeparableConv2d(WithActivation):
    """A depthwise convolution followed by one of 1 × 1."""

    kind: ClassVar[str] = "SeparableConv2d"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = (
        "Filters each channel by itself, then mixes the channels: a convolution at a fraction of its cost."
    )
    formula: ClassVar[str] = "y = W₁ₓ₁ · (W[c] ⋆ x[c]) + b"
    source: ClassVar[str] = "Chollet 2016, arXiv:1610.02357"

    out_channels: Size = Field(description="Number of maps that come out.")
    kernel_size: Size2 = Field(description="Height and width of each filter.")
    stride: Size2 = Field(1, description="Step from one place to the next.")
    padding: Padding2 = Field(0, description="Zeros around, 'valid' (none) or 'same'.")
    dilation: Size2 = Field(1, description="Distance of a filter's taps.")
    multiplier: Size = Field(1, description="Filters for each channel.")
    bias: bool = Field(True, description="Adds a learned offset to each map.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_axes(x, 3)
        channels = x.shape[0]
        middle = channels * self.multiplier
        calls = convolution(self, x, nn.Conv2d, middle, groups=channels, bias=False)
        calls = [(suffix or "depthwise", call) for suffix, call in calls]
        calls.append(("", Call(nn.Conv2d, (middle, self.out_channels, 1), {} if self.bias else {"bias": False})))
        return self.activated(tuple(calls), x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(out_channels=6, kernel_size=3, padding=1, activation="relu"), TensorInfo((4, 8, 8))


@built_in
class PatchWhitening(WithActivation):
    """A first layer for photos whose filters need not be learned."""

    kind: ClassVar[str] = "PatchWhitening"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = (
        "Fixed filters along the directions in which small patches of photos vary, each scaled to a deviation near 1 "
        "and given with both signs. In front of an activation, a first layer that shortens the training."
    )
    formula: ClassVar[str] = "y = b ± Vᵀ·x / √(λ + ε), where C = V·λ·Vᵀ and C[i, j] = correlation^distance"
    source: ClassVar[str] = "Jordan 2024, arXiv:2404.00498, section 3.2, there with the data's own covariance C"

    kernel_size: Size = Field(2, le=8, description="Height and width of a patch.")
    stride: Size = Field(1, description="Step from one patch to the next.")
    correlation: float = Field(0.95, gt=0, lt=1, description="Correlation of neighbouring pixels.")
    channel_correlation: float = Field(0.91, gt=0, lt=1, description="Correlation of neighbouring channels.")
    eps: float = Field(5e-4, gt=0, le=1, description="ε, which keeps noise from being amplified.")
    in_channels: Size | None = Field(None, description="Channels of the input; inferred where left out.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        channels = channels_of(self, x, self.in_channels, 2)
        kernel = (self.kernel_size, self.kernel_size)
        check_window(self, x, kernel, (1, 1), (0, 0))
        named = ("kernel_size", "stride", "correlation", "channel_correlation", "eps")
        fields = type(self).model_fields
        kwargs = {name: getattr(self, name) for name in named if getattr(self, name) != fields[name].default}
        return self.activated((("", Call(PatchWhiteningModule, (channels,), kwargs)),), x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(activation="gelu"), TensorInfo((3, 8, 7))
