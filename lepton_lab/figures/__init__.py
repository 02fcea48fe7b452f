"""Figures for papers and reports: the only place with matplotlib.

Here live functions that take a run or a result and return a matplotlib `Figure`. What may not live here: pyplot,
widgets, and anything that measures.
"""

from lepton_lab.figures.curves import plot_run, plot_runs
from lepton_lab.figures.evaluation import evaluation_figures, figure_bytes, plot_evaluation

__all__ = ["evaluation_figures", "figure_bytes", "plot_evaluation", "plot_run", "plot_runs"]
