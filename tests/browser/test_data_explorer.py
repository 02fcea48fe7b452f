"""The data explorer in a real JupyterLab: findings, remedies, augmentation, columns; by mouse and by keyboard."""

import re
import uuid

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from playwright.sync_api import expect

import lepton_lab as ll
from tests.browser.lab import Lab
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

OPEN = """
import lepton_lab as ll
from lepton_lab.widgets.data_explorer import DataExplorer
explorer = DataExplorer(ll.{load})
explorer
"""


@pytest.fixture
def digits(lab: Lab) -> str:
    """A folder of digits with 12 copies in the test and 3 damaged files."""
    data = ll.load_dataset("mnist-sample", valid=0)
    name = f"digits-{uuid.uuid4().hex[:6]}"
    for split in ("train", "test"):
        x, y = data.splits[split].tensors()
        for i, (image, label) in enumerate(zip(x[:, 0].numpy(), y.tolist(), strict=True)):
            path = lab.root / name / split / str(label) / f"{i:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(path, compress_level=1)
            if split == "train" and i < 12:
                copy = lab.root / name / "test" / str(label) / f"copy-{i}.png"
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(path.read_bytes())
    for i in range(3):
        (lab.root / name / "train" / "7" / f"broken-{i}.png").write_bytes(b"\x89PNG" if i else b"")
    return name


@pytest.fixture
def churn(lab: Lab) -> str:
    """A messy table: an id, a constant, two spellings, missing values, a leak."""
    rng = np.random.default_rng(7)
    n = 3000
    tenure = rng.gamma(1.2, 20, n).round()
    risk = 1 / (1 + np.exp(0.05 * tenure - 0.2))
    left = rng.random(n) < risk
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{i:05d}" for i in range(n)],
            "age": rng.normal(43, 14, n).clip(18, 91).round(),
            "plan": rng.choice(["basic", "plus", "pro"], n, p=[0.48, 0.31, 0.21]),
            "country": rng.choice(["DE", "FR", "IT", "de", "ES", "PL"], n, p=[0.3, 0.2, 0.14, 0.06, 0.2, 0.1]),
            "monthly_fee": (rng.choice([9.9, 24.9, 49.9], n) + rng.gamma(2, 3, n)).round(2),
            "tenure_months": tenure,
            "income": np.where(rng.random(n) < 0.37, np.nan, rng.lognormal(10.5, 0.4, n).round()),
            "last_login": pd.Timestamp("2025-06-30") - pd.to_timedelta(rng.gamma(1, 60, n).round(), unit="D"),
            "currency": "EUR",
            "cancel_code": np.where(left, rng.integers(1, 5, n), 0),
            "churned": np.where(left, "yes", "no"),
        }
    )
    name = f"churn-{uuid.uuid4().hex[:6]}.csv"
    frame.to_csv(lab.root / name, sep=";", index=False, date_format="%Y-%m-%d")
    return name


def test_findings_are_shown_and_remedied_and_undone(desk: Notebook, digits: str):
    page, notebook = desk.page, desk.fill(OPEN.format(load=f'load_images("{digits}", valid=0.2, seed=7)'), height=1300)
    notebook.run()
    view = page.get_by_label("Data explorer")
    expect(view.get_by_role("button", name="preview its augmentation").first).to_be_visible()
    expect(view.get_by_text("Training samples, as the network gets them")).to_be_visible()

    finding = view.get_by_role("listitem").filter(has_text="also in train").first
    finding.get_by_role("button", name=re.compile("^Show: ")).click()
    expect(finding.get_by_text(re.compile(r"pairs: left in training, right in test"))).to_be_visible()
    expect(finding.locator(".thumbs canvas").first).to_be_visible()
    notebook.shot("data_explorer_finding", view)
    finding.get_by_role("button", name=re.compile("^Hide: ")).click()

    before = notebook.execute("print(len(explorer.data.train))")
    finding.get_by_role("button", name="Remove from training").click()
    undo = view.get_by_role("button", name="Undo")
    expect(undo).to_be_visible()
    expect(view.get_by_role("listitem").filter(has_text="also in train")).to_have_count(0)
    assert int(notebook.execute("print(len(explorer.data.train))")) < int(before)
    undo.click()
    expect(undo).to_have_count(0)
    assert notebook.execute("print(len(explorer.data.train))") == before
    assert not notebook.violations()
    assert notebook.errors == []


