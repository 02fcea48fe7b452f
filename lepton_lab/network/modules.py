"""Small modules that torch.nn does not have, as a good PyTorch programmer would write them.

Each class stands on its own with torch alone: `NetworkSpec.to_python` copies its source into the file it writes.
"""

# mypy: disable-error-code="no-any-return"
# ruff: noqa: D102  (what forward does is said by the class)

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = [
    "Backbone",
    "LearnedPositions",
    "Parallel",
    "PatchWhitening",
    "Permute",
    "RecurrentLast",
    "RecurrentSteps",
    "Residual",
    "SelfAttention",
    "SinusoidalPositions",
]


class Permute(nn.Module):
    """Reorders the axes of each sample; axis 0 is the first one after the batch."""

    def __init__(self, dims: tuple[int, ...]) -> None:
        super().__init__()
        self.dims = tuple(dims)

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, *(dim + 1 for dim in self.dims))

    def extra_repr(self) -> str:
        return f"{self.dims}"


class PatchWhitening(nn.Conv2d):
    """Answers how far each small patch of an image reaches along the directions in which natural images vary.

    The filters are fixed, the offsets are learned. Pixels and channels are taken to correlate by a constant factor a
    step, so that the directions are nearly cosines; each is divided by its deviation and comes with both signs.
    """

    def __init__(
        self,
        in_channels: int,
        kernel_size: int = 2,
        stride: int = 1,
        correlation: float = 0.95,
        channel_correlation: float = 0.91,
        eps: float = 5e-4,
    ) -> None:
        super().__init__(in_channels, 2 * in_channels * kernel_size**2, kernel_size, stride)
        self.correlation = correlation
        self.channel_correlation = channel_correlation
        self.eps = eps
        variances, filters = torch.ones(1), torch.ones(1, 1)
        for size, factor in (
            (in_channels, channel_correlation),
            (kernel_size, correlation),
            (kernel_size, correlation),
        ):
            places = torch.arange(size)
            values, vectors = torch.linalg.eigh(factor ** (places[:, None] - places).abs())
            vectors = vectors * vectors[:1].sign()  # LAPACK may give either sign
            variances, filters = torch.kron(variances, values), torch.kron(filters, vectors.T.contiguous())
        filters = (filters / (variances[:, None] + eps).sqrt()).reshape(-1, in_channels, kernel_size, kernel_size)
        del self.weight  # a buffer in its place: nothing trains it, and nobody takes it for a frozen parameter
        self.register_buffer("weight", torch.cat([filters, -filters]))
        self.bias = nn.Parameter(torch.zeros(self.out_channels))


class Residual(nn.Module):
    """Adds what a body makes of the input to the input itself, or to what a shortcut makes of it."""

    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body = body
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + (x if self.shortcut is None else self.shortcut(x))


class Parallel(nn.Module):
    """Runs branches side by side on the same input and concatenates, sums or multiplies what they give."""

    def __init__(self, *branches: nn.Module, merge: str = "concat", dim: int = 1) -> None:
        super().__init__()
        for number, branch in enumerate(branches, 1):
            self.add_module(f"branch_{number}", branch)
        self.merge = merge
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        outputs = [branch(x) for branch in self.children()]
        if self.merge == "concat":
            return torch.cat(outputs, self.dim)
        merged = outputs[0]
        for output in outputs[1:]:
            merged = merged + output if self.merge == "sum" else merged * output
        return merged

    def extra_repr(self) -> str:
        return f"merge={self.merge!r}, dim={self.dim}"


class RecurrentSteps(nn.Module):
    """Takes the output of every step (N, T, F) from what a recurrent layer returns."""

    def forward(self, result: tuple[Tensor, object]) -> Tensor:
        return result[0]


class RecurrentLast(nn.Module):
    """Takes the last layer's final state (N, F) from what a recurrent layer returns; both directions side by side."""

    def __init__(self, bidirectional: bool = False) -> None:
        super().__init__()
        self.bidirectional = bidirectional

    def forward(self, result: tuple[Tensor, Tensor | tuple[Tensor, Tensor]]) -> Tensor:
        state = result[1][0] if isinstance(result[1], tuple) else result[1]
        return torch.cat([state[-2], state[-1]], dim=1) if self.bidirectional else state[-1]


class SelfAttention(nn.Module):
    """Multi-head attention of a sequence (N, T, F) to itself."""

    def __init__(
        self, features: int, num_heads: int, dropout: float = 0.0, bias: bool = True, causal: bool = False
    ) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(features, num_heads, dropout, bias, batch_first=True)
        self.causal = causal

    def forward(self, x: Tensor) -> Tensor:
        mask = None
        if self.causal:
            mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool, device=x.device).triu(1)
        return self.attention(x, x, x, attn_mask=mask, need_weights=False)[0]


class SinusoidalPositions(nn.Module):
    """Adds sines and cosines of the position to a sequence (N, T, F)."""

    table: Tensor

    def __init__(self, length: int, features: int) -> None:
        super().__init__()
        position = torch.arange(length).unsqueeze(1)
        rate = torch.exp(torch.arange(0, features, 2) * (-math.log(10000.0) / features))
        table = torch.zeros(length, features)
        table[:, 0::2] = torch.sin(position * rate)
        table[:, 1::2] = torch.cos(position * rate)[:, : features // 2]
        self.register_buffer("table", table, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.shape[1]]


class LearnedPositions(nn.Module):
    """Adds a learned vector for each position to a sequence (N, T, F)."""

    def __init__(self, length: int, features: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(length, features) * 0.02)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.shape[1]]


class Backbone(nn.Module):
    """A torchvision classifier without its last layer: images (N, 3, H, W) in, features (N, F) out."""

    def __init__(self, model: str, weights: str | None = None, frozen: bool = False) -> None:
        super().__init__()
        import torchvision

        extra = {} if weights else {"init_weights": False} if model in ("googlenet", "inception_v3") else {}
        on_meta = torch.empty(0).is_meta  # shapes only: nothing is fetched
        self.features = torchvision.models.get_model(model, weights=None if on_meta else weights, **extra)
        for name in ("aux1", "aux2", "AuxLogits"):
            if hasattr(self.features, name):
                setattr(self.features, name, None)
                self.features.aux_logits = False
        parts = list(self.features.named_modules())
        last = next((n for n, m in reversed(parts) if isinstance(m, nn.Linear)), None)
        last = last or next(n for n, m in reversed(parts) if isinstance(m, nn.Conv2d))
        self.features.set_submodule(last, nn.Identity())
        self.frozen = frozen
        if frozen:
            self.requires_grad_(False)

    def train(self, mode: bool = True) -> Backbone:
        return super().train(mode and not self.frozen)  # frozen running means stay as well

    def forward(self, x: Tensor) -> Tensor:
        return self.features(x).flatten(1)
