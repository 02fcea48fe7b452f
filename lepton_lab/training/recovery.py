"""After NaN or Inf: back to the last good state, and the same steps once more, looking at everything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lepton_lab.errors import NonFiniteError
from lepton_lab.training.diagnose import NonFinite, all_finite, find_non_finite
from lepton_lab.training.guard import Guard
from lepton_lab.training.progress import Progress
from lepton_lab.training.steps import FullStep, StepOptions, UnusualStep, make_step

if TYPE_CHECKING:
    from lepton_lab.training.engine import Engine

__all__ = ["explain_non_finite"]


def explain_non_finite(engine: Engine, progress: Progress, batch: tuple[Tensor, Tensor] | None) -> NonFiniteError:
    """Finds step and layer; leaves the module with the weights before that step.

    Args:
        engine: The engine.
        progress: Where it is.
        batch: The batch at fault, where its step was not finished; None where it has to be found.
    """
    engine.optimizer.zero_grad()
    if batch is not None:
        if isinstance(engine.step, FullStep) and engine.step.before is not None:
            engine.step.before.restore()
        return _explain(engine, *batch).error(progress.step + 1, progress.epoch + 1)
    guard = engine.guard
    assert guard is not None
    guard.restore()
    first_step, position = guard.place
    steps = progress.step - first_step
    size = engine.feed.batch_size
    samples = engine.feed.position - position
    sizes = [min(size, samples - i * size) for i in range(steps)]
    again = engine.feed.replay(position, sizes)
    progress.step = first_step
    for x, y in again or ():
        engine.feed.position = position + len(y)
        engine.follow_schedule(len(y))
        found = _one_step(engine, x, y)
        if found is not None:
            engine.feed.position = position
            return found.error(progress.step + 1, progress.epoch + 1)
        progress.step += 1
        position += len(y)
    guard.restore()
    progress.step, engine.feed.position = guard.place
    return NonFinite("loss", "", "forward").error(first_step + 1, progress.epoch + 1)


def _one_step(engine: Engine, x: Tensor, y: Tensor) -> NonFinite | None:
    """Trains on one batch; where that is not finite, takes it back and says why."""
    before = Guard(engine.live_tensors, engine.device)
    before.save(None)
    options = StepOptions(
        autocast=engine.options.autocast, clip_norm=engine.options.clip_norm, average=engine.options.average, check=True
    )
    step = make_step(engine.head.forward, engine.head.loss, engine.optimizer, options, engine.device)
    try:
        step(x, y)
        if all_finite([p.detach() for p in engine.optimizer.params]):
            return None
        overflowed = _overflowed(engine)
    except UnusualStep:
        overflowed = None
    before.restore()
    engine.optimizer.zero_grad()
    found = overflowed or _explain(engine, x, y)
    before.restore()
    return found


def _explain(engine: Engine, x: Tensor, y: Tensor) -> NonFinite:
    buffers = list(engine.module.buffers())
    kept = [b.clone() for b in buffers]
    with torch.autocast(engine.device.type, engine.options.autocast, enabled=engine.options.autocast is not None):
        found = find_non_finite(engine.head.forward, engine.head.loss, x, y)
    with torch.no_grad():
        for buffer, copy in zip(buffers, kept, strict=True):
            buffer.copy_(copy)
    engine.optimizer.zero_grad()
    return found or NonFinite("loss", "", "backward")


def _overflowed(engine: Engine) -> NonFinite | None:
    """The first layer whose weights an update made infinite although its gradients were finite."""
    for name, parameter in engine.module.named_parameters():
        if not all_finite([parameter.detach()]):
            owner = name.rpartition(".")[0]
            return NonFinite(owner or name, type(engine.module.get_submodule(owner)).__name__, "backward")
    return None
