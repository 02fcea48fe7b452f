"""While training: whether the machine is used well."""

from __future__ import annotations

import itertools
import statistics
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import torch
from typing_extensions import override

from lepton_lab.doctor.case import Case
from lepton_lab.doctor.findings import Evidence, Finding
from lepton_lab.doctor.mending import batch_fix, settings_fix
from lepton_lab.doctor.rule import Phase, Rule, Threshold, register_rule
from lepton_lab.training.memory import used_memory

__all__ = ["LoaderWait", "LowUtilisation", "MemoryGrowth", "SmallBatch", "note_memory"]

_DURING: tuple[Phase, ...] = ("during",)
_MIB = 2**20
_notes: weakref.WeakKeyDictionary[Any, list[tuple[int, int]]] = weakref.WeakKeyDictionary()


def note_memory(run: Any, step: int | None = None, used: int | None = None) -> None:
    """Remembers how much memory is in use at a step of a run of this process; `diagnose` does so whenever it is called.

    Args:
        run: The run.
        step: The step; the present one where None.
        used: Bytes in use; measured where None.
    """
    status = run.status
    if used is None:
        if status.state.ended or getattr(run, "_plan", None) is None:
            return  # what the process takes after the end, or another process takes, says nothing about the run
        used = used_memory(torch.device(status.device or "cpu"))
    notes = _notes.setdefault(run, [])
    at = int(status.step if step is None else step)
    if not notes or notes[-1][0] < at:
        notes.append((at, used))


@register_rule
class MemoryGrowth(Rule):
    """Memory stays as it is from step to step."""

    name = "memory-growth"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("memory",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "notes": Threshold(6, "looks at a run; fewer cannot tell growth from warming up"),
        "part": Threshold(
            0.08, "of the growth that comes in each quarter of the looks; an even growth has 0.25; chosen"
        ),
        "growth": Threshold(64, "MiB in all; chosen: allocators keep some tens of MiB in reserve"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        notes = [n for n in _notes.get(case.run, []) if case.upto is None or n[0] <= case.upto]
        notes = notes[len(notes) // 4 :]  # at first everything grows
        if len(notes) < self.limit("notes"):
            return
        used = [n[1] / _MIB for n in notes]
        growth = used[-1] - used[0]
        parts = [statistics.median(used[len(used) * i // 4 : len(used) * (i + 1) // 4]) for i in range(4)]
        rises = all(b - a > self.limit("part") * growth for a, b in itertools.pairwise(parts))
        if growth < self.limit("growth") or not rises:
            return
        evidence = Evidence.over_time([n[0] for n in notes], used, "memory", y_unit="MiB")
        yield self.finding(
            "warning", since=notes[0][0], evidence=evidence, growth=growth, steps=notes[-1][0] - notes[0][0]
        )  # fmt: skip


@register_rule
class LoaderWait(Rule):
    """Samples are prepared as fast as they are learned from."""

    name = "loader-wait"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("data", "samples_per_s")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "factor": Threshold(1.5, "times of a batch's computing; chosen: below that reading ahead hides it"),
        "batches": Threshold(3, "batches that are timed"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        if case.data is None or case.data.train.tensors() is not None or case.upto is not None or case.head is None:
            return  # what lies in memory needs no reading
        size, count = case.settings.batch_size, int(self.limit("batches"))
        generator = torch.Generator().manual_seed(0)
        source = case.data.train.batches(size, shuffle=True, generator=generator, device=case.device)
        batch = next(source, None)
        if batch is None or len(batch[1]) < 2:
            return
        load = _best(lambda: next(source, None), count)
        compute = _best(lambda: _train_once(case, *batch), count)
        if load is None or compute is None or load < self.limit("factor") * compute:
            return
        evidence = Evidence.bars({"preparing": 1e3 * load, "computing": 1e3 * compute}, "time", x_name="", y_unit="ms")
        yield self.finding(
            "warning", evidence=evidence, load=1e3 * load, compute=1e3 * compute, share=1 - compute / load
        )  # fmt: skip


@register_rule
class LowUtilisation(Rule):
    """The device is busy for most of the time."""

    name = "low-utilisation"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("samples_per_s",)
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "share": Threshold(0.3, "of the time; Amazon SageMaker Debugger's LowGPUUtilization has 70 % and 10 %")
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        if case.run is None or case.run.status.state != "running" or case.upto is not None:
            return
        share = device_share(str(case.run.status.device))
        if share is None or share >= self.limit("share"):
            return
        fixes = (
            batch_fix(case, min(4096, 4 * case.settings.batch_size), fresh=False),
            settings_fix("compile", {"compile": True}),
        )
        evidence = Evidence.bars({"busy": share}, "share of the time", x_name="", low=self.limit("share"))
        yield self.finding("info", fixes=fixes, evidence=evidence, share=share)


@register_rule
class SmallBatch(Rule):
    """A larger batch would not be much faster."""

    name = "small-batch"
    phases: ClassVar[tuple[Phase, ...]] = _DURING
    reads = ("samples_per_s", "settings")
    thresholds: ClassVar[Mapping[str, Threshold]] = {
        "gain": Threshold(2.0, "times the speed with a batch four times as large"),
        "left": Threshold(60.0, "seconds that the run still takes; below that nobody waits"),
    }

    @override
    def check(self, case: Case) -> Iterator[Finding]:
        if case.run is None or case.head is None or case.data is None or case.upto is not None:
            return
        left = case.run.status.eta_s
        size = case.settings.batch_size
        if left is None or left < self.limit("left") or 4 * size > len(case.data.train):
            return
        speeds = []
        for count in (size, 4 * size):
            batch = next(case.batches(count), None)
            seconds = _best(lambda batch=batch: _train_once(case, *batch), 3) if batch is not None else None  # type: ignore[misc]
            if seconds is None:
                return
            speeds.append(count / seconds)
        if speeds[1] < self.limit("gain") * speeds[0]:
            return
        evidence = Evidence.bars(
            {str(size): speeds[0], str(4 * size): speeds[1]}, "speed", x_name="samples a batch", y_unit="samples/s"
        )
        yield self.finding(
            "info", evidence=evidence, fixes=(batch_fix(case, 4 * size, fresh=False),), size=size, larger=4 * size,
            slow=speeds[0], fast=speeds[1],
        )  # fmt: skip


def device_share(device: str) -> float | None:
    """How much of the last moments a GPU was busy, 0 to 1; None for other devices and where the driver does not say."""
    if not device.startswith("cuda"):
        return None
    try:
        return torch.cuda.utilization(torch.device(device)) / 100
    except (ImportError, RuntimeError, ModuleNotFoundError):
        return None


def _train_once(case: Case, x: torch.Tensor, y: torch.Tensor) -> None:
    assert case.head is not None
    assert case.module is not None
    case.module.train()
    value = case.head.loss(case.head.forward(x), y)
    if value.requires_grad:
        torch.autograd.backward(value)
    case.module.zero_grad(set_to_none=True)
    if case.device.type == "cuda":
        torch.cuda.current_stream(case.device).synchronize()  # of the whole device, a training's capture would fail


def _best(work: Callable[[], Any], count: int) -> float | None:
    """The shortest of a few timings, in seconds; None where it cannot be done."""
    times = []
    try:
        for _ in range(count):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
    except (RuntimeError, ValueError, MemoryError):
        return None
    return min(times)
