"""What a monitor reads of one run, whatever process trains it: curves, status, events, and what people wrote on it."""

from __future__ import annotations

import json
import math
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lepton_lab.errors import NonFiniteError
from lepton_lab.training.run import Run, active_runs
from lepton_lab.training.status import RunStatus
from lepton_lab.widgets._orders import failure
from lepton_lab.widgets.training_monitor_curves import Curves
from lepton_lab.workspace import Feed, StoredRun, StoreRecorder
from lepton_lab.workspace.feed import FeedCursor

__all__ = ["News", "Reader", "record_of"]

_AXES = ("step", "epoch", "time")
_LOOK_S = 1.0  # between two looks whether a process is still there, and what people wrote on a run
_EVENTS = 40
_SETTINGS = ("lr", "batch_size", "epochs", "optimizer", "schedule", "loss", "weight_decay", "patience", "seed")
_MEMORY = ("memory ran out", "out of memory", "outofmemory", "memoryerror")
_NOT_FINITE = re.compile(r"\b(nan|inf|not finite|infinite)\b")
_TABLES = ("steps", "epochs")


def record_of(run: Run | StoredRun) -> StoredRun | None:
    """The entry of a run in its workspace; None where nobody records it."""
    if isinstance(run, StoredRun):
        return run
    recorder = run._recorder
    return StoredRun(recorder.workspace, run.id) if isinstance(recorder, StoreRecorder) else None


@dataclass
class News:
    """What one message says of a run.

    Attributes:
        content: Plain JSON data.
        buffers: The tables that `content["tables"]` names, in its order.
    """

    content: dict[str, Any]
    buffers: list[NDArray[np.float32]] = field(default_factory=list)


@dataclass
class _Sent:
    """What the last message to all views told."""

    generation: int = -1
    complete: dict[str, tuple[int, int]] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    status: RunStatus | None = None
    about: dict[str, Any] | None = None
    events: int = 0


