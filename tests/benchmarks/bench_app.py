"""What a visitor of the app waits for, what one costs, and ten at once on this machine."""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.app import RunningApp, serving
from tests.browser.conftest import CHROMIUM_FLAGS
from tests.browser.install_chromium import system_browser

VISITORS = 10
ROUNDS = 5
DRAWN = "() => performance.getEntriesByName('lepton-drawn').length > 0"
TIMES = """() => ({
    paint: performance.getEntriesByName('first-contentful-paint')[0]?.startTime,
    drawn: performance.getEntriesByName('lepton-drawn')[0]?.startTime,
})"""
CLICK = """async place => {
    const link = [...document.querySelectorAll('.ll-root a[href]')].find(a => a.getAttribute('href').endsWith(place));
    const began = performance.now();
    link.click();
    const there = () => document.querySelector('.ll-root main, .ll-root [role=main]')
        && location.hash.endsWith(place) && !document.querySelector('.ll-root [aria-busy=true]');
    while (!there()) await new Promise(done => requestAnimationFrame(done));
    return performance.now() - began;
}"""


def run() -> list[dict[str, Any]]:
    """Measures; rows of what, value, unit, target."""
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        began = time.perf_counter()
        with serving(Path(folder)) as app:
            address_s = time.perf_counter() - began
            first = _visit(browser, app)
            _settled(app)
            warm = []
            for _ in range(ROUNDS):
                warm.append(_visit(browser, app))
                _settled(app)
            memory, clicks, openings = _crowd(browser, app)
    low, high = min(memory), max(memory)
    return [
        {"what": "command to printed address", "value": address_s, "unit": "s", "target": ""},
        {
            "what": "first visit, at once after the start: first picture",
            "value": first["paint"],
            "unit": "ms",
            "target": 1000.0,
        },
        {"what": "first visit: usable", "value": first["drawn"] / 1000, "unit": "s", "target": 6.0},
        _row(f"warm server, median of {ROUNDS}: first picture", [w["paint"] for w in warm], "ms", 1000.0),
        _row(f"warm server, median of {ROUNDS}: usable", [w["drawn"] for w in warm], "ms", 2000.0),
        _row(f"memory of a visitor's kernel (PSS), {VISITORS} at once, median", memory, "MiB", None),
        {"what": "smallest and largest of them", "value": f"{low:.0f} to {high:.0f} MiB", "unit": "", "target": ""},
        {"what": f"{VISITORS} visitors at once: last page usable", "value": max(openings), "unit": "s", "target": ""},
        _row(f"{VISITORS} visitors at once, {len(clicks)} clicks: median", clicks, "ms", None),
        {
            "what": f"{VISITORS} visitors at once: slowest click",
            "value": max(clicks) / 1000,
            "unit": "s",
            "target": 3.0,
        },
    ]


def _row(what: str, values: list[float], unit: str, target: float | None) -> dict[str, Any]:
    return {"what": what, "value": statistics.median(values), "unit": unit, "target": "" if target is None else target}


def _visit(browser: Browser, app: RunningApp) -> dict[str, float]:
    """A visitor who has never been here; milliseconds from the request."""
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(app.address, wait_until="commit")
        page.wait_for_function(DRAWN, timeout=120_000)
        found: dict[str, float] = page.evaluate(TIMES)
        return found
    finally:
        context.close()


def _crowd(browser: Browser, app: RunningApp) -> tuple[list[float], list[float], list[float]]:
    """Ten come at once, then click about at once; MiB of each kernel, milliseconds a click, seconds to open."""
    contexts = [browser.new_context() for _ in range(VISITORS)]
    pages = [context.new_page() for context in contexts]
    began = time.perf_counter()
    for page in pages:
        page.goto(app.address, wait_until="commit")
    openings = []
    for page in pages:
        page.wait_for_function(DRAWN, timeout=240_000)
        openings.append(time.perf_counter() - began)
    memory = _memory(app)
    clicks: list[float] = []
    for place in ("#/work", "#/start") * 2:
        clicks += _all_click(pages, place)
    for context in contexts:
        context.close()
    return memory, clicks, openings


def _all_click(pages: list[Page], place: str) -> list[float]:
    """Every page follows the same link at the same time."""
    for page in pages:
        page.evaluate(f"place => {{ window.clicked = ({CLICK})(place); }}", place)
    return [float(page.evaluate("() => window.clicked")) for page in pages]


def _memory(app: RunningApp) -> list[float]:
    """MiB of each kernel: what it shares with others counts in parts."""
    found = []
    for pid in app.kernels():
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                found.append(int(line.split()[1]) / 1024)
    return found


def _settled(app: RunningApp, seconds: float = 60.0) -> None:
    """Waits until the pool is full again and the processor is idle."""
    end = time.monotonic() + seconds
    quiet = 0
    while quiet < 4 and time.monotonic() < end:
        spent = sum(_cpu(pid) for pid in [*app.kernels(), app.process.pid])
        time.sleep(0.5)
        quiet = quiet + 1 if sum(_cpu(pid) for pid in [*app.kernels(), app.process.pid]) - spent < 0.05 else 0


def _cpu(pid: int) -> float:
    with contextlib.suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    return 0.0


@contextlib.contextmanager
def _browser() -> Iterator[Browser]:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system_browser(), args=CHROMIUM_FLAGS)
        yield browser
        browser.close()
