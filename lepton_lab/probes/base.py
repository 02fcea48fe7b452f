"""What a probe is, and what it sees of a step. Probes compute only: they draw nothing and write nothing."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor

from lepton_lab.errors import TrainingError
from lepton_lab.plugins import load_plugins
from lepton_lab.probes.layers import Layer, Layers
from lepton_lab.probes.schedules import Schedule, adaptive, as_schedule
from lepton_lab.registry import BUILT_IN, Registry

__all__ = ["PROBES", "STANDARD", "Moment", "Probe", "Sums", "make_probes", "register_probe"]

STANDARD = (
    "grad_norm", "grad_hist", "update_ratio", "weight_norm", "act_mean", "act_std", "act_zero", "act_saturated",
    "dead", "class_accuracy",
)  # fmt: skip
"""What `probes="standard"` measures."""


@dataclass
class Sums:
    """Sums over one layer's outputs, by unit.

    Attributes:
        total: Sum of each unit's outputs (F,).
        square: Sum of the squares of all outputs, ().
        count: How many outputs there are.
        nonzero: How many of the `counted` ones are not 0, ().
        counted: How many were looked at for zeros: those of the first samples.
    """

    total: Tensor
    square: Tensor
    count: int
    nonzero: Tensor
    counted: int


@dataclass
class Moment:
    """One measured step, as the probes see it. Nothing of it may be changed.

    Attributes:
        step: Number of the step, from 1.
        layers: The module's layers and parameters.
        sums: Sums over the outputs of each watched layer that the forward pass came to.
        grads: Gradient of each parameter, unscaled and before clipping; None where it has none.
        previous: Gradients of the step before; None where no probe needs them.
        before: The parameters before the update.
        after: The parameters after it; None where no probe needs them.
        inputs: The samples of the batch.
        output: The network's outputs, and those of further batches since the last measured step.
        target: Their targets.
        threshold: From which single output on a sample belongs to the second of two classes.
        halves: Gradients of the two halves of the batch, and their samples; None where no probe needs them.
    """

    step: int
    layers: Layers
    sums: dict[int, Sums] = field(default_factory=dict)
    grads: list[Tensor | None] = field(default_factory=list)
    previous: list[Tensor | None] | None = None
    before: list[Tensor] = field(default_factory=list)
    after: list[Tensor] | None = None
    inputs: Tensor | None = None
    output: Tensor | None = None
    target: Tensor | None = None
    threshold: float = 0.0
    halves: tuple[tuple[list[Tensor | None], int], tuple[list[Tensor | None], int]] | None = None

    @cached_property
    def present(self) -> tuple[bool, ...]:
        """For every parameter whether it has a gradient."""
        return tuple(g is not None for g in self.grads)

    @cached_property
    def grad_squares(self) -> Tensor:
        """Squared norms of the gradients that are there."""
        return squares([g for g in self.grads if g is not None], self.layers.device)

    @cached_property
    def weight_squares(self) -> Tensor:
        """Squared norms of all parameters before the update."""
        return squares(self.before, self.layers.device)

    @cached_property
    def means(self) -> dict[int, Tensor]:
        """Mean of each watched layer's outputs, by number of layer."""
        return {i: s.total.sum() / s.count for i, s in self.sums.items()}

    @cached_property
    def all_present(self) -> tuple[bool, ...]:
        """True for every parameter."""
        return (True,) * len(self.layers.params)

    def spread(self, values: dict[int, Tensor]) -> Tensor:
        """Numbers of some watched layers as one of every layer: NaN for the others."""
        return spread(values, len(self.layers.watched), self.layers.device)


def spread(values: dict[int, Tensor], count: int, device: torch.device) -> Tensor:
    """Rows by number as one tensor of `count` rows; NaN for those that are missing."""
    if not values:
        return torch.full((count,), torch.nan, device=device)
    rows = torch.stack(list(values.values())).float()
    if list(values) == list(range(count)):
        return rows
    out = torch.full((count, *rows.shape[1:]), torch.nan, device=rows.device)
    out[torch.tensor(list(values), device=rows.device)] = rows
    return out


