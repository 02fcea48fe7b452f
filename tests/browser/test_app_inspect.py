"""The app's Inspect page for data of two inputs: the worker's run on the plane, live, and a copy to try things on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from lepton_lab import Linear, NetworkSpec, load_dataset
from lepton_lab.app.visit import Visit
from lepton_lab.workspace import Workspace
from tests.browser.app import RunningApp, serving, shot

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("patience")]


SURE = """() => {
    const plane = document.querySelector(".pg .plane canvas");
    const data = plane.getContext("2d").getImageData(0, 0, plane.width, plane.height).data;
    return data.filter((v, i) => i % 4 === 3 && v > 100).length > data.length / 16;
}"""
"""Whether the network is sure of a quarter of the plane: an untrained one is of nothing."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The real app with a project whose data are points of a plane."""
    folder = tmp_path_factory.mktemp("app")
    workspace = Workspace(folder / "workspace")
    network = NetworkSpec([Linear(8, activation="tanh"), Linear(2)], input_shape=(2,), name="moon")
    Visit(workspace).create(
        "Moons", load_dataset("moons"), network=network, settings={"epochs": 100_000, "lr": 0.01, "batch_size": 64}
    )
    workspace.close()
    with serving(folder) as running:
        yield running


def test_a_run_of_the_worker_is_seen_on_the_plane(page: Page, app: RunningApp, errors: list[str]) -> None:
    table = Workspace(app.workspace).projects().set_index("name")
    page.goto(app.page(f"p/{table.loc['Moons', 'id']}/train"))
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
    assert errors == []
