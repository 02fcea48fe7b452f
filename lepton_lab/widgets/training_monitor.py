"""`TrainingMonitor`: the curves of a run while it trains, what it is doing, and its controls."""

from __future__ import annotations

import contextlib
import threading
import time
import weakref
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np
import traitlets

from lepton_lab.errors import StoreError, TrainingError, UnknownNameError
from lepton_lab.training.run import Run, active_runs
from lepton_lab.widgets._base import Reply, Widget, command
from lepton_lab.widgets.training_monitor_finding import FindingOf
from lepton_lab.widgets.training_monitor_orders import Orders
from lepton_lab.widgets.training_monitor_reader import News, Reader, record_of
from lepton_lab.widgets.training_monitor_start import START_SETTINGS, Starter
from lepton_lab.widgets.training_monitor_still import draw
from lepton_lab.workspace import StoredRun, Workspace
from lepton_lab.workspace.workspace import current_workspace

__all__ = ["TrainingMonitor", "monitor_of"]

MOST_RUNS = 8
"""Runs in one set of charts: there are eight colours."""

_LISTED = 60
_LIVELY_S = 10.0  # of training, in which every pulse is sent
_APART_S = 0.25  # between two messages afterwards


class TrainingMonitor(Orders, Widget):
    """Shows a run live, whatever process trains it, and steers it.

    Args:
        run: A `Run`, a `StoredRun`, or a run's id or name. Something to start instead gives a view with a Train
            button: a `Trainer`, a `NetworkSpec`, a module, a `NetworkBuilder`, or a function that returns a run.
        data: What to train on, where there is something to start.
        compare: Further runs to draw into the same charts.
        workspace: Where runs are looked up; the current workspace by default.
        epochs: Epochs to train, where there is something to start.
        batch_size: Samples a step, where there is something to start.
        **options: Settings of a training that is to be started, or traits: `axis`, `scale`, `smoothing`, `framed`.

    Attributes:
        run_id: Id of the run that the controls act on; empty before one was started.
        compare: Ids of the runs beside it.
        axis: What the curves are drawn against: "epoch", "step" or "time".
        scale: Scale of the loss: "linear" or "log".
        smoothing: Share that the running mean keeps of itself a point, from 0 to 0.99.
        framed: Whether it draws its own border.
        plan: Epochs, learning rate and batch size of the run that is to be started.
        blocked: Why nothing may be started now, said by whoever embeds it; empty where nothing hinders.

    Example:
        >>> monitor = ll.TrainingMonitor(ll.Trainer(network), data, epochs=5)  # doctest: +SKIP

    Raises:
        UnknownNameError: There is no such run, or no such argument.
    """

    _bundle: ClassVar[str] = "training_monitor"

    run_id = traitlets.Unicode().tag(sync=True)
    compare = traitlets.List(traitlets.Unicode()).tag(sync=True)
    axis = traitlets.Enum(("epoch", "step", "time"), "epoch").tag(sync=True)
    scale = traitlets.Enum(("linear", "log"), "log").tag(sync=True)
    smoothing = traitlets.Float(0.6, min=0.0, max=0.99).tag(sync=True)
    framed = traitlets.Bool(True).tag(sync=True)
    plan = traitlets.Dict().tag(sync=True)
    blocked = traitlets.Unicode()

    def __init__(
        self,
        run: Any = None,
        data: Any = None,
        *,
        compare: Iterable[Run | StoredRun | str] = (),
        workspace: Workspace | None = None,
        epochs: int | None = None,
        batch_size: int | None = None,
        **options: Any,
    ) -> None:
        self._lock, self._beginning = threading.RLock(), threading.Lock()
        self._readers: dict[str, Reader] = {}
        self._told_start: Any = None
        self._told_at = 0.0
        self._workspace = workspace
        self._finding = FindingOf(self.show_error)
        self._told_finding: dict[str, str] | None = None
        self._told_forking = self._forking
        self.starter: Starter | None = None
        traits = {name: options.pop(name) for name in list(options) if name in self.trait_names()}
        super().__init__(**traits)
        given = {"epochs": epochs, "batch_size": batch_size, **options}
        given = {name: value for name, value in given.items() if value is not None}
        if isinstance(run, Run | StoredRun | str):
            if given:
                raise UnknownNameError("argument of a monitor of a run", next(iter(given)), self._settable())
            self.watch(run, compare)
            return
        if run is not None:
            self.starter = Starter(run, data, given)
            self.plan = self.starter.settings()
        if compare:
            self.compare = [self._read(one).id for one in compare]

    @property
    def run(self) -> Run | StoredRun | None:
        """The run that the controls act on; None before one was started."""
        reader = self._readers.get(self.run_id)
        return reader.run if reader is not None else None

    @property
    def workspace(self) -> Workspace:
        """Where runs are looked up."""
        return self._workspace if self._workspace is not None else current_workspace()

    def watch(self, run: Run | StoredRun | str, compare: Iterable[Run | StoredRun | str] | None = None) -> None:
        """Shows another run.

        Args:
            run: The run, its id or its name.
            compare: Runs to draw beside it; None keeps those that are there.

        Raises:
            UnknownNameError: There is no such run.
        """
        with self._lock:
            main = self._read(run)
            main.refresh()
            beside = list(self.compare) if compare is None else [self._read(one).id for one in compare]
            self.compare = [i for i in dict.fromkeys(beside) if i != main.id][: MOST_RUNS - 1]
            self.run_id = main.id
            self._drop_others()
        if isinstance(main.run, Run) and not main.run.state.ended:
            _draw_at_end(self, main.run)
        self._tell()

    # --- sending ---------------------------------------------------------------------------------------------------

    def pulse(self) -> None:
        """Sends what is new of every run in one message: ten times a second at first, then less often.

        A curve that has been growing for a while moves by less than a pixel in a tenth of a second; drawing it again
        would only take time from the training. A run that changes its state is told of at once.
        """
        if time.monotonic() - self._told_at < self._apart():
            return
        self._told_at = time.monotonic()
        with self._lock:
            told = [reader.news() for reader in self._shown()]
            content, buffers = _message([news for news in told if news is not None])
            start = self._start_state()
            if start != self._told_start:
                self._told_start = content["start"] = start
            main = self._readers.get(self.run_id)
            finding = self._finding.of(main.run, main.status) if main is not None else None
            if finding != self._told_finding:
                self._told_finding = content["finding"] = finding
            if self._forking != self._told_forking:
                self._told_forking = self._forking
                content["forking"] = self._forking.to_json()
            if content:
                self.push("news", content, buffers)
        self.refresh_still()

    @command
    def catch_up(self) -> Reply:
        """Everything, for a view that knows nothing or has missed something."""
        with self._lock:
            content, buffers = _message([reader.everything() for reader in self._shown()])
            state = {"start": self._start_state(), "finding": self._told_finding, "forking": self._forking.to_json()}
            return Reply({"runs": [], **content, **state}, buffers)

    @command(background=True)
    def detail(self, run: str, table: str, first: int, last: int) -> Reply:
        """Rows of a run in finer blocks, for a zoom.

        Args:
            run: The run's id.
            table: "steps" or "epochs".
            first: Number of the first row.
            last: Number after the last row.
        """
        reader = self._readers.get(run)
        if reader is None or table not in ("steps", "epochs"):
            raise UnknownNameError("table of a run", f"{run}/{table}", [f"{i}/steps" for i in self._readers])
        fine = reader.detail(table, max(0, int(first)), max(0, int(last)))
        blocks = fine.since()
        return Reply({"columns": fine.names(), "rows": blocks.shape[1], "level": fine.level}, [blocks])

    def still(self) -> str | None:
        """The last curves as SVG."""
        with self._lock:
            readers = list(self._shown())
            return draw(readers, self.axis, self.scale == "log") if readers else None

    def released(self) -> None:
        """Lets go of the runs."""
        self.close_orders()
        with self._lock:
            self._readers.clear()
            self.starter = None

    # --- inside ----------------------------------------------------------------------------------------------------

    def _read(self, run: Run | StoredRun | str) -> Reader:
        """The reader of a run, which may have one already."""
        if isinstance(run, str):
            known = self._readers.get(run) or next((r for r in active_runs() if run in (r.id, r.name)), None)
            if isinstance(known, Reader):
                return known
            run = known if known is not None else self.workspace.open_run(run)
        reader = self._readers.get(run.id)
        if reader is None:
            reader = self._readers[run.id] = Reader(run)
            if self._workspace is None and (record := record_of(run)) is not None:
                self._workspace = record.workspace
        return reader

    def _shown(self) -> list[Reader]:
        """The readers in the order of their colours, with what is new; a run that was deleted is left out."""
        found = []
        for run_id in [self.run_id, *self.compare]:
            if not run_id:
                continue
            try:
                reader = self._read(run_id)
                reader.refresh()
                found.append(reader)
            except UnknownNameError:
                self._readers.pop(run_id, None)
                self.compare = [i for i in self.compare if i != run_id]
                if self.run_id == run_id:
                    self.run_id = ""
        return found

    def _drop_others(self) -> None:
        shown = {self.run_id, *self.compare}
        for run_id in [i for i in self._readers if i not in shown]:
            del self._readers[run_id]

    def _start_state(self) -> dict[str, Any]:
        """Whether a run can be started, why not, and with what."""
        if self.starter is None:
            return {"can": False, "why": "", "settings": {}, "again": False}
        why = self.blocked or self.starter.problem()
        return {"can": True, "why": why, "settings": dict(self.plan), "again": bool(self.run_id)}

    def _apart(self) -> float:
        """Seconds to leave between two messages: as many as the views want, and at least some after a while."""
        reader = self._readers.get(self.run_id)
        if reader is None or (isinstance(reader.run, Run) and reader.run.status.state is not reader.status.state):
            return 0.0
        return max(self._views.apart_s, 0.0 if reader.status.elapsed_s < _LIVELY_S else _APART_S)

    def _tell(self) -> None:
        """Sends at once what an order has changed, where somebody looks."""
        self._told_at = 0.0
        if self.visible:
            self._pulse()

    def _begin(self, changes: Mapping[str, Any]) -> Run | StoredRun:
        if self.starter is None:
            raise TrainingError("there is nothing to start", do="Make the monitor of a Trainer and its data")
        if self.blocked:
            raise TrainingError(f"training cannot start: {self.blocked}")
        with self._beginning:  # a fork that begins anew and a start may come at once
            self.plan = {**self.plan, **{k: v for k, v in changes.items() if k in START_SETTINGS and v is not None}}
            return self.starter.start(dict(self.plan))

    def _candidates(self) -> list[dict[str, Any]]:
        query = "SELECT id, name, state, created, project FROM runs ORDER BY created DESC, rowid DESC LIMIT ?"
        try:
            rows = self.workspace.database.rows(query, (_LISTED,))
        except StoreError:
            return []
        shown = {self.run_id, *self.compare}
        return [dict(row) for row in rows if row["id"] not in shown]


