"""The run browser in a real JupyterLab: live runs, search, comparison, what is done to a run, ten thousand of them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

RUNS = """
import os, tempfile
os.environ["LEPTON_WORKSPACE"] = tempfile.mkdtemp()
import torch, lepton_lab as ll
from lepton_lab.widgets.run_browser import RunBrowser
data = ll.load_dataset("mnist-sample")
made = []
for name, lr, units in (("small", 1e-3, 16), ("wide", 1e-3, 64), ("fast", 1e-2, 16), ("hasty", 1e-1, 16)):
    network = ll.NetworkSpec([ll.Flatten(), ll.Linear(units), ll.ReLU(), ll.Linear(10)], input_shape=(1, 28, 28))
    trainer = ll.Trainer(network, lr=lr, compile=False, threads=1)
    made.append(trainer.fit(data, 5, 32, name=name, verbose=0))
ll.open_run("wide").tag("baseline").star().note = "the one to beat"
browser = RunBrowser()
browser
"""

MANY = """
import os, tempfile, time
os.environ["LEPTON_WORKSPACE"] = tempfile.mkdtemp()
import lepton_lab as ll
from lepton_lab.widgets.run_browser import RunBrowser
from lepton_lab.workspace import current_workspace
from lepton_lab.workspace.rows import insert_run
with current_workspace().database.write() as connection:
    for i in range(10_000):
        loss = 1 / (i + 1)
        status = {"state": "finished", "epoch": 5, "epochs": 5, "loss": loss, "metrics": {"val_loss": 2 * loss}}
        insert_run(connection, {"id": f"r{i}", "name": f"run {i}", "state": "finished", "status": status,
                                "created": time.time() - i, "settings": {"lr": 0.1 / (i % 50 + 1)}})
