"""Recording CUDA graphs beside other trainings: while one is recorded, nobody else draws numbers or frees memory.

A recording takes torch's one generator of the GPU for itself, so that a dropout in another thread would fail, and so
would giving cached memory back (https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graph-semantics).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["TURNS", "Turns"]

_LOOK = 1e-4  # s between two looks at whether all have left


class Turns:
    """Many may be inside at once, as with a lock that is shared, or one alone.

    `with turns:` is taken once a step, so it costs a list's append; it must not be taken inside itself.

    Threads: safe.
    """

    def __init__(self) -> None:
        self._one = threading.Lock()
        self._inside: list[None] = []
        self._closed = False
        self._opened = threading.Event()

    def __enter__(self) -> None:
        self._inside.append(None)
        while self._closed:
            self._inside.pop()
            self._opened.wait()
            self._inside.append(None)

    def __exit__(self, *_: object) -> None:
        self._inside.pop()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside the block nobody else is inside; waits for those who are."""
        with self._one:
            self._opened.clear()
            self._closed = True
            try:
                while self._inside:
                    time.sleep(_LOOK)
                yield
            finally:
                self._closed = False
                self._opened.set()


TURNS = Turns()
"""Those of this process."""
