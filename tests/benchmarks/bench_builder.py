"""How long an edit of a network of 50 layers takes from the key to the drawn shapes, in a real browser.

The kernel's part (edit, shapes of all layers, state) is measured without a browser too.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

import lepton_lab as ll
from lepton_lab.widgets.network_builder_edits import Editor
from lepton_lab.widgets.network_builder_table import builder_table
from tests.browser.conftest import CHROMIUM_FLAGS
from tests.browser.install_chromium import system_browser
from tests.browser.lab import jupyterlab
from tests.browser.notebook import Notebook

LAYERS = "[ll.Conv2d(8, 3, padding=1) for _ in range(48)] + [ll.Flatten(), ll.Linear(10)]"
CELL = f"""import lepton_lab as ll
from lepton_lab.widgets.network_builder import NetworkBuilder
builder = NetworkBuilder(ll.NetworkSpec({LAYERS}, input_shape=(1, 28, 28)), data=ll.load_dataset("mnist-sample"))
builder"""
KEYS = """async times => {
    const field = document.querySelector('input[aria-label="out_channels"]');
    const shape = document.querySelector('.ll-nb-card[data-path="conv2d_2"] .ll-nb-shape');
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
    const found = [];
    for (let i = 0; i < times; i++) {
        const value = String(16 + i);
        const began = performance.now();
        const drawn = new Promise(done => {
            const watch = new MutationObserver(() => {
                if (!shape.textContent.startsWith(value)) return;
                watch.disconnect();
                requestAnimationFrame(() => { // and the frame that shows it laid out and painted
                    const after = new MessageChannel();
                    after.port1.onmessage = () => done(performance.now() - began);
                    after.port2.postMessage(null);
                });
            });
            watch.observe(shape, { characterData: true, childList: true, subtree: true, attributes: true });
        });
        set.call(field, value);
        field.dispatchEvent(new Event('input', { bubbles: true }));
        found.push(await drawn);
        await new Promise(done => setTimeout(done, 150));
    }
    return found;
}"""


def kernel_part(edits: int = 50) -> list[float]:
    """Milliseconds of each edit of the second of 50 layers, shapes and table included."""
    network = ll.NetworkSpec(
        [ll.Conv2d(8, 3, padding=1) for _ in range(48)] + [ll.Flatten(), ll.Linear(10)], input_shape=(1, 28, 28)
    )
    editor = Editor(network)
    builder_table(editor.network, None, 32)
    found = []
    for number in range(edits):
        began = time.perf_counter()
        editor.edit({"do": "set", "path": "conv2d_2", "values": {"out_channels": 100 + number}})
        builder_table(editor.network, None, 32)
        found.append(1000 * (time.perf_counter() - began))
    return found


def in_browser(edits: int = 40) -> list[float]:
    """Milliseconds from the key to the frame with the new shape, for each edit, with a preview running beside."""
    with (
        tempfile.TemporaryDirectory(prefix="lepton-builder-") as folder,
        jupyterlab(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=system_browser() or None, args=CHROMIUM_FLAGS)
        page = browser.new_page()
        notebook = Notebook.create(page, server, CELL)
        notebook.run()
        page.locator('.ll-nb-card[data-path="conv2d_2"]').click()
        page.get_by_label("out_channels", exact=True).wait_for()
        page.evaluate(KEYS, 5)
        found: list[float] = page.evaluate(KEYS, edits)
        browser.close()
        return found


def run() -> list[dict[str, Any]]:
    """Measures the kernel's part and the whole way; rows of what, value, unit, target."""
    rows: list[dict[str, Any]] = []
    for name, values, target in (("kernel alone", kernel_part(), None), ("key to drawn shapes", in_browser(), 50.0)):
        ordered = sorted(values)
        found = (
            (f"{name}, median of {len(ordered)} edits of 50 layers", statistics.median(ordered), target),
            (f"{name}, 95 %", ordered[int(0.95 * len(ordered))], None),
            (f"{name}, longest", ordered[-1], None),
        )
        rows += [{"what": what, "value": value, "unit": "ms", "target": to_reach} for what, value, to_reach in found]
    return rows
