"""The controls of a monitor: what its front end may order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lepton_lab.errors import CheckpointError, LeptonError, StoreError, TrainingError
from lepton_lab.training.commands import Command
from lepton_lab.training.run import Run
from lepton_lab.training.settings import TrainSettings
from lepton_lab.widgets._orders import Desk, command, failure
from lepton_lab.workspace import StoredRun

if TYPE_CHECKING:
    from lepton_lab.widgets.training_monitor_reader import Reader
    from lepton_lab.widgets.training_monitor_start import Starter

__all__ = ["Forking", "Orders"]

_SETTLE_S = 0.04  # how long an order waits to be obeyed before it is answered; the next pulse tells the rest
_NOT_FORKED = ("metrics", "schema_version", "probes")


@dataclass(frozen=True)
class Forking:
    """What views are told of forks. It is state, not a message, so that a view that was away hears of it too.

    Attributes:
        pending: How many are being made.
        failed: Why the last one that failed has failed, with its number.
    """

    pending: int = 0
    failed: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"pending": self.pending, "failed": self.failed}


class Orders:
    """Orders of `TrainingMonitor`.

    Threads: orders of a run that trains in this process are handed over where they arrive; those to another process
    wait for its answer in a thread of their own. Forks are made in another one, one after the other.
    """

    run_id: Any
    compare: Any
    plan: Any
    starter: Starter | None
    show_error: Any
    _desk: Desk | None
    watch: Callable[..., None]
    _readers: dict[str, Reader]
    _lock: threading.RLock
    _elsewhere: ThreadPoolExecutor | None = None
    _forks: ThreadPoolExecutor | None = None
    _forking = Forking()
    _tell: Callable[[], None]
    _read: Callable[[Any], Reader]
    _begin: Callable[[Mapping[str, Any]], Run | StoredRun]
    _drop_others: Callable[[], None]
    _candidates: Callable[[], list[dict[str, Any]]]

    @command
    def pause(self) -> str:
        """Holds the training after the present batch."""
        return self._give(Command("pause"))

    @command
    def go_on(self) -> str:
        """Goes on after a pause."""
        return self._give(Command("resume"))

    @command
    def step(self, count: int = 1) -> str:
        """Trains some batches and pauses."""
        return self._give(Command("step", {"count": int(count)}))

    @command
    def stop(self) -> str:
        """Ends the training and keeps the best weights."""
        return self._give(Command("stop"))

    @command
    def set(self, changes: dict[str, float]) -> str:
        """Changes learning rate, batch size, dropout or weight decay of a run that trains."""
        return self._give(Command("set", {k: int(v) if k == "batch_size" else v for k, v in changes.items()}))

    @command
    def set_plan(self, changes: dict[str, Any]) -> None:
        """Changes what the next run is started with."""
        known = TrainSettings().changed(**{k: v for k, v in changes.items() if v is not None})
        with self._lock:
            self.plan = {**self.plan, **{k: getattr(known, k) for k in changes}}
        self._tell()

    @command(background=True)
    def start(self, changes: dict[str, Any] | None = None) -> str:
        """Starts a run; the one that was watched stays beside it."""
        before = [self.run_id] if self.run_id else []
        run = self._begin(changes or {})
        self.watch(run, [*before, *self.compare])
        return run.id

    @command(background=True)
    def revive(self) -> str:
        """Goes on with a run that was stopped, failed or interrupted, from its last checkpoint."""
        run = self._main()
        if not run.state.ended:
            return self._give(Command("resume"))
        if isinstance(run, StoredRun):
            run.resume(self.starter.data if self.starter is not None else None)
        else:
            run.resume()
        self.watch(run.id)
        return run.id

    @command
    def fork(self, at: str | int = "last", name: str = "", changes: dict[str, Any] | None = None) -> None:
        """Starts a new run from the weights of this one, with some settings changed; this one stays beside it.

        Answered before the run is there, since reading and writing a checkpoint takes a while: views are told that a
        fork is on its way, then of the new run, or why there is none.
        """
        run, changed = self._main(), dict(changes or {})
        for setting in _NOT_FORKED:
            if setting in changed:
                raise TrainingError(f"a fork cannot change {setting!r}", do="Start a new run")
        with self._lock:
            if self._forks is None:
                self._forks = ThreadPoolExecutor(1, thread_name_prefix="lepton-forks")
            self._forking = replace(self._forking, pending=self._forking.pending + 1)
            self._forks.submit(self._fork, run, int(at) if str(at).isdigit() else at, name, changed)
        self._tell()

    @command
    def describe(
        self, name: str | None = None, note: str | None = None, star: bool | None = None, tags: list[str] | None = None
    ) -> None:
        """Writes a person's name, note, star or tags to the record of the run."""
        reader = self._readers[self.run_id]
        record = reader.record
        if record is None:
            raise StoreError(
                f"{reader.run.name!r} is not recorded", do="Start runs without record=False to keep names and notes"
            )
        if name is not None:
            record.name = name
            if isinstance(reader.run, Run):
                reader.run.name = record.name
        if note is not None:
            record.note = note
        if star is not None:
            record.star(star)
        if tags is not None:
            wanted = [tag.strip() for tag in tags if tag.strip()]
            record.untag(*[tag for tag in record.tags if tag not in wanted]).tag(*wanted)
        reader.look()
        self._tell()

    @command
    def candidates(self) -> list[dict[str, Any]]:
        """Runs of the workspace that could be drawn beside this one, the newest first."""
        return self._candidates()

    @command(background=True)
    def add(self, run: str) -> None:
        """Draws another run into the charts."""
        with self._lock:
            added = self._read(run)
            added.refresh()
            beside = [i for i in self.compare if i != added.id]
        self.watch(self.run_id or added.id, [*beside, added.id] if self.run_id else beside)

    @command
    def remove(self, run: str) -> None:
        """Takes a run out of the charts; it is not deleted."""
        with self._lock:
            self.compare = [i for i in self.compare if i != run]
            self._drop_others()
        self._tell()

    @command(background=True)
    def show(self, run: str) -> None:
        """Makes a run of the charts the one that the controls act on."""
        before = self.run_id
        self.watch(run, [i for i in [before, *self.compare] if i])

    def close_orders(self) -> None:
        """Waits for nobody any more; forks that have not begun are dropped."""
        with self._lock:
            workers = self._elsewhere, self._forks
            self._elsewhere = self._forks = None
        for worker in workers:
            if worker is not None:
                worker.shutdown(wait=False, cancel_futures=True)

    def _main(self) -> Run | StoredRun:
        reader = self._readers.get(self.run_id)
        if reader is None:
            raise TrainingError("there is no run yet", do="Start one first")
        return reader.run

    def _fork(self, run: Run | StoredRun, at: str | int, name: str, changes: dict[str, Any]) -> None:
        """Makes a fork and shows it, or says what went wrong; in a thread of its own."""
        failed = self._forking.failed
        try:
            new = self._forked(run, at, name, changes)
            with self._lock:
                if self._forks is not None:  # not closed meanwhile
                    self.watch(new, [run.id, *self.compare])
        except Exception as error:  # whatever happens, the person who gave the order must read it
            if not isinstance(error, LeptonError) and self._desk is not None:
                self._desk.last_error = error
            failed = {**failure(error), "number": failed["number"] + 1 if failed else 1}
        with self._lock:
            self._forking = Forking(self._forking.pending - 1, failed)
        self._tell()

    def _forked(self, run: Run | StoredRun, at: str | int, name: str, changes: dict[str, Any]) -> Run | StoredRun:
        try:
            return run.fork(at, name=name, **changes)
        except CheckpointError:
            if at not in ("last", "best") or self.starter is None:
                raise
            return self._begin(changes)  # it ended before it had weights to keep: begin anew

    def _give(self, order: Command) -> str:
        """Hands an order over; returns the state that the run is in after it, as far as it is known."""
        run = self._main()
        if run.state.ended:
            raise TrainingError(f"{run.name!r} has ended ({run.state})", do="Resume it, or fork a new run from it")
        if isinstance(run, Run):
            run.send(order)
            until = time.monotonic() + _SETTLE_S
            while run.controls.pending and time.monotonic() < until:
                time.sleep(0.001)
            self._tell()
            return str(run.state)
        with self._lock:
            if self._elsewhere is None:
                self._elsewhere = ThreadPoolExecutor(1, thread_name_prefix="lepton-orders")
            self._elsewhere.submit(self._give_elsewhere, run, order)
        return str(run.state)

    def _give_elsewhere(self, run: StoredRun, order: Command) -> None:
        try:
            run.send(order)
        except Exception as error:
            self.show_error(error)
        else:
            self._tell()
