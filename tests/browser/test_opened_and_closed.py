"""Widgets that are opened and closed again leave nothing in the browser. A file of its own: it takes two minutes."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.lab import Lab
from tests.browser.notebook import Notebook
from tests.browser.test_survival import BUSY, run_cell

pytestmark = pytest.mark.browser

OPEN_AND_CLOSE = """
import gc, time
from IPython.display import clear_output, display
for number in range({times}):
    widget = ll.NetworkBuilder(spec)
    display(widget)
    until = time.monotonic() + 20
    while not widget.visible and time.monotonic() < until:
        time.sleep(0.005)
    assert widget.visible, f"widget {{number}} is not seen"
    widget.close()
    clear_output(wait=True)
print("closed")
"""


def test_two_hundred_opened_and_closed_widgets_leave_the_browser_flat(page: Page, lab: Lab) -> None:
    make = "import lepton_lab as ll\nspec = ll.NetworkSpec([ll.Flatten(), ll.Linear(10)], input_shape=(1, 8, 8))"
    notebook = Notebook.create(page, lab, make, OPEN_AND_CLOSE.format(times=100))
    devtools = page.context.new_cdp_session(page)

    def measured() -> dict[str, float]:
        page.wait_for_timeout(500)
        for _ in range(2):
            devtools.send("HeapProfiler.collectGarbage")
        counted = devtools.send("Memory.getDOMCounters")
        return {
            "heap": devtools.send("Runtime.getHeapUsage")["usedSize"],
            "nodes": counted["nodes"],
            "listeners": counted["jsEventListeners"],
        }

    notebook.run(timeout_s=300)
    first = measured()
    run_cell(page, 1)
    page.wait_for_function(f"cell => !({BUSY})(cell)", arg=1, timeout=300_000)
    assert notebook.failures() == []
    second = measured()
    grown = {name: second[name] - first[name] for name in first}
    # a button of ipywidgets leaves 22 kB and 3 nodes in the page too, which is not ours to free
    assert grown["heap"] < 100 * 50_000, grown
    assert grown["nodes"] < 100 * 4, grown
    assert grown["listeners"] < 100 * 3, grown
    assert notebook.errors == []
