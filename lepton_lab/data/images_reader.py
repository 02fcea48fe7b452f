"""Many image files at once: decoded or only looked at.

Photos are shared out to as many threads as there are cores, since Pillow leaves Python's lock while it decodes.
Tiny images are done in one thread: there the lock changes hands so often that two threads took 1.7 times as long as
one (CIFAR-10, 0.1 ms an image). Processes would help neither: one that imports torch takes seconds to start.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np

from lepton_lab.data.images_decode import ImageFormat, Pixels, decode, header
from lepton_lab.data.images_source import ImageSource
from lepton_lab.errors import DataError

__all__ = [
    "LoadingCancelledError",
    "Progress",
    "Watch",
    "core_count",
    "decode_files",
    "inspect_files",
    "reason",
    "threads_for",
]

Progress = Callable[[int, int], object]
"""Called with (images done, images in all); loading ends when it returns False."""

_CHUNK = 64  # files that a thread takes at once
_TRIED = 32  # files that are decoded to see how long one takes
_TINY = 0.5e-3  # seconds for an image, below which threads hinder each other


class LoadingCancelledError(DataError):
    """Loading was cancelled by its caller."""


class Watch:
    """Says how far loading is, and whether it shall go on.

    Args:
        progress: Told from the thread that loads, after every few images.
        cancel: Loading ends soon after it is set, from whatever thread.
    """

    def __init__(self, progress: Progress | None = None, cancel: threading.Event | None = None) -> None:
        self.progress, self.cancel = progress, cancel

    def report(self, done: int, total: int) -> None:
        """Tells `progress`.

        Raises:
            LoadingCancelledError: It shall not go on.
        """
        stopped = self.progress is not None and self.progress(done, total) is False
        if stopped or (self.cancel is not None and self.cancel.is_set()):
            raise LoadingCancelledError(f"loading was cancelled after {done:,} of {total:,} images")


def core_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def decode_files(
    source: ImageSource, names: Sequence[str], wanted: ImageFormat, watch: Watch
) -> tuple[Pixels, dict[int, str]]:
    """Decodes files into one array.

    Args:
        source: Where they lie.
        names: Which, in the order that is wanted.
        wanted: What each is brought to.
        watch: Told how far it is.

    Returns:
        uint8 (N, C, H, W), and why files could not be read, by position; their rows are 0.

    Raises:
        LoadingCancelledError: The watch said so.
        DataError: There is not enough memory for them.
    """
    shape = (len(names), *wanted.shape)
    try:
        out: Pixels = np.zeros(shape, dtype=np.uint8)
    except MemoryError as error:
        raise DataError(
            "the images do not fit into memory",
            received=f"{len(names):,} images of {wanted.shape}",
            do="Ask for a smaller image_size, set limit, or let them stream with a lower memory_cap",
        ) from error
    failed: dict[int, str] = {}

    def one(row: int) -> None:
        try:
            out[row] = decode(source.read(names[row]), wanted)
        except (DataError, OSError) as error:
            failed[row] = reason(error)

    _in_threads(len(names), one, watch)
    return out, failed


def inspect_files(
    source: ImageSource, names: Sequence[str], max_pixels: int, watch: Watch
) -> tuple[dict[int, tuple[int, int, bool]], dict[int, str]]:
    """Reads the files' headers: height, width and whether it is grey by position; and why some could not be read.

    Raises:
        LoadingCancelledError: The watch said so.
    """
    found: dict[int, tuple[int, int, bool]] = {}
    failed: dict[int, str] = {}

    def one(row: int) -> None:
        try:
            found[row] = header(source.read(names[row]), max_pixels)
        except (DataError, OSError) as error:
            failed[row] = reason(error)

    _in_threads(len(names), one, watch)
    return found, failed


def threads_for(source: ImageSource, names: Sequence[str], wanted: ImageFormat) -> int:
    """Threads that decode these files fastest: one for tiny images, else one for each core."""
    began = time.perf_counter()
    tried = names[:: max(1, len(names) // _TRIED)][:_TRIED]
    for name in tried:
        with contextlib.suppress(DataError, OSError):
            decode(source.read(name), wanted)
    return 1 if time.perf_counter() - began < _TINY * len(tried) else core_count()


def reason(error: Exception) -> str:
    """An error in few words, for a list of files."""
    if isinstance(error, DataError):
        return error.what + (f" ({error.received})" if error.received else "")
    return f"cannot be opened ({error})"


def _in_threads(count: int, one: Callable[[int], None], watch: Watch) -> None:
    stop = threading.Event()

    def chunk(start: int) -> int:
        end = min(start + _CHUNK, count)
        for row in range(start, end):
            if stop.is_set():
                return row - start
            one(row)
        return end - start

    watch.report(0, count)
    began = time.perf_counter()
    done = chunk(0)
    threads = 1 if time.perf_counter() - began < _TINY * done else core_count()
    with ThreadPoolExecutor(threads, thread_name_prefix="lepton-decode") as pool:
        chunks = [pool.submit(chunk, start) for start in range(_CHUNK, count, _CHUNK)]
        try:
            for finished in as_completed(chunks):
                done += finished.result()
                watch.report(done, count)
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
