"""Samples as points of a plane, by PCA or UMAP, in a thread of its own: UMAP takes its time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.probes.pictures import hidden_of, lay_out
from lepton_lab.widgets._orders import failure
from lepton_lab.widgets.feature_map_viewer_source import Source

__all__ = ["SamplesMap"]

_SHARE = {"pca": 0.2, "umap": 0.05}
"""Of the time that maps of a run that trains may take: UMAP holds Python's lock meanwhile."""

_SHORTEST_S = 2.0


class SamplesMap:
    """Makes maps, one at a time, and hands them to every view.

    Args:
        push: Sends a message to all views.

    Threads: safe.
    """

    def __init__(self, push: Callable[..., None]) -> None:
        self._push, self._lock = push, threading.Lock()
        self._worker: ThreadPoolExecutor | None = None
        self._waiting: tuple[Source, str, int] | None = None
        self._before: tuple[Source, NDArray[np.float32]] | None = None

    def ask(self, source: Source, method: str, count: int) -> None:
        """Has a map made, after the present one; of several orders that wait the last one counts."""
        with self._lock:
            idle, self._waiting = self._waiting is None, (source, method, count)
            if self._worker is None:
                self._worker = ThreadPoolExecutor(1, thread_name_prefix="lepton-plane")
            if idle:
                self._worker.submit(self._next)

    def close(self) -> None:
        """Ends the thread."""
        with self._lock:
            worker, self._worker = self._worker, None
        if worker is not None:
            worker.shutdown(wait=False, cancel_futures=True)

    def _next(self) -> None:
        with self._lock:
            order, self._waiting = self._waiting, None
        if order is None:
            return
        source, method, count = order
        try:
            about, arrays = self._made(source, method, count)
        except Exception as error:  # whoever waits must read it
            self._push("no-plane", {"method": method, "problem": failure(error)})
            return
        self._push("plane", about, arrays)

    def _made(self, source: Source, method: str, count: int) -> tuple[dict[str, Any], list[Any]]:
        data = source.need_data()
        split = data.valid if data.valid is not None else data.train
        step, began = source.moment()[0], time.monotonic()
        start = self._before[1] if self._before is not None and self._before[0] is source else None
        hidden, targets, layer = source.examine(lambda module, _: hidden_of(module, split, count))
        points, explained = lay_out(hidden, method, start=start)
        spent = time.monotonic() - began
        if method == "umap":
            self._before = source, points
        kinds = targets.numpy() if targets.dim() == 1 else np.zeros(len(points))
        about = {
            "method": method, "layer": layer, "classes": source.classes, "step": step,
            "explained": float(np.nan_to_num(explained).sum()),
            "split": "validation" if data.valid is not None else "training",
            "wait": max(_SHORTEST_S, spent * (1 / _SHARE[method] - 1)),
        }  # fmt: skip
        return about, [points.astype(np.float32), kinds.astype(np.int32)]
