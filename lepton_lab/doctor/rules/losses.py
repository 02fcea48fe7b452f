"""While training: the course of the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from typing_extensions import override

from lepton_lab.doctor.case import Case
from lepton_lab.doctor.findings import Evidence, Finding
from lepton_lab.doctor.mending import SQUASHING, activation_fix, batch_fix, clip_fix, current_lr, lr_fix, settings_fix
from lepton_lab.doctor.rule import Phase, Rule, Threshold, register_rule
from lepton_lab.doctor.trends import LossCurve, chance_level, largest_update, loss_curve, typical_update, usual_lr

__all__ = ["LossNotDecreasing", "LrTooHigh", "LrTooLow", "Oscillation", "Plateau"]

_DURING: tuple[Phase, ...] = ("during",)
_READINGS = 5  # of the loss, before anything is said about its course
_OWN = "chosen on the development half of the benchmark"


def _enough(case: Case, curve: LossCurve, steps: float) -> bool:
    return len(curve) >= _READINGS and case.step >= steps


def _plot(curve: LossCurve, **rest: Any) -> Evidence:
    return Evidence.over_time(curve.steps, curve.values, "loss", **rest)


@register_rule
class LrTooHigh(Rule):
    """The loss does not end above where it was."""

    name = "lr-too-high"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("loss", "update_ratio", "settings")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "steps": Threshold(20, _OWN),
        "above": Threshold(1.3, f"times the first loss; {_OWN}"),
        "guess": Threshold(0.95, f"of the loss of a guess; {_OWN}"),
        "update": Threshold(0.04, "of the weights a step; CS231n: around 1e-3"),
        "rate": Threshold(10.0, f"times the optimizer's usual learning rate; {_OWN}"),
        "peak": Threshold(3.0, f"times the lowest level before; {_OWN}"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        curve = loss_curve(case)
        if not _enough(case, curve, self.limit("steps")):
            return
        chance, update = chance_level(case), largest_update(case)
        rate = current_lr(case) >= self.limit("rate") * usual_lr(case)
        large = rate if update is None else update >= self.limit("update")
        fixes = (*lr_fix(case, 0.1), clip_fix())
        level = chance if chance is not None else curve.first
        if curve.last > self.limit("above") * curve.first and curve.last > 1.1 * level and (
            large or curve.last > 2 * curve.first
        ):  # fmt: skip
            yield self.finding(
                "problem", since=int(curve.steps[0]), evidence=_plot(curve, high=curve.first), fixes=fixes,
                first=curve.first, last=curve.last,
            )  # fmt: skip
            return
        peak = curve.level[int(curve.level.argmin()) :].max()
        if large and peak > self.limit("peak") * curve.least and peak > 0.5 * level and len(curve) >= 2 * _READINGS:
            yield self.finding(
                "warning", since=curve.since_least, evidence=_plot(curve), fixes=fixes, form="peak", peak=float(peak),
                least=curve.least, last=curve.last,
            )  # fmt: skip
            return
        if (
            chance is not None and large and curve.last >= self.limit("guess") * chance
            and (case.step >= 2 * self.limit("steps") or curve.last > 2 * chance)
        ):  # fmt: skip
            yield self.finding(
                "problem", since=int(curve.steps[0]), evidence=_plot(curve, high=chance), fixes=fixes, form="stuck",
                last=curve.last, expected=chance, ratio=update if update is not None else math.nan,
            )  # fmt: skip


@register_rule
class LrTooLow(Rule):
    """The loss falls at a pace that leads somewhere."""

    name = "lr-too-low"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("loss", "update_ratio", "settings")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "steps": Threshold(40, _OWN),
        "left": Threshold(0.75, f"share of the first loss that is left; {_OWN}"),
        "update": Threshold(3e-4, "of the weights a step; CS231n: around 1e-3"),
        "rate": Threshold(0.02, f"of the optimizer's usual learning rate, where nobody measured the steps; {_OWN}"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        curve = loss_curve(case)
        if not _enough(case, curve, self.limit("steps")) or curve.last < self.limit("left") * curve.first:
            return
        update = typical_update(case)
        small = (
            update < self.limit("update")
            if update is not None
            else current_lr(case) < self.limit("rate") * usual_lr(case)
        )
        if not small or curve.last > 1.02 * curve.first:
            return
        yield self.finding(
            "warning", since=int(curve.steps[0]), evidence=_plot(curve), fixes=lr_fix(case, 10.0), steps=case.step,
            first=curve.first, last=curve.last,
        )  # fmt: skip


@register_rule
class LossNotDecreasing(Rule):
    """The loss gets better than a guess, and better than at the start."""

    name = "loss-not-decreasing"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("loss",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "steps": Threshold(60, _OWN),
        "epochs": Threshold(1.0, "every sample was seen once"),
        "guess": Threshold(0.96, f"of the loss of a guess; {_OWN}"),
        "start": Threshold(0.96, f"of the first loss; {_OWN}"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        curve = loss_curve(case)
        if not _enough(case, curve, self.limit("steps")) or case.steps["epoch"][-1] < self.limit("epochs"):
            return
        chance = chance_level(case)
        stuck = chance is not None and curve.last >= self.limit("guess") * chance
        still = curve.last >= self.limit("start") * curve.first and (chance is None or curve.last > 0.2 * chance)
        if not (stuck or still) or curve.last < 0:
            return
        update = typical_update(case)
        factor = 10.0 if update is not None and update < 1e-3 else 0.1
        yield self.finding(
            "problem", since=int(curve.steps[0]), evidence=_plot(curve, **({"low": chance} if chance else {})),
            fixes=(*activation_fix(case, SQUASHING), *lr_fix(case, factor)), steps=case.step, first=curve.first,
            last=curve.last,
        )  # fmt: skip


@register_rule
class Plateau(Rule):
    """The loss has not come to a halt at a level that is no good."""

    name = "plateau"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("loss",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "epochs": Threshold(6, f"epochs without improvement; {_OWN}"),
        "improved": Threshold(0.01, "share of its size; ReduceLROnPlateau has 1e-4 of a single epoch"),
        "bad": Threshold(0.4, f"of the loss of a guess, from which on it is a warning; {_OWN}"),
        "good": Threshold(0.1, f"of the loss of a guess, below which standing still is the aim; {_OWN}"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        loss = case.epochs.get("loss", np.empty(0))
        loss = loss[np.isfinite(loss)]
        span = max(int(self.limit("epochs")), len(loss) // 4)
        chance = chance_level(case)
        if len(loss) < span + 2 or chance is None or chance <= 0:
            return
        half = span // 2
        before, now = loss[-span : -span + half].mean(), loss[-half:].mean()
        if before - now > self.limit("improved") * before or now < self.limit("good") * chance:
            return
        severity = "warning" if now > self.limit("bad") * chance else "info"
        steps = case.steps_per_epoch
        evidence = Evidence.over_time(range(1, len(loss) + 1), loss, "loss", x_name="epoch")
        fixes = (
            settings_fix("plateau_schedule", {"schedule": "plateau"}), *lr_fix(case, 0.3, fresh=False),
            *activation_fix(case, SQUASHING),
        )  # fmt: skip
        yield self.finding(
            severity, since=int((len(loss) - span) * steps), evidence=evidence, fixes=fixes, epochs=span,  # type: ignore[arg-type]
            last=float(now),
        )  # fmt: skip


@register_rule
class Oscillation(Rule):
    """The loss does not leap about."""

    name = "oscillation"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("loss",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "swing": Threshold(0.3, f"of the loss of a guess, from one reading to the next; {_OWN}"),
        "steps": Threshold(40, _OWN),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        curve, chance = loss_curve(case), chance_level(case)
        if not _enough(case, curve, self.limit("steps")) or chance is None or chance <= 0:
            return
        half = curve.values[len(curve) // 2 :]
        if len(half) < _READINGS:
            return
        swing = float(np.median(np.abs(np.diff(half))))
        level = float(np.median(half))
        if swing < self.limit("swing") * chance or swing < 0.15 * level:
            return
        yield self.finding(
            "warning", since=int(curve.steps[len(curve) // 2]), evidence=_plot(curve),
            fixes=(*lr_fix(case, 0.1), batch_fix(case, min(1024, 4 * case.settings.batch_size))),
            swing=swing / max(level, 1e-12),
        )  # fmt: skip
