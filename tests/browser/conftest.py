"""A real JupyterLab and a real browser for the tests in this folder."""

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import Page, expect

from lepton_lab.workspace import Workspace
from lepton_lab.workspace.launch import live_workers
from tests.browser.app import ARTEFACTS, app_server
from tests.browser.install_chromium import system_browser

__all__ = ["ARTEFACTS", "app_server"]

FULL_DATA = next(
    (
        folder
        for folder in (os.environ.get("LEPTON_DATA"), Path(__file__).resolve().parents[3] / "shared" / "data")
        if folder and (Path(folder) / "mnist").is_dir()
    ),
    None,
)
"""The folder with the full data sets; None where they are not here."""

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


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab.

    Attributes:
        url: Its address, without a path.
        token: What a request must carry.
        root: The folder that it shows.
        workspace: Where its kernels keep runs.
    """

    url: str
    token: str
    root: Path
    workspace: Path

    def notebook(self, name: str, workspace: str) -> str:
        """The address that opens one notebook alone."""
        return f"{self.url}/lab/workspaces/{workspace}/tree/{name}?token={self.token}"

    def end_kernels(self) -> None:
        """Ends every kernel and worker: one that goes on training would slow down the tests after it."""
        for session in json.load(self._ask("GET", "/api/sessions")):
            self._ask("DELETE", f"/api/sessions/{session['id']}")
        if (self.workspace / "lepton.db").exists():
            end_workers(Workspace(self.workspace))

    def _ask(self, method: str, path: str) -> HTTPResponse:
        request = urllib.request.Request(
            self.url + path, method=method, headers={"Authorization": f"token {self.token}"}
        )
        found: HTTPResponse = urllib.request.urlopen(request, timeout=30)
        return found


def end_workers(workspace: Workspace) -> None:
    """Ends a workspace's worker processes, and waits until they are gone."""
    for worker in live_workers(workspace):
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(worker.pid)
            process.kill()
            process.wait(20)
    workspace.close()


@pytest.fixture(autouse=True)
def _no_kernel_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    lab = request.getfixturevalue("lab") if "lab" in request.fixturenames else None
    yield
    if lab is not None:
        lab.end_kernels()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            urllib.request.urlopen(url, timeout=2)
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"JupyterLab did not come up at {url}:\n{log.read_text()[-4000:]}")


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for the session, with settings, kernels and runtime files of its own."""
    base = tmp_path_factory.mktemp("jupyter")
    root, log = base / "notebooks", base / "server.log"
    root.mkdir()
    settings = base / "app-settings"
    settings.mkdir()
    (settings / "overrides.json").write_text(
        json.dumps({"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}})
    )
    port, token = _free_port(), secrets.token_hex(16)
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(base / "config"),
        "JUPYTER_DATA_DIR": str(base / "data"),
        "JUPYTER_RUNTIME_DIR": str(base / "runtime"),
        "IPYTHONDIR": str(base / "ipython"),
        "LEPTON_WORKSPACE": str(base / "workspace"),
        "LEPTON_CACHE": str(base / "cache"),
        **({"LEPTON_DATA": str(FULL_DATA)} if FULL_DATA else {}),
        "JUPYTER_TOKEN": token,
    }
    with log.open("wb") as output:
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--ip=127.0.0.1",
            f"--port={port}",
            "--allow-root",
        ]
        command += [f"--ServerApp.root_dir={root}", f"--LabApp.app_settings_dir={settings}"]
        command += ["--LabApp.expose_app_in_browser=True"]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_up(f"{url}/api/status?token={token}", process, log)
            yield Lab(url, token, root, base / "workspace")
        finally:
            process.terminate()
            process.wait(20)


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
