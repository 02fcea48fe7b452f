"""Tries a fix: a second run with one thing changed, and the two side by side."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lepton_lab.data import DataBundle, load_source
from lepton_lab.doctor.findings import Finding
from lepton_lab.doctor.fixes import Fix
from lepton_lab.doctor.look import diagnose
from lepton_lab.errors import TrainingError
from lepton_lab.markup import cell, escape, page, table
from lepton_lab.network import NetworkSpec
from lepton_lab.network.initialise import initialise
from lepton_lab.training.run import Run
from lepton_lab.training.settings import TrainSettings
from lepton_lab.training.trainer import Trainer, trainer_of

__all__ = ["BeforeAfter", "Row", "compare", "try_fix"]


def try_fix(run: Any, finding: Finding, fix: int | Fix = 0, *, data: DataBundle | None = None, **changes: Any) -> Run:
    """Starts a run in which one finding is put right, beside the old one.

    Where only settings change and the present weights are of use, the run is forked: it goes on from its last weights
    for as many epochs as it was given. Else a new run starts from the beginning with the same seed.

    Args:
        run: A `Run` or a `StoredRun`.
        finding: What was found.
        fix: Which of its fixes, by number, or the fix.
        data: The run's data, where it cannot be loaded again from its source.
        **changes: Settings to replace besides, such as `epochs=3`.

    Returns:
        The new run, already started.

    Raises:
        TrainingError: The finding has no such fix, or the network or the data cannot be had again.
    """
    chosen = _chosen(finding, fix)
    settings = TrainSettings.from_json(run.settings)
    name = f"{run.name}: {chosen.label}"
    forks = not chosen.fresh and not chosen.edits and not chosen.init and not chosen.data
    if forks:
        epochs = settings.epochs if not run.state.ended else int(run.status.epoch) + max(1, settings.epochs)
        options: dict[str, Any] = {} if isinstance(run, Run) else {"data": data}
        forked: Run = run.fork(name=name, **{"epochs": epochs, **dict(chosen.settings), **changes}, **options)
        return forked
    plan = getattr(run, "_plan", None)
    bundle = data if data is not None else plan.data if plan is not None else _reload(run)
    spec = NetworkSpec.from_dict(run.network) if run.network is not None else None
    spec, settings, changed = chosen.apply(spec, settings, bundle)
    assert changed is not None
    parent = {"run": run.id, "step": 0}
    trainer = _trainer(run, spec, settings.changed(**changes), chosen.init)
    if plan is not None:
        trainer._loss, trainer._optimizer = plan.loss, _reusable(plan.optimizer)
        trainer.callbacks = list(plan.callbacks)
        if plan.metrics:
            trainer._metrics = tuple(plan.metrics)
    if settings.probes is not None:
        trainer._probes = list(settings.probes)
    return trainer.start(changed, name=name, parent=parent)


def _trainer(run: Any, spec: NetworkSpec | None, settings: TrainSettings, init: str) -> Trainer:
    if spec is not None and not init:
        return trainer_of(spec.to_dict(), settings.to_json())
    if spec is not None:
        module = spec.build(seed=settings.seed, init=init)
    else:
        plan = getattr(run, "_plan", None)
        if plan is None or plan.module is None:
            raise TrainingError(
                f"{run.name!r} trained a module that is not in this process", do="Change and start it from its code"
            )
        module = copy.deepcopy(plan.module)
        _start_again(module, settings.seed, init)
    trainer = Trainer(module, metrics=None if settings.metrics == ("auto",) else settings.metrics)
    trainer.settings = settings
    return trainer


def _start_again(module: Any, seed: int, init: str) -> None:
    """Draws a module's weights anew; its present ones are those of a training that went wrong."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for part in module.modules():
            if callable(getattr(part, "reset_parameters", None)):
                part.reset_parameters()
        if init:
            initialise(module, init)


def _chosen(finding: Finding, fix: int | Fix) -> Fix:
    if isinstance(fix, Fix):
        return fix
    if not finding.fixes:
        raise TrainingError(f"{finding.rule!r} has no fix that can be applied", do=finding.no_fix or None)
    if not 0 <= fix < len(finding.fixes):
        raise TrainingError(
            f"{finding.rule!r} has no fix number {fix}",
            expected=f"0 to {len(finding.fixes) - 1}: " + "; ".join(f.label for f in finding.fixes),
        )
    return finding.fixes[fix]


def _reload(run: Any) -> DataBundle:
    source = (run.data or {}).get("source")
    if source is None:
        raise TrainingError(f"the data of {run.name!r} cannot be loaded again", do="Pass data=")
    return load_source(source)


def _reusable(optimizer: Any) -> Any:
    import torch

    return None if isinstance(optimizer, torch.optim.Optimizer) else optimizer


@dataclass(frozen=True)
class Row:
    """One line of a comparison.

    Attributes:
        what: What is compared.
        before: Its value in the old run; None where it has none.
        after: Its value in the new run.
        better: True where the new run is better, False where it is worse, None where neither can be said.
        unit: Unit of the values.
    """

    what: str
    before: float | str | None
    after: float | str | None
    better: bool | None = None
    unit: str = ""


