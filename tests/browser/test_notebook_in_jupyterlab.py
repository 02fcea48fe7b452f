"""The first notebook in a real JupyterLab, as a reader sees it."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.lab import Lab
from tests.browser.notebook import Notebook

ROOT = Path(__file__).resolve().parents[2]
NAME = "00_networks_and_data.ipynb"
RUN_SECONDS = 180

PAINTED = """part => {
    const context = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d');
    const paint = (...colours) => {
        for (const colour of colours) { context.fillStyle = colour; context.fillRect(0, 0, 1, 1); }
        return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const ground = element => {
        const colour = getComputedStyle(element).backgroundColor;
        return colour === 'rgba(0, 0, 0, 0)' ? ground(element.parentElement) : colour;
    };
    return [...part.querySelectorAll('td, th, p, h4, span')].map(
        element => [paint(ground(element), getComputedStyle(element).color), paint(ground(element))]);
}"""
"""Every text's colour and the colour behind it, as the browser paints them: lists of red, green, blue to 255."""

pytestmark = pytest.mark.browser


def test_first_notebook_runs_and_is_legible(page: Page, lab: Lab) -> None:
    shutil.copy(ROOT / "notebooks" / NAME, lab.root / NAME)
    notebook = Notebook(page, lab, NAME)
    page.on("pageerror", lambda error: notebook.errors.append(str(error)))
    page.set_viewport_size({"width": 1280, "height": 900})
    notebook.open()
    page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    expect(page.get_by_label("Network network")).to_have_count(0)
    notebook.run(RUN_SECONDS)
    for width, theme in notebook.looks(900):
        for label in ("Network network", "Report on wine.csv"):
            part = page.get_by_label(label).first
            part.scroll_into_view_if_needed()
            expect(part).to_be_visible()
            aligned = "part => getComputedStyle(part.querySelector('tbody td')).textAlign"
            assert part.evaluate(aligned) == "left"
            for ink, ground in part.evaluate(PAINTED):
                assert contrast(ink, ground) >= 4.5, f"{label} at {width}, {theme}: {ink} on {ground}"
            notebook.shot(f"notebook-00-{label.split()[0].lower()}-{width}-{theme}")
    assert notebook.errors == []


def contrast(first: list[int], second: list[int]) -> float:
    """Contrast ratio of two colours (WCAG 2.2, relative luminance)."""

    def luminance(colour: list[int]) -> float:
        channels = [part / 255 for part in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)
