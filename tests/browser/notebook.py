"""A notebook in a real JupyterLab: open, run, look, reload."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from playwright.sync_api import Locator, Page

from tests.browser.app import ARTEFACTS, DOCS
from tests.browser.lab import Lab

LEFT = """
import gc, os, sys
from ipywidgets import Widget
from lepton_lab.training.run import active_runs
for run in active_runs():
    run.stop()
Widget.close_all()
get_ipython().run_line_magic("reset", "-f")
"""
"""Ends what the cells before have left in a kernel."""

READY = """() => {
    const panel = window.jupyterapp?.shell?.currentWidget;
    const session = panel?.sessionContext;
    return session?.isReady && session.session?.kernel?.status === 'idle' && panel.content.model;
}"""


THEMED = """dark => {
    const ground = getComputedStyle(document.body).getPropertyValue('--jp-layout-color1').trim();
    return document.body.dataset.jpThemeLight === String(!dark) && (ground === 'white' || ground === '#fff') === !dark;
}"""
"""Whether the theme's name and its style sheet, which comes later, are both there."""

AXE = Path(__file__).resolve().parents[2] / "lepton_lab/widgets/frontend/node_modules/axe-core/axe.min.js"


@dataclass
class Notebook:
    """One notebook in one page.

    Attributes:
        errors: Errors of the page, as they come; a test ends with `assert notebook.errors == []`.
    """

    page: Page
    lab: Lab
    name: str
    errors: list[str] = field(default_factory=list)
    workspace: str = field(default_factory=lambda: uuid.uuid4().hex)

    @classmethod
    def create(
        cls, page: Page, lab: Lab, *cells: str, width: int = 1280, height: int = 1000, dark: bool = False
    ) -> Notebook:
        """A new notebook with these code cells, opened, its kernel ready, nothing run."""
        name = f"{uuid.uuid4().hex}.ipynb"
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        book.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(book, lab.root / name)
        page.set_viewport_size({"width": width, "height": height})
        found = cls(page, lab, name)
        page.on("pageerror", lambda error: found.errors.append(str(error)))
        found.open()
        page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
        found.theme(dark)
        return found

    def clear(self) -> None:
        """Takes all cells away, and ends what they have left in the kernel."""
        self._put("")
        assert self.execute(LEFT) == ""

    def fill(self, *cells: str, height: int = 1000) -> Notebook:
        """Puts these cells in the place of all others and runs nothing; returns itself."""
        self.theme(dark=False)
        self.page.set_viewport_size({"width": 1280, "height": height})
        self._put(*cells)
        self.errors.clear()
        return self

    def _put(self, *cells: str) -> None:
        self.page.evaluate(
            """cells => {
                const model = window.jupyterapp.shell.currentWidget.content.model.sharedModel;
                const old = model.cells.length, metadata = { trusted: true };
                model.insertCells(old, cells.map(source => ({ cell_type: 'code', source, metadata })));
                model.deleteCellRange(0, old);
            }""",
            list(cells),
        )

    def open(self) -> None:
        """Opens the notebook and waits until its kernel can take cells."""
        self.page.goto(self.lab.notebook(self.name, self.workspace))
        self._ready()

    def reload(self) -> None:
        """Refreshes the page, as a person does with F5."""
        self.page.reload()
        self._ready()

    def theme(self, dark: bool) -> None:
        """Chooses the light or the dark theme."""
        name = "JupyterLab Dark" if dark else "JupyterLab Light"
        self.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", name)

    def looks(self, height: int = 1000) -> Iterator[tuple[int, str]]:
        """The open notebook in a wide and a narrow window, light and dark; yields the width and "light" or "dark"."""
        for dark in (False, True):
            self.theme(dark)
            self.page.wait_for_function(THEMED, arg=dark)
            for width in (1280, 820):
                self.page.set_viewport_size({"width": width, "height": height})
                self.page.wait_for_timeout(500)  # charts are drawn anew in their new width
                yield width, "dark" if dark else "light"

    def run(self, timeout_s: float = 120) -> None:
        """Runs all cells and waits until the last one has come back.

        Raises:
            AssertionError: A cell raised.
        """
        self.start()
        self.page.wait_for_function(
            """() => {
                const cells = [...window.jupyterapp.shell.currentWidget.content.model.cells];
                return cells.every(cell => cell.type !== 'code' || cell.executionCount > 0)
                    || cells.some(cell => cell.toJSON().outputs?.some(output => output.output_type === 'error'));
            }""",
            timeout=1000 * timeout_s,
        )
        assert not (found := self.failures()), found

    def start(self) -> None:
        """Runs all cells and does not wait."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")

    def save(self) -> dict[str, Any]:
        """Saves the notebook; returns what is in its file."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        found: dict[str, Any] = json.loads((self.lab.root / self.name).read_text())
        return found

    def restart_kernel(self) -> None:
        """Restarts the kernel without asking."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        self._ready()

    def failures(self) -> list[str]:
        """What the cells raised."""
        found: list[str] = self.page.evaluate(
            """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
                .flatMap(cell => cell.type === 'code' ? cell.toJSON().outputs : [])
                .filter(output => output.output_type === 'error').map(output => `${output.ename}: ${output.evalue}`)"""
        )
        return found

    def execute(self, code: str, timeout_s: float = 60) -> str:
        """Runs code in the notebook's kernel, beside its cells; returns what it printed."""
        printed: str = self.page.evaluate(
            """async ([code, ms]) => {
                const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                const future = kernel.requestExecute({ code, store_history: false });
                let text = '';
                future.onIOPub = message => {
                    if (message.header.msg_type === 'stream') text += message.content.text;
                    if (message.header.msg_type === 'error') text += message.content.traceback.join('\\n');
                };
                await Promise.race([future.done, new Promise((_, no) => setTimeout(() => no(new Error('late')), ms))]);
                return text;
            }""",
            [code, 1000 * timeout_s],
        )
        return printed

    def shot(self, name: str, part: Locator | None = None, *, docs: str = "") -> Path:
        """Keeps a picture of the page, or of one part of it, among the artefacts.

        With `docs` also as the picture of that name in `docs/images`, where `LEPTON_PICTURES` is set.
        """
        ARTEFACTS.mkdir(exist_ok=True)
        path = ARTEFACTS / f"{name}.png"
        (part or self.page).screenshot(path=path)
        if docs and os.environ.get("LEPTON_PICTURES"):
            shutil.copy(path, DOCS / f"{docs}.png")
        return path

    def violations(self, selector: str = ".ll-root") -> list[str]:
        """What axe-core finds serious or critical within a part of the page."""
        if not self.page.evaluate("() => !!window.axe"):
            self.page.add_script_tag(path=AXE)
        found: list[str] = self.page.evaluate(
            """async selector => (await axe.run(selector)).violations
                .filter(v => ['serious', 'critical'].includes(v.impact))
                .map(v => `${v.id}: ${v.nodes.map(n => n.html).slice(0, 3).join(' | ')}`)""",
            selector,
        )
        return found

    def _ready(self) -> None:
        self.page.wait_for_function(READY, timeout=60_000)
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.info")
