"""Recurrent layers."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import nn

from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.fields import Rate, Size, insert_fix, need_axes, need_float, need_size
from lepton_lab.network.fixes import Misfit
from lepton_lab.network.modules import RecurrentLast, RecurrentSteps

__all__ = ["GRU", "LSTM", "RNN"]

_TORCH = "https://docs.pytorch.org/docs/stable/generated/torch.nn."


class _Recurrent(LayerSpec):
    """What the recurrent layers share."""

    group: ClassVar[str] = "Sequence"
    other_names: ClassVar[dict[str, str]] = {"units": "hidden_size"}
    module: ClassVar[type[nn.Module]]

    hidden_size: Size = Field(description="Size of the state (units).")
    num_layers: Size = Field(1, le=100, description="Layers on top of each other.")
    bidirectional: bool = Field(False, description="Also reads the sequence backwards; doubles the output.")
    output: Literal["last", "sequence"] = Field(
        "last", description="The state after the last step, or all steps' outputs."
    )
    dropout: Rate = Field(0.0, description="Probability that a value between two of the layers is dropped.")
    bias: bool = Field(True, description="Adds learned offsets.")
    input_size: Size | None = Field(None, description="Size of the input's last axis; inferred where left out.")

    def __init__(self, *args: Any, **values: Any) -> None:
        if "return_sequences" in values:  # Keras
            values["output"] = "sequence" if values.pop("return_sequences") else "last"
        super().__init__(*args, **values)

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_float(x)
        if len(x.shape) == 1:
            raise Misfit(
                "a sequence (N, steps, features)",
                do="Insert Reshape before it: one feature a step, or one step",
                fixes=[insert_fix("Reshape", shape=[x.shape[0], 1]), insert_fix("Reshape", shape=[1, x.shape[0]])],
            )
        need_axes(x, 2, wanted="a sequence (N, steps, features)")
        size = need_size(self.input_size, x.shape[1], "input_size", "last axis")
        kwargs: dict[str, Any] = {"batch_first": True}
        for name, default in (("num_layers", 1), ("bidirectional", False), ("bias", True)):
            if getattr(self, name) != default:
                kwargs[name] = getattr(self, name)
        if self.dropout and self.num_layers > 1:  # torch warns where there is nothing between
            kwargs["dropout"] = self.dropout
        kwargs |= self._extra()
        if self.output == "sequence":
            take = ("steps", Call(RecurrentSteps))
        else:
            take = ("last", Call(RecurrentLast, (), {"bidirectional": True} if self.bidirectional else {}))
        return (("", Call(self.module, (size, self.hidden_size), kwargs)), take)

    def _extra(self) -> dict[str, Any]:
        return {}


@built_in
class RNN(_Recurrent):
    """The plain recurrent layer."""

    kind: ClassVar[str] = "RNN"
    summary: ClassVar[str] = "Reads a sequence step by step and keeps a state; forgets what is long past."
    formula: ClassVar[str] = "hₜ = tanh(W·xₜ + U·hₜ₋₁ + b)"
    source: ClassVar[str] = _TORCH + "RNN.html"
    module: ClassVar[type[nn.Module]] = nn.RNN

    nonlinearity: Literal["tanh", "relu"] = Field("tanh", description="Function of each step.")

    def _extra(self) -> dict[str, Any]:
        return {} if self.nonlinearity == "tanh" else {"nonlinearity": self.nonlinearity}

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(hidden_size=6, output="sequence"), TensorInfo((7, 3))


@built_in
class GRU(_Recurrent):
    """The gated recurrent unit."""

    kind: ClassVar[str] = "GRU"
    summary: ClassVar[str] = "A recurrent layer whose two gates choose what to keep and what to renew."
    formula: ClassVar[str] = "hₜ = (1 − zₜ)·nₜ + zₜ·hₜ₋₁"
    source: ClassVar[str] = "Cho et al. 2014, arXiv:1406.1078"
    module: ClassVar[type[nn.Module]] = nn.GRU

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(hidden_size=6, num_layers=2), TensorInfo((7, 3))


@built_in
class LSTM(_Recurrent):
    """Long short-term memory."""

    kind: ClassVar[str] = "LSTM"
    summary: ClassVar[str] = "A recurrent layer with a memory that gates protect, so that it remembers for long."
    formula: ClassVar[str] = "cₜ = fₜ·cₜ₋₁ + iₜ·gₜ, hₜ = oₜ·tanh(cₜ)"
    source: ClassVar[str] = "Hochreiter and Schmidhuber 1997, Neural Computation 9(8)"
    module: ClassVar[type[nn.Module]] = nn.LSTM

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(hidden_size=6, num_layers=2, bidirectional=True), TensorInfo((7, 3))
