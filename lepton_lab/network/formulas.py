"""Output shapes of torch's commonest layers by formula.

The first run of almost any layer on the meta device makes torch import its compiler and sympy, which takes seconds;
the formulas spare that to whoever only trains an ordinary network. Where none holds, the layer is run: also where it
cannot take its input, so that the error is torch's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

__all__ = ["output_by_formula"]

_SAME_SHAPE = frozenset(
    {
        nn.ReLU, nn.LeakyReLU, nn.ELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Tanh, nn.Sigmoid, nn.Hardsigmoid,
        nn.Hardswish, nn.Softplus, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.Dropout, nn.Dropout2d,
    }
)  # fmt: skip
"""Modules whose trial run would say nothing: what they need was checked when their call was made."""
_SOFTMAX = frozenset({nn.Softmax, nn.LogSoftmax})
_CONVOLUTIONS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}
_POOLS: dict[type[nn.Module], int] = {
    nn.MaxPool1d: 1, nn.MaxPool2d: 2, nn.MaxPool3d: 3, nn.AvgPool1d: 1, nn.AvgPool2d: 2,
}  # fmt: skip


def output_by_formula(module: nn.Module, value: Any) -> torch.Tensor | None:
    """An empty tensor like the one that `module` gives for `value`; None where the module has to be run.

    Args:
        module: A module.
        value: What it would be called with, the batch first.
    """
    if not isinstance(value, torch.Tensor):
        return None
    kind = type(module)
    if kind in _SAME_SHAPE:
        return value.new_empty(value.shape)
    if not value.is_floating_point():
        return None
    shape = _shape(kind, module, tuple(value.shape))
    return None if shape is None else value.new_empty(shape)


def _shape(kind: type[nn.Module], module: Any, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    if kind is nn.Linear:
        return (*shape[:-1], module.out_features) if shape[-1] == module.in_features else None
    if kind in _SOFTMAX:
        return shape if module.dim is not None and -len(shape) <= module.dim < len(shape) else None
    if kind in _CONVOLUTIONS:
        return _convolved(module, shape, _CONVOLUTIONS[kind])
    if kind in _POOLS:
        return _pooled(module, shape, _POOLS[kind])
    return None


def _convolved(module: Any, shape: tuple[int, ...], axes: int) -> tuple[int, ...] | None:
    if len(shape) != axes + 2 or shape[1] != module.in_channels or module.padding_mode != "zeros":
        return None
    if module.padding == "same":
        return (shape[0], module.out_channels, *shape[2:])
    padding = (0,) * axes if module.padding == "valid" else module.padding
    sizes = _slid(shape[2:], module.kernel_size, module.stride, padding, module.dilation)
    return None if sizes is None else (shape[0], module.out_channels, *sizes)


def _pooled(module: Any, shape: tuple[int, ...], axes: int) -> tuple[int, ...] | None:
    if len(shape) != axes + 2 or module.ceil_mode or getattr(module, "return_indices", False):
        return None
    kernel, padding = _each(module.kernel_size, axes), _each(module.padding, axes)
    if any(2 * p > k for p, k in zip(padding, kernel, strict=True)):
        return None
    stride, dilation = _each(module.stride, axes), _each(getattr(module, "dilation", 1), axes)
    sizes = _slid(shape[2:], kernel, stride, padding, dilation)
    return None if sizes is None else (*shape[:2], *sizes)


def _each(value: int | Sequence[int], axes: int) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value,) * axes
    return tuple(value) if len(value) == axes else tuple(value) * axes


def _slid(
    sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]
) -> tuple[int, ...] | None:
    """Places of a window that slides over each axis; None where it does not fit anywhere."""
    found = []
    for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True):
        room = n + 2 * p - d * (k - 1) - 1
        if room < 0 or s < 1:
            return None
        found.append(room // s + 1)
    return tuple(found)
