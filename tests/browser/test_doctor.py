"""A sick network in a real JupyterLab: the doctor names the fault and the layer, its fix is tried and adopted."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.notebook import Notebook

pytestmark = pytest.mark.browser

SICK = """
import lepton_lab as ll
data = ll.load_dataset("mnist-sample")
deep = ll.NetworkSpec(
    [ll.Flatten(), *[ll.Linear(24, activation="sigmoid") for _ in range(8)], ll.Linear(10)],
    input_shape=(1, 28, 28), name="deep",
)
run = ll.Trainer(deep, lr=1e-3, probes="standard").start(data, 4, 32)
run.wait(120)
view = ll.DoctorView(run, data)
view
"""


def test_a_vanishing_gradient_is_named_and_healed(desk: Notebook) -> None:
    page, notebook = desk.page, desk.fill(SICK, height=1400)
    notebook.run()
    view = page.get_by_role("region", name="What the doctor says")
    finding = view.get_by_role("listitem").filter(has_text="vanishing gradient").first
    expect(finding).to_be_visible(timeout=60_000)
    expect(finding.get_by_text("linear_", exact=False).first).to_be_visible()
    for width, theme in notebook.looks(1400):
        notebook.shot(f"doctor-finding-{width}-{theme}", view)
        assert notebook.violations() == []

    finding.get_by_role("button", name="Try the fix", exact=False).first.click()
    trial = view.get_by_role("region", name="Tried", exact=False)
    expect(trial.get_by_role("table")).to_be_visible(timeout=60_000)
    expect(trial.get_by_text("finished", exact=False).first).to_be_visible(timeout=60_000)
    view.get_by_role("button", name="Look again").click()
    expect(trial.get_by_text("No longer found", exact=False)).to_be_visible(timeout=60_000)
    expect(trial.get_by_role("row").filter(has_text="val_accuracy").get_by_text("better")).to_be_visible()
    for width, theme in notebook.looks(1400):
        picture = "doctor_view" if (width, theme) == (1280, "light") else ""
        notebook.shot(f"doctor-trial-{width}-{theme}", view, docs=picture)
        assert notebook.violations() == []

    trial.get_by_role("button", name="Adopt the fix").click()
    expect(trial).to_have_count(0)
    assert notebook.execute("print(view.run is not run, run.state)").split() == ["True", "finished"]
    assert notebook.errors == []
