"""A figure that a notebook shows as a picture, whether or not pyplot was ever loaded."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

__all__ = ["Drawn"]


class Drawn(Figure):
    """A matplotlib figure of its own, not known to pyplot.

    A notebook draws matplotlib's own class only once pyplot was imported; until then it prints its type and size.
    """

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", bbox_inches="tight")
        return buffer.getvalue()
