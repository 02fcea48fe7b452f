"""Before and while training: parameters that do not take part."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from torch import nn
from typing_extensions import override

from lepton_lab.doctor.case import Case, held
from lepton_lab.doctor.findings import Finding
from lepton_lab.doctor.fixes import Fix
from lepton_lab.doctor.mending import init_fix, lr_fix
from lepton_lab.doctor.rule import Phase, Rule, Threshold, register_rule
from lepton_lab.doctor.words import fix_label

__all__ = ["Frozen", "KeepsTensors", "Unchanged", "Unreached"]

_BOTH: tuple[Phase, ...] = ("before", "during")


@register_rule
class Frozen(Rule):
    """Nothing is frozen behind something that trains."""

    name = "frozen-parameters"
    phases: ClassVar[tuple[Phase, ...]] = _BOTH
    reads = ("network",)

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        module = case.module
        if case.upto is not None or module is None or case.reading is None:
            return
        named = dict(module.named_parameters())
        frozen = [name for name, p in named.items() if not p.requires_grad]
        if not frozen:
            return
        if len(frozen) == len(named):
            yield self.finding("problem", form="all", fixes=_unfreeze(case, None))
            return
        rank = {path: i for i, (path, _) in enumerate(case.reading.ran)}
        trains = [rank[_owner(n)] for n, p in named.items() if p.requires_grad and _owner(n) in rank]
        first = min(trains, default=len(rank))
        behind = [n for n in frozen if rank.get(_owner(n), -1) > first and not _normalises(module, n)]
        chosen = behind[0] if behind else frozen[0]
        layer = case.layer(chosen)
        if behind:
            yield self.finding("warning", layer=layer, fixes=_unfreeze(case, layer))
        else:
            yield self.finding("info", layer=layer, form="start", fixes=_unfreeze(case, layer))


@register_rule
class Unreached(Rule):
    """Every parameter that shall train gets a gradient."""

    name = "unreached-parameters"
    phases: ClassVar[tuple[Phase, ...]] = _BOTH
    reads = ("network",)

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        if case.upto is not None or case.module is None or case.reading is None or not case.reading.finite:
            return
        trained = {name for name, p in case.module.named_parameters() if p.requires_grad}
        lost = [name for name, norm in case.reading.gradients.items() if norm is None and name in trained]
        if len(lost) == len(trained):
            return  # the loss has no gradient at all, which other rules name
        for layer in list(dict.fromkeys(case.layer(name) for name in lost))[:3]:
            yield self.finding("warning", layer=layer)


@register_rule
class KeepsTensors(Rule):
    """The network does not collect tensors from batch to batch."""

    name = "keeps-tensors"
    phases: ClassVar[tuple[Phase, ...]] = _BOTH
    reads = ("network",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "batches": Threshold(3, "batches in a row, each of which leaves tensors behind"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        if case.spec is not None or case.head is None or case.data is None or case.upto is not None:
            return  # layers of a specification keep nothing
        module = case.fresh_copy()
        if module is None:
            return
        counts = []
        source = case.batches(2)
        module.train()
        for _ in range(int(self.limit("batches")) + 1):
            batch = next(source, None)
            if batch is None or case.stop():
                return
            try:
                module(batch[0])
            except (RuntimeError, ValueError, TypeError, IndexError):
                return
            counts.append({name: len(held(part)) for name, part in module.named_modules()})
        for name in counts[0]:
            grown = np.diff([count[name] for count in counts])
            if (grown > 0).all():
                layer = name or type(module).__name__
                yield self.finding("warning", layer=layer, count=int(grown[-1]))
                return


@register_rule
class Unchanged(Rule):
    """Every layer's weights change, and every layer gives something else than zeros."""

    name = "unchanged-weights"
    phases: ClassVar[tuple[Phase, ...]] = ("during",)
    reads = ("update_ratio", "act_zero", "weight_norm")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "ratio": Threshold(1e-9, "below the resolution of a 32-bit number (6e-8), with room for single large weights"),
        "steps": Threshold(10, "steps that are needed to say so"),
        "zero": Threshold(0.99999, "share of zeros that counts as all"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        if case.step < self.limit("steps"):
            return
        ratios = case.measured("update_ratio")
        norms = case.measured("weight_norm")
        if ratios is not None and ratios.live and len(ratios.steps) >= 3:
            largest = np.nan_to_num(ratios.values, nan=0.0).max(0)
            weights = dict(zip(norms.labels, norms.values[-1], strict=True)) if norms is not None else {}
            if largest.max() > 1e-6:
                still = [
                    label
                    for label, value in zip(ratios.labels, largest, strict=True)
                    if value <= self.limit("ratio") and weights.get(label, 1.0) > 0
                ]
                for label in still[:2]:
                    layer = case.layer(label)
                    fixes = _unfreeze(case, layer)
                    yield self.finding(
                        "warning", layer=layer, since=int(ratios.steps[0]), fixes=fixes, steps=case.step
                    )  # fmt: skip
        yield from self._zeros(case)

    def _zeros(self, case: Case) -> Iterator[Finding]:
        zero = case.measured("act_zero")
        if zero is None:
            return
        recent = zero.values[-3:]
        for i, label in enumerate(zero.labels):
            if len(recent) and (recent[:, i] >= self.limit("zero")).all():
                at = np.flatnonzero(zero.values[:, i] < self.limit("zero"))
                since = int(zero.steps[at[-1] + 1] if len(at) else zero.steps[0])
                fixes = (init_fix("kaiming"), *lr_fix(case, 0.1))
                yield self.finding("problem", layer=case.layer(label), since=since, form="zero", fixes=fixes)
                return


def _owner(name: str) -> str:
    return name.rpartition(".")[0]


def _normalises(module: nn.Module, name: str) -> bool:
    return "Norm" in type(module.get_submodule(_owner(name))).__name__


def _unfreeze(case: Case, layer: str | None) -> tuple[Fix, ...]:
    """Edits that let layers train again, where the specification says that they are frozen."""
    if case.spec is None:
        return ()
    edits = [
        {"op": "set", "path": path, "values": {field: value}}
        for path, spec in case.spec.walk()
        for field, value in (("trainable", True), ("frozen", False))
        if field in type(spec).model_fields and getattr(spec, field) is not value and layer in (None, path)
    ]
    label = fix_label("unfreeze", layer=layer or case.spec.name)
    return (Fix(label, "network", edits=tuple(edits), fresh=True),) if edits else ()
