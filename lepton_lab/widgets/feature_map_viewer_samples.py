"""Samples, or the rows of an embedding, as points of a plane: by PCA or UMAP, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lepton_lab.data import DataBundle
from lepton_lab.probes.layers import Layers
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
        self._waiting: tuple[Source, str, int, str] | None = None
        self._before: tuple[Source, str, NDArray[np.float32]] | None = None

    def ask(self, source: Source, method: str, count: int, layer: str = "") -> None:
        """Has a map made, after the present one; of several orders that wait the last one counts.

        Args:
            source: What is looked at.
            method: "pca" or "umap".
            count: Samples, or rows of an embedding, at most.
            layer: The embedding; empty for samples.
        """
        with self._lock:
            idle, self._waiting = self._waiting is None, (source, method, count, layer)
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
        try:
            about, arrays = self._made(*order)
        except Exception as error:  # whoever waits must read it
            self._push("no-plane", {"method": order[1], "of": order[3], "problem": failure(error)})
            return
        self._push("plane", about, arrays)

    def _made(self, source: Source, method: str, count: int, of: str) -> tuple[dict[str, Any], list[Any]]:
        data = source.need_data()
        split = data.valid if data.valid is not None else data.train
        step, began = source.moment()[0], time.monotonic()
        start = self._before[2] if self._before is not None and self._before[:2] == (source, of) else None

        def work(module: nn.Module, known: Layers) -> tuple[Tensor, Tensor, str, list[str], list[str]]:
            tables = _embeddings(module, known)
            if not of:
                return (*hidden_of(module, split, count), [], list(tables))
            rows, names = _rows(tables[of], data, count)
            return rows, torch.zeros(len(rows)), of, names, list(tables)

        hidden, targets, layer, names, tables = source.examine(work)
        points, explained = lay_out(hidden, method, start=start)
        spent = time.monotonic() - began
        if method == "umap":
            self._before = source, of, points
        kinds = targets.numpy() if targets.dim() == 1 else np.zeros(len(points))
        about = {
            "method": method, "of": of, "layer": layer, "classes": source.classes, "step": step,
            "explained": float(np.nan_to_num(explained).sum()), "names": names, "embeddings": tables,
            "split": "validation" if data.valid is not None else "training",
            "wait": max(_SHORTEST_S, spent * (1 / _SHARE[method] - 1)),
        }  # fmt: skip
        return about, [points.astype(np.float32), kinds.astype(np.int32)]


def _embeddings(module: nn.Module, known: Layers) -> dict[str, nn.Module]:
    """Tables of vectors by the labels of their layers."""
    separator = known._separator
    found = {path: part for path, part in module.named_modules() if isinstance(part, nn.Embedding | nn.EmbeddingBag)}
    return {path.replace(".", separator): part for path, part in found.items()}


def _rows(table: nn.Module, data: DataBundle, count: int) -> tuple[Tensor, list[str]]:
    """The first rows of a table (n, D) and what they stand for: words, the commonest first, where the data has any."""
    weight = cast(Tensor, table.weight).detach().cpu().float()
    words = getattr(data.preprocessing, "vocabulary", ())
    if len(words) and len(words) + 2 == len(weight):  # two rows are for filling and unknown words
        return weight[2 : count + 2].clone(), list(words[:count])
    return weight[:count].clone(), [str(i) for i in range(min(count, len(weight)))]
