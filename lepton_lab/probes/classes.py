"""Accuracy of each class while training."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from lepton_lab.probes.base import Moment, Probe, register_probe
from lepton_lab.probes.layers import Layers

__all__ = ["ClassAccuracy"]

_KEEP = 0.8  # what the counts keep of themselves from one measured step to the next


@register_probe
class ClassAccuracy(Probe):
    """Share of each class's training samples that the network gets right; NaN for a class not seen yet.

    Counts the batches that were read back since the last measured step, and a fading part of those before.
    """

    name, unit = "class_accuracy", "share"
    needs = frozenset({"outputs"})

    @override
    def begin(self, layers: Layers) -> None:
        self._counts: Tensor | None = None

    @override
    def labels(self, layers: Layers) -> tuple[str, ...]:
        return layers.classes

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        classes = len(moment.layers.classes)
        output, target = moment.output, moment.target
        if classes < 2 or output is None or target is None or target.is_floating_point():
            return None
        predicted, target = predictions(output, target, classes, moment.threshold)
        if predicted is None:
            return None
        known = ((target >= 0) & (target < classes)).float()  # others are padding that the loss leaves out
        target = target.clamp(0, classes - 1)
        hits = torch.zeros(2 * classes, device=output.device)
        hits.index_add_(0, target, known)
        hits.index_add_(0, target + classes, known * (predicted == target))
        self._counts = hits if self._counts is None else self._counts * _KEEP + hits
        seen, right = self._counts.reshape(2, classes).unbind()
        return torch.where(seen > 0, right / seen, torch.nan)


def predictions(output: Tensor, target: Tensor, classes: int, threshold: float) -> tuple[Tensor | None, Tensor]:
    """Predicted classes, and targets, both flat; None where the outputs are not those of classes."""
    target = target.reshape(-1)
    if output.dim() >= 2 and output.shape[1] >= classes:
        found = output.detach().movedim(1, -1).reshape(-1, output.shape[1]).argmax(1)
    elif classes == 2 and output.numel() == target.numel():
        found = (output.detach().reshape(-1) > threshold).long()
    else:
        return None, target
    return (found, target) if len(found) == len(target) else (None, target)
