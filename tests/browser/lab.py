"""A real JupyterLab, and the full data sets where they are."""

from __future__ import annotations

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
from collections.abc import Container, Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

import psutil

from lepton_lab.workspace import Workspace
from lepton_lab.workspace.launch import live_workers

__all__ = ["FULL_DATA", "Lab", "end_workers", "jupyterlab"]

FULL_DATA = next(
    (
        folder
        for folder in (os.environ.get("LEPTON_DATA"), Path(__file__).resolve().parents[3] / "shared" / "data")
        if folder and (Path(folder) / "mnist").is_dir()
    ),
    None,
)
"""The folder with the full data sets; None where they are not here."""


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

    def end_kernels(self, but: Container[str] = ()) -> None:
        """Ends every worker, and every kernel but those of the notebooks of these names."""
        for session in json.load(self._ask("GET", "/api/sessions")):
            if session["path"] not in but:
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
            until = time.monotonic() + 20  # a dead one stays a zombie while its parent lives and does not look
            while process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
                time.sleep(0.05)
    workspace.close()


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


@contextlib.contextmanager
def jupyterlab(base: Path, environment: dict[str, str] | None = None) -> Iterator[Lab]:
    """A JupyterLab with settings, kernels and runtime files of its own in the folder `base`."""
    root, log = base / "notebooks", base / "server.log"
    root.mkdir()
    settings = base / "app-settings"
    settings.mkdir()
    (settings / "overrides.json").write_text(
        json.dumps({"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}})
    )
    port, token = _free_port(), secrets.token_hex(16)
    own = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(base / "config"),
        "JUPYTER_DATA_DIR": str(base / "data"),
        "JUPYTER_RUNTIME_DIR": str(base / "runtime"),
        "IPYTHONDIR": str(base / "ipython"),
        "LEPTON_WORKSPACE": str(base / "workspace"),
        "LEPTON_CACHE": str(base / "cache"),
        **({"LEPTON_DATA": str(FULL_DATA)} if FULL_DATA else {}),
        "JUPYTER_TOKEN": token,
        **(environment or {}),
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
        process = subprocess.Popen(command, env=own, stdout=output, stderr=subprocess.STDOUT)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_up(f"{url}/api/status?token={token}", process, log)
            yield Lab(url, token, root, base / "workspace")
        finally:
            process.terminate()
            process.wait(20)
