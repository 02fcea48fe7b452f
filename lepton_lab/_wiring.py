"""Connects what training leaves open: who records runs, who draws and who shows them, where they may execute.

Training may import neither the store nor the figures above it. Whoever takes a name of training from
`lepton_lab` gets both; whoever imports `lepton_lab.training` itself gets neither.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

__all__ = ["connect"]


@cache
def connect() -> None:
    """Makes runs recorded by the default workspace, drawn by matplotlib, and shown live in a notebook."""
    import lepton_lab.workspace  # noqa: F401 - becomes the recorder of runs when it is imported
    from lepton_lab.evaluate import set_drawer
    from lepton_lab.training import recording

    recording.set_plotter(_plot)
    recording.set_viewer(_show)
    set_drawer(_draw)


def _plot(run: Any) -> Any:
    from lepton_lab import figures  # brings matplotlib, so only when somebody draws

    return figures.plot_run(run)


def _draw(evaluation: Any) -> Any:
    from lepton_lab import figures

    return figures.evaluation_figures(evaluation)


def _show(run: Any) -> bool:
    if not _in_kernel():
        return False
    from lepton_lab.widgets.training_monitor import monitor_of  # brings ipywidgets, so only when somebody looks

    monitor_of(run)._ipython_display_()
    return True


def _in_kernel() -> bool:
    """Whether this is a notebook's kernel; a terminal cannot show widgets."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return getattr(shell, "kernel", None) is not None
