"""Probes of the weights: norm, histogram, and how much a step changes them."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from lepton_lab.probes.base import Moment, Probe, register_probe, squares
from lepton_lab.probes.histograms import SIGNED, signed
from lepton_lab.probes.layers import Layers

__all__ = ["UpdateRatio", "WeightHist", "WeightNorm"]


@register_probe
class WeightNorm(Probe):
    """Euclidean norm of each layer's own parameters together."""

    name, unit = "weight_norm", "norm"

    @override
    def labels(self, layers: Layers) -> tuple[str, ...]:
        return layers.owners

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        return moment.layers.by_owner(moment.weight_squares, moment.all_present).sqrt()


@register_probe
class WeightHist(Probe):
    """Histogram of each layer's parameters: shares in bins between powers of four, with their sign."""

    name, unit = "weight_hist", "share"
    edges = SIGNED

    @override
    def labels(self, layers: Layers) -> tuple[str, ...]:
        return layers.owners

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        return signed(moment.before, moment.layers.owner_of, len(moment.layers.owners))


@register_probe
class UpdateRatio(Probe):
    """Norm of what a step adds to a layer's parameters, over the norm of the parameters; healthy near 1e-3.

    NaN for a layer whose parameters are all 0.
    """

    name, unit = "update_ratio", "ratio"
    needs = frozenset({"update"})

    @override
    def labels(self, layers: Layers) -> tuple[str, ...]:
        return layers.owners

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        if moment.after is None:
            return None
        layers = moment.layers
        added = squares(torch._foreach_sub(moment.after, moment.before), layers.device) if moment.before else None
        if added is None:
            return None
        added, size = (
            layers.by_owner(added, moment.all_present),
            layers.by_owner(moment.weight_squares, moment.all_present),
        )
        return torch.where(size > 0, (added / size).sqrt(), torch.nan)
