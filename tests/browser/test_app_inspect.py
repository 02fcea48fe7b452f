"""The app's Inspect page for data of two inputs: the worker's run on the plane, live, and a copy to try things on."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from lepton_lab import Linear, NetworkSpec, load_dataset
from tests.browser.app import RunningApp, shot

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("patience")]


SURE = """() => {
    const plane = document.querySelector(".pg .plane canvas");
    const data = plane.getContext("2d").getImageData(0, 0, plane.width, plane.height).data;
    return data.filter((v, i) => i % 4 === 3 && v > 100).length > data.length / 16;
}"""
"""Whether the network is sure of a quarter of the plane: an untrained one is of nothing."""


def test_a_run_of_the_worker_is_seen_on_the_plane(page: Page, app_server: RunningApp, errors: list[str]) -> None:
    network = NetworkSpec([Linear(8, activation="tanh"), Linear(2)], input_shape=(2,), name="moon")
    settings = {"epochs": 100_000, "lr": 0.01, "batch_size": 64}
    with app_server.visit() as visit:
        project = visit.create("Moons", load_dataset("moons"), network=network, settings=settings)
    page.goto(app_server.page(f"p/{project}/train"))
    page.get_by_role("button", name="Train", exact=True).first.click(timeout=90_000)
    page.get_by_label("Steps of this project").get_by_role("link", name="Inspect").click()
    heading = page.get_by_role("heading", name="What it says of every point (decision boundary)")
    expect(heading).to_be_visible(timeout=90_000)
    view = page.get_by_label("Playground", exact=True)
    expect(view.get_by_text("its boundary and its neurons follow it")).to_be_visible()
    page.wait_for_function("() => Number(document.querySelector('.pg dd')?.textContent.replace(',', '')) >= 20")
    page.wait_for_function(SURE)
    expect(view.locator(".node canvas")).to_have_count(2 + 8)
    shot(page, "app-inspect-plane")
    view.get_by_role("button", name="Try on a copy").click()
    view.get_by_role("button", name="Step", exact=True).click()
    page.wait_for_function("() => document.querySelectorAll('.pg dd')[1]?.textContent !== '–'")
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_function("() => document.documentElement.scrollWidth - innerWidth <= 1")
    shot(page, "app-inspect-plane-phone")
    view.get_by_role("button", name="Shown: run", exact=False).click()
    page.get_by_label("Steps of this project").get_by_role("link", name="Train").click()
    page.get_by_role("button", name="Stop and keep best").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Stopped")
    assert errors == []
