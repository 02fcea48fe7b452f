"""How a run trains, as plain data that a record keeps and another process can start again from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from lepton_lab.errors import TrainingError, UnknownNameError

__all__ = ["TrainSettings"]

SCHEMA_VERSION = 1

_PRECISIONS = ("fp32", "bf16", "fp16", "auto")
_MONITOR_MODES = ("auto", "min", "max")


@dataclass(frozen=True)
class TrainSettings:
    """All choices of one run. Objects that the user passed (a loss function, an optimizer class) are named only.

    Attributes:
        loss: Name of the loss; "auto" chooses by the data's task.
        loss_args: Keyword arguments of the loss.
        optimizer: Name of the optimizer.
        optimizer_args: Further keyword arguments of the optimizer, such as `{"betas": [0.9, 0.95]}`.
        lr: Learning rate; None for the optimizer's usual one.
        momentum: Momentum, for the optimizers that have it; None for their default.
        weight_decay: Weight decay; None for the optimizer's default.
        decay_biases: Whether weight decay acts on biases and on the scales of normalisations as well, as in torch.
            False spares all parameters of fewer than two dimensions, which mostly helps convolutional networks.
        metrics: Names of metrics; "auto" chooses by the data's task.
        schedule: Name of the learning-rate schedule; None for a constant rate.
        schedule_args: Its options.
        epochs: Epochs to train, in all.
        batch_size: Samples a step.
        precision: "fp32", "bf16", "fp16", or "auto": bf16 where the hardware has it and is quicker with it.
        compile: True, False, or "auto": where it shortens the expected time.
        clip_norm: Largest norm of all gradients together; None for no clipping.
        accumulate: Batches whose gradients make one update.
        label_smoothing: Share of the target spread over all classes, 0 to below 1.
        class_weights: One weight a class, "balanced", or None.
        ema: Decay of the moving average of the weights, such as 0.999; None for no average.
        seed: Of weights, order and everything random.
        deterministic: Only bit-reproducible algorithms, one thread, no compiled steps.
        device: "auto", "cpu", "cuda", "cuda:1", "mps".
        channels_last: True, False, or "auto": for convolutional networks.
        threads: Threads of one operation on a CPU; None measures.
        log_every: Steps between two readings; None chooses by the time of a step.
        monitor: The epoch column that says which weights are best; None for "val_loss", or "loss" without validation.
        monitor_mode: "min", "max", or "auto" by the name.
        patience: Epochs without improvement before the run stops early; None never stops.
        min_delta: What counts as an improvement.
        restore_best: Whether the best weights replace the last ones when the run finishes; None where `patience` is
            given. A run that is stopped keeps the best ones in any case.
        checkpoint_every: Epochs between two periodic checkpoints; None for none.
        checkpoint_seconds: Seconds between two checkpoints within an epoch; None for none.
        shuffle: Whether each epoch draws a new order.
        validate: Whether to measure on the validation split after each epoch.
        probes: Names of what is measured inside the network while it trains; None for nothing.
        probe_budget: Share of the training's time that probes may take, above 0 and at most 1; None for no limit.
    """

    loss: str = "auto"
    loss_args: Mapping[str, Any] | None = None
    optimizer: str = "adam"
    optimizer_args: Mapping[str, Any] | None = None
    lr: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    decay_biases: bool = True
    metrics: tuple[str, ...] = ("auto",)
    schedule: str | None = None
    schedule_args: Mapping[str, Any] | None = None
    epochs: int = 1
    batch_size: int = 32
    precision: str = "fp32"
    compile: bool | str = "auto"
    clip_norm: float | None = None
    accumulate: int = 1
    label_smoothing: float = 0.0
    class_weights: tuple[float, ...] | str | None = None
    ema: float | None = None
    seed: int = 0
    deterministic: bool = False
    device: str = "auto"
    channels_last: bool | str = "auto"
    threads: int | None = None
    log_every: int | None = None
    monitor: str | None = None
    monitor_mode: str = "auto"
    patience: int | None = None
    min_delta: float = 0.0
    restore_best: bool | None = None
    checkpoint_every: int | None = 1
    checkpoint_seconds: float | None = 30.0
    shuffle: bool = True
    validate: bool = True
    probes: tuple[str, ...] | None = None
    probe_budget: float | None = 0.03

    def __post_init__(self) -> None:
        self._whole("epochs", 0)
        self._whole("batch_size", 1)
        self._whole("accumulate", 1)
        self._whole("seed", 0)
        for name in ("threads", "log_every", "checkpoint_every"):
            self._whole(name, 1, optional=True)
        self._whole("patience", 0, optional=True)
        for name in ("lr", "weight_decay", "momentum", "clip_norm", "min_delta", "checkpoint_seconds"):
            self._number(name)
        self._number("label_smoothing", below=1.0)
        self._number("ema", below=1.0)
        if self.precision not in _PRECISIONS:
            raise UnknownNameError("precision", self.precision, _PRECISIONS)
        if self.monitor_mode not in _MONITOR_MODES:
            raise UnknownNameError("monitor mode", self.monitor_mode, _MONITOR_MODES)
        if isinstance(self.class_weights, str) and self.class_weights != "balanced":
            raise UnknownNameError("kind of class weights", self.class_weights, ("balanced",))
        self._number("probe_budget", below=1.0 + 1e-9)
        if self.probe_budget == 0:
            raise self._bad("probe_budget", "a share above 0 and at most 1, or None for no limit")
        if not isinstance(self.decay_biases, bool):
            raise self._bad("decay_biases", "True or False")
        for name in ("compile", "channels_last"):
            if getattr(self, name) not in (True, False, "auto"):
                raise self._bad(name, 'True, False or "auto"')

    def changed(self, **changes: Any) -> TrainSettings:
        """The same settings with some replaced.

        Raises:
            UnknownNameError: There is no such setting.
        """
        known = [f.name for f in fields(self)]
        for name in changes:
            if name not in known:
                raise UnknownNameError("training setting", name, known)
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads."""
        data = asdict(self)
        data["metrics"] = list(self.metrics)
        data["probes"] = None if self.probes is None else list(self.probes)
        if isinstance(self.class_weights, tuple):
            data["class_weights"] = list(self.class_weights)
        return {"schema_version": SCHEMA_VERSION, **data}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TrainSettings:
        """Reads what `to_json` wrote.

        Raises:
            TrainingError: The settings are from a newer version.
            UnknownNameError: A setting is unknown.
        """
        version = data.get("schema_version", SCHEMA_VERSION)
        if not isinstance(version, int) or version > SCHEMA_VERSION:
            raise TrainingError(
                "the settings were saved by a newer version",
                expected=f"schema_version {SCHEMA_VERSION} or lower",
                received=repr(version),
                do="Update Lepton Lab: pip install --upgrade lepton-lab",
            )
        given = {k: v for k, v in data.items() if k != "schema_version"}
        if "metrics" in given:
            given["metrics"] = tuple(given["metrics"])
        if given.get("probes") is not None:
            given["probes"] = tuple(given["probes"])
        if isinstance(given.get("class_weights"), list):
            given["class_weights"] = tuple(given["class_weights"])
        return cls().changed(**given)

    def _whole(self, name: str, least: int, *, optional: bool = False) -> None:
        value = getattr(self, name)
        if value is None and optional:
            return
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise self._bad(name, f"a whole number of at least {least}")

    def _number(self, name: str, below: float = math.inf) -> None:
        value = getattr(self, name)
        if value is None:
            return
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < below:
            limit = "" if below == math.inf else f" below {below:g}"
            raise self._bad(name, f"a finite number that is not negative{limit}")

    def _bad(self, name: str, expected: str) -> TrainingError:
        return TrainingError(
            f"the setting {name!r} cannot be used", expected=expected, received=repr(getattr(self, name))
        )
