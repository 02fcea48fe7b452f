"""The whole path of somebody who does not code, on the real server: from a click to a trained network on their disk."""

from __future__ import annotations

import json
import os
import re
import signal
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect
from safetensors import safe_open

from tests.browser.app import RunningApp, shot
from tests.browser.test_try_it import bars, draw_three

pytestmark = pytest.mark.browser
WAIT = 60_000


def step(page: Page, name: str) -> None:
    page.get_by_label("Steps of this project").get_by_role("link", name=name).click()
    expect(page.get_by_role("heading", name=name, level=1)).to_be_visible(timeout=WAIT)


def test_from_three_clicks_to_a_model_on_the_disk(
    page: Page, browser: Browser, app_server: RunningApp, tmp_path: Path
) -> None:
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(app_server.address)
    expect(
        page.get_by_role("heading", name="Lepton Lab").or_(page.get_by_label("Lepton Lab, start page"))
    ).to_be_visible()
    page.get_by_role("button", name="Start with digits").click(timeout=WAIT)
    page.get_by_text("More settings").click(timeout=WAIT)
    rounds = page.get_by_label(re.compile("Rounds"))
    rounds.fill("400")
    rounds.press("Tab")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_enabled(timeout=WAIT)
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Learning"), timeout=WAIT)

    # a refresh: the same address, the run went on, everything that was entered is there
    address = page.url
    assert "/p/" in address
    assert "token" not in address
    page.reload()
    expect(page.get_by_role("button", name="Pause", exact=True)).to_be_enabled(timeout=WAIT)
    assert page.url == address
    expect(page.get_by_text("of 400 (epochs)")).to_be_visible()
    expect(page.get_by_role("link", name="Train")).to_contain_text("training")

    # live while it trains: a drawn digit is answered
    pane = page.get_by_label("Try it", exact=True)
    draw_three(page, pane.get_by_role("application"))
    expect(pane.get_by_label("Probability of each class").locator("li")).to_have_count(10, timeout=WAIT)
    expect(pane.get_by_text("live, step")).to_be_visible(timeout=WAIT)
    assert any(re.match(r"[1-9]", bar) for bar in bars(pane))
    shot(page, "app-train-light", docs="app")

    # a second browser on the same address sees the same run and steers it
    other = browser.new_context(color_scheme="dark", viewport={"width": 1280, "height": 900})
    second = other.new_page()
    second.goto(app_server.address + "#" + address.split("#")[1])
    expect(second.get_by_role("button", name="Pause", exact=True)).to_be_enabled(timeout=WAIT)
    second.get_by_role("button", name="Pause", exact=True).click()
    expect(second.get_by_role("heading", level=1)).to_have_text("Paused", timeout=WAIT)
    expect(page.get_by_role("heading", level=1)).to_have_text("Paused", timeout=WAIT)
    shot(second, "app-train-dark")
    other.close()

    # the page's kernel dies: the page comes back by itself
    page.get_by_role("button", name="Go on", exact=True).click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Paused", timeout=WAIT)
    page.evaluate("window.before = true")
    for pid in app_server.kernels():
        os.kill(pid, signal.SIGKILL)
    page.wait_for_function("() => window.before === undefined", timeout=WAIT)
    expect(page.get_by_role("button", name="Stop and keep best")).to_be_enabled(timeout=WAIT)
    assert page.url == address
    page.get_by_role("button", name="Stop and keep best").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Stopped|Finished"), timeout=WAIT)

    step(page, "Inspect")
    expect(page.get_by_label("Feature map viewer").locator("canvas").first).to_be_visible(timeout=WAIT)
    step(page, "Evaluate")
    expect(page.get_by_text("Confusion matrix").first).to_be_visible(timeout=WAIT)
    step(page, "Data")
    expect(page.get_by_label("Data explorer")).to_be_visible(timeout=WAIT)
    step(page, "Take away")
    page.get_by_label("Make the file: Trained model").click()
    with page.expect_download(timeout=WAIT) as waiting:
        page.get_by_label(re.compile("Download Trained model")).click(timeout=WAIT)
    shot(page, "app-take-away", docs="app_take_away")
    file = tmp_path / "model.zip"
    waiting.value.save_as(file)
    with zipfile.ZipFile(file) as archive:
        archive.extractall(tmp_path)
    (weights,) = tmp_path.rglob("*.safetensors")
    with safe_open(weights, framework="pt") as tensors:
        assert list(tensors.keys())
    assert all(json.loads(path.read_text()) for path in tmp_path.rglob("*.json"))

    # the start page goes on with it
    page.get_by_label("Lepton Lab, start page").click()
    expect(page.get_by_role("heading", name="Go on with")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("button", name=re.compile("(Open|Watch) Digits"))).to_be_visible(timeout=WAIT)
    assert errors == []
