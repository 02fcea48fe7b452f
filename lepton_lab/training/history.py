"""What a run has measured so far: columns that grow, read by cursor."""

from __future__ import annotations

import math
import threading
import time
from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["History", "Table"]

_ROWS_PER_CHUNK = 4096

STEP_COLUMNS = ("step", "epoch", "time", "loss", "lr", "grad_norm", "samples_per_s")
"""Columns of `History.steps` before the metrics."""


class Table:
    """Rows of numbers under named columns; appending costs the same however long it is.

    Values of the open chunk lie row by row in one array; a full chunk is turned into columns once, of float64, or of
    float32 where the column is `single` (what a device computes in single precision loses nothing).

    Threads: one lock guards every method.

    Args:
        columns: Names of the columns.
        single: Columns kept in single precision.
    """

    def __init__(self, columns: Sequence[str], single: Sequence[str] = ()) -> None:
        self.columns = tuple(columns)
        self.dtypes = {c: np.dtype(np.float32 if c in set(single) else np.float64) for c in self.columns}
        self._width = len(self.columns)
        self._capacity = _ROWS_PER_CHUNK * self._width
        self._open = array("d")
        self._closed: list[dict[str, NDArray[np.floating[Any]]]] = []
        self._lock = threading.Lock()

    def append(self, row: Sequence[float]) -> None:
        """Adds one row: a value for every column, in their order; NaN where there is none.

        Raises:
            ValueError: The row has another number of values than the table has columns.
        """
        if len(row) != self._width:
            raise ValueError(f"expected {self._width} values {self.columns}, received {len(row)}")
        values = array("d", row)  # converted before the lock: a bad value leaves the table whole
        with self._lock:
            self._open.extend(values)
            if len(self._open) >= self._capacity:
                self._close_chunk()

    def extend(self, columns: Mapping[str, Sequence[float] | NDArray[Any]]) -> None:
        """Adds many rows given as columns; a column that is missing is filled with NaN."""
        length = max((len(v) for v in columns.values()), default=0)
        block = np.full((length, self._width), math.nan)
        for i, name in enumerate(self.columns):
            if name in columns:
                block[:, i] = columns[name]
        start = 0
        with self._lock:
            while start < length:
                room = _ROWS_PER_CHUNK - len(self._open) // self._width
                self._open.frombytes(block[start : start + room].tobytes())
                start += room
                if len(self._open) >= self._capacity:
                    self._close_chunk()

    def __len__(self) -> int:
        with self._lock:
            return len(self._closed) * _ROWS_PER_CHUNK + len(self._open) // self._width

    def since(self, cursor: int = 0) -> tuple[int, dict[str, NDArray[np.floating[Any]]]]:
        """The rows from number `cursor` on.

        Returns:
            The cursor for the next call, and a fresh array for every column.
        """
        cursor = max(0, cursor)
        with self._lock:
            first = min(cursor // _ROWS_PER_CHUNK, len(self._closed))
            closed = self._closed[first:]
            tail = np.frombuffer(self._open.tobytes(), dtype=np.float64).reshape(-1, self._width)
        start = cursor - first * _ROWS_PER_CHUNK
        columns = {}
        for i, name in enumerate(self.columns):
            parts = [chunk[name] for chunk in closed] + [tail[:, i].astype(self.dtypes[name])]
            columns[name] = np.concatenate(parts)[start:]
        end = first * _ROWS_PER_CHUNK + len(closed) * _ROWS_PER_CHUNK + len(tail)
        return max(end, cursor), columns

    def last(self) -> dict[str, float] | None:
        """The newest row; None where there is none."""
        cursor = len(self) - 1
        if cursor < 0:
            return None
        return {name: float(values[0]) for name, values in self.since(cursor)[1].items()}

    def nbytes(self) -> int:
        """Memory that the values take, in bytes."""
        with self._lock:
            closed = sum(values.nbytes for chunk in self._closed for values in chunk.values())
            return closed + len(self._open) * self._open.itemsize

    def to_frame(self) -> pd.DataFrame:
        """All rows as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.since(0)[1])

    def _close_chunk(self) -> None:
        block = np.frombuffer(self._open, dtype=np.float64).reshape(-1, self._width)
        self._closed.append({c: block[:, i].astype(self.dtypes[c]) for i, c in enumerate(self.columns)})
        self._open = array("d")


class History:
    """All that a run has recorded; reads like what Keras's `fit` returns.

    `history["val_loss"]` and `history.history["val_loss"]` are lists with one value an epoch. `steps` has a row for
    every logged step and `epochs` one for every epoch; both are read with `since(cursor)`.

    Threads: written by the training thread, read by any.

    Args:
        metrics: Names of the training metrics beside the loss, such as "accuracy".
        validation: Whether there are `val_…` columns.
    """

    def __init__(self, metrics: Sequence[str] = (), validation: bool = False) -> None:
        self.metrics = tuple(metrics)
        self.validation = validation
        single = ("loss", "grad_norm", *self.metrics)
        self.steps = Table((*STEP_COLUMNS, *self.metrics), single)
        trained = ("loss", *self.metrics)
        validated = tuple(f"val_{name}" for name in trained) if validation else ()
        self.epochs = Table(("epoch", *trained, *validated, "lr", "time"))
        self.events: list[dict[str, Any]] = []

    def add_event(self, kind: str, message: str, **details: Any) -> dict[str, Any]:
        """Notes something a reader should know: `{"kind", "message", "at" (Unix time, s), …details}`."""
        event = {"kind": kind, "message": message, "at": time.time(), **details}
        self.events.append(event)
        return event

    def events_since(self, cursor: int = 0) -> tuple[int, list[dict[str, Any]]]:
        """The events from number `cursor` on, and the cursor for the next call."""
        events = self.events[cursor:]
        return cursor + len(events), events

    @property
    def epoch(self) -> list[int]:
        """Numbers of the epochs that ended, from 0, as Keras counts them."""
        return list(range(len(self.epochs)))

    @property
    def history(self) -> dict[str, list[float]]:
        """One list of values an epoch for every metric, as in Keras."""
        columns = self.epochs.since(0)[1]
        return {name: values.tolist() for name, values in columns.items() if name not in ("epoch", "time")}

    def __getitem__(self, name: str) -> list[float]:
        history = self.history
        if name not in history:
            from lepton_lab.errors import UnknownNameError

            raise UnknownNameError("column of the history", name, history)
        return history[name]

    def __contains__(self, name: object) -> bool:
        return name in self.history

    def __iter__(self) -> Iterator[str]:
        return iter(self.history)

    def __len__(self) -> int:
        return len(self.epochs)

    def keys(self) -> list[str]:
        """Names of the columns that have one value an epoch."""
        return list(self.history)

    def to_frame(self) -> pd.DataFrame:
        """One row an epoch; `steps.to_frame()` gives the logged steps."""
        return self.epochs.to_frame().astype({"epoch": int})

    def to_json(self) -> dict[str, Any]:
        """What `from_json` needs, the steps left out (the store keeps those in chunks)."""
        return {"metrics": list(self.metrics), "validation": self.validation, "events": list(self.events)}

    @classmethod
    def restore(
        cls,
        about: Mapping[str, Any],
        steps: Mapping[str, Sequence[float] | NDArray[Any]],
        epochs: Mapping[str, Sequence[float] | NDArray[Any]],
    ) -> History:
        """A history again from `to_json()` and the columns of its two tables."""
        history = cls(tuple(about.get("metrics", ())), bool(about.get("validation", False)))
        history.events.extend(dict(e) for e in about.get("events", ()))
        history.steps.extend(steps)
        history.epochs.extend(epochs)
        return history

    def truncated(self, step: int, epoch: int) -> History:
        """A copy that ends with `step` steps and `epoch` epochs: what a run that goes on from there starts with."""
        steps, epochs = self.steps.since(0)[1], self.epochs.since(0)[1]
        kept_steps = {k: v[steps["step"] <= step] for k, v in steps.items()}
        kept_epochs = {k: v[epochs["epoch"] <= epoch] for k, v in epochs.items()}
        return History.restore(self.to_json(), kept_steps, kept_epochs)
