"""Where a viewer's weights come from: a run of this process, a stored one, or a plain module."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import torch
from torch import Tensor, nn

from lepton_lab.data import DataBundle
from lepton_lab.errors import DataError, TrainingError
from lepton_lab.probes.access import examine, layers_of
from lepton_lab.probes.layers import Layers
from lepton_lab.probes.log import ProbeLog
from lepton_lab.training.checkpoint import load_model
from lepton_lab.training.run import Run
from lepton_lab.widgets.gradient_monitor_source import AnyRun
from lepton_lab.workspace.live import LiveWeights
from lepton_lab.workspace.stored import StoredRun

__all__ = ["Origin", "Source"]

T = TypeVar("T")


@dataclass(frozen=True)
class Origin:
    """Which weights are looked at.

    Attributes:
        kind: "live", "untrained", "best" or "last" of a run that has ended, "checkpoint" where the process that trains
            shares none, "module".
        step: Their step; of the best ones that of the run's end.
        epoch: The best epoch for "best", else the epochs that the run has completed.
        state: The run's state; empty for a module.
    """

    kind: str
    step: int
    epoch: int
    state: str


class Source:
    """Present weights, layers and data of what is looked at.

    Args:
        thing: A run or a module.
        data: Its data, where the run cannot say or there is no run.
        untrained: Whether the weights that the training begins with will do where there are no others yet.

    Attributes:
        run: The run, or None for a plain module.

    Threads: `examine` may wait for the thread that trains, so call it in the background.
    """

    def __init__(self, thing: AnyRun | nn.Module, data: DataBundle | None = None, *, untrained: bool = False) -> None:
        self.run = None if isinstance(thing, nn.Module) else thing
        self._module = thing if isinstance(thing, nn.Module) else None
        self._data, self._untrained = data, untrained
        self._live = LiveWeights(thing.folder) if isinstance(thing, StoredRun) else None
        self._lock = threading.RLock()
        self._revived: tuple[tuple[str, int], Run] | None = None

    @property
    def thing(self) -> AnyRun | nn.Module:
        """What is looked at: the run, or the module."""
        return self.run if self.run is not None else cast(nn.Module, self._module)

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
        """Step and state of the weights that `examine` would see.

        Side effects: the process that trains a stored run is asked to share its weights for the next seconds.
        """
        origin = self.origin()
        return origin.step, origin.state

    def origin(self) -> Origin:
        """Which weights `examine` would see at this moment; see `moment`."""
        if self.run is None:
            return Origin("module", 0, 0, "")
        status = self.run.status
        state = str(status.state)
        if isinstance(self.run, Run):
            if not status.state.ended:
                return Origin("live" if status.step else "untrained", status.step, status.epoch, state)
            best = status.best_epoch if self._keeps_best(state) else None
            return Origin("best" if best else "last", status.step, best or status.epoch, state)
        assert self._live is not None
        assert self.folder is not None
        shared = None if status.state.ended else self._live.step()
        if shared is not None:
            return Origin("live" if shared else "untrained", shared, status.epoch, state)
        best_file = self.folder / "checkpoints" / "best.json"
        newest = self._newest()
        if status.state.ended and self._keeps_best(state) and best_file.exists():
            return Origin("best", newest or status.step, status.best_epoch or status.epoch, state)
        if newest is None:
            return Origin("untrained", 0, 0, state)
        return Origin("last" if status.state.ended else "checkpoint", newest, status.epoch, state)

    @property
    def from_checkpoint(self) -> bool:
        """Whether the weights are those of a checkpoint, since another process trains or trained."""
        return self._live is not None and self.origin().kind not in ("live", "untrained")

    def examine(self, function: Callable[[nn.Module, Layers], T]) -> T:
        """Calls `function` with a module of the present weights and its layers.

        Raises:
            TrainingError: There are no weights yet.
            CheckpointError: A stored run has none that can be read.
        """

        def work(module: nn.Module) -> T:
            return function(module, layers_of(self.run, module))

        thing = self.run if isinstance(self.run, Run) else self._module
        if thing is not None:
            return examine(thing, work)
        with self._lock:
            return examine(self._trained().module, work)

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
        if self._data is None and self._live is not None:
            with self._lock:
                self._trained()
        found = self.data
        if found is None:
            raise DataError("the data is not at hand", do="Pass it: FeatureMapViewer(run, data=…)")
        return found

    def _trained(self) -> Run:
        """The stored run with the weights of this moment, in a module of our own; called with the lock held."""
        if not isinstance(self.run, StoredRun):
            raise TrainingError("there is nothing to look at", do="Pass a run or a module")
        from lepton_lab.workspace.jobs import revive

        assert self._live is not None
        origin = self.origin()
        key = origin.kind, origin.step
        if self._revived is None or self._revived[0] != key:
            shared = self._live.read() if origin.kind in ("live", "untrained") else None
            before = self._revived[1] if self._revived is not None else None
            if before is not None and shared is not None:
                load_model(before.module, shared[1])
                self._revived = key, before
            else:
                data = before._needs_plan().data if before is not None else self._data
                weights = shared[1] if shared is not None else None
                run = revive(self.run.workspace, self.run.id, data, weights, untrained=self._untrained)
                self._revived = key, run
        return self._revived[1]

    def _keeps_best(self, state: str) -> bool:
        assert self.run is not None
        return state == "stopped" or bool(self.run.settings.get("restore_best"))

    def _newest(self) -> int | None:
        assert self.folder is not None
        steps = sorted((self.folder / "checkpoints").glob("step-*.json"))
        return int(steps[-1].stem.removeprefix("step-")) if steps else None
