"""`preflight` before training, `diagnose` during and after it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from torch import nn

from lepton_lab.data import DataBundle, load_source
from lepton_lab.doctor.case import Case, copied, quietly, untouched
from lepton_lab.doctor.findings import ORDER, Finding
from lepton_lab.doctor.report import Report
from lepton_lab.doctor.rule import RULES, Phase
from lepton_lab.doctor.rules.machine import note_memory
from lepton_lab.errors import LeptonError
from lepton_lab.network import NetworkSpec
from lepton_lab.training.sequential import Sequential
from lepton_lab.training.settings import TrainSettings
from lepton_lab.training.trainer import Trainer, as_bundle

__all__ = ["diagnose", "preflight"]


def preflight(
    model: Any,
    data: DataBundle | tuple[Any, Any],
    settings: TrainSettings | Mapping[str, Any] | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
    **changes: Any,
) -> Report:
    """Looks at a network and its data before anything is trained.

    Takes a few seconds. Weights, modes, gradients and random states are afterwards what they were.

    Args:
        model: A `NetworkSpec`, an `nn.Module`, a `Sequential`, or a `Trainer`.
        data: What it shall be trained on.
        settings: How; a trainer's own where None.
        stop: Asked between measurements; True breaks it off, and the report says so.
        **changes: Settings to replace, such as `batch_size=64`.

    Side effects: none that stay.
    """
    bundle = as_bundle(data)
    trainer, spec, module = _parts(model)
    chosen = _settings(settings, trainer).changed(**changes)
    users_loss = trainer._loss if trainer is not None else None

    def private() -> nn.Module | None:
        if spec is not None:
            shaped = spec if spec.input_shape is not None else spec.changed(input_shape=bundle.sample_shape)
            return quietly(lambda: shaped.build(seed=chosen.seed))
        assert module is not None
        found = copied(module)
        return found if found is not None else module  # `untouched` puts it back

    name = spec.name if spec is not None else type(module).__name__
    with untouched(module):
        case = Case("before", module=private, spec=spec, data=bundle, settings=chosen, loss=users_loss, stop=stop)
        return _look(case, "before", name)


def diagnose(
    run: Any,
    *,
    data: DataBundle | None = None,
    upto: int | None = None,
    recorded_only: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Report:
    """Looks at a run: one that trains, one that has ended, or one from a workspace.

    With probes (`Trainer(…, probes="standard")`) it sees the whole course; without them it reads the present weights
    once, on a copy. The run goes on undisturbed.

    Args:
        run: A `Run` or a `StoredRun`.
        data: Its data, where it cannot be loaded again from its source.
        upto: Looks at the run as it was at this step; None for the present.
        recorded_only: Whether to go by what was recorded alone: no weights are copied and nothing is computed, which is
            quick enough for every second. Rules that need a look at the weights say nothing then.
        stop: Asked between measurements; True breaks it off, and the report says so.
    """
    note_memory(run)
    plan = getattr(run, "_plan", None)
    settings = TrainSettings.from_json(run.settings)
    spec = NetworkSpec.from_dict(run.network) if run.network is not None else None
    bundle = data if data is not None else plan.data if plan is not None else None
    if bundle is None and not recorded_only:
        bundle = _reloaded(run)

    def private() -> nn.Module | None:
        if recorded_only or (plan is not None and plan.module is None):
            return None
        if plan is not None:
            made: nn.Module | None = run.between_batches(lambda: copied(plan.module))
            return made
        if spec is None:
            return None
        built = quietly(lambda: spec.build(seed=settings.seed))
        built.load_state_dict(run.weights("last"))
        return built

    with untouched(None):
        case = Case(
            "during", module=private, spec=spec, data=bundle, settings=settings, run=run,
            loss=plan.loss if plan is not None else None, upto=upto, stop=stop,
        )  # fmt: skip
        return _look(case, "during", run.name)


def _look(case: Case, phase: Phase, subject: str) -> Report:
    """Asks every rule of a phase; one that fails does not keep the others from speaking."""
    findings: list[Finding] = []
    checked: list[str] = []
    failed: dict[str, str] = {}
    complete = True
    for entry in RULES.entries():
        rule = entry.value()
        if phase not in rule.phases:
            continue
        if case.stop():
            complete = False
            break
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # numpy's about empty slices; a user's module may warn at every call
                findings += _once(rule.check(case))
            checked.append(entry.name)
        except Exception as error:  # a plugin's rule or a user's module may fail in any way
            failed[entry.name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
    step = case.step if phase == "during" else None
    return Report(subject, phase, tuple(_sorted(findings)), tuple(checked), failed, complete, step)


def _once(found: Iterator[Finding]) -> list[Finding]:
    """Findings without repetitions of a rule about the same layer."""
    seen: dict[tuple[str, str | None, str], Finding] = {}
    for finding in found:
        seen.setdefault((finding.rule, finding.layer, finding.explanation), finding)
    return list(seen.values())


def _sorted(findings: list[Finding]) -> list[Finding]:
    far = 1 << 60
    return sorted(findings, key=lambda f: (ORDER[f.severity], f.since_step if f.since_step is not None else far))


def _parts(model: Any) -> tuple[Trainer | None, NetworkSpec | None, nn.Module | None]:
    if isinstance(model, Trainer):
        return model, model.spec, model.module if model.spec is None else None
    if isinstance(model, Sequential):
        return None, model.network, None
    if isinstance(model, NetworkSpec):
        return None, model, None
    trainer = Trainer(model)  # says what can be trained where this cannot
    return None, None, trainer.module


def _settings(settings: TrainSettings | Mapping[str, Any] | None, trainer: Trainer | None) -> TrainSettings:
    if isinstance(settings, TrainSettings):
        return settings
    if settings is not None:
        return TrainSettings.from_json(settings)
    return trainer.settings if trainer is not None else TrainSettings()


def _reloaded(run: Any) -> DataBundle | None:
    source = (run.data or {}).get("source")
    if source is None:
        return None
    try:
        return load_source(source)
    except (LeptonError, OSError):
        return None
