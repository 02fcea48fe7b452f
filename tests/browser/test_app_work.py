"""'My work' and the network page in the real app: pick a network, build one, train it, and find it again."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from lepton_lab import load_dataset
from lepton_lab.app import network_speed
from lepton_lab.app.network_speed import Speed
from lepton_lab.app.visit import Visit
from lepton_lab.workspace import Workspace
from tests.browser.app import RunningApp, serving, shot

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("patience")]


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The real app on a workspace with two projects, of which one was trained twice."""
    folder = tmp_path_factory.mktemp("app")
    workspace = Workspace(folder / "workspace")
    Speed(network_speed.machine(), (5e-5, 8e-10, 2e-11, 2e-5, 2e-9), 0.1).write(workspace.folder)
    visit = Visit(workspace)
    visit.create("Digits", load_dataset("mnist-sample"), about={"door": "example"})
    visit.create("Flowers", load_dataset("iris"), about={"door": "table"})
    for lr in (0.01, 0.001):
        visit.change_settings({"lr": lr, "epochs": 5})
        visit.work.start("thread").wait(60)
    workspace.close()
    with serving(folder) as running:
        yield running


def visit_page(page: Page, app: RunningApp, place: str, heading: str) -> None:
    page.goto(app.page(place))
    expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible(timeout=90_000)


def project(app: RunningApp, name: str) -> str:
    table = Workspace(app.workspace).projects().set_index("name")
    return str(table.loc[name, "id"])


def test_a_network_is_picked_taken_back_built_and_trained(page: Page, app: RunningApp, errors: list[str]) -> None:
    with app.visit() as visit:
        mine = visit.create("Numbers", load_dataset("mnist-sample"))
    visit_page(page, app, f"p/{mine}/network", "Network")
    medium = page.get_by_role("radio", name=re.compile("^Pattern finder, medium: 206,922 parameters.* a round"))
    plain = page.get_by_role("radio", name=re.compile("^Plain layers, small"))
    used = page.get_by_role("region", name="In use", exact=True)
    expect(medium).to_be_checked()
    plain.click()
    expect(used).to_contain_text("Plain layers, small")
    page.get_by_role("button", name="Back to: Pattern finder, medium").click()
    expect(medium).to_be_checked()
    expect(used).to_contain_text("Pattern finder, medium")
    plain.click()
    expect(used).to_contain_text("Plain layers, small")
    page.get_by_role("button", name="Unfold the builder").click()
    builder = page.get_by_role("region", name="Network builder")
    expect(builder).to_contain_text("linear_1")
    builder.get_by_text("linear_1", exact=True).click()
    page.keyboard.press("Delete")
    expect(used).to_contain_text("A network of your own")
    shot(page, "app-network", docs="app_network")
    page.reload()  # what was entered is there again
    expect(used).to_contain_text("A network of your own", timeout=90_000)
    page.get_by_role("button", name="Go on to training").click()
    expect(page).to_have_url(re.compile("/train$"))


def test_a_project_is_found_renamed_copied_and_deleted(page: Page, app: RunningApp, errors: list[str]) -> None:
    visit_page(page, app, "work", "My work")
    flowers = page.get_by_role("listitem").filter(has_text="Flowers")
    expect(flowers).to_contain_text("My table, 150 rows, 3 classes")
    expect(flowers).to_contain_text("Finished")
    expect(flowers).to_contain_text("correct")
    page.get_by_role("button", name="More for Flowers").click()
    page.get_by_role("menuitem", name="Rename").click()
    field = page.get_by_role("textbox", name="New name of Flowers")
    field.fill("Digits")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("already a project called")
    field.fill("Irises ✿")
    field.press("Enter")
    expect(page.get_by_role("link", name="Irises ✿")).to_be_visible()
    page.get_by_role("button", name="More for Irises ✿").click()
    page.get_by_role("menuitem", name="Duplicate").click()
    copy = page.get_by_role("link", name="Irises ✿ (copy)")
    expect(copy).to_be_visible()
    page.get_by_role("searchbox", name="Search projects").fill("digits")
    expect(copy).to_be_hidden()
    page.get_by_role("searchbox", name="Search projects").fill("")
    page.get_by_role("button", name="More for Irises ✿ (copy)").click()
    page.get_by_role("menuitem", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete “Irises ✿ (copy)”?")
    expect(dialog).to_contain_text("cannot be undone")
    dialog.get_by_role("button", name="Delete for good").click()
    expect(copy).to_have_count(0)
    expect(page.get_by_role("link", name="Irises ✿")).to_be_visible()


def test_two_trainings_are_compared_and_one_is_opened(page: Page, app: RunningApp, errors: list[str]) -> None:
    visit_page(page, app, "work", "My work")
    page.get_by_role("button", name=re.compile("^Show the trainings of (Flowers|Irises)")).click()
    table = page.get_by_role("table", name=re.compile("^Trainings of"))
    expect(table.get_by_role("checkbox")).to_have_count(2)
    for tick in table.get_by_role("checkbox").all():
        tick.check()
    compared = page.get_by_role("region", name=re.compile("compared$"))
    expect(compared.get_by_role("row", name=re.compile("learning rate"))).to_contain_text("0.001")
    star = table.get_by_role("button", name=re.compile("^Mark .* with a star")).first
    star.click()
    expect(table.get_by_role("button", name=re.compile("^Take the star off"))).to_have_count(1)
    shot(page, "app-work")
    table.get_by_role("button", name=re.compile("^Open ")).last.click()
    expect(page).to_have_url(re.compile("/train$"))


@pytest.mark.parametrize("place", ["work", "network"])
def test_both_pages_fit_a_phone_in_the_dark(browser: Browser, app: RunningApp, place: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark")
    page = context.new_page()
    where = "work" if place == "work" else f"p/{project(app, 'Digits')}/network"
    visit_page(page, app, where, "My work" if place == "work" else "Network")
    expect(page.get_by_role("list", name="Projects").or_(page.get_by_role("radio").first)).to_be_visible()
    shot(page, f"app-{place}-390-dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
