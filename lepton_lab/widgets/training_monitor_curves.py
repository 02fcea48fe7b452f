"""A growing table in a thousand pieces at most, each with mean and extremes: what a view draws of a long run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["MOST_BLOCKS", "Curves"]

MOST_BLOCKS = 1000
"""Pieces of a table; with a smallest and a largest value each, a curve has twice as many points."""

_ROWS_AT_ONCE = 65_536

Array = NDArray[np.float64]


class Curves:
    """Rows folded into blocks of 1, 2, 4, 8, … rows, as many as keep the number of blocks below a limit.

    A block keeps the last place on each axis and, for every other column, mean, smallest and largest value, NaN left
    out. A reader with the same blocks can fold two of them into one as well as this does, so only new blocks travel,
    and fewer and fewer of them the longer the run is. The last block may still be open.

    Args:
        axes: Columns that rise, such as "step".
        most: Largest number of complete blocks.

    Attributes:
        level: A block has 2 ** level rows.
        columns: Names of the other columns, known from the first rows on.
        total: Rows so far.
        complete: Blocks that will not change any more at this level.
    """

    def __init__(self, axes: Sequence[str], most: int = MOST_BLOCKS) -> None:
        self.axes, self.most = tuple(axes), most
        self.columns: tuple[str, ...] = ()
        self.level = self.total = self.complete = 0
        self._blocks: Array = np.zeros((len(self.axes), 0))  # axes, then sums, counts, smallest, largest
        self._rows: NDArray[np.int64] = np.zeros(0, np.int64)
        self._open, self._open_rows = self._blocks, self._rows

    def add(self, rows: Mapping[str, NDArray[Any]]) -> None:
        """Takes further rows in, given as columns of equal length."""
        count = len(next(iter(rows.values()))) if rows else 0
        if not count:
            return
        if not self.columns:
            self.columns = tuple(name for name in rows if name not in self.axes)
            self._blocks = self._open = np.zeros((len(self.axes) + 4 * len(self.columns), 0))
        self.total += count
        level = self.level
        while self.total >> level > self.most:
            level += 1
        if level > self.level:
            self.level = level
            records, sizes = self._all()
            self._blocks, self._rows = records[:, :0], sizes[:0]
            self._fold(records, sizes)
        for start in range(0, count, _ROWS_AT_ONCE):
            part = {name: values[start : start + _ROWS_AT_ONCE] for name, values in rows.items()}
            if not len(self._open_rows) and (whole := self._whole(part)):
                part = {name: values[whole:] for name, values in part.items()}
            raw = self._raw(part)
            sizes = np.concatenate([self._open_rows, np.ones(raw.shape[1], np.int64)])
            self._fold(np.concatenate([self._open, raw], axis=1), sizes)

    def names(self) -> list[str]:
        """What the rows of `since` are: axes, means, and where a block has several rows, smallest and largest."""
        parts = ("",) if self.level == 0 else ("", "low ", "high ")
        return [*self.axes, *(part + name for part in parts for name in self.columns)]

    def since(self, block: int = 0) -> NDArray[np.float32]:
        """Blocks from number `block` on, the open one last: one row for each of `names()`."""
        records = self._blocks[:, block:]
        if self._open.shape[1]:
            records = np.concatenate([records, self._combined(self._open, np.zeros(1, np.int64))], axis=1)
        axes, wide = len(self.axes), len(self.columns)
        sums, counts, low, high = (records[axes + i * wide : axes + (i + 1) * wide] for i in range(4))
        with np.errstate(invalid="ignore"):
            mean = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        parts = [records[:axes], mean] if self.level == 0 else [records[:axes], mean, low, high]
        return np.concatenate(parts).astype(np.float32)

    def axis(self, name: str) -> Array:
        """Where the blocks end on an axis, the open one included."""
        row = self.axes.index(name)
        return np.concatenate([self._blocks[row], self._open[row, -1:]])

    def _whole(self, rows: Mapping[str, NDArray[Any]]) -> int:
        """Takes the whole blocks at the beginning of rows in without the detour over one record a row.

        Returns how many rows that were; none where a value is missing.
        """
        size = 1 << self.level
        full = len(next(iter(rows.values()))) // size
        if full < 2 or size < 2 or any(name not in rows for name in self.columns):
            return 0
        blocks = [np.asarray(rows[name][: full * size]).reshape(full, size) for name in self.columns]
        sums = [block.sum(axis=1, dtype=np.float64) for block in blocks]
        if not np.isfinite(sums).all():
            return 0
        axes = [np.asarray(rows[name][size - 1 : full * size : size], np.float64) for name in self.axes]
        counts = [np.full(full, float(size))] * len(blocks)
        low, high = [block.min(axis=1) for block in blocks], [block.max(axis=1) for block in blocks]
        self._blocks = np.concatenate([self._blocks, np.stack([*axes, *sums, *counts, *low, *high])], axis=1)
        self._rows = np.concatenate([self._rows, np.full(full, size, np.int64)])
        self.complete = self._blocks.shape[1]
        return full * size

    def _raw(self, rows: Mapping[str, NDArray[Any]]) -> Array:
        axes = np.stack([np.asarray(rows[name], np.float64) for name in self.axes])
        missing = np.full(axes.shape[1], np.nan)
        values = np.stack([np.asarray(rows.get(name, missing), np.float64) for name in self.columns])
        known = ~np.isnan(values)
        return np.concatenate([axes, np.where(known, values, 0.0), known, values, values])

    def _all(self) -> tuple[Array, NDArray[np.int64]]:
        records = np.concatenate([self._blocks, self._open], axis=1)
        return records, np.concatenate([self._rows, self._open_rows])

    def _fold(self, records: Array, sizes: NDArray[np.int64]) -> None:
        """Completes as many blocks as the records fill; the rest stays open."""
        size = 1 << self.level
        ends = np.cumsum(sizes)
        full = int(ends[-1]) // size if len(ends) else 0
        edges = np.searchsorted(ends, size * np.arange(1, full + 1)) + 1
        if full:
            used = int(edges[-1])
            starts = np.concatenate([[0], edges[:-1]])
            done = self._combined(records[:, :used], starts)
            self._blocks = np.concatenate([self._blocks, done], axis=1)
            self._rows = np.concatenate([self._rows, np.full(full, size, np.int64)])
            records, sizes = records[:, used:], sizes[used:]
        self._open, self._open_rows = records, sizes
        self.complete = self._blocks.shape[1]

    def _combined(self, records: Array, starts: NDArray[np.int64]) -> Array:
        """One record for each group of neighbours; a group begins at each of `starts`."""
        if len(starts) == records.shape[1]:
            return records
        axes, wide = len(self.axes), len(self.columns)
        ends = np.concatenate([starts[1:], [records.shape[1]]]) - 1
        added = slice(axes, axes + 2 * wide)
        low, high = slice(added.stop, added.stop + wide), slice(added.stop + wide, None)
        return np.concatenate([
            records[:axes, ends],
            np.add.reduceat(records[added], starts, axis=1),
            np.fmin.reduceat(records[low], starts, axis=1),
            np.fmax.reduceat(records[high], starts, axis=1),
        ])  # fmt: skip
