"""Probes: what is measured of a network while it trains, and what can be asked of it on demand.

What lives here: the probes with their schedules and budget, the record of their readings, and functions that look at
the present weights of a run or module. Probes compute only. What may not live here: drawing, storing, judging (that is
the doctor's), and anything of `lepton_lab.training`, which calls this folder and not the other way round.
"""

from lepton_lab.probes import activations, classes, gradients, weights  # noqa: F401 - registers the built-in probes
from lepton_lab.probes.access import examine
from lepton_lab.probes.base import PROBES, STANDARD, Moment, Probe, Sums, make_probes, register_probe
from lepton_lab.probes.curvature import Curvature, hessian_top, hessian_trace
from lepton_lab.probes.frames import Frame, Maps
from lepton_lab.probes.layers import Layer, Layers
from lepton_lab.probes.log import Cost, ProbeLog, Reading, Series
from lepton_lab.probes.maps import FeatureMaps, TopSamples, attention_maps, feature_maps, filters, top_samples
from lepton_lab.probes.pictures import Boundary, Embedding, decision_boundary, embedding
from lepton_lab.probes.schedules import Place, Schedule, adaptive, every, log_spaced, on_epoch

__all__ = [
    "PROBES",
    "STANDARD",
    "Boundary",
    "Cost",
    "Curvature",
    "Embedding",
    "FeatureMaps",
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
    "TopSamples",
    "adaptive",
    "attention_maps",
    "decision_boundary",
    "embedding",
    "every",
    "examine",
    "feature_maps",
    "filters",
    "hessian_top",
    "hessian_trace",
    "log_spaced",
    "make_probes",
    "on_epoch",
    "register_probe",
    "top_samples",
]
