"""The orders of the train page."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lepton_lab.app.train_settings import KEYS, augmented, read_changes
from lepton_lab.app.train_worker import FIX, fork_in_worker, resume_in_worker, try_in_worker
from lepton_lab.errors import StoreError, TrainingError
from lepton_lab.network import NetworkSpec
from lepton_lab.training.commands import Command
from lepton_lab.training.settings import TrainSettings
from lepton_lab.training.status import RunState
from lepton_lab.widgets._orders import command

if TYPE_CHECKING:
    from lepton_lab.app.train_watch import Watch
    from lepton_lab.app.visit import Visit
    from lepton_lab.workspace import StoredRun

__all__ = ["Orders"]

_ANSWER_S = 20.0  # a worker that has just been started reads its libraries for some seconds
_END_S = 30.0
_OF_A_FIX = ("weight_decay", "clip_norm", "class_weights", "loss", "precision", *(k for k in KEYS if k != "epochs"))


class Orders:
    """Orders of `TrainPage`. All are carried out in its own thread, one after the other: the store may be slow."""

    visit: Visit
    run: Any
    tried: Any
    run_id: Any
    _watch: Watch
    _follow: Callable[[], None]
    _tell: Callable[[], None]
    _slow_at: float

    @command(background=True)
    def train(self) -> str:
        """Starts a run with the project's network and settings; returns its id."""
        work = self.visit.work
        if work is None:
            raise TrainingError("there is nothing to train", do="Open a project first")
        return str(self.visit.train().id)

    @command(background=True)
    def pause(self) -> None:
        """Holds the training after the present batch."""
        self._give(self._main(), Command("pause"))

    @command(background=True)
    def stop(self) -> None:
        """Ends the training and keeps the best round."""
        self._give(self._main(), Command("stop"))

    @command(background=True)
    def go_on(self, rounds: int = 0) -> None:
        """Goes on: after a pause, from the last good point, or for more rounds.

        Args:
            rounds: Rounds to train beyond those that are done; 0 for those that were asked for.
        """
        run = self._main()
        status = run.status
        if not status.state.ended:
            self._give(run, Command("resume"))
            return
        settings = TrainSettings.from_json(run.settings)
        changes: dict[str, Any] = {"epochs": max(settings.epochs, status.epoch + int(rounds))}
        if rounds and settings.patience is not None:
            changes |= {
                "patience": None,
                "restore_best": True,
            }  # it has waited long enough already: it would end at once
        resume_in_worker(run, **changes)
        self._follow()

    @command(background=True)
    def smaller_steps(self, lr: float) -> str:
        """Goes on from the last good point with another learning rate, in a new run; returns its id."""
        run = self._main()
        with self._changing():
            self.visit.change_settings({"lr": float(lr)})
        new = fork_in_worker(run, f"{run.name}: learning rate {lr:g}", {"lr": float(lr)})
        self.visit.use_run(new)
        return str(new.id)

    @command(background=True)
    def try_fix(self, rule: str, layer: str | None, fix: int) -> str:
        """Starts a run in which a finding is put right; returns its id."""
        run = self._main()
        finding = self._watch.finding(run.id, rule, layer)
        if finding is None or not 0 <= fix < len(finding.fixes):
            raise TrainingError("this is no longer found", do="The training has moved on: nothing is left to fix here")
        work = self.visit.work
        new = try_in_worker(run, finding.fixes[fix], work.data if work is not None else None)
        self._follow()
        return str(new.id)

    @command(background=True)
    def keep_fix(self) -> str:
        """Goes on with the run of the fix: its network and settings become the project's."""
        new, old = self._tried(), self._main()
        if not old.state.ended:
            self._give(old, Command("stop"))
        new.untag(FIX)
        settings, before = TrainSettings.from_json(new.settings), TrainSettings.from_json(old.settings)
        changes = {
            name: getattr(settings, name) for name in _OF_A_FIX if getattr(settings, name) != getattr(before, name)
        }
        if new.network is not None and new.network != old.network:
            self.visit.use_network(NetworkSpec.from_dict(new.network))
        if changes:
            self.visit.change_settings(changes)
        source, work = new.data.get("source") or {}, self.visit.work
        if work is not None and work.data is not None and source.get("balance") not in (None, work.data.balance):
            self.visit.use_data(work.data.balanced(source["balance"], seed=int(source.get("balance_seed", 0))))
        self.visit.use_run(new)
        return str(new.id)

    @command(background=True)
    def drop_fix(self) -> None:
        """Takes the run of the fix away."""
        new = self._tried()
        if not new.state.ended:
            self._give(new, Command("stop"))
        new.untag(FIX)
        old = self._main()
        threading.Thread(target=_delete, args=(new,), name="lepton-delete", daemon=True).start()
        self.visit.use_run(old)

    @command(background=True)
    def change(self, changes: dict[str, Any]) -> None:
        """Changes how the next run trains; the learning rate also of the one that trains now."""
        with self._changing():
            self.visit.change_settings(read_changes(changes))
        run = self.run
        if "lr" in changes and run is not None and run.state in (RunState.RUNNING, RunState.PAUSED):
            self._give(run, Command("set", {"lr": float(changes["lr"])}))

    @command(background=True)
    def augment(self, on: bool) -> None:
        """Switches the variation of training pictures on or off, for the next run."""
        with self._changing():
            augmented(self.visit, bool(on))

    def _main(self) -> StoredRun:
        run: StoredRun | None = self.run
        if run is None:
            raise TrainingError("nothing has been trained yet", do="Press Train first")
        return run

    def _tried(self) -> StoredRun:
        run: StoredRun | None = self.tried
        if run is None:
            raise TrainingError("there is no fix to decide about any more", do="Another page of this project did so")
        return run

    def _give(self, run: StoredRun, order: Command) -> None:
        """Hands an order over; one that came too late has nothing left to do."""
        try:
            run.send(order, _ANSWER_S)
        except TrainingError:
            if not run.state.ended:
                raise
        except StoreError as error:
            raise StoreError(
                "the training does not answer at the moment", do="It does what you asked as soon as it can"
            ) from error

    @contextlib.contextmanager
    def _changing(self) -> Iterator[None]:
        yield
        self._slow_at = -1e9
        self._tell()


def _delete(run: StoredRun) -> None:
    end = time.monotonic() + _END_S
    while not run.state.ended and time.monotonic() < end:
        time.sleep(0.1)
    with contextlib.suppress(StoreError):  # it does not end: it stays in the list of runs
        run.delete()
