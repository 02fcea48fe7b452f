"""Transposed convolutions, which enlarge."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import nn

from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.fields import Count, Padding1, Padding2, Size, Size1, Size2, set_fix, tuple_of
from lepton_lab.network.fixes import Misfit
from lepton_lab.network.layers.activations import WithActivation
from lepton_lab.network.layers.convolution import channels_of

__all__ = ["ConvTranspose1d", "ConvTranspose2d"]

_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn."


class _Transposed(WithActivation):
    """What the transposed convolutions share."""

    group: ClassVar[str] = "Convolution"
    formula: ClassVar[str] = "out = (in − 1)·stride − 2·padding + kernel_size + output_padding"
    axes: ClassVar[int]
    module: ClassVar[type[nn.Module]]

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        values: Any = self
        channels = channels_of(self, x, values.in_channels, self.axes)
        kernel, stride = tuple_of(values.kernel_size, self.axes), tuple_of(values.stride, self.axes)
        padding, extra = (0,) * self.axes, tuple_of(values.output_padding, self.axes)
        if values.padding == "same":  # Keras: the output is the input times the stride
            padding = tuple(max(-((s - k) // 2), 0) for k, s in zip(kernel, stride, strict=True))
            extra = tuple(s - k + 2 * p for k, s, p in zip(kernel, stride, padding, strict=True))
        elif values.padding != "valid":
            padding = tuple_of(values.padding, self.axes)
        if any(e >= s for e, s in zip(extra, stride, strict=True) if e):
            raise Misfit(
                "an output_padding smaller than its stride",
                received=f"it has output_padding={extra} and stride={stride}",
                fixes=[set_fix("set output_padding=0 in {name}", output_padding=0, padding=0)],
            )
        reach = [
            (n - 1) * s - 2 * p + k + e
            for n, s, p, k, e in zip(x.shape[1:], stride, padding, kernel, extra, strict=True)
        ]
        if any(size < 1 for size in reach):
            raise Misfit(
                "a padding that leaves something over",
                received=f"with padding={padding} the output would be {tuple(reach)}",
                fixes=[set_fix("set padding=0 in {name}", padding=0)],
            )
        kwargs: dict[str, Any] = {}
        for name, value, default in (("stride", stride, 1), ("padding", padding, 0), ("output_padding", extra, 0)):
            if any(v != default for v in value):
                kwargs[name] = value[0] if len(set(value)) == 1 else value
        if not values.bias:
            kwargs["bias"] = False
        return self.activated(
            (("", Call(self.module, (channels, values.out_channels, values.kernel_size), kwargs)),), x
        )


@built_in
class ConvTranspose1d(_Transposed):
    """A convolution backwards, which enlarges sequences."""

    kind: ClassVar[str] = "ConvTranspose1d"
    summary: ClassVar[str] = "Enlarges sequences: each value paints a small learned pattern into the output."
    source: ClassVar[str] = _TORCH + "ConvTranspose1d.html"
    axes: ClassVar[int] = 1
    module: ClassVar[type[nn.Module]] = nn.ConvTranspose1d

    out_channels: Size = Field(description="Number of filters.")
    kernel_size: Size1 = Field(description="Size of each filter.")
    stride: Size1 = Field(1, description="How many times larger the output becomes.")
    padding: Padding1 = Field(0, description="Places cut off at each end, 'valid' (none) or 'same' (size × stride).")
    output_padding: Count = Field(0, description="Places added at one end.")
    bias: bool = Field(True, description="Adds a learned offset to each channel.")
    in_channels: Size | None = Field(None, description="Channels of the input; inferred where left out.")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(out_channels=5, kernel_size=3, stride=2, padding=1, output_padding=1), TensorInfo((4, 7))


@built_in
class ConvTranspose2d(_Transposed):
    """A convolution backwards, which enlarges maps."""

    kind: ClassVar[str] = "ConvTranspose2d"
    summary: ClassVar[str] = "Enlarges maps: each value paints a small learned pattern into the output."
    source: ClassVar[str] = _TORCH + "ConvTranspose2d.html"
    axes: ClassVar[int] = 2
    module: ClassVar[type[nn.Module]] = nn.ConvTranspose2d

    out_channels: Size = Field(description="Number of filters.")
    kernel_size: Size2 = Field(description="Size of each filter.")
    stride: Size2 = Field(1, description="How many times larger the output becomes.")
    padding: Padding2 = Field(0, description="Places cut off at each end, 'valid' (none) or 'same' (size × stride).")
    output_padding: Count | tuple[Count, Count] = Field(0, description="Places added at one end.")
    bias: bool = Field(True, description="Adds a learned offset to each channel.")
    in_channels: Size | None = Field(None, description="Channels of the input; inferred where left out.")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(out_channels=5, kernel_size=3, stride=2, padding=1, output_padding=1), TensorInfo((4, 5, 6))
