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
        ink, ground = part.evaluate(
            """part => {
                const cell = part.querySelector('td');
                let ground = cell;
                while (getComputedStyle(ground).backgroundColor === 'rgba(0, 0, 0, 0)') ground = ground.parentElement;
                return [getComputedStyle(cell).color, getComputedStyle(ground).backgroundColor];
            }"""
        )
        assert contrast(ink, ground) >= 4.5, f"{label} in {mode}: {ink} on {ground}"
        page.screenshot(path=ARTEFACTS / f"notebook-00-{label.split()[0].lower()}-{mode}.png")
    failed = page.evaluate(
        """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
            .flatMap(cell => cell.type === 'code' ? cell.toJSON().outputs : [])
            .filter(output => output.output_type === 'error').map(output => output.evalue)"""
    )
    assert failed == []
    assert errors == []


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two CSS colours (WCAG 2.2, relative luminance)."""

    def luminance(colour: str) -> float:
        channels = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)
