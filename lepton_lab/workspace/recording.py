"""The record of one run: what of it is in the store already, and how the rest gets there."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lepton_lab.errors import LeptonError
from lepton_lab.training.commands import Command
from lepton_lab.training.status import RunState, RunStatus
from lepton_lab.workspace import chunks
from lepton_lab.workspace.checkpoints import index_checkpoints, scan_checkpoints
from lepton_lab.workspace.live import Sharing
from lepton_lab.workspace.liveness import this_process
from lepton_lab.workspace.readings import ReadingsWriter
from lepton_lab.workspace.rows import insert_run, to_text, update_run
from lepton_lab.workspace.versions import versions

if TYPE_CHECKING:
    from lepton_lab.training.run import Run
    from lepton_lab.workspace.database import Database

__all__ = ["HEARTBEAT_S", "Recording"]

HEARTBEAT_S = 1.0
"""How often a run that has nothing new says that it is alive, in seconds."""

_RETRY_S = 1.0
_FINGERPRINT_AFTER_S = 1.0
_FINGERPRINT_WAIT_S = 0.5
_TABLES = ("steps", "epochs")
_DROP_ORDERS = (
    "UPDATE commands SET taken = ?, answered = ?, error = 'the run was interrupted' WHERE run = ? AND answered IS NULL"
)


class Recording:
    """Writes one run.

    Threads: `register` in the thread that starts the run, everything else in the pump's.

    Args:
        database: The store.
        run: The run, whose history and status are read while another thread writes them.
        details: Columns of the run's row that the run itself does not know, such as its project.

    Attributes:
        ending: True once the run has ended.
        fresh: True until the store was first asked for orders.
        done: Set once the run has ended and everything of it is written.
        sharing: Shares the present weights with who asks for them.
    """

    def __init__(self, database: Database, run: Run, details: Mapping[str, Any]) -> None:
        self.database, self.run, self.details = database, run, dict(details)
        self.ending = False
        self.fresh = True
        self.done = threading.Event()
        self.sharing = Sharing(run, self.done)
        self._lock = threading.Lock()
        self._registered = False
        self._rows = dict.fromkeys(_TABLES, 0)
        log = getattr(run, "probes", None)  # a stand-in for a run may have none
        self._readings = ReadingsWriter(run.id, log) if log is not None else None
        self._events = 0
        self._status: RunStatus | None = None
        self._wrote = 0.0
        self._retry_at = 0.0
        self._failing = False
        self._delivered: list[str] = []
        self._taken_up = False
        self._hashing: threading.Thread | None = None
        self._fingerprint: str | None = None

    def register(self) -> None:
        """Enters the run into the store, or takes over its entry where it goes on after an interruption.

        Raises:
            StoreError: The store cannot be written.
        """
        run = self.run
        with self.database.write() as connection:
            known = connection.execute("SELECT started FROM runs WHERE id = ?", (run.id,)).fetchone()
            values = self._row_values() | self.details
            if known is None:
                insert_run(connection, values | {"created": run.created})
            else:
                del values["name"]  # somebody may have renamed it, or its project
                values.pop("project", None)
                update_run(connection, run.id, values | {"ended": None, "duration": None, "error": None})
                self._take_back(connection)
                if known["started"] is not None:  # orders to the process that is gone
                    connection.execute(_DROP_ORDERS, (time.time(), time.time(), run.id))
        self._registered = True

    def write(self) -> bool:
        """Brings the store up to date; returns whether it is.

        A store that cannot be written (disk full, locked) never disturbs the run: the rows wait in memory, the run's
        events say so once, and the next calls try again.
        """
        with self._lock:
            return self._write()

    def _write(self) -> bool:
        if time.monotonic() < self._retry_at:
            return False
        try:
            if not self._registered:
                self.register()
            self._write_news()
        except Exception as error:  # whatever it is, the run must not suffer from its record
            self._retry_at = time.monotonic() + _RETRY_S
            if not self._failing:
                self._failing = True
                self.run.history.add_event("recording", f"The record waits in memory and is tried again: {error}")
            return False
        if self._failing:
            self._failing = False
            self.run.history.add_event("recording", "The record is complete again.")
            return self._write() if self.ending else True
        return True

    def deliver_commands(self) -> None:
        """Hands the run what other processes ordered, and notes which orders it has taken up."""
        self._answer()
        self.fresh = False
        query = "SELECT id, name, args FROM commands WHERE run = ? AND taken IS NULL ORDER BY created, rowid"
        waiting = self.database.rows(query, (self.run.id,))
        if not waiting:
            return
        now, outcomes = time.time(), []
        for row in waiting:
            error = self._deliver(row)
            at_once = error is not None or row["name"] == "step"  # single steps go on long after they were ordered
            outcomes.append((now, now if at_once else None, error, row["id"]))
            if not at_once:
                self._delivered.append(row["id"])
        with self.database.write() as connection:
            connection.executemany("UPDATE commands SET taken = ?, answered = ?, error = ? WHERE id = ?", outcomes)

    @property
    def awaits_answer(self) -> bool:
        """Whether an order was handed over that the run has not taken up yet."""
        return bool(self._delivered)

    def _deliver(self, order: sqlite3.Row) -> str | None:
        if self.run.status.state.ended:
            return f"the run has ended ({self.run.status.state})"
        try:
            self.run.send(Command(order["name"], json.loads(order["args"]), id=order["id"]))
        except (LeptonError, ValueError) as error:  # what a newer version or a stranger wrote
            return str(error)
        return None

    def _answer(self) -> None:
        """Answers orders one look after the run took them up, with their effect written first."""
        if not self._delivered:
            return
        settled, self._taken_up = self._taken_up, not self.run.controls.pending
        if settled and self._taken_up and self.write():
            with self.database.write() as connection:
                connection.executemany(
                    "UPDATE commands SET answered = ? WHERE id = ?", [(time.time(), i) for i in self._delivered]
                )
            self._delivered.clear()
            self._taken_up = False

    def _write_news(self) -> None:
        run, now = self.run, time.time()
        status = run.status  # before the rows: a final status never precedes its last rows
        if status.state.ended and not self.ending:  # its last checkpoint may still be on its way
            status = self._status or replace(status, state=RunState.STOPPING)
        news = {kind: getattr(run.history, kind).since(self._rows[kind]) for kind in _TABLES}
        after_events, events = run.history.events_since(self._events)
        fresh = any(after > self._rows[kind] for kind, (after, _) in news.items())
        measured = self._readings is not None and self._readings.look()
        if not (fresh or measured or events or status is not self._status or now - self._wrote >= HEARTBEAT_S):
            return
        saved = scan_checkpoints(run.folder) if news["epochs"][0] > self._rows["epochs"] or status.state.ended else None
        with self.database.write() as connection:
            for kind, (_, columns) in news.items():
                chunks.append(connection, run.id, kind, self._rows[kind], columns)
            connection.executemany(
                "INSERT INTO events (run, number, data) VALUES (?, ?, ?)",
                [(run.id, self._events + i, to_text(event)) for i, event in enumerate(events)],
            )
            changes = self._progress(status, now)
            if self._readings is not None and measured:
                changes |= self._readings.write(connection)
            update_run(connection, run.id, changes)
            if saved is not None:
                index_checkpoints(connection, run.id, saved)
            if status.state.ended:
                unanswered = "UPDATE commands SET answered = ? WHERE run = ? AND taken NOT NULL AND answered IS NULL"
                connection.execute(unanswered, (now, run.id))
        for kind, (after, _) in news.items():
            self._rows[kind] = after
        if self._readings is not None and measured:
            self._readings.written()
        self._events, self._status, self._wrote = after_events, status, now

    def _progress(self, status: RunStatus, now: float) -> dict[str, Any]:
        values: dict[str, Any] = {"state": str(status.state), "heartbeat": now}
        if status is not self._status:
            values |= {"status": status.to_json(), "device": status.device, "duration": status.elapsed_s}
            if self._status is None or status.state != self._status.state:
                values |= {"settings": self.run.settings, "ended": now if status.state.ended else None}
        if status.state is RunState.FAILED:
            values["error"] = str(self.run.exception())
        if status.state.ended or now - self.run.created > _FINGERPRINT_AFTER_S:
            self._start_fingerprint(status.state.ended)
        if self._fingerprint is not None:
            values["fingerprint"] = self._fingerprint
        return values

    def _start_fingerprint(self, ended: bool) -> None:
        """Hashes the data in a thread of its own, since that reads all of it."""
        if self._hashing is None:
            self._hashing = threading.Thread(target=self._find_fingerprint, name="lepton-lab-fingerprint", daemon=True)
            self._hashing.start()
        if ended:
            self._hashing.join(_FINGERPRINT_WAIT_S)

    def _find_fingerprint(self) -> None:
        try:
            self._fingerprint = self.run.fingerprint()
        except Exception as error:  # files that went away meanwhile
            self.run.history.add_event("recording", f"The data's fingerprint is not known: {error}")

    def _row_values(self) -> dict[str, Any]:
        run, status = self.run, self.run.status
        owner = this_process()
        return {
            "id": run.id,
            "name": run.name,
            "state": str(status.state),
            "status": status.to_json(),
            "network": run.network,
            "settings": run.settings,
            "seed": run.settings.get("seed"),
            "versions": versions(),
            "data": run.data,
            "parent": run.parent,
            "device": status.device,
            "started": time.time(),
            "measures": {"metrics": list(run.history.metrics), "validation": run.history.validation},
            "host": owner.host,
            "pid": owner.pid,
            "process_started": owner.process_started,
            "heartbeat": time.time(),
        }

    def _take_back(self, connection: sqlite3.Connection) -> None:
        """Forgets stored rows that the run, which begins at a checkpoint, will train anew."""
        run, shorter = self.run, False
        for kind in _TABLES:
            stored = chunks.row_count(connection, run.id, kind)
            self._rows[kind] = min(stored, len(getattr(run.history, kind)))
            if stored > self._rows[kind]:
                chunks.truncate(connection, run.id, kind, self._rows[kind])
                shorter = True
        stored = connection.execute("SELECT count(*) FROM events WHERE run = ?", (run.id,)).fetchone()[0]
        self._events = min(stored, len(run.history.events))
        connection.execute("DELETE FROM events WHERE run = ? AND number >= ?", (run.id, self._events))
        if self._readings is not None and self._readings.take_back(connection):
            shorter = True
        if shorter or stored > self._events:
            connection.execute("UPDATE runs SET generation = generation + 1 WHERE id = ?", (run.id,))
