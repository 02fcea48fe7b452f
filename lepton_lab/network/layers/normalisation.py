"""Normalisations."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field
from torch import nn

from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.fields import Size, need_axes, need_float, need_size, set_fix
from lepton_lab.network.fixes import Misfit
from lepton_lab.network.layers.activations import WithActivation

__all__ = [
    "BatchNorm",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "GroupNorm",
    "InstanceNorm2d",
    "LayerNorm",
    "RMSNorm",
]

_GROUP = "Normalisation"
_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn."


class _BatchNorm(WithActivation):
    """What the batch normalisations share."""

    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Brings each channel to mean 0 and variance 1 over the batch, then scales and shifts it."
    formula: ClassVar[str] = "y = γ·(x − μ_batch) / √(σ²_batch + ε) + β"
    source: ClassVar[str] = "Ioffe and Szegedy 2015, arXiv:1502.03167"

    eps: float = Field(1e-5, gt=0, le=1, description="ε, which keeps the division safe.")
    momentum: float | None = Field(
        0.1, ge=0, le=1, description="Weight of a new batch in the running mean; None for the plain mean of all."
    )
    affine: bool = Field(True, description="Learns the scale γ and the shift β.")
    track_running_stats: bool = Field(True, description="Keeps running means for use after training.")
    num_features: Size | None = Field(None, description="Channels of the input; inferred where left out.")

    def _call(self, module: type[nn.Module], x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        channels = need_size(self.num_features, x.shape[0], "num_features", "first axis after N")
        kwargs = _changed(self, ("eps", "momentum", "affine", "track_running_stats"))
        return self.activated((("", Call(module, (channels,), kwargs)),), x)


def _changed(layer: LayerSpec, names: tuple[str, ...]) -> dict[str, Any]:
    """The values that differ from torch's defaults, which are also ours."""
    fields = type(layer).model_fields
    return {name: getattr(layer, name) for name in names if getattr(layer, name) != fields[name].default}


