"""A run: the handle on a training that goes on in the background."""

from __future__ import annotations

import atexit
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lepton_lab.errors import TrainingError
from lepton_lab.probes.log import ProbeLog
from lepton_lab.training import recording
from lepton_lab.training.commands import Call, Command, Controls
from lepton_lab.training.history import History
from lepton_lab.training.native import dismiss_team
from lepton_lab.training.priority import give_way
from lepton_lab.training.slots import Slots, default_slots
from lepton_lab.training.status import RunState, RunStatus

if TYPE_CHECKING:
    from torch import Tensor, nn

    from lepton_lab.data import DataBundle
    from lepton_lab.training.checkpoint import Snapshot
    from lepton_lab.training.plan import Plan

__all__ = ["Run", "active_runs"]

T = TypeVar("T")

_active: weakref.WeakSet[Run] = weakref.WeakSet()
_active_lock = threading.Lock()
_RECORDED_S = 5.0  # for the last of a run's record to be written


class Run:
    """One training, from its start to its end and after.

    Threads: every method may be called from any thread.

    Attributes:
        id: Says it apart from every other run.
        name: What people call it.
        folder: Where its checkpoints lie; None where nobody records it.
        settings: How it trains, as plain JSON data (`TrainSettings.to_json`).
        network: The network's specification as plain JSON data; None for a module that has none.
        data: Name, task, classes, shapes and source of its data, as plain JSON data.
        parent: `{"run", "step"}` of the run that it was forked from or that it continues; None otherwise.
        created: When it was started, Unix time in seconds.
        history: What it measured; see `History`.
        probes: What its probes measured inside the network; see `ProbeLog`.
        status: What it is doing; replaced whole.
        test_looks: How often `evaluate` has looked at the test set.
        controls: Its orders.
        held_back: Orders that came while it waited for a slot; the engine obeys them first.
    """

    def __init__(
        self,
        *,
        settings: Mapping[str, Any],
        data: Mapping[str, Any],
        network: Mapping[str, Any] | None = None,
        name: str = "",
        run_id: str | None = None,
        folder: Path | None = None,
        parent: Mapping[str, Any] | None = None,
        history: History | None = None,
        probes: ProbeLog | None = None,
    ) -> None:
        self.id = run_id or uuid.uuid4().hex[:12]
        self.name = name or f"run {self.id[:6]}"
        self.folder = folder
        self.settings = dict(settings)
        self.network = dict(network) if network is not None else None
        self.data = dict(data)
        self.parent = dict(parent) if parent is not None else None
        self.created = time.time()
        self.history = history if history is not None else History()
        self.probes = probes if probes is not None else ProbeLog()
        self.status = RunStatus(epochs=int(self.settings.get("epochs", 0)))
        self.test_looks = 0
        self.controls = Controls()
        self.held_back: list[Command] = []
        self._plan: Plan | None = None
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._slots: Slots = default_slots
        self._recorder: recording.Recorder | None = None

    @property
    def state(self) -> RunState:
        """Where in its life the run is."""
        return self.status.state

    @property
    def module(self) -> nn.Module:
        """The module that is trained; best read after the end.

        Raises:
            TrainingError: The run has not built it yet.
        """
        plan = self._needs_plan()
        if plan.module is None:
            raise TrainingError(f"{self.name!r} has not built its module yet", do="Wait until it has started")
        return plan.module

    def pause(self) -> None:
        """Holds the training after the present batch."""
        self.send(Command("pause"))

    def resume(self) -> None:
        """Goes on after `pause`; a run that was stopped or interrupted goes on from its last checkpoint."""
        if self.state.ended:
            from lepton_lab.training.continuing import resume_run

            resume_run(self)
        else:
            self.send(Command("resume"))

    def step(self, count: int = 1) -> None:
        """Trains `count` batches and pauses."""
        self.send(Command("step", {"count": count}))

    def stop(self) -> None:
        """Ends the training after the present batch and keeps the best weights."""
        self.send(Command("stop"))

    def set(self, **changes: float) -> None:
        """Changes lr, batch_size, dropout or weight_decay from the next batch on.

        Raises:
            UnknownNameError: Something else was to be changed.
            TrainingError: A value cannot be used.
        """
        self.send(Command("set", changes))

    def send(self, command: Command) -> bool:
        """Hands an order over; returns False where it came before or the run has ended."""
        if self._done.is_set():
            return False
        accepted = self.controls.send(command)
        self._slots.wake()
        return accepted

    def wait(self, timeout: float | None = None) -> Run:
        """Blocks until the run has ended.

        Raises:
            TimeoutError: It has not ended after `timeout` seconds.
            BaseException: What the training raised, with its traceback.
        """
        if not self._done.wait(timeout):
            raise TimeoutError(f"{self.name!r} is still {self.state} after {timeout} s")
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        if self._error is not None:
            raise self._error
        return self

    def between_batches(self, function: Callable[[], T]) -> T:
        """Calls `function` in the thread that trains, between two batches, so that it sees weights of one moment.

        Called at once where nothing trains. The training stands still meanwhile: copy, and compute afterwards.

        Raises:
            TrainingError: The run was not trained in this process.
            BaseException: What `function` raised.
        """
        plan = self._needs_plan()
        if self._thread is None or self._thread is threading.current_thread() or self._done.is_set():
            return function()
        call = Call(function)
        plan.calls.append(call)
        self.controls.poke()
        while not call.done.wait(0.05):
            if self._done.is_set():  # it ended before it came to this
                plan.calls.clear()
                return function()
            self.controls.poke()
        if call.error is not None:
            raise call.error
        result: T = call.result
        return result

    def exception(self) -> BaseException | None:
        """What the training raised, with its traceback; None where it has not failed."""
        return self._error

    def fork(self, at: str | int = "last", *, name: str = "", **changes: Any) -> Run:
        """Starts a new run from the weights of this one, with some settings changed.

        Args:
            at: "last" for the present weights, "best", or the number of an epoch (from 1) that has a checkpoint.
            name: What to call it.
            **changes: Settings to replace, such as `lr=1e-4` or `epochs=20`.

        Returns:
            The new run, already started. This one goes on undisturbed.
        """
        from lepton_lab.training.continuing import fork_run

        return fork_run(self, at, name, changes)

    def evaluate(
        self, data: DataBundle | None = None, split: str = "test", *, views: str | None = None
    ) -> dict[str, float]:
        """Loss and metrics on a split, by default on the test set of the run's data.

        Args:
            data: Other data than the run's.
            split: "test", "valid" or "train".
            views: "mirror" or "mirror+shift" averages the outputs over views of each image (`training.views`).

        Side effects: a look at the test set is counted in `test_looks`.

        Raises:
            DataError: The data has no such split, or no images where views are asked for.
            UnknownNameError: There are no such views.
        """
        from lepton_lab.training.evaluate import evaluate_run

        return evaluate_run(self, data, split, views)

    def predict(self, x: Any, batch_size: int = 256, *, views: str | None = None) -> Tensor:
        """Outputs for prepared or raw samples: probabilities for a classification, values for a regression.

        For `views` and its errors see `evaluate`.
        """
        from lepton_lab.training.evaluate import predict_run

        return predict_run(self, x, batch_size, views)

    def plot(self) -> Any:
        """The curves of loss and metrics as a matplotlib `Figure`."""
        return recording.plot_run(self)

    def fingerprint(self) -> str | None:
        """Hash of the data that it trains on; reads all of it on the first call, so call it beside the training."""
        return self._plan.data.fingerprint if self._plan is not None else None

    def weights(self, which: str = "best") -> dict[str, Tensor]:
        """A copy of the best or the last weights, on the CPU."""
        snapshot = self.snapshot(which)
        return {k.removeprefix("model/"): v.clone() for k, v in snapshot.tensors.items() if k.startswith("model/")}

    def snapshot(self, which: str | int = "last") -> Snapshot:
        """Everything needed to go on from "last", "best" or an epoch's end.

        Raises:
            CheckpointError: There is none.
        """
        return self._needs_plan().snapshot(which, self)

    def count_test_look(self) -> None:
        """Counts a look at the test set, also in the record of a run that has ended."""
        self.test_looks += 1
        late = self.state.ended and self._done.wait(_RECORDED_S)  # until then the recorder still reads the history
        event = self.history.add_event("test look", f"looked at the test set for the {self.test_looks}. time")
        if late and self._recorder is not None:
            self._recorder.note(self, event)

    def launch(self, body: Callable[[Run], None], plan: Plan, *, recorder: recording.Recorder | None) -> Run:
        """Starts the thread that trains; for the engine, not for users."""
        self._plan, self._recorder = plan, recorder
        self._slots = plan.slots
        self._done = threading.Event()
        self._error = None
        if recorder is not None:
            recorder.attach(self)
        self._slots.join(self.id)
        self._thread = threading.Thread(
            target=self._main, args=(body, recorder), name=f"lepton-run-{self.id}", daemon=True
        )
        with _active_lock:
            _active.add(self)
        dismiss_team()
        self._thread.start()
        return self

    def publish(self, **changes: Any) -> None:
        """Replaces the status by one with `changes`; only for the thread that trains."""
        self.status = replace(self.status, **changes)

    def _main(self, body: Callable[[Run], None], recorder: recording.Recorder | None) -> None:
        final, message = RunState.STOPPED, "stopped while it waited for a slot"
        try:
            if self._slots.enter(self.id, self._gave_up):
                try:
                    give_way()
                    body(self)
                    final, message = self.state, self.status.message
                finally:
                    self._slots.leave(self.id)
        except BaseException as error:  # whatever a user's module or callback raises belongs to this run only
            self._error = error
            final, message = RunState.FAILED, f"{type(error).__name__}: {error}"
            self.history.add_event("failed", message)
        finally:
            self.publish(state=final if final.ended else RunState.FINISHED, message=message, eta_s=None)
            self._detach(recorder)
            with _active_lock:
                _active.discard(self)
            self._done.set()

    def _detach(self, recorder: recording.Recorder | None) -> None:
        if recorder is None:
            return
        try:
            recorder.detach(self)
        except Exception as error:  # a full disk must not lose a trained network
            self.history.add_event("not recorded", f"the record is incomplete: {type(error).__name__}: {error}")

    def _gave_up(self) -> bool:
        """Looks through the orders of a run that has no slot yet; True where one says stop."""
        self.held_back.extend(self.controls.take() if self.controls.pending else [])
        return any(c.name == "stop" for c in self.held_back)

    def _needs_plan(self) -> Plan:
        if self._plan is None:
            raise TrainingError(f"{self.name!r} was not trained in this process", do="Open it from its workspace")
        return self._plan

    def _ipython_display_(self) -> None:
        recording.show_run(self)

    def __repr__(self) -> str:
        s = self.status
        loss = "" if s.loss is None else f", loss {s.loss:.4f}"
        return f"<Run {self.name!r} {s.state}: epoch {s.epoch}/{s.epochs}{loss}>"


def active_runs() -> list[Run]:
    """The runs of this process that have not ended, queued ones included, oldest first."""
    with _active_lock:
        return sorted(_active, key=lambda run: run.created)


@atexit.register
def _stop_all() -> None:
    runs = active_runs()
    for run in runs:
        run.stop()
    deadline = time.monotonic() + 5.0
    for run in runs:
        run._done.wait(max(0.0, deadline - time.monotonic()))