def _message(told: list[News]) -> tuple[dict[str, Any], list[np.ndarray]]:
    if not told:
        return {}, []
    return {"runs": [news.content for news in told]}, [buffer for news in told for buffer in news.buffers]


_awaited: weakref.WeakKeyDictionary[Run, weakref.WeakSet[TrainingMonitor]] = weakref.WeakKeyDictionary()
_await_lock = threading.Lock()


def _draw_at_end(monitor: TrainingMonitor, run: Run) -> None:
    """Keeps the last curves in the notebook when the run has ended, though nobody may be looking.

    Threads: one for each run, however many monitors of it are opened and closed.
    """
    with _await_lock:
        waiting = _awaited.get(run)
        if waiting is not None:
            waiting.add(monitor)
            return
        _awaited[run] = weakref.WeakSet((monitor,))

    def wait() -> None:
        with contextlib.suppress(BaseException):  # the run keeps its error
            run.wait()
        with _await_lock:
            ready = list(_awaited.pop(run, ()))
        for one in ready:
            one.refresh_still(force=True)

    threading.Thread(target=wait, name="lepton-monitor-end", daemon=True).start()


_monitors: weakref.WeakValueDictionary[str, TrainingMonitor] = weakref.WeakValueDictionary()


def monitor_of(run: Run | StoredRun) -> TrainingMonitor:
    """The monitor that a run shows itself with in a notebook: one for each run, as long as it is open."""
    found = _monitors.get(run.id)
    if found is None or found.comm is None or found.run_id != run.id:
        found = _monitors[run.id] = TrainingMonitor(run)
    return found
