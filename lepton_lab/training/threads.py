"""What a thread that trains sets for itself: denormals, the number of threads, determinism.

On virtual CPUs a second OpenMP thread can make a small network's step a hundred times slower, so the number is
measured where it is used. Denormal numbers (Adam's moments of weights that see no gradient) double the time of a step.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

__all__ = ["best_time", "pick_threads", "training_thread"]

_GAIN = 0.92  # more threads must bring a step below this share of its time
_TINY = 0.5e-3  # s; so short a step cannot gain by more threads, and trying them makes a busy machine wait
_QUICK = 0.030  # s; a step that takes longer is measured fewer times
_lock = threading.Lock()
_inside = 0
_before: tuple[int, bool, bool] | None = None


@contextmanager
def training_thread(deterministic: bool) -> Iterator[None]:
    """Prepares the present thread for training, and puts torch's settings back after the last run has left.

    Side effects: while a deterministic run trains, torch uses deterministic algorithms in the whole process.
    """
    global _inside, _before
    flushes = _flushes_denormals()
    with _lock:
        if _inside == 0:
            _before = (
                torch.get_num_threads(),
                torch.are_deterministic_algorithms_enabled(),
                torch.is_deterministic_algorithms_warn_only_enabled(),
            )
        _inside += 1
        if deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
            torch.use_deterministic_algorithms(True)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushes)  # the present thread may be a user's own
        with _lock:
            _inside -= 1
            if _inside == 0 and _before is not None:
                threads, enabled, warn_only = _before
                torch.set_num_threads(threads)
                if torch.are_deterministic_algorithms_enabled() != enabled:  # the call itself imports the compiler
                    torch.use_deterministic_algorithms(enabled, warn_only=warn_only)


def _flushes_denormals() -> bool:
    """Whether the present thread takes numbers too small for a full mantissa as zero; torch cannot be asked."""
    return float(torch.tensor(1e-40) * 1.0) == 0.0


def pick_threads(step: Callable[[], None], most: int) -> tuple[int, float]:
    """Measures `step` with one thread and with `most`; sets the better number for the present thread.

    Args:
        step: One training step that may be repeated.
        most: The largest number to try.

    Returns:
        The number of threads, and the seconds that a step takes with it.
    """
    torch.set_num_threads(1)
    step()  # lazy imports and first allocations
    one = best_time(step, 5)
    if most < 2 or one < _TINY:
        return 1, one
    torch.set_num_threads(most)
    start = time.perf_counter()
    step()
    if time.perf_counter() - start < 3 * one:
        several = best_time(step, 5)
        if several < _GAIN * one:
            return most, several
    torch.set_num_threads(1)
    return 1, one


def best_time(step: Callable[[], None], count: int) -> float:
    """Seconds of the quickest of `count` calls; of two where a call is slow."""
    times = []
    for _ in range(count):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
        if times[-1] > _QUICK and len(times) >= 2:
            break
    return min(times)
