"""Takes the state of a training apart into tensors and plain data, and puts it together again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lepton_lab.errors import CheckpointError
from lepton_lab.training.checkpoint import Snapshot, architecture, load_model
from lepton_lab.training.guard import restore_rng, rng_state
from lepton_lab.training.steps import FullStep

if TYPE_CHECKING:
    from lepton_lab.training.engine import Engine

__all__ = ["load_snapshot", "take_snapshot"]


def take_snapshot(engine: Engine, *, weights_only: bool = False) -> Snapshot:
    """A copy on the CPU; with `weights_only` of the weights that one would use now (the averaged ones, if any)."""
    progress, average = engine.progress, engine.options.average
    about: dict[str, Any] = {
        "step": progress.step,
        "epoch": progress.epoch,
        "position": engine.feed.position if engine.in_epoch else 0,
        "architecture": architecture(engine.module),
        "torch": torch.__version__,
    }
    if weights_only:
        if average is not None:
            average.swap()
        tensors = _named("model", engine.module.state_dict())
        if average is not None:
            average.swap()
        return Snapshot(tensors, about)
    tensors = _named("model", engine.module.state_dict())
    state, optimizer = engine.optimizer.state_dict()
    tensors.update(_named("optimizer", state))
    tensors.update(_named("rng", rng_state(engine.device)))
    if average is not None:
        tensors.update(_named("ema", {str(i): t for i, t in enumerate(average.shadow)}))
        about["ema_updates"] = average.updates
    if isinstance(engine.step, FullStep) and engine.step.gathered:
        grads = {str(i): p.grad for i, p in enumerate(engine.optimizer.params) if p.grad is not None}
        tensors.update(_named("grad", grads))
        about["gathered"] = [engine.step.gathered, engine.step.samples]
    about.update(
        progress={**progress.to_json(), "position": about["position"]},
        optimizer=optimizer,
        base_lr=engine.base_lr,
        weight_decay=engine.weight_decay,
        dropout=engine.dropout,
        batch_size=engine.feed.batch_size,
        threads=engine.threads,
        metrics=engine.metrics.state(),
        plateau=engine.schedule.plateau.state() if engine.schedule.plateau is not None else None,
        scaler=engine.options.scaler.state_dict() if engine.options.scaler is not None else None,
        mixed=engine.options.autocast is not None,
        elapsed=engine.clock.elapsed(),
    )
    return Snapshot(tensors, about)


def load_snapshot(engine: Engine, snapshot: Snapshot) -> None:
    """Puts a training where a snapshot was taken.

    Raises:
        CheckpointError: It belongs to another architecture.
    """
    about = snapshot.about
    if about.get("warm"):
        if about["optimizer"]["name"] == engine.optimizer.name:
            engine.optimizer.load_state_dict(snapshot.part("optimizer"), about["optimizer"])
            engine.optimizer.set_lr(engine.base_lr)
        return
    load_model(engine.module, snapshot.part("model"))
    if "progress" not in about:
        return
    engine.progress.load(about["progress"])
    state, changed = about["optimizer"], set(about.get("forked") or ())
    if state["name"] == engine.optimizer.name:
        try:
            engine.optimizer.load_state_dict(snapshot.part("optimizer"), state, options=not changed)
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError("the optimizer's state does not fit", received=str(error)) from error
    if not changed & {"lr", "optimizer", "schedule"}:
        engine.base_lr = float(about["base_lr"])
    if changed:
        engine.optimizer.set_lr(engine.base_lr)
    if "batch_size" not in changed:
        engine.feed.batch_size = int(about["batch_size"])
    if engine.settings.precision == "auto" and not about["mixed"] and "precision" not in changed:
        engine.use_autocast(None)
    _load_changes(engine, about, changed)
    average, shadow = engine.options.average, snapshot.part("ema")
    if average is not None and shadow:
        for i, t in enumerate(average.shadow):
            if str(i) in shadow:  # older checkpoints have no averages of running statistics
                t.copy_(shadow[str(i)])
        average.updates = int(about["ema_updates"])
    if "gathered" in about and isinstance(engine.step, FullStep):
        grads = snapshot.part("grad")
        for i, p in enumerate(engine.optimizer.params):
            if str(i) in grads:
                p.grad = grads[str(i)].to(p.device).clone()
        engine.step.gathered, engine.step.samples = about["gathered"]
    engine.metrics.load(about["metrics"])
    if engine.schedule.plateau is not None and about["plateau"]:
        engine.schedule.plateau.load(about["plateau"])
    if engine.options.scaler is not None and about["scaler"]:
        engine.options.scaler.load_state_dict(about["scaler"])
    engine.clock.add(float(about["elapsed"]))
    if engine.device.type == "cpu" and not about.get("forked"):
        engine.threads = int(about["threads"])
        torch.set_num_threads(engine.threads)
    restore_rng(snapshot.part("rng"), engine.device)


def _load_changes(engine: Engine, about: Any, changed: set[str]) -> None:
    from lepton_lab.training.controller import set_dropout

    if about["weight_decay"] is not None and not changed & {"weight_decay", "optimizer"}:
        engine.weight_decay = float(about["weight_decay"])
        engine.optimizer.set_weight_decay(engine.weight_decay)
    if about["dropout"] is not None:
        engine.dropout = float(about["dropout"])
        set_dropout(engine.module, engine.dropout)


def _named(prefix: str, tensors: Any) -> dict[str, Tensor]:
    return {f"{prefix}/{name}": t.detach().to("cpu", copy=True).contiguous() for name, t in tensors.items()}
