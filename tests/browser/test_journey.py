"""The whole path in a real JupyterLab: data, LeNet, a fault and its fix, training, steering, evaluation.

Once by clicking, and once with nothing but the keyboard. On the full MNIST where it is there.
"""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.hands import Hand, Keyboard, Mouse
from tests.browser.lab import FULL_DATA, Lab
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

LENET = ("Conv2d", "ReLU", "MaxPool2d", "Conv2d", "ReLU", "MaxPool2d", "Flatten", "Linear", "ReLU", "Linear")
DATA = "mnist" if FULL_DATA else "mnist-sample"
WAIT = 30_000
ROOT = ".ll-wb"


def tabs(page: Page) -> Locator:
    return page.locator(ROOT).first.get_by_role("tablist", name="Workbench")


def panel(page: Page, name: str) -> Locator:
    return page.locator(ROOT).first.get_by_role("tabpanel", name=name, exact=True)


def button(part: Locator, name: str) -> Locator:
    return part.get_by_role("button", name=name, exact=True)


def reaches(page: Page, state: str) -> None:
    expect(panel(page, "Train").locator(f'[data-state="{state}"]').first).to_be_visible(timeout=2 * WAIT)


def value(notebook: Notebook, of: str) -> str:
    """What something is in the kernel."""
    return notebook.execute(f"print({of})").strip()


def choose_data(page: Page, hand: Hand) -> None:
    """The empty tab says what to do, and does it."""
    data = panel(page, "Data")
    expect(data.get_by_role("option", name=DATA, exact=True)).to_be_attached(timeout=WAIT)
    hand.choose(data.get_by_role("combobox", name="Data set"), DATA)
    hand.press(button(data, "Use this data set"))
    expect(data.get_by_text("Training samples", exact=False).first).to_be_visible(timeout=2 * WAIT)


def build_lenet(page: Page, hand: Hand) -> None:
    """From nothing, by the palette; the last layer gets its size by the fix that is offered."""
    hand.tab(tabs(page), "Network")
    network, cards = panel(page, "Network"), page.locator(".ll-nb-card")
    expect(cards.first).to_be_visible(timeout=WAIT)
    hand.empty(cards)
    expect(network.get_by_text("No layers yet")).to_be_visible()
    find = network.get_by_role("searchbox", name="Find a layer")
    for number, kind in enumerate(LENET, 1):
        if isinstance(hand, Keyboard):
            hand.reach(find)
            page.keyboard.press("Control+A")
            page.keyboard.type(kind)
            page.keyboard.press("Enter")
        else:
            hand.write(find, kind)
            hand.press(button(network, f"Add {kind}"))
        expect(cards).to_have_count(number)
    if isinstance(hand, Mouse):
        hand.write(find, "")
    hand.press(network.get_by_role("button", name="Set out_features=10 in 'linear_2'"))
    expect(button(network, "Train")).to_be_enabled(timeout=WAIT)


def break_and_mend(page: Page, hand: Hand) -> None:
    """A fault is named at its card, training is off with the reason, and the offered fix mends it."""
    network = panel(page, "Network")
    hand.remove(page.locator('.ll-nb-card[data-path="flatten_1"]'))
    train = button(network, "Train")
    expect(train).to_be_disabled(timeout=WAIT)
    expect(network.locator('.ll-nb-card[data-path="linear_1"]').get_by_role("alert")).to_contain_text("linear_1")
    reason = train.get_attribute("aria-describedby")
    expect(network.locator(f'[id="{reason}"]')).to_contain_text("linear_1")
    hand.press(network.get_by_role("button", name="Insert Flatten", exact=False).first)
    expect(train).to_be_enabled(timeout=WAIT)


def train_and_steer(page: Page, hand: Hand, notebook: Notebook) -> None:
    """The notebook stays usable; pause, another learning rate, and on."""
    hand.tab(tabs(page), "Train")
    steering = panel(page, "Train")
    hand.write(steering.get_by_role("spinbutton", name="Epochs", exact=True).first, "5000")
    hand.press(button(steering, "Train").first)
    reaches(page, "running")
    assert value(notebook, "6 * 7") == "42"
    hand.press(button(steering, "Pause"))
    reaches(page, "paused")
    rate = steering.get_by_role("slider", name="Learning rate")
    if isinstance(hand, Keyboard):
        hand.reach(rate)
    else:
        rate.click()
    for _ in range(3):
        rate.press("ArrowLeft")
    chosen = float(10 ** float(rate.input_value()))
    hand.press(button(steering, "Resume"))
    reaches(page, "running")
    assert float(value(notebook, "bench.run.status.lr")) == pytest.approx(chosen, rel=0.02)


@pytest.mark.parametrize("kind", [Mouse, Keyboard])
def test_from_an_empty_cell_to_a_confusion_cell(
    page: Page, lab: Lab, patience: None, kind: type[Mouse] | type[Keyboard]
) -> None:
    picture = f"journey-{kind.__name__.lower()}"
    name = f"{picture}-{uuid.uuid4().hex[:6]}"  # a project of its own, also where the test is run again
    make = f'import lepton_lab as ll\nbench = ll.Workbench("{name}")\nbench'
    notebook = Notebook.create(page, lab, make, "40 + 2", height=1300)
    notebook.run()
    hand = kind(page, ROOT)
    choose_data(page, hand)
    assert value(notebook, "len(bench.data.train) > 40_000") == str(FULL_DATA is not None)
    build_lenet(page, hand)
    assert value(notebook, "*[layer.kind for layer in bench.network.layers]").split() == list(LENET)
    break_and_mend(page, hand)
    assert value(notebook, "*[layer.kind for layer in bench.network.layers]").split() == list(LENET)
    train_and_steer(page, hand, notebook)
    notebook.shot(f"{picture}-train")

    # a refresh and a second tab see the same run; the second one stops it
    notebook.save()
    before = int(value(notebook, "bench.run.status.step"))
    notebook.reload()
    reaches(page, "running")
    page.wait_for_function(
        """step => Number(document.querySelector('.monitor .steps')
            ?.innerText.replaceAll(',', '').match(/step (\\d+)/)?.[1]) > step""",
        arg=before,
    )
    second = page.context.new_page()
    second.goto(lab.notebook(notebook.name, notebook.workspace + "b"))
    reaches(second, "running")
    kind(second, ROOT).press(button(panel(second, "Train"), "Stop and keep best"))
    reaches(page, "stopped")
    second.close()

    # evaluation: a cell of the matrix shows its samples
    hand.tab(tabs(page), "Evaluate")
    evaluation = panel(page, "Evaluate")
    cell = evaluation.get_by_role("button", name="3 predicted as 3:", exact=False)
    expect(cell).to_be_visible(timeout=4 * WAIT)
    hand.press(cell)
    samples = evaluation.get_by_role("region", name="Samples of the selected cell")
    expect(samples.get_by_role("heading", name="3, told rightly", exact=False)).to_be_visible()
    expect(samples.get_by_role("button", name="Sample").first).to_be_visible()
    notebook.shot(f"{picture}-evaluate")

    # a restarted kernel finds the stored run
    notebook.restart_kernel()
    notebook.run()
    train = tabs(page).get_by_role("tab", name="Train", exact=True)
    expect(train).to_have_attribute("aria-selected", "true", timeout=WAIT)
    expect(panel(page, "Train").get_by_text("stopped", exact=False).first).to_be_visible(timeout=WAIT)
    assert notebook.errors == []