@dataclass(frozen=True)
class BeforeAfter:
    """Two runs side by side.

    Attributes:
        before: Name of the old run.
        after: Name of the new run.
        rows: What was measured, in two columns.
        curves: For each run the loss by step, as lists "step" and "loss".
        gone: Rules that found something in the old run and nothing in the new one.
        new: Rules that found something in the new run only.
    """

    before: str
    after: str
    rows: tuple[Row, ...]
    curves: Mapping[str, Mapping[str, tuple[float, ...]]]
    gone: tuple[str, ...]
    new: tuple[str, ...]

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __getitem__(self, what: str) -> Row:
        for row in self.rows:
            if row.what == what:
                return row
        raise KeyError(what)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON data."""
        from dataclasses import asdict

        from lepton_lab.doctor.plain import plain

        data: dict[str, Any] = plain(asdict(self))
        return data

    def __str__(self) -> str:
        wide = max((len(row.what) for row in self.rows), default=4)
        lines = [f"{'':{wide}}  {'before':>14}  {'after':>14}"]
        lines += [
            f"{row.what:{wide}}  {_text(row.before, row.unit):>14}  {_text(row.after, row.unit):>14}"
            + {True: "  better", False: "  worse", None: ""}[row.better]
            for row in self.rows
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = [cell("", header=True), *(cell(t, "num", header=True) for t in ("before", "after", ""))]
        rows = [
            [
                cell(row.what, "key"),
                *(cell(_text(value, row.unit), "num") for value in (row.before, row.after)),
                cell({True: "better", False: "worse", None: ""}[row.better], "soft"),
            ]
            for row in self.rows
        ]  # fmt: skip
        title = f"<h4>{escape(self.after)}</h4><p class='soft'>after, beside {escape(self.before)}, before</p>"
        return page("Before and after", title, table(rows, head))


_UP = ("acc", "auroc", "f1", "precision", "recall", "r2", "top_")
_SAME = 0.01  # of a value, below which two runs count as alike


def compare(before: Any, after: Any, *, data: DataBundle | None = None) -> BeforeAfter:
    """Two runs side by side: losses and metrics of their last epochs, and what the doctor finds in each.

    Args:
        before: The run in which something was found.
        after: The run that tried a fix.
        data: The data of a stored run, where it cannot be loaded again.
    """
    rows: list[Row] = []
    last = [_last_epoch(run) for run in (before, after)]
    for name in dict.fromkeys((*last[0], *last[1])):
        a, b = last[0].get(name), last[1].get(name)
        rows.append(Row(name, a, b, _better(name, a, b)))
    rows.append(Row("steps", float(before.status.step), float(after.status.step)))
    found = [diagnose(run, data=data) for run in (before, after)]
    counts = [sum(f.severity != "info" for f in report) for report in found]
    rows.append(Row("problems and warnings", float(counts[0]), float(counts[1]), _fewer(*counts)))
    rules = [{f.rule for f in report if f.severity != "info"} for report in found]
    return BeforeAfter(
        before.name, after.name, tuple(rows), {"before": _curve(before), "after": _curve(after)},
        tuple(sorted(rules[0] - rules[1])), tuple(sorted(rules[1] - rules[0])),
    )  # fmt: skip


def _last_epoch(run: Any) -> dict[str, float]:
    """The last epoch's figures; the best one's where the run keeps its best weights."""
    row = run.history.epochs.last() or {}
    settings = TrainSettings.from_json(run.settings)
    keeps = settings.restore_best if settings.restore_best is not None else settings.patience is not None
    best = run.status.best_epoch
    if row and keeps and best is not None and run.state.ended:
        columns = run.history.epochs.since(0)[1]
        at = np.flatnonzero(columns["epoch"] == best)
        row = {name: float(values[at[0]]) for name, values in columns.items()} if len(at) else row
    if not row:
        step = run.history.steps.last() or {}
        row = {"loss": step["loss"]} if step else {}
    left_out = ("epoch", "time", "lr")
    return {k: float(v) for k, v in row.items() if k not in left_out and np.isfinite(v)}


def _curve(run: Any) -> dict[str, tuple[float, ...]]:
    columns = run.history.steps.since(0)[1]
    stride = max(1, len(columns["step"]) // 500)
    return {name: tuple(map(float, columns[name][::stride])) for name in ("step", "loss")}


def _better(name: str, before: float | None, after: float | None) -> bool | None:
    if before is None or after is None:
        return after is not None if (before is None) != (after is None) else None
    if abs(after - before) <= _SAME * max(abs(before), abs(after)):
        return None
    up = any(part in name for part in _UP)
    return (after > before) == up


def _fewer(before: int, after: int) -> bool | None:
    return None if before == after else after < before


def _text(value: float | str | None, unit: str) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    shown = f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 10 else f"{value:.4g}"
    return f"{shown} {unit}".rstrip()
