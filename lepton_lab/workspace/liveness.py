"""Whether the process that owns a run is still there."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from functools import lru_cache

import psutil

__all__ = ["STALE_S", "Owner", "is_alive", "this_process"]

STALE_S = 30.0
"""A process on another machine counts as gone when it has not written for this long, in seconds."""


@dataclass(frozen=True)
class Owner:
    """A process, told apart from a later one with the same number.

    Attributes:
        host: Name of its machine.
        pid: Its number.
        process_started: When it started, in seconds since 1970.
    """

    host: str
    pid: int
    process_started: float


def this_process() -> Owner:
    """The process that asks."""
    return _this_process(os.getpid())


def is_alive(owner: Owner, heartbeat: float | None) -> bool:
    """Whether the process still runs; on another machine, whether it wrote lately.

    Args:
        owner: The process.
        heartbeat: When it last wrote, in seconds since 1970.
    """
    if owner.host != platform.node():
        return heartbeat is not None and time.time() - heartbeat < STALE_S
    try:
        process = psutil.Process(owner.pid)
        same = abs(process.create_time() - owner.process_started) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return True
    except psutil.NoSuchProcess:
        return False


@lru_cache(maxsize=4)
def _this_process(pid: int) -> Owner:
    return Owner(platform.node(), pid, psutil.Process(pid).create_time())