def test_augmentation_is_tried_while_the_slider_moves(desk: Notebook, digits: str):
    page, notebook = desk.page, desk.fill(OPEN.format(load=f'load_images("{digits}", valid=0.2, seed=7)'), height=1300)
    notebook.run()
    view = page.get_by_label("Data explorer")
    pane = view.get_by_role("region", name="Augmentation")
    variants = pane.get_by_role("img", name=re.compile("^Variant: "))
    expect(variants).to_have_count(6)
    words = variants.first.get_attribute("aria-label")
    expect(pane.get_by_text(re.compile("a mirrored . is no ."))).to_be_visible()
    pane.get_by_role("checkbox", name="Augmentation on").check()
    turn = pane.get_by_role("slider", name="Turn, degrees")
    turn.focus()
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    expect(variants.first).not_to_have_attribute("aria-label", words)
    expect(turn).to_have_attribute("aria-valuetext", "± 22°")
    page.wait_for_function("() => document.querySelector('.ll-de-foot code')?.textContent.includes(\"'degrees': 22\")")
    assert notebook.execute("print(explorer.data.train.augmentation[0]['degrees'])").strip() == "22"

    valid = view.get_by_role("slider", name="Validation, share of training")
    valid.focus()
    page.keyboard.press("ArrowRight")
    expect(valid).to_have_attribute("aria-valuetext", "21 %")
    expect(view.get_by_text(re.compile(r"valid=0\.21"))).to_be_visible()
    assert notebook.execute("print(explorer.data.train.augmentation[0]['degrees'])").strip() == "22"

    view.get_by_role("button", name="Show: validation").press("Enter")
    expect(view.get_by_text("Validation samples, as the network gets them")).to_be_visible()
    view.get_by_role("button", name="Values: as stored").click()
    expect(view.get_by_text("Validation samples, as stored")).to_be_visible()
    assert notebook.errors == []


def test_a_messy_table_is_cleaned_in_the_page(desk: Notebook, churn: str):
    page, notebook = desk.page, desk.fill(OPEN.format(load=f'load_table("{churn}", target="churned")'), height=1200)
    notebook.run()
    view = page.get_by_label("Data explorer")
    expect(view.get_by_role("img", name="Histogram of age")).to_be_visible()
    expect(view.get_by_text("Leaks the target")).to_be_visible()
    notebook.shot("data_explorer_table-light-1280", view)
    view.get_by_role("button", name="Join: country").click()
    expect(view.get_by_role("button", name="Join: country")).to_have_count(0)
    expect(view.get_by_role("button", name="Apply all 2")).to_be_visible()
    view.get_by_role("button", name="Apply all 2").click()
    expect(view.get_by_role("checkbox", name="Use cancel_code")).not_to_be_checked()
    names = notebook.execute("print(*explorer.data.preprocessing.feature_names, sep='|')")
    assert "income was missing" in names
    assert "country = de" not in names
    assert "cancel_code" not in names
    view.get_by_role("button", name="Undo").click()
    expect(view.get_by_role("checkbox", name="Use cancel_code")).to_be_checked()
    view.get_by_role("button", name="View: Rows").click()
    expect(view.get_by_role("img", name=re.compile("Class yes: "))).to_be_visible()
    notebook.shot("data_explorer_rows", view)
    assert not notebook.violations()
    assert notebook.errors == []


def test_it_looks_right(desk: Notebook, digits: str, churn: str):
    cells = [
        OPEN.format(load=f'load_images("{digits}", valid=0.2, seed=7)'),
        OPEN.format(load=f'load_table("{churn}", target="churned")'),
    ]
    for name, cell in zip(("images", "table"), cells, strict=True):
        page, notebook = desk.page, desk.fill(cell, height=1400)
        notebook.run()
        view = page.get_by_label("Data explorer")
        expect(view.get_by_text("Checked, nothing found")).to_be_visible()
        expect(
            view.get_by_role("img", name="Variant" if name == "images" else "Histogram of age").first
        ).to_be_visible()
        for width, theme in notebook.looks(1400):
            shot = notebook.shot(f"data_explorer_{name}-{theme}-{width}", view)
            assert Image.open(shot).width > 0.5 * width
            over = view.evaluate("e => e.scrollWidth - e.clientWidth")
            assert over <= 1
            assert notebook.violations() == []
        assert notebook.errors == []
