"""Fully connected layers and embeddings."""

from __future__ import annotations

from typing import ClassVar

import torch
from pydantic import Field
from torch import nn

from lepton_lab.network.base import Call, LayerSpec, TensorInfo
from lepton_lab.network.catalogue import built_in
from lepton_lab.network.fields import (
    Size,
    Whole,
    insert_fix,
    need_float,
    need_size,
    remove_fix,
    set_fix,
)
from lepton_lab.network.fixes import Misfit
from lepton_lab.network.layers.activations import WithActivation

__all__ = ["Embedding", "Linear"]


@built_in
class Linear(WithActivation):
    """A fully connected layer; on sequences it works on each step."""

    kind: ClassVar[str] = "Linear"
    group: ClassVar[str] = "Linear"
    summary: ClassVar[str] = "Connects every input with every output: a weighted sum for each unit."
    formula: ClassVar[str] = "y = x·Wᵀ + b"
    source: ClassVar[str] = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html"

    out_features: Size = Field(description="Number of outputs (units).")
    bias: bool = Field(True, description="Adds a learned offset b.")
    in_features: Size | None = Field(None, description="Size of the input's last axis; inferred where left out.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        need_float(x)
        if len(x.shape) == 0:
            raise Misfit("at least one axis beside N", fixes=[insert_fix("Reshape", shape=[1])])
        if len(x.shape) > 2 and self.in_features is None:
            raise Misfit(
                "vectors (N, features) or sequences (N, steps, features)",
                do=f"Insert Flatten before it, or set in_features={x.shape[-1]} to work on the last axis alone",
                fixes=[
                    insert_fix("Flatten"),
                    set_fix(f"set in_features={x.shape[-1]} in {{name}}", in_features=x.shape[-1]),
                ],
            )
        try:
            size = need_size(self.in_features, x.shape[-1], "in_features", "last axis")
        except Misfit as error:
            flat = 1
            for axis in x.shape:
                flat *= axis
            if len(x.shape) > 1 and flat == self.in_features:
                expects, _, _, fixes = error.misfit
                raise Misfit(expects, do="Insert Flatten before it", fixes=[insert_fix("Flatten"), *fixes]) from None
            raise
        call = Call(nn.Linear, (size, self.out_features), {} if self.bias else {"bias": False})
        return self.activated((("", call),), x)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(out_features=8, activation="relu"), TensorInfo((5,))


@built_in
class Embedding(LayerSpec):
    """A table of learned vectors, looked up by index."""

    kind: ClassVar[str] = "Embedding"
    group: ClassVar[str] = "Sequence"
    summary: ClassVar[str] = "Gives each word or category, known by its number, a learned vector."
    formula: ClassVar[str] = "y = W[x]"
    source: ClassVar[str] = "https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html"
    other_names: ClassVar[dict[str, str]] = {"input_dim": "num_embeddings", "output_dim": "embedding_dim"}
    index_input: ClassVar[bool] = True

    num_embeddings: Size = Field(description="Number of different indices, 0 included (vocabulary size).")
    embedding_dim: Size = Field(description="Length of each vector.")
    padding_idx: Whole | None = Field(None, ge=0, description="Index of the padding, whose vector stays 0.")

    def calls(self, x: TensorInfo) -> tuple[tuple[str, Call], ...]:
        """See `LayerSpec.calls`."""
        if x.dtype not in (torch.int64, torch.int32):
            raise Misfit(
                "indices (int64)",
                received=f"it is given {str(x.dtype).removeprefix('torch.')} numbers {x}",
                do="Make it the first layer of a network with input_dtype='int64', or remove it",
                fixes=[remove_fix()],
            )
        if self.padding_idx is not None and self.padding_idx >= self.num_embeddings:
            raise Misfit(
                f"a padding_idx below num_embeddings={self.num_embeddings}",
                received=f"it is {self.padding_idx}",
                fixes=[set_fix("drop padding_idx from {name}", padding_idx=None)],
            )
        extra = {} if self.padding_idx is None else {"padding_idx": self.padding_idx}
        return (("", Call(nn.Embedding, (self.num_embeddings, self.embedding_dim), extra)),)

    @classmethod
    def example(cls) -> tuple[LayerSpec, TensorInfo]:
        """See `LayerSpec.example`."""
        return cls(num_embeddings=50, embedding_dim=8), TensorInfo((6,), torch.int64)
