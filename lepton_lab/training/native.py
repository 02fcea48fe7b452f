"""What Python cannot ask of torch: the C library's memory and the OpenMP team of a thread.

Both are looked up in the libraries that the process has loaded; where they are not what is expected (another system,
another allocator, another OpenMP), nothing happens.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

__all__ = ["dismiss_team", "kept_memory"]

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # names of mallopt(3)
_MIB = 1 << 20
_PAUSE_SOFT = 1  # omp_pause_soft
_lock = threading.Lock()
_inside = 0


@contextmanager
def kept_memory() -> Iterator[None]:
    """Keeps freed memory in the process while the block runs, and gives it back afterwards.

    glibc returns large blocks to the system as soon as they are freed. A training step frees and asks for the same
    tens of megabytes again and again, and every page that comes back costs a fault: up to a third of a step.
    """
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            _set(_MMAP_THRESHOLD, 32 * _MIB)  # the most that glibc allows; it goes there by itself in time
            _set(_TOP_PAD, 64 * _MIB)  # a thread's heap that is empty for a moment stays
            _set(_TRIM_THRESHOLD, 1024 * _MIB)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _set(_TOP_PAD, 0)
                _set(_TRIM_THRESHOLD, 64 * _MIB)
                with suppress(AttributeError, OSError):
                    _libc().malloc_trim(0)


def dismiss_team() -> None:
    """Ends the present thread's idle OpenMP workers; the next parallel region starts new ones.

    GNU's OpenMP keeps a team for every thread that ever used one, and spins at a barrier only while all teams together
    have no more threads than there are CPUs. With the caller's team left over from preparing the data, the team of the
    training thread would sleep and be woken at every operation: on two CPUs a convolution takes 1.3 times as long.
    """
    library = _gnu_openmp()
    if library is not None:
        with suppress(AttributeError, OSError):
            library.omp_pause_resource_all(_PAUSE_SOFT)


def _set(parameter: int, value: int) -> None:
    with suppress(AttributeError, OSError):
        _libc().mallopt(parameter, value)


@cache
def _libc() -> ctypes.CDLL:
    if not sys.platform.startswith("linux"):
        raise OSError("mallopt is glibc's")
    return ctypes.CDLL(None)


@cache
def _gnu_openmp() -> ctypes.CDLL | None:
    """The OpenMP library of torch; None where it is not GNU's. Other packages may have loaded their own copies."""
    import torch  # not above: who only reads records needs no torch

    ours = str(Path(torch.__file__).parent)
    with suppress(OSError), Path("/proc/self/maps").open(encoding="utf-8") as maps:
        loaded = {line.split(maxsplit=5)[5].strip() for line in maps if "libgomp" in line}
        chosen = [path for path in loaded if path.startswith(ours)] or list(loaded)
        if len(chosen) == 1:
            return ctypes.CDLL(chosen[0])
    return None
