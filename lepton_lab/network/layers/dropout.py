"""Layers that drop values at random while training."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field
from torch import nn

from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.fields import Rate, need_axes, need_float

__all__ = ["AlphaDropout", "Dropout", "Dropout2d"]


class _Dropout(LayerSpec):
    """What the dropouts share."""

    group: ClassVar[str] = "Regularisation"
    other_names: ClassVar[dict[str, str]] = {"rate": "p"}
    module: ClassVar[type[nn.Module]]

    p: Rate = Field(0.5, description="Probability that a value is dropped.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_float(x)
        return (("", Call(self.module, (self.p,))),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(p=0.25), TensorInfo((4, 6, 5))


@built_in
class Dropout(_Dropout):
    """Drops single values."""

    kind: ClassVar[str] = "Dropout"
    summary: ClassVar[str] = "Sets some values to 0 at random while training, so that no unit relies on another alone."
    formula: ClassVar[str] = "y = x·m / (1 − p), m = 0 with probability p, else 1"
    source: ClassVar[str] = "Srivastava et al. 2014, JMLR 15"
    module: ClassVar[type[nn.Module]] = nn.Dropout


@built_in
class Dropout2d(_Dropout):
    """Drops whole maps."""

    kind: ClassVar[str] = "Dropout2d"
    summary: ClassVar[str] = "Sets whole channels to 0 at random while training."
    formula: ClassVar[str] = "y[c] = x[c]·m[c] / (1 − p)"
    source: ClassVar[str] = "Tompson et al. 2014, arXiv:1411.4280"
    module: ClassVar[type[nn.Module]] = nn.Dropout2d

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_axes(x, 3)
        return super().calls(x)


@built_in
class AlphaDropout(_Dropout):
    """Dropout that keeps mean and variance."""

    kind: ClassVar[str] = "AlphaDropout"
    summary: ClassVar[str] = "Dropout for networks with SELU: keeps their mean 0 and variance 1."
    formula: ClassVar[str] = "y = a·(x·m − 1.7581·(1 − m)) + b, with a and b that keep mean and variance"
    source: ClassVar[str] = "Klambauer et al. 2017, arXiv:1706.02515"
    module: ClassVar[type[nn.Module]] = nn.AlphaDropout
