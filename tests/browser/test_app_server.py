"""The app's server in a real browser: what is seen first, refreshes, lost kernels, a server that comes back."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from lepton_lab.app.kernels import pool_size
from tests.app.test_server import until
from tests.browser.app import ARTEFACTS, RunningApp, serving

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    with serving(tmp_path_factory.mktemp("app"), small=True) as running:
        yield running


def button(page: Page, timeout: float = 60_000) -> int:
    """Waits for the page's widget; the process of its kernel."""
    expect(page.locator("#rendered_cells button")).to_be_visible(timeout=timeout)
    return int(page.locator("#rendered_cells button").inner_text().split()[-1])


def test_a_page_is_drawn_and_answers_and_nothing_comes_from_elsewhere(page: Page, app: RunningApp) -> None:
    errors: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("response", lambda answer: errors.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: asked.append(request.url))
    page.goto(app.page("new/images"))
    button(page)
    assert page.url == f"{app.url}/#/new/images"  # the token is gone, the place has stayed
    page.locator("#rendered_cells button").click()
    expect(page.locator("#rendered_cells button")).to_contain_text("1 clicks")
    expect(page.locator("#shell")).to_have_count(0)
    assert [url for url in asked if not url.startswith((app.url, "blob:", "data:"))] == []
    page.reload()
    button(page)
    assert errors == []
    assert page.title() == "Lepton Lab"


def test_twenty_refreshes_leave_one_kernel(page: Page, app: RunningApp) -> None:
    page.goto(app.address)
    pids = {button(page)}
    for _ in range(20):
        page.reload()
        pids.add(pid := button(page))
    assert len(pids) == 21
    until(lambda: not (pids - {pid}) & set(app.kernels()), "the end of the kernels of the pages before")
    assert pid in app.kernels()
    assert len(app.kernels()) <= 1 + pool_size()
    page.close()
    until(lambda: not psutil.pid_exists(pid), "the end of the kernel of a closed tab", seconds=15)


def test_a_page_whose_kernel_was_killed_comes_back_by_itself(page: Page, app: RunningApp) -> None:
    page.goto(app.page("work"))
    pid = button(page)
    os.kill(pid, signal.SIGKILL)
    expect(page.locator("#rendered_cells button")).not_to_contain_text(str(pid), timeout=30_000)
    assert button(page) != pid
    assert page.url.endswith("#/work")


def test_a_page_waits_for_a_server_that_comes_back(page: Page, tmp_path: Path) -> None:
    with serving(tmp_path, small=True) as app:
        page.goto(app.address)
        pid = button(page)
        port = app.url.rsplit(":", 1)[1]
        app.stop()
        expect(page.locator("#shell-strip")).to_contain_text("connection to the app is lost", timeout=20_000)
    with serving(tmp_path, "--port", port, small=True) as again:
        assert again.url == app.url
        expect(page.locator("#rendered_cells button")).not_to_contain_text(str(pid), timeout=60_000)
        button(page)
        expect(page.locator("#shell-strip")).to_be_hidden()


def test_the_first_picture_has_words_and_the_right_theme(browser: Browser, app: RunningApp) -> None:
    ARTEFACTS.mkdir(exist_ok=True)
    for dark, stored in ((False, None), (True, None), (True, "light"), (False, "dark")):
        context = browser.new_context(color_scheme="dark" if dark else "light", viewport={"width": 1280, "height": 800})
        page = context.new_page()
        page.route("**/voila.js", lambda route: route.abort())  # so that it stays at the first picture
        if stored:
            page.add_init_script(f"localStorage.setItem('lepton-theme', '{stored}')")
        page.goto(app.address)
        expect(page.get_by_role("status").first).to_have_text(re.compile("Getting ready"))
        wanted = stored or ("dark" if dark else "light")
        assert page.evaluate("() => document.documentElement.dataset.theme") == wanted
        ground = page.evaluate("() => getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(24, 27, 31)" if wanted == "dark" else "rgb(255, 255, 255)")
        page.screenshot(path=ARTEFACTS / f"app-first-{wanted}.png")
        context.close()


def test_somebody_without_the_token_is_told_what_to_do(page: Page, app: RunningApp) -> None:
    page.set_viewport_size({"width": 390, "height": 700})
    page.goto(app.url)
    expect(page.get_by_role("heading", name="The address is not complete")).to_be_visible()
    page.screenshot(path=ARTEFACTS / "app-login.png")
    page.get_by_label("Token").fill(app.token)
    page.get_by_role("button", name="Open").click()
    button(page)
    assert "token" not in page.url
