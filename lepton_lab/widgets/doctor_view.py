"""What is wrong with a run, in plain words, and a button that tries the fix beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import traitlets

from lepton_lab.data import DataBundle
from lepton_lab.doctor import BeforeAfter, Finding, Report, compare, diagnose, preflight, try_fix
from lepton_lab.errors import TrainingError, UnknownNameError
from lepton_lab.network import NetworkSpec
from lepton_lab.training.run import Run
from lepton_lab.widgets._base import Widget, command
from lepton_lab.workspace import StoredRun
from lepton_lab.workspace.workspace import current_workspace

__all__ = ["DoctorView"]

AnyRun = Run | StoredRun

LOOK_S = 4.0
"""Seconds between two looks at a run that trains, while somebody watches."""

_MOST_SHARE = 0.25  # of the time that looks may take: a slow look is made more seldom
_LONGEST_S = 15.0


@dataclass
class _Trial:
    """A fix that is being tried.

    Attributes:
        key: Rule, layer and number of the fix.
        label: What the fix does.
        run: The run in which it is tried.
        seen: Steps of both runs at the last comparison.
        result: The last comparison.
        beside: The run that it was forked from.
    """

    key: str
    label: str
    run: AnyRun
    beside: AnyRun
    seen: tuple[Any, ...] = ()
    result: BeforeAfter | None = None


@dataclass
class _Looks:
    """When was looked last, and how long it took."""

    at: float = -1e9
    took: float = 0.0
    step: tuple[Any, ...] | None = None
    busy: threading.Lock = field(default_factory=threading.Lock)

    def due(self, now: tuple[Any, ...]) -> bool:
        if now == self.step:
            return False
        ended = [mark[2].ended for mark in now] != [mark[2].ended for mark in self.step or ()]
        pause = min(_LONGEST_S, max(LOOK_S, self.took / _MOST_SHARE))
        return ended or time.monotonic() - self.at > pause


class DoctorView(Widget):
    """Findings about a run while it trains and after, or about a network before.

    Args:
        run: A `Run`, a `StoredRun`, or its id or name; a network (`NetworkSpec` or module) is looked at before it is
            trained, on `data`.
        data: The data, where the run cannot load them again.

    Attributes:
        run_id: Id of the run that is looked at; empty where there is none.
        hidden: Findings that the person put aside, by rule and layer.

    Raises:
        UnknownNameError: There is no such run.
    """

    _bundle: ClassVar[str] = "doctor_view"

    run_id = traitlets.Unicode().tag(sync=True)
    hidden = traitlets.List(traitlets.Unicode()).tag(sync=True)

    def __init__(self, run: Any = None, data: DataBundle | None = None) -> None:
        self._data = data
        self._run: AnyRun | None = None
        self._network: Any = None
        self._report: Report | None = None
        self._trials: dict[str, _Trial] = {}
        self._looks = _Looks()
        self._callbacks: list[Callable[[AnyRun], Any]] = []
        super().__init__()
        if isinstance(run, str):
            run = current_workspace().open_run(run)
        if isinstance(run, Run | StoredRun):
            self.run = run
        elif run is not None:
            self._network = run

    @property
    def run(self) -> AnyRun | None:
        """The run that is looked at; assign another to look at that."""
        return self._run

    @run.setter
    def run(self, run: AnyRun | None) -> None:
        self._run = run
        self._report = None
        self._trials = {key: trial for key, trial in self._trials.items() if trial.beside is run}
        self._looks = _Looks()
        self.run_id = run.id if run is not None else ""
        self.push("report", self._told())
        if self.visible:
            self._look_beside()

    @property
    def data(self) -> DataBundle | None:
        """The data; assign others."""
        return self._data

    @data.setter
    def data(self, data: DataBundle | None) -> None:
        self._data = data

    @property
    def report(self) -> Report | None:
        """What was found last."""
        return self._report

    def on_run(self, callback: Callable[[AnyRun], Any]) -> None:
        """Calls `callback` with the run of a fix that the person adopts."""
        self._callbacks.append(callback)

    def before(self, network: NetworkSpec | Any, data: DataBundle) -> None:
        """Looks at a network before it is trained: at once where somebody watches, else when somebody comes."""
        self._network, self._data, self._run, self._report = network, data, None, None
        self.run_id = ""
        self._looks = _Looks()
        self.push("report", self._told())
        if self.visible:
            self._look_beside()

    @command
    def catch_up(self) -> dict[str, Any]:
        """All that is known, for a view that is new."""
        return self._told()

    @command(background=True)
    def look(self) -> dict[str, Any]:
        """Looks now."""
        self._look(force=True)
        return self._told()

    @command(background=True)
    def try_fix(self, rule: str, layer: str | None, fix: int) -> str:
        """Starts a run in which one finding is put right; returns its id."""
        if self._run is None:
            raise TrainingError("there is no run to put right", do="Train the network first")
        finding = self._finding(rule, layer)
        tried = try_fix(self._run, finding, fix, data=self._data)
        key = _key(rule, layer) + f"/{fix}"
        self._trials[key] = _Trial(key, finding.fixes[fix].label, tried, self._run)
        self.push("report", self._told())
        return str(tried.id)

    @command
    def adopt(self, key: str) -> str:
        """Goes on with the run of a fix; the old one is stopped and kept."""
        trial = self._trial(key)
        if self._run is not None and not self._run.state.ended:
            self._run.stop()
        self.run = trial.run
        for callback in list(self._callbacks):
            callback(trial.run)
        return str(trial.run.id)

    @command
    def discard(self, key: str) -> None:
        """Stops the run of a fix and takes it away from here; its record stays."""
        trial = self._trial(key)
        if not trial.run.state.ended:
            trial.run.stop()
        del self._trials[key]
        self.push("report", self._told())

    def seen(self) -> None:
        """The first view makes the first look."""
        if self._report is None and (self._run is not None or self._network is not None):
            self._look_beside()

    def pulse(self) -> None:
        """Looks again now and then, and keeps the comparisons up to date; the work is done beside."""
        due = self._run is not None and self._looks.due(self._marks())
        if due:
            self._look_beside()

    def still(self) -> str | None:
        """The report as a page."""
        report = self._report
        return None if report is None else report._repr_html_()

    def released(self) -> None:
        """Lets go of the runs; they go on."""
        self._run, self._network, self._data, self._report = None, None, None, None
        self._trials.clear()

    def _marks(self) -> tuple[Any, ...]:
        runs = [self._run, *(trial.run for trial in self._trials.values())]
        return tuple((run.id, run.status.step, run.state) for run in runs if run is not None)

    def _look_beside(self) -> None:
        if self._looks.busy.locked():
            return
        threading.Thread(target=self._look_quietly, name="lepton-doctor", daemon=True).start()

    def _look_quietly(self) -> None:
        try:
            self._look()
        except Exception as error:  # what a user's module raises is shown where one looks, not printed
            self.show_error(error)

    def _look(self, force: bool = False) -> None:
        looks = self._looks
        if not looks.busy.acquire(blocking=force):
            return
        try:
            began, run, network = time.monotonic(), self._run, self._network
            looks.step = self._marks()
            if run is not None:
                # while it trains only the record is read; who asks, or a run at its end, gets all checks
                report = diagnose(run, data=self._data, recorded_only=not (force or run.state.ended))
            elif network is not None and self._data is not None:
                report = preflight(network, self._data)
            else:
                return
            for trial in list(self._trials.values()):
                marks = (trial.beside.status.step, trial.run.status.step, trial.run.state)
                if marks != trial.seen and trial.run.status.step:
                    trial.result, trial.seen = compare(trial.beside, trial.run, data=self._data), marks
            if self._run is run and self._network is network:
                self._report = report
            looks.at = time.monotonic()
            looks.took = looks.at - began
        finally:
            looks.busy.release()
        self.push("report", self._told())
        self.refresh_still()

    def _told(self) -> dict[str, Any]:
        run, report = self._run, self._report
        trials = [
            {
                "key": t.key,
                "label": t.label,
                "run": t.run.id,
                "name": t.run.name,
                "state": str(t.run.state),
                "epoch": t.run.status.epoch,
                "epochs": t.run.status.epochs,
                "ended": t.run.state.ended,
                "result": t.result.to_json() if t.result is not None else None,
            }
            for t in list(self._trials.values())
        ]
        return {
            "run": None if run is None else {"id": run.id, "name": run.name, "state": str(run.state)},
            "report": None if report is None else report.to_json(),
            "trials": trials,
            "looking": self._looks.busy.locked(),
        }

    def _finding(self, rule: str, layer: str | None) -> Finding:
        for finding in self._report or ():
            if finding.rule == rule and finding.layer == layer:
                return finding
        raise UnknownNameError("finding", rule, [f.rule for f in self._report or ()], do="It is gone: look again")

    def _trial(self, key: str) -> _Trial:
        if key not in self._trials:
            raise UnknownNameError("fix that was tried", key, sorted(self._trials))
        return self._trials[key]


def _key(rule: str, layer: str | None) -> str:
    return f"{rule}/{layer or ''}"
