"""Before training: whether the network's last activation suits the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import ClassVar

import torch
from torch import nn
from typing_extensions import override

from lepton_lab.data import Task
from lepton_lab.doctor.case import Case
from lepton_lab.doctor.findings import Evidence, Finding
from lepton_lab.doctor.fixes import Fix
from lepton_lab.doctor.mending import set_outputs_fix, settings_fix, without_output_activation
from lepton_lab.doctor.rule import Phase, Rule, Threshold, register_rule
from lepton_lab.doctor.words import fix_label
from lepton_lab.training.losses import LOSSES

__all__ = ["OutputActivation"]

_RANGES = {
    "Sigmoid": (0.0, 1.0), "Hardsigmoid": (0.0, 1.0), "Tanh": (-1.0, 1.0), "ReLU": (0.0, math.inf),
    "Softmax": (0.0, 1.0), "Softplus": (0.0, math.inf), "LogSoftmax": (-math.inf, 0.0), "ReLU6": (0.0, 6.0),
}  # fmt: skip
_EXPECTS = {
    "logits": "values without limits (logits), to which it applies the softmax itself",
    "binary": "values without limits (logits), to which it applies the sigmoid itself",
    "log_probabilities": "log-probabilities, as LogSoftmax gives them",
    "values": "values without limits",
}


@register_rule
class OutputActivation(Rule):
    """The last activation gives what the loss expects."""

    name = "output-activation"
    phases: ClassVar[tuple[Phase, ...]] = ("before",)
    reads = ("network", "loss", "data")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "outside": Threshold(0.02, "share of targets that a regression's last activation cannot reach; chosen")
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        reading, head, data = case.reading, case.head, case.data
        if reading is None or head is None or data is None or case.module is None or not reading.ran:
            return
        path, kind = _last(case)
        if kind == "Softmax" and head.output_numel == 1:
            fixes = (*set_outputs_fix(case, max(2, data.target_size)), *without_output_activation(case))
            yield self.finding("problem", layer=case.layer(path), fixes=fixes, form="single", kind=kind, loss="")
            return
        takes, name = _takes(case)
        if takes in ("logits", "binary"):
            cut = head.forward is not case.module  # the engine undoes this one by itself
            known = kind == "LogSoftmax" or (head.about.probabilities and case.users_loss is None)
            bounded = kind in _RANGES and not cut and not known
            if takes == "binary" and kind == "Softmax" and not cut:
                bounded = True
            if bounded:
                yield self._unsuited(case, path, kind, name, takes)
        elif takes == "log_probabilities" and kind != "LogSoftmax" and not head.about.probabilities:
            output = reading.output
            if output is not None and not bool((output.exp().sum(1) - 1).abs().max() < 1e-2):
                last = case.spec.layers[-1].name if case.spec is not None else path
                edit = {"op": "insert", "path": last, "place": "after", "layer": {"kind": "LogSoftmax"}}
                fixes = (settings_fix("loss", {"loss": "cross_entropy"}, fresh=True, loss="cross_entropy"),)
                if case.spec is not None:
                    fixes += (Fix(fix_label("append_log_softmax"), "network", edits=(edit,), fresh=True),)
                yield self.finding(
                    "problem", layer=case.layer(path), fixes=fixes, kind=kind, loss=name, expects=_EXPECTS[takes]
                )  # fmt: skip
        elif takes == "values" and kind in _RANGES:
            yield from self._range(case, path, kind, name)

    def _unsuited(self, case: Case, path: str, kind: str, loss: str, takes: str) -> Finding:
        return self.finding(
            "problem", layer=case.layer(path), fixes=without_output_activation(case), kind=kind, loss=loss,
            expects=_EXPECTS[takes],
        )  # fmt: skip

    def _range(self, case: Case, path: str, kind: str, loss: str) -> Iterator[Finding]:
        assert case.data is not None
        if case.data.task is not Task.REGRESSION:
            return
        low, high = _RANGES[kind]
        y = case.data.train.targets().float().reshape(-1)
        y = y[torch.isfinite(y)]
        slack = 0.01 * float(y.max() - y.min()) if len(y) else 0.0
        share = float(((y < low - slack) | (y > high + slack)).float().mean())
        if share <= self.limit("outside"):
            return
        edges = torch.linspace(float(y.min()), float(y.max()), 31)
        counts = torch.histc(y, 30, float(y.min()), float(y.max()))
        evidence = Evidence.over_time(edges[:-1], counts / counts.sum(), "share of targets", x_name="target")
        yield self.finding(
            "problem", layer=case.layer(path), evidence=evidence, fixes=without_output_activation(case), form="range",
            kind=kind, loss=loss, low=low, high=high, share=share,
        )  # fmt: skip


def _takes(case: Case) -> tuple[str, str]:
    """What the loss expects, and its name; a loss module of torch's counts as the loss of its name."""
    assert case.head is not None
    users = case.users_loss
    if users is None:
        name = case.head.loss_name
        return LOSSES[name].takes if name in LOSSES else "", name
    name = type(users).__name__ if isinstance(users, nn.Module) else getattr(users, "__name__", "")
    if name == "BCELoss":
        return "", name  # on its own it expects probabilities
    return (LOSSES[name].takes if name in LOSSES else ""), name


def _last(case: Case) -> tuple[str, str]:
    """Path and class of the layer whose output is the network's; layers that only reshape are passed over."""
    assert case.reading is not None
    for path, kind in reversed(case.reading.ran):
        if kind not in ("Flatten", "Identity", "Dropout", "Unflatten"):
            return path, kind
    return "", ""