def squares(tensors: Sequence[Tensor], device: torch.device) -> Tensor:
    """The squared norm of each tensor, in single precision: (P,)."""
    if not tensors:
        return torch.zeros(0, device=device)
    dense = [t.float() if t.dtype != torch.float32 else t for t in tensors]
    return torch.stack(torch._foreach_norm(dense)).square()


class Probe(ABC):
    """Measures one quantity on scheduled steps.

    A probe belongs to one run at a time: `begin` makes it forget what it has seen.

    Args:
        schedule: When to measure; `adaptive()` where None. Any function of the step does.

    Attributes:
        name: Name of the probe and of its quantity.
        unit: Unit of the values.
        edges: Edges of the bins of a histogram; empty otherwise.
        needs: What has to be there beside the forward pass: "sums", "grads", "previous", "update", "halves",
            "outputs", "after" (the step is over).
        schedule: When it would like to measure.
    """

    name: ClassVar[str] = ""
    unit: ClassVar[str] = ""
    edges: ClassVar[tuple[float, ...]] = ()
    needs: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, schedule: Schedule | Callable[[int], bool] | None = None) -> None:
        self.schedule = as_schedule(schedule) if schedule is not None else adaptive()

    def begin(self, layers: Layers) -> None:  # noqa: B027 - most probes remember nothing
        """Called before the first step of a run."""

    def labels(self, layers: Layers) -> tuple[str, ...]:
        """What the rows of the values belong to; by default the watched layers."""
        return layers.labels

    def observe(self, layer: Layer, output: Tensor) -> None:  # noqa: B027 - most probes look at gradients or sums
        """Called on a measured step for every output of every watched layer, at once: a later layer may change it."""

    @abstractmethod
    def compute(self, moment: Moment) -> Tensor | None:
        """The values (L,) or (L, B), on the device and without waiting for it; None where there is nothing to say."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.schedule!r})"


def _load_all() -> None:
    _load_built_in()
    load_plugins()


def _load_built_in() -> None:
    for name in ("activations", "classes", "gradients", "maps", "weights"):
        importlib.import_module(f"lepton_lab.probes.{name}")


PROBES: Registry[type[Probe]] = Registry("probe", _load_all)
"""Every probe by name."""

P = TypeVar("P", bound=type[Probe])


def register_probe(cls: P) -> P:
    """Registers a subclass of `Probe` under its `name`; a decorator.

    Raises:
        TrainingError: It is no `Probe`, or has no name.
        PluginError: Another provider has taken the name.
    """
    if not (isinstance(cls, type) and issubclass(cls, Probe) and cls.name):
        raise TrainingError(
            "this cannot be registered as a probe", expected="a subclass of Probe with a name", received=repr(cls)
        )
    built_in = cls.__module__.startswith("lepton_lab.probes.")
    if not built_in:
        _load_built_in()  # their names are taken, whoever comes first
    PROBES.add(cls.name, cls, provider=BUILT_IN if built_in else None, module=cls.__module__)
    return cls


def make_probes(choice: Any) -> list[Probe]:
    """Probes from what `Trainer(probes=…)` takes.

    Args:
        choice: None, "standard", a name, a `Probe`, or several names and probes; what is named itself takes the place
            of the one of the same name in "standard".

    Raises:
        UnknownNameError: There is no probe of this name.
        TrainingError: Something else, or two probes of one name.
    """
    if choice is None:
        return []
    parts = [choice] if isinstance(choice, str | Probe) or not isinstance(choice, Sequence) else list(choice)
    probes = {name: PROBES[name]() for name in STANDARD} if "standard" in parts else {}
    own: set[str] = set()
    for probe in (_made(part) for part in parts if part != "standard"):
        if probe.name in own:
            raise TrainingError(f"the probe {probe.name!r} is asked for twice", do="Name it once")
        own.add(probe.name)
        probes[probe.name] = probe
    return list(probes.values())


def _made(part: Any) -> Probe:
    if isinstance(part, Probe):
        return part
    if isinstance(part, str):
        return PROBES[part]()
    raise TrainingError("this is no probe", expected='"standard", a name, or a Probe', received=type(part).__name__)
