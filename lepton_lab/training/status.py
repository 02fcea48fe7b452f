"""What a run is doing right now, as one frozen object that is replaced whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

__all__ = ["RunState", "RunStatus"]

_NO_METRICS: Mapping[str, float] = MappingProxyType({})


class RunState(StrEnum):
    """The life of a run: queued → starting → running ⇄ paused → stopping → one of the ends."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        """True where nothing more will happen unless somebody resumes the run."""
        return self in _ENDS


_ENDS = frozenset({RunState.FINISHED, RunState.STOPPED, RunState.FAILED, RunState.INTERRUPTED})


@dataclass(frozen=True, slots=True)
class RunStatus:
    """One moment of a run; a thread that reads it sees fields of the same moment.

    Attributes:
        state: Where in its life the run is.
        epoch: Epochs completed.
        epochs: Epochs asked for.
        step: Optimizer steps (batches, where gradients accumulate) completed.
        steps: Steps that all epochs will take; 0 where the data cannot tell.
        loss: Training loss, the mean since the previous reading; None before the first.
        metrics: Last known metrics by their Keras names, such as "accuracy" and "val_loss".
        lr: Learning rate of the last step.
        batch_size: Samples a step.
        samples_per_s: Training speed since the previous reading, samples a second.
        elapsed_s: Seconds spent running, pauses left out.
        eta_s: Seconds left at the present speed; None where unknown.
        device: Such as "cpu" or "cuda:0".
        memory_bytes: Peak memory of the device on a GPU, of the process on a CPU.
        best_epoch: Epoch (from 1) of the best weights; None before the first epoch ends.
        message: What a person should know, in one sentence; empty where there is nothing.
    """

    state: RunState = RunState.QUEUED
    epoch: int = 0
    epochs: int = 0
    step: int = 0
    steps: int = 0
    loss: float | None = None
    metrics: Mapping[str, float] = field(default_factory=lambda: _NO_METRICS)
    lr: float | None = None
    batch_size: int = 0
    samples_per_s: float = 0.0
    elapsed_s: float = 0.0
    eta_s: float | None = None
    device: str = ""
    memory_bytes: int = 0
    best_epoch: int | None = None
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain data that `from_json` reads."""
        data = asdict_plain(self)
        data["state"] = self.state.value
        return data

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RunStatus:
        """Reads what `to_json` wrote; keys that this version does not know are left out."""
        known = {k: v for k, v in data.items() if k in cls.__dataclass_fields__}
        known["state"] = RunState(known.get("state", RunState.QUEUED))
        return cls(**known)


def asdict_plain(status: RunStatus) -> dict[str, Any]:
    """The fields of a status with its metrics as an ordinary dict."""
    data = {name: getattr(status, name) for name in RunStatus.__dataclass_fields__}
    data["metrics"] = dict(status.metrics)
    return data
