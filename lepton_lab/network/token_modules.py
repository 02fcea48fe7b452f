"""Small modules beside `modules`: picking a step, means, constants, learned tokens, offsets and scales.

Each class stands on its own with torch alone: `NetworkSpec.to_python` copies its source into the file it writes.
"""

# mypy: disable-error-code="no-any-return"
# ruff: noqa: D102  (what forward does is said by the class)

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["ClassToken", "LearnedOffset", "LearnedScale", "Mean", "Scale", "Select"]


class Select(nn.Module):
    """Picks one place of an axis, such as the last step of a sequence; axis 0 is N."""

    def __init__(self, index: int, dim: int = 1) -> None:
        super().__init__()
        self.index = index
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return x.select(self.dim, self.index)

    def extra_repr(self) -> str:
        return f"{self.index}, dim={self.dim}"


class Mean(nn.Module):
    """The mean over some axes; axis 0 is N."""

    def __init__(self, dim: int | tuple[int, ...] = 1, keepdim: bool = False) -> None:
        super().__init__()
        self.dim = dim
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(self.dim, self.keepdim)

    def extra_repr(self) -> str:
        return f"{self.dim}, keepdim={self.keepdim}"


class Scale(nn.Module):
    """Multiplies by a constant and adds another one."""

    def __init__(self, factor: float = 1.0, offset: float = 0.0) -> None:
        super().__init__()
        self.factor = factor
        self.offset = offset

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor + self.offset

    def extra_repr(self) -> str:
        return f"{self.factor}, offset={self.offset}"


class ClassToken(nn.Module):
    """Puts learned tokens in front of a sequence (N, T, F)."""

    def __init__(self, features: int, count: int = 1) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, count, features))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.token.expand(x.shape[0], -1, -1), x], dim=1)


class LearnedOffset(nn.Module):
    """Adds a learned number to each value of a sample."""

    def __init__(self, shape: tuple[int, ...], std: float = 0.02) -> None:
        super().__init__()
        self.offset = nn.Parameter(torch.randn(shape) * std)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.offset


class LearnedScale(nn.Module):
    """Multiplies each value of a sample by a learned number."""

    def __init__(self, shape: tuple[int, ...], start: float = 1.0) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full(shape, start))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale
