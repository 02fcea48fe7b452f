"""Where a viewer's weights come from: a run of this process, a stored one, or a plain module."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from lepton_lab.data import DataBundle
from lepton_lab.errors import DataError, TrainingError
from lepton_lab.probes.access import examine, layers_of
from lepton_lab.probes.layers import Layers
from lepton_lab.probes.log import ProbeLog
from lepton_lab.training.run import Run
from lepton_lab.widgets.gradient_monitor_source import AnyRun

__all__ = ["Source"]

T = TypeVar("T")


class Source:
    """Present weights, layers and data of what is looked at.

    Args:
        thing: A run or a module.
        data: Its data, where the run cannot say or there is no run.

    Attributes:
        run: The run, or None for a plain module.

    Threads: `examine` may wait for the thread that trains, so call it in the background.
    """

    def __init__(self, thing: AnyRun | nn.Module, data: DataBundle | None = None) -> None:
        self.run = None if isinstance(thing, nn.Module) else thing
        self._module = thing if isinstance(thing, nn.Module) else None
        self._data = data
        self._lock = threading.Lock()
        self._revived: tuple[Any, Run] | None = None

    @property
    def probes(self) -> ProbeLog | None:
        """The run's readings."""
        return self.run.probes if self.run is not None else None

    @property
    def folder(self) -> Path | None:
        """Where the run's checkpoints lie."""
        return self.run.folder if self.run is not None else None

    @property
    def data(self) -> DataBundle | None:
        """The data, where it is at hand."""
        if self._data is not None:
            return self._data
        if isinstance(self.run, Run):
            return self.run._plan.data if self.run._plan is not None else None
        return self._revived[1]._needs_plan().data if self._revived is not None else None

    @property
    def task(self) -> str:
        """The data's task; empty where unknown."""
        if self.run is not None:
            return str(self.run.data.get("task", ""))
        return str(self._data.task) if self._data is not None else ""

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        if self.run is not None:
            return [str(c) for c in self.run.data.get("classes") or ()]
        return list(self._data.classes) if self._data is not None else []

    def moment(self) -> tuple[int, str]:
        """Step and state of the weights that `examine` would see; a stored run has those of its last checkpoint."""
        if self.run is None:
            return 0, ""
        status = self.run.status
        if isinstance(self.run, Run):
            return status.step, str(status.state)
        newest = self._newest()
        return (newest[0] if newest else 0), str(status.state)

    @property
    def from_checkpoint(self) -> bool:
        """Whether the weights are those of a checkpoint, since another process trains or trained."""
        return self.run is not None and not isinstance(self.run, Run)

    def examine(self, function: Callable[[nn.Module, Layers], T]) -> T:
        """Calls `function` with a module of the present weights and its layers.

        Raises:
            TrainingError: There are no weights yet.
            CheckpointError: A stored run has none that can be read.
        """
        thing: Any = self._module if self._module is not None else self._trained()
        return examine(thing, lambda module: function(module, layers_of(self.run, module)))

    def layers_of(self, module: nn.Module) -> Layers:
        """A module's layers with the names that the run gives them."""
        return layers_of(self.run, module)

    def ready(self, sample: Tensor, module: nn.Module) -> Tensor:
        """A prepared sample with a batch axis, where the module is."""
        device = next((p.device for p in module.parameters()), torch.device("cpu"))
        x = sample[None].to(device)
        return x.float() if x.dtype == torch.float64 else x

    def need_data(self) -> DataBundle:
        """The data.

        Raises:
            DataError: It is not known.
        """
        if self._data is None and self.from_checkpoint:
            self._trained()
        found = self.data
        if found is None:
            raise DataError("the data is not at hand", do="Pass it: FeatureMapViewer(run, data=…)")
        return found

    def _trained(self) -> Run:
        if isinstance(self.run, Run):
            return self.run
        if self.run is None:
            raise TrainingError("there is nothing to look at", do="Pass a run or a module")
        from lepton_lab.workspace.jobs import revive

        with self._lock:
            newest = self._newest()
            if self._revived is None or self._revived[0] != newest:
                self._revived = newest, revive(self.run.workspace, self.run.id, self._data)
            return self._revived[1]

    def _newest(self) -> tuple[int, str] | None:
        assert self.folder is not None
        steps = sorted((self.folder / "checkpoints").glob("step-*.json"))
        return (int(steps[-1].stem.removeprefix("step-")), steps[-1].name) if steps else None
