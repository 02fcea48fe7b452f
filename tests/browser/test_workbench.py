"""The tabs of the workbench in a real JupyterLab: at two widths, light and dark."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Lab
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

WAIT = 30_000


def tab(page: Page, name: str) -> Locator:
    return page.locator(".ll-wb").first.get_by_role("tab", name=name, exact=True)


def panel(page: Page, name: str) -> Locator:
    return page.locator(".ll-wb").first.get_by_role("tabpanel", name=name, exact=True)


def test_every_tab_is_legible_and_usable(page: Page, lab: Lab) -> None:
    make = (
        "import lepton_lab as ll\n"
        'bench = ll.Workbench("looks", ll.load_dataset("mnist-sample"))\n'
        "run = bench.train(epochs=2, batch_size=64)\nrun.wait(120)\nbench"
    )
    notebook = Notebook.create(page, lab, make, height=1300)
    notebook.run()
    bench = page.get_by_label("Lepton Lab workbench, project looks")
    signs = {
        "Data": "Augmentation",
        "Network": "Keys",
        "Train": "Throughput",
        "Inspect": "Feature maps",
        "Evaluate": "Confusion matrix",
        "Runs": "small_cnn-1",
    }
    for label, sign in signs.items():
        tab(page, label).focus()
        tab(page, label).press("Enter")
        part = panel(page, label)
        expect(part.get_by_text(sign, exact=False).first).to_be_visible(timeout=WAIT)
        if label == "Network":
            expect(part.get_by_role("img", name="Output of conv2d_1", exact=False)).to_be_visible(timeout=WAIT)
        for width, theme in notebook.looks(1300):
            assert part.evaluate("el => el.scrollWidth - el.clientWidth") <= 1, f"{label} is wider than its place"
            picture = "workbench" if (label, width, theme) == ("Train", 1280, "light") else ""
            notebook.shot(f"workbench-{label.lower()}-{width}-{theme}", bench, docs=picture)
            assert notebook.violations() == [], (label, width, theme)
    assert notebook.errors == []
