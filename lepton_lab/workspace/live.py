"""Present weights for readers in other processes: written beside a run's checkpoints while somebody asks for them.

A reader touches `live.asked`; the process that trains then keeps `live.safetensors` up to date until nobody has
touched it for a while. The file is renamed into its place whole, and never outlives the run or the asking.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton_lab.errors import TrainingError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from lepton_lab.training.run import Run

__all__ = ["ASKED_S", "LIVE_S", "LiveWeights", "Sharing"]

LIVE_S = 0.5
"""Seconds between two copies at least; more where the network is so large that a copy takes longer than 1 % of them."""

ASKED_S = 6.0
"""A question counts for so long, in seconds."""

_COST = 100  # a copy is followed by at least this many times what it took
_ASKED, _WEIGHTS, _PART = "live.asked", "live.safetensors", ".live.part"


class Sharing:
    """Shares a run's weights with other processes while they ask.

    The thread that trains copies its weights between two batches, and nothing else; a thread beside it writes them.

    Args:
        run: A run of this process.
        until: Set when the run has ended.

    Threads: `look` in the pump's thread.
    """

    def __init__(self, run: Run, until: threading.Event) -> None:
        self._run, self._until = run, until
        self._thread: threading.Thread | None = None
        self._kept: dict[str, Tensor] = {}
        self._step, self._pause, self._failed = -1, 0.0, False
        self._copied: torch.cuda.Event | None = None
        if run.folder is not None:  # of a process that was killed
            self._remove(run.folder)

    def look(self) -> None:
        """Starts to share where somebody asks. Costs a look at a file's date."""
        folder = self._run.folder
        if folder is None or (self._thread is not None and self._thread.is_alive()) or not _asked(folder):
            return
        self._thread = threading.Thread(target=self._share, args=(folder,), name="lepton-live-weights", daemon=True)
        self._thread.start()

    def _share(self, folder: Path) -> None:
        run, wait_s = self._run, 0.0
        try:
            while not self._until.wait(wait_s) and _asked(folder):
                began = time.thread_time()
                if run.status.step != self._step or not (folder / _WEIGHTS).exists():
                    run.between_batches(self._copy)
                    self._write(folder)
                wait_s = max(LIVE_S, _COST * (self._pause + time.thread_time() - began))
        except TrainingError:  # its module is not built yet
            self._until.wait(LIVE_S)
        except (OSError, RuntimeError) as error:  # a full disk, no memory: readers have the checkpoints
            if not self._failed:
                run.history.add_event("live weights", f"The present weights cannot be shown elsewhere: {error}")
            self._failed = True
            self._until.wait(ASKED_S)
        finally:
            self._kept = {}
            self._remove(folder)

    def _copy(self) -> None:
        """Copies the weights into tensors that are kept for it; in the thread that trains."""
        import torch

        began = time.perf_counter()
        module = getattr(self._run.module, "_orig_mod", self._run.module)
        state = {name: t.detach() for name, t in module.state_dict().items() if isinstance(t, torch.Tensor)}
        if {n: (t.shape, t.dtype) for n, t in state.items()} != {n: (t.shape, t.dtype) for n, t in self._kept.items()}:
            self._kept = {name: torch.empty_like(t, memory_format=torch.contiguous_format) for name, t in state.items()}
        for name, t in state.items():
            self._kept[name].copy_(t)
        device = next((t.device for t in state.values()), torch.device("cpu"))
        self._copied = torch.cuda.current_stream(device).record_event() if device.type == "cuda" else None
        self._step = self._run.status.step
        self._pause = time.perf_counter() - began

    def _write(self, folder: Path) -> None:
        from safetensors.torch import save_file

        if self._copied is not None:
            self._copied.synchronize()
        part = folder / f"{_PART}.{os.getpid()}"
        try:
            save_file({n: t.cpu() for n, t in self._kept.items()}, part, metadata={"step": str(self._step)})
            part.replace(folder / _WEIGHTS)
        finally:
            part.unlink(missing_ok=True)

    @staticmethod
    def _remove(folder: Path) -> None:
        with contextlib.suppress(OSError):
            (folder / _WEIGHTS).unlink(missing_ok=True)


class LiveWeights:
    """Reads the weights that a run of another process shares.

    Args:
        folder: The run's folder.

    Threads: safe.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._asked = 0.0
        self._known: tuple[int, int] | None = None  # date of the file, and its step

    def step(self) -> int | None:
        """The step of the weights that are shared at this moment; None where there are none, or none yet.

        Side effects: asks for them, for the next seconds.
        """
        self._ask()
        try:
            changed = (self._folder / _WEIGHTS).stat().st_mtime_ns
            if self._known is None or self._known[0] != changed:
                self._known = changed, self._read()[0]
        except (OSError, ValueError):
            return None
        return self._known[1]

    def read(self) -> tuple[int, dict[str, Tensor]] | None:
        """Step and weights; None where they are gone."""
        try:
            return self._read(weights=True)
        except (OSError, ValueError):
            return None

    def _read(self, weights: bool = False) -> tuple[int, dict[str, Any]]:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(self._folder / _WEIGHTS, framework="pt") as file:
                step = int((file.metadata() or {})["step"])
                return step, {n: file.get_tensor(n) for n in file.keys()} if weights else {}  # noqa: SIM118
        except (SafetensorError, KeyError) as error:
            raise ValueError(str(error)) from error

    def _ask(self) -> None:
        now = time.monotonic()
        if now - self._asked > ASKED_S / 4:
            self._asked = now
            with contextlib.suppress(OSError):
                (self._folder / _ASKED).touch()


def _asked(folder: Path) -> bool:
    try:
        age = time.time() - (folder / _ASKED).stat().st_mtime
    except OSError:
        return False
    return -ASKED_S < age < ASKED_S