@built_in
class BatchNorm(_BatchNorm):
    """Batch normalisation for any number of axes."""

    kind: ClassVar[str] = "BatchNorm"

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_float(x)
        modules = {1: nn.BatchNorm1d, 2: nn.BatchNorm1d, 3: nn.BatchNorm2d, 4: nn.BatchNorm3d}
        if len(x.shape) not in modules:
            raise Misfit("1 to 4 axes beside N")
        return self._call(modules[len(x.shape)], x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((4, 6, 5))


@built_in
class BatchNorm1d(_BatchNorm):
    """Batch normalisation of vectors and sequences."""

    kind: ClassVar[str] = "BatchNorm1d"

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        if len(x.shape) != 2:
            need_axes(x, 1, wanted="vectors (N, features) or sequences (N, channels, length)")
        need_float(x)
        return self._call(nn.BatchNorm1d, x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((6,))


@built_in
class BatchNorm2d(_BatchNorm):
    """Batch normalisation of maps."""

    kind: ClassVar[str] = "BatchNorm2d"

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_axes(x, 3)
        return self._call(nn.BatchNorm2d, x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(activation="relu"), TensorInfo((4, 6, 5))


@built_in
class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes."""

    kind: ClassVar[str] = "BatchNorm3d"

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_axes(x, 4)
        return self._call(nn.BatchNorm3d, x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((2, 3, 4, 5))


@built_in
class LayerNorm(WithActivation):
    """Normalisation of each sample by itself."""

    kind: ClassVar[str] = "LayerNorm"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Brings the last axes of each sample to mean 0 and variance 1; usual in transformers."
    formula: ClassVar[str] = "y = γ·(x − μ) / √(σ² + ε) + β over the last axes"
    source: ClassVar[str] = "Ba, Kiros and Hinton 2016, arXiv:1607.06450"
    other_names: ClassVar[dict[str, str]] = {"epsilon": "eps"}

    axes: Size = Field(1, le=8, description="How many of the last axes are normalised together.")
    eps: float = Field(1e-5, gt=0, le=1, description="ε, which keeps the division safe.")
    elementwise_affine: bool = Field(True, description="Learns the scale γ and the shift β.")
    bias: bool = Field(True, description="Learns the shift β.")
    normalized_shape: tuple[Size, ...] | Size | None = Field(
        None, description="Sizes of these axes, as torch writes them; inferred where left out."
    )

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_float(x)
        given = (self.normalized_shape,) if isinstance(self.normalized_shape, int) else self.normalized_shape
        count = self.axes if given is None else len(given)
        if count > len(x.shape):
            raise Misfit(f"at least {count} axes beside N", fixes=[set_fix("set axes=1 in {name}", axes=1)])
        shape = x.shape[-count:]
        if given is not None and given != shape:
            raise Misfit(
                f"its input's last axes to be {given}",
                do=f"Drop normalized_shape and let it be inferred, or set it to {shape}",
                fixes=[set_fix("drop normalized_shape from {name}", normalized_shape=None, axes=count)],
            )
        kwargs = _changed(self, ("eps", "elementwise_affine", "bias"))
        return self.activated((("", Call(nn.LayerNorm, (shape[0] if count == 1 else shape,), kwargs)),), x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((4, 6))


@built_in
class RMSNorm(WithActivation):
    """Normalisation of each sample by its root mean square."""

    kind: ClassVar[str] = "RMSNorm"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Like LayerNorm without mean and shift: divides by the root mean square of the last axis."
    formula: ClassVar[str] = "y = γ·x / √(mean(x²) + ε)"
    source: ClassVar[str] = "Zhang and Sennrich 2019, arXiv:1910.07467"

    eps: float | None = Field(None, gt=0, le=1, description="ε; torch's machine precision where left out.")
    elementwise_affine: bool = Field(True, description="Learns the scale γ.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_float(x)
        if not x.shape:
            raise Misfit("at least one axis beside N")
        call = Call(nn.RMSNorm, (x.shape[-1],), _changed(self, ("eps", "elementwise_affine")))
        return self.activated((("", call),), x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(), TensorInfo((4, 6))


@built_in
class GroupNorm(WithActivation):
    """Normalisation of groups of channels of each sample."""

    kind: ClassVar[str] = "GroupNorm"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Normalises groups of channels of each sample; works with small batches."
    formula: ClassVar[str] = "y = γ·(x − μ_group) / √(σ²_group + ε) + β"
    source: ClassVar[str] = "Wu and He 2018, arXiv:1803.08494"

    num_groups: Size = Field(description="Number of groups; must divide the channels.")
    eps: float = Field(1e-5, gt=0, le=1, description="ε, which keeps the division safe.")
    affine: bool = Field(True, description="Learns the scale γ and the shift β.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_float(x)
        if not x.shape:
            raise Misfit("at least one axis beside N")
        channels = x.shape[0]
        if channels % self.num_groups:
            largest = max(d for d in range(1, min(channels, self.num_groups) + 1) if channels % d == 0)
            raise Misfit(
                f"channels that num_groups={self.num_groups} divides",
                do=f"Set num_groups={largest}",
                fixes=[set_fix(f"set num_groups={largest} in {{name}}", num_groups=largest)],
            )
        call = Call(nn.GroupNorm, (self.num_groups, channels), _changed(self, ("eps", "affine")))
        return self.activated((("", call),), x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(num_groups=2), TensorInfo((4, 6, 5))


@built_in
class InstanceNorm2d(WithActivation):
    """Normalisation of each map by itself."""

    kind: ClassVar[str] = "InstanceNorm2d"
    group: ClassVar[str] = _GROUP
    summary: ClassVar[str] = "Brings each map of each sample to mean 0 and variance 1; removes contrast and style."
    formula: ClassVar[str] = "y = (x − μ_map) / √(σ²_map + ε)"
    source: ClassVar[str] = "Ulyanov, Vedaldi and Lempitsky 2016, arXiv:1607.08022"

    eps: float = Field(1e-5, gt=0, le=1, description="ε, which keeps the division safe.")
    affine: bool = Field(False, description="Learns a scale and a shift for each channel.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_axes(x, 3)
        if x.shape[1] * x.shape[2] < 2:
            raise Misfit("maps of more than one place, which have a variance")
        call = Call(nn.InstanceNorm2d, (x.shape[0],), _changed(self, ("eps", "affine")))
        return self.activated((("", call),), x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(affine=True), TensorInfo((4, 6, 5))
