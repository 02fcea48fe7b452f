"""Learning-rate schedules: what the learning rate is multiplied by, as a function of the step.

Being functions of the step, they need no state: a run that resumes or forks asks again. Only `plateau` depends on
what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from lepton_lab.errors import TrainingError
from lepton_lab.plugins import load_plugins
from lepton_lab.registry import BUILT_IN, Registry

__all__ = ["SCHEDULES", "Plateau", "Schedule", "Span", "make_schedule"]


@dataclass(frozen=True)
class Span:
    """Where in its training a run is.

    Attributes:
        step: Updates done before this one.
        steps: Updates of the whole training; at least 1.
        steps_per_epoch: Updates of an epoch; at least 1.
    """

    step: int
    steps: int
    steps_per_epoch: int

    @property
    def epoch(self) -> int:
        """Whole epochs done."""
        return self.step // self.steps_per_epoch

    @property
    def progress(self) -> float:
        """Share of the training that is done at this step; 1 at the last one."""
        return min(1.0, self.step / max(1, self.steps - 1))


Factor = Callable[[Span], float]


def constant(span: Span) -> float:
    """1 all the time."""
    return 1.0


def step_decay(span: Span, *, every: int = 10, gamma: float = 0.1) -> float:
    """`gamma` to the number of times that `every` epochs have passed (torch's StepLR)."""
    return gamma ** (span.epoch // every)


def exponential(span: Span, *, gamma: float = 0.95) -> float:
    """`gamma` to the number of epochs that have passed (torch's ExponentialLR)."""
    return gamma**span.epoch


def cosine(span: Span, *, end: float = 0.0, warmup: float = 0.0) -> float:
    """Half a cosine from 1 down to `end` (https://arxiv.org/abs/1608.03983), after a linear rise over `warmup`."""
    if span.progress < warmup:
        return _rise(span, warmup)
    share = (span.progress - warmup) / max(1e-12, 1.0 - warmup)
    return end + (1.0 - end) * 0.5 * (1.0 + math.cos(math.pi * share))


def one_cycle(span: Span, *, rise: float = 0.3, start: float = 0.04, end: float = 4e-6) -> float:
    """Cosine up from `start` to 1 over the share `rise`, then down to `end` (https://arxiv.org/abs/1708.07120)."""
    if span.progress <= rise and rise > 0:
        return _cosine_between(start, 1.0, span.progress / rise)
    return _cosine_between(1.0, end, (span.progress - rise) / max(1e-12, 1.0 - rise))


def warmup(span: Span, *, share: float = 0.05) -> float:
    """A linear rise over the first `share` of the training, then 1."""
    return _rise(span, share) if span.progress < share else 1.0


def linear(span: Span, *, end: float = 0.0) -> float:
    """A straight line from 1 to `end`."""
    return 1.0 + (end - 1.0) * span.progress


SCHEDULES: Registry[Callable[..., float]] = Registry("learning-rate schedule", load_plugins)
"""Every schedule by name; a value is a function of a `Span` and keyword options."""

for _name, _function in {
    "constant": constant,
    "cosine": cosine,
    "exponential": exponential,
    "linear": linear,
    "one_cycle": one_cycle,
    "onecycle": one_cycle,
    "plateau": constant,
    "step": step_decay,
    "warmup": warmup,
}.items():
    SCHEDULES.add(_name, _function, provider=BUILT_IN)


class Plateau:
    """Lowers the learning rate when the monitored value has stopped improving (torch's ReduceLROnPlateau).

    Args:
        factor: What the rate is multiplied by.
        patience: Epochs without improvement before that.
        min_delta: Share of the best value that counts as an improvement.
        least: Lowest product of all factors.
    """

    def __init__(self, factor: float = 0.1, patience: int = 10, min_delta: float = 1e-4, least: float = 0.0) -> None:
        self.factor, self.patience, self.min_delta, self.least = factor, patience, min_delta, least
        self.product, self.best, self.waited = 1.0, math.inf, 0

    def observe(self, value: float) -> None:
        """Takes the monitored value of an epoch; lower is better."""
        if value < self.best * (1 - math.copysign(self.min_delta, self.best)):
            self.best, self.waited = value, 0
            return
        self.waited += 1
        if self.waited > self.patience:
            self.product, self.waited = max(self.least, self.product * self.factor), 0

    def state(self) -> dict[str, Any]:
        """Plain data that `load` reads."""
        return {"product": self.product, "best": None if math.isinf(self.best) else self.best, "waited": self.waited}

    def load(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state`."""
        self.product, self.waited = float(state["product"]), int(state["waited"])
        self.best = math.inf if state["best"] is None else float(state["best"])


@dataclass(frozen=True)
class Schedule:
    """A schedule with its options.

    Attributes:
        name: Its name.
        factor: The function.
        plateau: What watches the monitored value; None for schedules of the step alone.
    """

    name: str
    factor: Factor
    plateau: Plateau | None = None

    @property
    def changes(self) -> bool:
        """Whether the rate differs from step to step."""
        return self.factor is not constant

    def __call__(self, span: Span) -> float:
        """What the learning rate is multiplied by at `span`."""
        return self.factor(span) * (self.plateau.product if self.plateau is not None else 1.0)


def make_schedule(name: str | None, options: Mapping[str, Any] | None = None) -> Schedule:
    """The schedule called `name`.

    Raises:
        UnknownNameError: There is none.
        TrainingError: An option is wrong.
    """
    name = name or "constant"
    function = SCHEDULES[name]
    options = dict(options or {})
    try:
        if name == "plateau":
            return Schedule(name, constant, Plateau(**options))
        function(Span(0, 2, 1), **options)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise TrainingError(f"the schedule {name!r} cannot take {options}", received=str(error)) from error
    return Schedule(name, partial(function, **options) if options else function)


def _rise(span: Span, share: float) -> float:
    steps = max(1.0, share * max(1, span.steps - 1))
    return min(1.0, (span.step + 1) / steps)


def _cosine_between(start: float, end: float, share: float) -> float:
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * min(1.0, max(0.0, share))))
