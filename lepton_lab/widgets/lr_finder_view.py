"""`LRFinderView`: which learning rate to take, as a curve that can be clicked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from html import escape
from typing import Any, ClassVar

import numpy as np
import traitlets

from lepton_lab.errors import TrainingError
from lepton_lab.training.lr_finder import LearningRates, lr_find
from lepton_lab.training.trainer import Trainer
from lepton_lab.widgets._base import Reply, Widget, command

__all__ = ["LRFinderView"]


class LRFinderView(Widget):
    """Tries learning rates from small to large and draws the loss over them while the search runs.

    A click on the curve, or the button for the suggested rate, sets `lr` and the trainer's learning rate.

    Args:
        trainer: Its module is copied for the search and not changed; its learning rate is set by 'use this'.
        data: What to train on.
        on_use: Called with the rate that a person takes.
        smallest: Smallest rate that is tried.
        largest: Largest rate that is tried.
        steps: How many rates are tried.
        batch_size: Samples a step.
        smoothing: Share that the running mean of the loss keeps of itself.
        **traits: `framed`.

    Attributes:
        lr: The rate that a person took; 0 before.
        suggestion: The rate that the search suggests; 0 before its end.
        state: "ready", "searching", "done", "cancelled" or "failed".
        framed: Whether it draws its own border.
        result: What `lr_find` returned; None before.

    Raises:
        TrainingError: The trainer is none.

    Threads: the search runs in the widget's own thread; `on_use` is called where the click arrives.
    """

    _bundle: ClassVar[str] = "lr_finder_view"

    lr = traitlets.Float(0.0).tag(sync=True)
    suggestion = traitlets.Float(0.0).tag(sync=True)
    state = traitlets.Unicode("ready").tag(sync=True)
    current = traitlets.Float(0.0).tag(sync=True)
    framed = traitlets.Bool(True).tag(sync=True)

    def __init__(
        self,
        trainer: Trainer,
        data: Any,
        *,
        on_use: Callable[[float], None] | None = None,
        smallest: float = 1e-6,
        largest: float = 1.0,
        steps: int = 100,
        batch_size: int = 64,
        smoothing: float = 0.9,
        **traits: Any,
    ) -> None:
        if not isinstance(trainer, Trainer):
            raise TrainingError("a search needs a Trainer", expected="Trainer(network)", received=repr(trainer))
        self.trainer, self.data, self._on_use = trainer, data, on_use
        self.result: LearningRates | None = None
        self._options: dict[str, Any] = {
            "start": smallest, "end": largest, "steps": steps, "batch_size": batch_size, "smoothing": smoothing,
        }  # fmt: skip
        self._lock = threading.Lock()
        self._points: list[tuple[float, float]] = []
        self._sent = 0
        self._search = 0
        self._cancelled = threading.Event()
        super().__init__(**traits)
        self.current = trainer.settings.lr or 0.0

    @command(background=True)
    def search(self) -> dict[str, Any]:
        """Searches; answered when it is over. The curve comes meanwhile.

        Raises:
            TrainingError: Every loss is NaN, or the optimizer cannot be tried on a copy.
        """
        with self._lock:
            self._points, self._sent = [], 0
            self._search += 1
            self.result = None
        self._cancelled.clear()
        self.suggestion, self.state = 0.0, "searching"
        try:
            found = lr_find(self.trainer, self.data, watch=self._watch, **self._options)
        except Exception:
            self.state = "cancelled" if self._cancelled.is_set() else "failed"
            if self._cancelled.is_set():
                return {"state": self.state, "suggestion": 0.0}
            raise
        self.result = found
        self.suggestion = 0.0 if self._cancelled.is_set() else found.suggestion
        self.state = "cancelled" if self._cancelled.is_set() else "done"
        if self.visible:
            self._pulse()
        self.refresh_still(force=True)
        return {"state": self.state, "suggestion": self.suggestion}

    @command
    def cancel(self) -> None:
        """Ends a search after the present step; what it found stays."""
        self._cancelled.set()

    @command
    def use(self, lr: float) -> float:
        """Takes a learning rate: sets it in the trainer and in `lr`.

        Raises:
            TrainingError: It is no usable rate.
        """
        rate = float(f"{lr:.3g}")
        self.trainer.settings = self.trainer.settings.changed(lr=rate)
        self.lr = self.current = rate
        if self._on_use is not None:
            self._on_use(rate)
        return rate

    @command
    def catch_up(self) -> Reply:
        """The whole curve so far."""
        with self._lock:
            return Reply({"search": self._search, "total": len(self._points)}, [_array(self._points)])

    def pulse(self) -> None:
        """Sends the new points of the curve."""
        with self._lock:
            new, begin = self._points[self._sent :], self._sent
            if not new:
                return
            self._sent = len(self._points)
            content = {"search": self._search, "from": begin, "total": self._sent}
            self.push("points", content, [_array(new)])

    def still(self) -> str | None:
        """The curve as SVG."""
        with self._lock:
            points = np.asarray(self._points, np.float64)
        if len(points) < 2:
            return None
        x, y = np.log10(points[:, 0]), points[:, 1]
        wide, high = max(1e-9, float(np.ptp(x))), max(1e-9, float(np.ptp(y)))
        path = " ".join(
            f"{20 + 400 * (a - x.min()) / wide:.1f},{180 - 160 * (b - y.min()) / high:.1f}"
            for a, b in zip(x, y, strict=True)
        )
        said = f"Loss over learning rates from {points[0, 0]:.1e} to {points[-1, 0]:.1e}"
        if self.suggestion:
            said += f"; suggested: {self.suggestion:.1e}"
        return (
            f'<div role="img" aria-label="{escape(said, quote=True)}"><svg width="440" height="200" '
            'viewBox="0 0 440 200" xmlns="http://www.w3.org/2000/svg">'
            f'<polyline points="{path}" fill="none" stroke="#0068ad" stroke-width="1.75"/></svg>'
            f"<div>{escape(said)}</div></div>"
        )

    def released(self) -> None:
        """Ends a search that runs."""
        self._cancelled.set()

    def _watch(self, lr: float, loss: float) -> bool:
        with self._lock:
            self._points.append((lr, loss))
        return not self._cancelled.is_set()


def _array(points: list[tuple[float, float]]) -> np.ndarray:
    return np.asarray(points, np.float32).reshape(-1, 2).T.copy()
