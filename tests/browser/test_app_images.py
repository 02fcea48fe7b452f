"""The images door in a real browser on the real server: a folder with everything wrong in it, a zip, the camera."""

import io
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect

from tests.browser.app import RunningApp, shot

WAIT = 60_000


@pytest.fixture
def visitor(browser: Browser, app_server: RunningApp):
    """Somebody at the app's start page; fails where a page throws."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=app_server.url)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(app_server.address)
    expect(page.get_by_role("heading", name="What should the network learn from?")).to_be_visible(timeout=WAIT)
    yield page
    context.close()
    assert errors == []


def photo(kind: str, seed: int) -> Image.Image:
    """A red disc or a green triangle somewhere on noise."""
    draw = np.random.default_rng(seed)
    image = Image.fromarray(draw.integers(90, 140, (72, 96, 3), np.uint8))
    x, y, side = *draw.integers(4, 40, 2).tolist(), int(draw.integers(20, 30))
    pen = ImageDraw.Draw(image)
    if kind.lower() == "apple":
        pen.ellipse([x, y, x + side, y + side], fill=(200, 30, 40))
    else:
        pen.polygon([(x + side / 2, y), (x + side, y + side), (x, y + side)], fill=(120, 200, 60))
    return image


def folder_of_everything(root: Path) -> Path:
    for kind, count in (("apple", 20), ("Apple", 6), ("pear 🍐", 18)):
        (root / kind).mkdir(parents=True)
        for i in range(count):
            photo(kind, 100 * len(kind) + i + (50 if kind == "Apple" else 0)).save(root / kind / f"{i}.jpg")
    (root / "apple" / "empty.jpg").write_bytes(b"")
    (root / "apple" / "invoice.jpg").write_bytes(b"%PDF-1.4 an invoice")
    (root / "apple" / "copy.jpg").write_bytes((root / "apple" / "0.jpg").read_bytes())
    Image.new("RGB", (1, 1)).save(root / "pear 🍐" / "dot.png")
    Image.new("1", (20_000, 20_000)).save(root / "pear 🍐" / "huge.png")
    (root / "notes.txt").write_text("hello")
    return root


def test_from_a_messy_folder_to_a_network_that_trains(visitor: Page, tmp_path: Path) -> None:
    page = visitor
    shot(page, "app-start", docs="app_start")
    folder = folder_of_everything(tmp_path / "fruit")
    page.get_by_label("Files: a folder of images").first.set_input_files(folder)
    expect(page.get_by_role("heading", name="Is this what you meant?")).to_be_visible(timeout=WAIT)
    for said in (
        "3 images cannot be read, and are left out",
        "invoice.jpg is a PDF, not an image",
        "1 image is tiny",
        "1 image is there more than once",
        "Apple and apple are nearly the same name",
        "1 file is not used",
    ):
        expect(page.get_by_text(said).first).to_be_visible(timeout=WAIT)
    shot(page, "app-images-review")
    page.get_by_role("button", name="Do all of it").click()
    expect(page.get_by_text("one of each is kept")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("44 images in 2 classes.")).to_be_visible(timeout=WAIT)
    name = page.get_by_label("Name of the class apple")
    name.fill("Äpfel 🍎")
    name.press("Enter")
    expect(page.get_by_label("Name of the class Äpfel 🍎")).to_be_visible(timeout=WAIT)
    page.reload()  # the address shows the same upload with the same decisions
    expect(page.get_by_text("44 images in 2 classes.")).to_be_visible(timeout=WAIT)
    expect(page.get_by_label("Name of the class Äpfel 🍎")).to_be_visible(timeout=WAIT)
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.emulate_media(color_scheme="dark")
    shot(page, "app-images-review-390-dark")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.get_by_role("button", name="Use these images").click()
    page.wait_for_url("**/#/p/*/train", timeout=WAIT)


def test_a_zip_of_zips_says_what_to_do_and_another_file_is_taken(visitor: Page, tmp_path: Path) -> None:
    page = visitor
    bad, good = tmp_path / "zips.zip", tmp_path / "früchte 🍎.zip"
    with zipfile.ZipFile(bad, "w") as archive:
        archive.writestr("inner.zip", b"PK")
    with zipfile.ZipFile(good, "w") as archive:
        for kind in ("apple", "pear"):
            for i in range(12):
                out = io.BytesIO()
                photo(kind, i).save(out, "JPEG")
                archive.writestr(f"{kind}/{i}.jpg", out.getvalue())
    page.get_by_label("Files: images or a zip").first.set_input_files(bad)
    expect(page.get_by_text("This zip only holds other zips")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("Unpack it once")).to_be_visible()
    page.get_by_role("main").get_by_label("Files: images or a zip").last.set_input_files(good)
    expect(page.get_by_text("24 images in 2 classes.")).to_be_visible(timeout=WAIT)
    expect(page.get_by_text("This zip only holds other zips")).to_have_count(0)
    expect(page.get_by_label("Name of the project")).to_have_value("früchte 🍎")


def test_images_are_recorded_into_classes(visitor: Page) -> None:
    page = visitor
    page.get_by_role("button", name="Camera").click()
    use = page.get_by_role("button", name="Use these images")
    expect(use).to_be_disabled(timeout=WAIT)
    for i in (1, 2):
        hold = page.get_by_label(f"Hold to record Class {i}")
        expect(hold).to_be_enabled(timeout=WAIT)
        hold.hover()
        page.mouse.down()
        expect(page.get_by_label(f"Delete image 5 of Class {i}")).to_be_visible(timeout=WAIT)
        page.mouse.up()
    shelf = page.get_by_role("main").get_by_role("listitem").first
    before = int(shelf.get_by_role("status").inner_text().split()[0])
    shelf.get_by_label("Delete image 5 of Class 1").click()
    expect(shelf.get_by_role("status")).to_have_text(f"{before - 1} images")
    page.get_by_label("Name of class 1").fill("still")
    shot(page, "app-images-camera")
    use.click()
    expect(page.get_by_label("Name of the class still")).to_be_visible(timeout=WAIT)
    expect(page.get_by_role("button", name="Use these images")).to_be_enabled()


def test_twenty_thousand_tiny_files(visitor: Page, tmp_path: Path) -> None:
    page = visitor
    draw = np.random.default_rng(0)
    out = io.BytesIO()
    Image.fromarray(draw.integers(0, 255, (8, 8, 3), np.uint8)).save(out, "BMP")
    image = bytearray(out.getvalue())
    for k in range(10):
        folder = tmp_path / "tiny" / f"class {k}"
        folder.mkdir(parents=True)
        for i in range(2000):
            image[-4:] = (2000 * k + i).to_bytes(4, "little")  # no two are the same file
            (folder / f"{i}.bmp").write_bytes(image)
    began = time.monotonic()
    page.get_by_label("Files: a folder of images").first.set_input_files(tmp_path / "tiny")
    chosen = time.monotonic()
    expect(page.get_by_text("20,000 images in 10 classes.")).to_be_visible(timeout=2 * WAIT)
    print(f"20,000 files: {chosen - began:.1f} s to choose, {time.monotonic() - chosen:.1f} s to send and look through")
