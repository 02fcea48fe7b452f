"""Connects what training leaves open: who records runs, who draws them, where they may execute.

Training may import neither the store nor the figures above it. Whoever takes a name of training from
`lepton_lab` gets both; whoever imports `lepton_lab.training` itself gets neither.
"""

from __future__ import annotations

from functools import cache
from typing import Any

__all__ = ["connect"]


@cache
def connect() -> None:
    """Makes runs recorded by the default workspace and drawn by matplotlib."""
    import lepton_lab.workspace  # noqa: F401 - becomes the recorder of runs when it is imported
    from lepton_lab.training import recording

    recording.set_plotter(_plot)


def _plot(run: Any) -> Any:
    from lepton_lab import figures  # brings matplotlib, so only when somebody draws

    return figures.plot_run(run)
