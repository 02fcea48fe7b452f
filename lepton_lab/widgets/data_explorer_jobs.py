"""Long work of the data explorer: each kind in a thread of its own, with progress, replaced or cancelled at will."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from lepton_lab.data.images_reader import LoadingCancelledError, Watch
from lepton_lab.widgets._orders import failure

__all__ = ["Jobs"]

T = TypeVar("T")
Push = Callable[[str, Mapping[str, Any]], None]

_APART_S = 0.1


class Jobs:
    """What runs beside the cells.

    Args:
        push: Tells the views how a job goes: `("job", {"name", "state", "share", "error"})`.

    Threads: safe; a job's `done` runs in the job's thread, and only where nobody cancelled or replaced it.
    """

    def __init__(self, push: Push) -> None:
        self._push = push
        self._lock = threading.Lock()
        self._running: dict[str, threading.Event] = {}

    def start(self, name: str, work: Callable[[Watch], T], done: Callable[[T], None]) -> None:
        """Begins a job; one of the same name that runs is cancelled."""
        cancel = threading.Event()
        with self._lock:
            before = self._running.get(name)
            self._running[name] = cancel
        if before is not None:
            before.set()
        threading.Thread(target=self._go, args=(name, cancel, work, done), name=f"lepton-{name}", daemon=True).start()

    def running(self, name: str) -> bool:
        """Whether a job of this name runs."""
        with self._lock:
            return name in self._running

    def cancel(self, name: str | None = None) -> None:
        """Cancels one job, or all."""
        with self._lock:
            names = [name] if name is not None else list(self._running)
            ended = [(n, event) for n in names if (event := self._running.pop(n, None)) is not None]
        for n, event in ended:
            event.set()
            self._push("job", {"name": n, "state": "cancelled"})

    def _go(
        self, name: str, cancel: threading.Event, work: Callable[[Watch], Any], done: Callable[[Any], None]
    ) -> None:
        told = 0.0

        def progress(part: int, total: int) -> bool:
            nonlocal told
            now = time.monotonic()
            if now - told > _APART_S and not cancel.is_set():
                told = now
                self._push("job", {"name": name, "state": "running", "share": part / max(total, 1)})
            return not cancel.is_set()

        state: dict[str, Any] = {"name": name, "state": "done"}
        try:
            self._push("job", {"name": name, "state": "running", "share": None})
            found = work(Watch(progress, cancel))
            if self._ends(name, cancel):
                done(found)
                self._push("job", state)
        except LoadingCancelledError:
            self._ends(name, cancel)
        except Exception as error:  # the person who waits must read it, whatever it is
            if self._ends(name, cancel):
                self._push("job", {**state, "state": "failed", "error": failure(error)})

    def _ends(self, name: str, cancel: threading.Event) -> bool:
        """Takes the job off the list; whether it is still wanted."""
        with self._lock:
            if self._running.get(name) is not cancel:
                return False
            del self._running[name]
            return not cancel.is_set()
