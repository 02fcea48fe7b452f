"""What the doctor detects: networks broken in one known way, and healthy ones, half of them held out.

`LEPTON_HALF=development` (or `held-out`) runs one half only. The held-out half has other data, networks and seeds, and
was not looked at while the rules were written.
"""

import os
import statistics
import time
import traceback

from tests.benchmarks.faults import sick_data, sick_networks, well
from tests.benchmarks.faults.case import Trial
from tests.benchmarks.faults.trial import Verdict, judge
from tests.benchmarks.faults.worlds import DEVELOPMENT, HELD_OUT, World


def run() -> list[dict]:
    """Shares that were detected, named in the right layer, or wrongly alarmed about; steps to the detection."""
    start = time.perf_counter()
    wanted = os.environ.get("LEPTON_HALF", "")
    rows: list[dict] = []
    everything: tuple[list[Verdict], list[Verdict]] = ([], [])
    halves = [world for world in (DEVELOPMENT, HELD_OUT) if wanted in ("", world.half)]
    for world in halves:
        sick = [_judged(world, trial) for trial in (*sick_data.cases(world), *sick_networks.cases(world))]
        healthy = [_judged(world, trial) for trial in well.cases(world)]
        everything[0].extend(sick)
        everything[1].extend(healthy)
        rows += _rows(world.half, sick, healthy)
    if len(halves) > 1:
        rows += _rows("both", *everything)
    rows.append({"what": "the whole suite", "value": (time.perf_counter() - start) / 60, "unit": "min", "target": ""})
    return rows


def _judged(world: World, trial: Trial) -> Verdict:
    try:
        verdict = judge(trial)
    except Exception as error:  # one broken case must not end the benchmark; it counts against the doctor
        verdict = Verdict(trial, error=f"{type(error).__name__}: {error}")
        traceback.print_exc()
    said = ", ".join(f"{f.rule}@{f.layer}" if f.layer else f.rule for f in verdict.findings) or "nothing"
    if trial.rules:
        state = "MISSED" if verdict.steps is None else f"step {verdict.steps} of {verdict.of}"
        state += "" if verdict.right_layer is not False else ", WRONG LAYER"
    else:
        state = "FALSE ALARM" if verdict.findings else "quiet"
    error = f" !! {verdict.error}" if verdict.error else ""
    print(f"[{world.half}] {trial.name}: {state}; {said}{error}", flush=True)
    return verdict


def _rows(half: str, sick: list[Verdict], healthy: list[Verdict]) -> list[dict]:
    found = [v for v in sick if v.steps is not None]
    placed = [v for v in sick if v.trial.layers]
    right = [v for v in placed if v.right_layer]
    alarms = [v for v in healthy if v.findings or v.error]
    while_training = [v for v in found if v.steps]
    shares = [100 * (v.steps or 0) / max(1, v.of) for v in while_training]
    looks = [v.seconds for v in (*sick, *healthy)]
    return [
        _row(f"{half}: faults detected, of {len(sick)}", 100 * len(found) / len(sick), "%", "≥ 95 %"),
        _row(f"{half}: right layer, of {len(placed)}", 100 * len(right) / len(placed), "%", "≥ 90 %"),
        _row(f"{half}: false alarms, of {len(healthy)} healthy runs", 100 * len(alarms) / len(healthy), "%", "≤ 2 %"),
        _row(f"{half}: named before training", str(len(found) - len(while_training)), "faults", ""),
        _row(
            f"{half}: steps to the others' detection, median", _median([v.steps or 0 for v in while_training]), "", ""
        ),
        _row(f"{half}: the same as share of the run", _median(shares), "%", ""),
        _row(f"{half}: preflight, median and longest", _both([s for s, _ in looks]), "s", ""),
        _row(f"{half}: diagnosis, median and longest", _both([s for _, s in looks if s]), "s", ""),
    ]


def _row(what: str, value: float | str, unit: str, target: str) -> dict:
    return {"what": what, "value": value, "unit": unit, "target": target}


def _median(values: list) -> float | str:
    return statistics.median(values) if values else "none"


def _both(values: list[float]) -> str:
    return f"{statistics.median(values):.2g} and {max(values):.2g}" if values else "none"
