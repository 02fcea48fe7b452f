"""What the tests in this folder share: a real JupyterLab and a real browser."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.app import app_server
from tests.browser.install_chromium import system_browser
from tests.browser.lab import Lab, jupyterlab
from tests.browser.notebook import Notebook

__all__ = ["app_server"]

CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Debian's Chromium where it is installed, else Playwright's."""
    path = system_browser()
    return {**browser_type_launch_args, "args": CHROMIUM_FLAGS, **({"executable_path": path} if path else {})}


_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keeps on the test whether it failed, for fixtures that end after it."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    return report


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for the session. Its trainings take what the pages and kernels beside them leave."""
    with jupyterlab(tmp_path_factory.mktemp("jupyter"), {"LEPTON_NICE": "5"}) as running:
        yield running


@pytest.fixture(scope="session")
def _desks(lab: Lab, browser: Browser) -> Iterator[list[Notebook]]:  # the browser, so that it is closed later
    open_now: list[Notebook] = []
    yield open_now
    for notebook in open_now:
        notebook.page.context.close()
    lab.end_kernels()


@pytest.fixture(autouse=True)
def _no_kernel_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    """A kernel or worker that goes on training would slow down the tests after it."""
    if not {"lab", "desk"} & set(request.fixturenames):
        yield
        return
    lab, desks = request.getfixturevalue("lab"), request.getfixturevalue("_desks")
    yield
    lab.end_kernels(but={notebook.name for notebook in desks})


@pytest.fixture(autouse=True)
def _no_run_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    """The runs of the tests that come after in the same app would wait for it."""
    app = request.getfixturevalue("app_server") if "app_server" in request.fixturenames else None
    yield
    if app is not None:
        app.end_runs()


@pytest.fixture
def desk(_desks: list[Notebook], browser: Browser, lab: Lab, request: pytest.FixtureRequest) -> Iterator[Notebook]:
    """An open notebook that tests share, each filling it anew; after a failed test there is a new one."""
    if not _desks:
        _desks.append(Notebook.create(browser.new_context().new_page(), lab, "import lepton_lab"))
    found = _desks[0]
    yield found
    if request.node.stash.get(_FAILED, False):
        _desks.remove(found)
        found.page.context.close()
    else:
        found.clear()


@pytest.fixture
def patience() -> Iterator[None]:
    """A busy machine takes its time."""
    expect.set_options(timeout=60_000)
    yield
    expect.set_options(timeout=5_000)


@pytest.fixture
def errors(page: Page) -> Iterator[list[str]]:
    """What went wrong in the page; must be empty at the end."""
    found: list[str] = []
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    yield found
    assert found == []
