"""Before training: where the first weights stand, and whether the network can learn at all."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from typing_extensions import override

from lepton_lab.data import Task
from lepton_lab.doctor.case import Case
from lepton_lab.doctor.findings import Evidence, Finding
from lepton_lab.doctor.fixes import Fix
from lepton_lab.doctor.mending import SQUASHING, activation_fix, init_fix, input_norm_fix, norm_fix
from lepton_lab.doctor.rule import Phase, Rule, Threshold, register_rule
from lepton_lab.errors import LeptonError
from lepton_lab.training.losses import LOSSES
from lepton_lab.training.setup import make_head

__all__ = ["DeadAtStart", "InitialLoss", "OneBatch", "SaturatedAtStart", "expected_loss"]

_BEFORE: tuple[Phase, ...] = ("before",)


def expected_loss(case: Case) -> float | None:
    """The loss of a network that knows nothing; None where that cannot be told."""
    if case.data is None or case.head is None or case.users_loss is not None:
        return None
    name = case.head.loss_name
    takes = LOSSES[name].takes if name in LOSSES else ""
    if takes in ("logits", "log_probabilities") and case.data.target_size > 1:
        return math.log(case.data.target_size)
    if takes == "binary":
        return math.log(2)
    if takes == "values" and case.data.task is Task.REGRESSION:
        y = case.data.train.targets().float()
        y = y[torch.isfinite(y)]
        spread = y - y.mean()
        if LOSSES[name].function is nn.functional.mse_loss:
            return float(spread.square().mean())
        if LOSSES[name].function is nn.functional.l1_loss:
            return float(spread.abs().mean())
    return None


@register_rule
class InitialLoss(Rule):
    """The loss starts where a guess would be."""

    name = "initial-loss"
    phases: ClassVar[tuple[Phase, ...]] = _BEFORE
    reads = ("loss", "data")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "factor": Threshold(2.5, "Karpathy: verify loss at init, −log(1/C); healthy networks of the suite stay below "
                                 "1.5 times that"),
        "regression": Threshold(20.0, "targets are seldom scaled; chosen: a network that starts further off than that "
                                      "spends epochs on finding the scale"),
    }  # fmt: skip

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        expected = expected_loss(case)
        if expected is None or case.reading is None or not case.reading.finite:
            return
        loss = case.reading.loss
        regression = case.data is not None and case.data.task is Task.REGRESSION
        factor = self.limit("regression" if regression else "factor")
        if loss <= factor * max(expected, 1e-12):
            return
        evidence = Evidence.bars({"measured": loss, "expected": expected}, "loss", x_name="", high=factor * expected)
        fixes: tuple[Fix, ...] = (*input_norm_fix(case), *norm_fix(case), init_fix("xavier"))
        yield self.finding("warning", evidence=evidence, fixes=fixes, loss=loss, expected=expected)


@register_rule
class OneBatch(Rule):
    """One small batch can be learned by heart."""

    name = "cannot-overfit-batch"
    phases: ClassVar[tuple[Phase, ...]] = _BEFORE
    reads = ("loss", "network")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "left": Threshold(0.5, "share of the first loss that is left; Karpathy: overfit one batch. Chosen wide: "
        "healthy "
                               "networks of the suite get below 0.1"),
        "steps": Threshold(200, "steps of Adam"),
        "samples": Threshold(16, "in the batch"),
        "seconds": Threshold(3.0, "for a preflight that stays quick; an unfinished trial says nothing"),
    }  # fmt: skip

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        if case.data is None or case.reading is None or not case.reading.finite:
            return
        best: list[float] = []
        for lr in (3e-3, 3e-4, 3e-2):
            losses = self._learn(case, lr)
            if losses is None:
                return
            if not best or min(losses) / losses[0] < min(best) / best[0]:
                best = losses
            if min(losses) <= self.limit("left") * losses[0]:
                return
        first, last = best[0], min(best)
        evidence = Evidence.over_time(range(len(best)), best, "loss", high=self.limit("left") * first)
        yield self.finding(
            "problem", evidence=evidence, fixes=(*activation_fix(case, SQUASHING), *norm_fix(case)),
            steps=len(best), samples=int(self.limit("samples")), first=first, last=last,
        )  # fmt: skip

    def _learn(self, case: Case, lr: float) -> list[float] | None:
        """Losses of a training on one batch; None where it was not finished or cannot be made."""
        module = case.fresh_copy()
        params = [p for p in module.parameters() if p.requires_grad] if module is not None else []
        if module is None or not params or case.data is None:
            return None
        try:
            head = make_head(module, case.data, case.settings, case.users_loss, case.device)
            x, y = next(case.batches(int(self.limit("samples"))))
            if len(y) < 2 or _all_alike(y):
                return None
            module.train()
            head.forward.train()
            optimizer = torch.optim.Adam(params, lr=lr)
            losses: list[float] = []
            end = time.monotonic() + self.limit("seconds")
            for _ in range(int(self.limit("steps"))):
                if case.stop() or time.monotonic() > end:
                    return None
                optimizer.zero_grad()
                loss = head.loss(head.forward(x), y)
                value = float(loss.detach())
                losses.append(value)
                if not math.isfinite(value) or value < self.limit("left") * losses[0] / 2:
                    break
                torch.autograd.backward(loss)
                optimizer.step()
        except (LeptonError, RuntimeError, ValueError, StopIteration):
            return None
        return [v for v in losses if math.isfinite(v)] or None


@register_rule
class DeadAtStart(Rule):
    """No layer is silent before the first step."""

    name = "dead-at-start"
    phases: ClassVar[tuple[Phase, ...]] = _BEFORE
    reads = ("dead",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "share": Threshold(
            0.75,
            "half of a deep ReLU layer is silent with torch's first weights, whose biases decide; chosen above that",
        )
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        found = _at_start(case, "dead")
        worst = {label: share for label, share in found.items() if share >= self.limit("share")}
        for label, share in list(worst.items())[:1]:
            evidence = Evidence.bars(found, "share of silent units", high=self.limit("share"))
            fixes = (*input_norm_fix(case), init_fix("kaiming"), *activation_fix(case, ("ReLU",), "LeakyReLU"))
            severity = "problem" if share > 0.9 else "warning"
            yield self.finding(
                severity, layer=case.layer(label), evidence=evidence, fixes=fixes, share=share, samples=_seen(case)  # type: ignore[arg-type]
            )  # fmt: skip


@register_rule
class SaturatedAtStart(Rule):
    """No sigmoid or tanh is at the ends of its range before the first step."""

    name = "saturated-at-start"
    phases: ClassVar[tuple[Phase, ...]] = _BEFORE
    reads = ("act_saturated",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "share": Threshold(0.3, "Glorot and Bengio 2010, figure 2: healthy layers stay out of saturation; chosen")
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        found = _at_start(case, "act_saturated")
        last = case.reading.ran[-1][0] if case.reading is not None and case.reading.ran else ""
        found = {label: share for label, share in found.items() if label.replace("/", ".") != last}
        worst = {label: share for label, share in found.items() if share >= self.limit("share")}
        for label, share in list(worst.items())[:1]:
            kind = dict(case.reading.ran).get(label.replace("/", "."), "") if case.reading is not None else ""
            evidence = Evidence.bars(found, "share at the ends", high=self.limit("share"))
            fixes: tuple[Fix, ...] = (*input_norm_fix(case), init_fix("xavier"), *activation_fix(case, SQUASHING))
            yield self.finding(
                "warning", layer=case.layer(label), evidence=evidence, fixes=fixes, share=share, kind=kind
            )  # fmt: skip


def _at_start(case: Case, quantity: str) -> dict[str, float]:
    measured = case.measured(quantity)
    if measured is None:
        return {}
    row = measured.values[-1]
    return {label: float(v) for label, v in zip(measured.labels, row, strict=True) if np.isfinite(v)}


def _seen(case: Case) -> int:
    return min(4 * min(max(case.settings.batch_size, 32), 128), len(case.data.train)) if case.data is not None else 0


def _all_alike(y: Tensor) -> bool:
    return bool((y == y[:1]).all())
