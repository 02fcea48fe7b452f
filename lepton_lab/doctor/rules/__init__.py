"""The doctor's rules, one small class each, grouped by what they look at. They only look: measuring is `case`'s work.

A rule reads a `Case` and yields findings; its words are in the strings table, its numbers in `thresholds` with their
source. A rule that cannot judge (no probes, no data, a module of an unknown kind) says nothing.
"""

from lepton_lab.doctor.rules.activations import DeadRelu, PoorInitialisation, SaturatedActivation
from lepton_lab.doctor.rules.data import ClassImbalance, Duplicates, InputScale, Leakage, MissingValues
from lepton_lab.doctor.rules.embeddings import StaleEmbedding
from lepton_lab.doctor.rules.generalising import ClassErrors, Overfit, Overtraining
from lepton_lab.doctor.rules.gradients import ExplodingGradient, NotFinite, VanishingGradient
from lepton_lab.doctor.rules.losses import LossNotDecreasing, LrTooHigh, LrTooLow, Oscillation, Plateau
from lepton_lab.doctor.rules.machine import LoaderWait, LowUtilisation, MemoryGrowth, SmallBatch
from lepton_lab.doctor.rules.outputs import OutputActivation
from lepton_lab.doctor.rules.parameters import Frozen, KeepsTensors, Unchanged, Unreached
from lepton_lab.doctor.rules.shapes import BatchNormBatch, LabelRange, MemoryFit, Shapes
from lepton_lab.doctor.rules.start import DeadAtStart, InitialLoss, OneBatch, SaturatedAtStart
from lepton_lab.doctor.rules.updates import UpdateRatioHigh, UpdateRatioLow

__all__ = [
    "BatchNormBatch",
    "ClassErrors",
    "ClassImbalance",
    "DeadAtStart",
    "DeadRelu",
    "Duplicates",
    "ExplodingGradient",
    "Frozen",
    "InitialLoss",
    "InputScale",
    "KeepsTensors",
    "LabelRange",
    "Leakage",
    "LoaderWait",
    "LossNotDecreasing",
    "LowUtilisation",
    "LrTooHigh",
    "LrTooLow",
    "MemoryFit",
    "MemoryGrowth",
    "MissingValues",
    "NotFinite",
    "OneBatch",
    "Oscillation",
    "OutputActivation",
    "Overfit",
    "Overtraining",
    "Plateau",
    "PoorInitialisation",
    "SaturatedActivation",
    "SaturatedAtStart",
    "Shapes",
    "SmallBatch",
    "StaleEmbedding",
    "Unchanged",
    "Unreached",
    "UpdateRatioHigh",
    "UpdateRatioLow",
    "VanishingGradient",
]
