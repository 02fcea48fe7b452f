"""Before training: what is wrong with the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
import torch
from typing_extensions import override

from lepton_lab.doctor.case import Case
from lepton_lab.doctor.data_fixes import can_standardise
from lepton_lab.doctor.findings import Evidence, Finding
from lepton_lab.doctor.mending import data_fix, input_norm_fix, settings_fix
from lepton_lab.doctor.rule import Phase, Rule, Threshold, register_rule

__all__ = ["ClassImbalance", "Duplicates", "InputScale", "Leakage", "MissingValues"]

_BEFORE: tuple[Phase, ...] = ("before",)
_SAMPLES = 5000  # that are looked at for leaking pixels
_SHOWN = 60  # features in a plot


@register_rule
class MissingValues(Rule):
    """All values are numbers."""

    name = "missing-values"
    phases: ClassVar[tuple[Phase, ...]] = _BEFORE
    reads = ("data",)

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        if case.data is None:
            return
        for found in case.data.report.find("not_finite"):
            if found.evidence.get("split") == "train":
                fixes = (data_fix("drop_not_finite", {"op": "drop_not_finite"}),)
                yield self.finding("problem", fixes=fixes, message=found.message)


@register_rule
class InputScale(Rule):
    """What reaches the network has a mean near 0 and a deviation near 1, in all features alike."""

    name = "input-scale"
    phases: ClassVar[tuple[Phase, ...]] = _BEFORE
    reads = ("data",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "mean": Threshold(4.0, "LeCun et al. 1998 ask for 0; pixels from 0 to 1 (mean up to 0.5) train well"),
        "high": Threshold(5.0, "LeCun et al. 1998 ask for a deviation of 1"),
        "low": Threshold(0.02, "LeCun et al. 1998 ask for a deviation of 1"),
        "uneven": Threshold(50.0, "LeCun et al. 1998: all inputs about the same covariance; chosen on healthy tables"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        x = case.some_inputs
        if x is None or not x.is_floating_point() or not bool(torch.isfinite(x).all()) or _normalises(case):
            return
        mean, std = float(x.mean()), float(x.std())
        fixes = input_norm_fix(case)
        if case.data is not None and can_standardise(case.data):
            fixes = (data_fix("standardise", {"op": "standardise"}), *fixes)
        if x.dim() == 2 and x.shape[1] > 1:
            each = x.std(0)
            each = each[each > 1e-12]
            if len(each) > 1:
                low, high = float(each.min()), float(each.max())
                if high / low > self.limit("uneven") and high > 2:
                    named = {f"feature {i}": float(v) for i, v in enumerate(each[:_SHOWN])}
                    evidence = Evidence.bars(named, "deviation", x_name="feature", low=0.3, high=3.0, log=True)
                    yield self.finding(
                        "warning", layer=_first(case), evidence=evidence, fixes=fixes, form="uneven",
                        ratio=high / low, low=low, high=high,
                    )  # fmt: skip
                    return
        if abs(mean) > self.limit("mean") or not self.limit("low") <= std <= self.limit("high"):
            counts, edges = np.histogram(x.numpy().reshape(-1), bins=40)
            evidence = Evidence.over_time(edges[:-1], counts / counts.sum(), "share of values", x_name="input value")
            yield self.finding(
                "warning", layer=_first(case), evidence=evidence, fixes=fixes, mean=mean, std=std
            )  # fmt: skip


@register_rule
class ClassImbalance(Rule):
    """Classes have about as many training samples as each other, or are evened out."""

    name = "class-imbalance"
    phases: ClassVar[tuple[Phase, ...]] = _BEFORE
    reads = ("data", "settings")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "ratio": Threshold(5.0, "the same as the data report; Buda et al. 2018 see an effect from about 10 on")
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        data = case.data
        if data is None or not data.task.is_classification or not data.classes:
            return
        counts = dict(zip(data.classes, data.class_counts().tolist(), strict=True))
        evidence = Evidence.bars(counts, "training samples", x_name="class")
        empty = [name for name, count in counts.items() if count == 0]
        if empty:
            yield self.finding("warning", evidence=evidence, form="empty", fewest=empty[0])
            return
        most, fewest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        ratio = counts[most] / counts[fewest]
        if ratio < self.limit("ratio") or data.balance or case.settings.class_weights is not None:
            return
        fixes = (
            settings_fix("class_weights", {"class_weights": "balanced"}, fresh=True),
            data_fix("balance", {"op": "balance", "how": "sampling"}),
        )
        yield self.finding("warning", evidence=evidence, fixes=fixes, most=most, fewest=fewest, ratio=ratio)


@register_rule
class Leakage(Rule):
    """No feature tells the target on its own."""

    name = "leakage"
    phases: ClassVar[tuple[Phase, ...]] = _BEFORE
    reads = ("data",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "tabular": Threshold(0.999, "share of targets that one column tells; see the data report"),
        "pixel": Threshold(0.95, "share of one pixel's variance that lies between the classes (η²); natural pixels of "
                                 "MNIST and CIFAR-10 stay below 0.5"),
    }  # fmt: skip

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        data = case.data
        if data is None:
            return
        for found in data.report.find("leaking_feature")[:3]:
            name = str(found.evidence["feature"])
            number = _number_of(case, name)
            fixes = (
                (data_fix("blank_feature", {"op": "blank_feature", "feature": number}, feature=name),)
                if number is not None
                else ()
            )
            yield self.finding("problem", fixes=fixes, feature=name, score=float(found.evidence["score"]))
        yield from self._pixels(case)

    def _pixels(self, case: Case) -> Iterator[Finding]:
        data = case.data
        stored = data.train.tensors() if data is not None else None
        if data is None or stored is None or stored[0].dim() < 3 or not data.task.is_classification:
            return
        x, y = stored[0], stored[1]
        if len(x) > _SAMPLES:
            rows = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[:_SAMPLES]
            x, y = x[rows], y[rows]
        if data.sample_dtype != "float32" or not bool(torch.isfinite(x.float()).all()):
            return
        flat = x.reshape(len(x), -1).float()
        total = flat.var(0, unbiased=False) * len(flat)
        between = torch.zeros_like(total)
        mean = flat.mean(0)
        for label in range(len(data.classes)):
            members = flat[y == label]
            if not len(members):
                continue
            between += len(members) * (members.mean(0) - mean).square()
        share = torch.where(total > 1e-6 * len(flat), between / total.clamp_min(1e-12), torch.zeros_like(total))
        best = int(share.argmax())
        if float(share[best]) >= self.limit("pixel"):
            place = np.unravel_index(best, tuple(x.shape[1:]))
            name = "the value at " + str(tuple(int(i) for i in place))
            fixes = (data_fix("blank_feature", {"op": "blank_feature", "feature": best}, feature=name),)
            top = torch.sort(share, descending=True).values[:_SHOWN]
            evidence = Evidence.over_time(
                range(len(top)), top, "share told by the class", x_name="value, best first", high=self.limit("pixel")
            )
            yield self.finding(
                "problem", evidence=evidence, fixes=fixes, feature=name[0].upper() + name[1:], score=float(share[best])
            )  # fmt: skip


@register_rule
class Duplicates(Rule):
    """No training sample comes up in another split, and no sample with two targets."""

    name = "duplicates"
    phases: ClassVar[tuple[Phase, ...]] = _BEFORE
    reads = ("data",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "share": Threshold(0.01, "of the other split: it lifts the score by at most as much"),
        "labels": Threshold(0.02, "of the training samples; chosen: a few contradictions are in most data"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        data = case.data
        if data is None:
            return
        fixes = (data_fix("drop_duplicates", {"op": "drop_duplicates"}),)
        for found in data.report.find("duplicates_across_splits"):
            one, other = found.evidence["splits"]
            share = _share_across(case, one, other)
            severity = "warning" if share >= self.limit("share") else "info"
            yield self.finding(
                severity, fixes=fixes if one == "train" else (), message=found.message  # type: ignore[arg-type]
            )  # fmt: skip
        for found in data.report.find("conflicting_targets"):
            if found.evidence.get("split") != "train" or not data.task.is_classification:
                continue
            count = int("".join(c for c in found.message.split(" ")[0] if c.isdigit()) or 1)
            severity = "warning" if count >= self.limit("labels") * len(data.train) else "info"
            yield self.finding(severity, form="labels", message=found.message)  # type: ignore[arg-type]


def _share_across(case: Case, one: str, other: str) -> float:
    assert case.data is not None
    from lepton_lab.data.checks import row_hashes

    first, second = case.data.splits[one].tensors(), case.data.splits[other].tensors()
    if first is None or second is None:
        return 0.0
    return float(np.isin(row_hashes(second[0]), row_hashes(first[0])).mean())


def _number_of(case: Case, name: str) -> int | None:
    """The place of a column among the features; None where a column became several features."""
    assert case.data is not None
    widths = case.data.preprocessing.feature_widths
    if any(width != 1 for _, width in widths):
        return None
    names = [n for n, _ in widths] or [f"feature {i}" for i in range(int(np.prod(case.data.sample_shape)))]
    return names.index(name) if name in names else None


def _normalises(case: Case) -> bool:
    """Whether the first layer that does something normalises."""
    if case.module is None:
        return False
    for module in case.module.modules():
        if any(True for _ in module.children()) or isinstance(module, torch.nn.Flatten | torch.nn.Identity):
            continue
        return "Norm" in type(module).__name__
    return False


def _first(case: Case) -> str | None:
    """The first layer with weights."""
    if case.module is None:
        return None
    names = [name for name, _ in case.module.named_parameters()]
    return case.layer(names[0]) if names else None
