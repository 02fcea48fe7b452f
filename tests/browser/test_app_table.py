"""The table door in a real browser on the real server: a table with everything wrong in it, files that are none."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.app import RunningApp, shot
from tests.browser.notebook import AXE

pytestmark = pytest.mark.browser
WAIT = 60_000
HEADS = ["PassengerId", "Survived", "Pclass", "Name", "Sex", "Age", "Fare", "Cabin", "Embarked", "ship", "boat"]


@pytest.fixture
def visitor(browser: Browser, app_server: RunningApp) -> Iterator[Page]:
    """Somebody at the table door; fails where a page throws."""
    context = browser.new_context(viewport={"width": 1280, "height": 950})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(app_server.page("new/table"))
    expect(page.get_by_role("heading", name="Bring a table")).to_be_visible(timeout=WAIT)
    yield page
    context.close()
    assert errors == []


def passengers(path: Path, rows: int = 600) -> Path:
    """Passengers of a ship with gaps, copies, spellings, and a column that gives the answer away."""
    draw = np.random.default_rng(1)
    with path.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(HEADS)
        for i in range(rows):
            woman, kind = bool(draw.random() < 0.4), int(draw.integers(1, 4))
            lives = bool(draw.random() < 0.15 + 0.5 * woman + 0.1 * (3 - kind))
            title, family = "Mrs." if woman else "Mr.", ("Müller", "Smith", "Rossi")[i % 3]
            name = f"{family}, {title} {('Zoë', 'Karl', 'Ida')[i % 3]} {i}"
            age = "" if draw.random() < 0.2 else int(draw.integers(1, 75))
            cabin = f"{'ABC'[i % 3]}{i % 20}" if draw.random() < 0.25 else ""
            port = draw.choice(["S", "C", "Q", "s"], p=[0.6, 0.2, 0.15, 0.05])
            fare = round(float(draw.gamma(2, 10)) * (4 - kind), 2)
            row = [i + 1, int(lives), kind, name, "female" if woman else "male", age, fare, cabin, port, "Titanic"]
            row.append(f"boat {i % 9}" if lives else "none on board")
            out.writerow(row)
            if i % 60 == 59:
                out.writerow(row)
    return path


def bring(page: Page, path: Path) -> None:
    page.get_by_label("A table to bring").set_input_files(path)
    expect(page.get_by_role("heading", name=path.name, level=1)).to_be_visible(timeout=WAIT)


def violations(page: Page) -> list[str]:
    page.evaluate(f"() => {{ {AXE.read_text()} }}")  # the page itself may run no inline script
    found: list[str] = page.evaluate(
        """async () => (await axe.run('.tb')).violations.filter(v => ['serious', 'critical'].includes(v.impact))
            .map(v => `${v.id}: ${v.nodes.map(n => n.html).slice(0, 3).join(' | ')}`)"""
    )
    return found


def cell(page: Page, row: int, column: str) -> Locator:
    at = page.locator(".tb-sheet thead th").all_inner_texts()
    place = next(i for i, text in enumerate(at) if text.split("\n")[0] == column)
    return page.locator(".tb-sheet tbody tr").nth(row).locator("> *").nth(place)


def test_a_table_with_everything_wrong_becomes_a_network_that_trains(visitor: Page, tmp_path: Path) -> None:
    page = visitor
    bring(page, passengers(tmp_path / "passengers.csv"))
    expect(page.get_by_text("610 rows, 11 columns")).to_be_visible()
    expect(page.get_by_text("Predict one of 2 kinds: 0 or 1 (classification)")).to_be_visible()
    expect(page.get_by_role("button", name="Predict Survived")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("boat gives the answer away")).to_be_visible()
    expect(page.get_by_role("checkbox", name="Learn from ship")).not_to_be_checked()
    shot(page, "app-table-light", docs="app_table")
    assert violations(page) == []

    # one click each, seen at once
    page.get_by_role("button", name="Keep one of each").click()
    expect(page.get_by_text("600 rows, 11 columns")).to_be_visible()
    page.get_by_role("button", name="Fill and mark where: Cabin").click()
    expect(page.locator(".tb-sheet th.added")).to_be_in_viewport()
    expect(page.locator(".tb-sheet th.added")).to_contain_text("Cabin was missing")
    for row in range(3):
        missing = cell(page, row, "Cabin").inner_text() == "missing"
        expect(cell(page, row, "Cabin was missing")).to_have_text("1" if missing else "0")
    page.get_by_role("button", name="Join them: Embarked").click()
    expect(page.locator(".tb-sheet td.changed").first).to_have_text("S")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".tb-sheet td.changed")).to_have_count(0)
    page.get_by_role("button", name="Clean up all").click()
    expect(page.get_by_role("button", name="Clean up")).to_have_count(0)
    expect(page.get_by_role("checkbox", name="Learn from boat")).not_to_be_checked()
    page.get_by_label("Name of the project").fill("Who survives? 🚢")
    page.get_by_label("Name of the project").press("Enter")
    expect(page.get_by_role("button", name="Undo")).to_be_enabled()

    # a refresh
    before = page.locator(".tb-done li").all_inner_texts()
    assert len(before) == 4
    page.reload()
    expect(page.locator(".tb-done li")).to_have_count(4, timeout=WAIT)
    assert page.locator(".tb-done li").all_inner_texts() == before
    expect(page.get_by_label("Name of the project")).to_have_value("Who survives? 🚢")

    page.get_by_role("button", name="Use this table").click()
    page.get_by_role("button", name="Train", exact=True).click(timeout=WAIT)
    trains, trained = (page.get_by_role("button", name=name, exact=True) for name in ("Pause", "Train again"))
    expect(trains.or_(trained)).to_be_enabled(timeout=WAIT)  # 600 rows may be done before one looks
    assert "/p/" in page.url
    expect(page.get_by_text("Who survives? 🚢").first).to_be_visible()


def test_another_column_is_predicted_by_a_click_on_its_head(visitor: Page, tmp_path: Path) -> None:
    page = visitor
    bring(page, passengers(tmp_path / "passengers.csv"))
    page.get_by_role("button", name="Predict Fare").press("Enter")
    expect(page.get_by_text("Predict a number: Fare")).to_be_visible()
    expect(page.get_by_text("You chose this column.")).to_be_visible()
    page.get_by_label("Column to predict").select_option("Sex")
    expect(page.get_by_text("Predict one of 2 kinds: female or male")).to_be_visible()
    expect(page.get_by_role("button", name="Predict ship")).to_be_disabled()
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_label("Test, share of all rows").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_text("the final test")).to_be_visible()
    expect(page.locator(".tb-counts")).to_contain_text("20 %")
    page.get_by_role("button", name="How it is read").click()
    page.get_by_label("The first row holds").select_option("data")
    expect(page.get_by_role("button", name="Predict column_3")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Predict Pclass")).to_be_visible()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.csv", b"", "is empty"),
        ("report.csv", b"%PDF-1.4\n" + b"obj\n" * 99, "is a PDF, whatever its name says"),
        ("broken.parquet", b"PAR1" + bytes(300), "This Parquet file is damaged"),
        ("one.csv", b"a\nb\nc\n" * 9, "has only one column"),
    ],
)
def test_a_file_that_is_no_table_is_told_where_it_was_brought(
    visitor: Page, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    page = visitor
    (tmp_path / name).write_bytes(content)
    bring(page, tmp_path / name)
    expect(page.get_by_role("alert")).to_contain_text(says)
    expect(page.get_by_role("alert")).not_to_contain_text("Error")
    if name == "one.csv":
        expect(page.get_by_label("Columns are separated by")).to_be_visible()
        shot(page, "app-table-problem")
        assert violations(page) == []
    bring(page, passengers(tmp_path / "good.csv", 100))
    expect(page.get_by_role("button", name="Use this table")).to_be_enabled()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_file_chosen_on_the_start_page_arrives_here(visitor: Page, tmp_path: Path) -> None:
    page = visitor
    page.get_by_role("link", name="Start", exact=True).click()
    page.get_by_label("File: a table").set_input_files(passengers(tmp_path / "people.csv", 100))
    expect(page.get_by_role("heading", name="people.csv")).to_be_visible(timeout=WAIT)
    assert "#/new/table?upload=" in page.url
    page.get_by_role("link", name="Start", exact=True).click()
    page.get_by_role("region", name="My table").get_by_role("button", name="Paste").click()
    expect(page.get_by_label("Cells of the table")).to_be_visible(timeout=WAIT)


def test_a_file_above_the_limit_is_not_even_sent(visitor: Page, tmp_path: Path) -> None:
    page = visitor
    with (tmp_path / "huge.csv").open("wb") as file:
        file.truncate(501_000_000)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "uploads" in request.url else None)
    page.get_by_label("A table to bring").set_input_files(tmp_path / "huge.csv")
    expect(page.get_by_role("alert")).to_contain_text("“huge.csv” is too large: it has 501 MB")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was sent")
    assert sent == []


def test_cells_are_pasted_on_a_phone_in_the_dark(browser: Browser, app_server: RunningApp) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark", has_touch=True)
    page = context.new_page()
    page.goto(app_server.page("new/table"))
    page.get_by_role("button", name="Paste").tap(timeout=WAIT)
    shown = page.locator(".ll-page").evaluate_all("all => all.map(one => one.dataset.page)")
    assert shown == ["new/table"], "another page was shown before the one that the address names"
    rows = "".join(f"{i % 9 * 1.5}\t{('rot', 'grün')[i % 2]}\t{'süß' if i % 9 > 4 else 'sauer'}\n" for i in range(90))
    page.get_by_label("Cells of the table").fill("Größe\tFarbe\tGeschmack\n" + rows)
    page.get_by_role("button", name="Use these cells").tap()
    expect(page.get_by_text("Predict one of 2 kinds: sauer or süß")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("button", name="Use this table")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    shot(page, "app-table-phone-dark")
    assert violations(page) == []
    page.get_by_role("button", name="Use this table").tap()
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_visible(timeout=WAIT)
    context.close()
