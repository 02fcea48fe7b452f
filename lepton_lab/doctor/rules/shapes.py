"""Before training: whether network, data and memory fit each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import torch
from typing_extensions import override

from lepton_lab.doctor.case import Case
from lepton_lab.doctor.findings import Finding
from lepton_lab.doctor.fixes import Fix
from lepton_lab.doctor.mending import batch_fix, replace_norm_fix, set_outputs_fix
from lepton_lab.doctor.rule import Phase, Rule, Threshold, register_rule
from lepton_lab.errors import LeptonError, ShapeError
from lepton_lab.network import Fix as NetworkFix
from lepton_lab.training.memory import available_memory

__all__ = ["BatchNormBatch", "LabelRange", "MemoryFit", "Shapes"]

_GIB = 2**30


@register_rule
class Shapes(Rule):
    """The data goes through the network, and the loss takes what comes out."""

    name = "shapes"
    phases: ClassVar[tuple[Phase, ...]] = ("before",)
    reads = ("network", "data")

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        if case.data is None or _too_few_outputs(case) is not None:
            return
        problem: LeptonError | None = None
        if case.spec is not None:
            asked = case.spec
            if asked.input_shape is None or asked.input_shape != case.data.sample_shape:
                asked = asked.changed(input_shape=case.data.sample_shape)
            check = asked.check()
            problem = check.problems[0].error if check.problems else None
        if problem is None and _fits_memory(case) and (case.module is None or case.head is None):
            problem = case.problem
        if problem is None:
            return
        path = getattr(problem, "path", "") or None
        fixes = tuple(Fix.of_network(fix) for fix in problem.fixes if isinstance(fix, NetworkFix))
        if not fixes and isinstance(problem, ShapeError) and "targets" in str(problem):
            fixes = set_outputs_fix(case, case.data.target_size)
        yield self.finding(
            "problem", layer=case.layer(path) if path else None, fixes=fixes, message=str(problem)
        )  # fmt: skip


@register_rule
class LabelRange(Rule):
    """There is an output for every class."""

    name = "label-range"
    phases: ClassVar[tuple[Phase, ...]] = ("before",)
    reads = ("network", "data")

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        outputs = _too_few_outputs(case)
        if outputs is not None and case.data is not None:
            layer = case.spec.layers[-1].name if case.spec is not None and case.spec.layers else None
            size = case.data.target_size
            yield self.finding(
                "problem", layer=layer, fixes=set_outputs_fix(case, size), classes=size, outputs=outputs
            )  # fmt: skip


@register_rule
class BatchNormBatch(Rule):
    """Batch normalisation sees enough samples at once."""

    name = "batch-norm-batch"
    phases: ClassVar[tuple[Phase, ...]] = ("before",)
    reads = ("network", "settings")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "least": Threshold(4, "Wu and He 2018, arXiv:1803.08494, figure 1: the error grows from 16 samples down, by 2 "
                              "points at 4 and by 10 at 2")
    }  # fmt: skip

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        size = case.settings.batch_size
        module = case.module
        if module is None or case.data is None:
            return
        norms = [n for n, m in module.named_modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
        if not norms:
            return
        layer, fixes = case.layer(norms[0]), (batch_fix(case, 32), *replace_norm_fix(case))
        flat = any(isinstance(m, torch.nn.BatchNorm1d) for m in module.modules())
        if size <= self.limit("least"):
            severity = "problem" if size == 1 and flat else "warning"
            yield self.finding(severity, layer=layer, fixes=fixes, size=size)  # type: ignore[arg-type]
        elif flat and len(case.data.train) % size == 1 and len(case.data.sample_shape) == 1:
            yield self.finding(
                "problem", layer=layer, fixes=(batch_fix(case, _no_single(len(case.data.train), size)),), form="last",
                size=size,
            )  # fmt: skip


@register_rule
class MemoryFit(Rule):
    """Weights, gradients, optimizer and activations fit into memory."""

    name = "memory-fit"
    phases: ClassVar[tuple[Phase, ...]] = ("before",)
    reads = ("network", "settings")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "share": Threshold(0.9, "of the free memory; the rest is for what the libraries take themselves"),
        "copies": Threshold(4, "of each weight: itself, its gradient, and Adam's two moments (Kingma and Ba 2015)"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        needed = _needed(case)
        free = available_memory(case.device)
        if needed is None or sum(needed) <= self.limit("share") * free:
            return
        weights, activations = needed
        size = case.settings.batch_size
        fixes: tuple[Fix, ...] = ()
        per_sample = activations / size
        if weights + per_sample < self.limit("share") * free:
            fits = int((self.limit("share") * free - weights) / per_sample)
            power = 1 << (max(1, fits // 2).bit_length() - 1)
            fixes = (batch_fix(case, min(size, power)),)
        yield self.finding(
            "problem", fixes=fixes, needed=sum(needed) / _GIB, free=free / _GIB, batch=size, device=str(case.device)
        )  # fmt: skip


def _needed(case: Case) -> tuple[float, float] | None:
    """Bytes for weights and for activations; None where the network has no specification."""
    if case.spec is None:
        return None
    check = case.spec.check() if case.spec.input_shape is not None else None
    if check is None or check.shapes is None:
        return None
    copies = MemoryFit.limit("copies")
    return 4.0 * copies * check.shapes.parameters, float(check.shapes.activation_bytes * case.settings.batch_size)


def _fits_memory(case: Case) -> bool:
    needed = _needed(case)
    return needed is None or sum(needed) <= available_memory(case.device)


def _too_few_outputs(case: Case) -> int | None:
    """How many outputs there are, where they are fewer than the classes; None where all is well or unknown."""
    data = case.data
    if data is None or not data.task.is_classification or data.target_size < 2 or not _fits_memory(case):
        return None
    outputs: int | None = None
    if case.spec is not None:
        shapes = case.spec.changed(input_shape=data.sample_shape).check().shapes
        if shapes is not None and len(shapes.output.shape) == 1:
            outputs = shapes.output.shape[0]
    elif case.head is not None:
        outputs = case.head.output_numel
    elif case.problem is not None and "classes, but the network has" in str(case.problem):
        outputs = int("".join(c for c in str(case.problem.received) if c.isdigit()) or 0)
    if outputs is None or outputs >= data.target_size or (data.target_size == 2 and outputs == 1):
        return None
    return outputs


def _no_single(samples: int, size: int) -> int:
    """The next larger batch size whose last batch is not a single sample."""
    size += 1
    while samples % size == 1:
        size += 1
    return size
