"""What one open page of the app works on: a project, and the page that is looked at."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from lepton_lab.app import words
from lepton_lab.app.train_facts import best_by, facts_of
from lepton_lab.data import DataBundle
from lepton_lab.errors import LeptonError, UnknownNameError
from lepton_lab.network import NetworkSpec
from lepton_lab.widgets._orders import failure
from lepton_lab.widgets.workbench_project import WorkProject
from lepton_lab.workspace.workspace import Workspace, current_workspace

__all__ = ["PAGES", "STEPS", "Visit"]

STEPS = ("data", "network", "train", "inspect", "evaluate", "take-away")
"""The pages of a project, in the order of its steps."""

PAGES = ("start", "work", "help", "new/images", "new/table", *STEPS)
"""All pages."""


class Visit:
    """The state that all pages of one visitor share. What must survive is in the workspace, and nowhere else.

    Args:
        workspace: Where projects are kept; the current one where None.

    Attributes:
        work: The open project's data, network, settings and run; None where no project is open.
        project_id: Its id; empty where none is open.
        page: One of `PAGES`.
        query: What the address says after `?`.
        handed: What one page leaves for the next, such as a text that was pasted.
        busy: What is being waited for, in plain words; empty for nothing.
        problem: Title, detail and fix of what went wrong; None for nothing.

    Threads: safe.
    """

    def __init__(self, workspace: Workspace | None = None) -> None:
        self.workspace = workspace if workspace is not None else current_workspace()
        self.work: WorkProject | None = None
        self.project_id = ""
        self.page = "start"
        self.query: dict[str, str] = {}
        self.handed: dict[str, Any] = {}
        self.busy = ""
        self.problem: dict[str, str] | None = None
        self._lock = threading.RLock()
        self._callbacks: list[Callable[[str], None]] = []

    # where the visitor is

    @property
    def address(self) -> str:
        """The page as the address says it, such as "p/3f9c2a/train"."""
        place = f"p/{self.project_id}/{self.page}" if self.page in STEPS else self.page
        return f"{place}?{urlencode(self.query, quote_via=quote)}" if self.query else place

    def visit(self, address: str) -> None:
        """Goes where an address says; an address that leads nowhere leads to the start page, with a word about it."""
        path, _, rest = address.strip("#/").partition("?")
        query = dict(parse_qsl(rest))
        parts = path.split("/")
        if parts[0] == "p" and len(parts) >= 2:
            self.open(parts[1], "/".join(parts[2:]), query)
        else:
            self.go(path if path in PAGES and path not in STEPS else "start", query)

    def go(self, page: str, query: Mapping[str, str] | None = None) -> None:
        """Shows another page.

        Raises:
            UnknownNameError: There is no such page.
        """
        if page not in PAGES:
            raise UnknownNameError("page", page, PAGES)
        with self._lock:
            if page in STEPS and self.work is None:
                page = "start"
            if page not in STEPS:
                self._leave()
            self.page, self.query = page, dict(query or {})
        self._tell("page")

    def open(self, project_id: str, page: str = "", query: Mapping[str, str] | None = None) -> None:
        """Opens a project; its data are loaded in the background."""
        with self._lock:
            if project_id != self.project_id:
                project = self.workspace.project_by_id(project_id)
                self._leave()
                if project is None:
                    self.problem, self.page, self.query = dict(words.NO_PROJECT), "start", {}
                    self._tell("page")
                    return
                self.work, self.project_id, self.problem = WorkProject(project.name, self.workspace), project_id, None
                if self.work.source is not None:
                    self.busy = words.LOADING
                    threading.Thread(target=self._load, args=(self.work,), name="lepton-data", daemon=True).start()
            assert self.work is not None
            self.page = page if page in STEPS else ("train" if self.work.network is not None else "data")
            self.query = dict(query or {})
        self._tell("project")
        self._tell("page")

    def create(
        self,
        title: str,
        data: DataBundle,
        *,
        network: NetworkSpec | None = None,
        settings: Mapping[str, Any] | None = None,
        page: str = "train",
        about: Mapping[str, Any] | None = None,
    ) -> str:
        """Makes a project, opens it and returns its id.

        Args:
            title: Its name; a number is added where another project has it.
            data: What it learns from.
            network: Its network; one that suits the data where None.
            settings: How it trains, in place of the defaults.
            page: The page to show.
            about: Plain data that is kept with the project, such as where its files came from.
        """
        with self._lock:
            project = self.workspace.project(self._free(title.strip() or words.UNTITLED))
            project.about = dict(about or {})
            self._leave()
            work = WorkProject(project.name, self.workspace)
            if network is not None:
                work.use_network(network)
            work.use_data(data)
            if settings:
                work.change_settings(settings)
            self.work, self.project_id, self.problem = work, project.id, None
            self.page, self.query = page, {}
        self._tell("project")
        self._tell("page")
        return project.id

    # what it works on

    @property
    def title(self) -> str:
        """The open project's name; empty where none is open."""
        return self.work.name if self.work is not None else ""

    def use_data(self, data: DataBundle) -> None:
        """Takes other data."""
        with self._lock:
            if self.work is None:
                return
            self.work.use_data(data)
            self.problem = None
        self._tell("data")
        self._tell("network")  # it may have been made, or fitted to the data

    def use_network(self, network: NetworkSpec) -> None:
        """Takes another network."""
        with self._lock:
            if self.work is None or self.work.network == network:
                return
            self.work.use_network(network)
        self._tell("network")

    def use_run(self, run: Any) -> None:
        """Shows another run."""
        with self._lock:
            if self.work is None:
                return
            self.work.use_run(run)
        self._tell("run")

    def change_settings(self, changes: Mapping[str, Any]) -> None:
        """Changes how the next run trains.

        Raises:
            UnknownNameError: There is no such setting.
            TrainingError: A value cannot be used.
        """
        with self._lock:
            if self.work is None:
                return
            self.work.change_settings(changes)
        self._tell("settings")

    def train(self, **settings: Any) -> Any:
        """Starts a run in the workspace's worker, shows it and returns it.

        It ends with the weights of its best round, by what the train page shows of it.

        Raises:
            TrainingError: Data or network are missing, or a setting cannot be used.
            ShapeError: The network does not fit the data.
        """
        with self._lock:
            if self.work is None:
                return None
            if self.work.settings.get("restore_best") is None:
                settings.setdefault("restore_best", True)
            if self.work.data is not None:
                settings.setdefault("monitor", best_by(facts_of(self.work.data)))
            self.work.change_settings(settings)
            run = self.work.start("worker")
        self._tell("run")
        if self.page != "train":
            self.go("train")
        return run

    def refresh(self) -> None:
        """Takes over what another browser, or a notebook, changed in the project meanwhile."""
        with self._lock:
            work = self.work
            if work is None:
                return
            project = self.workspace.project_by_id(self.project_id)
            if project is None:
                self._leave()
                self.problem, self.page = dict(words.NO_PROJECT), "start"
                changed = ["page"]
            else:
                work.follow(project.name)
                changed = work.changed_elsewhere()
        for what in changed:
            if what == "data":
                self._reload(work)
            else:
                self._tell(what)

    def say(self, error: BaseException) -> None:
        """Shows what went wrong on whatever page is open."""
        self.problem = failure(error)
        self._tell("problem")

    def on_change(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Calls `callback` with "project", "data", "network", "settings", "run", "page" or "problem" after a change.

        Returns:
            A function that ends it.

        Threads: called from whichever thread changes something.
        """
        self._callbacks.append(callback)

        def end() -> None:
            if callback in self._callbacks:
                self._callbacks.remove(callback)

        return end

    def _tell(self, what: str) -> None:
        for callback in list(self._callbacks):
            callback(what)

    def _leave(self) -> None:
        self.work, self.project_id, self.busy, self.problem = None, "", "", None

    def _free(self, title: str) -> str:
        taken = {str(name) for name in self.workspace.projects()["name"]}
        number, name = 1, title
        while name in taken:
            number += 1
            name = f"{title} {number}"
        return name

    def _reload(self, work: WorkProject) -> None:
        self.busy = words.LOADING
        self._tell("problem")
        threading.Thread(target=self._load, args=(work,), name="lepton-data", daemon=True).start()

    def _load(self, work: WorkProject) -> None:
        problem = None
        try:
            work.load()
        except LeptonError as error:  # the file is gone: said on the page, and other data can be chosen
            problem = failure(error)
        with self._lock:
            if self.work is not work:
                return
            self.busy, self.problem = "", problem
        self._tell("data")
