"""Trainings that begin where others were: a run that goes on, and a copy of one with other settings."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch

from lepton_lab.data import DataBundle, load_source
from lepton_lab.errors import TrainingError
from lepton_lab.probes.base import make_probes
from lepton_lab.training import recording
from lepton_lab.training.checkpoint import Snapshot, newest_checkpoint
from lepton_lab.training.history import History
from lepton_lab.training.loop import train
from lepton_lab.training.metrics import default_metrics
from lepton_lab.training.plan import Plan
from lepton_lab.training.run import Run
from lepton_lab.training.trainer import trainer_of

__all__ = ["RESHAPING", "fork_run", "resume_run"]

RESHAPING = frozenset(
    {
        "lr", "weight_decay", "decay_biases", "batch_size", "momentum", "optimizer", "optimizer_args", "schedule",
        "precision",
    }
)  # fmt: skip
"""Settings of which a fork takes its own where they were changed, not those that its snapshot was taken with."""


def resume_run(run: Run, *, recorder: recording.Recorder | None = None, data: DataBundle | None = None) -> Run:
    """Goes on with a run that was stopped, failed or interrupted, from its last checkpoint.

    Args:
        run: The run; one of another process must have `folder`, `settings`, `network` and a data `source`.
        recorder: Keeps the record; the default one where None.
        data: Its data, where it cannot be loaded from its source.

    Raises:
        CheckpointError: There is no checkpoint that is whole.
        TrainingError: Network or data cannot be had again.
    """
    plan = run._plan
    problems: list[Any] = []
    if plan is None:
        if run.network is None:
            raise TrainingError(f"{run.name!r} trained a module that has no specification", do="Start it from its code")
        if data is None and run.data.get("source") is None:
            raise TrainingError(f"the data of {run.name!r} cannot be loaded again", do="Pass data=")
        trainer = trainer_of(run.network, run.settings)
        bundle = data or load_source(run.data["source"])
        settings = trainer.settings
        names = trainer._metrics if trainer._metrics is not None else default_metrics(str(bundle.task))
        probes = make_probes(trainer._probes)
        plan = Plan(data=bundle, settings=settings, build=trainer._builder(settings), metrics=names, probes=probes)
    if plan.last is not None and run.folder is None:
        snapshot = plan.last
    else:
        if run.folder is None:
            raise TrainingError(f"{run.name!r} has no folder with checkpoints", do="Start the training anew")
        snapshot, problems = newest_checkpoint(run.folder / "checkpoints")
    plan.start, plan.last = snapshot, None
    run.history = run.history.truncated(int(snapshot.about["step"]), int(snapshot.about["epoch"]))
    run.probes.truncate(int(snapshot.about["step"]))
    for problem in problems:
        run.history.add_event("checkpoint damaged", str(problem))
    run.history.add_event("resumed", f"resumed from step {snapshot.about['step']}", step=int(snapshot.about["step"]))
    recorder = recorder if recorder is not None else recording.default_recorder()
    return run.launch(lambda r: train(r, plan), plan, recorder=recorder)


def fork_run(run: Run, at: str | int, name: str, changes: Mapping[str, Any]) -> Run:
    """See `Run.fork`."""
    plan = run._needs_plan()
    snapshot = plan.snapshot(at, run)
    settings = plan.settings.changed(**changes)
    module = copy.deepcopy(run.module)
    for p in module.parameters():
        p.grad = None
    about = {**snapshot.about, "forked": sorted(RESHAPING & set(changes))}
    parent = {"run": run.id, "step": int(about["step"])}
    history, probes = History(run.history.metrics, run.history.validation), None
    if "progress" in about:  # the best weights alone begin at epoch 0
        history = run.history.truncated(int(about["step"]), int(about["epoch"]))
        probes = run.probes.truncated(int(about["step"]))
    new = Run(
        settings=settings.to_json(),
        data=run.data,
        network=run.network,
        name=name or f"{run.name} (fork)",
        parent=parent,
        history=history,
        probes=probes,
    )
    optimizer = None if isinstance(plan.optimizer, torch.optim.Optimizer) else plan.optimizer
    forked = Plan(
        data=plan.data,
        settings=settings,
        build=lambda: module,
        module=module,
        loss=plan.loss,
        optimizer=optimizer,
        metrics=plan.metrics,
        callbacks=plan.callbacks,
        probes=[copy.deepcopy(p) for p in plan.probes],
        start=Snapshot(snapshot.tensors, about),
        slots=plan.slots,
    )
    new.history.add_event("forked", f"forked from {run.name!r} at step {about['step']}", **parent)
    return new.launch(lambda r: train(r, forked), forked, recorder=recording.default_recorder())
