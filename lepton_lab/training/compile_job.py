"""Orders for `compile_process`, and where what it has made is kept.

A library is found again by a hash of everything that it depends on: what is trained how, on which shapes, by which
torch on which processor.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lepton_lab.data.folders import cache_dir
from lepton_lab.training.blueprint import blueprint_of
from lepton_lab.training.compiled import LoadedSteps, flat_arguments
from lepton_lab.training.payback import Estimate, estimate, kind_of, read_note
from lepton_lab.training.setup import class_weights_of

if TYPE_CHECKING:
    from lepton_lab.training.engine import Engine
    from lepton_lab.training.updates import FusedOptimizer

__all__ = ["CompileJob", "expected", "library_of", "load_library", "order_of"]

_LIMIT = 900.0  # s; a compiler that takes longer is ended
_SOURCES = ("compiled.py", "compile_process.py", "blueprint.py", "losses.py")


def order_of(engine: Engine, optimizer: FusedOptimizer, x: Tensor, y: Tensor) -> dict[str, Any] | None:
    """What `compile_process` needs to know; None where network or loss cannot be described.

    Args:
        engine: What is trained.
        optimizer: By what.
        x: Samples of one call, (steps, N, …).
        y: Their targets.
    """
    network, settings = blueprint_of(engine.head.forward), engine.settings
    users, weights = engine.plan.loss, class_weights_of(settings, engine.plan.data)
    loss: dict[str, Any] = {"module": blueprint_of(users)} if isinstance(users, nn.Module) else {
        "name": engine.head.loss_name, "options": settings.loss_args,
        "label_smoothing": settings.label_smoothing, "probabilities": engine.head.about.probabilities,
        "class_weights": None if weights is None else weights.tolist(),
    }  # fmt: skip
    same = [id(p) for p in engine.head.forward.parameters()] == [id(p) for p in optimizer.params]
    if network is None or not same or (users is not None and loss.get("module") is None):
        return None
    rates = torch.zeros(len(x))
    tensors = [[list(t.shape), list(t.stride()), str(t.dtype).removeprefix("torch.")]
               for t in flat_arguments(optimizer, x, y, rates)]  # fmt: skip
    return {
        "network": network, "loss": loss, "steps": len(x), "threads": engine.threads, "tensors": tensors,
        "optimizer": {"name": optimizer.name, "options": dict(optimizer.options)},
    }  # fmt: skip


def library_of(order: dict[str, Any]) -> Path:
    """Where the library of an order is, or will be."""
    about = json.dumps([order, torch.__version__, _machine()], sort_keys=True)
    return _folder() / f"{hashlib.sha256(about.encode()).hexdigest()[:32]}.so"


def load_library(library: Path) -> LoadedSteps | None:
    """The compiled steps in a file; None where there is none, or it is not what was written."""
    try:
        wanted = read_note(library.with_suffix(".json")).get("sha256")
        if hashlib.sha256(library.read_bytes()).hexdigest() != wanted:
            return None
        os.utime(library)  # the ones used last are kept
        return LoadedSteps(library)
    except (OSError, RuntimeError):
        return None


def expected(order: dict[str, Any]) -> Estimate:
    """What compiling an order will cost and bring."""
    return estimate(_folder(), kind_of(order))


class CompileJob:
    """A process that compiles, until it is done or `stop` is called.

    Args:
        order: What to compile.
        library: Where to put it.
        patient: Whether it leaves the processor to everything else.

    Raises:
        OSError: The process cannot be started.
    """

    def __init__(self, order: dict[str, Any], library: Path, *, patient: bool) -> None:
        command = [sys.executable, "-m", "lepton_lab.training.compile_process"]
        if patient and (nice := shutil.which("nice")) is not None:
            command = [nice, "-n", "19", *command]
        path = os.pathsep.join(p for p in sys.path if p)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the job
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self._said, stderr=self._said, start_new_session=True,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        )  # fmt: skip
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError), self._process.stdin as pipe:
            about = {"library": str(library), "kind": kind_of(order), "ordered": time.time()}
            pipe.write(json.dumps({**order, **about}).encode())
        self._begin = time.monotonic()

    @property
    def done(self) -> bool:
        """Whether the process has ended; asking costs microseconds."""
        if self.seconds > _LIMIT:
            self.stop()
        return self._process.poll() is not None

    @property
    def seconds(self) -> float:
        """How long ago it was started."""
        return time.monotonic() - self._begin

    @property
    def problem(self) -> str | None:
        """What it complained about last; None where it has not failed."""
        if not self._process.poll():
            return None
        self._said.seek(0)
        return (self._said.read().decode(errors="replace").strip().splitlines() or ["no message"])[-1]

    def wait(self) -> None:
        """Blocks until the process has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LIMIT)
        self.stop()

    def stop(self) -> None:
        """Ends the process and the compiler that it has started."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _folder() -> Path:
    return cache_dir() / "compiled"


@cache
def _machine() -> str:
    """What machine code and its source depend on."""
    features = ""
    with contextlib.suppress(OSError), Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
        features = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    here = Path(__file__).parent
    sources = [hashlib.sha256((here / name).read_bytes()).hexdigest() for name in _SOURCES]
    return json.dumps([platform.machine(), platform.system(), features, sources])
