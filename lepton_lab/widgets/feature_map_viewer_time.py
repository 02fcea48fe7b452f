"""The way back through a run: weights that were kept in memory, checkpoints, and maps that the run's probe kept."""

from __future__ import annotations

import copy
import threading
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor, nn

from lepton_lab.errors import DataError
from lepton_lab.training.checkpoint import load_checkpoint, load_model

__all__ = ["Past"]

_BYTES = 64 << 20
_MOMENTS = 48


class Past:
    """Weights of earlier moments.

    Those of the moments at which somebody looked are kept in memory, never more than 64 MiB of them: when it is full,
    every second one is forgotten, so that they stay spread over the whole run. Checkpoints come from the run's folder.

    Args:
        folder: The run's folder; None where it has none.

    Threads: safe.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._kept: dict[int, dict[str, Tensor]] = {}
        self._module: nn.Module | None = None

    def keep(self, step: int, module: nn.Module) -> None:
        """Keeps a copy of a module's weights where there is room and `step` is a new one."""
        with self._lock:
            if step in self._kept or not self._wanted(step):
                return
        state = {name: t.detach().to("cpu", copy=True) for name, t in module.state_dict().items()}
        size = sum(t.nbytes for t in state.values())
        if size > _BYTES // 4:
            return
        with self._lock:
            self._kept[step] = state
            if self._module is None:
                self._module = copy.deepcopy(module)
            while len(self._kept) > _MOMENTS or len(self._kept) * size > _BYTES:
                steps = sorted(self._kept)
                for dropped in steps[1:-1:2]:
                    del self._kept[dropped]
                if len(steps) <= 3:
                    break

    def steps(self) -> list[int]:
        """The moments that can be looked at, in order."""
        with self._lock:
            kept = set(self._kept)
        return sorted(kept | set(self._checkpoints()))

    def module_at(self, step: int, like: nn.Module) -> nn.Module:
        """A module with the weights of a moment; the same object each time, so use it before the next call.

        Args:
            step: One of `steps()`.
            like: A module of the same architecture.

        Raises:
            DataError: Nothing was kept of this moment.
            CheckpointError: The checkpoint is damaged or gone.
        """
        with self._lock:
            weights: Mapping[str, Tensor] | None = self._kept.get(step)
            if self._module is None:
                self._module = copy.deepcopy(like)
            module = self._module
        if weights is None:
            path = self._checkpoints().get(step)
            if path is None:
                raise DataError(f"nothing was kept of step {step:,}", do="Move the slider to a step that is marked")
            weights = load_checkpoint(path).part("model")
        load_model(module, weights)
        return module

    def _checkpoints(self) -> dict[int, Path]:
        if self._folder is None:
            return {}
        found: dict[int, Path] = {}
        for path in (self._folder / "checkpoints").glob("step-*.json"):
            try:
                found[int(path.stem.removeprefix("step-"))] = path
            except ValueError:
                continue
        return found

    def _wanted(self, step: int) -> bool:
        """Whether a moment is far enough from the last one: a twelfth of the run so far, so that few cover much."""
        last = max(self._kept, default=None)
        return last is None or step >= last + max(1, last // 12)
