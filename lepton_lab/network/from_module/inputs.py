"""What a module takes: as it was told, or found out by trying."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

from lepton_lab.errors import SpecError
from lepton_lab.network.base import TensorInfo

__all__ = ["find_input", "random_batch"]

_SIDES = (32, 28, 224, 64, 96, 128, 16, 8, 256, 299, 48, 384)
_LENGTHS = (16, 32, 10, 8, 64, 128, 256, 512)


def find_input(module: nn.Module, shape: tuple[int, ...] | None, dtype: str | None) -> tuple[TensorInfo | None, str]:
    """A sample's shape and type, and what to tell the user about how it was found.

    Returns:
        None and the reason where no input was found that the module takes.

    Raises:
        SpecError: The module does not run with the input that was stated.
    """
    wanted = {None: None, "float32": torch.float32, "int64": torch.int64}
    if dtype not in wanted:
        raise SpecError("unknown input_dtype", expected="'float32' or 'int64'", received=repr(dtype))
    first = next((m for m in module.modules() if _says(m) or isinstance(m, nn.Embedding)), None)
    kind = wanted[dtype] or (torch.int64 if isinstance(first, nn.Embedding) else torch.float32)
    if shape is not None:
        x = TensorInfo(tuple(shape), kind)
        problem = _tried(module, x)
        if problem:
            raise SpecError(
                f"{type(module).__name__} does not run with an input of shape {x}",
                received=problem,
                do="State the shape of one sample without the batch axis: input_shape=(3, 32, 32)",
            )
        return x, ""
    if first is None:
        return None, "the shape of its input is not known; state input_shape= without the batch axis"
    for candidate in _candidates(first):
        x = TensorInfo(candidate, kind)
        if not _tried(module, x):
            fixed = len(candidate) == 1 and isinstance(first, nn.Linear)
            return x, "" if fixed else f"The input was taken to be {x}; state input_shape= where it is another."
    return None, "no usual shape of an input works; state input_shape= without the batch axis"


def _says(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear | nn.RNNBase | nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.TransformerEncoderLayer)


def _candidates(first: nn.Module) -> Iterator[tuple[int, ...]]:
    if isinstance(first, nn.Embedding):
        yield from ((length,) for length in _LENGTHS)
    elif isinstance(first, nn.Linear):
        size = first.in_features
        yield (size,)
        for channels in (1, 3):
            side = round((size / channels) ** 0.5)
            if channels * side * side == size:
                yield (channels, side, side)
        yield from ((length, size) for length in _LENGTHS)
    elif isinstance(first, nn.RNNBase):
        yield from ((length, first.input_size) for length in _LENGTHS)
    elif isinstance(first, nn.TransformerEncoderLayer):
        yield from ((length, first.linear1.in_features) for length in _LENGTHS)
    elif isinstance(first, nn.Conv1d):
        yield from ((first.in_channels, length) for length in (*_LENGTHS, 1024))
    elif isinstance(first, nn.Conv3d):
        yield from ((first.in_channels, side, side, side) for side in (16, 8, 32))
    elif isinstance(first, nn.Conv2d):
        yield from ((first.in_channels, side, side) for side in _SIDES)


def _tried(module: nn.Module, x: TensorInfo) -> str:
    """The module's complaint about an input like `x`; empty where it runs."""
    try:
        result = module(random_batch(module, x, 2))
    except Exception as error:  # a stranger's forward may fail in any way
        return f"{type(error).__name__}: {(str(error).strip().splitlines() or [''])[0][:200]}"
    if isinstance(result, torch.Tensor) and result.ndim and result.shape[0] != 2:
        return "what comes out does not have the batch in front"
    return ""


def random_batch(module: nn.Module, x: TensorInfo, count: int) -> torch.Tensor:
    """A random batch where the module's weights are; the random state must be kept by the caller."""
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    generator = torch.Generator().manual_seed(count)
    if x.dtype == torch.int64:
        sizes = [m.num_embeddings for m in module.modules() if isinstance(m, nn.Embedding)]
        return torch.randint(0, min(sizes, default=2), (count, *x.shape), generator=generator).to(device)
    dtype = next((p.dtype for p in module.parameters() if p.is_floating_point()), x.dtype)
    return torch.randn((count, *x.shape), generator=generator).to(device, dtype)
