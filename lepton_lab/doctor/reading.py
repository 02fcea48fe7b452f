"""Looks once at a module with a few batches: what each layer puts out, and what gradients reach it.

This is what the doctor goes by before training, and for runs that were started without probes. The quantities are those
of the probes, computed by them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lepton_lab.probes.activations import ActMean, ActSaturated, ActStd, ActZero, Dead, add_sums
from lepton_lab.probes.base import Moment, Probe, Sums
from lepton_lab.probes.classes import ClassAccuracy
from lepton_lab.probes.gradients import GradNorm
from lepton_lab.probes.layers import Layer, Layers, first_tensor, units_axis
from lepton_lab.probes.weights import WeightNorm

__all__ = ["Reading", "take_reading"]

_VARIES = 1e-5  # of the outputs' size, by which those of two samples differ where they differ


@dataclass
class Reading:
    """One look at a module.

    Attributes:
        quantities: Labels, and the mean over the batches, of each quantity that a probe has measured.
        ran: Path and class of every layer that was called, in order.
        gradients: Norm of every parameter's gradient; None where none reached it.
        loss: Mean loss.
        varies: Whether outputs of different samples differ.
        output: What the module put out last, (N, …).
        target: The targets of that batch.
        finite: Whether the loss was finite.
    """

    quantities: dict[str, tuple[tuple[str, ...], NDArray[np.float64]]] = field(default_factory=dict)
    ran: list[tuple[str, str]] = field(default_factory=list)
    gradients: dict[str, float | None] = field(default_factory=dict)
    loss: float = math.nan
    varies: bool = True
    output: Tensor | None = None
    target: Tensor | None = None
    finite: bool = True


def take_reading(
    module: nn.Module,
    forward: Callable[[Tensor], Tensor],
    loss: Callable[[Tensor, Tensor], Tensor],
    batches: Iterator[tuple[Tensor, Tensor]],
    count: int,
    *,
    separator: str = ".",
    classes: tuple[str, ...] = (),
    stop: Callable[[], bool] = lambda: False,
) -> Reading:
    """Runs a few batches forward and backward, without an update.

    Args:
        module: The module; give a copy, since its gradients and running statistics change.
        forward: Gives the outputs that `loss` takes.
        loss: The mean loss of a batch.
        batches: The batches.
        count: How many to take.
        separator: "/" for a module that was built from a specification.
        classes: Names of the classes.
        stop: Asked before every batch; True ends it.

    Side effects: fills gradients and takes them away. No hook is left behind.
    """
    layers = Layers.of(module, separator=separator, classes=classes)
    probes: list[Probe] = [
        GradNorm(), WeightNorm(), ActMean(), ActStd(), ActZero(), ActSaturated(), Dead(window=count), ClassAccuracy(),
    ]  # fmt: skip
    watch = _Watch(probes)
    handles = [layer.module.register_forward_hook(watch.hook(layer)) for layer in layers.watched]
    found: dict[str, list[NDArray[np.float64]]] = {}
    reading = Reading()
    losses: list[float] = []
    norms: dict[str, float] = {}
    for probe in probes:
        probe.begin(layers)
    try:
        for number, (x, y) in enumerate(batches):
            if number >= count or stop():
                break
            module.zero_grad(set_to_none=True)
            if number == 0:  # in which order the layers run
                with torch.no_grad():
                    forward(x)
                layers.order_by(watch.called)
                for probe in probes:
                    probe.begin(layers)
            watch.sums = {}
            output = forward(x)
            value = loss(output, y)
            losses.append(float(value.detach()))
            reading.output, reading.target = output.detach(), y
            if value.requires_grad:
                torch.autograd.backward(value)
            moment = Moment(
                step=number + 1, layers=layers, sums=watch.sums, grads=[p.grad for p in layers.params],
                before=[p.detach() for p in layers.params], output=output.detach(), target=y,
            )  # fmt: skip
            for probe in probes:
                values = probe.compute(moment)
                if values is not None:
                    found.setdefault(probe.name, []).append(values.double().cpu().numpy())
            for name, p in zip(layers.names, layers.params, strict=True):
                if p.grad is not None:
                    norms[name] = float(p.grad.detach().float().norm())
    finally:
        for handle in handles:
            handle.remove()
        module.zero_grad(set_to_none=True)
    for probe in probes:
        if probe.name in found:
            reading.quantities[probe.name] = probe.labels(layers), _mean(found[probe.name])
    reading.gradients = {name: norms.get(name) for name in layers.names}
    kinds = {path: type(part).__name__ for path, part in module.named_modules()}
    reading.ran = [(path, kinds[path]) for path in dict.fromkeys(watch.called)]
    reading.loss = sum(losses) / len(losses) if losses else math.nan
    reading.finite = not _diverged(losses)
    if reading.output is not None and len(reading.output) > 1:
        flat = reading.output.float().reshape(len(reading.output), -1)
        reading.varies = bool((flat - flat[:1]).abs().amax() > _VARIES * flat.abs().amax().clamp_min(1e-12))
    return reading


class _Watch:
    """What hooks see of one batch."""

    def __init__(self, probes: list[Probe]) -> None:
        self.probes = probes
        self.sums: dict[int, Sums] = {}
        self.called: list[str] = []
        self.axis = -1

    def hook(self, layer: Layer) -> Callable[..., None]:
        def look(_: nn.Module, __: Any, output: Any) -> None:
            y = first_tensor(output)
            self.called.append(layer.path)
            if y is None:
                return
            self.axis = units_axis(layer.module, y, self.axis)
            axis = self.axis if -y.dim() <= self.axis < y.dim() else y.dim() - 1
            self.sums[layer.index] = add_sums(self.sums.get(layer.index), y, axis, layer.never_negative)
            for probe in self.probes:
                probe.observe(layer, y)

        return look


def _mean(rows: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a layer that has no value in any batch
        mean: NDArray[np.float64] = np.nanmean(np.stack(rows), axis=0)
    return mean


def _diverged(losses: list[float]) -> bool:
    return not all(map(math.isfinite, losses))
