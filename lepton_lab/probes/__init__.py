"""Probes: what is measured of a network while it trains, and what can be asked of it on demand.

What lives here: the probes with their schedules and budget, the record of their readings, and functions that look at
the present weights of a run or module. Probes compute only. What may not live here: drawing, storing, judging (that is
the doctor's), and anything of `lepton_lab.training`, which calls this folder and not the other way round.
"""

from lepton_lab.probes import activations, classes, gradients, weights  # noqa: F401 - registers the built-in probes
from lepton_lab.probes.base import PROBES, STANDARD, Moment, Probe, Sums, make_probes, register_probe
from lepton_lab.probes.frames import Frame, Maps
from lepton_lab.probes.layers import Layer, Layers
from lepton_lab.probes.log import Cost, ProbeLog, Reading, Series
from lepton_lab.probes.schedules import Place, Schedule, adaptive, every, log_spaced, on_epoch

__all__ = [
    "PROBES",
    "STANDARD",
    "Cost",
    "Frame",
    "Layer",
    "Layers",
    "Maps",
    "Moment",
    "Place",
    "Probe",
    "ProbeLog",
    "Reading",
    "Schedule",
    "Series",
    "Sums",
    "adaptive",
    "every",
    "log_spaced",
    "make_probes",
    "on_epoch",
    "register_probe",
]
