"""What a monitor can start: a trainer, a network, or whatever has a network, with its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn

from lepton_lab.data import DataBundle
from lepton_lab.errors import TrainingError, UnknownNameError
from lepton_lab.network import NetworkSpec
from lepton_lab.training.optimizers import OPTIMIZERS
from lepton_lab.training.run import Run
from lepton_lab.training.settings import TrainSettings
from lepton_lab.training.trainer import Trainer
from lepton_lab.workspace import StoredRun

__all__ = ["START_SETTINGS", "Starter"]

START_SETTINGS = ("epochs", "lr", "batch_size")
"""What a person may change before the start."""

_OF_START = ("name", "recorder", "record", "where", "slots", "validation_data", "folder")


class Starter:
    """Starts runs on order.

    Args:
        subject: A `Trainer`, a `NetworkSpec`, a module, a function that returns a run, or an object whose `network` is
            the network at the moment of the start (a `NetworkBuilder`), and whose `data`, if it has any, are taken
            where none are given.
        data: The data.
        options: Settings and other arguments of `Trainer.start`.

    Raises:
        UnknownNameError: There is no such setting.
    """

    def __init__(self, subject: Any, data: Any = None, options: Mapping[str, Any] | None = None) -> None:
        self.subject, self._data, self.options = subject, data, dict(options or {})
        known = (*TrainSettings.__dataclass_fields__, *_OF_START)
        for name in self.options:
            if name not in known:
                raise UnknownNameError("argument", name, known)
        self._checked: tuple[Any, str] = (None, "")

    @property
    def data(self) -> Any:
        """The data that the next run is trained on."""
        if self._data is not None:
            return self._data
        found = getattr(self.subject, "data", None)
        return found if isinstance(found, DataBundle | tuple) else None

    @property
    def network(self) -> NetworkSpec | None:
        """The network that the next run trains; None for a module."""
        subject = self.subject
        if isinstance(subject, NetworkSpec):
            return subject
        if isinstance(subject, Trainer):
            return subject.spec
        found = getattr(subject, "network", None)
        return found if isinstance(found, NetworkSpec) else None

    def problem(self) -> str:
        """Why nothing can be started now; empty where it can."""
        if _is_function(self.subject):
            return ""
        if self.data is None:
            return "There is no data yet: pass it, as in TrainingMonitor(trainer, data)."
        trainer = self.subject
        if isinstance(trainer, Trainer) and trainer.spec is None:
            run = trainer._run
            return "" if run is None or run.state.ended else f"{run.name!r} trains this module already."
        network = self.network
        if network is None:
            return "" if isinstance(trainer, Trainer | nn.Module) else "There is no network yet."
        if self._checked[0] is not network:
            check = network.check()
            self._checked = network, "" if check.ok else check.problems[0].message
        return self._checked[1]

    def settings(self) -> dict[str, Any]:
        """Epochs, learning rate and batch size as they stand."""
        settings = self.subject.settings if isinstance(self.subject, Trainer) else TrainSettings()
        known = {name: self.options.get(name, getattr(settings, name)) for name in START_SETTINGS}
        optimizer = self.options.get("optimizer", settings.optimizer)
        if known["lr"] is None and isinstance(optimizer, str) and optimizer.lower() in OPTIMIZERS:
            known["lr"] = OPTIMIZERS[optimizer.lower()].lr
        return known

    def start(self, changes: Mapping[str, Any]) -> Run | StoredRun:
        """Starts a run.

        Args:
            changes: Settings that take the place of those given before.

        Raises:
            TrainingError: Nothing can be started now.
        """
        problem = self.problem()
        if problem:
            raise TrainingError(f"training cannot start: {problem}")
        subject = self.subject
        if _is_function(subject):
            run = subject()
            if not isinstance(run, Run | StoredRun):
                raise TrainingError("what starts the run returned none", expected="a run", received=repr(run))
            return run
        options = {**self.options, **{name: value for name, value in changes.items() if value is not None}}
        if isinstance(subject, Trainer):
            return subject.start(self.data, **options)
        network = self.network
        settings = {name: options.pop(name) for name in list(options) if name in TrainSettings.__dataclass_fields__}
        trainer = Trainer(network if network is not None else subject, **settings)
        return trainer.start(self.data, **options)


def _is_function(subject: Any) -> bool:
    return callable(subject) and not isinstance(subject, nn.Module)
