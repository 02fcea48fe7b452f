"""The whole path in a real JupyterLab, by clicking: data, LeNet, a fault and its fix, training, evaluation."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Lab
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

LENET = ("Conv2d", "ReLU", "MaxPool2d", "Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear", "ReLU", "Linear")
OPEN = 'import lepton_lab as ll\nbench = ll.Workbench("journey")\nbench'
WAIT = 30_000


def tab(page: Page, name: str) -> Locator:
    return page.locator(".ll-wb").first.get_by_role("tab", name=name, exact=True)


def panel(page: Page, name: str) -> Locator:
    return page.locator(".ll-wb").first.get_by_role("tabpanel", name=name, exact=True)


def reaches(page: Page, state: str) -> None:
    expect(panel(page, "Train").locator(f'[data-state="{state}"]').first).to_be_visible(timeout=WAIT)


def test_from_an_empty_cell_to_a_confusion_cell(page: Page, lab: Lab) -> None:
    notebook = Notebook.create(page, lab, OPEN, "40 + 2", height=1300)
    notebook.run()

    # data: the empty tab says what to do, and does it
    data = panel(page, "Data")
    data.get_by_role("combobox", name="Data set").select_option("mnist-sample")
    data.get_by_role("button", name="Use this data set").click()
    expect(data.get_by_text("Training samples", exact=False).first).to_be_visible(timeout=WAIT)

    # network: LeNet from nothing, by clicks in the palette
    notebook.execute("bench.network = ll.NetworkSpec([], input_shape=(1, 28, 28), name='lenet')")
    tab(page, "Network").click()
    network = panel(page, "Network")
    for kind in LENET:
        network.get_by_role("searchbox", name="Find a layer").fill(kind)
        network.get_by_role("button", name=f"Add {kind}", exact=True).click()
        network.get_by_role("searchbox", name="Find a layer").fill("")
    expect(network.get_by_label("linear_2, Linear", exact=False).first).to_be_visible(timeout=WAIT)
    assert notebook.execute("print(*[l.kind for l in bench.network.layers])").split() == list(LENET)
    notebook.execute("bench.network = bench.network.replace('linear_2', out_features=10)")

    # a fault is named at its card, training is off with the reason, and the offered fix mends it
    notebook.execute("bench.network = bench.network.remove('flatten_1')")
    fix = network.get_by_role("button", name="flatten", exact=False).filter(has_text="Insert").first
    expect(fix).to_be_visible(timeout=WAIT)
    train = network.get_by_role("button", name="Train", exact=True)
    expect(train).to_be_disabled()
    fix.click()
    expect(train).to_be_enabled(timeout=WAIT)

    # training goes on in the background while cells run
    notebook.execute("bench.settings = bench._work.change_settings({'epochs': 5000})")
    train.click()
    reaches(page, "running")
    assert notebook.execute("print(6 * 7)").strip() == "42"
    steering = panel(page, "Train")
    steering.get_by_role("button", name="Pause", exact=True).click()
    reaches(page, "paused")
    rate = steering.get_by_role("slider", name="Learning rate")
    rate.focus()
    rate.press("ArrowLeft")
    steering.get_by_role("button", name="Resume", exact=True).click()
    reaches(page, "running")
    assert float(notebook.execute("print(bench.run.status.lr)")) < 1e-3
    notebook.shot("workbench-train")

    # a refresh and a second tab see the same run and steer it
    notebook.save()
    notebook.reload()
    reaches(page, "running")
    second = page.context.new_page()
    second.goto(lab.notebook(notebook.name, notebook.workspace + "b"))
    expect(panel(second, "Train").locator('[data-state="running"]').first).to_be_visible(timeout=2 * WAIT)
    panel(second, "Train").get_by_role("button", name="Stop and keep best").click()
    reaches(page, "stopped")
    second.close()

    # evaluation: a cell of the matrix shows its samples
    tab(page, "Evaluate").click()
    evaluation = panel(page, "Evaluate")
    cell = evaluation.get_by_role("button", name="3 predicted as 3:", exact=False)
    expect(cell).to_be_visible(timeout=2 * WAIT)
    cell.click()
    expect(evaluation.get_by_role("region", name="Samples of the selected cell")).to_be_visible()

    # a restarted kernel finds the stored run
    notebook.restart_kernel()
    notebook.run()
    expect(tab(page, "Train")).to_have_attribute("aria-selected", "true", timeout=WAIT)
    expect(panel(page, "Train").get_by_text("stopped", exact=False).first).to_be_visible(timeout=WAIT)
    assert notebook.errors == []


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (1280, True), (820, False)])
def test_every_tab_is_legible_and_usable(page: Page, lab: Lab, width: int, dark: bool) -> None:
    name = f"looks-{width}-{'dark' if dark else 'light'}"
    make = (
        "import lepton_lab as ll\n"
        f'bench = ll.Workbench("{name}", ll.load_dataset("mnist-sample"))\n'
        "run = bench.train(epochs=2, batch_size=64)\nrun.wait(120)\nbench"
    )
    notebook = Notebook.create(page, lab, make, width=width, height=1300, dark=dark)
    notebook.run()
    bench = page.get_by_label(f"Lepton Lab workbench, project {name}")
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
        assert part.evaluate("el => el.scrollWidth - el.clientWidth") <= 1, f"{label} is wider than its place"
        if label == "Network":
            expect(part.get_by_role("img", name="Output of conv2d_1", exact=False)).to_be_visible(timeout=WAIT)
        picture = "workbench" if (label, width, dark) == ("Train", 1280, False) else ""
        notebook.shot(f"workbench-{label.lower()}-{width}-{'dark' if dark else 'light'}", bench, docs=picture)
    assert notebook.violations() == []
    assert notebook.errors == []
