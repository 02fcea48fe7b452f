"""What the doctor detects: networks broken in one known way, and healthy ones, half of them held out.

`LEPTON_HALF=development` (or `held-out`) runs one half only. The held-out half has other data, networks and seeds, and
was not looked at while the rules were written.
"""

import multiprocessing
import os
import statistics
import time
import traceback
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tests.benchmarks.faults import sick_data, sick_networks, well
from tests.benchmarks.faults.case import Trial
from tests.benchmarks.faults.trial import Verdict, judge
from tests.benchmarks.faults.worlds import DEVELOPMENT, HELD_OUT, World

WORLDS = {world.half: world for world in (DEVELOPMENT, HELD_OUT)}


@dataclass(frozen=True)
class Outcome:
    """What of a verdict travels between processes."""

    detected: int | None
    of: int
    layered: bool
    right: bool
    alarmed: bool
    seconds: tuple[float, float]


def run() -> list[dict]:
    """Shares that were detected, named in the right layer, or wrongly alarmed about; steps to the detection."""
    start = time.perf_counter()
    wanted = os.environ.get("LEPTON_HALF", "")
    halves = [half for half in WORLDS if wanted in ("", half)]
    parts = [(half, sick) for half in halves for sick in (True, False)]
    workers = min(len(parts), int(os.environ.get("LEPTON_WORKERS", "2")))
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        outcomes = dict(zip(parts, pool.map(judged, *zip(*parts, strict=True)), strict=True))
    rows: list[dict] = []
    for half in halves:
        rows += _rows(half, outcomes[half, True], outcomes[half, False])
    if len(halves) > 1:
        sick, healthy = ([o for half in halves for o in outcomes[half, kind]] for kind in (True, False))
        rows += _rows("both", sick, healthy)
    rows.append({"what": "the whole suite", "value": (time.perf_counter() - start) / 60, "unit": "min", "target": ""})
    return rows


def judged(half: str, sick: bool) -> list[Outcome]:
    """Runs the broken or the healthy networks of a half."""
    world = WORLDS[half]
    trials = (*sick_data.cases(world), *sick_networks.cases(world)) if sick else well.cases(world)
    return [_judged(world, trial) for trial in trials]


def _judged(world: World, trial: Trial) -> Outcome:
    try:
        verdict = judge(trial)
    except Exception as error:  # one broken case must not end the benchmark; it counts against the doctor
        verdict = Verdict(trial, error=f"{type(error).__name__}: {error}")
        traceback.print_exc()
    said = ", ".join(f"{f.rule}@{f.layer}" if f.layer else f.rule for f in verdict.findings) or "nothing"
    alarmed = bool(verdict.findings or verdict.error)
    if trial.rules:
        state = "MISSED" if verdict.steps is None else f"step {verdict.steps} of {verdict.of}"
        state += ", WRONG LAYER" if verdict.right_layer is False else ""
    else:
        state = "FALSE ALARM" if alarmed else "quiet"
    error = f" !! {verdict.error}" if verdict.error else ""
    print(f"[{world.half}] {trial.name}: {state}; {said}{error}", flush=True)
    right = bool(verdict.right_layer)
    return Outcome(verdict.steps, verdict.of, bool(trial.layers), right, alarmed, verdict.seconds)


def _rows(half: str, sick: list[Outcome], healthy: list[Outcome]) -> list[dict]:
    found = [o for o in sick if o.detected is not None]
    placed = [o for o in sick if o.layered]
    right = [o for o in placed if o.right]
    alarms = [o for o in healthy if o.alarmed]
    while_training = [o for o in found if o.detected]
    shares = [100 * (o.detected or 0) / max(1, o.of) for o in while_training]
    looks = [o.seconds for o in (*sick, *healthy)]
    return [
        _row(f"{half}: faults detected, of {len(sick)}", 100 * len(found) / len(sick), "%", "≥ 95 %"),
        _row(f"{half}: right layer, of {len(placed)}", 100 * len(right) / len(placed), "%", "≥ 90 %"),
        _row(f"{half}: false alarms, of {len(healthy)} healthy runs", 100 * len(alarms) / len(healthy), "%", "≤ 2 %"),
        _row(f"{half}: named before training", str(len(found) - len(while_training)), "faults", ""),
        _row(
            f"{half}: steps to the others' detection, median",
            _median([o.detected or 0 for o in while_training]),
            "",
            "",
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
