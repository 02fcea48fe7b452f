"""Runs a network over a split once and keeps what it said of every sample."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from lepton_lab.errors import DataError, LeptonError, TrainingError
from lepton_lab.evaluate.result import Evaluation
from lepton_lab.training.plan import Plan
from lepton_lab.training.run import Run, active_runs
from lepton_lab.training.settings import TrainSettings
from lepton_lab.training.setup import Head, autocast_type, evaluating, make_head, wants_channels_last

if TYPE_CHECKING:
    from lepton_lab.data import DataBundle

__all__ = ["Cancelled", "Subject", "evaluate", "subject_of"]

_LEAST_BATCH = 256  # samples


class Cancelled(LeptonError):  # noqa: N818 - it is a wish, not a mistake
    """Whoever waited for an evaluation no longer wants it."""


class Subject:
    """What is evaluated: a network with its data, and where looks at the test set are counted.

    Args:
        plan: Module, data, settings and loss.
        run: Whose it is; None for a module of the user's own.
        counter: Where looks are counted; `run` by default.
    """

    def __init__(self, plan: Plan, run: Run | None = None, counter: Any = None) -> None:
        self.plan, self.run = plan, run
        self._counter = counter if counter is not None else run

    @property
    def data(self) -> DataBundle:
        """Its data."""
        return self.plan.data

    @property
    def name(self) -> str:
        """The run's name, or the module's class."""
        return self.run.name if self.run is not None else type(self.plan.module).__name__

    @property
    def step(self) -> int | None:
        """Steps that the weights have been trained; None for a module of the user's own."""
        return self.run.status.step if self.run is not None else None

    @property
    def test_looks(self) -> int:
        """How often the test set was looked at; 0 where nobody counts."""
        return int(self._counter.test_looks) if self._counter is not None else 0

    def count_look(self) -> None:
        """Counts a look at the test set."""
        if self._counter is not None:
            self._counter.count_test_look()

    def frozen(self) -> nn.Module:
        """The module at one moment: a copy while it trains, the module itself afterwards."""
        module = self.plan.module
        if module is None:
            raise TrainingError(f"{self.name!r} has not built its module yet", do="Wait until it has started")
        if self.run is None or self.run.state.ended:
            return module
        return self.run.between_batches(lambda: copy.deepcopy(module))


def subject_of(what: Any, data: DataBundle | None = None) -> Subject:
    """Finds module, data and settings.

    Args:
        what: A `Run`, a run of the store, or a module.
        data: The data, where `what` brings none or other data is meant.

    Raises:
        TrainingError: It is nothing that can be evaluated.
        DataError: A module was given without data.
    """
    if isinstance(what, Run):
        return _of_run(what, data)
    if isinstance(what, nn.Module):
        if data is None:
            raise DataError("a module alone brings no data", do="Pass the data too: evaluate(module, data)")
        return Subject(Plan(data=data, settings=TrainSettings(), build=lambda: what, module=what))
    if hasattr(what, "revived"):  # a stored run: of this process where it still trains here
        here = next((run for run in active_runs() if run.id == what.id), None)
        return _of_run(here, data) if here is not None else _of_run(what.revived(data), data, what)
    raise TrainingError(
        "this cannot be evaluated", expected="a run, or a module and its data", received=type(what).__name__
    )


def evaluate(
    what: Any,
    data: DataBundle | None = None,
    split: str = "valid",
    *,
    batch_size: int = _LEAST_BATCH,
    progress: Callable[[float], None] = lambda share: None,
    stop: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Runs a network over a split and returns what can be said about it.

    Args:
        what: A `Run`, a run of the store, a `Subject`, or a module.
        data: The data; that of the run by default.
        split: "valid", "test" or "train".
        batch_size: Samples at once.
        progress: Called with the share that is done, 0 to 1.
        stop: Asked before every batch; True gives up.

    Side effects: a look at the test set is counted in the run.

    Raises:
        DataError: There is no such split.
        ShapeError: The data does not fit the network.
        Cancelled: `stop` said so.
    """
    subject = what if isinstance(what, Subject) else subject_of(what, data)
    data = subject.data
    if split not in data.splits:
        raise DataError(
            f"{data.name!r} has no {split} split", expected="one of " + ", ".join(data.splits), do="Name another split"
        )
    step, module = subject.step, subject.frozen()
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    head = make_head(module, data, subject.plan.settings, subject.plan.loss, device)
    if split == "test":
        subject.count_look()
    said, targets, loss = _run_over(module, head, data, split, subject.plan.settings, batch_size, progress, stop)
    return Evaluation(
        name=subject.name,
        data=data,
        split=split,
        values=said,
        targets=targets,
        loss=loss,
        loss_name=head.loss_name,
        step=step,
        test_looks=subject.test_looks,
    )


def _of_run(run: Run, data: DataBundle | None, counter: Any = None) -> Subject:
    plan = run._needs_plan()
    if data is not None and data is not plan.data:
        plan = Plan(data=data, settings=plan.settings, build=plan.build, module=run.module, loss=plan.loss)
    return Subject(plan, run, counter)


def _run_over(
    module: nn.Module,
    head: Head,
    data: DataBundle,
    split: str,
    settings: TrainSettings,
    batch_size: int,
    progress: Callable[[float], None],
    stop: Callable[[], bool],
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], float]:
    device, samples = head.about.device, data.splits[split]
    x, _ = next(samples.batches(1, device=device))
    _, channels_last = wants_channels_last(settings.channels_last, module, x)
    autocast = autocast_type(settings.precision, device)
    said: list[Tensor] = []
    targets: list[Tensor] = []
    total, done = torch.zeros((), device=device), 0
    with evaluating(module), torch.inference_mode():
        for x, y in samples.batches(max(batch_size, _LEAST_BATCH), device=device):
            if stop():
                raise Cancelled("the evaluation was cancelled")
            if channels_last and x.dim() == 4:
                x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, autocast, enabled=autocast is not None):
                output = head.forward(x)
            output = output.float()
            total += head.loss(output, y) * len(y)
            said.append(_meaning(output, head).cpu())
            targets.append(y.cpu())
            done += len(y)
            progress(done / len(samples))
    values, right = torch.cat(said).numpy(), torch.cat(targets)
    return values, _plain_targets(right, values.shape[1], str(data.task)), float(total) / max(1, done)


def _meaning(output: Tensor, head: Head) -> Tensor:
    """Probabilities (N, C) of classes or labels, values (N, K) of a regression."""
    output = output.reshape(len(output), -1)
    task = head.about.task
    if task == "regression":
        return output
    if head.about.probabilities:
        found = output
    elif task == "multilabel" or output.shape[1] == 1:
        found = output.sigmoid()
    else:
        found = output.softmax(1)
    return torch.cat([1 - found, found], 1) if found.shape[1] == 1 and task != "multilabel" else found


def _plain_targets(targets: Tensor, width: int, task: str) -> np.ndarray[Any, Any]:
    """Class numbers (N,), or (N, K) of a regression or of labels."""
    if task in ("binary", "multiclass"):
        if targets.dim() > 1 and targets.shape[1] > 1:
            targets = targets.argmax(1)
        return targets.reshape(len(targets)).long().numpy()
    return targets.reshape(len(targets), width).float().numpy()
