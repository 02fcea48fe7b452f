"""How soon a data explorer shows its first samples, in a real browser."""

from __future__ import annotations

import statistics
from typing import Any

from tests.benchmarks.bench_monitor import _page
from tests.browser.lab import FULL_DATA
from tests.browser.notebook import Notebook

AGAIN = 7
LOAD = "import lepton_lab as ll\ndata = ll.load_dataset({name!r})"
SHOW = "ll.DataExplorer(data)"
FIRST_PICTURE = """async () => {
    const { content } = window.jupyterapp.shell.currentWidget;
    const { commands } = window.jupyterapp;
    content.activeCellIndex = 1;
    await commands.execute('notebook:clear-cell-output');
    await new Promise(done => setTimeout(done, 500));
    const painted = () => [...document.querySelectorAll('.ll-de .ll-de-grid canvas')].some(canvas =>
        canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((v, i) => i % 4 === 3 && v));
    const began = performance.now();
    const drawn = new Promise((done, fail) => {
        const look = () => painted() ? done(performance.now() - began) : requestAnimationFrame(look);
        look();
        setTimeout(() => fail(new Error('nothing was drawn')), 30000);
    });
    commands.execute('notebook:run-cell');
    return await drawn;
}"""
"""Runs the cell and looks in every frame; milliseconds until a sample has been painted."""


def run() -> list[dict[str, Any]]:
    """Measures the first explorer of a page and those after it; rows of what, value, unit, target."""
    name = "mnist" if FULL_DATA else "mnist-sample"
    with _page() as (page, lab):
        notebook = Notebook.create(page, lab, LOAD.format(name=name), SHOW)
        size = int(notebook.execute(LOAD.format(name=name) + "\nprint(sum(map(len, data.splits.values())))"))
        first = float(page.evaluate(FIRST_PICTURE))
        later = [float(page.evaluate(FIRST_PICTURE)) for _ in range(AGAIN)]
    shown = f"{name}, {size:,} images: cell run to first samples painted"
    return [
        {"what": f"{shown}, median of {AGAIN}", "value": statistics.median(later), "unit": "ms", "target": 300.0},
        {"what": "slowest of them", "value": max(later), "unit": "ms", "target": None},
        {"what": "the first in a kernel and a page", "value": first, "unit": "ms", "target": None},
    ]
