"""Finds a learning rate by trying many: few steps each, from small to large (https://arxiv.org/abs/1506.01186)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from lepton_lab.errors import TrainingError
from lepton_lab.training.feeds import make_feed
from lepton_lab.training.optimizers import make_optimizer
from lepton_lab.training.setup import autocast_type, make_head, resolve_device
from lepton_lab.training.steps import StepOptions, plain_step
from lepton_lab.training.threads import training_thread

if TYPE_CHECKING:
    import pandas as pd

    from lepton_lab.training.trainer import Trainer

__all__ = ["LearningRates", "lr_find"]


@dataclass(frozen=True)
class LearningRates:
    """The curve of losses over learning rates.

    Attributes:
        lrs: Learning rates, rising.
        losses: Smoothed loss at each.
        suggestion: Where the loss falls most steeply.
    """

    lrs: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float

    def to_frame(self) -> pd.DataFrame:
        """The curve as a DataFrame with the columns "lr" and "loss"."""
        import pandas as pd

        return pd.DataFrame({"lr": self.lrs, "loss": self.losses})


def lr_find(
    trainer: Trainer,
    data: Any,
    *,
    start: float = 1e-6,
    end: float = 1.0,
    steps: int = 100,
    batch_size: int = 64,
    smoothing: float = 0.9,
    watch: Callable[[float, float], bool] | None = None,
) -> LearningRates:
    """Trains a copy of the trainer's module while the learning rate rises; the module itself is not changed.

    Args:
        trainer: Its module, loss and optimizer are tried.
        data: A `DataBundle`, or samples and targets.
        start: Smallest learning rate.
        end: Largest learning rate.
        steps: How many rates, evenly spaced in their logarithm; fewer where the loss explodes.
        batch_size: Samples a step.
        smoothing: Share that the running mean keeps of itself.
        watch: Called with every learning rate and its smoothed loss; returns False to end the search there.

    Raises:
        TrainingError: The bounds are no range, or every loss is NaN.
    """
    from lepton_lab.training.trainer import as_bundle

    if not 0 < start < end or steps < 2:
        raise TrainingError("this is no range of learning rates", expected="0 < start < end and at least 2 steps")
    settings, bundle = trainer.settings, as_bundle(data)
    with torch.random.fork_rng(devices=[]), training_thread(settings.deterministic):
        torch.manual_seed(settings.seed)
        device = resolve_device(settings.device)
        module = trainer._builder(settings)() if trainer.module is None else copy.deepcopy(trainer.module)
        module.to(device).train()
        head = make_head(module, bundle, settings, trainer._loss, device)
        choice = trainer._optimizer if trainer._optimizer is not None else settings.optimizer
        if isinstance(choice, torch.optim.Optimizer):
            raise TrainingError("an optimizer that holds parameters cannot be tried on a copy", do="Pass its class")
        optimizer = make_optimizer(
            choice, module.parameters(), lr=start, momentum=settings.momentum, weight_decay=settings.weight_decay,
            options=settings.optimizer_args, decay_biases=settings.decay_biases,
        )  # fmt: skip
        feed = make_feed(bundle.train, batch_size, device, seed=settings.seed)
        if optimizer.closure:
            raise TrainingError(f"{optimizer.name!r} finds its step length by itself", do="Train with its usual rate")
        options = StepOptions(autocast=autocast_type(settings.precision, device))
        step = plain_step(head.forward, head.loss, optimizer, options, device)
        lrs, losses = _curve(step, optimizer, feed, start, end, steps, smoothing, watch)
        feed.close()
    return LearningRates(tuple(lrs), tuple(losses), _steepest(lrs, losses))


def _curve(
    step: Any, optimizer: Any, feed: Any, start: float, end: float, steps: int, smoothing: float,
    watch: Callable[[float, float], bool] | None,
) -> tuple[list[float], list[float]]:  # fmt: skip
    ratio = (end / start) ** (1 / (steps - 1))
    lrs: list[float] = []
    losses: list[float] = []
    mean, best, epoch = 0.0, math.inf, 0
    feed.begin(epoch)
    for i in range(steps):
        batch = feed.next()
        if batch is None:
            epoch += 1
            feed.begin(epoch)
            batch = feed.next()
        lr = start * ratio**i
        optimizer.set_lr(lr)
        loss = float(step(*batch)[0])
        if not math.isfinite(loss):
            break
        mean = smoothing * mean + (1 - smoothing) * loss
        smooth = mean / (1 - smoothing ** (i + 1))
        lrs.append(lr)
        losses.append(smooth)
        best = min(best, smooth)
        if (watch is not None and not watch(lr, smooth)) or (smooth > 4 * best and i > 5):
            break
    if len(lrs) < 2:
        raise TrainingError("every loss is NaN or infinite", do="Look at the data, or start with a smaller rate")
    return lrs, losses


def _steepest(lrs: list[float], losses: list[float]) -> float:
    lowest = losses.index(min(losses))
    slopes = [losses[i + 1] - losses[i] for i in range(max(1, lowest))]
    return lrs[slopes.index(min(slopes))]
