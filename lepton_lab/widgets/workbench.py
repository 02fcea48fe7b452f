"""The whole path in one widget: data, network, training, inside, evaluation, with one shared state."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import traitlets

from lepton_lab.data import DataBundle
from lepton_lab.data.builtin import DATASETS
from lepton_lab.errors import LeptonError, UnknownNameError
from lepton_lab.network import NetworkSpec
from lepton_lab.training.optimizers import OPTIMIZERS
from lepton_lab.training.schedules import SCHEDULES
from lepton_lab.widgets._base import Widget, command
from lepton_lab.widgets._orders import failure
from lepton_lab.widgets.playground_project import why_not
from lepton_lab.widgets.workbench_parts import TABS, Parts
from lepton_lab.widgets.workbench_project import WorkProject
from lepton_lab.workspace.workspace import Workspace, current_workspace

__all__ = ["Workbench"]

_open: dict[tuple[str, str], Workbench] = {}
_open_lock = threading.Lock()


class Workbench(Widget):
    """A project with all of its views. The same name gives the same workbench, so a cell may be run again.

    Args:
        project: The project's name; it is made where there is none, and found again by every kernel.
        data: Its data, in place of what the project has.
        network: Its network, in place of what the project has.
        workspace: Where the project is kept; the current workspace where None.
        where: Where runs execute: "thread" for this process, "worker" for the workspace's own process.

    Attributes:
        tab: "data", "network", "train", "inspect", "evaluate" or "runs".
        settings: How the next run trains; change them by `train(epochs=…)` or in the view.

    Raises:
        StoreError: The workspace cannot be used.
    """

    _bundle: ClassVar[str] = "workbench"

    tab = traitlets.Enum(TABS, "data").tag(sync=True)
    project = traitlets.Unicode().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    parts = traitlets.Dict().tag(sync=True)

    def __new__(cls, project: str = "workbench", *_: Any, workspace: Workspace | None = None, **keys: Any) -> Workbench:
        """The open workbench of this project, where there is one."""
        with _open_lock:
            known = _open.get(_key(project, workspace))
        return known if known is not None else super().__new__(cls)

    def __init__(
        self,
        project: str = "workbench",
        data: DataBundle | None = None,
        network: NetworkSpec | None = None,
        *,
        workspace: Workspace | None = None,
        where: str = "thread",
    ) -> None:
        if self._desk is None:
            self._work = WorkProject(project, workspace)
            self._where = where
            self._parts = Parts(self._work, self._heard, self.train)
            loads = data is None and self._work.source is not None
            self._busy = "loading" if loads else ""
            self._problem: dict[str, str] | None = None
            self._plane: tuple[DataBundle | None, NetworkSpec | None, str] = (None, None, "")
            super().__init__(project=self._work.name, settings=self._work.settings)
            if self._work.run is not None:
                self.tab = "train"
            with _open_lock:
                _open[_key(project, workspace)] = self
            if loads:
                threading.Thread(target=self._load, name="lepton-data", daemon=True).start()
        if network is not None:
            self._took("network", network)
        if data is not None:
            self._took("data", data)
        self._tell()

    @property
    def data(self) -> DataBundle | None:
        """The project's data; assign other data to go on with them."""
        return self._work.data

    @data.setter
    def data(self, data: DataBundle) -> None:
        self._took("data", data)

    @property
    def network(self) -> NetworkSpec | None:
        """The project's network; assign another to go on with it."""
        return self._work.network

    @network.setter
    def network(self, network: NetworkSpec) -> None:
        self._took("network", network)

    @property
    def run(self) -> Any:
        """The run that the views show: a `Run` or a `StoredRun`; None before the first. Assign another to show it."""
        return self._work.run

    @run.setter
    def run(self, run: Any) -> None:
        self._took("run", run)

    def train(self, **changes: Any) -> Any:
        """Starts a run with the project's settings and returns it.

        Args:
            **changes: Settings to change first, such as `epochs=5`.

        Raises:
            TrainingError: Data or network are missing, or a setting cannot be used.
        """
        if changes:
            self.settings = self._work.change_settings(changes)
        run = self._work.start(self._where)
        self._took("run", run)
        return run

    @command
    def open_tab(self, tab: str) -> list[str]:
        """The views of a tab, made when it is first looked at."""
        if tab not in TABS:
            raise UnknownNameError("tab", tab, TABS)
        refs = self._parts.refs(tab)
        self.parts = {**self.parts, tab: refs}
        return refs

    @command
    def choices(self) -> dict[str, list[str]]:
        """What can be chosen from: data sets, optimizers, schedules."""
        optimizers = [name for name in OPTIMIZERS.names() if name != "lbfgs"]  # wants its own loop over one batch
        return {"datasets": DATASETS.names(), "optimizers": optimizers, "schedules": SCHEDULES.names()}

    @command(background=True)
    def use_dataset(self, name: str) -> None:
        """Loads a data set by its name."""
        self._busy = "loading"
        self._tell()
        try:
            data = self._work.use_dataset(name)
        finally:
            self._busy = ""
            self._tell()
        self._took("data", data)

    @command
    def change(self, settings: dict[str, Any]) -> None:
        """Changes settings of the next run."""
        self.settings = self._work.change_settings(settings)
        self._parts.tell_inspect()

    @command
    def start(self) -> str:
        """Starts a run; returns its id."""
        return str(self.train().id)

    def pulse(self) -> None:
        """Keeps the marks of the tabs true while a run goes on."""
        self._tell()

    def still(self) -> str | None:
        """The monitor's last curves."""
        monitor = self._parts.get("monitor")
        return monitor.still() if monitor is not None else None

    def released(self) -> None:
        """Closes the views; runs go on."""
        with _open_lock:
            for key in [k for k, v in _open.items() if v is self]:
                del _open[key]
        self._parts.close()

    def _load(self) -> None:
        try:
            data = self._work.load()
        except LeptonError as error:  # the file is gone: said in the view, and other data can be chosen
            self._problem, data = failure(error), None
        self._busy = ""
        if data is not None:
            self._took("data", data)
        self._tell()

    def _heard(self, what: str, value: Any) -> None:
        if what == "network":  # the builder shows it already, and may be further by now
            self._work.use_network(value)
            self._parts.tell_inspect()
            self.settings = self._work.settings
            if "inspect" in self._parts.made_tabs():  # a network may begin or cease to fit the plane
                self.open_tab("inspect")
            self._tell()
        else:
            self._took(what, value)

    def _took(self, what: str, value: Any) -> None:
        """Takes new data, another network or another run, whoever brought it, and tells all views."""
        if what == "data":
            self._problem = None
            self._work.use_data(value)
            self._parts.tell_data(value)
            self._parts.tell_inspect()
        elif what == "network":
            self._work.use_network(value)
            self._parts.tell_network(self._work.network)
        else:
            self._work.use_run(value)
            self._parts.tell_run(value)
            self.tab = "train"
        for tab in list(self.parts):  # also one that had nothing to show when it was looked at
            self.open_tab(tab)
        self._tell()

    def _no_plane(self) -> str:
        """Why there is no playground; empty where there is one, or no data yet."""
        data, network = self._work.data, self._work.network
        if self._plane[:2] != (data, network):
            self._plane = data, network, why_not(data, network) if data is not None else ""
        return self._plane[2]

    def _tell(self) -> None:
        """Brings the synced state up to date; sends nothing where nothing changed."""
        data, network, run = self._work.data, self._work.network, self._work.run
        about_run = None
        if run is not None:
            state = run.status.state
            about_run = {"id": run.id, "name": run.name, "state": str(state), "ended": state.ended}
        self.state = {
            "busy": self._busy,
            "data": None if data is None else {"name": data.name, "samples": len(data.train), "task": str(data.task)},
            "no_plane": self._no_plane(),
            "network": None if network is None else {"name": network.name, "layers": len(network.layers)},
            "waiting": "" if self._busy else self._work.waiting() or "",
            "run": about_run,
            "problem": self._problem,
        }


def _key(project: str, workspace: Workspace | None) -> tuple[str, str]:
    return str((workspace or current_workspace()).folder), project.strip()
