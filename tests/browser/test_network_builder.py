"""The network builder in a real JupyterLab: LeNet by clicks and by keys, broken and mended, in light and dark."""

import os
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.notebook import Notebook

CELL = """import lepton_lab as ll
from lepton_lab.widgets.network_builder import NetworkBuilder
builder = NetworkBuilder(ll.load_dataset({data!r}))
builder.on_train(lambda: None)
builder"""
KINDS = [
    "Conv2d",
    "Tanh",
    "AvgPool2d",
    "Conv2d",
    "Tanh",
    "AvgPool2d",
    "Flatten",
    "Linear",
    "Tanh",
    "Linear",
    "Tanh",
    "Linear",
]
PICTURES = Path(__file__).resolve().parents[2] / "docs" / "images"


@pytest.fixture
def page(desk: Notebook) -> Page:
    return desk.page


@pytest.fixture
def notebook(page: Page, desk: Notebook) -> Notebook:
    found = desk.fill(CELL.format(data="mnist-sample"))
    found.run()
    expect(page.get_by_label("Add Conv2d", exact=True)).to_be_visible(timeout=20_000)
    return found


def kinds(notebook: Notebook) -> str:
    return notebook.execute("print([la.kind for la in builder.network.layers], builder.network.check().ok)").strip()


def card(page: Page, path: str):
    return page.locator(f".ll-nb-card[data-path='{path}']")


def test_lenet_by_clicks_broken_and_mended(notebook: Notebook, page: Page) -> None:
    expect(page.get_by_text("No layers yet")).to_be_visible()
    for number, kind in enumerate(KINDS, 1):
        page.get_by_label(f"Add {kind}", exact=True).click()
        expect(page.locator(".ll-nb-card")).to_have_count(number)
    card(page, "conv2d_1").click()
    for field, value in (("out_channels", "6"), ("kernel_size", "5"), ("padding", "2")):
        page.get_by_label(field, exact=True).fill(value)
    card(page, "conv2d_2").click()
    page.get_by_label("kernel_size", exact=True).fill("5")
    card(page, "linear_1").click()
    page.get_by_label("out_features", exact=True).fill("120")
    card(page, "linear_2").click()
    page.get_by_label("out_features", exact=True).fill("84")
    expect(card(page, "flatten_1").locator(".ll-nb-shape")).to_have_text("400")
    expect(card(page, "conv2d_1").locator(".ll-nb-cost")).to_contain_text("156")
    expect(card(page, "conv2d_1").get_by_title("117,600 multiply-adds per sample")).to_have_text("118 k")
    page.get_by_label("Set out_features=10 in 'linear_3'").click()
    expect(page.get_by_label("Train", exact=True)).to_be_enabled()
    assert kinds(notebook) == f"{KINDS} True"
    assert notebook.execute("print(builder.network.infer_shapes().parameters)").strip() == "61706"
    # a field that is wrong keeps what was typed, and the network stays
    card(page, "conv2d_1").click()
    page.get_by_label("out_channels", exact=True).fill("six")
    expect(page.get_by_role("alert")).to_have_text("Write a whole number.")
    page.get_by_label("out_channels", exact=True).fill("6")
    # broken, and mended by the offered fix
    card(page, "linear_1").click()
    page.get_by_label("3 more", exact=False).or_(page.locator(".ll-nb-more")).first.click()
    page.get_by_label("in_features", exact=True).fill("256")
    expect(card(page, "linear_1")).to_contain_text("linear_1 expects")
    expect(card(page, "linear_2")).to_contain_text("waits for linear_1")
    expect(page.get_by_label("Train", exact=True)).to_be_disabled()
    notebook.shot("network-builder-broken-light", page.locator(".ll-nb"))
    page.get_by_label("Drop in_features=256 from 'linear_1'").click()
    expect(page.get_by_label("Train", exact=True)).to_be_enabled()
    expect(page.locator("[aria-label^='Output of conv2d_1']")).to_be_visible()
    card(page, "conv2d_2").click()
    expect(page.get_by_label("Untrained filters")).to_be_visible()
    assert notebook.violations() == []
    picture = notebook.shot("network-builder-light", page.locator(".ll-nb"))
    if os.environ.get("LEPTON_PICTURES"):
        PICTURES.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, PICTURES / "network_builder.png")
    notebook.theme(True)
    notebook.shot("network-builder-dark", page.locator(".ll-nb"))
    assert notebook.violations() == []
    page.set_viewport_size({"width": 820, "height": 1100})
    values = page.locator("[aria-label^='Output of linear_3']")
    expect(values).to_be_visible()
    cut = "el => [...el.querySelectorAll('img')].every(img => img.offsetWidth <= el.clientWidth)"
    assert values.evaluate(cut), "the bar code of the last layer is cut off"
    notebook.shot("network-builder-820-dark", page.locator(".ll-nb"))
    notebook.theme(False)
    notebook.shot("network-builder-820-light", page.locator(".ll-nb"))
    assert notebook.errors == []


