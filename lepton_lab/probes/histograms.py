"""Coarse histograms whose bins are powers of four, counted from the exponents of the numbers themselves.

Bins that do not move let one compare layers and times, and reading an exponent is exact and takes no logarithm.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["MAGNITUDES", "SIGNED", "magnitudes", "signed"]

_LOW, _HIGH = -40, 8  # exponents of two
_BINS = (_HIGH - _LOW) // 2
_SIGNED_LOW = -20
_SIDE = (_HIGH - _SIGNED_LOW) // 2

MAGNITUDES = (0.0, *(2.0**e for e in range(_LOW + 2, _HIGH, 2)), float("inf"))
"""Edges for sizes without their sign: 24 bins, the first one from 0 to 2⁻³⁸, the last one from 2⁶ on."""

SIGNED = (
    float("-inf"),
    *(-(2.0**e) for e in range(_HIGH - 2, _SIGNED_LOW, -2)),
    0.0,
    *(2.0**e for e in range(_SIGNED_LOW + 2, _HIGH, 2)),
    float("inf"),
)
"""Edges for numbers with their sign: 14 bins on each side of 0, which counts as positive."""


def magnitudes(values: list[Tensor], rows: list[int], count: int) -> Tensor:
    """Shares of |x| in the bins of `MAGNITUDES`: (count, 24). What is not finite falls into the last bin.

    Args:
        values: Tensors.
        rows: For each tensor the row that it belongs to.
        count: Rows; one without numbers is NaN.
    """
    return _count(values, rows, count, _BINS, _magnitude_bin)


def signed(values: list[Tensor], rows: list[int], count: int) -> Tensor:
    """Shares of x in the bins of `SIGNED`: (count, 28); see `magnitudes`."""
    return _count(values, rows, count, 2 * _SIDE, _signed_bin)


def _magnitude_bin(bits: Tensor) -> Tensor:
    exponent = bits.bitwise_right_shift(23).bitwise_and_(255)
    return exponent.sub_(127 + _LOW).bitwise_right_shift_(1).clamp_(0, _BINS - 1)


def _signed_bin(bits: Tensor) -> Tensor:
    exponent = bits.bitwise_right_shift(23).bitwise_and_(255)
    side = exponent.sub_(127 + _SIGNED_LOW).bitwise_right_shift_(1).clamp_(0, _SIDE - 1)
    negative = (bits < 0) & (bits != torch.iinfo(torch.int32).min)  # -0.0 is no negative number
    return torch.where(negative, _SIDE - 1 - side, _SIDE + side)


def _count(values: list[Tensor], rows: list[int], count: int, bins: int, binned: object) -> Tensor:
    assert callable(binned)
    if not values:
        return torch.full((count, bins), torch.nan)
    device = values[0].device
    counts = torch.zeros(count * bins, device=device)
    for tensor, row in zip(values, rows, strict=True):
        flat = tensor.detach().float().reshape(-1)
        found: Tensor = binned(flat.view(torch.int32))
        if device.type == "cpu":
            part = torch.bincount(found, minlength=bins).float()
        else:  # bincount would wait for the device
            part = torch.zeros(bins, device=device).scatter_add_(0, found.long(), torch.ones_like(flat))
        counts[row * bins : (row + 1) * bins] += part
    table = counts.reshape(count, bins)
    return table / table.sum(1, keepdim=True)
