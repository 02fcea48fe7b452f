"""Which parts of a module are watched, what they are called, and in which order they are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from lepton_lab.errors import UnknownNameError

__all__ = ["Layer", "Layers", "first_tensor", "units_axis"]

_PASSES_ON = (nn.Flatten, nn.Unflatten, nn.Identity, nn.modules.dropout._DropoutNd)
_OWN = ("Permute", "RecurrentSteps", "RecurrentLast")  # of lepton_lab.network.modules: they only hand on
_CHANNELS_FIRST = (
    nn.modules.conv._ConvNd, nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd, nn.modules.pooling._AdaptiveAvgPoolNd, nn.modules.pooling._AdaptiveMaxPoolNd,
)  # fmt: skip
_CHANNELS_LAST = (nn.Linear, nn.LayerNorm, nn.Embedding, nn.RNNBase, nn.MultiheadAttention)
_LIMITS: dict[type[nn.Module], tuple[float, float]] = {
    nn.Tanh: (-1.0, 1.0),
    nn.Sigmoid: (0.0, 1.0),
    nn.Hardsigmoid: (0.0, 1.0),
    nn.ReLU6: (-1.0, 6.0),  # 0 is a ReLU's rest, not its saturation
    nn.Softsign: (-1.0, 1.0),
    nn.GRU: (-1.0, 1.0),
    nn.LSTM: (-1.0, 1.0),
}
_NEVER_NEGATIVE = (nn.ReLU, nn.ReLU6, nn.Sigmoid, nn.Hardsigmoid, nn.Softmax, nn.Softplus)


@dataclass
class Layer:
    """A part of a module whose output is watched.

    Attributes:
        path: Its path in the module, as torch names it.
        label: What people call it.
        module: The part.
        limits: Least and largest value that its outputs can come near to; None where they are not bounded.
        never_negative: Whether its outputs are never below 0.
        index: Its place among the watched layers.
    """

    path: str
    label: str
    module: nn.Module
    limits: tuple[float, float] | None
    never_negative: bool
    index: int = 0


@dataclass
class Layers:
    """What probes know of a module.

    Attributes:
        module: The module.
        watched: The layers whose outputs are watched, in the order in which a forward pass comes to them.
        names: Paths of all parameters, in the module's order.
        params: The parameters.
        param_labels: What people call them.
        owners: Labels of the parts that have parameters of their own, in the order of the forward pass.
        owner_of: For each parameter the number of its part in `owners`.
        classes: Names of the classes; empty where there are none.
        closed: Beginnings of paths into parts that the user compiled, where no hook may hang.
        device: Where the module is.
    """

    module: nn.Module
    watched: list[Layer]
    names: list[str]
    params: list[nn.Parameter]
    param_labels: tuple[str, ...]
    owners: tuple[str, ...]
    owner_of: list[int]
    device: torch.device
    classes: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    ordered: bool = False
    _separator: str = "."
    _owner_paths: list[str] = field(default_factory=list)
    _cache: dict[Any, tuple[Tensor, Tensor]] = field(default_factory=dict)

    @classmethod
    def of(cls, module: nn.Module, *, separator: str = ".", classes: Iterable[str] = ()) -> Layers:
        """Looks a module through.

        Args:
            module: The module.
            separator: "/" for a module that was built from a specification, whose paths are written so.
            classes: Names of the classes.
        """
        watched: list[Layer] = []
        compiled = tuple(f"{path}." for path, part in module.named_modules() if path and hasattr(part, "_orig_mod"))
        for path, part in module.named_modules():
            if path.startswith(compiled):
                continue  # a hook in there would make torch compile again, to other code
            if _is_watched(part) or f"{path}." in compiled:
                limits = _limits_of(part)
                label = path.replace(".", separator) or type(part).__name__
                watched.append(Layer(path, label, part, limits, isinstance(part, _NEVER_NEGATIVE), len(watched)))
        named = list(module.named_parameters())
        paths = list(dict.fromkeys(name.rpartition(".")[0] for name, _ in named))
        layers = cls(
            module=module,
            watched=watched,
            names=[name for name, _ in named],
            params=[p for _, p in named],
            param_labels=tuple(name.replace(".", separator) for name, _ in named),
            owners=(),
            owner_of=[],
            device=next((p.device for _, p in named), torch.device("cpu")),
            classes=tuple(str(c) for c in classes),
            closed=compiled,
            _separator=separator,
        )
        layers._set_owners(paths)
        return layers

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of the watched layers."""
        return tuple(layer.label for layer in self.watched)

    def order_by(self, called: list[str]) -> None:
        """Puts layers and parts in the order in which a forward pass came to them, once."""
        if self.ordered:
            return
        self.ordered = True
        rank = {path: i for i, path in reversed(list(enumerate(called)))}
        late = len(rank)
        self.watched.sort(key=lambda layer: (rank.get(layer.path, late), layer.index))
        for i, layer in enumerate(self.watched):
            layer.index = i
        if len(rank) == late and all(path in rank for path in self._owner_paths):
            self._set_owners(sorted(self._owner_paths, key=lambda path: rank[path]))

    def owner_modules(self) -> list[tuple[str, nn.Module]]:
        """Paths and parts that have parameters of their own."""
        return [(path, self.module.get_submodule(path)) for path in self._owner_paths]

    def by_owner(self, values: Tensor, present: tuple[bool, ...]) -> Tensor:
        """Sums values of those parameters that are `present` over the parts that own them; NaN for parts without any.

        Args:
            values: One number for each parameter that is present.
            present: For every parameter whether it is.
        """
        if present not in self._cache:
            rows = [owner for owner, here in zip(self.owner_of, present, strict=True) if here]
            gaps = torch.full((len(self.owners),), torch.nan)
            gaps[rows] = 0.0
            self._cache[present] = torch.tensor(rows, dtype=torch.int64).to(values.device), gaps.to(values.device)
        index, base = self._cache[present]
        return base.index_add(0, index, values)

    def find(self, name: str) -> Layer:
        """The watched layer of a label or path.

        Raises:
            UnknownNameError: There is none.
        """
        for layer in self.watched:
            if name in (layer.label, layer.path) or name.replace("/", ".") == layer.path:
                return layer
        raise UnknownNameError("layer", name, self.labels)

    def _set_owners(self, paths: list[str]) -> None:
        self._owner_paths = paths
        place = {path: i for i, path in enumerate(paths)}
        self.owners = tuple(p.replace(".", self._separator) or type(self.module).__name__ for p in paths)
        self.owner_of = [place[name.rpartition(".")[0]] for name in self.names]
        self._cache.clear()


