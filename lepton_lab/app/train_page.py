"""The train page: one big button, one chart, what is wrong with a fix to try, and what it still gets wrong."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets

from lepton_lab.app.train_orders import Orders
from lepton_lab.app.train_settings import shown_settings
from lepton_lab.app.train_watch import Watch
from lepton_lab.app.train_worker import others_before, parent_of_try, tried_on
from lepton_lab.errors import UnknownNameError
from lepton_lab.training.status import RunState
from lepton_lab.widgets._base import Reply, Widget, command
from lepton_lab.widgets.training_monitor_reader import News, Reader, record_of
from lepton_lab.widgets.try_it import TryIt
from lepton_lab.workspace.launch import ensure_worker

if TYPE_CHECKING:
    from lepton_lab.app.visit import Visit
    from lepton_lab.workspace import StoredRun

__all__ = ["TrainPage"]

_SLOW_S = 1.0  # between two looks at what changes seldom: who else trains, the settings
_WORKER_S = 5.0  # a run that waits for so long without a worker gets one


class TrainPage(Orders, Widget):
    """Trains the open project's network in the workspace's worker, and shows a run of any process as it goes.

    Nothing that it shows is known to this kernel alone: another page of the same project shows the same.

    Args:
        visit: What the visitor works on.

    Attributes:
        run_id: The run that is shown; empty before the first.
        compare: The run that tries a fix of it, where there is one.
        view: What is said of them, in plain words.
        settings: How the next run trains, and what can be chosen.
        trial: The embedded pane in which the network can be tried; empty while there is none.
    """

    _bundle: ClassVar[str] = "app_train"

    run_id = traitlets.Unicode().tag(sync=True)
    compare = traitlets.List(traitlets.Unicode()).tag(sync=True)
    view = traitlets.Dict().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    trial = traitlets.Unicode().tag(sync=True)

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self._lock = threading.RLock()
        self._readers: dict[str, Reader] = {}
        self._watch = Watch(self.show_error)
        self._slow_at = self._worker_at = -1e9
        self._others = 0
        self._pane: TryIt | None = None
        super().__init__()
        self._end = visit.on_change(self._changed)
        self._follow()

    @property
    def run(self) -> StoredRun | None:
        """The run that the controls act on; None before the first."""
        reader = self._readers.get(self.run_id)
        return record_of(reader.run) if reader is not None else None

    @property
    def tried(self) -> StoredRun | None:
        """The run that tries a fix; None where there is none."""
        reader = self._readers.get(self.compare[0]) if self.compare else None
        return record_of(reader.run) if reader is not None else None

    @command
    def catch_up(self) -> Reply:
        """Everything, for a view that knows nothing or has missed something."""
        with self._lock:
            content, buffers = _message([reader.everything() for reader in self._shown()])
        return Reply({"runs": [], **content}, buffers)

    @command
    def mistakes(self) -> Reply | None:
        """The mistakes that were found last, with their pictures; None before any were looked for."""
        found = self._watch.mistakes
        if found is None or found.run != self.run_id:
            return None
        return Reply(*found.to_json())

    @command
    def go(self, page: str) -> None:
        """Shows another page of the app."""
        self.visit.go(page)

    def pulse(self) -> None:
        """Sends what is new of the runs, looks for what is wrong beside them, and keeps the words true."""
        with self._lock:
            told = [reader.news() for reader in self._shown()]
            content, buffers = _message([news for news in told if news is not None])
            if content:
                self.push("news", content, buffers)
        self._look()
        self._tell()

    def seen(self) -> None:
        """A page that comes into sight shows what happened meanwhile."""
        self._slow_at = -1e9

    def released(self) -> None:
        """Lets go of the runs; they go on."""
        self._end()
        with self._lock:
            self._readers.clear()
            pane, self._pane = self._pane, None
        if pane is not None:
            pane.close()

    # --- inside ----------------------------------------------------------------------------------------------------

    def _changed(self, what: str) -> None:
        if what in ("project", "run"):
            self._follow()
        elif what in ("data", "network", "settings", "problem"):
            if what == "data":
                self._seat()
            self._slow_at = -1e9
            self._tell()

    def _follow(self) -> None:
        """Takes over the run that the visit shows, or the one whose fix that one tries."""
        work = self.visit.work
        run = record_of(work.run) if work is not None and work.run is not None else None
        with self._lock:
            if run is None:
                self._readers.clear()
                self.run_id, self.compare = "", []
            else:
                main = parent_of_try(run) or run
                self._read(main).refresh()
                self.run_id = main.id
                self._find_tried(main)
            self._slow_at = -1e9
        self._seat()
        self._tell()

    def _seat(self) -> None:
        """Lets the pane ask the run that is shown; it is made when there are data to ask it with."""
        work, run = self.visit.work, self.run
        data = work.data if work is not None else None
        with self._lock:
            if self._pane is None:
                if data is None:
                    return
                self._pane = TryIt(run, data)
                self.trial = self._pane.ref
            elif (self._pane.run_id, self._pane.data) != (run.id if run is not None else "", data):
                self._pane.use(run, data)

    def _find_tried(self, main: StoredRun) -> None:
        tried = tried_on(main.workspace, main.id)
        if tried is not None:
            self._read(tried).refresh()
        self.compare = [tried.id] if tried is not None else []
        for run_id in [i for i in self._readers if i not in (self.run_id, *self.compare)]:
            del self._readers[run_id]

    def _read(self, run: StoredRun) -> Reader:
        if run.id not in self._readers:
            self._readers[run.id] = Reader(run)
        return self._readers[run.id]

    def _shown(self) -> list[Reader]:
        """The readers with what is new, the main run first; a run that was deleted is left out."""
        found = []
        for run_id in [self.run_id, *self.compare]:
            reader = self._readers.get(run_id)
            if reader is None:
                continue
            try:
                reader.refresh()
                found.append(reader)
            except UnknownNameError:
                del self._readers[run_id]
                self.compare = [i for i in self.compare if i != run_id]
                if self.run_id == run_id:
                    self.run_id = ""
        return found

    def _look(self) -> None:
        """Begins the work that is done beside, where it is due."""
        now, run, work = time.monotonic(), self.run, self.visit.work
        if run is None or work is None:
            return
        status = self._readers[run.id].status
        if now - self._slow_at > _SLOW_S:
            self._others = others_before(run.workspace, run.id)
            with self._lock:
                self._find_tried(run)
        if status.state is RunState.QUEUED and now - self._worker_at > _WORKER_S:
            self._worker_at = now
            ensure_worker(run.workspace)
        self._watch.look(run, status, work.data)

    def _tell(self) -> None:
        """Brings the words up to date; sends nothing where nothing changed."""
        now = time.monotonic()
        with self._lock:
            if now - self._slow_at > _SLOW_S:
                self._slow_at = now
                self.settings = shown_settings(self.visit)
            self.view = self._said()

    def _said(self) -> dict[str, Any]:
        main = self._readers.get(self.run_id)
        other = self._readers.get(self.compare[0]) if self.compare else None
        return self._watch.said(self.visit, main, other, self._others)


def _message(told: list[News]) -> tuple[dict[str, Any], list[Any]]:
    if not told:
        return {}, []
    return {"runs": [news.content for news in told]}, [buffer for news in told for buffer in news.buffers]
