"""Attention, transformer blocks and encodings of positions."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field
from torch import nn

from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.fields import Rate, Size, need_axes, set_fix
from lepton_lab.network.fixes import Misfit
from lepton_lab.network.modules import LearnedPositions, SelfAttention, SinusoidalPositions

__all__ = ["MultiheadAttention", "PositionalEncoding", "TransformerEncoderLayer"]

_SEQUENCE = "a sequence (N, steps, features)"
_PAPER = "Vaswani et al. 2017, arXiv:1706.03762"


def _need_heads(x: TensorInfo, heads: int) -> int:
    """The sequence's features, which the heads must divide.

    Raises:
        Misfit: They do not.
    """
    need_axes(x, 2, wanted=_SEQUENCE)
    features = x.shape[1]
    if features % heads:
        largest = max(d for d in range(1, min(features, heads) + 1) if features % d == 0)
        raise Misfit(
            f"features that num_heads={heads} divides",
            do=f"Set num_heads={largest}, or let the layer before give a multiple of {heads}",
            fixes=[set_fix(f"set num_heads={largest} in {{name}}", num_heads=largest)],
        )
    return features


@built_in
class MultiheadAttention(LayerSpec):
    """Self-attention with several heads: every step looks at every other."""

    kind: ClassVar[str] = "MultiheadAttention"
    group: ClassVar[str] = "Sequence"
    summary: ClassVar[str] = "Lets each step of a sequence look at all the others and take over what matters."
    formula: ClassVar[str] = "softmax(Q·Kᵀ / √d)·V for each head, with Q, K, V made from x"
    source: ClassVar[str] = _PAPER

    num_heads: Size = Field(description="Number of heads; must divide the features.")
    dropout: Rate = Field(0.0, description="Probability that an attention weight is dropped while training.")
    bias: bool = Field(True, description="Adds learned offsets.")
    causal: bool = Field(False, description="Each step sees only itself and those before it.")
    head_dim: Size | None = Field(None, description="Features of each head (Keras's key_dim); inferred where left out.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        features = _need_heads(x, self.num_heads)
        if self.head_dim is not None and self.head_dim * self.num_heads != features:
            raise Misfit(
                f"features equal to num_heads · head_dim = {self.num_heads * self.head_dim}",
                do="Drop head_dim and let it be inferred",
                fixes=[set_fix("drop head_dim from {name}", head_dim=None)],
            )
        kwargs: dict[str, Any] = {}
        for name, default in (("dropout", 0.0), ("bias", True), ("causal", False)):
            if getattr(self, name) != default:
                kwargs[name] = getattr(self, name)
        return (("", Call(SelfAttention, (features, self.num_heads), kwargs)),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(num_heads=2, causal=True), TensorInfo((5, 8))


@built_in
class TransformerEncoderLayer(LayerSpec):
    """One block of a transformer encoder; put several into a Repeat."""

    kind: ClassVar[str] = "TransformerEncoderLayer"
    group: ClassVar[str] = "Sequence"
    summary: ClassVar[str] = "One transformer block: self-attention and a small network for each step, both residual."
    formula: ClassVar[str] = "x = norm(x + attention(x)), y = norm(x + W₂·f(W₁·x))"
    source: ClassVar[str] = _PAPER

    other_names: ClassVar[dict[str, str]] = {"nhead": "num_heads"}

    num_heads: Size = Field(description="Number of heads; must divide the features.")
    dim_feedforward: Size = Field(2048, description="Hidden units of the small network.")
    dropout: Rate = Field(0.1, description="Probability that a value is dropped while training.")
    activation: Literal["relu", "gelu"] = Field("relu", description="Function f of the small network.")
    norm_first: bool = Field(False, description="Normalises before instead of after; trains deep stacks more easily.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        features = _need_heads(x, self.num_heads)
        kwargs: dict[str, Any] = {"batch_first": True}
        for name, default in (
            ("dim_feedforward", 2048), ("dropout", 0.1), ("activation", "relu"), ("norm_first", False)
        ):  # fmt: skip
            if getattr(self, name) != default:
                kwargs[name] = getattr(self, name)
        return (("", Call(nn.TransformerEncoderLayer, (features, self.num_heads), kwargs)),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(num_heads=2, dim_feedforward=16, dropout=0.0, activation="gelu", norm_first=True), TensorInfo((5, 8))


@built_in
class PositionalEncoding(LayerSpec):
    """Tells each step of a sequence where it stands."""

    kind: ClassVar[str] = "PositionalEncoding"
    group: ClassVar[str] = "Sequence"
    summary: ClassVar[str] = "Adds a code of its position to each step, since attention by itself sees no order."
    formula: ClassVar[str] = "y[t] = x[t] + P[t]; sinusoidal: P[t, 2i] = sin(t / 10000^(2i/F)), P[t, 2i+1] = cos(…)"
    source: ClassVar[str] = _PAPER

    mode: Literal["sinusoidal", "learned"] = Field("sinusoidal", description="Fixed waves, or a table that is learned.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_axes(x, 2, wanted=_SEQUENCE)
        return (("", Call(SinusoidalPositions if self.mode == "sinusoidal" else LearnedPositions, x.shape)),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(mode="learned"), TensorInfo((5, 8))
