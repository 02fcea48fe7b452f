"""Work beside a training: seldom, one piece at a time, in a thread that gives way to everything else."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Hashable
from typing import Any

__all__ = ["Beside"]


class Beside:
    """One kind of look at something that changes, made again when it has changed and enough time has passed.

    Args:
        work: Makes the look; it is called in a thread of its own, with what `due` was called with.
        pause_s: Least seconds between two looks.
        most_share: Largest share of the time that looks may take; a slow one is made more seldom.
        failed: Called with what `work` raised.
        prepare: Called once before the first look, as no part of it: loads what looks need.

    Threads: safe.
    """

    def __init__(
        self,
        work: Callable[..., Any],
        pause_s: float,
        most_share: float,
        failed: Callable[[BaseException], Any],
        prepare: Callable[[], Any] = lambda: None,
    ) -> None:
        self._work, self._pause_s, self._most_share, self._failed = work, pause_s, most_share, failed
        self._prepare: Callable[[], Any] | None = prepare
        self._busy = threading.Lock()
        self._seen: Hashable = None
        self._at, self._took = -1e9, 0.0

    @property
    def busy(self) -> bool:
        """Whether a look is being made."""
        return self._busy.locked()

    def due(self, mark: Hashable, *arguments: Any, at_once: bool = False) -> bool:
        """Begins a look where `mark` is not the one of the last look; returns whether it began one.

        Args:
            mark: What the last look saw; another value means that there is something new.
            *arguments: Handed to `work`.
            at_once: Whether not to wait because the last look was a moment ago.
        """
        if mark == self._seen:
            return False
        pause = max(self._pause_s, self._took / self._most_share)
        if not at_once and time.monotonic() - self._at < pause:
            return False
        if not self._busy.acquire(blocking=False):
            return False
        self._seen = mark
        threading.Thread(target=self._look, args=arguments, name="lepton-beside", daemon=True).start()
        return True

    def _look(self, *arguments: Any) -> None:
        if hasattr(os, "setpriority"):  # of this thread alone, on Linux
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 10)
        began = time.monotonic()
        try:
            prepare, self._prepare = self._prepare, None
            if prepare is not None:
                prepare()
                began = time.monotonic()
            self._work(*arguments)
        except Exception as error:  # a plugin's rule, a file that went away: said where one looks, never printed
            self._failed(error)
        finally:
            self._at = time.monotonic()
            self._took = self._at - began
            self._busy.release()
