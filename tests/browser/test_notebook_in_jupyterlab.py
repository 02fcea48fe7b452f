"""The first notebook in a real JupyterLab, as a reader sees it."""

import shutil
import uuid
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ARTEFACTS, Lab

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


def open_notebook(page: Page, lab: Lab, name: str) -> None:
    """Opens a notebook and waits until its kernel can take cells."""
    page.goto(lab.notebook(name, uuid.uuid4().hex))
    page.wait_for_function(
        """() => {
            const panel = window.jupyterapp?.shell?.currentWidget;
            const session = panel?.sessionContext;
            return session?.isReady && session.session?.kernel?.status === 'idle' && panel.content.model;
        }""",
        timeout=60_000,
    )
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.info")


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark"])
def test_first_notebook_runs_and_is_legible(page: Page, lab: Lab, theme: str) -> None:
    shutil.copy(ROOT / "notebooks" / NAME, lab.root / NAME)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_viewport_size({"width": 1280, "height": 900})
    open_notebook(page, lab, NAME)
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
    page.evaluate("() => window.jupyterapp.commands.execute('application:toggle-left-area')")
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    expect(page.get_by_label("Network network")).to_have_count(0)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    page.wait_for_function(
        """() => {
            const cells = window.jupyterapp.shell.currentWidget.content.model.cells;
            return cells.get(cells.length - 1).executionCount > 0;
        }""",
        timeout=1000 * RUN_SECONDS,
    )
    mode = theme.split()[-1].lower()
    ARTEFACTS.mkdir(exist_ok=True)
    for label in ("Network network", "Report on wine.csv"):
        part = page.get_by_label(label).first
        part.scroll_into_view_if_needed()
        expect(part).to_be_visible()
        aligned = "part => getComputedStyle(part.querySelector('tbody td')).textAlign"
        assert part.evaluate(aligned) == "left"
        for ink, ground in part.evaluate(PAINTED):
            assert contrast(ink, ground) >= 4.5, f"{label} in {mode}: {ink} on {ground}"
        page.screenshot(path=ARTEFACTS / f"notebook-00-{label.split()[0].lower()}-{mode}.png")
    failed = page.evaluate(
        """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
            .flatMap(cell => cell.type === 'code' ? cell.toJSON().outputs : [])
            .filter(output => output.output_type === 'error').map(output => output.evalue)"""
    )
    assert failed == []
    assert errors == []


def contrast(first: list[int], second: list[int]) -> float:
    """Contrast ratio of two colours (WCAG 2.2, relative luminance)."""

    def luminance(colour: list[int]) -> float:
        channels = [part / 255 for part in colour]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)
