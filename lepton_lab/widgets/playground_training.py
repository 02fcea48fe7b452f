"""The playground's training: one network that goes on learning while points, pace and settings change."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import nn

from lepton_lab.errors import TrainingError, UnknownNameError
from lepton_lab.probes.access import examine
from lepton_lab.training.callbacks import Callback
from lepton_lab.training.optimizers import OPTIMIZERS as ALL_OPTIMIZERS
from lepton_lab.training.run import Run
from lepton_lab.training.slots import Slots
from lepton_lab.training.trainer import Trainer
from lepton_lab.widgets.playground_data import Frame, Points, bundle_of

__all__ = ["OPTIMIZERS", "SETTINGS", "Lessons"]

SETTINGS: Mapping[str, Any] = {"lr": 0.01, "batch_size": 16, "weight_decay": 0.0, "optimizer": "adamw"}
OPTIMIZERS = ("adamw", "adam", "sgd", "rmsprop")
T = TypeVar("T")

_EPOCHS = 100_000
_STOP_S = 5.0


class _Pace(Callback):
    """Lets an epoch take its time, so that one can watch.

    Threads: waits in the thread that trains; `wake` ends the wait.
    """

    def __init__(self) -> None:
        self.speed = 0.0
        self._until = 0.0
        self.wake = threading.Event()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Waits until the next epoch is due."""
        if self.speed <= 0:
            return
        now = time.monotonic()
        self._until = max(now, min(self._until, now) + 1 / self.speed)
        self.wake.clear()
        self.wake.wait(self._until - now)


