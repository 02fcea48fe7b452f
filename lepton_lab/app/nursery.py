"""A process that has imported what the app needs and has done nothing yet: kernels are forked from it.

So a kernel is there in a fraction of a second, and the memory of what was imported is shared by all of them. Runs as
`python -m lepton_lab.app.nursery MODULE...`; reads orders as lines of JSON, answers likewise, and ends, with its
children, when its input ends. Linux only: elsewhere libraries do not bear a fork.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

__all__ = ["APP", "FORKS", "LOG", "main", "start"]

APP = "lepton_lab.app"
"""Stands for all modules of the app's pages, and for the libraries that they load when they are first used."""

FORKS = sys.platform.startswith("linux")
LOG = "app-kernels.log"
"""The file in the workspace that has what kernels print."""

_FIRST = ("pandas", "sklearn.datasets")  # what the first page loads when it is drawn
_LATER = (
    "sklearn.model_selection",
    "sklearn.metrics",
    "sklearn.preprocessing",
    "charset_normalizer",
    "scipy.stats",
    "torchvision",
    "torchvision.models",
)
_IDLE_S = 2.0
_SERVER = ("server", "kernels", "nursery", "uploads")


def start(folder: Path, modules: Sequence[str] = (APP,)) -> subprocess.Popen[bytes] | None:
    """Starts the process, which imports while its caller goes on; None where there can be none.

    Args:
        folder: The workspace's folder.
        modules: What it imports.
    """
    if not FORKS:
        return None
    command = [sys.executable, "-m", __name__, *modules]
    pipe = subprocess.PIPE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOG).open("wb") as log:
            return subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=log, start_new_session=True, bufsize=0)
    except OSError:  # the workspace says what is wrong with the folder
        return None


def main(modules: Sequence[str]) -> None:
    """Imports the modules, then forks a kernel for each order.

    What the first page does not need is imported when no order has come for a while: the first visitor waits for less.
    """
    os.environ["PYTORCH_NVML_BASED_CUDA_CHECK"] = "1"  # a GPU that was opened here would be lost to all children
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print goes where errors go
    for name in [*modules, "ipykernel.kernelapp", "ipykernel.ipkernel", "ipywidgets"]:
        _import(name)
    gc.collect()
    gc.freeze()  # the collector must not write to pages that are shared
    later = list(_LATER) if APP in modules else []
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    print(json.dumps({"ready": os.getpid()}), file=answers)
    children: set[int] = set()
    held = b""
    while True:
        ready = select.select([0, woken], [], [], _IDLE_S if later else None)[0]
        if not ready:
            _import(later.pop(0))
            gc.collect()
            gc.freeze()
        if woken in ready:
            os.read(woken, 1024)
            _reap(children, answers)
        if 0 in ready:
            text = os.read(0, 1 << 16)
            if not text:
                break
            *lines, held = (held + text).split(b"\n")
            for line in lines:
                order = json.loads(line)
                pid = os.fork()
                if pid == 0:
                    _child(order, (answers.fileno(), woken, wake))
                children.add(pid)
                print(json.dumps({"id": order["id"], "pid": pid}), file=answers)
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def _import(name: str) -> None:
    names = [name]
    if name == APP:
        package = importlib.import_module(name)
        names = [
            *_FIRST,
            *(f"{name}.{m.name}" for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith(_SERVER)),
        ]
    for each in names:
        try:
            importlib.import_module(each)
        except Exception:  # the kernel that needs it says so
            traceback.print_exc()


def _reap(children: set[int], answers: Any) -> None:
    for pid in list(children):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            children.discard(pid)
            print(json.dumps({"ended": pid, "status": os.waitstatus_to_exitcode(status)}), file=answers)


def _child(order: dict[str, Any], files: tuple[int, ...]) -> NoReturn:
    """Becomes a kernel."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        for file in files:
            os.close(file)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.environ.clear()
        os.environ.update(order["env"])
        os.environ["JPY_PARENT_PID"] = str(os.getppid())
        os.chdir(order["cwd"])
        sys.argv = ["ipykernel_launcher", *order["argv"]]
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed()
        from ipykernel.kernelapp import IPKernelApp

        IPKernelApp.launch_instance(argv=order["argv"])
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1:])
