"""Poolings: the largest or the mean value of each window, or of a whole map."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import nn

from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.fields import Padding1, Padding2, Padding3, Size1, Size2, Size3, need_axes, set_fix, tuple_of
from lepton_lab.network.fixes import Misfit
from lepton_lab.network.layers.window import check_window, same_pads
from lepton_lab.network.modules import Permute

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]

_GROUP = "Pooling"
_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn."
_STEPS_FIRST = "The input is (N, steps, channels), as Embedding and LSTM give it."
_LOWEST = float("-inf")
_PADS: dict[int, type[nn.Module]] = {1: nn.ConstantPad1d, 2: nn.ConstantPad2d, 3: nn.ConstantPad3d}


class _Pool(LayerSpec):
    """What the poolings with a window share."""

    group: ClassVar[str] = _GROUP
    other_names: ClassVar[dict[str, str]] = {"pool_size": "kernel_size", "strides": "stride"}
    axes: ClassVar[int]
    module: ClassVar[type[nn.Module]]
    mean: ClassVar[bool]

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        if getattr(self, "steps_first", False):
            need_axes(x, 2, wanted="a sequence (N, steps, channels)")
            inner = self._pooled(TensorInfo((x.shape[1], x.shape[0]), x.dtype))
            return (("to_channels", Call(Permute, ((1, 0),))), *inner, ("to_steps", Call(Permute, ((1, 0),))))
        return self._pooled(x)

    def _pooled(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        need_axes(x, self.axes + 1)
        values: Any = self
        kernel = tuple_of(values.kernel_size, self.axes)
        stride = kernel if values.stride is None else tuple_of(values.stride, self.axes)
        dilation = tuple_of(getattr(self, "dilation", 1), self.axes)
        kwargs: dict[str, Any] = {} if values.stride is None or stride == kernel else {"stride": values.stride}
        if any(step != 1 for step in dilation):
            kwargs["dilation"] = values.dilation
        if values.ceil_mode and values.padding != "same":  # whose size is rounded up anyway
            kwargs["ceil_mode"] = True
        calls: list[tuple[str, Call]] = []
        if values.padding == "same":
            calls += self._same(x, kernel, stride, dilation, kwargs)
        elif values.padding not in (0, "valid"):
            padding = tuple_of(values.padding, self.axes)
            if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
                raise Misfit(
                    "a padding of at most half its kernel_size",
                    received=f"it has padding={values.padding} and kernel_size={values.kernel_size}",
                    fixes=[set_fix("set padding='same' in {name}", padding="same")],
                )
            kwargs["padding"] = values.padding
            check_window(self, x, kernel, dilation, padding)
        else:
            check_window(self, x, kernel, dilation, (0,) * self.axes)
        return (*calls, ("", Call(self.module, (values.kernel_size,), kwargs)))

    def _same(
        self,
        x: TensorInfo,
        kernel: tuple[int, ...],
        stride: tuple[int, ...],
        dilation: tuple[int, ...],
        kwargs: dict[str, Any],
    ) -> list[tuple[str, Call]]:
        """Keras's "same": pads that torch's pooling can say go into `kwargs`, others become a layer before it."""
        pads = same_pads(x.shape[1:], kernel, stride, dilation)
        before = tuple(b for b, _ in pads)
        if any(before):
            kwargs["padding"] = before[0] if len(set(before)) == 1 else before
        if self.mean and any(before):
            kwargs["count_include_pad"] = False
        allowed = all(2 * b <= k for b, k in zip(before, kernel, strict=True))  # torch's limit
        if allowed and all(b == a for b, a in pads):
            return []
        reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        sizes = list(zip(x.shape[1:], reach, stride, before, strict=True))
        if allowed and all(-(-(size + 2 * b - k) // s) + 1 == -(-size // s) for size, k, s, b in sizes):
            kwargs["ceil_mode"] = True
            return []
        if self.mean:
            raise Misfit(
                "an odd kernel_size, or a stride as large as the kernel, with padding='same'",
                received=f"it has kernel_size={kernel} and stride={stride}",
                fixes=[set_fix("set padding='valid' in {name}", padding="valid")],
            )
        kwargs.pop("padding", None)
        around = tuple(width for pair in reversed(pads) for width in pair)
        return [("pad", Call(_PADS[self.axes], (around, _LOWEST)))]


@built_in
class MaxPool1d(_Pool):
    """The largest value of each window of a sequence."""

    kind: ClassVar[str] = "MaxPool1d"
    summary: ClassVar[str] = "Keeps the largest value of each window of a sequence, and so makes it smaller."
    formula: ClassVar[str] = "y[t] = max x[s·t + i] over the window"
    source: ClassVar[str] = _TORCH + "MaxPool1d.html"
    axes: ClassVar[int] = 1
    module: ClassVar[type[nn.Module]] = nn.MaxPool1d
    mean: ClassVar[bool] = False

    kernel_size: Size1 = Field(2, description="Length of the window.")
    stride: Size1 | None = Field(None, description="Step between windows; their size where left out.")
    padding: Padding1 = Field(0, description="Border around, 'valid' (none) or 'same' (size is divided by the stride).")
    steps_first: bool = Field(False, description=_STEPS_FIRST)
    dilation: Size1 = Field(1, description="Distance between the values of a window.")
    ceil_mode: bool = Field(False, description="Keeps a last window that is only partly filled.")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(kernel_size=2), TensorInfo((4, 12))


@built_in
class MaxPool2d(_Pool):
    """The largest value of each window of a map."""

    kind: ClassVar[str] = "MaxPool2d"
    summary: ClassVar[str] = "Keeps the largest value of each window of a map, and so makes it smaller."
    formula: ClassVar[str] = "y[h, w] = max x[s·h + i, s·w + j] over the window"
    source: ClassVar[str] = _TORCH + "MaxPool2d.html"
    axes: ClassVar[int] = 2
    module: ClassVar[type[nn.Module]] = nn.MaxPool2d
    mean: ClassVar[bool] = False

    kernel_size: Size2 = Field(2, description="Height and width of the window.")
    stride: Size2 | None = Field(None, description="Step between windows; their size where left out.")
    padding: Padding2 = Field(0, description="Border around, 'valid' (none) or 'same' (size is divided by the stride).")
    dilation: Size2 = Field(1, description="Distance between the values of a window.")
    ceil_mode: bool = Field(False, description="Keeps a last window that is only partly filled.")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(kernel_size=2), TensorInfo((3, 9, 8))


@built_in
class MaxPool3d(_Pool):
    """The largest value of each window of a volume."""

    kind: ClassVar[str] = "MaxPool3d"
    summary: ClassVar[str] = "Keeps the largest value of each window of a volume, and so makes it smaller."
    formula: ClassVar[str] = "y[d, h, w] = max x[s·d + i, s·h + j, s·w + k] over the window"
    source: ClassVar[str] = _TORCH + "MaxPool3d.html"
    axes: ClassVar[int] = 3
    module: ClassVar[type[nn.Module]] = nn.MaxPool3d
    mean: ClassVar[bool] = False

    kernel_size: Size3 = Field(2, description="Depth, height and width of the window.")
    stride: Size3 | None = Field(None, description="Step between windows; their size where left out.")
    padding: Padding3 = Field(0, description="Border around, 'valid' (none) or 'same' (size is divided by the stride).")
    dilation: Size3 = Field(1, description="Distance between the values of a window.")
    ceil_mode: bool = Field(False, description="Keeps a last window that is only partly filled.")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(kernel_size=2), TensorInfo((2, 5, 6, 7))


@built_in
class AvgPool1d(_Pool):
    """The mean of each window of a sequence."""

    kind: ClassVar[str] = "AvgPool1d"
    summary: ClassVar[str] = "Keeps the mean of each window of a sequence, and so makes it smaller."
    formula: ClassVar[str] = "y[t] = mean x[s·t + i] over the window"
    source: ClassVar[str] = _TORCH + "AvgPool1d.html"
    axes: ClassVar[int] = 1
    module: ClassVar[type[nn.Module]] = nn.AvgPool1d
    mean: ClassVar[bool] = True

    kernel_size: Size1 = Field(2, description="Length of the window.")
    stride: Size1 | None = Field(None, description="Step between windows; their size where left out.")
    padding: Padding1 = Field(0, description="Border around, 'valid' (none) or 'same' (size is divided by the stride).")
    steps_first: bool = Field(False, description=_STEPS_FIRST)
    ceil_mode: bool = Field(False, description="Keeps a last window that is only partly filled.")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(kernel_size=2), TensorInfo((4, 12))


@built_in
class AvgPool2d(_Pool):
    """The mean of each window of a map."""

    kind: ClassVar[str] = "AvgPool2d"
    summary: ClassVar[str] = "Keeps the mean of each window of a map, and so makes it smaller."
    formula: ClassVar[str] = "y[h, w] = mean x[s·h + i, s·w + j] over the window"
    source: ClassVar[str] = _TORCH + "AvgPool2d.html"
    axes: ClassVar[int] = 2
    module: ClassVar[type[nn.Module]] = nn.AvgPool2d
    mean: ClassVar[bool] = True

    kernel_size: Size2 = Field(2, description="Height and width of the window.")
    stride: Size2 | None = Field(None, description="Step between windows; their size where left out.")
    padding: Padding2 = Field(0, description="Border around, 'valid' (none) or 'same' (size is divided by the stride).")
    ceil_mode: bool = Field(False, description="Keeps a last window that is only partly filled.")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(kernel_size=2), TensorInfo((3, 9, 8))


@built_in
class AvgPool3d(_Pool):
    """The mean of each window of a volume."""

    kind: ClassVar[str] = "AvgPool3d"
    summary: ClassVar[str] = "Keeps the mean of each window of a volume, and so makes it smaller."
    formula: ClassVar[str] = "y[d, h, w] = mean x[s·d + i, s·h + j, s·w + k] over the window"
    source: ClassVar[str] = _TORCH + "AvgPool3d.html"
    axes: ClassVar[int] = 3
    module: ClassVar[type[nn.Module]] = nn.AvgPool3d
    mean: ClassVar[bool] = True

    kernel_size: Size3 = Field(2, description="Depth, height and width of the window.")
    stride: Size3 | None = Field(None, description="Step between windows; their size where left out.")
    padding: Padding3 = Field(0, description="Border around, 'valid' (none) or 'same' (size is divided by the stride).")
    ceil_mode: bool = Field(False, description="Keeps a last window that is only partly filled.")

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(kernel_size=2), TensorInfo((2, 5, 6, 7))
