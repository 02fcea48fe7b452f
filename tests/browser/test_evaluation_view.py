"""The evaluation view in a real JupyterLab: a clicked cell, the threshold, the keyboard, both themes, exports."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.app import ARTEFACTS
from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

TRAIN = """
import torch, lepton_lab as ll
from lepton_lab.widgets.evaluation_view import EvaluationView
torch.manual_seed(0)
data = ll.load_dataset("mnist-sample")
network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 48), torch.nn.ReLU(), torch.nn.Linear(48, 10))
run = ll.Trainer(network, lr=1e-3, compile=False, seed=0).fit(data, 4, 32, name="digits", verbose=0)
view = EvaluationView(run)
view
"""

REGRESSION = """
import torch, lepton_lab as ll
from lepton_lab.widgets.evaluation_view import EvaluationView
torch.manual_seed(0)
x = torch.randn(900, 6)
y = x @ torch.tensor([[1.0], [-2.0], [0.5], [3.0], [0.0], [1.0]]) + 0.4 * torch.randn(900, 1)
data = ll.from_arrays(x[:600], y[:600], validation_data=(x[600:], y[600:]), task="regression", name="planes")
run = ll.Trainer(torch.nn.Linear(6, 1), lr=0.02, compile=False).fit(data, 20, 32, name="plane", verbose=0)
EvaluationView(run)
"""


@pytest.fixture
def digits(desk: Notebook) -> Notebook:
    page, notebook = desk.page, desk.fill(TRAIN, height=1500)
    notebook.run()
    expect(page.get_by_role("table", name="Confusion matrix")).to_be_visible(timeout=60_000)
    return notebook


def test_a_cell_of_the_matrix_shows_its_samples_and_a_threshold_its_counts(digits: Notebook) -> None:
    page = digits.page
    view = page.get_by_role("region", name="Evaluation of digits")
    expect(view.get_by_text("360 samples")).to_be_visible()
    cell = view.get_by_role("button", name="4 predicted as 9:", exact=False)
    count = int((cell.get_attribute("aria-label") or "").rsplit(" ", 1)[1])
    cell.click()
    expect(view.get_by_role("heading", name=f"4 predicted as 9 {count} images")).to_be_visible()
    samples = view.get_by_role("region", name="Samples of the selected cell").get_by_role("button", name="Sample")
    expect(samples.first).to_be_visible()
    assert samples.count() == min(12, count)
    cell.press("ArrowUp")
    expect(view.get_by_role("button", name="3 predicted as 9:", exact=False)).to_be_focused()

    slider = view.get_by_role("slider")
    text = view.locator(".ev-thr p")
    before = text.inner_text()
    slider.fill(str(int(slider.get_attribute("max") or 0) - 20))
    expect(text).not_to_have_text(before)
    view.get_by_role("button", name="Kind of curve: ROC").click()
    expect(view.get_by_role("img", name="ROC curve", exact=False)).to_be_visible()
    assert digits.errors == []
    assert digits.violations() == []


def test_curves_calibration_and_mistakes_follow_the_hand(digits: Notebook) -> None:
    page = digits.page
    view = page.get_by_role("region", name="Evaluation of digits")
    summary = view.get_by_role("region", name="Summary")
    for score in ("Accuracy", "Precision, macro", "Recall, macro", "F1, macro"):
        expect(summary.get_by_text(score, exact=True)).to_be_visible()
    view.get_by_role("button", name="7: precision", exact=False).click()
    expect(view.get_by_role("img", name="Precision-recall curve of 7")).to_be_visible()
    view.get_by_role("combobox", name="Class", exact=True).select_option(label="2")
    expect(view.get_by_role("img", name="Precision-recall curve of 2")).to_be_visible()

    # the threshold, by keys: what it says is what the predictions say
    slider = view.get_by_role("slider", name="Call it 2 from a probability of")
    slider.focus()
    for _ in range(30):
        slider.press("ArrowRight")
    counted = digits.execute(
        "from lepton_lab.evaluate.curves import THRESHOLDS\n"
        "e = view.evaluation; p = e.values[:, 2]; y = e.targets\n"
        f"t = p.dtype.type(THRESHOLDS[{slider.input_value()}])\n"
        "print(int(((p >= t) & (y == 2)).sum()), int(((p < t) & (y == 2)).sum()), int(((p >= t) & (y != 2)).sum()))"
    ).split()
    assert view.locator(".ev-thr p b").all_inner_texts() == counted
    expect(view.get_by_role("img", name="Calibration: how sure against how often right")).to_be_visible()

    worst = view.get_by_role("region", name="Most confident mistakes")
    mistake = worst.get_by_role("button").first
    said = mistake.get_attribute("aria-label") or ""
    mistake.click()
    expect(worst.locator(".ev-pick strong")).to_have_text(f"Validation s{said.split(' of ')[0][1:]}")
    assert digits.errors == []


def test_what_is_shown_is_taken_away_as_files(digits: Notebook) -> None:
    page = digits.page
    begins = {"HTML": b"<!doctype html>", "PNG": b"\x89PNG", "SVG": b"<?xml", "CSV": b"sample,label,"}
    for kind, begin in begins.items():
        with page.expect_download() as download:
            page.get_by_role("button", name=f"({kind})", exact=False).click()
        content = Path(download.value.path()).read_bytes()
        assert download.value.suggested_filename == f"digits-valid.{kind.lower()}"
        assert content.lower().startswith(begin.lower()), content[:60]
        if kind == "CSV":
            assert content.count(b"\n") == 361
    assert digits.errors == []


def test_the_test_set_is_looked_at_only_when_asked(digits: Notebook) -> None:
    page = digits.page
    expect(page.get_by_text("The test set was not looked at yet")).to_be_visible()
    page.get_by_role("button", name="On: test").click()
    page.get_by_role("button", name="Look at the test set").click()
    expect(page.get_by_text("The test set was looked at once")).to_be_visible(timeout=30_000)
    assert digits.execute("print(run.test_looks)").strip() == "1"
    with page.expect_download() as download:
        page.get_by_role("button", name="Report (HTML)").click()
    report = Path(download.value.path()).read_text()
    assert download.value.suggested_filename == "digits-test.html"
    assert "600 samples" in report
    assert report.count("<svg") >= 4
    digits.save()
    digits.reload()
    expect(page.get_by_text("The test set was looked at once")).to_be_visible(timeout=30_000)


def test_looks(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill(TRAIN, height=1700)
    notebook.run()
    view = page.get_by_role("region", name="Evaluation of digits")
    expect(view.get_by_role("button", name="Sample").first).to_be_visible(timeout=60_000)
    expect(view.get_by_role("slider")).to_be_visible()
    view.get_by_role("button", name="4 predicted as 9:", exact=False).click()
    expect(view.get_by_role("heading", name="4 predicted as 9", exact=False)).to_be_visible()
    for width, theme in notebook.looks(1700):
        picture = "evaluation_view" if (width, theme) == (1280, "light") else ""
        notebook.shot(f"evaluation_view-{width}-{theme}", view, docs=picture)
        assert notebook.violations() == []
        assert view.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
    assert notebook.errors == []


def test_a_regression_shows_its_residuals(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill(REGRESSION, height=1500)
    notebook.run()
    view = page.get_by_role("region", name="Evaluation of plane")
    expect(view.get_by_role("img", name="Predicted against true")).to_be_visible(timeout=60_000)
    expect(view.get_by_role("img", name="Residuals against normal")).to_be_visible()
    expect(view.get_by_text("Typical error (RMSE)")).to_be_visible()
    dots = view.get_by_role("img", name="Residuals", exact=True)
    x, y = dots.locator(".ev-cloud").get_attribute("d")[1:].split("h")[0].split()
    dots.click(position={"x": float(x), "y": float(y)})
    expect(view.locator(".ev-note .ev-pick").get_by_text("Validation sample", exact=False)).to_be_visible()
    largest = view.get_by_role("region", name="Largest errors").get_by_role("button").first
    largest.click()
    expect(largest).to_have_attribute("aria-pressed", "true")
    assert notebook.violations() == []
    notebook.shot("evaluation_view-regression", view)
    assert notebook.errors == []
    assert (ARTEFACTS / "evaluation_view-regression.png").exists()


KINDS = """
import numpy as np, pandas as pd, torch, lepton_lab as ll
torch.manual_seed(0)
words = np.array("a film that is good bad dull bright long short and slow quick with much little".split())
g = np.random.default_rng(0)
texts = [" ".join(g.choice(words, 12)) for _ in range(400)]
frame = pd.DataFrame({"text": texts, "mood": ["up" if "good" in t or "bright" in t else "down" for t in texts]})
text = ll.load_text(frame, text="text", label="mood")
net = torch.nn.Sequential(torch.nn.EmbeddingBag(text.preprocessing.index_count, 2))
first = ll.EvaluationView(ll.Trainer(net, lr=0.02, compile=False).fit(text, 4, 32, name="moods", verbose=0))
people = pd.DataFrame({"age": g.integers(18, 80, 500), "town": g.choice(["Ulm", "Bonn", "Kiel"], 500)})
people["pays"] = np.where(people["age"] + g.normal(0, 15, 500) > 45, "yes", "no")
table = ll.load_table(people, target="pays")
net = torch.nn.Linear(table.sample_shape[0], 1)
second = ll.EvaluationView(ll.Trainer(net, lr=0.05, compile=False).fit(table, 4, 32, name="payers", verbose=0))
"""


def test_texts_and_rows_of_tables_can_be_looked_at(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill(KINDS, "first", "second", height=2600)
    notebook.run()
    for name, kind in (("moods", "text"), ("payers", "row")):
        view = page.get_by_role("region", name=f"Evaluation of {name}")
        view.scroll_into_view_if_needed()
        expect(view.get_by_role("slider")).to_be_visible(timeout=60_000)
        samples = view.get_by_role("region", name="Samples of the selected cell")
        expect(samples.get_by_role("button", name="Sample").first).to_be_visible()
        assert samples.locator(".ev-text" if kind == "text" else ".ev-cells").count() > 1
        notebook.shot(f"evaluation_view-{kind}", view)
    assert notebook.errors == []
