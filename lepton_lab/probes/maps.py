"""What layers make of samples with the present weights: feature maps, filters, attention, most exciting samples."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from typing_extensions import override

from lepton_lab.errors import TrainingError, UnknownNameError
from lepton_lab.probes.access import Trains, examine, layers_of, look, prepare, split_of
from lepton_lab.probes.base import Moment, Probe, register_probe
from lepton_lab.probes.frames import Frame, quantise
from lepton_lab.probes.layers import Layer, Layers
from lepton_lab.probes.quiet import undisturbed
from lepton_lab.probes.schedules import Schedule, log_spaced

__all__ = ["FeatureMaps", "TopSamples", "attention_maps", "feature_maps", "filters", "top_samples"]

_PINNED = 4
_CONVOLUTIONS = nn.modules.conv._ConvNd
_NEED_WEIGHTS = {"need_weights": True, "average_attn_weights": False}


def feature_maps(
    run_or_module: nn.Module | Trains, samples: Any, layers: Sequence[str] | None = None
) -> dict[str, Tensor]:
    """What each layer puts out for some samples, with the weights of this moment, also while the run trains.

    Args:
        run_or_module: A run, or a module that nobody trains; of a stored run `stored.revived()`.
        samples: Prepared samples as a tensor (N, …), or raw ones as an array, which the run prepares.
        layers: Names or paths of the layers that are wanted; None for all.

    Returns:
        Outputs by layer in the order of the forward pass, on the CPU: (N, C, H, W), (N, T, F) or (N, F). A layer that
        is used again has further entries, "name#2".

    Raises:
        UnknownNameError: There is no layer of this name.
    """

    def work(module: nn.Module) -> dict[str, Tensor]:
        known = layers_of(run_or_module, module)
        wanted = None if layers is None else {known.find(name).path for name in layers}
        return _maps(module, known, prepare(run_or_module, samples, module), wanted)

    return examine(run_or_module, work)


def filters(run_or_module: nn.Module | Trains) -> dict[str, Tensor]:
    """Weights of convolutions (out, in, kH, kW) and of linear layers (out, in), by layer, on the CPU."""

    def work(module: nn.Module) -> dict[str, Tensor]:
        return {
            layer.label: layer.module.weight.detach().to("cpu", torch.float32, copy=True)
            for layer in layers_of(run_or_module, module).watched
            if isinstance(layer.module, _CONVOLUTIONS | nn.Linear)
        }

    return examine(run_or_module, work)


def attention_maps(
    run_or_module: nn.Module | Trains, samples: Any, layers: Sequence[str] | None = None
) -> dict[str, Tensor]:
    """How much every position looks at every other one: (N, heads, T, S) for each attention layer, on the CPU.

    Args:
        run_or_module: See `feature_maps`.
        samples: See `feature_maps`.
        layers: See `feature_maps`.
    """

    def work(module: nn.Module) -> dict[str, Tensor]:
        known = layers_of(run_or_module, module)
        wanted = None if layers is None else {known.find(name).path for name in layers}
        found: dict[str, Tensor] = {}
        handles = []
        for layer in known.watched:
            if isinstance(layer.module, nn.MultiheadAttention) and (wanted is None or layer.path in wanted):
                handles.append(layer.module.register_forward_pre_hook(_ask_for_weights, with_kwargs=True))
                handles.append(layer.module.register_forward_hook(_keep_weights(layer, found)))
        try:
            look(module, known, prepare(run_or_module, samples, module), lambda *_: None)
        finally:
            for handle in handles:
                handle.remove()
        return found

    return examine(run_or_module, work)


@dataclass(frozen=True)
class TopSamples:
    """The samples that excite a unit most, the strongest first.

    Attributes:
        indices: Their numbers in the split (k,).
        values: The unit's largest output for each (k,).
        samples: The samples, prepared (k, …).
    """

    indices: Tensor
    values: Tensor
    samples: Tensor


def top_samples(run_or_module: nn.Module | Trains, data: Any, layer: str, unit: int, k: int = 9) -> TopSamples:
    """Finds the samples for which a unit's largest output, over all positions, is highest.

    Args:
        run_or_module: See `feature_maps`.
        data: The name of a split of the run's data, a `DataBundle` (its training split), a split, or samples.
        layer: The layer's name or path.
        unit: Number of the channel or feature.
        k: How many samples.

    Raises:
        UnknownNameError: There is no layer of this name.
        TrainingError: The layer has no such unit.
    """
    source = split_of(run_or_module, data)

    def work(module: nn.Module) -> TopSamples:
        known = layers_of(run_or_module, module)
        path = known.find(layer).path
        best: list[tuple[Tensor, Tensor, Tensor]] = []
        first = 0
        batches = source.batches(256) if hasattr(source, "batches") else source
        for x, _ in batches:
            scores: list[Tensor] = []

            def take(seen: Layer, y: Tensor, axis: int, scores: list[Tensor] = scores) -> None:
                if seen.path == path:
                    scores.append(_strength(y, axis, unit, layer))

            look(module, known, prepare(run_or_module, x, module), take)
            if not scores:
                raise TrainingError(f"layer {layer!r} puts nothing out that can be measured", where=layer)
            values = torch.stack(scores).amax(0).cpu()
            best.append((values, torch.arange(first, first + len(x)), x))
            kept, rows = torch.cat([b[0] for b in best]).topk(min(k, sum(len(b[0]) for b in best)))
            best = [(kept, torch.cat([b[1] for b in best])[rows], torch.cat([b[2] for b in best])[rows])]
            first += len(x)
        if not best:
            raise TrainingError("there are no samples to look at", do="Pass a split that is not empty")
        values, indices, samples = best[0]
        return TopSamples(indices, values, samples)

    return examine(run_or_module, work)


@register_probe
class FeatureMaps(Probe):
    """Keeps the feature maps of pinned samples over the run, so that one can look back: eight bits a number.

    What is kept never takes more than `limit`: when it is full, every second moment is forgotten.

    Args:
        samples: Prepared samples (N, …); the first four of the first measured batch where None.
        layers: Names or paths of layers; None for all.
        schedule: When to keep them.
        limit: Bytes in all.
        channels: Channels of a layer that are kept, the first ones.
        size: Pixels that a map has at most along an axis; larger ones are averaged down.
    """

    name, unit = "feature_maps", "output"
    needs = frozenset({"after"})

    def __init__(
        self,
        samples: Tensor | None = None,
        layers: Sequence[str] | None = None,
        schedule: Schedule | Callable[[int], bool] | None = None,
        limit: int = 16 << 20,
        channels: int = 16,
        size: int = 32,
    ) -> None:
        super().__init__(schedule if schedule is not None else log_spaced(8))
        self.samples, self.layers, self.limit, self.channels, self.size = samples, layers, limit, channels, size
        self.frames: list[Frame] = []

    @override
    def begin(self, layers: Layers) -> None:
        self._pinned, self.frames = self.samples, []
        self._wanted = None if self.layers is None else {layers.find(name).path for name in self.layers}

    @override
    def compute(self, moment: Moment) -> Tensor | None:
        if self._pinned is None and moment.inputs is not None:
            self._pinned = moment.inputs[:_PINNED].clone()
        if self._pinned is None:
            return None
        module = moment.layers.module
        with undisturbed(module):
            found = _maps(module, moment.layers, self._pinned.to(moment.layers.device), self._wanted)
        maps = {name: quantise(self._small(values).numpy()) for name, values in found.items()}
        frame = Frame(moment.step, maps)
        if frame.nbytes <= self.limit:
            self.frames = [*(f for f in self.frames if f.step < moment.step), frame]
            while sum(f.nbytes for f in self.frames) > self.limit:
                self.frames = self.frames[:-1][::2] + self.frames[-1:] if len(self.frames) > 2 else self.frames[-1:]
        return None

    def _small(self, values: Tensor) -> Tensor:
        values = values[:, : self.channels] if values.dim() == 4 else values
        if values.dim() == 4 and max(values.shape[2:]) > self.size:
            height, width = (min(n, self.size) for n in values.shape[2:])
            return F.adaptive_avg_pool2d(values, (height, width))
        return values


def _maps(module: nn.Module, known: Layers, x: Tensor, wanted: set[str] | None) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}

    def take(layer: Layer, y: Tensor, axis: int) -> None:
        if wanted is None or layer.path in wanted:
            name, n = layer.label, 1
            while name in found:
                n += 1
                name = f"{layer.label}#{n}"
            found[name] = y.to("cpu", torch.float32, copy=True).contiguous()

    look(module, known, x, take)
    return found


def _strength(y: Tensor, axis: int, unit: int, layer: str) -> Tensor:
    if y.dim() < 2 or not 0 <= unit < y.shape[axis]:
        raise TrainingError(
            f"layer {layer!r} has no unit {unit}", expected=f"0 to {y.shape[axis] - 1}", received=str(unit)
        )
    return y.select(axis, unit).reshape(len(y), -1).amax(1).float()


def _ask_for_weights(module: nn.Module, args: Any, kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    bound = inspect.signature(module.forward).bind(*args, **kwargs)
    given = {**bound.arguments, **_NEED_WEIGHTS}
    return (), given


def _keep_weights(layer: Layer, found: dict[str, Tensor]) -> Callable[..., None]:
    def keep(module: nn.Module, inputs: Any, output: Any) -> None:
        weights = output[1]
        if weights is None:
            raise UnknownNameError("attention map of", layer.label, ())
        name, n = layer.label, 1
        while name in found:
            n += 1
            name = f"{layer.label}#{n}"
        found[name] = weights.detach().to("cpu", torch.float32, copy=True)

    return keep
