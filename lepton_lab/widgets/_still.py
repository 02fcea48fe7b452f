"""The picture that stays in a notebook when no kernel runs any more."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

__all__ = ["Still"]

_APART_S = 10.0  # between two refreshes: each makes the notebook unsaved

_STYLE = (
    "<style>.jp-OutputArea-child:not(:has(.ll-root)):has(+ .jp-OutputArea-child .ll-still){display:none}"
    ".jp-OutputArea-child:has(.ll-root) + .jp-OutputArea-child:has(.ll-still){display:none}</style>"
)
"""Shows either the live widget or the picture, and no "model not found" beside it."""


class Still:
    """A second output below the widget's own, kept up to date while the kernel runs.

    Args:
        draw: Returns HTML without scripts, or None for an empty picture.

    Threads: safe.
    """

    def __init__(self, draw: Callable[[], str | None]) -> None:
        self._draw = draw
        self._lock = threading.Lock()
        self._id: str | None = None
        self._drawn = 0.0

    def show(self) -> None:
        """Displays it in the cell that runs."""
        from IPython.display import HTML, display

        with self._lock:
            self._id = uuid.uuid4().hex
            self._drawn = time.monotonic()
        display(HTML(self._html()), display_id=self._id)  # type: ignore[no-untyped-call]

    def refresh(self, force: bool = False) -> None:
        """Draws it anew where it is shown and the last time is a while ago."""
        with self._lock:
            if self._id is None or not (force or time.monotonic() - self._drawn > _APART_S):
                return
            self._drawn = time.monotonic()
            known = self._id
        from IPython.display import HTML, update_display

        update_display(HTML(self._html()), display_id=known)  # type: ignore[no-untyped-call]

    def _html(self) -> str:
        picture: Any = self._draw()
        return f'{_STYLE}<div class="ll-still">{picture or ""}</div>'
