"""While training: how far a step moves the weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from typing_extensions import override

from lepton_lab.doctor.case import Case
from lepton_lab.doctor.findings import Evidence, Finding
from lepton_lab.doctor.mending import clip_fix, lr_fix
from lepton_lab.doctor.rule import Phase, Rule, Threshold, register_rule
from lepton_lab.doctor.trends import loss_curve, typical_update

__all__ = ["UpdateRatioHigh", "UpdateRatioLow"]

_DURING: tuple[Phase, ...] = ("during",)
_READINGS = 5


@register_rule
class UpdateRatioLow(Rule):
    """Steps are large enough to get anywhere."""

    name = "update-ratio-low"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("update_ratio", "loss")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "ratio": Threshold(3e-5, "CS231n: somewhere around 1e-3; chosen lower, for the fastest layer"),
        "learned": Threshold(0.5, "share of the first loss below which small steps are those of a trained network"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        measured, ratio = case.measured("update_ratio"), typical_update(case)
        curve = loss_curve(case)
        if measured is None or ratio is None or len(measured.steps) < _READINGS or len(curve) < _READINGS:
            return
        if ratio >= self.limit("ratio") or curve.last < self.limit("learned") * curve.first:
            return
        row = int(np.nanargmax(np.nan_to_num(measured.values).max(0)))
        evidence = Evidence.over_time(
            measured.steps, measured.values[:, row], "update over weights", low=1e-4, high=1e-2, log=True
        )
        yield self.finding(
            "warning", layer=case.layer(measured.labels[row]), since=int(measured.steps[0]), evidence=evidence,
            fixes=lr_fix(case, 10.0), ratio=ratio,
        )  # fmt: skip


@register_rule
class UpdateRatioHigh(Rule):
    """Steps are not so large that they jump over what they look for."""

    name = "update-ratio-high"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("update_ratio",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "ratio": Threshold(0.2, "CS231n: around 1e-3, higher is too high; Adam's first steps reach 0.1 in small layers")
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        measured = case.measured("update_ratio")
        if measured is None or not measured.live or len(measured.steps) < _READINGS:
            return
        values = np.nan_to_num(measured.values)[2:]  # the first steps of Adam are as large as its rate allows
        typical = np.median(values, axis=0)
        middle = float(np.median(typical[typical > 0])) if (typical > 0).any() else 0.0
        row = int(typical.argmax())
        if middle < self.limit("ratio") and typical[row] < 5 * self.limit("ratio"):
            return
        evidence = Evidence.over_time(
            measured.steps, measured.values[:, row], "update over weights", low=1e-4, high=self.limit("ratio"), log=True
        )
        yield self.finding(
            "warning", layer=case.layer(measured.labels[row]), since=int(measured.steps[0]), evidence=evidence,
            fixes=(*lr_fix(case, 0.1), clip_fix()), ratio=float(typical[row]),
        )  # fmt: skip
