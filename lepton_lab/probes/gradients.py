"""Probes of gradients: norms, histogram, direction, noise. All see them unscaled and before clipping."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from lepton_lab.probes.base import Moment, Probe, register_probe, squares
from lepton_lab.probes.histograms import MAGNITUDES, magnitudes
from lepton_lab.probes.layers import Layers

__all__ = ["GradCosine", "GradHist", "GradNoise", "GradNorm", "GradNormParam"]

_KEEP = 0.9  # what the averages of the noise scale keep of themselves


@register_probe
class GradNorm(Probe):
    """Euclidean norm of the gradient of each layer's own parameters together."""

    name, unit = "grad_norm", "norm"
    needs = frozenset({"grads"})

    @override
    def labels(self, layers: Layers) -> tuple[str, ...]:
        return layers.owners

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        return moment.layers.by_owner(moment.grad_squares, moment.present).sqrt()


@register_probe
class GradNormParam(Probe):
    """Euclidean norm of the gradient of each parameter; NaN for frozen and unused ones."""

    name, unit = "grad_norm_param", "norm"
    needs = frozenset({"grads"})

    @override
    def labels(self, layers: Layers) -> tuple[str, ...]:
        return layers.param_labels

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        values = torch.full((len(moment.grads),), torch.nan, device=moment.layers.device)
        here = [i for i, there in enumerate(moment.present) if there]
        if here:
            values[torch.tensor(here, device=values.device)] = moment.grad_squares.sqrt()
        return values


@register_probe
class GradHist(Probe):
    """Histogram of the sizes of each layer's gradients: shares of |g| in bins between powers of four."""

    name, unit = "grad_hist", "share"
    edges = MAGNITUDES
    needs = frozenset({"grads"})

    @override
    def labels(self, layers: Layers) -> tuple[str, ...]:
        return layers.owners

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        pairs = [(g, row) for g, row in zip(moment.grads, moment.layers.owner_of, strict=True) if g is not None]
        return magnitudes([g for g, _ in pairs], [row for _, row in pairs], len(moment.layers.owners))


@register_probe
class GradCosine(Probe):
    """Cosine of the angle between the gradients of this step and of the step before, all parameters together."""

    name, unit = "grad_cosine", "cosine"
    needs = frozenset({"grads", "previous"})

    @override
    def labels(self, layers: Layers) -> tuple[str, ...]:
        return ("all",)

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        if moment.previous is None:
            return None
        pairs = [
            (a.float().reshape(-1), b.float().reshape(-1))
            for a, b in zip(moment.grads, moment.previous, strict=True)
            if a is not None and b is not None
        ]
        if not pairs:
            return None
        dot = torch.stack([torch.dot(a, b) for a, b in pairs]).sum()
        sizes = squares([a for a, _ in pairs], dot.device).sum() * squares([b for _, b in pairs], dot.device).sum()
        return (dot / sizes.sqrt()).reshape(1)


@register_probe
class GradNoise(Probe):
    """The simple gradient noise scale tr(Σ) / |G|², in samples: about the batch size from which more pays little.

    Both parts are estimated without bias from the gradients of the two halves of a batch and of the whole batch, and
    averaged over measured steps before they are divided (McCandlish et al. 2018, https://arxiv.org/abs/1812.06162,
    appendix A.1). The halves are passed once more through the network, with its random state and buffers put back.
    """

    name, unit = "grad_noise", "samples"
    needs = frozenset({"halves"})

    @override
    def begin(self, layers: Layers) -> None:
        self._averages: Tensor | None = None

    @override
    def labels(self, layers: Layers) -> tuple[str, ...]:
        return ("all",)

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        if moment.halves is None:
            return None
        (first, n), (second, m) = moment.halves
        pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
        if not pairs or n + m < 2:
            return None
        whole = [(a * n + b * m) / (n + m) for a, b in pairs]
        small = (squares([a for a, _ in pairs], moment.layers.device).sum() * n) / (n + m)
        small = small + (squares([b for _, b in pairs], moment.layers.device).sum() * m) / (n + m)
        big = squares(whole, moment.layers.device).sum()
        # E|g_B|² = |G|² + tr(Σ)/B: with weights n/(n+m) the halves have 2/(n+m) in place of 1/B, the whole 1/(n+m).
        noise = (small - big) * (n + m)
        signal = 2 * big - small
        new = torch.stack([noise, signal])
        self._averages = new if self._averages is None else self._averages * _KEEP + new * (1 - _KEEP)
        noise, signal = self._averages.unbind()
        return torch.where(signal > 0, noise / signal, torch.nan).reshape(1)
