"""What probes measured, in the store: one row a measured step, one blob a moment of kept feature maps."""

from __future__ import annotations

import json
import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from lepton_lab.errors import StoreError, UnknownNameError
from lepton_lab.probes.frames import Frame
from lepton_lab.probes.log import Column, Cost, Measurement, ProbeLog
from lepton_lab.workspace.rows import to_text

if TYPE_CHECKING:
    from lepton_lab.workspace.database import Database

__all__ = ["ReadingsWriter", "StoredProbes", "load_probes", "read_measurements"]

Layout = tuple[Column, ...]


class ReadingsWriter:
    """Brings the stored readings of one run up to date.

    Args:
        run_id: The run.
        log: What its probes measure, while another thread appends to it.
    """

    def __init__(self, run_id: str, log: ProbeLog) -> None:
        self._run, self._log = run_id, log
        self._rows = 0
        self._layouts: dict[Layout, int] = {}
        self._frames: set[int] = set()
        self._cost = log.cost()
        self._new: tuple[list[Measurement], int, dict[int, Frame]] = ([], 0, {})

    def look(self) -> bool:
        """Takes what is new, for the next `write`; returns whether there is anything."""
        found, after = self._log.measurements(self._rows)
        frames = self._log.kept_frames()
        self._new = found, after, frames
        return bool(found) or set(frames) != self._frames or self._log.cost() is not self._cost

    def write(self, connection: sqlite3.Connection) -> dict[str, Any]:
        """Writes what `look` took; returns the columns of the run's row that change with it."""
        found, _, frames = self._new
        layouts = dict(self._layouts)
        for i, m in enumerate(found):
            if m.layout not in layouts:
                layouts[m.layout] = len(layouts)
                text = to_text([column.to_json() for column in m.layout])
                connection.execute(
                    "INSERT OR REPLACE INTO reading_layouts (run, number, data) VALUES (?, ?, ?)",
                    (self._run, layouts[m.layout], text),
                )
            blob = m.values.astype("<f4").tobytes()
            connection.execute(
                "INSERT INTO readings (run, number, step, epoch, layout, data) VALUES (?, ?, ?, ?, ?, ?)",
                (self._run, self._rows + i, m.step, m.epoch, layouts[m.layout], blob),
            )
        for step in self._frames - set(frames):
            connection.execute("DELETE FROM frames WHERE run = ? AND step = ?", (self._run, step))
        connection.executemany(
            "INSERT OR REPLACE INTO frames (run, step, data) VALUES (?, ?, ?)",
            [(self._run, step, frame.to_bytes()) for step, frame in frames.items() if step not in self._frames],
        )
        self._cost = self._log.cost()
        return {"probe_cost": self._cost.to_json()}

    def written(self) -> None:
        """Called once the transaction of `write` is committed."""
        found, after, frames = self._new
        for m in found:
            self._layouts.setdefault(m.layout, len(self._layouts))
        self._rows, self._frames = after, set(frames)

    def take_back(self, connection: sqlite3.Connection) -> bool:
        """Forgets stored readings that the run, which goes on from a checkpoint, does not have; True where any were."""
        stored = connection.execute("SELECT count(*) FROM readings WHERE run = ?", (self._run,)).fetchone()[0]
        self._rows = min(stored, len(self._log))
        connection.execute("DELETE FROM readings WHERE run = ? AND number >= ?", (self._run, self._rows))
        self._layouts = {layout: number for number, layout in _layouts(connection, self._run).items()}
        steps = {row[0] for row in connection.execute("SELECT step FROM frames WHERE run = ?", (self._run,))}
        gone = steps - set(self._log.kept_frames())
        connection.executemany("DELETE FROM frames WHERE run = ? AND step = ?", [(self._run, s) for s in gone])
        self._frames = steps - gone
        return bool(stored > self._rows)


