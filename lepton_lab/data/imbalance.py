"""What to do about classes of different size: draw their samples more often, or repeat them.

The third way, weights in the loss, is `DataBundle.class_weights()`.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["oversampled_rows", "sample_weights", "weighted_order"]


def sample_weights(labels: Tensor) -> Tensor:
    """How often to draw each sample so that all classes come up alike, float64 (N,), summing to 1.

    Args:
        labels: Class numbers, int64 (N,).
    """
    _, inverse, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    weights: Tensor = 1.0 / (len(counts) * counts[inverse].to(torch.float64))
    return weights


def weighted_order(weights: Tensor, count: int, generator: torch.Generator | None = None) -> Tensor:
    """`count` positions drawn with replacement in proportion to `weights`, int64.

    Inverts the cumulated weights, since `torch.multinomial` takes no more than 2^24 of them.
    """
    ends = weights.to(torch.float64).cumsum(0)
    drawn = torch.rand(count, dtype=torch.float64, generator=generator) * ends[-1]
    return torch.searchsorted(ends, drawn, right=True).clamp_(max=len(weights) - 1)


def oversampled_rows(labels: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Positions in which every sample comes up, and those of smaller classes repeatedly, int64, sorted.

    Every class fills up to the largest: whole repetitions first, the rest drawn without replacement.

    Args:
        labels: Class numbers, int64 (N,).
        generator: Draws the rest.
    """
    _, inverse, counts = torch.unique(labels, return_inverse=True, return_counts=True)
    most = int(counts.max())
    rows = []
    for number, count in enumerate(counts.tolist()):
        members = (inverse == number).nonzero().flatten()
        whole, rest = divmod(most, count)
        rows += [members.repeat(whole), members[torch.randperm(count, generator=generator)[:rest]]]
    return torch.cat(rows).sort().values
