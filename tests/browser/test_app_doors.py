"""Each door with real data, from the file to a model that predicts: MNIST zipped, CIFAR-10 as a folder, a table."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from lepton_lab import datasets, load_model
from tests.browser.app import RunningApp
from tests.browser.test_app_table import passengers

pytestmark = pytest.mark.browser
WAIT = 60_000


def train_and_take(page: Page, target: Path) -> Path:
    """From the train page on: trains to the end, and fetches the model."""
    page.get_by_role("button", name="Train", exact=True).click(timeout=WAIT)
    expect(page.get_by_role("button", name="Train again")).to_be_enabled(timeout=3 * WAIT)
    page.get_by_label("Steps of this project").get_by_role("link", name="Take away").click()
    with page.expect_download(timeout=2 * WAIT) as arrived:
        page.get_by_role("button", name="Make the file: Trained model").click(timeout=WAIT)
    arrived.value.save_as(target)
    return target


@pytest.fixture
def visitor(page: Page, app_server: RunningApp) -> Page:
    page.goto(app_server.address)
    expect(page.get_by_role("heading", name="What should the network learn from?")).to_be_visible(timeout=WAIT)
    return page


def test_mnist_in_a_zip(visitor: Page, shared_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEPTON_DATA", str(shared_data))
    (x, y), (x_test, y_test) = datasets.mnist.load_data()
    file = tmp_path / "digits.zip"
    with zipfile.ZipFile(file, "w") as archive:
        for digit in range(10):
            for i in np.flatnonzero(y == digit)[:80]:
                with archive.open(f"digits/{digit}/{i}.png", "w") as out:
                    Image.fromarray(x[i]).save(out, "PNG")
    visitor.get_by_label("Files: images or a zip").first.set_input_files(file)
    expect(visitor.get_by_text("800 images in 10 classes.")).to_be_visible(timeout=WAIT)
    visitor.get_by_role("button", name="Use these images").click()
    model = load_model(train_and_take(visitor, tmp_path / "model.zip"))
    assert list(model.classes) == [str(digit) for digit in range(10)]
    raw = []
    for i in range(200):
        raw.append(tmp_path / f"test-{i}.png")
        Image.fromarray(x_test[i]).save(raw[-1])
    assert np.mean(model.predict(raw).argmax(1) == y_test[:200]) > 0.7  # guessing gives 0.1


def test_cifar_as_a_folder(visitor: Page, shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    with zipfile.ZipFile(shared_data / "cifar10-images.zip") as archive:
        names = archive.namelist()
        for kind in ("airplane", "cat", "ship"):
            for name in [n for n in names if f"train/{kind}/" in n and n.endswith(".jpg")][:60]:
                path = folder / kind / Path(name).name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(archive.read(name))
    visitor.get_by_label("Files: a folder of images").first.set_input_files(folder)
    expect(visitor.get_by_text("180 images in 3 classes.")).to_be_visible(timeout=WAIT)
    visitor.get_by_role("button", name="Use these images").click()
    model = load_model(train_and_take(visitor, tmp_path / "model.zip"))
    assert list(model.classes) == ["airplane", "cat", "ship"]


def test_a_table_with_missing_values(visitor: Page, tmp_path: Path) -> None:
    visitor.get_by_label("File: a table").first.set_input_files(passengers(tmp_path / "passengers.csv", 300))
    visitor.get_by_role("button", name="Clean up all").click(timeout=WAIT)
    visitor.get_by_role("button", name="Use this table").click(timeout=WAIT)
    model = load_model(train_and_take(visitor, tmp_path / "model.zip"))
    assert list(model.classes) == ["0", "1"]