class Reader:
    """Follows one run.

    Args:
        run: A run of this process, or one of a workspace. One that trains here is read from memory.

    Attributes:
        id: The run's.
        record: Its entry in the workspace; None where nobody records it.
        generation: Counts how often rows that were read before stopped to count.

    Threads: safe.
    """

    def __init__(self, run: Run | StoredRun) -> None:
        self.id = run.id
        self.generation = -1
        self._lock = threading.RLock()
        self._sent = _Sent()
        self._before: Any = None  # what `_seen` gave at the last look
        self._looked = -math.inf
        self._bind(run)

    @property
    def run(self) -> Run | StoredRun:
        """The run; one of this process as soon as it trains here."""
        return self._run

    @property
    def status(self) -> RunStatus:
        """What the run was doing when it was last looked at."""
        return self._status

    @property
    def about(self) -> Mapping[str, Any]:
        """What was known beside the status when it was last looked at: names, settings, data, why it failed."""
        return self._about

    @property
    def events(self) -> list[dict[str, Any]]:
        """What happened so far, oldest first."""
        return list(self._events)

    def refresh(self) -> None:
        """Takes in what is new.

        Raises:
            StoreError: The store cannot be read.
            UnknownNameError: The run was deleted.
        """
        with self._lock:
            now = time.monotonic()
            if isinstance(self._run, StoredRun):
                own = next((run for run in active_runs() if run.id == self.id), None)
                if own is not None:
                    self._bind(own)
            seen = self._seen()
            due = now - self._looked > _LOOK_S
            if seen == self._before and not (due and isinstance(self._run, StoredRun)):
                if due:
                    self._look(now)
                return
            self._before = seen
            self._take(self._feed.since(self._cursor))
            if now - self._looked > _LOOK_S:
                self._look(now)

    def everything(self) -> News:
        """All that a view needs that knows nothing."""
        with self._lock:
            return self._news(_Sent())

    def news(self) -> News | None:
        """What is new since this was last called; None for nothing."""
        with self._lock:
            told = self._news(self._sent)
            self._sent = _Sent(
                self.generation,
                {name: (table.level, table.complete) for name, table in self.tables.items()},
                {name: table.total for name, table in self.tables.items()},
                self._status,
                self._about,
                len(self._events),
            )
            return told if len(told.content) > 2 else None

    def look(self) -> None:
        """Reads anew what people wrote on the run, because somebody has just done so."""
        with self._lock:
            self._look(time.monotonic())

    def detail(self, table: str, first: int, last: int) -> Curves:
        """Rows `first` up to, not including, `last` in finer blocks: what a zoom shows."""
        _, rows = getattr(self._run.history, table).since(first)
        fine = Curves(_AXES)
        cut = {name: values[: max(0, last - first)] for name, values in rows.items()}
        with self._lock:
            fine.add(self._placed(cut) if table == "epochs" else cut)
        return fine

    def curve(self, table: str, axis: str, column: str) -> tuple[NDArray[Any], NDArray[Any]]:
        """One curve as it stands, for a picture."""
        with self._lock:
            curves = self.tables[table]
            if column not in curves.columns:
                return np.zeros(0), np.zeros(0)
            blocks = curves.since()
            return blocks[_AXES.index(axis)], blocks[len(_AXES) + curves.columns.index(column)]

    # --- inside ----------------------------------------------------------------------------------------------------

    def _bind(self, run: Run | StoredRun) -> None:
        self._run, self._feed = run, Feed(run)
        self.record = record_of(run)
        self._cursor: FeedCursor | None = None
        self.generation += 1
        self.tables = {name: Curves(_AXES) for name in _TABLES}
        self._events: list[dict[str, Any]] = []
        self._status = RunStatus()
        self._about: dict[str, Any] = {}
        self._sent = _Sent()
        self._before, self._looked = None, -math.inf

    def _seen(self) -> Any:
        if isinstance(self._run, StoredRun):
            return self._run.workspace.database.changes()
        history = self._run.history
        return id(history), self._run.status, len(history.events)

    def _take(self, update: Any) -> None:
        if update.reset:
            self.generation += 1
            self.tables = {name: Curves(_AXES) for name in _TABLES}
            self._events = []
        self._cursor = update.cursor
        ended = update.status.state.ended != self._status.state.ended
        self._status = update.status
        for piece in update.pieces:
            self.tables["steps"].add(piece)
        self.tables["epochs"].add(self._placed(update.epochs))
        self._events.extend(update.events)
        if ended:
            self._looked = -math.inf  # why it ended

    def _placed(self, epochs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Rows of the epoch table with the step at which each epoch ended."""
        if not epochs:
            return {}
        steps = self.tables["steps"]
        if steps.total:
            at = np.interp(epochs["epoch"], steps.axis("epoch"), steps.axis("step"))
        else:
            at = epochs["epoch"] * (self._status.steps / max(1, self._status.epochs))
        return {**epochs, "step": at}

    def _look(self, now: float) -> None:
        self._looked = now
        run, settings = self._run, self._run.settings
        about: dict[str, Any] = {
            "name": run.name, "star": False, "tags": [], "note": "", "recorded": self.record is not None,
            "here": isinstance(run, Run), "settings": {name: settings.get(name) for name in _SETTINGS},
            "data": str(run.data.get("name") or ""), "task": str(run.data.get("task") or ""), "parent": run.parent,
            "network": run.network is not None, "created": run.created, "error": self._error(),
            "probes": self._probes(),
        }  # fmt: skip
        if self.record is not None:
            query = "SELECT name, star, tags, note FROM runs WHERE id = ?"
            row = self.record.workspace.database.row(query, (self.id,))
            if row is not None:
                about |= {
                    "name": row["name"],
                    "star": bool(row["star"]),
                    "tags": json.loads(row["tags"]),
                    "note": row["note"],
                }
        if about != self._about:
            self._about = about

    def _error(self) -> dict[str, Any] | None:
        if self._status.state != "failed":
            return None
        error = self._run.exception()
        if error is None:
            return {"title": self._status.message, "detail": "", "fix": "", "cause": "error"}
        text = f"{type(error).__name__} {error}".lower()
        if any(word in text for word in _MEMORY):
            cause = "memory"
        else:
            cause = "nan" if isinstance(error, NonFiniteError) or _NOT_FINITE.search(text) else "error"
        return {**failure(error), "cause": cause}

    def _probes(self) -> dict[str, Any] | None:
        if not self._run.settings.get("probes"):
            return None
        cost = self._run.probes.cost()
        if not cost.measured:
            return None
        return {"share": round(cost.share, 4), "budget": cost.budget}

    def _news(self, sent: _Sent) -> News:
        told = News({"id": self.id, "generation": self.generation})
        anew = sent.generation != self.generation
        if anew or self._status is not sent.status:
            told.content["status"] = _plain(self._status.to_json()) | {"best": self.best()}
        if anew or self._about is not sent.about:
            told.content["about"] = _plain(self._about)
        first = 0 if anew else sent.events
        if anew or len(self._events) > first:
            told.content["events"] = [_plain(e) for e in self._events[max(first, len(self._events) - _EVENTS) :]]
            told.content["anew"] = anew
        tables = []
        for name, table in self.tables.items():
            if table.total == (0 if anew else sent.totals.get(name, 0)):
                continue
            level, complete = (table.level, 0) if anew else sent.complete.get(name, (0, 0))
            begin = complete >> (table.level - level)
            blocks = table.since(begin)
            tables.append({
                "name": name, "level": table.level, "from": begin, "rows": blocks.shape[1], "complete": table.complete,
                "total": table.total, "columns": table.names(),
            })  # fmt: skip
            told.buffers.append(blocks)
        if tables:
            told.content["tables"] = tables
        return told

    def best(self) -> dict[str, float] | None:
        """The best epoch as the run itself judges it, with its place on every axis and its values."""
        best, table = self._status.best_epoch, self.tables["epochs"]
        if not best or not table.total:
            return None
        blocks = table.since()
        at = int(np.searchsorted(blocks[_AXES.index("epoch")], best))
        if at >= blocks.shape[1]:
            return None
        return {name: float(blocks[row, at]) for row, name in enumerate([*_AXES, *table.columns])}


def _plain(value: Any) -> Any:
    """JSON without NaN and infinities, which a browser's parser refuses."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
