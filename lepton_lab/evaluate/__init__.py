"""What a trained network is worth: numbers with their uncertainty, curves, calibration, mistakes and residuals.

`evaluate(run)` computes an `Evaluation` once; views and reports only read it. Counting is done by scikit-learn and
scipy. What may not live here: figures (they are drawn above, see `set_drawer`), widgets, and training.
"""

from lepton_lab.evaluate.collect import Cancelled, evaluate
from lepton_lab.evaluate.report import set_drawer
from lepton_lab.evaluate.result import Evaluation
from lepton_lab.evaluate.samples import Sample, read_samples

__all__ = ["Cancelled", "Evaluation", "Sample", "evaluate", "read_samples", "set_drawer"]
