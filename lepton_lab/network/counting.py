"""Multiply-adds of a module, counted exactly as torch's FlopCounterMode counts them (two operations each).

Only matrix products, convolutions and attention count; element-wise work and pooling do not, as is usual. For the
modules below a formula is at hand, which is hundreds of times faster; any other module is run under the counter.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

__all__ = ["multiply_adds"]


def multiply_adds(module: nn.Module, given: Any, output: Any) -> int:
    """Multiply-adds of `module` for the whole batch.

    Args:
        module: A module on the meta device.
        given: What it was called with.
        output: What it gave.
    """
    for base in type(module).__mro__:
        count = _COUNTS.get(base)
        if count is not None:
            return count(module, given, output)
    if type(module).__module__.startswith("torch.nn.") and not any(True for _ in module.parameters()):
        return 0
    counter = FlopCounterMode(display=False)
    with counter:
        module(given)
    return int(counter.get_total_flops()) // 2


def _linear(module: Any, given: torch.Tensor, output: torch.Tensor) -> int:
    return int(output.numel() * int(module.in_features))


def _convolution(module: Any, given: torch.Tensor, output: torch.Tensor) -> int:
    return int(output.numel()) * int(math.prod(module.kernel_size)) * int(module.in_channels) // int(module.groups)


def _transposed(module: Any, given: torch.Tensor, output: torch.Tensor) -> int:
    return int(given.numel()) * int(math.prod(module.kernel_size)) * int(module.out_channels) // int(module.groups)


def _recurrent(module: Any, given: torch.Tensor, output: Any) -> int:
    weights = sum(int(weight.numel()) for name, weight in module.named_parameters() if name.startswith("weight_"))
    return int(given.shape[0]) * int(given.shape[1]) * weights


def _nothing(module: nn.Module, given: Any, output: Any) -> int:
    return 0


_COUNTS: dict[type[nn.Module], Callable[[Any, Any, Any], int]] = {
    nn.Linear: _linear,
    nn.Conv1d: _convolution,
    nn.Conv2d: _convolution,
    nn.Conv3d: _convolution,
    nn.ConvTranspose1d: _transposed,
    nn.ConvTranspose2d: _transposed,
    nn.ConvTranspose3d: _transposed,
    nn.RNNBase: _recurrent,
    nn.BatchNorm1d: _nothing,
    nn.BatchNorm2d: _nothing,
    nn.BatchNorm3d: _nothing,
    nn.LayerNorm: _nothing,
    nn.GroupNorm: _nothing,
    nn.InstanceNorm2d: _nothing,
    nn.RMSNorm: _nothing,
    nn.PReLU: _nothing,
    nn.Embedding: _nothing,
}
