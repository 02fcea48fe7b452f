"""What is new in a run since a reader last looked, from any process."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.errors import UnknownNameError
from lepton_lab.probes.log import Reading, readings_of
from lepton_lab.training.run import Run
from lepton_lab.training.status import RunStatus
from lepton_lab.workspace import chunks
from lepton_lab.workspace.readings import read_measurements
from lepton_lab.workspace.rows import run_row, shown_status

if TYPE_CHECKING:
    from lepton_lab.workspace.stored import StoredRun

__all__ = ["Feed", "FeedCursor", "FeedUpdate"]


@dataclass(frozen=True)
class FeedCursor:
    """How far a reader has come.

    Attributes:
        steps: Rows of the step table that were read.
        epochs: Rows of the epoch table that were read.
        events: Events that were read.
        generation: Counts how often a resumed run took back rows that it then trained anew.
        readings: Measured steps whose readings were read.
    """

    steps: int = 0
    epochs: int = 0
    events: int = 0
    generation: int = 0
    readings: int = 0


@dataclass(frozen=True)
class FeedUpdate:
    """What is new.

    Attributes:
        cursor: Give it to the next `since`.
        pieces: New rows of the step table in pieces, oldest first; a long run's are not copied end to end for nothing.
        epochs: New rows of the epoch table by column.
        events: New events.
        status: The run's status now.
        readings: New readings of probes, step by step.
        reset: True where rows that were read before no longer count: drop them; this update begins at row 0.
    """

    cursor: FeedCursor
    pieces: list[chunks.Piece]
    epochs: chunks.Columns
    events: list[dict[str, Any]] = field(default_factory=list)
    status: RunStatus = field(default_factory=RunStatus)
    reset: bool = False
    readings: list[Reading] = field(default_factory=list)

    @cached_property
    def steps(self) -> chunks.Columns:
        """New rows of the step table by column; empty where there are none."""
        return chunks.join(self.pieces, [len(next(iter(piece.values()))) for piece in self.pieces])

    @property
    def empty(self) -> bool:
        """Whether no row, no event and no reading is new."""
        return not (self.pieces or self.epochs or self.events or self.readings)


class Feed:
    """Reads a run's record by cursor.

    Args:
        run: A run of a workspace, or one of this process, which is read from memory and need not be recorded.

    Threads: safe.
    """

    def __init__(self, run: StoredRun | Run) -> None:
        self.run_id = run.id
        self._source: _Stored | _Live = _Live(run) if isinstance(run, Run) else _Stored(run)

    def since(self, cursor: FeedCursor | None = None) -> FeedUpdate:
        """Everything after `cursor`, all of one moment; from the beginning without one.

        Raises:
            StoreError: The store cannot be read.
            UnknownNameError: The run was deleted.
        """
        return self._source.since(cursor or FeedCursor())

    def follow(self, cursor: FeedCursor | None = None, *, every_s: float = 0.05) -> Iterator[FeedUpdate]:
        """Yields an update whenever something changed, until the run has ended and all was given.

        Args:
            cursor: Where to begin.
            every_s: Seconds between two looks; a look that finds nothing new costs microseconds.
        """
        changes: Any = None
        looked, status = 0.0, None
        while True:
            now = self._source.changes()
            if now != changes or time.monotonic() - looked > 1.0:  # once a second: the process may have vanished
                changes, looked = now, time.monotonic()
                update = self.since(cursor)
                cursor = update.cursor
                if not update.empty or update.reset or update.status != status:
                    status = update.status
                    yield update
                if update.status.state.ended:
                    return
            time.sleep(every_s)


class _Live:
    """Reads a run of this process from memory."""

    def __init__(self, run: Run) -> None:
        self._run, self._history, self._generation = run, run.history, 0
        self._lock = threading.Lock()

    def changes(self) -> Any:
        run = self._run
        return run.status, run.history, len(run.history.steps), len(run.history.events), len(run.probes)

    def since(self, cursor: FeedCursor) -> FeedUpdate:
        with self._lock:
            status, history = self._run.status, self._run.history  # the status first: it never precedes its rows
            if history is not self._history:  # a run that was resumed begins with a shorter one
                self._history, self._generation = history, self._generation + 1
            generation = self._generation
        cursor, reset = _checked(cursor, generation)
        steps, new_steps = history.steps.since(cursor.steps)
        epochs, new_epochs = history.epochs.since(cursor.epochs)
        events, new_events = history.events_since(cursor.events)
        new_readings, readings = self._run.probes.since(cursor.readings)
        return FeedUpdate(
            FeedCursor(steps, epochs, events, generation, readings),
            [dict(new_steps)] if steps > cursor.steps else [],
            _filled(new_epochs, epochs > cursor.epochs),
            new_events,
            status,
            reset,
            new_readings,
        )


class _Stored:
    """Reads a run of a workspace."""

    def __init__(self, run: StoredRun) -> None:
        self.run_id, self._database = run.id, run.workspace.database

    def changes(self) -> Any:
        return self._database.changes()

    def since(self, cursor: FeedCursor) -> FeedUpdate:
        with self._database.read() as connection:
            found = connection.execute("SELECT * FROM runs WHERE id = ?", (self.run_id,)).fetchone()
            if found is None:
                raise UnknownNameError("run", self.run_id, (), do="It was deleted")
            row = run_row(found)
            cursor, reset = _checked(cursor, row["generation"])
            steps, pieces, lengths = chunks.pieces(connection, self.run_id, "steps", cursor.steps)
            epochs, new_epochs = chunks.read(connection, self.run_id, "epochs", cursor.epochs)
            events = connection.execute(
                "SELECT data FROM events WHERE run = ? AND number >= ? ORDER BY number", (self.run_id, cursor.events)
            ).fetchall()
            measured, readings = read_measurements(connection, self.run_id, cursor.readings)
        return FeedUpdate(
            FeedCursor(steps, epochs, cursor.events + len(events), row["generation"], readings),
            _same_columns(pieces, lengths),
            new_epochs,
            [json.loads(e["data"]) for e in events],
            shown_status(row),
            reset,
            [reading for m in measured for reading in readings_of(m)],
        )


def _checked(cursor: FeedCursor, generation: int) -> tuple[FeedCursor, bool]:
    """The cursor, or the beginning where it belongs to rows that were taken back."""
    if cursor == FeedCursor() or cursor.generation == generation:
        return cursor, False
    return FeedCursor(), True


def _same_columns(pieces: list[chunks.Piece], lengths: list[int]) -> list[chunks.Piece]:
    """The pieces, each with every column; NaN where it lacked one."""
    names = dict.fromkeys(name for piece in pieces for name in piece)
    pairs = zip(pieces, lengths, strict=True)
    return [{name: piece[name] if name in piece else np.full(n, np.nan) for name in names} for piece, n in pairs]


def _filled(columns: Mapping[str, NDArray[Any]], rows: bool) -> chunks.Columns:
    return {name: values.astype(np.float64) for name, values in columns.items()} if rows else {}
