"""The tabs of the workbench in a real JupyterLab: at two widths, light and dark."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

WAIT = 30_000


def tab(page: Page, name: str) -> Locator:
    return page.locator(".ll-wb").first.get_by_role("tab", name=name, exact=True)


def panel(page: Page, name: str) -> Locator:
    return page.locator(".ll-wb").first.get_by_role("tabpanel", name=name, exact=True)


def test_an_empty_workbench_says_in_every_tab_what_comes_and_shows_it_when_it_is_there(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill('import lepton_lab as ll\nbench = ll.Workbench("empty")\nbench')
    notebook.run()
    for label, sign in {
        "Network": "No layers yet",
        "Train": "Press Train, and the curves",
        "Runs": "No runs yet",
        "Evaluate": "confusion matrix and its worst mistakes are shown here",
    }.items():
        tab(page, label).click()
        expect(panel(page, label).get_by_text(sign, exact=False)).to_be_visible(timeout=WAIT)
        assert notebook.violations() == [], label
    panel(page, "Evaluate").get_by_role("button", name="Go to Train").click()
    train = panel(page, "Train")
    expect(train.get_by_role("button", name="Train", exact=True)).to_be_disabled()
    expect(train.get_by_text("Choose data first").first).to_be_visible()
    expect(train.get_by_text("TrainingMonitor", exact=False)).not_to_be_visible()
    # the data bring a network with them, also into a builder that was open before
    tab(page, "Data").click()
    panel(page, "Data").get_by_role("combobox", name="Data set").select_option("mnist-sample")
    panel(page, "Data").get_by_role("button", name="Use this data set").click()
    tab(page, "Network").click()
    expect(page.locator('.ll-nb-card[data-path="conv2d_1"]')).to_be_visible(timeout=WAIT)
    panel(page, "Network").get_by_role("button", name="Train", exact=True).click()
    expect(tab(page, "Train")).to_be_in_viewport()  # though the tab is shorter than the one that was scrolled down
    expect(train.get_by_role("heading", name="Throughput")).to_be_visible(timeout=WAIT)
    expect(train.get_by_text("Press Train, and", exact=False)).not_to_be_visible()
    tab(page, "Evaluate").click()
    expect(panel(page, "Evaluate").get_by_role("heading", name="Confusion matrix")).to_be_visible(timeout=2 * WAIT)
    assert notebook.errors == []


def test_every_tab_is_legible_and_usable(desk: Notebook) -> None:
    make = (
        "import lepton_lab as ll\n"
        'bench = ll.Workbench("looks", ll.load_dataset("mnist-sample"))\n'
        "run = bench.train(epochs=2, batch_size=64)\nrun.wait(120)\nbench"
    )
    page, notebook = desk.page, desk.fill(make, height=1300)
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
