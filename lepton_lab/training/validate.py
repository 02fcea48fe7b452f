"""Measures loss and metrics on a split without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from lepton_lab.data.bundle import Split
from lepton_lab.training.metrics import MetricSet, Outputs
from lepton_lab.training.setup import evaluating

__all__ = ["measure"]

_LEAST_BATCH = 256  # samples; without gradients a larger batch costs little memory


def measure(
    module: nn.Module,
    forward: Callable[[Tensor], Tensor],
    loss: Callable[[Tensor, Tensor], Tensor],
    split: Split,
    metrics: Sequence[Any],
    about: Outputs,
    *,
    batch_size: int = _LEAST_BATCH,
    autocast: torch.dtype | None = None,
    channels_last: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, float] | None:
    """Loss and metrics over a whole split, read back from the device once.

    Args:
        module: What is put into evaluation mode, and back.
        forward: Gives the outputs that `loss` takes.
        loss: The mean loss of a batch.
        split: The samples.
        metrics: Names of metrics, or objects.
        about: The outputs.
        batch_size: Samples at once.
        autocast: Type of mixed precision.
        channels_last: Whether images are laid out with their channels last.
        stop: Asked before every batch; True gives up.

    Returns:
        "loss" and every metric; None where `stop` said so.
    """
    found = MetricSet(metrics, about)
    total = torch.zeros((), device=about.device)
    sums: list[Tensor] = []
    samples = elements = 0
    with evaluating(module), torch.inference_mode():
        for x, y in split.batches(max(batch_size, _LEAST_BATCH), device=about.device):
            if stop():
                return None
            if channels_last and x.dim() == 4:
                x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast(about.device.type, autocast, enabled=autocast is not None):
                output = forward(x)
            output = output.float() if autocast is not None else output
            total += loss(output, y) * len(y)
            counts = [v.double() for v in found.update(output, y)]
            sums = [a + b for a, b in zip(sums, counts, strict=True)] if sums else counts
            samples += len(y)
            elements += found.elements(output, y)
    values = torch.stack([total.double(), *sums]).tolist()
    found.absorb(values[1:], elements)
    return {"loss": values[0] / max(1, samples), **found.compute()}