class Lessons:
    """One module, trained by one run after the other: each takes up where the last one was.

    Threads: safe; the methods that change something are called one after the other.

    Attributes:
        run: The present run; None before the first one.
        frame: How the plane lies in the inputs of the module.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._module: nn.Module | None = None
        self._pace = _Pace()
        self.run: Run | None = None
        self._before: list[NDArray[np.float64]] = _no_rows()
        self._steps_before = 0
        self._generation = 0
        self._stale = False
        self.frame = Frame()

    @property
    def speed(self) -> float:
        """Epochs a second at most; 0 for no limit."""
        return self._pace.speed

    @speed.setter
    def speed(self, value: float) -> None:
        self._pace.speed = max(0.0, float(value))
        self._pace.wake.set()

    def begin(self, module: nn.Module) -> None:
        """Takes a new module, and forgets the curve."""
        with self._lock:
            self._end()
            self._module, self.run = module, None
            self._before, self._steps_before = _no_rows(), 0
            self._generation += 1

    def play(self, points: Points, settings: Mapping[str, Any]) -> None:
        """Trains on.

        Raises:
            DataError: There are too few points.
        """
        with self._lock:
            if self._going() and not self._stale:
                assert self.run is not None
                self.run.resume()
            else:
                self._start(points, settings)

    def step(self, points: Points, settings: Mapping[str, Any]) -> None:
        """Trains one batch and holds."""
        with self._lock:
            if not self._going() or self._stale:
                self._start(points, settings, held=True)
            assert self.run is not None
            self._pace.wake.set()
            self.run.step()

    def pause(self) -> None:
        """Holds the training after its present batch."""
        with self._lock:
            if self.run is not None and self._going():
                self.run.pause()
                self._pace.wake.set()

    def use(self, points: Points, settings: Mapping[str, Any]) -> None:
        """Takes other points: at once where it trains, with the next order where it does not."""
        with self._lock:
            running = self._going() and self.state()["state"] in ("running", "starting")
            self._stale = True
            if running:
                try:
                    self._start(points, settings)
                except TrainingError:
                    raise
                except Exception:  # too few points are left: hold until there are more
                    self.pause()

    def change(self, name: str, value: Any, settings: Mapping[str, Any]) -> None:
        """Changes a setting of the training.

        Raises:
            TrainingError: The value cannot be used.
            UnknownNameError: There is no such optimizer.
        """
        if name == "optimizer":
            if value not in ALL_OPTIMIZERS:
                raise UnknownNameError("optimizer", str(value), OPTIMIZERS)
            with self._lock:
                self._stale = True
            return
        with self._lock:
            if self.run is not None and self._going():
                self.run.set(**{name: value})
            elif isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
                raise TrainingError(f"{name} cannot be set to {value!r}", expected="a number that is not negative")

    def state(self) -> dict[str, Any]:
        """What it is doing, as plain data."""
        run = self.run
        if run is None:
            return {"state": "new", "epoch": 0, "step": 0, "loss": None, "val_loss": None, "accuracy": None}
        s = run.status
        return {
            "state": str(s.state), "epoch": len(self._before[0]) + s.epoch, "step": self._steps_before + s.step,
            "loss": s.loss, "val_loss": s.metrics.get("val_loss"),
            "accuracy": s.metrics.get("val_accuracy", s.metrics.get("accuracy")),
        }  # fmt: skip

    def rows(self) -> tuple[list[NDArray[np.float64]], str]:
        """Epochs, training and validation losses so far, and a text that changes when they begin anew."""
        with self._lock:
            now = self._present()
            return [np.concatenate([a, b]) for a, b in zip(self._before, now, strict=True)], str(self._generation)

    def moment(self) -> tuple[int, int, bool]:
        """Says weights of one moment apart from those of another."""
        run = self.run
        step = run.status.step if run is not None else 0
        return self._generation, self._steps_before + step, run is not None and run.state.ended

    def examine(self, look: Callable[[nn.Module], T]) -> T:
        """Calls `look` with a module of the present weights."""
        return examine(self.thing(), look)

    def thing(self) -> Run | nn.Module:
        """What to look at: the run, or the module before the first one.

        Raises:
            TrainingError: There is no module yet.
        """
        with self._lock:
            if self.run is not None and self._going():
                return self.run
            if self._module is None:
                raise TrainingError("there is no network yet")
            return self._module

    def close(self) -> None:
        """Ends the training."""
        with self._lock:
            if self.run is not None:
                self.run.stop()
            self._pace.wake.set()

    def _going(self) -> bool:
        return self.run is not None and not self.run.state.ended

    def _start(self, points: Points, settings: Mapping[str, Any], *, held: bool = False) -> None:
        bundle = bundle_of(points, self.frame)
        module = self._module
        if module is None:
            raise TrainingError("there is no network yet")
        self._end()
        pace = _Pace()
        pace.speed, self._pace = self._pace.speed, pace
        trainer = Trainer(module, callbacks=[pace], compile=False, checkpoint_every=None, device="cpu", **settings)
        # in a queue of its own: it must not wait for the project's run, which may be held for long
        run = trainer.start(bundle, epochs=_EPOCHS, record=False, name="playground", slots=Slots(1))
        if held:
            run.pause()
        self.run, self._stale = run, False

    def _end(self) -> None:
        """Ends the present run and keeps its rows and its last weights (a run that is stopped takes its best ones)."""
        run, module = self.run, self._module
        if run is None or module is None:
            return
        if self._going():
            weights: dict[str, Any] = {}

            def copy() -> None:
                weights.update({k: v.detach().clone() for k, v in module.state_dict().items()})

            self._pace.wake.set()
            run.between_batches(copy)
            run.stop()
            self._pace.wake.set()
            try:
                run.wait(_STOP_S)
            except TimeoutError:
                raise
            except Exception:  # a failed run is over, and says so by itself
                weights = {}
            if weights:
                module.load_state_dict(weights)
        self._before = self.rows()[0]
        self._steps_before += run.status.step
        self.run = None

    def _present(self) -> list[NDArray[np.float64]]:
        if self.run is None:
            return _no_rows()
        count, columns = self.run.history.epochs.since(0)
        if not count:
            return _no_rows()
        first = len(self._before[0])
        losses = np.asarray(columns["loss"], dtype=np.float64)
        held = np.asarray(columns.get("val_loss", np.full(len(losses), np.nan)), dtype=np.float64)
        epochs = (np.arange(len(losses)) + first + 1).astype(np.float64)
        return [epochs, losses, held]


def _no_rows() -> list[NDArray[np.float64]]:
    return [np.zeros(0), np.zeros(0), np.zeros(0)]
