"""Keeps what probes cost within a share of the training's time, by letting scheduled steps pass."""

from __future__ import annotations

import math

from lepton_lab.errors import TrainingError

__all__ = ["Keeper"]

_KEEP = 0.7  # what the expected cost keeps of itself
_AFTERWARDS = 1.6  # what a measurement takes in all, relative to its own time: the next steps find cold caches


class Keeper:
    """Measures the real cost and says from which step on the next measurement can be afforded.

    Two rules hold: a measurement and the steps until the next one cost no more than the budget, and so does everything
    since the run began. The first measurement is free to take place at once.

    Args:
        budget: Share of the training's time, above 0 and at most 1; None for no limit.

    Attributes:
        spent: Seconds that the probes have taken.
        trained: Seconds of training, the probes included.
        step_seconds: What a step takes without probes.
        measured: Measurements so far.

    Raises:
        TrainingError: The budget is no such share.
    """

    def __init__(self, budget: float | None, step_seconds: float = 0.0) -> None:
        if budget is not None and not (isinstance(budget, int | float) and 0 < budget <= 1):
            raise TrainingError(
                "probe_budget cannot be used", expected="a share above 0 and at most 1, or None", received=repr(budget)
            )
        self.budget, self.step_seconds = budget, step_seconds
        self.spent = self.trained = 0.0
        self.measured = 0
        self._expected = 0.0
        self._last = 0
        self._since_reading = 0.0

    def paid(self, step: int, seconds: float) -> None:
        """Notes a measurement that was made at `step` and took `seconds` of its own."""
        seconds = _AFTERWARDS * max(0.0, seconds)
        new = self.measured > 1  # the first two load code and grow memory
        self._expected = self._expected * _KEEP + seconds * (1 - _KEEP) if new else seconds
        self.measured += 1
        self._last = step
        self.owed(seconds)

    def owed(self, seconds: float) -> None:
        """Notes further time that was spent on measuring."""
        self.spent += seconds
        self._since_reading += seconds

    def passed(self, steps: int, seconds: float) -> None:
        """Notes that `steps` took `seconds`, measurements included."""
        self.trained += seconds
        net = max(0.0, seconds - self._since_reading) / max(1, steps)
        self._since_reading = 0.0
        self.step_seconds = net if self.step_seconds <= 0 else 0.5 * (self.step_seconds + net)

    @property
    def spacing(self) -> int:
        """Steps from one measurement to the next that the budget asks for; 0 before the first."""
        if self.budget is None or not self.measured:
            return 0 if not self.measured else 1
        return max(1, math.ceil(self._expected * (1 - self.budget) / (self.budget * max(1e-9, self.step_seconds))))

    @property
    def share(self) -> float:
        """Share of the training's time that the probes took."""
        return self.spent / self.trained if self.trained > 0 else 0.0

    def earliest(self, step: int) -> int:
        """The first step from `step` on whose measurement can be afforded."""
        if self.budget is None or not self.measured:
            return step
        missing = (self.spent + self._expected) / self.budget - self.trained
        wait = math.ceil(missing / max(1e-9, self.step_seconds)) if missing > 0 else 0
        return max(step, self._last + self.spacing, step + wait)
