"""The app's real server, on a port and in a workspace of its own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from playwright.sync_api import Page

from lepton_lab.app.visit import Visit
from lepton_lab.training.status import RunState
from lepton_lab.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
ARTEFACTS, DOCS = ROOT / "tests" / "artefacts", ROOT / "docs" / "images"

START_S = 60.0


@dataclass
class RunningApp:
    """A server that runs.

    Attributes:
        process: The process, started by `serving`.
        url: Its address without a path.
        token: What a request must carry; empty where it asks for none.
        workspace: Its workspace's folder.
        output: What it printed is in this file.
    """

    process: subprocess.Popen[bytes]
    url: str
    token: str
    workspace: Path
    output: Path
    tree: dict[int, psutil.Process] = field(default_factory=dict)

    @property
    def address(self) -> str:
        """What a visitor opens."""
        return f"{self.url}/?token={self.token}" if self.token else f"{self.url}/"

    @contextlib.contextmanager
    def visit(self) -> Iterator[Visit]:
        """A visitor without a browser, who makes projects for a test."""
        workspace = Workspace(self.workspace)
        try:
            yield Visit(workspace)
        finally:
            workspace.close()

    def end_runs(self) -> None:
        """Stops what still trains or waits for its turn."""
        with self.visit() as visit:
            table = visit.workspace.runs()
            for run in table.loc[~table["state"].map(lambda state: RunState(state).ended), "id"]:
                visit.workspace.open_run(str(run)).stop()

    def page(self, place: str) -> str:
        """The address of a page, such as "new/images"."""
        return f"{self.address}#/{place}"

    def kernels(self) -> list[int]:
        """The processes of its kernels, zombies included."""
        alive = {child.pid for child in self.processes() if child.is_running()}
        return sorted(alive & set(self.kernel_ids()))

    def kernel_ids(self) -> dict[int, str]:
        """The kernels that there have been, by their processes."""
        said = (self.workspace / "app.log").read_text()
        return {int(pid): kernel for kernel, pid in re.findall(r"Kernel ([\w-]+) is process (\d+)", said)}

    def processes(self) -> list[psutil.Process]:
        """All processes that it has started, those that have left it included; also those that have ended since."""
        with contextlib.suppress(psutil.Error):
            for child in psutil.Process(self.process.pid).children(recursive=True):
                self.tree[child.pid] = child
        return list(self.tree.values())

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        token: bool = True,
    ) -> tuple[int, bytes, dict[str, str]]:
        """One request; status, body and headers of the answer."""
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=60)
        try:
            sent = {**({"Authorization": f"token {self.token}"} if token and self.token else {}), **(headers or {})}
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()}
        finally:
            connection.close()

    def new_page(self) -> tuple[str, str]:
        """Asks for a page as a browser does; its kernel's id, and its HTML."""
        status, body, _ = self.ask("GET", "/")
        assert status == 200
        html = body.decode()
        config = re.search(r'id="jupyter-config-data" type="application/json">(.*?)</script>', html)
        assert config is not None, html[-2000:]
        return json.loads(config[1])["kernelId"], html

    def stop(self, seconds: float = 40.0) -> int:
        """Ends it as Ctrl-C does; returns its exit status."""
        self.processes()
        if self.process.poll() is None:
            self.process.send_signal(2)
        return self.process.wait(seconds)

    def remaining(self) -> list[str]:
        """What is left of its processes."""
        return [str(p) for p in self.tree.values() if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


@contextlib.contextmanager
def serving(
    folder: Path, *arguments: str, small: bool = False, environment: dict[str, str] | None = None
) -> Iterator[RunningApp]:
    """Starts a server on a free port; ends it, and all that is left of it.

    Args:
        folder: Where workspace, cache and output go; the workspace in its folder "workspace".
        *arguments: More arguments of `lepton-lab app`.
        small: Whether its pages show one small widget instead of the app, which starts quicker.
        environment: More environment variables.
    """
    folder.mkdir(parents=True, exist_ok=True)
    workspace, output = folder / "workspace", folder / "output.txt"
    module = "tests.browser.small_app" if small else "lepton_lab.cli"
    command = [sys.executable, "-m", module, *([] if small else ["app"])]
    command += ["--port", "0", "--workspace", str(workspace), "--no-browser", *arguments]
    own = {
        "LEPTON_CACHE": os.environ.get("LEPTON_CACHE", str(folder / "cache")),
        "JUPYTER_CONFIG_DIR": str(folder / "jupyter"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        **(environment or {}),
    }
    with output.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **own})
    app = RunningApp(process, "", "", workspace, output)
    try:
        end = time.monotonic() + START_S
        while (found := re.search(r"(http://[\d.:]+)/(?:\?token=(\S+))?", output.read_text())) is None:
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the app did not start:\n{output.read_text()[-4000:]}")
            time.sleep(0.05)
        app.url, app.token = found[1], found[2] or ""
        yield app
    finally:
        app.processes()
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(40)
        for left in app.processes():
            with contextlib.suppress(psutil.Error):
                left.kill()
        if process.poll() is None:
            process.kill()
            process.wait()


def shot(page: Page, name: str, docs: str = "") -> None:
    """Keeps a picture of the whole page among the artefacts.

    Args:
        page: The page.
        name: The picture's name.
        docs: Its name in `docs/images` too, where `LEPTON_PICTURES` is set.
    """
    ARTEFACTS.mkdir(exist_ok=True)
    page.wait_for_timeout(300)  # what was asked for last is drawn
    path = ARTEFACTS / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    if docs and os.environ.get("LEPTON_PICTURES"):
        shutil.copy(path, DOCS / f"{docs}.png")


@pytest.fixture(scope="session")
def app_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The real app, one for all tests that need no workspace of their own."""
    with serving(tmp_path_factory.mktemp("app"), environment={"LEPTON_NICE": "5"}) as app:
        yield app
