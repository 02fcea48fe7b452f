"""Who is looked at, and the one thread per kernel that sends to those, at most ten times a second."""

from __future__ import annotations

import threading
import time
import weakref
from typing import Protocol

__all__ = ["PERIOD_S", "Pulsed", "Views", "pump"]

PERIOD_S = 0.1
MOST_APART_S = 1.0
LEASE_S = 15.0  # a view says every 4 s that it is still seen; a closed tab or a sleeping laptop says nothing


class Views:
    """The views of one widget that are on a screen now.

    Threads: safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}
        self._apart_s: dict[str, float] = {}

    def tell(self, view: str, visible: bool, apart_s: float = 0.0) -> bool:
        """Notes what a view says of itself; returns whether it was not seen before and is now.

        Args:
            view: Which one.
            visible: Whether it is on a screen.
            apart_s: Seconds that it wants between two messages, because drawing is dear where it is.
        """
        with self._lock:
            before = self._until.pop(view, 0.0) > time.monotonic()
            self._apart_s.pop(view, None)
            if visible:
                self._until[view] = time.monotonic() + LEASE_S
                self._apart_s[view] = min(max(apart_s, 0.0), MOST_APART_S)
            return visible and not before

    @property
    def any(self) -> bool:
        """Whether somebody looks."""
        now = time.monotonic()
        with self._lock:
            self._until = {view: until for view, until in self._until.items() if until > now}
            return bool(self._until)

    @property
    def apart_s(self) -> float:
        """Seconds that the quickest of the views wants between two messages."""
        now = time.monotonic()
        with self._lock:
            return min((self._apart_s[view] for view, until in self._until.items() if until > now), default=0.0)

    def clear(self) -> None:
        """Forgets all."""
        with self._lock:
            self._until.clear()
            self._apart_s.clear()


class Pulsed(Protocol):
    """What the pump calls."""

    @property
    def visible(self) -> bool: ...

    def _pulse(self) -> None: ...


class Pump:
    """Calls each widget that is looked at, in one thread, which ends when nobody looks any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._widgets: weakref.WeakSet[Pulsed] = weakref.WeakSet()
        self._thread: threading.Thread | None = None

    def add(self, widget: Pulsed) -> None:
        """Begins to call a widget; it is dropped when no view of it is seen any more."""
        with self._lock:
            self._widgets.add(widget)
            if self._thread is None:
                self._thread = threading.Thread(target=self._go, name="lepton-views", daemon=True)
                self._thread.start()

    def _go(self) -> None:
        while True:
            began = time.monotonic()
            with self._lock:
                for widget in [w for w in self._widgets if not w.visible]:
                    self._widgets.discard(widget)
                if not self._widgets:
                    self._thread = None
                    return
                now = list(self._widgets)
            for widget in now:
                widget._pulse()
            del now
            time.sleep(max(0.01, PERIOD_S - (time.monotonic() - began)))


pump = Pump()
"""The kernel's one."""
