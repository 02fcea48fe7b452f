"""How many runs of this process train at the same time; the others wait in line."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from lepton_lab.errors import TrainingError

__all__ = ["Slots", "default_slots", "set_slots"]


class Slots:
    """A number of places and a fair line before them.

    Threads: every method may be called from any thread.

    Args:
        count: How many may train at once.
    """

    def __init__(self, count: int) -> None:
        self._changed = threading.Condition()
        self._count = 0
        self._line: list[str] = []
        self._inside: set[str] = set()
        self.resize(count)

    @property
    def count(self) -> int:
        """How many may train at once."""
        return self._count

    def resize(self, count: int) -> None:
        """Sets how many may train at once; who trains already goes on.

        Raises:
            TrainingError: `count` is below 1.
        """
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise TrainingError("runs need a slot", expected="a whole number of at least 1", received=repr(count))
        with self._changed:
            self._count = count
            self._changed.notify_all()

    def queue(self) -> list[str]:
        """Ids of the runs that wait, next one first."""
        with self._changed:
            return list(self._line)

    def running(self) -> list[str]:
        """Ids of the runs that hold a slot, sorted."""
        with self._changed:
            return sorted(self._inside)

    def join(self, run_id: str) -> None:
        """Stands in line; called by `start`, so that the order of starting is the order of training."""
        with self._changed:
            self._line.append(run_id)

    def enter(self, run_id: str, give_up: Callable[[], bool]) -> bool:
        """Waits for a slot; returns False where `give_up` said so first (see `wake`)."""
        with self._changed:
            while not (self._line[0] == run_id and len(self._inside) < self._count):
                if give_up():
                    self._line.remove(run_id)
                    self._changed.notify_all()
                    return False
                self._changed.wait(1.0)
            self._line.remove(run_id)
            self._inside.add(run_id)
            self._changed.notify_all()
            return True

    def leave(self, run_id: str) -> None:
        """Gives the slot back."""
        with self._changed:
            self._inside.discard(run_id)
            self._changed.notify_all()

    def wake(self) -> None:
        """Lets those who wait ask `give_up` again."""
        with self._changed:
            self._changed.notify_all()


default_slots = Slots(max(1, (os.cpu_count() or 2) // 2))
"""The slots of this process."""


def set_slots(count: int) -> None:
    """Sets how many runs of this process may train at once; further ones are queued."""
    default_slots.resize(count)
