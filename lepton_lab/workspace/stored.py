"""A run of the store, of any process, live or ended: the same reading and the same controls as a `Run`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lepton_lab.errors import StoreError, TrainingError
from lepton_lab.training.commands import Command
from lepton_lab.training.recording import show_run
from lepton_lab.training.status import RunState, RunStatus
from lepton_lab.workspace import orders
from lepton_lab.workspace.checkpoints import CheckpointEntry, list_checkpoints
from lepton_lab.workspace.feed import Feed
from lepton_lab.workspace.history import StoredHistory
from lepton_lab.workspace.launch import ensure_worker
from lepton_lab.workspace.readings import StoredProbes
from lepton_lab.workspace.rows import add_event, find_run, shown_status, to_text, update_run

if TYPE_CHECKING:
    from torch import Tensor

    from lepton_lab.data import DataBundle
    from lepton_lab.training.checkpoint import Snapshot
    from lepton_lab.training.run import Run
    from lepton_lab.workspace.workspace import Workspace

__all__ = ["StoredRun"]

_WORKER_S = 5.0  # between two looks for a worker that takes a waiting run


class StoredRun:
    """A handle on a run's record.

    Args:
        workspace: Where it is kept.
        run_id: Its id.

    Threads: safe. Nothing but the history is cached: every reading is of now.
    """

    def __init__(self, workspace: Workspace, run_id: str) -> None:
        self.workspace, self.id = workspace, run_id
        self._history: StoredHistory | None = None
        self._probes: StoredProbes | None = None
        self._revived: Run | None = None

    def __repr__(self) -> str:
        return f"StoredRun({self.name!r}, {self.state}, id={self.id!r})"

    def _ipython_display_(self) -> None:
        show_run(self)

    # --- reading -------------------------------------------------------------------------------------------------

    @property
    def status(self) -> RunStatus:
        """What the run is doing now; "interrupted" where its process is gone."""
        return shown_status(self._row())

    @property
    def state(self) -> RunState:
        """Where in its life the run is."""
        return self.status.state

    @property
    def history(self) -> StoredHistory:
        """All that was recorded so far, read when asked for."""
        if self._history is None:
            self._history = StoredHistory(self.workspace.database, self.id, self._row()["measures"])
        self._history.refresh_events()
        return self._history

    @property
    def probes(self) -> StoredProbes:
        """What its probes measured so far, read when asked for."""
        if self._probes is None:
            self._probes = StoredProbes(self.workspace.database, self.id)
        return self._probes

    @property
    def feed(self) -> Feed:
        """A reader by cursor."""
        return Feed(self)

    @property
    def folder(self) -> Path:
        """Where its checkpoints lie."""
        return self.workspace.run_folder(self.id)

    @property
    def checkpoints(self) -> list[CheckpointEntry]:
        """Its checkpoints as the store knows them, oldest first."""
        return list_checkpoints(self.workspace.database, self.id)

    @property
    def network(self) -> dict[str, Any] | None:
        """The network's description as JSON data; None where it was a module of the user's own."""
        network: dict[str, Any] | None = self._row()["network"]
        return network

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of training."""
        return dict(self._row()["settings"])

    @property
    def data(self) -> dict[str, Any]:
        """The data's name, fingerprint, source, task and classes."""
        return dict(self._row()["data"] or {})

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the packages that it was trained with."""
        return dict(self._row()["versions"])

    @property
    def device(self) -> str | None:
        """Where it computed, such as "cpu"."""
        device: str | None = self._row()["device"]
        return device

    @property
    def project(self) -> str:
        """The project that it belongs to; empty where none."""
        return str(self._row()["project"])

    @property
    def parent(self) -> dict[str, Any] | None:
        """`{"run", "step"}` of the run that it was forked from; None otherwise."""
        parent: dict[str, Any] | None = self._row()["parent"]
        return parent

    @property
    def test_looks(self) -> int:
        """How often somebody looked at the test set, as far as the record knows."""
        return sum(event.get("kind") == "test look" for event in self.history.events)

    def fingerprint(self) -> str | None:
        """Hash of the data; None while it is not known."""
        fingerprint: str | None = self._row()["fingerprint"]
        return fingerprint

    @property
    def created(self) -> float:
        """When it was made, in seconds since 1970."""
        return float(self._row()["created"])

    @property
    def started(self) -> float | None:
        """When it began to train, in seconds since 1970."""
        started: float | None = self._row()["started"]
        return started

    def exception(self) -> BaseException | None:
        """What made the run fail, as an error with the recorded message; None where it did not fail."""
        row = self._row()
        if shown_status(row).state is not RunState.FAILED:
            return None
        return TrainingError(f"the run {row['name']!r} failed: {row['error'] or 'no reason was recorded'}")

    def wait(self, timeout: float | None = None) -> StoredRun:
        """Blocks until the run has ended and all of its record is there.

        Side effects: a run that waits for a worker while none is there gets one.

        Raises:
            TrainingError: The run failed.
            TimeoutError: It has not ended after `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        looked = time.monotonic()  # one that was just started is still importing
        while not (state := self.state).ended:
            if state is RunState.QUEUED and time.monotonic() - looked > _WORKER_S:
                looked = time.monotonic()
                self._ensure_worker()
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"the run {self.name!r} is still {self.state} after {timeout:g} s")
            time.sleep(0.05)
        error = self.exception()
        if error is not None:
            raise error
        return self

    def plot(self) -> Any:
        """The curves of loss and metrics as a matplotlib `Figure`."""
        from lepton_lab.figures import plot_run

        return plot_run(self)

    # --- controls ------------------------------------------------------------------------------------------------

    def send(self, command: Command, timeout: float = orders.ANSWER_S) -> None:
        """Gives the run an order, in whatever process it trains; returns when it was taken up.

        Raises:
            TrainingError: The run has ended, or refused the order.
            StoreError: Its process did not take the order within `timeout` seconds.
        """
        orders.send(self.workspace.database, self.id, command, timeout)

    def pause(self) -> None:
        """Holds the run after its current batch."""
        self.send(Command("pause"))

    def resume(self, data: DataBundle | None = None) -> None:
        """Goes on after `pause`; a run that has ended or was interrupted goes on in this process.

        It continues from its last checkpoint that is whole, or from the beginning where it had not written one yet.

        Args:
            data: Its data, where it came from memory and cannot be loaded again.

        Raises:
            CheckpointError: No checkpoint is whole.
            DataError: The data cannot be loaded again.
            TrainingError: The run trained a module that has no specification.
        """
        if not self.state.ended:
            self.send(Command("resume"))
            return
        from lepton_lab.workspace.jobs import resume_stored

        self._revived = None
        resume_stored(self.workspace, self.id, data)

    def fork(self, at: str | int = "last", *, name: str = "", data: DataBundle | None = None, **changes: Any) -> Run:
        """Starts a new run in this process from a checkpoint of this one, with some settings changed.

        Args:
            at: "last", "best", or the number of an epoch (from 1) that has a checkpoint.
            name: What to call it.
            data: The data, where it came from memory and cannot be loaded again.
            **changes: Settings to replace, such as `lr=1e-4` or `epochs=20`.

        Raises:
            CheckpointError: There is no such checkpoint.
        """
        from lepton_lab.workspace.jobs import fork_stored

        return fork_stored(self.workspace, self.id, at, name, changes, data)

    def evaluate(
        self, data: DataBundle | None = None, split: str = "test", *, views: str | None = None
    ) -> dict[str, float]:
        """As `Run.evaluate`, with its checkpoint's weights.

        Side effects: a look at the test set is noted in the record of a run that has ended.

        Raises:
            CheckpointError: There are no weights yet.
            DataError: The data has no such split, or cannot be loaded again.
        """
        found = self.revived(data).evaluate(data, split, views=views)
        if split == "test" and self.state.ended:
            self.count_test_look()
        return found

    def predict(self, x: Any, batch_size: int = 256, *, views: str | None = None) -> Tensor:
        """As `Run.predict`."""
        return self.revived(None).predict(x, batch_size, views=views)

    def step(self, count: int = 1) -> None:
        """Lets a paused run train `count` batches."""
        self.send(Command("step", {"count": count}))

    def stop(self) -> None:
        """Ends the run and keeps its best weights."""
        self.send(Command("stop"))

    def set(self, **settings: float) -> None:
        """Changes settings from the next batch on: `lr`, `batch_size`, `dropout`, `weight_decay`."""
        self.send(Command("set", settings))

    def snapshot(self, which: str | int = "last") -> Snapshot:
        """Everything needed to go on from "last", "best" or an epoch's end.

        Raises:
            CheckpointError: There is none.
        """
        from lepton_lab.workspace.jobs import find_snapshot

        return find_snapshot(self.folder, which)

    def weights(self, which: str = "best") -> dict[str, Tensor]:
        """The best or the last weights, on the CPU.

        Raises:
            CheckpointError: There are none.
        """
        return self.snapshot(which).part("model")

    # --- keeping in order ----------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Its name, for people; assign to rename."""
        return str(self._row()["name"])

    @name.setter
    def name(self, value: str) -> None:
        if not value.strip():
            raise StoreError("a run needs a name", received="an empty text")
        self._update({"name": value.strip()})

    def rename(self, name: str) -> StoredRun:
        """Gives the run another name.

        Raises:
            StoreError: The name is empty.
        """
        self.name = name
        return self

    @property
    def tags(self) -> list[str]:
        """Its tags, sorted."""
        return list(self._row()["tags"])

    def tag(self, *tags: str) -> StoredRun:
        """Adds tags."""
        return self._change_tags(add=tags)

    def untag(self, *tags: str) -> StoredRun:
        """Takes tags away; those that it has not are left alone."""
        return self._change_tags(drop=tags)

    @property
    def starred(self) -> bool:
        """Whether a person marked it."""
        return bool(self._row()["star"])

    def star(self, on: bool = True) -> StoredRun:
        """Marks the run, or takes the mark away."""
        return self._update({"star": int(on)})

    @property
    def note(self) -> str:
        """A person's note; assign to change it."""
        return str(self._row()["note"])

    @note.setter
    def note(self, text: str) -> None:
        self._update({"note": text})

    def delete(self) -> None:
        """Forgets the run with its history and checkpoints.

        Raises:
            StoreError: It is still live.
        """
        self.workspace.delete(self)

    def to_csv(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Writes the record as CSV files and a `run.json`; returns their paths."""
        from lepton_lab.workspace.export import to_csv

        return to_csv(self, folder)

    def to_tensorboard(self, folder: str | os.PathLike[str]) -> Path:
        """Writes the record as TensorBoard event files; returns their folder."""
        from lepton_lab.workspace.export import to_tensorboard

        return to_tensorboard(self, folder)

    def revived(self, data: DataBundle | None = None) -> Run:
        """A run in this process with this one's weights, to evaluate and to predict; read anew while it trains.

        Args:
            data: Its data, where it came from memory and cannot be loaded again.

        Raises:
            CheckpointError: There are no weights yet.
        """
        from lepton_lab.workspace.jobs import revive

        if self._revived is None or not self.state.ended:
            self._revived = revive(self.workspace, self.id, data)
        return self._revived

    def count_test_look(self) -> None:
        """Notes in the record that somebody looked at the test set."""
        looks = self.test_looks + 1
        message = f"looked at the test set for the {looks}. time"
        with self.workspace.database.write() as connection:
            add_event(connection, self.id, {"kind": "test look", "message": message, "at": time.time()})

    def _ensure_worker(self) -> None:
        if self._row()["pid"] is None:
            ensure_worker(self.workspace)

    def _row(self) -> dict[str, Any]:
        return find_run(self.workspace.database, self.id)

    def _update(self, values: Mapping[str, Any]) -> StoredRun:
        with self.workspace.database.write() as connection:
            update_run(connection, self.id, values)
        return self

    def _change_tags(self, add: tuple[str, ...] = (), drop: tuple[str, ...] = ()) -> StoredRun:
        with self.workspace.database.write() as connection:
            row = connection.execute("SELECT tags FROM runs WHERE id = ?", (self.id,)).fetchone()
            tags = sorted((set(json.loads(row["tags"])) | set(add)) - set(drop))
            connection.execute("UPDATE runs SET tags = ? WHERE id = ?", (to_text(tags), self.id))
        return self
