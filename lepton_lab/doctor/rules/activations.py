"""While training: what the layers put out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from torch import nn
from typing_extensions import override

from lepton_lab.doctor.case import Case
from lepton_lab.doctor.findings import Evidence, Finding
from lepton_lab.doctor.mending import SQUASHING, activation_fix, init_fix, input_norm_fix, lr_fix, norm_fix
from lepton_lab.doctor.rule import Phase, Rule, Threshold, register_rule
from lepton_lab.doctor.trends import chance_level, loss_curve, recent, since_when

__all__ = ["DeadRelu", "PoorInitialisation", "SaturatedActivation"]

_DURING: tuple[Phase, ...] = ("during",)


@register_rule
class DeadRelu(Rule):
    """Not too many units are silent for every sample."""

    name = "dead-relu"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("dead",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "share": Threshold(0.7, "CS231n, Neural networks part 1, has 40 %; half of a deep ReLU layer is silent with "
        "torch's first "
                                "weights; chosen above that"),
        "most": Threshold(0.9, "next to nothing gets through"),
    }  # fmt: skip

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        measured = case.measured("dead")
        if measured is None:
            return
        now = measured.values[-1]
        for i, label in enumerate(measured.labels):
            if not now[i] >= self.limit("share"):
                continue
            since = since_when(measured, i, measured.values[:, i] >= self.limit("share"))
            evidence = Evidence.over_time(
                measured.steps, np.nan_to_num(measured.values[:, i]), "share of silent units", high=self.limit("share")
            )
            fixes = (*activation_fix(case, ("ReLU",), "LeakyReLU"), *lr_fix(case, 0.1), *norm_fix(case))
            severity = "problem" if now[i] >= self.limit("most") else "warning"
            yield self.finding(
                severity, layer=case.layer(label), since=since, evidence=evidence, fixes=fixes, share=float(now[i])  # type: ignore[arg-type]
            )  # fmt: skip
            return


@register_rule
class SaturatedActivation(Rule):
    """Hidden sigmoids and tanhs are mostly away from the ends of their range."""

    name = "saturated-activation"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("act_saturated",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "share": Threshold(0.6, "Glorot and Bengio 2010, figure 2: a layer at its ends blocks those before it; chosen"),
        "learned": Threshold(0.6, "of the loss of a guess: a network that got there is not blocked; chosen"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        measured = case.measured("act_saturated")
        if measured is None:
            return
        values = recent(measured)
        curve, chance = loss_curve(case), chance_level(case)
        learned = len(curve) > 0 and chance is not None and curve.last < self.limit("learned") * chance
        for i, label in enumerate(measured.labels[:-1]):  # the last one may be the network's output
            if not np.isfinite(values[:, i]).any():
                continue
            share = float(np.nanmedian(values[:, i]))
            if share < self.limit("share") or learned:
                continue
            since = since_when(measured, i, measured.values[:, i] >= self.limit("share"))
            evidence = Evidence.over_time(
                measured.steps, np.nan_to_num(measured.values[:, i]), "share at the ends", high=self.limit("share")
            )
            fixes = (*activation_fix(case, SQUASHING), *lr_fix(case, 0.1), *norm_fix(case), *input_norm_fix(case))
            yield self.finding(
                "warning", layer=case.layer(label), since=since, evidence=evidence, fixes=fixes, share=share
            )  # fmt: skip
            return


@register_rule
class PoorInitialisation(Rule):
    """With the first weights, what flows through the network keeps its size, and units differ."""

    name = "poor-initialisation"
    phases: ClassVar[tuple[Phase, ...]] = ("before", "during")
    reads = ("act_std", "network")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "fading": Threshold(2e-3, "He et al. 2015, figure 3: a good start keeps the size; plain ReLU networks of 8 "
        "layers "
                                  "with torch's first weights keep 1e-2"),
        "growing": Threshold(50.0, "times the input's deviation, or 1; chosen with a factor of 10 to healthy networks"),
    }  # fmt: skip

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        equal = self._equal(case)
        if equal is not None:
            yield equal
            return
        measured = case.measured("act_std")
        if measured is None or (case.phase == "during" and (not measured.live or measured.steps[0] > 1)):
            return  # what it looked like at the start is not known
        start = dict(zip(measured.labels, measured.values[0], strict=True))
        start = {label: float(v) for label, v in start.items() if np.isfinite(v)}
        if len(start) < 2:
            return
        x = case.some_inputs
        given = max(1.0, float(x.std())) if x is not None and x.is_floating_point() else 1.0
        weighted = [label for label in start if _has_weights(case, label)]
        largest = max(start.values())
        for label in weighted:
            std = start[label]
            evidence = Evidence.bars(
                {case.layer(k): v for k, v in start.items()}, "deviation of the outputs at the start",
                low=self.limit("fading"), high=self.limit("growing") * given, log=True,
            )  # fmt: skip
            fixes = (init_fix("kaiming"), *norm_fix(case))
            since = int(measured.steps[0]) if case.phase == "during" else None
            if std > self.limit("growing") * given:
                yield self.finding(
                    "problem", layer=case.layer(label), since=since, evidence=evidence, fixes=fixes, form="large",
                    std=std, ratio=std / given,
                )  # fmt: skip
                return
            if std < self.limit("fading") and std < self.limit("fading") * max(largest, 1.0):
                yield self.finding(
                    "warning", layer=case.layer(label), since=since, evidence=evidence, fixes=fixes, std=std,
                    reference=largest,
                )  # fmt: skip
                return

    def _equal(self, case: Case) -> Finding | None:
        if case.upto is not None or case.module is None:
            return None
        layers = [
            (name, module)
            for name, module in case.module.named_modules()
            if isinstance(module, nn.Linear | nn.modules.conv._ConvNd) and module.weight.shape[0] > 1
        ]
        for name, module in layers[:-1]:  # a last layer of zeros starts at a guess, as some mean it to
            weight = module.weight.detach().float().reshape(len(module.weight), -1)
            if bool((weight - weight[:1]).abs().max() <= 1e-7 * weight.abs().max()):
                return self.finding("problem", layer=case.layer(name), fixes=(init_fix("kaiming"),), form="equal")
        return None


def _has_weights(case: Case, label: str) -> bool:
    if case.module is None:
        return True
    try:
        part = case.module.get_submodule(label.replace("/", "."))
    except AttributeError:
        return False
    return isinstance(part, nn.Linear | nn.modules.conv._ConvNd)
