"""Orders to a run: from a button, another tab, another process or the keyboard."""

from __future__ import annotations

import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lepton_lab.errors import TrainingError, UnknownNameError

__all__ = ["COMMANDS", "SETTABLE", "Call", "Command", "Controls"]

COMMANDS = ("pause", "resume", "step", "stop", "set")
"""Names of commands that a run understands."""

SETTABLE = ("lr", "batch_size", "dropout", "weight_decay")
"""What `set` may change while a run trains."""

_RANGES = {"batch_size": "a whole number of at least 1", "dropout": "a number from 0 up to, not including, 1"}


@dataclass(frozen=True)
class Command:
    """One order.

    Attributes:
        name: One of `COMMANDS`.
        args: Its arguments, plain JSON data: `{"lr": 0.001}` for "set", `{"count": 3}` for "step".
        id: Says the same order apart from the next one, so that sending it twice does no harm.
    """

    name: str
    args: Mapping[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        if self.name not in COMMANDS:
            raise UnknownNameError("command", self.name, COMMANDS)
        if self.name == "set":
            _check_set(self.args)


class Call:
    """Something that another thread asks the training thread to do between two batches.

    Args:
        function: What to do.
    """

    def __init__(self, function: Callable[[], Any]) -> None:
        self._function = function
        self.done = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        """Does it; what it raises belongs to whoever asked."""
        try:
            self.result = self._function()
        except Exception as error:
            self.error = error
        self.done.set()


class Controls:
    """The queue of orders of one run.

    Threads: any thread may send; the training thread reads `pending` every batch (an attribute, no lock) and
    takes what waits with `take`.
    """

    def __init__(self) -> None:
        self.pending = False
        self._queue: deque[Command] = deque()
        self._seen: set[str] = set()
        self._changed = threading.Condition()

    def send(self, command: Command) -> bool:
        """Queues `command`; returns False where one with this id came before."""
        with self._changed:
            if command.id in self._seen:
                return False
            self._seen.add(command.id)
            self._queue.append(command)
            self.pending = True
            self._changed.notify_all()
            return True

    def take(self) -> list[Command]:
        """All orders that wait, oldest first."""
        with self._changed:
            commands = list(self._queue)
            self._queue.clear()
            self.pending = False
            return commands

    def poke(self) -> None:
        """Makes the training thread look, though there is no order."""
        with self._changed:
            self.pending = True
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Blocks until an order waits; returns whether one does."""
        with self._changed:
            return self._changed.wait_for(lambda: self.pending, timeout)


def _check_set(args: Mapping[str, Any]) -> None:
    for name, value in args.items():
        if name not in SETTABLE:
            raise UnknownNameError("setting of a running run", name, SETTABLE)
        whole = name == "batch_size"
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not good or not _in_range(name, float(value)) or (whole and int(value) != value):
            raise TrainingError(
                f"{name} cannot be set to {value!r}",
                where="set",
                expected=_RANGES.get(name, "a finite number that is not negative"),
                do="Correct it; the run goes on unchanged",
            )


def _in_range(name: str, value: float) -> bool:
    if name == "batch_size":
        return 1 <= value < 2**31
    if name == "dropout":
        return 0 <= value < 1
    return 0 <= value < float("inf")
