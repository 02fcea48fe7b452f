"""A split of images that does not fit into memory: decoded anew for each batch, a few batches ahead."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from lepton_lab.data.augmentation import (
    AugmentationSpec,
    augment,
    batch_generator,
    epoch_seed,
    read_augmentation,
)
from lepton_lab.data.bundle import Split
from lepton_lab.data.image_preprocessing import ImagePreprocessing
from lepton_lab.data.images_decode import Pixels, decode
from lepton_lab.data.images_reader import core_count, reason
from lepton_lab.data.images_source import ImageSource
from lepton_lab.data.imbalance import weighted_order
from lepton_lab.errors import DataError

__all__ = ["StreamSplit"]

_CHUNK = 16  # files that a thread takes at once
_MOST_AHEAD = 4  # batches
_SUBSTITUTES = 100


@dataclass
class _Pending:
    """A batch that is being decoded: its pixels, the threads' work on them, and its targets."""

    pixels: Tensor
    work: list[Future[None]]
    y: Tensor


class StreamSplit(Split):
    """Images that are read from their folder or zip whenever a batch needs them.

    Batches are decoded by threads while the caller computes. An image that turns out to be damaged is replaced by
    the next one of its class, so that the number of batches never changes; `unreadable` lists it.

    Args:
        source: Where the files lie.
        names: Their names.
        y: Their class numbers, int64 (N,).
        preprocessing: Brings them to one size.
        memory_bytes: What decoded batches that wait may take; one batch at least is decoded ahead.
        workers: Threads that decode, as many as there are cores where it is None; 0 decodes in the caller's thread.
        weights: How often an image is drawn when shuffling, relative to the others, (N,); all alike where None.
    """

    def __init__(
        self,
        source: ImageSource,
        names: Sequence[str],
        y: Tensor,
        preprocessing: ImagePreprocessing,
        *,
        memory_bytes: int = 256 << 20,
        workers: int | None = None,
        weights: Tensor | None = None,
    ) -> None:
        if len(names) != len(y):
            raise DataError(
                "images and targets differ in number", expected=f"{len(names)} targets", received=f"{len(y)}"
            )
        if not names:
            raise DataError("there are no samples", expected="at least one image", received="0")
        self.source, self.names, self.y, self.preprocessing = source, list(names), y, preprocessing
        self.memory_bytes, self.weights = memory_bytes, weights
        self.workers = core_count() if workers is None else workers
        self.unreadable: dict[str, str] = {}
        self._lock = threading.Lock()

    @override
    def __len__(self) -> int:
        return len(self.names)

    @override
    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.Lock()

    @override
    def targets(self) -> Tensor:
        return self.y

    @override
    def tensors(self) -> None:
        return None

    @override
    def batches(
        self,
        batch_size: int,
        *,
        shuffle: bool = False,
        generator: torch.Generator | None = None,
        device: str | torch.device = "cpu",
        drop_last: bool = False,
        training: bool = False,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        device = torch.device(device)
        order = self._order(generator) if shuffle else torch.arange(len(self))
        seed = epoch_seed(generator) if training and self.augmentation else 0
        for number, (x, y) in enumerate(self.stored(batch_size, order, drop_last=drop_last, pin=device.type == "cuda")):
            x, y = x.to(device, non_blocking=True), y.to(device, non_blocking=True)
            if training and self.augmentation:
                x = augment(x, self.augmentation, batch_generator(seed, number))
            yield self.preprocessing.batch(x, training=training), y

    def stored(
        self, batch_size: int, order: Tensor, *, drop_last: bool = False, pin: bool = False
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches as stored, uint8 on the CPU, in the given order of positions.

        A batch's memory is used again for a later one unless it is pinned: allocating anew made the heap grow to
        several times what was in use.

        Raises:
            DataError: Nothing of a class can be read any more, or `batch_size` is below 1.

        Threads: decodes in its own, which end with the iteration.
        """
        if batch_size < 1:
            raise DataError("a batch needs samples", expected="batch_size ≥ 1", received=str(batch_size))
        end = len(order) - len(order) % batch_size if drop_last else len(order)
        starts = iter(range(0, end, batch_size))
        image_bytes = int(np.prod(self.preprocessing.wanted.shape))
        ahead = min(_MOST_AHEAD, max(1, self.memory_bytes // max(image_bytes * batch_size, 1) - 1))
        if not self.workers:
            for start in starts:
                rows = order[start : start + batch_size]
                pixels = self._buffer(len(rows), pin)
                self._fill(pixels.numpy(), rows.tolist())
                yield pixels, self.y[rows]
            return
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="lepton-stream")
        pending: deque[_Pending] = deque()
        spare: list[Tensor] = []
        try:
            while True:
                for start in islice(starts, ahead - len(pending)):
                    rows = order[start : start + batch_size]
                    fits = spare and len(spare[-1]) >= len(rows)
                    buffer = spare.pop()[: len(rows)] if fits else self._buffer(len(rows), pin)
                    pending.append(self._submit(pool, rows, buffer))
                if not pending:
                    return
                batch = pending.popleft()
                for future in batch.work:
                    future.result()
                yield batch.pixels, batch.y
                if not pin:
                    spare.append(batch.pixels)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    @override
    def sample(self, index: int) -> tuple[Tensor, Tensor]:
        index = range(len(self))[index]
        pixels = torch.from_numpy(np.ascontiguousarray(self._pixels(index)))
        return self.preprocessing.batch(pixels[None])[0], self.y[index]

    @override
    def digest(self) -> str:
        """A hash of the files' names, sizes and times (in a zip: checksums), not of their contents."""
        sha = hashlib.sha256()
        for name, label in zip(self.names, self.y.tolist(), strict=True):
            sha.update(f"{name}:{self.source.stamp(name)}:{label}\n".encode("utf-8", "surrogateescape"))
        return sha.hexdigest()

    @override
    def with_augmentation(self, spec: AugmentationSpec) -> StreamSplit:
        return self._changed(augmentation=read_augmentation(spec))

    @override
    def resampled(self, *, weights: Tensor | None = None, rows: Tensor | None = None) -> StreamSplit:
        if rows is None:
            return self._changed(weights=weights)
        return self._changed(weights=weights, names=[self.names[i] for i in rows.tolist()], y=self.y[rows])

    def _changed(self, **changes: Any) -> StreamSplit:
        split = StreamSplit.__new__(StreamSplit)
        split.__setstate__({**self.__getstate__(), **changes})
        return split

    def _order(self, generator: torch.Generator | None) -> Tensor:
        if self.weights is not None:
            return weighted_order(self.weights, len(self), generator)
        return torch.randperm(len(self), generator=generator)

    def _buffer(self, count: int, pin: bool) -> Tensor:
        return torch.empty((count, *self.preprocessing.wanted.shape), dtype=torch.uint8, pin_memory=pin)

    def _submit(self, pool: ThreadPoolExecutor, rows: Tensor, pixels: Tensor) -> _Pending:
        array, positions = pixels.numpy(), rows.tolist()
        work = [
            pool.submit(self._fill, array[start : start + _CHUNK], positions[start : start + _CHUNK])
            for start in range(0, len(positions), _CHUNK)
        ]
        return _Pending(pixels, work, self.y[rows])

    def _fill(self, out: Pixels, rows: list[int]) -> None:
        for i, row in enumerate(rows):
            out[i] = self._pixels(row)

    def _pixels(self, row: int) -> Pixels:
        for candidate in self._candidates(row):
            name = self.names[candidate]
            if name in self.unreadable:
                continue
            try:
                return decode(self.source.read(name), self.preprocessing.wanted)
            except (DataError, OSError) as error:
                with self._lock:
                    self.unreadable[name] = reason(error)
        raise DataError(
            f"none of {_SUBSTITUTES} images after {self.names[row]!r} of the same class can be read",
            where=str(self.source.path),
            received=self.unreadable[self.names[row]],
            do="Check that the folder or zip is still there and whole",
        )

    def _candidates(self, row: int) -> Iterator[int]:
        yield row
        alike = (self.y == self.y[row]).nonzero().flatten().tolist()
        place = alike.index(row)
        for step in range(1, min(len(alike), _SUBSTITUTES)):
            yield alike[(place + step) % len(alike)]
