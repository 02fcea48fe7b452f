"""The app in one widget: a header, the page that the address names, and nothing that only this kernel knows."""

from __future__ import annotations

import contextlib
import importlib
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import traitlets

from lepton_lab.app.server_runs import MARK
from lepton_lab.app.visit import STEPS, Visit
from lepton_lab.errors import LeptonError
from lepton_lab.widgets._base import Widget, command
from lepton_lab.widgets._orders import failure
from lepton_lab.widgets.workbench_parts import Parts
from lepton_lab.workspace.launch import ensure_worker
from lepton_lab.workspace.workspace import Workspace

__all__ = ["App"]

_OWN: Mapping[str, str] = {
    "start": "start_page:StartPage",
    "work": "work_page:WorkPage",
    "new/images": "images_door:ImagesDoor",
    "new/table": "table_door:TableDoor",
    "network": "network_page:NetworkPage",
    "train": "train_page:TrainPage",
    "take-away": "take_away:TakeAwayPage",
}
_VIEWS: Mapping[str, tuple[str, ...]] = {
    "data": ("explorer",),
    "inspect": ("maps", "gradients", "playground"),
    "evaluate": ("evaluation",),
}
_LOOK_S = 1.0


class App(Widget):
    """Everything that a visitor sees. The address says where they are, so a reload comes back to the same place.

    Args:
        workspace: Where projects are kept; the current one where None.

    Attributes:
        visit: What the visitor works on.
        address: The page, as the browser's address has it after `#/`.
    """

    _bundle: ClassVar[str] = "app"

    address = traitlets.Unicode().tag(sync=True)
    state = traitlets.Dict().tag(sync=True)
    refs = traitlets.Dict().tag(sync=True)

    def __init__(self, workspace: Workspace | None = None) -> None:
        self.visit = Visit(workspace)
        self._pages: dict[str, Widget] = {}
        self._parts: Parts | None = None
        self._making = threading.RLock()
        self._looked = 0.0
        super().__init__()
        self._end = self.visit.on_change(self._changed)
        self._pages["start"] = self._page("start")
        self._tell()

    @command
    def arrive(self, address: str) -> str:
        """Goes where the browser's address says; the address of the page that this has led to."""
        self.visit.visit(address)
        return self.visit.address

    @command
    def go(self, page: str) -> None:
        """Shows another page."""
        self.visit.go(page)

    @command(background=True)
    def show(self, page: str) -> None:
        """Makes what a page shows, when it is first looked at."""
        self._show(page)

    @command
    def dismiss(self) -> None:
        """Takes a message off the page."""
        self.visit.problem = None
        self._tell()

    def pulse(self) -> None:
        """Takes over what others changed in the project, once a second, and keeps the marks of the steps true."""
        now = time.monotonic()
        if now - self._looked > _LOOK_S:
            self._looked = now
            self.visit.refresh()
            self._tell()

    def released(self) -> None:
        """Closes all pages; runs go on."""
        self._end()
        with self._making:
            for page in self._pages.values():
                page.close()
            self._drop_views()

    def _page(self, name: str) -> Widget:
        module, _, cls = _OWN[name].partition(":")
        made: Widget = getattr(importlib.import_module(f"lepton_lab.app.{module}"), cls)(self.visit)
        return made

    def _show(self, page: str) -> None:
        with self._making:
            if page in _OWN:
                if page not in self._pages:
                    self._pages[page] = self._page(page)
                found = [self._pages[page].ref]
            elif page in _VIEWS and self.visit.work is not None:
                if self._parts is None:
                    self._parts = Parts(self.visit.work, self._heard, self.visit.train)
                found = [ref for ref in map(self._parts.ref, _VIEWS[page]) if ref]
            else:
                found = []
            self.refs = {**self.refs, page: found}

    def _heard(self, what: str, value: Any) -> None:
        take: dict[str, Callable[[Any], None]] = {
            "data": self.visit.use_data,
            "network": self.visit.use_network,
            "run": self.visit.use_run,
        }
        take[what](value)

    def _changed(self, what: str) -> None:
        visit = self.visit
        with self._making:
            if what == "project":
                self._drop_views()
            elif self._parts is not None and visit.work is not None:
                if what == "data" and visit.work.data is not None:
                    self._parts.tell_data(visit.work.data)
                elif what == "run" and visit.work.run is not None:
                    self._parts.tell_run(visit.work.run)
                elif what in ("network", "settings"):
                    self._parts.tell_inspect()
                for page in [page for page in _VIEWS if page in self.refs]:
                    self._show(page)
        if what == "page" and visit.page == "train" and MARK in os.environ:
            threading.Thread(target=self._warm_up, name="lepton-warm-up", daemon=True).start()
        self._tell()

    def _warm_up(self) -> None:
        """Has a worker ready before somebody presses Train: a process takes seconds to start."""
        with contextlib.suppress(LeptonError):  # Train says it, where it matters
            ensure_worker(self.visit.workspace)

    def _drop_views(self) -> None:
        if self._parts is not None:
            self._parts.close()
        self._parts = None
        self.refs = {page: found for page, found in self.refs.items() if page not in _VIEWS}

    def _tell(self) -> None:
        """Brings the synced state up to date; sends nothing where nothing changed."""
        visit, work = self.visit, self.visit.work
        project = None
        if work is not None:
            project = {"id": visit.project_id, "title": work.name, "marks": _marks(work), "run": _run(work.run)}
        self.state = {
            "page": visit.page,
            "project": project,
            "busy": visit.busy,
            "problem": visit.problem,
            "workspace": visit.workspace.folder.name,
        }
        self.address = visit.address  # after the state: a view that waits for its address finds the page there


def _run(run: Any) -> dict[str, Any] | None:
    if run is None:
        return None
    state = run.status.state
    return {"id": run.id, "state": str(state), "ended": state.ended}


def _marks(work: Any) -> dict[str, str]:
    """What stands beside each step: "ok", "warn", "bad", "live" or nothing."""
    marks = dict.fromkeys(STEPS, "")
    if work.data is not None:
        marks["data"] = "warn" if any(f.severity != "info" for f in work.data.report.findings) else "ok"
    if work.network is not None and work.network.layers:
        try:
            marks["network"] = "bad" if work.network.check().problems else "ok"
        except LeptonError as error:  # a layer of a plugin that is not here
            marks["network"] = "bad" if failure(error) else ""
    if work.run is not None:
        state = work.run.status.state
        marks["train"] = "live" if not state.ended else "ok" if str(state) in ("finished", "stopped") else "warn"
    return marks