def read_measurements(
    connection: sqlite3.Connection, run_id: str, since: int = 0, layouts: dict[int, Layout] | None = None
) -> tuple[list[Measurement], int]:
    """Measured steps from number `since` on, and the number to ask for next time.

    Args:
        connection: The store.
        run_id: The run.
        since: The first number that is wanted.
        layouts: Layouts that are known already; new ones are added.

    Raises:
        StoreError: A row is damaged.
    """
    rows = connection.execute(
        "SELECT step, epoch, layout, data FROM readings WHERE run = ? AND number >= ? ORDER BY number", (run_id, since)
    ).fetchall()
    known = {} if layouts is None else layouts
    if any(row[2] not in known for row in rows):
        known.update(_layouts(connection, run_id))
    found = []
    for step, epoch, number, data in rows:
        values = np.frombuffer(data, "<f4").astype(np.float32) if len(data) % 4 == 0 else np.zeros(0, np.float32)
        layout = known.get(number, ())
        if len(values) != sum(column.size for column in layout):
            raise StoreError(
                "a probe's reading in a run's record is damaged",
                where=f"run {run_id}, step {step}",
                expected=f"{4 * sum(column.size for column in layout)} bytes",
                received=f"{len(data)} bytes",
            )
        found.append(Measurement(int(step), float(epoch), layout, values))
    return found, since + len(found)


def load_probes(database: Database, run_id: str) -> ProbeLog:
    """All readings of a run, for a run that goes on in this process."""
    log = ProbeLog()
    stored = StoredProbes(database, run_id)
    for measurement in stored.measurements()[0]:
        log.append(measurement)
    log.set_frames(stored.kept_frames().values())
    log.set_cost(**stored.cost().to_json())
    return log


class StoredProbes(ProbeLog):
    """Readings of a run of any process, read from the store; the same reading interface as a live run's.

    Args:
        database: The store.
        run_id: Whose readings.

    Threads: safe.
    """

    def __init__(self, database: Database, run_id: str) -> None:
        super().__init__()
        self._database, self._run_id = database, run_id
        self._read: list[Measurement] = []
        self._layouts: dict[int, Layout] = {}
        self._generation: int | None = None
        self._read_lock = threading.Lock()

    def append(self, measurement: Measurement) -> None:
        """Refused: only the process that trains writes.

        Raises:
            StoreError: Always.
        """
        raise StoreError("the readings of a stored run are read only", where=f"run {self._run_id}")

    def measurements(self, cursor: int = 0) -> tuple[list[Measurement], int]:
        """Measured steps from number `cursor` on, and the cursor for the next call."""
        with self._read_lock, self._database.read() as connection:
            row = connection.execute("SELECT generation FROM runs WHERE id = ?", (self._run_id,)).fetchone()
            if row is None:
                return [], max(0, cursor)
            if row[0] != self._generation:
                self._read, self._layouts, self._generation = [], {}, row[0]
            new, _ = read_measurements(connection, self._run_id, len(self._read), self._layouts)
            self._read.extend(new)
            return self._read[max(0, cursor) :], max(len(self._read), cursor)

    def kept_frames(self) -> dict[int, Frame]:
        """The feature maps that are kept, by step."""
        rows = self._database.rows("SELECT step, data FROM frames WHERE run = ? ORDER BY step", (self._run_id,))
        return {int(row["step"]): Frame.from_bytes(row["data"]) for row in rows}

    def frames(self) -> list[int]:
        """The steps at which feature maps of the pinned samples were kept, in order."""
        rows = self._database.rows("SELECT step FROM frames WHERE run = ? ORDER BY step", (self._run_id,))
        return [int(row["step"]) for row in rows]

    def frame(self, step: int) -> Frame:
        """The feature maps that were kept at a step.

        Raises:
            UnknownNameError: None were kept at this step.
        """
        row = self._database.row("SELECT data FROM frames WHERE run = ? AND step = ?", (self._run_id, step))
        if row is None:
            raise UnknownNameError("step with feature maps", step, map(str, self.frames()))
        return Frame.from_bytes(row["data"])

    def cost(self) -> Cost:
        """What the probes cost so far, and how far apart the budget spaces them."""
        row = self._database.row("SELECT probe_cost FROM runs WHERE id = ?", (self._run_id,))
        return Cost.from_json(json.loads(row[0]) if row is not None and row[0] else None)


def _layouts(connection: sqlite3.Connection, run_id: str) -> dict[int, Layout]:
    rows = connection.execute("SELECT number, data FROM reading_layouts WHERE run = ?", (run_id,))
    return {int(number): tuple(Column.from_json(c) for c in json.loads(data)) for number, data in rows}
