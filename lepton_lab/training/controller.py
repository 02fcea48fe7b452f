"""Obeys orders between two batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import nn

from lepton_lab.training.commands import Command
from lepton_lab.training.engine import Engine
from lepton_lab.training.status import RunState

if TYPE_CHECKING:
    from lepton_lab.training.loop import Loop
    from lepton_lab.training.plan import Plan
    from lepton_lab.training.run import Run

__all__ = ["Controller", "Stopped", "set_dropout"]


class Stopped(Exception):  # noqa: N818 - a signal, not an error
    """Somebody ordered the training to stop."""


class Controller:
    """Takes what waits in a run's `controls`, in the thread that trains.

    Args:
        run: The run.
        plan: What it trains.
        engine: What it changes.
        loop: Whose readings it completes before a pause.
    """

    def __init__(self, run: Run, plan: Plan, engine: Engine, loop: Loop) -> None:
        self.run, self.plan, self.engine, self.loop = run, plan, engine, loop
        self._paused = False
        self._until: int | None = None  # the step after which to pause again, while single steps were ordered
        if run.held_back:
            run.controls.poke()

    @property
    def stepping(self) -> bool:
        """Whether single batches were ordered, so that no call may train several."""
        return self._until is not None

    def obey(self) -> None:
        """Obeys everything that waits; returns when the next batch may be trained.

        Raises:
            Stopped: The training is to end.
        """
        if self._until is not None and self.engine.progress.step >= self._until:
            self._until, self._paused = None, True
        self._take()
        if not self._paused:
            return
        self.loop.read_back(RunState.PAUSED)
        self.engine.clock.stop()
        try:
            while self._paused:
                self.run.controls.wait(1.0)
                self._take()
        finally:
            self.engine.clock.start()
        self.run.publish(state=RunState.RUNNING)

    def _take(self) -> None:
        commands = [*self.run.held_back, *self.run.controls.take()]
        self.run.held_back.clear()
        for request in self.plan.take_requests():
            self.loop.read_back()
            request.snapshot = self.engine.snapshot()
            request.ready.set()
        for call in self.plan.take_calls():
            call.run()
        for command in commands:
            self._one(command)
        if self._until is not None:
            self.run.controls.poke()

    def _one(self, command: Command) -> None:
        if command.name == "pause":
            self._paused, self._until = True, None
        elif command.name == "resume":
            self._paused, self._until = False, None
        elif command.name == "step":
            count = max(1, int(command.args.get("count", 1)))
            self._paused, self._until = False, self.engine.progress.step + count
        elif command.name == "stop":
            self._paused = False
            self.run.publish(state=RunState.STOPPING)
            self.loop.read_back()
            raise Stopped
        else:
            self._set(dict(command.args))

    def _set(self, changes: dict[str, Any]) -> None:
        self.loop.read_back()
        engine = self.engine
        if "lr" in changes:
            engine.base_lr = float(changes["lr"])
            engine.follow_schedule(0)
        if "weight_decay" in changes:
            engine.weight_decay = float(changes["weight_decay"])
            engine.optimizer.set_weight_decay(engine.weight_decay)
        if "dropout" in changes:
            engine.dropout = float(changes["dropout"])
            set_dropout(engine.module, engine.dropout)
        if "batch_size" in changes:
            engine.set_batch_size(int(changes["batch_size"]))
        engine.settings_changed()
        said = ", ".join(f"{name} = {value:g}" for name, value in changes.items())
        self.run.history.add_event("set", f"set {said}", step=engine.progress.step, **changes)
        self.run.publish(lr=engine.optimizer.lr, batch_size=engine.feed.batch_size, steps=engine.total_steps())


def set_dropout(module: nn.Module, p: float) -> None:
    """Sets the probability of every dropout in a module, those inside attention and recurrent layers included."""
    for m in module.modules():
        if isinstance(m, nn.modules.dropout._DropoutNd):
            m.p = p
        elif isinstance(m, nn.MultiheadAttention | nn.RNNBase) and m.dropout > 0:
            m.dropout = p
