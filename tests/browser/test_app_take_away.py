"""'Take away' in the real app: every file is made, comes to the browser, and opens and runs."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from playwright.sync_api import Page, expect

from lepton_lab import load_dataset, load_model
from tests.browser.app import RunningApp, shot

pytestmark = pytest.mark.browser

PATIENCE_MS = 120_000


def test_every_file_comes_and_runs(page: Page, app_server: RunningApp, tmp_path: Path) -> None:
    running = app_server
    with running.visit() as visit:
        fresh = visit.create("Untrained", load_dataset("wine"))
        trained = visit.create(f"Flowers / {uuid.uuid4().hex[:4]}", load_dataset("iris"))
        title = visit.title
        slug = title.replace(" / ", "-")
        visit.change_settings({"epochs": 3, "probes": None})
        visit.work.start("thread").wait(120)
    page.set_default_timeout(PATIENCE_MS)
    page.goto(running.page(f"p/{trained}/take-away"))

    def take(kind: str, name: str) -> Path:
        with page.expect_download(timeout=PATIENCE_MS) as arrived:
            page.get_by_role("button", name=f"Make the file: {kind}").click()
        assert arrived.value.suggested_filename == name
        arrived.value.save_as(tmp_path / name)
        return tmp_path / name

    samples = load_dataset("iris").test.tensors()[0][:3].numpy()
    model = load_model(take("Trained model", f"{slug}-model.zip"))
    assert model.predict(samples).shape == (3, 3)
    with page.expect_download(timeout=PATIENCE_MS) as again:
        page.get_by_role("link", name=f"Download Trained model: {slug}-model.zip").click()
    assert Path(again.value.path()).read_bytes() == (tmp_path / f"{slug}-model.zip").read_bytes()

    row = {"sepal length (cm)": 5.1, "sepal width (cm)": 3.5, "petal length (cm)": 1.4, "petal width (cm)": 0.2}
    expected = dict(zip(model.classes, model.predict([row])[0], strict=True))
    (tmp_path / "row.csv").write_text(",".join(row) + "\n" + ",".join(map(str, row.values())) + "\n")
    (tmp_path / "row.json").write_text(json.dumps(row))
    said = runs(unzipped(take("Python program", f"{slug}-python.zip")), "predict.py", tmp_path / "row.csv")
    shares = {name: float(share) / 100 for name, share in re.findall(r"(\w+) ([\d.]+)%", said)}
    assert shares == pytest.approx(expected, abs=1e-3)
    said = runs(unzipped(take("For other programs", f"{slug}-onnx.zip")), "example.py", tmp_path / "row.json")
    assert ast.literal_eval(said) == pytest.approx(expected, abs=1e-4)

    notebook = unzipped(take("Notebook", f"{slug}-notebook.zip"))
    read = nbformat.read(notebook / "notebook.ipynb", as_version=4)
    NotebookClient(read, timeout=120, resources={"metadata": {"path": str(notebook)}}).execute()
    report = page.context.new_page()
    report.goto(take("Report", f"{slug}-report.html").as_uri())
    expect(report.get_by_role("heading", name=title).first).to_be_visible()
    everything = unzipped(take("Everything", f"{slug}-everything.zip"))
    assert {p.name for p in everything.iterdir()} >= {"model", "python", "notebook", "onnx", "report.html", "README.md"}
    assert model.predict([row]).tolist() == load_model(everything / "model").predict([row]).tolist()
    shot(page, "app_take_away")

    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    shot(page, "app_take_away_dark_390")
    page.goto(running.page(f"p/{fresh}/take-away"))
    page.get_by_role("button", name="Go to Train").click()
    expect(page).to_have_url(re.compile(f"#/p/{fresh}/train$"), timeout=PATIENCE_MS)


def unzipped(path: Path) -> Path:
    folder = path.with_suffix("")
    with zipfile.ZipFile(path) as file:
        file.extractall(folder)
    return folder


def runs(folder: Path, script: str, argument: Path) -> str:
    """What a script of a download prints, in a process of its own."""
    done = subprocess.run(
        [sys.executable, script, str(argument)], cwd=folder, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout
