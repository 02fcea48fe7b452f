"""The train page in the real app: reload in the middle, a second browser, a killed worker, a fix that is tried."""

from __future__ import annotations

import os
import re
import signal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from lepton_lab import Linear, NetworkSpec, load_dataset
from lepton_lab.training.trainer import Trainer
from lepton_lab.workspace import Workspace
from tests.browser.app import RunningApp, shot

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("patience")]

WIDE = NetworkSpec([Linear(256, activation="relu"), Linear(256, activation="relu"), Linear(1)], input_shape=(10,))


def by_heart(app: RunningApp) -> str:
    """A project whose network has learned by heart."""
    with app.visit() as visit:
        data = load_dataset("diabetes")
        project = visit.create("By heart", data, network=WIDE, settings={"epochs": 120, "lr": 0.003})
        trainer = Trainer(WIDE, **{**visit.work.settings, "restore_best": True})
        trainer.start(data, name="first", recorder=visit.workspace.recorder(project=visit.title)).wait(120)
    return project


def open_project(page: Page, app: RunningApp, project: str) -> Locator:
    """Its train page."""
    page.goto(app.page(f"p/{project}/train"))
    shown = page.get_by_role("main", name="Train", exact=True)
    expect(shown.get_by_role("heading", level=1)).to_be_visible(timeout=90_000)
    return shown


def headline(shown: Locator) -> Locator:
    return shown.get_by_role("heading", level=1)


def button(shown: Locator, name: str) -> Locator:
    return shown.get_by_role("button", name=name, exact=True)


def test_training_outlives_reload_second_browser_and_its_own_process(
    page: Page, browser: Browser, app_server: RunningApp, errors: list[str]
) -> None:
    with app_server.visit() as visit:
        project = visit.create("Digits", load_dataset("mnist-sample"), settings={"epochs": 500})
        title = visit.title
    shown = open_project(page, app_server, project)
    expect(headline(shown)).to_have_text("Ready to train")
    button(shown, "Train").click()
    expect(headline(shown)).to_have_text("Learning well", timeout=120_000)
    expect(shown.get_by_text("digits it has never seen. Guessing would give 10.")).to_be_visible()
    expect(shown.get_by_role("region", name="Still gets wrong").get_by_role("img").first).to_be_visible()
    expect(shown.get_by_role("region", name="Correct answers (accuracy)").locator("canvas")).to_be_visible()
    shot(page, "app-train")

    page.reload()
    expect(headline(shown)).to_have_text("Learning well")
    button(shown, "Pause").click()
    expect(button(shown, "Pausing …").or_(button(shown, "Go on"))).to_be_visible()
    expect(headline(shown)).to_have_text("Paused")

    context = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark")
    other = context.new_page()
    phone = open_project(other, app_server, project)
    expect(headline(phone)).to_have_text("Paused")
    button(phone, "Go on").click()
    expect(headline(phone)).to_have_text("Learning well")
    expect(headline(shown)).to_have_text("Learning well")
    assert other.evaluate("document.documentElement.scrollWidth") <= 390
    shot(other, "app-train-390")
    context.close()

    workspace = Workspace(app_server.workspace)
    run = workspace.open_run(str(workspace.runs(title).iloc[0]["id"]))
    os.kill(run._row()["pid"], signal.SIGKILL)
    expect(headline(shown)).to_have_text("Interrupted: go on?")
    expect(shown.get_by_text("Nothing before the last good point is lost.")).to_be_visible()
    button(shown, "Go on").click()
    expect(headline(shown)).to_have_text(re.compile("Starting|Beginning to learn|Learning well"))
    expect(headline(shown)).to_have_text("Learning well", timeout=120_000)
    button(shown, "Stop and keep best").click()
    expect(headline(shown)).to_have_text("Stopped")
    expect(button(shown, "Train again")).to_be_enabled()
    workspace.close()


def test_a_fix_is_tried_beside_compared_and_kept(page: Page, app_server: RunningApp, errors: list[str]) -> None:
    shown = open_project(page, app_server, by_heart(app_server))
    expect(headline(shown)).to_have_text("Finished")
    expect(shown.get_by_text("Misses the value by")).to_be_visible()
    shown.get_by_role("button", name=re.compile("^Try the fix: ")).click()
    expect(shown.get_by_text(re.compile(r"With the fix [\d.]+, before [\d.]+: keep it\?"))).to_be_visible(
        timeout=120_000
    )
    expect(shown.get_by_text("with the fix", exact=True)).to_be_visible()
    shot(page, "app-train-fix")
    button(shown, "Keep it").click()
    expect(button(shown, "Keep it")).to_have_count(0)
    expect(headline(shown)).to_have_text("Finished")


def test_settings_are_changed_in_the_fold_and_survive_a_reload(
    page: Page, app_server: RunningApp, errors: list[str]
) -> None:
    with app_server.visit() as visit:
        project = visit.create("Rounds", load_dataset("diabetes"))
    shown = open_project(page, app_server, project)
    shown.get_by_text("More settings").click()
    rounds = shown.get_by_role("spinbutton", name="Rounds (epochs)")
    rounds.fill("7")
    rounds.press("Enter")
    shown.get_by_role("switch", name="Stop by itself (early stopping)").check()
    expect(shown.get_by_text(re.compile("Adam, 7 rounds"))).to_be_visible()
    shot(page, "app-train-settings")
    page.reload()
    expect(shown.get_by_text(re.compile("Adam, 7 rounds"))).to_be_visible()
    shown.get_by_text("More settings").click()
    expect(shown.get_by_role("switch", name="Stop by itself (early stopping)")).to_be_checked()
