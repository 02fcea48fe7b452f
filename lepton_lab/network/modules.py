"""Small modules that torch.nn does not have, as a good PyTorch programmer would write them.

Each class stands on its own with torch alone: `NetworkSpec.to_python` copies its source into the file it writes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["Parallel", "Permute", "Residual"]


class Permute(nn.Module):
    """Reorders the axes of each sample; axis 0 is the first one after the batch."""

    def __init__(self, dims: tuple[int, ...]) -> None:
        super().__init__()
        self.dims = tuple(dims)

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, *(dim + 1 for dim in self.dims))

    def extra_repr(self) -> str:
        return f"{self.dims}"


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
