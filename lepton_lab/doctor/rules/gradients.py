"""While training: gradients that fade, blow up, or are no numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from typing_extensions import override

from lepton_lab.doctor.case import Case
from lepton_lab.doctor.findings import Evidence, Finding
from lepton_lab.doctor.fixes import Fix
from lepton_lab.doctor.mending import (
    SQUASHING,
    activation_fix,
    clip_fix,
    data_fix,
    init_fix,
    lr_fix,
    norm_fix,
    settings_fix,
)
from lepton_lab.doctor.rule import Phase, Rule, Threshold, register_rule
from lepton_lab.doctor.trends import recent, since_when

__all__ = ["ExplodingGradient", "NotFinite", "VanishingGradient"]

_DURING: tuple[Phase, ...] = ("during",)
_NOTHING = 1e-25  # a gradient that is 0 but for rounding: a layer that is cut off, which other rules name


@register_rule
class VanishingGradient(Rule):
    """The first layers get a gradient that is worth the name."""

    name = "vanishing-gradient"
    phases: ClassVar[tuple[Phase, ...]] = ("before", "during")
    reads = ("grad_norm",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "ratio": Threshold(2e-4, "Glorot and Bengio 2010 show the fall from layer to layer; chosen: plain ReLU "
        "networks "
                                 "of 8 layers with torch's first weights stay above 1e-3")
    }  # fmt: skip

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        measured = case.measured("grad_norm")
        if measured is None or measured.values.shape[1] < 3:
            return
        with np.errstate(all="ignore"):
            largest = np.nanmax(np.where(np.isfinite(measured.values), measured.values, 0.0), axis=1, keepdims=True)
            ratios = measured.values / np.maximum(largest, _NOTHING)
        now = np.nanmedian(ratios[-len(recent(measured)) :], axis=0)
        there = np.nanmedian(recent(measured), axis=0) > _NOTHING
        low = [i for i, r in enumerate(now) if r < self.limit("ratio") and there[i] and i < len(now) - 1]
        if not low:
            return
        first = low[0]
        bad = ratios[:, first] < self.limit("ratio")
        named = {case.layer(label): float(v) for label, v in zip(measured.labels, now, strict=True) if np.isfinite(v)}
        evidence = Evidence.bars(named, "gradient, as share of the largest", low=self.limit("ratio"), log=True)
        fixes = (*activation_fix(case, SQUASHING), *norm_fix(case), init_fix("kaiming"))
        yield self.finding(
            "problem", layer=case.layer(measured.labels[first]), evidence=evidence, fixes=fixes,
            since=since_when(measured, first, bad) if case.phase == "during" else None, ratio=float(now[first]),
        )  # fmt: skip


@register_rule
class ExplodingGradient(Rule):
    """Gradients stay in proportion to the weights, and do not grow without end."""

    name = "exploding-gradient"
    phases: ClassVar[tuple[Phase, ...]] = ("before", "during")
    reads = ("grad_norm", "weight_norm")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "ratio": Threshold(30.0, "gradient over weights; chosen: healthy networks stay below 3"),
        "growth": Threshold(100.0, "since the start; Pascanu et al. 2013 describe jumps of this size"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        grads, weights = case.measured("grad_norm"), case.measured("weight_norm")
        if grads is None or weights is None:
            return
        size = {label: float(np.nanmedian(weights.values[:, i])) for i, label in enumerate(weights.labels)}
        found: tuple[float, int, str] | None = None  # the first layer in the order of the network
        for i, label in enumerate(grads.labels):
            values = grads.values[:, i]
            values = values[np.isfinite(values)]
            if not len(values) or not size.get(label, 0) > 0:
                continue
            now = float(np.quantile(values[-max(5, len(values) // 3) :], 0.8))
            start = float(np.median(values[: max(1, len(values) // 5)]))
            growth = now / max(start, 1e-3 * size[label]) if len(values) >= 5 else 0.0
            if now > self.limit("ratio") * size[label]:
                found = now / size[label], i, ""
            elif now > size[label] and growth > self.limit("growth"):
                found = growth, i, "grew"
            if found is not None:
                break
        if found is None:
            return
        score, row, form = found
        values = grads.values[:, row]
        limit = self.limit("ratio") * size[grads.labels[row]]
        evidence = Evidence.over_time(grads.steps, values, "gradient norm", high=float(limit), log=True)
        above = np.flatnonzero(np.nan_to_num(values) > (limit if not form else np.nanmedian(values)))
        since = int(grads.steps[above[0]]) if len(above) and case.phase == "during" else None
        yield self.finding(
            "problem", layer=case.layer(grads.labels[row]), since=since, evidence=evidence, form=form,
            fixes=(clip_fix(), *lr_fix(case, 0.1), *norm_fix(case), init_fix("xavier")),
            norm=float(np.nanmedian(values[-5:])), weights=float(size[grads.labels[row]]),
            ratio=score,
        )  # fmt: skip


@register_rule
class NotFinite(Rule):
    """All numbers are numbers."""

    name = "not-finite"
    phases: ClassVar[tuple[Phase, ...]] = ("before", "during")
    reads = ("loss",)

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        if case.run is None:
            yield from self._first_batch(case)
            return
        failed = [e for e in case.run.history.events if e.get("kind") == "failed"]
        message = str(failed[-1].get("message", "")) if failed else str(case.run.status.message)
        found = re.search(r"NaN or Inf appeared first in (?:layer '([^']+)'|the (\w+)).*?at step (\d+)", message)
        if found is None:
            return
        layer, place, step = found[1], found[2], int(found[3])
        if case.upto is not None and step > case.upto:
            return
        if place == "input":
            fixes: tuple[Fix, ...] = (data_fix("drop_not_finite", {"op": "drop_not_finite"}),)
        else:
            fixes = (*lr_fix(case, 0.1), clip_fix())
            if case.settings.precision == "fp16":
                fixes = (settings_fix("precision", {"precision": "fp32"}, fresh=True), *fixes)
        loss = case.steps["loss"]
        evidence = Evidence.over_time(case.steps["step"], loss, "loss", log=True) if len(loss) else None
        said = message.split(": ", 1)[-1].split(". ")[0] + "."
        yield self.finding(
            "problem", layer=case.layer(layer) if layer else None, since=step, evidence=evidence, fixes=fixes,
            message=said,
        )  # fmt: skip

    def _first_batch(self, case: Case) -> Iterator[Finding]:
        reading = case.reading
        if reading is None or reading.finite:
            return
        std = reading.quantities.get("act_std")
        layer = next((n for n, v in zip(*std, strict=True) if not np.isfinite(v)), None) if std is not None else None
        yield self.finding(
            "problem", layer=case.layer(layer) if layer else None,
            message="The loss of the first batches is no number, before any training.",
        )  # fmt: skip
