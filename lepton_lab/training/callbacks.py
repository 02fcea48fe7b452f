"""Callbacks in Keras's names, called from the training thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lepton_lab.errors import TrainingError

if TYPE_CHECKING:
    from torch import nn

    from lepton_lab.training.run import Run

__all__ = ["Callback", "CallbackList", "EarlyStopping", "LambdaCallback"]

Logs = Mapping[str, float]

_NAMES = (
    "on_train_begin",
    "on_train_end",
    "on_epoch_begin",
    "on_epoch_end",
    "on_train_batch_begin",
    "on_train_batch_end",
    "on_test_begin",
    "on_test_end",
    "on_grad_computed",
)


class Callback:
    """Base of callbacks; override what you need. Nothing that is not overridden costs time.

    Threads: called from the training thread: do not draw or touch widgets here. What a callback raises ends its run.

    Attributes:
        run: The run.
        model: The module that is trained.
    """

    run: Run
    model: nn.Module

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Before the first step."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """After the last step."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Before an epoch, counted from 0."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """After an epoch and its validation; `logs` holds its row of the history."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Before a batch, counted from 0 in each epoch."""

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """After a batch; `logs` holds what was last read back, so that nothing waits for the device."""

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Before a validation."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """After a validation."""

    def on_grad_computed(self, batch: int, logs: Logs | None = None) -> None:
        """When the gradients of an update are there (`parameter.grad`), before clipping and before their use."""


class LambdaCallback(Callback):
    """A callback made of functions: `LambdaCallback(on_epoch_end=lambda epoch, logs: …)`.

    Raises:
        TrainingError: A name is no callback's.
    """

    def __init__(self, **functions: Callable[..., None]) -> None:
        for name, function in functions.items():
            if name not in _NAMES:
                raise TrainingError(f"no callback is called {name!r}", expected="one of " + ", ".join(_NAMES))
            setattr(self, name, function)


class EarlyStopping(Callback):
    """Stops when the monitored value has stopped improving; handed to `fit` as in Keras.

    Args:
        monitor: Column of the history.
        min_delta: What counts as an improvement.
        patience: Epochs without improvement before the stop.
        mode: "min", "max", or "auto" by the name.
        restore_best_weights: Whether the best weights come back at the end.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        mode: str = "auto",
        restore_best_weights: bool = False,
    ) -> None:
        self.monitor, self.min_delta, self.patience = monitor, min_delta, patience
        self.mode, self.restore_best_weights = mode, restore_best_weights

    def settings(self) -> dict[str, Any]:
        """The training settings that say the same."""
        return {
            "monitor": self.monitor,
            "min_delta": self.min_delta,
            "patience": self.patience,
            "monitor_mode": self.mode,
            "restore_best": self.restore_best_weights,
        }


class CallbackList:
    """Several callbacks as lists of functions by name; an empty list is skipped by the loop.

    Args:
        callbacks: `Callback`s, or any objects with methods of these names.
    """

    def __init__(self, callbacks: Sequence[Any]) -> None:
        self.callbacks = list(callbacks)
        self._functions = {name: [f for c in self.callbacks if (f := _overridden(c, name))] for name in _NAMES}

    def bind(self, run: Run, module: nn.Module) -> None:
        """Tells every callback its run and module."""
        for callback in self.callbacks:
            if hasattr(callback, "set_model"):
                callback.set_model(module)
            callback.run, callback.model = run, module

    def has(self, name: str) -> bool:
        """Whether any callback wants to be called."""
        return bool(self._functions[name])

    def call(self, name: str, *arguments: Any) -> None:
        """Calls all of them in their order."""
        for function in self._functions[name]:
            function(*arguments)


def _overridden(callback: Any, name: str) -> Callable[..., None] | None:
    function = getattr(callback, name, None)
    if function is None:
        return None
    own = getattr(function, "__func__", function)
    return None if own is getattr(Callback, name) else function
