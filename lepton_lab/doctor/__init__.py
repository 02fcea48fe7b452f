"""Says what is wrong with a network, in which layer and since when, why, and what can be done about it.

What lives here: the rules (`rules/`), what they look at (`case`), what they say (`words`), and how a fix is tried
(`repair`). Measuring over time is the work of `probes`; drawing for people is that of widgets and figures above.
Nothing here needs Jupyter.

    Case (network, data, settings, run) ──rules──► Finding (layer, step, evidence, words, fixes) ──► Report
                                                        └─ Fix ──try_fix──► a second run ──compare──► BeforeAfter
"""

from lepton_lab.doctor import rules
from lepton_lab.doctor.case import Case, Measured
from lepton_lab.doctor.findings import Evidence, Finding
from lepton_lab.doctor.fixes import Fix
from lepton_lab.doctor.look import diagnose, preflight
from lepton_lab.doctor.repair import BeforeAfter, compare, try_fix
from lepton_lab.doctor.report import Report
from lepton_lab.doctor.rule import RULES, Rule, Threshold, register_rule
from lepton_lab.doctor.words import Words, set_language

__all__ = [
    "RULES",
    "BeforeAfter",
    "Case",
    "Evidence",
    "Finding",
    "Fix",
    "Measured",
    "Report",
    "Rule",
    "Threshold",
    "Words",
    "compare",
    "diagnose",
    "preflight",
    "register_rule",
    "rules",
    "set_language",
    "try_fix",
]