def test_lenet_by_keys_alone(notebook: Notebook, page: Page) -> None:
    page.locator(".ll-nb-input").click()
    page.get_by_label("Show the network as: Build").focus()
    page.keyboard.press("/")
    expect(page.get_by_label("Find a layer")).to_be_focused()
    for number, kind in enumerate(KINDS, 1):
        page.keyboard.insert_text(kind)
        page.keyboard.press("Enter")
        expect(page.locator(".ll-nb-card")).to_have_count(number)
        page.keyboard.press("Control+A")
        page.keyboard.press("Delete")
    page.keyboard.press("Escape")
    expect(card(page, "linear_3")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_label("out_features", exact=True)).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("10")
    expect(page.get_by_label("Train", exact=True)).to_be_enabled()
    page.keyboard.press("Escape")
    expect(card(page, "linear_3")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(card(page, "tanh_4")).to_be_focused()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator(".ll-nb-card").nth(9)).to_have_attribute("data-path", "tanh_4")
    page.keyboard.press("Control+d")
    expect(page.locator(".ll-nb-card")).to_have_count(13)
    page.keyboard.press("Delete")
    expect(page.locator(".ll-nb-card")).to_have_count(12)
    for _ in range(3):
        page.keyboard.press("Control+z")
    expect(page.locator(".ll-nb-card").nth(10)).to_have_attribute("data-path", "tanh_4")
    assert kinds(notebook) == f"{KINDS} True"
    page.keyboard.press("Control+Shift+z")
    expect(page.locator(".ll-nb-card").nth(9)).to_have_attribute("data-path", "tanh_4")
    # nothing leaked into the notebook
    assert len(notebook.save()["cells"]) == 1
    assert notebook.errors == []


def test_dragging_from_the_palette_within_and_into_a_block(notebook: Notebook, page: Page) -> None:
    for number, kind in enumerate(("Flatten", "Linear", "ReLU", "Residual"), 1):
        page.get_by_label(f"Add {kind}", exact=True).click()
        expect(page.locator(".ll-nb-card")).to_have_count(number)

    def drag(source, goal, into: str) -> None:
        box = source.bounding_box()
        page.mouse.move(box["x"] + 6, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + 16, box["y"] + box["height"] / 2 + 8, steps=4)
        expect(page.locator(".ll-nb-flying")).to_be_attached()
        ghost = page.locator(f".ll-nb-list[data-list='{into}'] > .sortable-ghost")
        for turn in range(40):  # as a hand does: go on until the place opens, also where the list has moved meanwhile
            there = goal.bounding_box()
            page.mouse.move(there["x"] + 60 + turn % 3, there["y"] + 4 + turn % 2, steps=3)
            try:
                expect(ghost).to_be_attached(timeout=500)
                break
            except AssertionError:
                continue
        expect(ghost).to_be_attached(timeout=1)
        page.mouse.up()

    drag(card(page, "relu_1").locator(".ll-nb-grip"), page.get_by_label("Add into residual_1/body"), "residual_1/body")
    expect(card(page, "residual_1/body/relu_1")).to_be_visible()
    drag(page.get_by_label("Add Linear", exact=True), card(page, "flatten_1"), "")
    expect(page.locator(".ll-nb-card")).to_have_count(5)
    assert notebook.execute("print(len(builder.network.layers))").strip() == "4"
    assert notebook.errors == []
