"""What a workbench works on: data, a network, settings and runs, kept in a project of the workspace."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lepton_lab.data import DataBundle, load_dataset, load_source
from lepton_lab.errors import TrainingError
from lepton_lab.network import NetworkSpec
from lepton_lab.network.templates import for_samples, suggested
from lepton_lab.training.run import Run, active_runs
from lepton_lab.training.settings import TrainSettings
from lepton_lab.training.setup import describe_data
from lepton_lab.training.trainer import Trainer
from lepton_lab.workspace.elsewhere import start_in_worker
from lepton_lab.workspace.rows import to_text
from lepton_lab.workspace.workspace import Workspace, current_workspace

if TYPE_CHECKING:
    from lepton_lab.workspace.stored import StoredRun

__all__ = ["DEFAULTS", "WorkProject", "first_network"]

DEFAULTS: dict[str, Any] = {"epochs": 10, "batch_size": 32, "optimizer": "adam", "lr": 1e-3, "probes": ["standard"]}
"""Settings of a new project."""

_KEPT = (
    "epochs", "batch_size", "optimizer", "lr", "schedule", "weight_decay", "seed", "precision", "probes", "patience",
    "restore_best", "clip_norm", "class_weights", "loss", "monitor",
)  # fmt: skip


class WorkProject:
    """The state that all parts of a workbench share; every change is written to the project at once.

    Args:
        name: The project's name; it is made where there is none.
        workspace: Where it is kept; the current one where None.

    Attributes:
        data: The data, or None while there is none.
        network: The network, or None while there is none.
        run: The run that is looked at, or None before the first one.

    Threads: safe; `data` and `network` are replaced whole.
    """

    def __init__(self, name: str, workspace: Workspace | None = None) -> None:
        self.workspace = workspace if workspace is not None else current_workspace()
        self.project = self.workspace.project(name)
        self.name = self.project.name
        self._lock = threading.Lock()
        self.data: DataBundle | None = None
        stored = self.project.network
        self.network: NetworkSpec | None = NetworkSpec.from_dict(stored) if stored else None
        self.run: Run | StoredRun | None = self._newest()
        self._newest_id = self.run.id if self.run is not None else None

    @property
    def settings(self) -> dict[str, Any]:
        """How the next run trains."""
        return {**DEFAULTS, **self.project.settings}

    def change_settings(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Changes settings of the next run and returns all of them.

        Raises:
            UnknownNameError: There is no such setting.
            TrainingError: A value cannot be used.
        """
        unknown = sorted(set(changes) - set(_KEPT))
        if unknown:
            raise TrainingError(
                f"the workbench does not keep the setting {unknown[0]!r}", expected=", ".join(_KEPT), do="Leave it out"
            )
        with self._lock:
            wanted = {**self.settings, **changes}
            checked = {k: tuple(v) if k == "probes" and v is not None else v for k, v in wanted.items()}
            TrainSettings().changed(**checked)
            self.project.settings = wanted
        return wanted

    @property
    def source(self) -> dict[str, Any] | None:
        """From what the project's data is loaded; None where it has none, or came from memory."""
        return self.project.data

    def load(self) -> DataBundle | None:
        """Loads the project's data, which may take a while; None where it has none.

        Raises:
            DataError: It is gone or has changed its form.
        """
        source = self.project.data
        if self.data is None and source is not None:
            self.data = load_source(source)
        return self.data

    def use_data(self, data: DataBundle) -> None:
        """Takes other data; a first network for it is made where there is none."""
        self.data = data
        if data.source is not None:
            self.project.data = dict(data.source)
        facts = {key: value for key, value in describe_data(data).items() if key != "source"}
        self.project.about = {**(self.project.about or {}), "facts": facts}
        if self.network is None:
            self.use_network(first_network(data))
        else:
            self.use_network(self.network)

    def use_dataset(self, name: str) -> DataBundle:
        """Loads a data set by its name and takes it.

        Raises:
            UnknownNameError: There is no such data set.
            DataError: It cannot be loaded.
        """
        data = load_dataset(name)
        self.use_data(data)
        return data

    def use_network(self, network: NetworkSpec | None) -> None:
        """Takes another network; the samples of the data, where there are data, become its input."""
        if network is not None and self.data is not None:
            network = for_samples(network, self.data.sample_shape, self.data.sample_dtype)
        self.network = network
        self.project.network = network.to_dict() if network is not None else None

    def use_run(self, run: Run | StoredRun | None) -> None:
        """Looks at another run from now on."""
        self.run = run

    def start(self, where: str = "thread") -> Run | StoredRun:
        """Starts a run of the present network with the present settings.

        Raises:
            TrainingError: Data or network are missing, or a setting cannot be used.
            ShapeError: The network does not fit the data.
        """
        if self.data is None:
            raise TrainingError("there is no data to train on", do="Choose data in the Data tab")
        if self.network is None or not self.network.layers:
            raise TrainingError("there is no network to train", do="Add layers in the Network tab")
        self.network.infer_shapes()
        trainer = Trainer(self.network, **self.settings)
        name = self._next_name()
        if where == "worker":
            run: Run | StoredRun = start_in_worker(
                trainer.request(self.data, name=name), self.workspace, project=self.name
            )
        else:
            recorder = self.workspace.recorder(project=self.name)
            run = trainer.start(self.data, where=where, name=name, recorder=recorder)
        self.run, self._newest_id = run, run.id
        return run

    def follow(self, name: str) -> None:
        """Goes on with the project under the name that it was given elsewhere."""
        self.name = name

    def changed_elsewhere(self) -> list[str]:
        """Takes over a network or a run that another process gave the project, and says what changed.

        Returns:
            Some of "network", "run", and "data": those are to be loaded by `load`.
        """
        changed = []
        stored = self.project.network
        if stored is not None and (self.network is None or _plain(self.network.to_dict()) != stored):
            self.network = NetworkSpec.from_dict(stored)
            changed.append("network")
        if self.data is not None and self.data.source is not None and self.project.data != _plain(self.data.source):
            self.data = None
            changed.append("data")
        newest = self._newest()
        if newest is not None and newest.id != self._newest_id:
            self.run, self._newest_id = newest, newest.id
            changed.append("run")
        return changed

    def waiting(self) -> str | None:
        """Why no run can be started now, in plain words; None where one can."""
        if self.data is None:
            return "Choose data first"
        if self.network is None or not self.network.layers:
            return "The network has no layers yet"
        problems = self.network.check().problems
        return problems[0].message if problems else None

    def _newest(self) -> Run | StoredRun | None:
        frame = self.workspace.runs(self.name)
        if not len(frame):
            return None
        newest = str(frame.iloc[0]["id"]) if "id" in frame else str(frame.index[0])
        here = next((run for run in active_runs() if run.id == newest), None)
        return here if here is not None else self.workspace.open_run(newest)

    def _next_name(self) -> str:
        base = self.network.name if self.network is not None and self.network.name else self.name
        return f"{base}-{len(self.workspace.runs(self.name)) + 1}"


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """As the store gives it back: what was a tuple is a list."""
    plain: dict[str, Any] = json.loads(to_text(value))
    return plain


def first_network(data: DataBundle) -> NetworkSpec:
    """A network to begin with, by the form of the samples: the middle size of what suits them."""
    words = int(getattr(data.preprocessing, "index_count", 10_000))
    shape, unit = tuple(data.sample_shape), data.target_unit()
    return suggested(shape, data.target_size, data.sample_dtype, vocabulary=words, unit=unit)
