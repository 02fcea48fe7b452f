"""Runs one case and judges what the doctor says."""

import time
from dataclasses import dataclass, field
from typing import Any

import lepton_lab as ll
from lepton_lab.doctor import Finding, Report, diagnose, preflight
from lepton_lab.probes import PROBES, STANDARD, every
from lepton_lab.training import Trainer
from tests.benchmarks.faults.case import Setup, Trial

LOOKS = 12  # at which the first detection is looked for


@dataclass
class Verdict:
    """What came of a case.

    Attributes:
        trial: The case.
        findings: What was found before and after, infos left out.
        named: Findings by the rules that name the fault, best first.
        steps: The step at which the fault was first named; 0 before training, None where it was not.
        of: Steps of the whole run.
        error: What broke the case itself; empty where nothing did.
        seconds: What the preflight and the last diagnosis took.
    """

    trial: Trial
    findings: list[Finding] = field(default_factory=list)
    named: list[Finding] = field(default_factory=list)
    steps: int | None = None
    of: int = 0
    error: str = ""
    seconds: tuple[float, float] = (0.0, 0.0)

    @property
    def right_layer(self) -> bool | None:
        """Whether the best finding names a layer that is at fault; None where the fault is in no layer."""
        if not self.trial.layers or not self.named:
            return None
        return self.named[0].layer in self.trial.layers


def judge(trial: Trial) -> Verdict:
    """Makes a case, looks at it before, trains it, and looks at it after."""
    setup = trial.make()
    settings = dict(setup.settings)
    callbacks = settings.pop("callbacks", [])
    verdict = Verdict(trial)
    asked = {k: v for k, v in settings.items() if k not in ("epochs",)}
    start = time.perf_counter()
    before = preflight(setup.model, setup.data, ll.Trainer(setup.model, **asked).settings)
    middle = time.perf_counter()
    reports: list[Report] = [before]
    run: Any = None
    if setup.trains:
        run = _train(setup, settings, callbacks)
        verdict.of = run.status.step
        after_start = time.perf_counter()
        reports.append(diagnose(run))
        verdict.seconds = middle - start, time.perf_counter() - after_start
    else:
        verdict.seconds = middle - start, 0.0
    for report in reports:
        verdict.error += "; ".join(f"{name}: {why}" for name, why in report.failed.items())
    verdict.findings = [f for report in reports for f in report if f.severity != "info"]
    verdict.named = [f for f in verdict.findings if f.rule in trial.rules]
    verdict.steps = _first_named(trial, before, run)
    return verdict


def _train(setup: Setup, settings: dict[str, Any], callbacks: list[Any]) -> Any:
    epochs = settings.pop("epochs", 1)
    every_other = [PROBES[name](every(2)) for name in STANDARD]
    trainer = Trainer(
        setup.model, compile=False, threads=1, log_every=2, probes=every_other, probe_budget=None, callbacks=callbacks,
        **settings,
    )  # fmt: skip
    run = trainer.start(setup.data, epochs=epochs, record=False)
    try:
        run.wait(120)
    except ll.LeptonError:
        if not setup.fails and not isinstance(run.exception(), ll.NonFiniteError):
            raise
    return run


def _first_named(trial: Trial, before: Report, run: Any) -> int | None:
    """The first step at which a rule names the fault."""
    if any(f.rule in trial.rules and f.severity != "info" for f in before):
        return 0
    if run is None or not trial.rules:
        return None
    last = int(run.status.step)
    for look in range(1, LOOKS + 1):
        step = max(1, round(last * look / LOOKS)) if look < LOOKS else last
        report = diagnose(run, upto=step if look < LOOKS else None)
        if any(f.rule in trial.rules and f.severity != "info" for f in report):
            return step
    return None