RunBrowser()
"""


@pytest.fixture
def book(desk: Notebook) -> Notebook:
    page, notebook = desk.page, desk.fill(RUNS, height=1300)
    notebook.run()
    expect(page.get_by_text("4 runs", exact=True)).to_be_visible(timeout=60_000)
    return notebook


def test_search_compare_and_change(book: Notebook) -> None:
    page = book.page
    view = page.get_by_role("region", name="Runs", exact=True)
    search = view.get_by_role("searchbox", name="Search runs")
    search.fill("tag:baseline")
    expect(view.get_by_text("1 of 4 runs")).to_be_visible()
    search.fill("")
    for name in ("small", "fast"):
        view.get_by_role("checkbox", name=f"Compare {name}").check()
    expect(view.get_by_text("2 runs picked")).to_be_visible()
    expect(view.get_by_role("group", name="Loss", exact=False).first).to_be_visible()
    view.get_by_role("tab", name="Settings that differ").click()
    expect(view.get_by_role("rowheader", name="lr", exact=True)).to_be_visible()
    view.get_by_role("tab", name="Parallel coordinates").click()
    expect(view.get_by_role("img", name="2 runs across", exact=False)).to_be_visible()
    assert book.violations() == []

    view.get_by_role("checkbox", name="Compare fast").uncheck()
    view.get_by_role("button", name="Rename").click()
    page.get_by_role("textbox", name="New name").fill("tiny")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(view.get_by_role("checkbox", name="Compare tiny")).to_be_checked()
    view.get_by_role("button", name="Open", exact=True).click()
    opened = view.get_by_role("region", name="Opened run")
    expect(opened.get_by_role("heading", name="tiny")).to_be_visible()
    expect(opened.locator("canvas").first).to_be_visible()
    book.shot("run_browser-opened", view)
    assert book.violations() == []
    opened.get_by_role("button", name="Close the run's view").click()
    expect(opened).to_have_count(0)

    view.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Cancel").click()
    expect(view.get_by_text("4 runs", exact=True)).to_be_visible()
    view.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete for good").click()
    expect(view.get_by_text("3 runs", exact=True)).to_be_visible()
    assert book.errors == []


def names(view: Locator) -> list[str]:
    return view.locator("tbody .rb-name").all_inner_texts()


def test_filters_sorting_and_what_is_written_on_a_run(book: Notebook) -> None:
    page = book.page
    view = page.get_by_role("region", name="Runs", exact=True)
    accuracy = view.get_by_role("button", name="Sort by Valid. accuracy")
    accuracy.click()
    assert names(view)[-1] == "hasty"
    accuracy.click()
    assert names(view)[0] == "hasty"
    view.get_by_role("button", name="Sort by Name").click()
    assert names(view) == ["fast", "hasty", "small", "wide"]

    view.get_by_label("State of the runs").select_option("failed")
    expect(view.get_by_role("heading", name="No run fits")).to_be_visible()
    view.get_by_role("button", name="Clear the filters").click()
    view.get_by_role("button", name="Star hasty").click()
    expect(view.get_by_role("button", name="Star hasty")).to_have_attribute("aria-pressed", "true")
    view.get_by_role("switch", name="Starred only").click()
    assert names(view) == ["hasty", "wide"]
    view.get_by_role("switch", name="Starred only").click()

    view.get_by_role("row", name="Compare small", exact=False).focus()
    page.keyboard.press("Space")
    expect(view.get_by_role("checkbox", name="Compare small")).to_be_checked()
    view.get_by_role("button", name="Tags", exact=True).click()
    page.get_by_role("textbox", name="Tags, parted by commas").fill("thin, first try")
    page.keyboard.press("Enter")
    expect(view.get_by_text("first try", exact=True)).to_be_visible()
    expect(page.get_by_role("dialog")).to_have_count(0)
    view.get_by_role("button", name="Note", exact=True).click()
    page.get_by_role("textbox", name="Note", exact=True).fill("sixteen units only")
    page.get_by_role("button", name="Save", exact=True).click()
    search = view.get_by_role("searchbox", name="Search runs")
    search.fill("sixteen")
    expect(view.get_by_text("1 of 4 runs")).to_be_visible()
    assert names(view) == ["small"]
    assert book.execute("r = ll.open_run('small'); print(r.note, r.tags)").strip() == (
        "sixteen units only ['first try', 'thin']"
    )
    assert book.errors == []


def test_forks_and_exports(book: Notebook) -> None:
    page = book.page
    view = page.get_by_role("region", name="Runs", exact=True)
    view.get_by_role("checkbox", name="Compare wide").check()
    view.get_by_role("button", name="Fork", exact=True).click()
    dialog = page.get_by_role("dialog", name="Fork wide")
    dialog.get_by_role("textbox", name="Name").fill("wide again")
    dialog.get_by_role("button", name="Weights: best").click()
    dialog.get_by_role("spinbutton", name="Learning rate").fill("0.0005")
    dialog.get_by_role("spinbutton", name="Epochs in all").fill("8")
    assert book.violations(".ll-dialog, [role=dialog]") == []
    dialog.get_by_role("button", name="Start the fork").click()
    row = view.get_by_role("row", name="Compare wide again", exact=False)
    expect(row.get_by_text("finished")).to_be_visible(timeout=60_000)
    expect(row.locator(".col-lr")).to_have_text("5.0e-4")
    told = "r = ll.open_run('wide again'); print(r.status.epoch, r.parent['run'] == ll.open_run('wide').id)"
    assert book.execute(told).strip() == "8 True"

    with page.expect_download() as download:
        view.get_by_role("button", name="Export (CSV)").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert {"wide/epochs.csv", "wide/run.json"} <= set(archive.namelist())
    view.get_by_role("searchbox", name="Search runs").fill("wide")
    with page.expect_download() as download:
        view.get_by_role("button", name="Table (CSV)").click()
    table = Path(download.value.path()).read_text().splitlines()
    assert [line.split(",")[1] for line in table] == ["name", "wide again", "wide"]
    assert book.errors == []


def test_a_live_run_appears_moves_is_stopped_and_goes_on(book: Notebook) -> None:
    page = book.page
    view = page.get_by_role("region", name="Runs", exact=True)
    book.execute("live = ll.Trainer(network, compile=False, threads=1).start(data, 100000, 32, name='long')")
    row = view.get_by_role("row", name="Compare long", exact=False)
    expect(row.get_by_text("training")).to_be_visible(timeout=20_000)
    first = row.locator(".col-epoch").inner_text()
    expect(row.locator(".col-epoch")).not_to_have_text(first, timeout=20_000)
    row.get_by_role("checkbox").check()
    view.get_by_role("button", name="Stop").click()
    expect(row.get_by_text("stopped")).to_be_visible(timeout=20_000)
    assert book.execute("live.wait(); print(live.state)").strip() == "stopped"
    view.get_by_role("button", name="Resume").click()
    expect(row.get_by_text("training")).to_be_visible(timeout=20_000)
    view.get_by_role("button", name="Stop").click()
    expect(row.get_by_text("stopped")).to_be_visible(timeout=20_000)
    assert book.errors == []


def test_ten_thousand_runs_scroll_sort_and_search(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill(MANY, height=900)
    notebook.run()
    view = page.get_by_role("region", name="Runs", exact=True)
    expect(view.get_by_text("10,000 runs")).to_be_visible(timeout=60_000)
    assert view.locator("tbody tr[data-row]").count() < 60
    view.get_by_role("button", name="Sort by Loss").click()
    expect(view.locator('tr[data-row="0"] .rb-name')).to_have_text("run 0")
    view.locator('tr[data-row="0"]').focus()
    page.keyboard.press("End")
    expect(view.locator('tr[data-row="9999"]')).to_be_focused()
    view.get_by_role("searchbox", name="Search runs").fill("r777")
    expect(view.get_by_text("of 10,000 runs")).to_be_visible()
    assert notebook.errors == []


def test_looks(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill(RUNS, height=1300)
    notebook.run()
    view = page.get_by_role("region", name="Runs", exact=True)
    expect(view.get_by_text("4 runs", exact=True)).to_be_visible(timeout=60_000)
    view.get_by_role("checkbox", name="Compare all runs shown").check()
    view.get_by_label("Measure").select_option("accuracy")
    expect(view.locator(".ll-chart canvas")).to_be_visible()
    for width, theme in notebook.looks(1300):
        assert notebook.violations() == []
        for column in view.locator(".rb-clip").all():
            assert column.evaluate("e => e.scrollWidth <= e.clientWidth"), column.inner_text()
        picture = "run_browser" if (width, theme) == (1280, "light") else ""
        notebook.shot(f"run_browser-{width}-{theme}", view, docs=picture)
        assert view.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
    view.get_by_role("tab", name="Parallel coordinates").click()
    expect(view.get_by_role("img", name="4 runs across", exact=False)).to_be_visible()
    notebook.shot("run_browser-parallel", view)
    view.get_by_role("tab", name="Settings that differ").click()
    notebook.shot("run_browser-settings", view)
    assert notebook.errors == []
