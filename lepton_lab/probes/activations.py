"""Probes of what layers put out: mean, spread, zeros, saturation, histogram, dead units."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from lepton_lab.probes.base import Moment, Probe, Sums, register_probe
from lepton_lab.probes.histograms import SIGNED, signed
from lepton_lab.probes.layers import Layer, Layers

__all__ = ["ActHist", "ActMean", "ActSaturated", "ActStd", "ActZero", "Dead", "add_sums"]

_SATURATED = 0.015  # share of its range by which an output may miss a limit: |tanh| > 0.97
_WINDOW = 8
_COUNTED = 1 << 18  # outputs of a layer that are looked at for zeros: enough for a share to three places


def add_sums(known: Sums | None, output: Tensor, axis: int, never_negative: bool) -> Sums:
    """Sums over an output by unit, added to those of earlier calls of the same layer in this pass."""
    y = output.detach().float()
    other = [d for d in range(y.dim()) if d != axis]
    some = y[: max(1, _COUNTED * len(y) // y.numel())] if y.dim() > 1 else y
    # On a CPU sums of signs are twenty times quicker than counting; they are exact up to 2**24.
    nonzero = (some.sign() if never_negative else some.sign().abs_()).sum()
    total = y.sum(other) if other else y
    square = torch.linalg.vector_norm(y).square()
    if known is None:
        return Sums(total, square, y.numel(), nonzero, some.numel())
    before = known.total
    if before.shape != total.shape:  # one layer used for inputs of different sizes: its units are not the same ones
        before, total = before.sum().reshape(1), total.sum().reshape(1)
    return Sums(
        before + total, known.square + square, known.count + y.numel(), known.nonzero + nonzero,
        known.counted + some.numel(),
    )  # fmt: skip


@register_probe
class ActMean(Probe):
    """Mean of each layer's outputs."""

    name, unit = "act_mean", "output"
    needs = frozenset({"sums"})

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        return moment.spread(moment.means)


@register_probe
class ActStd(Probe):
    """Standard deviation of each layer's outputs, over all samples and units."""

    name, unit = "act_std", "output"
    needs = frozenset({"sums"})

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        found = {}
        for i, s in moment.sums.items():
            found[i] = (s.square / s.count - moment.means[i].square()).clamp_min(0).sqrt()
        return moment.spread(found)


@register_probe
class ActZero(Probe):
    """Share of each layer's outputs that are exactly 0; of large layers those of the first samples are counted."""

    name, unit = "act_zero", "share"
    needs = frozenset({"sums"})

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        return moment.spread({i: 1 - s.nonzero / s.counted for i, s in moment.sums.items()})


@register_probe
class ActSaturated(Probe):
    """Share of outputs near a limit of their activation function; NaN for layers without limits.

    Near is within 1.5 % of the range: |tanh(x)| > 0.97, a sigmoid below 0.015 or above 0.985, where the derivative
    has fallen to a seventeenth of its largest value. For a ReLU see `act_zero`; of a ReLU6 only the upper limit counts.
    """

    name, unit = "act_saturated", "share"

    @override
    def begin(self, layers: Layers) -> None:
        self._found: dict[str, tuple[Layer, Tensor, int]] = {}

    @override
    def observe(self, layer: Layer, output: Tensor) -> None:
        if layer.limits is None:
            return
        low, high = layer.limits
        near = (output.detach().float() - (low + high) / 2).abs_().sub_((high - low) * (0.5 - _SATURATED))
        count = near.sign_().add_(1).sum() / 2
        _, known, size = self._found.get(layer.path, (layer, 0.0, 0))
        self._found[layer.path] = layer, count + known, size + output.numel()

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        found, self._found = self._found, {}
        return moment.spread(_shares(found))


@register_probe
class ActHist(Probe):
    """Histogram of each layer's outputs: shares in bins between powers of four, with their sign."""

    name, unit = "act_hist", "share"
    edges = SIGNED

    @override
    def begin(self, layers: Layers) -> None:
        self._found: dict[str, tuple[Layer, Tensor, int]] = {}

    @override
    def observe(self, layer: Layer, output: Tensor) -> None:
        counts = signed([output], [0], 1)[0] * output.numel()
        _, known, size = self._found.get(layer.path, (layer, 0.0, 0))
        self._found[layer.path] = layer, counts + known, size + output.numel()

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        found, self._found = self._found, {}
        return moment.spread(_shares(found)) if found else None


@register_probe
class Dead(Probe):
    """Share of each layer's units whose outputs were exactly 0 for every sample of the last measured batches.

    A unit is a channel of an image or a feature of a vector. NaN until the window is full: a unit that is silent in
    one batch is not dead.

    Args:
        schedule: See `Probe`.
        window: Measured batches that a unit must be silent for.
    """

    name, unit = "dead", "share"
    needs = frozenset({"sums"})

    def __init__(self, schedule: object = None, window: int = _WINDOW) -> None:
        super().__init__(schedule)  # type: ignore[arg-type]
        self.window = window

    @override
    def begin(self, layers: Layers) -> None:
        self._silent: dict[int, tuple[int, Tensor]] = {}

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        found = {}
        for i, s in moment.sums.items():
            seen, silent = self._silent.get(i, (0, None))
            if silent is None or silent.shape != s.total.shape:
                seen, silent = 0, torch.zeros_like(s.total)
            silent = (silent + 1) * (s.total == 0)  # a sum of outputs is 0 where all of them are
            self._silent[i] = seen + 1, silent
            if seen + 1 >= self.window:
                found[i] = (silent >= self.window).float().mean()
        return moment.spread(found)


def _shares(found: dict[str, tuple[Layer, Tensor, int]]) -> dict[int, Tensor]:
    """Counts as shares, in the order of the layers, which is known only after the first forward pass."""
    rows = sorted(found.values(), key=lambda row: row[0].index)
    return {layer.index: counts / size for layer, counts, size in rows}
