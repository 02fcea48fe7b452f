"""The app's server: Voila with one notebook, its own page, warm kernels, and nothing that a visitor could run."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import webbrowser
from collections.abc import Mapping
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import IO, Any

import nbformat
import tornado.web
from jupyter_server.base.handlers import FileFindHandler
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from traitlets.config import Config
from voila.app import Voila
from voila.configuration import VoilaConfiguration
from voila.execute import VoilaExecutor
from voila.static_file_handler import MultiStaticFileHandler
from voila.utils import get_page_config
from voila.voila_identity_provider import VoilaIdentityProvider

from lepton_lab.app import server_files as files, server_page as pages
from lepton_lab.app.kernels import LEFT_S, NEVER_CAME_S, AppKernels, AppKernelSpecs, Page, Pool, pool_size
from lepton_lab.app.kernels_fork import Nursery
from lepton_lab.app.nursery import LOG
from lepton_lab.app.server_runs import MARK, end_processes, go_on
from lepton_lab.app.uploads import Uploads
from lepton_lab.errors import LeptonError
from lepton_lab.workspace import Workspace

__all__ = ["AppServer", "Options", "serve"]

LOOPBACK = "127.0.0.1"
PORTS = 50
"""How many ports are tried, from the wanted one on."""

NOTEBOOK = Path(__file__).parent / "app.ipynb"
EXTENSIONS = ["@voila-dashboards/widgets-manager8", "@jupyter-widgets/jupyterlab-manager", "anywidget"]
"""What of JupyterLab the page loads."""

_KERNEL = r"(?P<kernel_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_MESSAGE_BYTES = 64 << 20
_PING_MS = 20_000
_CLOSES_S = 30.0


@dataclass(frozen=True)
class Options:
    """How the app is served.

    Attributes:
        workspace: The folder that keeps everything.
        port: The first port to try.
        open: Whether no token is asked for.
        browser: Whether a browser is opened.
        max_upload: The most that one upload may bring, in bytes.
        notebook: What every page runs.
        left_s: How long a kernel waits for a page that has lost its connection, in seconds.
        never_came_s: How long it waits for a page that was never heard of, in seconds.
    """

    workspace: Path
    port: int = 8866
    open: bool = False
    browser: bool = True
    max_upload: int = 2 << 30
    notebook: Path = NOTEBOOK
    left_s: float = LEFT_S
    never_came_s: float = NEVER_CAME_S


class AppServer(Voila):
    """Voila, tied to the app: other handlers, other kernels, no configuration files of the user.

    Attributes:
        options: How it is served.
        workspace: The workspace of all its visitors.
        uploads: What visitors bring.
        pool: The pages that are ready.
    """

    name = "lepton-lab-app"

    options: Options
    workspace: Workspace
    uploads: Uploads
    pool: Pool

    def prepare(self, options: Options) -> None:
        """Takes the options; what users have configured for Voila or Jupyter is not read.

        Raises:
            StoreError: The workspace cannot be used.
        """
        self.options, self.workspace = options, Workspace(options.workspace)
        self.uploads = Uploads(self.workspace.folder / "uploads", options.max_upload)
        self.mark = secrets.token_hex(8)
        self._init_asyncio_patch()
        self._log_to(self.workspace.folder / "app.log")
        self.config = _config()
        self.ip, self.port, self.open_browser = LOOPBACK, options.port, options.browser
        self.notebook_path, self.root_dir = str(options.notebook), str(options.notebook.parent)
        self.token = "" if options.open else secrets.token_urlsafe(24)
        self.cookie_secret = _kept_secret(self.workspace.folder / ".app-cookie-secret")
        self.identity_provider_class = VoilaIdentityProvider
        self.kernel_websocket_connection_class = pages.Connection
        self.voila_configuration = VoilaConfiguration(parent=self)
        self.setup_template_dirs()

    @property
    def url(self) -> str:
        """The address for visitors, with the token."""
        return f"{self.connection_url}?token={self.token}" if self.token else str(self.connection_url)

    def init_settings(self) -> dict[str, Any]:
        """Voila's settings, with doors shut that it leaves open."""
        settings: dict[str, Any] = super().init_settings()
        self.kernel_manager.allowed_message_types = list(pages.ALLOWED_MESSAGES)
        self.kernel_manager.allow_tracebacks = False
        self.kernel_manager.left_s, self.kernel_manager.never_came_s = self.options.left_s, self.options.never_came_s
        settings |= {
            "allow_remote_access": False,  # names other than this machine's would let any web site in (DNS rebinding)
            "local_hostnames": ["localhost"],
            "headers": {"Content-Security-Policy": pages.POLICY, "Referrer-Policy": "same-origin"},
            "login_url": self.base_url + "lepton/login",
            "ws_ping_interval": _PING_MS,
            "ws_ping_timeout": _PING_MS,
            "websocket_max_message_size": _MESSAGE_BYTES,
            "xsrf_cookie_kwargs": {"samesite": "Lax"},
            "log_function": lambda handler: None,
        }
        self.identity_provider.cookie_options = {"samesite": "Lax"}
        return settings

    def init_handlers(self) -> list[Any]:
        """All that the server answers; anything else is not there."""
        base, failed = self.base_url, {"pool": self.pool, "failed": self._failed}
        return [
            (base, pages.PageHandler, failed),
            (base + "lepton/login", pages.Login),
            (
                base + r"lepton/static/(page\.js|formulas\.js)",
                tornado.web.StaticFileHandler,
                {"path": str(pages.TEMPLATE)},
            ),
            (base + f"lepton/life/{_KERNEL}", pages.Life),
            (base + f"lepton/goodbye/{_KERNEL}", pages.Goodbye),
            (base + "voila/api/shutdown/.*", pages.VoilasGoodbye),
            (base + "lepton/uploads/([a-z0-9-]+)", files.Upload, {"uploads": self.uploads}),
            (
                base + r"lepton/files/([\w-]{1,64})/([^/]+)",
                files.Download,
                {"path": str(self.workspace.folder / "exports")},
            ),
            (base + f"api/kernels/{_KERNEL}", pages.KernelState),
            (base + f"api/kernels/{_KERNEL}/channels", pages.Channels),
            (base + "voila/static/(.*)", MultiStaticFileHandler, {"paths": self.static_paths}),
            (base + "voila/labextensions/(.*)", FileFindHandler, {"path": self.labextensions_path}),
        ]

    def start(self, nursery: subprocess.Popen[bytes] | None = None) -> None:
        """Serves until Ctrl-C, SIGTERM or the end of the terminal; then ends everything that it started.

        Args:
            nursery: The process from which kernels are forked; see `nursery.start`.

        Raises:
            LeptonError: No port is free.
        """
        os.environ[MARK] = self.mark  # the worker inherits it from us or from a kernel
        with tempfile.TemporaryDirectory(prefix="lepton-app-") as folder, self._kernel_log.open("ab") as log:
            self.connection_dir = folder
            kernels = Nursery(nursery) if nursery is not None else None
            try:
                asyncio.run(self._serve(log, kernels))
            finally:
                if kernels is not None:
                    kernels.close()
                # what was still to be sent to a kernel that was broken off at its start would be waited for, for ever
                if (manager := getattr(self, "kernel_manager", None)) is not None:
                    manager.context.destroy(linger=0)

    async def _serve(self, log: IO[bytes], nursery: Nursery | None) -> None:
        stop = _stop_event()
        settings = self.init_settings()
        self.kernel_manager.nursery = nursery
        self.pool = Pool(self.kernel_manager, lambda: self._page(log), pool_size())
        self.app = tornado.web.Application(**settings)
        self._page_config = get_page_config(
            base_url=self.base_url, settings=settings, log=self.log, voila_configuration=self.voila_configuration
        )
        self.app.add_handlers(".*$", self.init_handlers())
        server = self._listen()
        self.pool.fill()
        tending = asyncio.create_task(self._tend())
        self._announce()
        go_on(self.workspace)
        try:
            await stop.wait()
        finally:
            print("\nClosing the app; what was trained is kept.", flush=True)
            server.stop()
            tending.cancel()
            await self._end(stop)

    async def _tend(self) -> None:
        """Looks after kernels and uploads until it is cancelled."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.uploads.tidy, self._named_files())
        for second in itertools.count():
            await asyncio.sleep(1.0)
            try:
                await self.pool.tend()
                for folder in self.uploads.stale() if second % 60 == 0 else ():
                    await loop.run_in_executor(None, shutil.rmtree, folder, True)
            except Exception:
                self.log.exception("looking after the kernels went wrong")

    def _named_files(self) -> list[str]:
        """The texts in which projects and runs say where their data come from."""
        rows = self.workspace.database.rows
        found = [*rows("SELECT about, data FROM projects"), *rows("SELECT data, job FROM runs")]
        return [str(value) for row in found for value in tuple(row)]

    async def _end(self, stop: asyncio.Event) -> None:
        """Ends kernels and worker; a second Ctrl-C does not wait for them."""
        stop.clear()
        ending = asyncio.create_task(self._ended())
        hurry: asyncio.Task[Any] = asyncio.create_task(stop.wait())
        await asyncio.wait((ending, hurry), timeout=_CLOSES_S, return_when=asyncio.FIRST_COMPLETED)
        for task in (ending, hurry):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ending
        for kernel_id in self.kernel_manager.list_kernel_ids():
            self.kernel_manager.kill(kernel_id)

    async def _ended(self) -> None:
        await self.pool.close()
        await end_processes(self.workspace, self.mark)

    def _listen(self) -> HTTPServer:
        for port in range(self.options.port, min(self.options.port + PORTS, 65536)):
            try:
                sockets = bind_sockets(port, LOOPBACK)
            except OSError:
                continue
            self.port = sockets[0].getsockname()[1]
            server = HTTPServer(self.app)
            server.add_sockets(sockets)
            return server
        raise LeptonError(
            f"no port is free from {self.options.port} on", do="Give another one: lepton-lab app --port 9000"
        )

    def _announce(self) -> None:
        if self.options.port not in (0, self.port):
            print(f"Port {self.options.port} is taken; the app is on port {self.port} instead.")
        print(f"Lepton Lab is open at\n\n    {self.url}\n\nCtrl-C ends it.", flush=True)
        if self.options.browser and _has_screen():
            asyncio.get_running_loop().run_in_executor(None, webbrowser.open, self.url)

    async def _page(self, log: IO[bytes]) -> Page:
        """Starts a kernel, runs the notebook in it, and writes the end of its page."""
        kernels: AppKernels = self.kernel_manager
        kernel_id = await kernels.start_kernel(
            kernel_name="python3", cwd=str(self.workspace.folder), env=self._environment(), stdout=log, stderr=log
        )
        notebook = nbformat.read(self.options.notebook, as_version=4)
        executor = VoilaExecutor(notebook, km=kernels.get_kernel(kernel_id), show_tracebacks=True, timeout=120)
        try:
            executor.kc = await executor.async_start_new_kernel_client()
            try:
                for number, cell in enumerate(notebook.cells):
                    await executor.execute_cell(cell, None, number, store_history=False)
            finally:
                executor.kc.stop_channels()
        except BaseException:
            await kernels.end(kernel_id)
            raise
        formulas = {"fullMathjaxUrl": self.base_url + "lepton/static/formulas.js", "mathjaxConfig": "none"}
        config = {**self._page_config, **formulas, "baseUrl": self.base_url, "kernelId": kernel_id}
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
        script = f"{self._page_config['fullStaticUrl']}/voila.js"
        return Page(kernel_id, pages.tail(kernel_id, config, outputs, script))

    def _environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("JUPYTER_TOKEN")}
        return {**kept, "LEPTON_WORKSPACE": str(self.workspace.folder), "IPYTHONDIR": self.connection_dir}

    def _failed(self, error: BaseException) -> None:
        self.log.error("a page could not be made", exc_info=error)
        reason = getattr(error, "evalue", "") or str(error)
        print(f"lepton-lab: a page could not be made: {reason}", file=sys.stderr, flush=True)

    @property
    def _kernel_log(self) -> Path:
        return self.workspace.folder / LOG

    def _log_to(self, path: Path) -> None:
        """Sends the server's log to a file: the terminal is for the address and for what its reader must know."""
        handler = RotatingFileHandler(path, maxBytes=1 << 20, backupCount=1, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        for log in (
            self.log,
            logging.getLogger("tornado"),
            logging.getLogger("asyncio"),
            logging.getLogger("traitlets"),
        ):
            log.handlers, log.propagate = [handler], False
            log.setLevel(logging.INFO if log is self.log else logging.WARNING)


def serve(options: Options, nursery: subprocess.Popen[bytes] | None = None) -> int:
    """Serves the app until it is ended; returns the exit status.

    Args:
        options: How.
        nursery: The process from which kernels are forked; see `nursery.start`.

    Raises:
        LeptonError: The workspace cannot be used, or no port is free.
    """
    server = AppServer()
    server.prepare(options)
    server.start(nursery)
    return 0


def _config() -> Config:
    config = Config()
    config.KernelRestarter.restart_limit = 0  # a kernel that died has lost its widgets: its page asks for a new one
    config.KernelRestarter.time_to_dead = 1.0
    config.KernelManager.shutdown_wait_time = 4.0
    config.VoilaConfiguration.multi_kernel_manager_class = AppKernels
    config.VoilaConfiguration.kernel_spec_manager_class = AppKernelSpecs
    config.VoilaConfiguration.extension_allowlist = EXTENSIONS
    config.VoilaConfiguration.file_allowlist = []
    return config


def _kept_secret(path: Path) -> bytes:
    """What cookies are signed with, kept so that open pages come back after the server was started anew."""
    try:
        if len(found := path.read_bytes()) >= 32:
            return found
    except OSError:
        pass
    made = secrets.token_bytes(32)
    path.touch(mode=0o600)
    path.write_bytes(made)
    return made


def _stop_event() -> asyncio.Event:
    """Is set by Ctrl-C, SIGTERM and the end of the terminal."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            try:
                loop.add_signal_handler(number, stop.set)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    return stop


def _has_screen() -> bool:
    """Whether a browser would open in a window, not in this terminal."""
    if not sys.platform.startswith("linux"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
