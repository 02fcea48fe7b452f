"""What is new in a run since a reader last looked, from any process."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lepton_lab.errors import UnknownNameError
from lepton_lab.training.status import RunStatus
from lepton_lab.workspace import chunks
from lepton_lab.workspace.rows import run_row, shown_status

if TYPE_CHECKING:
    from lepton_lab.workspace.database import Database
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
    """

    steps: int = 0
    epochs: int = 0
    events: int = 0
    generation: int = 0


@dataclass(frozen=True)
class FeedUpdate:
    """What is new.

    Attributes:
        cursor: Give it to the next `since`.
        steps: New rows of the step table by column; empty where there are none.
        epochs: New rows of the epoch table by column.
        events: New events.
        status: The run's status now.
        reset: True where rows that were read before no longer count: drop them; this update begins at row 0.
    """

    cursor: FeedCursor
    steps: chunks.Columns
    epochs: chunks.Columns
    events: list[dict[str, Any]] = field(default_factory=list)
    status: RunStatus = field(default_factory=RunStatus)
    reset: bool = False

    @property
    def empty(self) -> bool:
        """Whether no row and no event is new."""
        return not (self.steps or self.epochs or self.events)


class Feed:
    """Reads a run's record by cursor.

    Args:
        run: A run of a workspace.

    Threads: safe.
    """

    def __init__(self, run: StoredRun) -> None:
        self.run_id = run.id
        self._database: Database = run.workspace.database

    def since(self, cursor: FeedCursor | None = None) -> FeedUpdate:
        """Everything after `cursor`, all of one moment; from the beginning without one.

        Raises:
            StoreError: The store cannot be read.
            UnknownNameError: The run was deleted.
        """
        cursor = cursor or FeedCursor()
        with self._database.read() as connection:
            found = connection.execute("SELECT * FROM runs WHERE id = ?", (self.run_id,)).fetchone()
            if found is None:
                raise UnknownNameError("run", self.run_id, (), do="It was deleted")
            row = run_row(found)
            reset = cursor != FeedCursor() and cursor.generation != row["generation"]
            if reset:
                cursor = FeedCursor()
            steps, new_steps = chunks.read(connection, self.run_id, "steps", cursor.steps)
            epochs, new_epochs = chunks.read(connection, self.run_id, "epochs", cursor.epochs)
            events = connection.execute(
                "SELECT data FROM events WHERE run = ? AND number >= ? ORDER BY number", (self.run_id, cursor.events)
            ).fetchall()
        return FeedUpdate(
            FeedCursor(steps, epochs, cursor.events + len(events), row["generation"]),
            new_steps,
            new_epochs,
            [json.loads(e["data"]) for e in events],
            shown_status(row),
            reset,
        )

    def follow(self, cursor: FeedCursor | None = None, *, every_s: float = 0.05) -> Iterator[FeedUpdate]:
        """Yields an update whenever something changed, until the run has ended and all was given.

        Args:
            cursor: Where to begin.
            every_s: Seconds between two looks; a look that finds nothing new costs microseconds.
        """
        changes, looked, status = -1, 0.0, None
        while True:
            now = self._database.changes()
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