def first_tensor(output: Any) -> Tensor | None:
    """The first tensor of floating-point numbers in what a layer returned; None where there is none to measure."""
    if isinstance(output, Tensor):
        usable = output.is_floating_point() and output.layout == torch.strided and output.numel() > 0
        return output if usable and not output.is_nested else None
    if isinstance(output, nn.utils.rnn.PackedSequence):
        return first_tensor(output.data)
    if isinstance(output, dict):
        output = tuple(output.values())
    if isinstance(output, tuple | list):
        return next((found for part in output if (found := first_tensor(part)) is not None), None)
    return None


def units_axis(module: nn.Module, output: Tensor, before: int) -> int:
    """The axis of an output along which its units lie: channels of images, features of vectors.

    Args:
        module: The layer.
        output: What it returned.
        before: The axis of the layer before it, which an activation function keeps.
    """
    if output.dim() <= 2:
        return output.dim() - 1
    if isinstance(module, _CHANNELS_LAST):
        return output.dim() - 1
    if isinstance(module, _CHANNELS_FIRST) or output.dim() > 3:
        return 1
    return before if before == 1 else output.dim() - 1


def _is_watched(part: nn.Module) -> bool:
    if isinstance(part, _PASSES_ON) or type(part).__name__ in _OWN or isinstance(part, nn.modules.loss._Loss):
        return False
    if isinstance(part, nn.MultiheadAttention | nn.RNNBase):
        return True
    leaf = not any(True for _ in part.children())
    inside_attention = isinstance(part, nn.modules.linear.NonDynamicallyQuantizableLinear)
    return leaf and not inside_attention and not isinstance(part, nn.ModuleList | nn.ParameterList | nn.ModuleDict)


def _limits_of(part: nn.Module) -> tuple[float, float] | None:
    if isinstance(part, nn.Hardtanh) and not isinstance(part, nn.ReLU6):
        return float(part.min_val), float(part.max_val)
    if isinstance(part, nn.RNN):
        return (-1.0, 1.0) if part.nonlinearity == "tanh" else None
    return _LIMITS.get(type(part))
