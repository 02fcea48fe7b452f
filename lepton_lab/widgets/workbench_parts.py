"""The views inside a workbench: made when their tab is first looked at, told when data, network or run change."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from lepton_lab.data import DataBundle
from lepton_lab.network import NetworkSpec
from lepton_lab.widgets._base import Widget
from lepton_lab.widgets.data_explorer import DataExplorer
from lepton_lab.widgets.doctor_view import DoctorView
from lepton_lab.widgets.evaluation_view import EvaluationView
from lepton_lab.widgets.feature_map_viewer import FeatureMapViewer
from lepton_lab.widgets.gradient_monitor import GradientMonitor
from lepton_lab.widgets.network_builder import NetworkBuilder
from lepton_lab.widgets.playground import Playground
from lepton_lab.widgets.playground_project import why_not
from lepton_lab.widgets.playground_training import SETTINGS
from lepton_lab.widgets.run_browser import RunBrowser
from lepton_lab.widgets.training_monitor import TrainingMonitor
from lepton_lab.widgets.workbench_project import WorkProject

__all__ = ["TABS", "Parts"]

TABS = ("data", "network", "train", "inspect", "evaluate", "runs")

_OF_TAB: Mapping[str, tuple[str, ...]] = {
    "data": ("explorer",),
    "network": ("builder",),
    "train": ("monitor",),
    "inspect": ("doctor", "playground", "gradients", "maps"),
    "evaluate": ("evaluation",),
    "runs": ("runs",),
}


class Parts:
    """The views of one workbench.

    Args:
        work: What all of them show.
        took: Called with "data", "network" or "run" and its new value when a person changed it in one of the views,
            which shows it already.
        train: Called when a person presses Train in the builder.

    Threads: safe.
    """

    def __init__(self, work: WorkProject, took: Callable[[str, Any], None], train: Callable[[], Any]) -> None:
        self._work, self._took, self._train = work, took, train
        self._lock = threading.RLock()
        self._parts: dict[str, Any] = {}
        self._telling = False

    def refs(self, tab: str) -> list[str]:
        """The views of a tab, as a front end names them; those that are missing are made."""
        with self._lock:
            made = [self._part(name) for name in _OF_TAB[tab]]
            return [part.ref for part in made if part is not None]

    def ref(self, name: str) -> str:
        """One view, made where it is missing, as a front end names it; empty where there is nothing to show yet."""
        with self._lock:
            part = self._part(name)
            return part.ref if part is not None else ""

    def get(self, name: str) -> Widget | None:
        """A view that was made already."""
        return self._parts.get(name)

    def tell_data(self, data: DataBundle) -> None:
        """Hands other data to the views, and the network that was made or changed for it."""
        with self._quiet():
            for name in ("explorer", "builder", "doctor"):
                part = self._parts.get(name)
                if part is not None and part.data is not data:
                    part.data = data
            self._show_network(self._work.network)
            self._drop("evaluation", "maps", "playground")

    def tell_network(self, network: NetworkSpec | None) -> None:
        """Hands another network to the builder and the playground."""
        with self._quiet():
            self._show_network(network)
        self.tell_inspect()

    def tell_inspect(self) -> None:
        """Hands the present network and settings to the playground; before the first run the network to the doctor."""
        data, network = self._work.data, self._work.network
        with self._quiet():
            doctor = self._parts.get("doctor")
            if doctor is not None and doctor.run is None and network is not None and data is not None:
                doctor.before(network, data)
            playground = self._parts.get("playground")
            if playground is None or network is None or data is None:
                return
            if why_not(data, network):
                self._drop("playground")
            else:
                playground.use(network, self._work.settings)

    def tell_run(self, run: Any) -> None:
        """Shows another run everywhere."""
        with self._quiet():
            if (monitor := self._parts.get("monitor")) is not None and run is not None and monitor.run_id != run.id:
                monitor.watch(run)
            if (doctor := self._parts.get("doctor")) is not None and doctor.run is not run:
                doctor.run = run
            if (gradients := self._parts.get("gradients")) is not None and gradients.run_id != run.id:
                gradients.use(run)
            if (maps := self._parts.get("maps")) is not None and maps.run_id != run.id:
                maps.use(run, self._work.data)
            if (playground := self._parts.get("playground")) is not None:
                playground.watch(self._plane_run())
            self._drop("evaluation")

    def made_tabs(self) -> list[str]:
        """Tabs of which something was made."""
        with self._lock:
            return [tab for tab, names in _OF_TAB.items() if any(name in self._parts for name in names)]

    def close(self) -> None:
        """Frees all views; runs go on."""
        with self._lock:
            self._drop(*self._parts)

    def _show_network(self, network: NetworkSpec | None) -> None:
        builder = self._parts.get("builder")
        if builder is not None and network is not None and builder.network != network:
            builder.network = network

    def _part(self, name: str) -> Any:
        if name not in self._parts:
            part = getattr(self, f"_make_{name}")()
            if part is None:
                return None
            self._parts[name] = part
        return self._parts[name]

    def _drop(self, *names: str) -> None:
        for name in names:
            part = self._parts.pop(name, None)
            if part is not None:
                part.close()

    def _quiet(self) -> _Telling:
        return _Telling(self)

    def _heard(self, what: str) -> Callable[[Any], None]:
        def took(value: Any) -> None:
            if not self._telling:
                self._took(what, value)

        return took

    def _make_explorer(self) -> Any:
        part = DataExplorer(self._work.data)
        part.on_change(self._heard("data"))
        return part

    def _make_builder(self) -> Any:
        part = NetworkBuilder(self._work.network, data=self._work.data)
        took = self._heard("network")
        # the present network, not the one of the edit: answers to quick edits may overtake each other
        part.on_change(lambda _: took(part.network))
        part.on_train(self._train)
        return part

    def _make_monitor(self) -> Any:
        part = TrainingMonitor(self._work.run, workspace=self._work.workspace, framed=False)
        took = self._heard("run")
        part.observe(lambda _: took(part.run) if part.run is not None else None, ["run_id"])
        return part

    def _make_doctor(self) -> Any:
        part = DoctorView(self._work.run if self._work.run is not None else self._work.network, self._work.data)
        part.on_run(self._heard("run"))
        return part

    def _make_gradients(self) -> Any:
        return GradientMonitor(self._work.run)

    def _make_maps(self) -> Any:
        return FeatureMapViewer(self._work.run, self._work.data) if self._work.run is not None else None

    def _make_playground(self) -> Any:
        data, network = self._work.data, self._work.network
        if data is None or why_not(data, network):
            return None
        part = Playground(network, data, settings=self._work.settings, run=self._plane_run())
        part.on_adopt(self._adopted)
        return part

    def _plane_run(self) -> Any:
        """The run, where it trains on the present data."""
        run, data = self._work.run, self._work.data
        if run is None or data is None or run.fingerprint() not in (None, data.fingerprint):
            return None
        return run

    def _adopted(self, network: NetworkSpec, settings: Mapping[str, Any]) -> None:
        self._work.change_settings({name: settings[name] for name in SETTINGS})
        self._work.use_network(network)
        self.tell_network(network)
        self._took("network", network)

    def _make_evaluation(self) -> Any:
        return EvaluationView(self._work.run, self._work.data) if self._work.run is not None else None

    def _make_runs(self) -> Any:
        part = RunBrowser(self._work.name, self._work.workspace)
        part.on_open(self._heard("run"))
        return part


class _Telling:
    """While views are told of a change, what they answer is no change by a person."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def __enter__(self) -> None:
        self._parts._lock.acquire()
        self._parts._telling = True

    def __exit__(self, *_: object) -> None:
        self._parts._telling = False
        self._parts._lock.release()
