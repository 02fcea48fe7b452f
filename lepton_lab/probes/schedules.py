"""When a probe measures: functions of the step.

A schedule says at which steps a probe would like to measure; the budget keeper may let steps pass by (`budget`). Steps
are counted from 1 over the whole training.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from typing_extensions import override

from lepton_lab.errors import TrainingError

__all__ = ["Place", "Schedule", "adaptive", "as_schedule", "every", "log_spaced", "on_epoch"]

_FAR = 100_000  # steps that a user's function is asked for before it counts as never due
NEVER = 1 << 62


@dataclass(frozen=True)
class Place:
    """Where in its epoch a training is.

    Attributes:
        batch: Number of the next batch in its epoch, from 0.
        left: Batches until the end of the epoch, this one included.
    """

    batch: int = 0
    left: int = NEVER


class Schedule(ABC):
    """Steps at which something is due."""

    @abstractmethod
    def next(self, step: int, place: Place, last: int) -> int:
        """The first due step from `step` on.

        Args:
            step: Number of the step to be trained next, from 1.
            place: Where in its epoch that step is.
            last: The step that was measured last; 0 before the first.
        """

    def __call__(self, step: int, place: Place | None = None) -> bool:
        """Whether `step` is due."""
        return self.next(step, place or Place(), 0) == step


class _Every(Schedule):
    def __init__(self, n: int) -> None:
        self.n = n

    @override
    def next(self, step: int, place: Place, last: int) -> int:
        return -(-step // self.n) * self.n

    def __repr__(self) -> str:
        return f"every({self.n})"


class _LogSpaced(Schedule):
    def __init__(self, per_decade: int) -> None:
        self.per_decade = per_decade

    @override
    def next(self, step: int, place: Place, last: int) -> int:
        k = max(0, math.floor(self.per_decade * math.log10(max(1, step))) - 1)
        while (due := round(10 ** (k / self.per_decade))) < step:
            k += 1
        return due

    def __repr__(self) -> str:
        return f"log_spaced({self.per_decade})"


class _OnEpoch(Schedule):
    @override
    def next(self, step: int, place: Place, last: int) -> int:
        return step if place.batch == 0 else step + place.left

    def __repr__(self) -> str:
        return "on_epoch()"


class _Adaptive(Schedule):
    def __init__(self, least: int, points: int) -> None:
        self.least, self.points = least, points

    @override
    def next(self, step: int, place: Place, last: int) -> int:
        return step if last <= 0 else max(step, last + max(self.least, last // self.points))

    def __repr__(self) -> str:
        return f"adaptive({self.least}, {self.points})"


class _Function(Schedule):
    def __init__(self, function: Callable[[int], bool]) -> None:
        self.function = function

    @override
    def next(self, step: int, place: Place, last: int) -> int:
        return next((s for s in range(step, step + _FAR) if self.function(s)), NEVER)

    def __repr__(self) -> str:
        return getattr(self.function, "__name__", repr(self.function))


def every(n: int) -> Schedule:
    """Every n-th step: n, 2n, 3n, …

    Raises:
        TrainingError: `n` is below 1.
    """
    return _Every(_whole("every", n))


def log_spaced(per_decade: int = 10) -> Schedule:
    """Dense at first, then rarer: `per_decade` steps between 10 and 100, as many between 100 and 1,000, …

    Raises:
        TrainingError: `per_decade` is below 1.
    """
    return _LogSpaced(_whole("log_spaced", per_decade))


def on_epoch() -> Schedule:
    """The first step of every epoch."""
    return _OnEpoch()


def adaptive(least: int = 1, points: int = 500) -> Schedule:
    """As often as the budget allows, in a bounded record: about `points` readings for every e-fold of steps.

    Args:
        least: Steps between two readings at least.
        points: The spacing is at least the number of steps so far divided by this.

    Raises:
        TrainingError: One of them is below 1.
    """
    return _Adaptive(_whole("adaptive", least), _whole("adaptive", points))


def as_schedule(choice: Schedule | Callable[[int], bool]) -> Schedule:
    """A schedule of a user's function of the step.

    Raises:
        TrainingError: It is no function.
    """
    if isinstance(choice, Schedule):
        return choice
    if not callable(choice):
        raise TrainingError(
            "this is no schedule", expected="every(50), on_epoch() or a function of the step", received=repr(choice)
        )
    return _Function(choice)


def _whole(name: str, n: int) -> int:
    if isinstance(n, bool) or not isinstance(n, int) or n < 1:
        raise TrainingError(f"{name}() needs a whole number of at least 1", received=repr(n))
    return n
