"""A run's history read from the store when somebody asks for it."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.errors import StoreError, UnknownNameError
from lepton_lab.training.history import History, Table
from lepton_lab.workspace import chunks
from lepton_lab.workspace.downsample import downsample

if TYPE_CHECKING:
    from lepton_lab.workspace.database import Database

__all__ = ["StoredHistory", "StoredTable"]


class StoredTable(Table):
    """Columns that grow in the store, kept in memory once read.

    Args:
        database: The store.
        run_id: Whose columns.
        kind: "steps" or "epochs".
        columns: Names that exist even before the first row.
    """

    def __init__(self, database: Database, run_id: str, kind: str, columns: Sequence[str]) -> None:
        super().__init__(columns)
        self._database, self._run_id, self._kind = database, run_id, kind
        self._parts: list[chunks.Columns] = []
        self._lengths: list[int] = []
        self._generation: int | None = None
        self._read_lock = threading.Lock()

    def append(self, row: Sequence[float]) -> None:
        """Refused: only the process that trains writes.

        Raises:
            StoreError: Always.
        """
        raise StoreError("the history of a stored run is read only", where=f"run {self._run_id}")

    def extend(self, columns: Mapping[str, Sequence[float] | NDArray[Any]]) -> None:
        """Refused, as `append` is.

        Raises:
            StoreError: Always.
        """
        self.append(())

    def __len__(self) -> int:
        with self._read_lock:
            self._refresh()
            return sum(self._lengths)

    def since(self, cursor: int = 0) -> tuple[int, dict[str, NDArray[np.floating[Any]]]]:
        """The rows from number `cursor` on, and the cursor for the next call."""
        cursor = max(0, cursor)
        with self._read_lock:
            self._refresh()
            if len(self._parts) > 1:
                self._parts = [chunks.join(self._parts, self._lengths)]
                self._lengths = [sum(self._lengths)]
            rows, whole = (self._lengths[0], self._parts[0]) if self._parts else (0, {})
        names = dict.fromkeys((*self.columns, *whole))
        missing = np.full(max(0, rows - cursor), np.nan)
        return max(rows, cursor), {n: whole[n][cursor:].copy() if n in whole else missing.copy() for n in names}

    def curve(self, column: str, *, against: str = "", points: int = 2000) -> tuple[NDArray[Any], NDArray[Any]]:
        """A column thinned to about `points` points with its extremes kept, for drawing a long run.

        Args:
            column: What to read.
            against: The other axis; "step" or "epoch" by default.
            points: How many points to aim for.

        Raises:
            UnknownNameError: No such column.
        """
        _, columns = self.since(0)
        for name in (column, against):
            if name and name not in columns:
                raise UnknownNameError("column of the history", name, columns)
        x = columns[against or ("step" if "step" in columns else "epoch")]
        return downsample(x.astype(np.float64), columns[column].astype(np.float64), points)

    def nbytes(self) -> int:
        """Memory that the values take, in bytes."""
        with self._read_lock:
            return sum(values.nbytes for part in self._parts for values in part.values())

    def _refresh(self) -> None:
        with self._database.read() as connection:
            row = connection.execute("SELECT generation FROM runs WHERE id = ?", (self._run_id,)).fetchone()
            if row is None:
                return
            if row["generation"] != self._generation:
                self._parts, self._lengths, self._generation = [], [], row["generation"]
            have = sum(self._lengths)
            after, new = chunks.read(connection, self._run_id, self._kind, have)
        if after > have:
            self._parts.append(new)
            self._lengths.append(after - have)


class StoredHistory(History):
    """Reads like the history of a run in this process.

    Args:
        database: The store.
        run_id: Whose history.
        measures: What `History.to_json` gave when the run began.
    """

    def __init__(self, database: Database, run_id: str, measures: Mapping[str, Any]) -> None:
        super().__init__(tuple(measures.get("metrics", ())), bool(measures.get("validation", False)))
        self._database, self._run_id = database, run_id
        self.steps: StoredTable = StoredTable(database, run_id, "steps", self.steps.columns)
        self.epochs: StoredTable = StoredTable(database, run_id, "epochs", self.epochs.columns)

    def add_event(self, kind: str, message: str, **details: Any) -> dict[str, Any]:
        """Refused: only the process that trains writes.

        Raises:
            StoreError: Always.
        """
        self.steps.append(())
        return {}

    def refresh_events(self) -> None:
        """Reads the events that are new; `StoredRun.history` does so each time."""
        query = "SELECT data FROM events WHERE run = ? AND number >= ? ORDER BY number"
        new = self._database.rows(query, (self._run_id, len(self.events)))
        self.events.extend(json.loads(row["data"]) for row in new)
