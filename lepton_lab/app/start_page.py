"""`StartPage`: three doors, and the projects that were worked on last."""

from __future__ import annotations

import subprocess
import threading
import time
from typing import Any, ClassVar

import psutil
import torch
import traitlets

from lepton_lab.app import words_start as words
from lepton_lab.app.examples import all_examples, example, picture
from lepton_lab.app.network_speed import Speed, measure_beside
from lepton_lab.app.visit import Visit
from lepton_lab.app.work_rows import WorkList
from lepton_lab.data.images_reader import core_count
from lepton_lab.errors import LeptonError
from lepton_lab.widgets._base import Widget, command

__all__ = ["StartPage"]

_SHOWN = 3
_EVERY_S = 1.0


class StartPage(Widget):
    """The first page.

    Args:
        visit: The visitor.

    Attributes:
        examples: Of each its name, title, detail, button, thumbnail, and seconds on this machine (None before they
            are known).
        work: The projects that were used last, as `WorkList.projects` gives them.
        total: How many projects there are.
        machine: The workspace's name, and device and free memory in words.
        loading: The example that is being loaded; empty for none.
    """

    _bundle: ClassVar[str] = "app_start"

    examples: Any = traitlets.List().tag(sync=True)
    work: Any = traitlets.List().tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)
    machine = traitlets.Dict().tag(sync=True)
    loading = traitlets.Unicode().tag(sync=True)

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self._list = WorkList(visit.workspace)
        self._speed = Speed.read(visit.workspace.folder)
        self._measuring: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._looked = 0.0
        super().__init__()
        self._show_examples()
        self._show_work()

    @command(background=True)
    def start(self, name: str) -> dict[str, str]:
        """Makes a project of an example and goes to where it is trained.

        Raises:
            LeptonError: There is no such example, or its data cannot be read.
        """
        chosen = example(name)
        if chosen is None:
            raise LeptonError(words.NO_EXAMPLE, received=name)
        self.loading = name
        try:
            data = chosen.load()
            about = {"door": "example", "example": chosen.name}
            project = self.visit.create(
                chosen.project, data, network=chosen.network, settings=dict(chosen.settings), about=about
            )
        finally:
            self.loading = ""
        return {"project": project}

    @command
    def go(self, page: str) -> None:
        """Goes to a door, or to all projects."""
        self.visit.go(page)

    @command
    def open_project(self, project: str) -> None:
        """Opens a project where it was left."""
        self.visit.open(project)

    def seen(self) -> None:
        """Has the machine measured, where nobody did yet: how long the examples take."""
        with self._lock:
            if self._speed is None and self._measuring is None:
                self._measuring = measure_beside(self.visit.workspace.folder)

    def pulse(self) -> None:
        """Keeps the projects true while one of them trains, and takes over what was measured."""
        now = time.monotonic()
        if now - self._looked >= _EVERY_S and self.visit.page == "start":
            self._looked = now
            self._show_work()
            if self._speed is None:
                self._speed = Speed.read(self.visit.workspace.folder)
                if self._speed is not None:
                    self._show_examples()

    def released(self) -> None:
        """Ends a measurement that is under way."""
        if self._measuring is not None and self._measuring.poll() is None:
            self._measuring.terminate()

    def _show_examples(self) -> None:
        speed = self._speed
        self.examples = [
            {
                "name": one.name,
                "title": one.title,
                "detail": one.detail,
                "button": one.button,
                "seconds": None if speed is None else one.seconds(speed),
                **picture(one.name),
            }
            for one in all_examples()
        ]

    def _show_work(self) -> None:
        self.work = self._list.projects(_SHOWN)
        self.total = len(self.visit.workspace.database.rows("SELECT id FROM projects"))
        self.machine = {"workspace": self.visit.workspace.folder.name, "device": _device()}


def _device() -> str:
    if torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return words.memory("GPU 0", free, total)
    memory = psutil.virtual_memory()
    return words.memory(words.cpu(core_count()), memory.available, memory.total)
