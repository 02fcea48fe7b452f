"""The network builder in a real JupyterLab: its code, JSON, drawing and templates; blocks, folding, the clipboard."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

MAKE = """import lepton_lab as ll
builder = ll.NetworkBuilder(ll.load_dataset("mnist-sample"))
builder.network = ll.NetworkSpec(
    [ll.Conv2d(8, 3, padding=1), ll.ReLU(), ll.Flatten(), ll.Linear(10)], input_shape=(1, 28, 28))
builder"""

SOURCE = """class Net(nn.Module):
    def __init__(self):
        super().__init__(){more}
        self.fc1 = nn.Linear(784, 32)
        self.fc2 = nn.Linear(32, 10)

    def forward(self, x):
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        return self.fc2(x)
"""


@pytest.fixture
def page(desk: Notebook) -> Page:
    return desk.page


@pytest.fixture
def book(page: Page, desk: Notebook, patience: None) -> Notebook:
    notebook = desk.fill(MAKE)
    notebook.run()
    expect(card(page, "conv2d_1")).to_be_visible()
    return notebook


def card(page: Page, path: str) -> Locator:
    return page.locator(f".ll-nb-card[data-path='{path}']")


def show(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"Show the network as: {name}").click()


def kinds(book: Notebook) -> str:
    return book.execute("print(*[layer.kind for layer in builder.network.layers])").strip()


def test_code_and_json_and_drawing_are_the_network(book: Notebook, page: Page, tmp_path: Path) -> None:
    show(page, "Code")
    code = page.get_by_label("The network as a module")
    expect(code).to_contain_text("nn.Conv2d(1, 8, 3, padding=1)")
    book.execute("builder.network = builder.network.replace('conv2d_1', out_channels=12)")
    expect(code).to_contain_text("nn.Conv2d(1, 12, 3, padding=1)")
    expect(page.get_by_role("button", name="Copy", exact=True)).to_be_enabled()
    assert book.violations() == []

    trap = tmp_path / "trap"
    source, read = page.get_by_label("Source of a module"), page.get_by_role("button", name="Read source")
    source.fill(SOURCE.format(more=f"; open({str(trap)!r}, 'w')"))
    read.click()
    expect(page.locator(".ll-strip.danger")).to_contain_text("open")
    assert kinds(book) == "Conv2d ReLU Flatten Linear"
    page.get_by_role("button", name="Close", exact=True).click()
    source.fill(SOURCE.format(more=""))
    read.click()
    expect(code).to_contain_text("nn.Linear(784, 32)")
    assert kinds(book) == "Flatten Linear ReLU Linear"
    assert not trap.exists()

    show(page, "JSON")
    field = page.get_by_label("Network as JSON")
    use = page.get_by_role("button", name="Use this")
    expect(use).to_be_disabled()
    expect(field).not_to_have_value("")
    written = json.loads(field.input_value())
    written["layers"][1]["out_features"] = 48
    field.fill(json.dumps(written))
    use.click()
    expect(use).to_be_disabled()
    assert book.execute("print(builder.network.layers[1].out_features)").strip() == "48"
    field.fill("{")
    use.click()
    expect(page.locator(".ll-strip").first).to_be_visible()
    assert kinds(book) == "Flatten Linear ReLU Linear"
    assert book.violations() == []

    show(page, "Diagram")
    expect(page.get_by_role("img", name="The network as a drawing")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download SVG").click()
    drawing = ET.parse(download.value.path())
    assert drawing.getroot().tag.endswith("svg")
    assert "48" in "".join(drawing.getroot().itertext())
    assert book.violations() == []
    assert book.errors == []


def test_a_template_takes_the_place_and_undo_brings_back(book: Notebook, page: Page) -> None:
    before = kinds(book)
    page.get_by_role("button", name="Templates", exact=True).click()
    assert book.violations() == []
    page.get_by_role("button", name="Use lenet5").click()
    expect(page.get_by_label("Train", exact=True)).to_be_visible()
    expect(page.locator(".ll-nb-card").first).to_be_visible()
    assert kinds(book).startswith("Conv2d")
    assert kinds(book) != before
    page.get_by_role("button", name="Undo (Ctrl+Z)").click()
    expect(card(page, "linear_1")).to_contain_text("10")
    assert kinds(book) == before
    assert book.errors == []


@pytest.mark.parametrize("block", ["Residual", "Repeat", "Parallel"])
def test_several_layers_become_a_block(book: Notebook, page: Page, block: str) -> None:
    card(page, "conv2d_1").click()
    card(page, "relu_1").click(modifiers=["Shift"])
    page.get_by_role("button", name="Wrap in block").click()
    page.get_by_role("menuitem", name=block, exact=False).click()
    outer = page.locator(".ll-nb-card", has=page.get_by_role("button", name="Fold", exact=False)).first
    expect(outer).to_be_visible()
    assert kinds(book) == f"{block} Flatten Linear"
    inside = outer.locator(".ll-nb-card")
    expect(inside).to_have_count(2)
    assert book.violations() == []
    outer.get_by_role("button", name="Fold", exact=False).click()
    expect(inside).to_have_count(0)
    outer.get_by_role("button", name="Unfold", exact=False).click()
    expect(inside).to_have_count(2)
    if block == "Parallel":
        lists = outer.locator("[data-list]")
        expect(lists).to_have_count(2)
        outer.get_by_role("button", name="Add a branch").click()
        expect(lists).to_have_count(3)
        first, second = (lists.nth(i).bounding_box() for i in range(2))
        assert abs(first["y"] - second["y"]) < 2, "the branches do not stand side by side"
        assert second["x"] > first["x"]
    book.shot(f"network-builder-{block.lower()}", page.locator(".ll-nb"))
    assert book.errors == []


def test_layers_are_copied_and_pasted_as_json(book: Notebook, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    card(page, "conv2d_1").click()
    card(page, "relu_1").click(modifiers=["Shift"])
    page.wait_for_timeout(300)  # what is copied is asked of the kernel when the selection changes
    page.keyboard.press("Control+c")
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert "Conv2d" in json.dumps(json.loads(copied))
    page.keyboard.press("Control+v")
    expect(page.locator(".ll-nb-card")).to_have_count(6)
    assert kinds(book) == "Conv2d ReLU Conv2d ReLU Flatten Linear"
    assert len(book.save()["cells"]) == 1, "the keys reached the notebook"
    assert book.errors == []
