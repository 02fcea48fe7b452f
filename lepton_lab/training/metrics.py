"""Metrics by name, measured without waiting for the device.

Accuracy, MAE and MSE are sums on the device that travel with the losses; all others are torchmetrics' own, updated
once per reading with the outputs of all its steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lepton_lab.errors import TrainingError
from lepton_lab.network.base import snake_case
from lepton_lab.plugins import load_plugins
from lepton_lab.registry import BUILT_IN, Registry

__all__ = ["METRICS", "MetricEntry", "MetricSet", "Outputs", "default_metrics", "metric_name"]


@dataclass(frozen=True)
class Outputs:
    """What metrics need to know of a network's outputs.

    Attributes:
        task: "binary", "multiclass", "multilabel" or "regression".
        classes: Outputs on the second axis; 1 for a single one.
        probabilities: Whether they are probabilities already, not logits.
        device: Where they lie.
    """

    task: str
    classes: int
    probabilities: bool
    device: torch.device

    @property
    def binary(self) -> bool:
        """Whether one output decides between two classes."""
        return self.task == "binary" and self.classes == 1

    @property
    def threshold(self) -> float:
        """Above which a single output says yes."""
        return 0.5 if self.probabilities else 0.0


@dataclass(frozen=True)
class MetricEntry:
    """A metric.

    Attributes:
        name: Its column in the history.
        total: `total(output, target, about)` gives the sum over all elements on the device; None for torchmetrics.
        finish: Turns the mean into the metric.
        torchmetrics: `torchmetrics(about)` builds one of torchmetrics' metrics.
        regression: Whether it is for quantities rather than classes.
    """

    name: str
    total: Callable[[Tensor, Tensor, Outputs], Tensor] | None = None
    finish: Callable[[float], float] = float
    torchmetrics: Callable[[Outputs], Any] | None = None
    regression: bool = False


METRICS: Registry[MetricEntry] = Registry("metric", load_plugins)
"""Every metric by name."""


def _correct(output: Tensor, target: Tensor, about: Outputs) -> Tensor:
    if about.binary:
        return ((output.reshape(target.shape) > about.threshold) == (target > 0.5)).sum()
    if about.task == "multilabel":
        return ((output > about.threshold) == (target > 0.5)).sum()
    if target.is_floating_point() and target.shape == output.shape:
        target = target.argmax(1)
    return (output.argmax(1) == target).sum()


def _absolute(output: Tensor, target: Tensor, about: Outputs) -> Tensor:
    return (output.reshape(target.shape) - target).abs().sum()


def _squared(output: Tensor, target: Tensor, about: Outputs) -> Tensor:
    return (output.reshape(target.shape) - target).square().sum()


def _classes(name: str, **options: Any) -> Callable[[Outputs], Any]:
    def make(about: Outputs) -> Any:
        from torchmetrics import classification

        if about.binary:
            options_here = {k: v for k, v in options.items() if k not in ("average", "top_k")}
            return getattr(classification, f"Binary{name}")(**options_here)
        if about.task == "multilabel":
            options_here = {k: v for k, v in options.items() if k != "top_k"}
            return getattr(classification, f"Multilabel{name}")(num_labels=about.classes, **options_here)
        return getattr(classification, f"Multiclass{name}")(num_classes=about.classes, **options)

    return make


def _r2(about: Outputs) -> Any:
    from torchmetrics.regression import R2Score

    return R2Score()


_ACCURACY = MetricEntry("accuracy", _correct)
_ENTRIES = {
    "accuracy acc categorical_accuracy sparse_categorical_accuracy binary_accuracy": _ACCURACY,
    "top_5_accuracy top_k top_k_accuracy top_k_categorical_accuracy top5": MetricEntry(
        "top_5_accuracy", torchmetrics=_classes("Accuracy", average="micro", top_k=5)
    ),
    "top_3_accuracy top3": MetricEntry("top_3_accuracy", torchmetrics=_classes("Accuracy", average="micro", top_k=3)),
    "precision": MetricEntry("precision", torchmetrics=_classes("Precision", average="macro")),
    "recall": MetricEntry("recall", torchmetrics=_classes("Recall", average="macro")),
    "f1 f1_score": MetricEntry("f1", torchmetrics=_classes("F1Score", average="macro")),
    "auroc auc": MetricEntry("auroc", torchmetrics=_classes("AUROC", thresholds=200)),
    "mae mean_absolute_error l1": MetricEntry("mae", _absolute, regression=True),
    "mse mean_squared_error": MetricEntry("mse", _squared, regression=True),
    "rmse root_mean_squared_error": MetricEntry("rmse", _squared, math.sqrt, regression=True),
    "r2 r2_score": MetricEntry("r2", torchmetrics=_r2, regression=True),
}
for _names, _entry in _ENTRIES.items():
    for _name in _names.split():
        METRICS.add(_name, _entry, provider=BUILT_IN)


def default_metrics(task: str) -> tuple[str, ...]:
    """The usual metrics of a task."""
    return ("mae",) if task == "regression" else ("accuracy",)


def metric_name(choice: Any) -> str:
    """The column of a metric that was given by name, as a torchmetrics metric, or as a function.

    Raises:
        UnknownNameError: There is no metric of this name.
        TrainingError: It is no metric.
    """
    if isinstance(choice, str):
        return METRICS[choice].name
    if callable(choice):
        return snake_case(getattr(choice, "__name__", type(choice).__name__))
    raise TrainingError(
        "this is no metric",
        expected="a name, a torchmetrics metric, or a function of outputs and targets",
        received=type(choice).__name__,
    )


class MetricSet:
    """Some metrics, over a reading (a window of steps) and over an epoch.

    Threads: used by one thread.

    Args:
        choices: Names, torchmetrics metrics, or functions of outputs and targets.
        about: The outputs.

    Raises:
        TrainingError: A metric does not fit the task.
    """

    def __init__(self, choices: Sequence[Any], about: Outputs) -> None:
        self.about = about
        self.names = tuple(metric_name(c) for c in choices)
        self._cheap: list[MetricEntry] = []
        self._others: dict[str, Any] = {}
        for name, choice in zip(self.names, choices, strict=True):
            self._add(name, choice)
        self.reset()

    def _add(self, name: str, choice: Any) -> None:
        if not isinstance(choice, str):
            if hasattr(choice, "update") and hasattr(choice, "compute"):
                self._others[name] = choice.to(self.about.device)
            else:
                self._cheap.append(MetricEntry(name, lambda out, y, about: choice(out, y) * y.shape[0]))
            return
        entry = METRICS[choice]
        if entry.regression != (self.about.task == "regression"):
            raise TrainingError(
                f"the metric {name!r} does not fit a {self.about.task} task",
                do="Use accuracy, precision, recall, f1 or auroc for classes; mae, mse, rmse or r2 for quantities",
            )
        if entry.total is not None:
            self._cheap.append(entry)
        else:
            assert entry.torchmetrics is not None
            self._others[name] = entry.torchmetrics(self.about).to(self.about.device)

    @property
    def needs_outputs(self) -> bool:
        """Whether outputs and targets are needed at all."""
        return bool(self.names)

    def reset(self) -> None:
        """Starts a new epoch."""
        self._sums = [0.0] * len(self._cheap)
        self._count = 0
        for metric in self._others.values():
            metric.reset()

    def update(self, output: Tensor, target: Tensor) -> list[Tensor]:
        """Takes the outputs of some steps.

        Returns:
            One number on the device for each cheap metric, to be handed to `absorb` once read back.
        """
        for metric in self._others.values():
            metric.update(*self._for_torchmetrics(output, target))
        return [e.total(output, target, self.about) for e in self._cheap if e.total is not None]

    def _for_torchmetrics(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        if self.about.task == "regression":
            return output.reshape(target.shape).float(), target
        if self.about.binary:
            output, target = output.reshape(target.shape), target.long()
        elif self.about.task == "multilabel":
            target = target.long()
        elif target.is_floating_point():
            target = target.argmax(1)
        output = output.float()
        if not self.about.probabilities:
            output = output.sigmoid() if self.about.binary or self.about.task == "multilabel" else output.softmax(1)
        return output, target

    def absorb(self, values: Sequence[float], count: int) -> dict[str, float]:
        """Adds what `update` returned, over `count` elements; returns the metrics of these alone."""
        self._count += count
        window = {}
        for i, (entry, value) in enumerate(zip(self._cheap, values, strict=True)):
            self._sums[i] += value
            window[entry.name] = entry.finish(value / max(1, count))
        return window

    def elements(self, output: Tensor, target: Tensor) -> int:
        """How many elements a mean is over."""
        if target.is_floating_point() and self.about.task == "multiclass":
            return target.shape[0]
        return target.numel()

    def compute(self) -> dict[str, float]:
        """All metrics over the epoch so far, in the order in which they were asked for."""
        values = {e.name: e.finish(s / max(1, self._count)) for e, s in zip(self._cheap, self._sums, strict=True)}
        for name, metric in self._others.items():
            values[name] = float(metric.compute()) if self._count else math.nan
        return {name: values[name] for name in self.names}

    def state(self) -> dict[str, Any]:
        """Sums of the cheap metrics, so that a resumed epoch reports its whole."""
        return {"sums": list(self._sums), "count": self._count}

    def load(self, state: Mapping[str, Any]) -> None:
        """Goes on from `state`."""
        if len(state["sums"]) == len(self._sums):
            self._sums, self._count = [float(v) for v in state["sums"]], int(state["count"])
