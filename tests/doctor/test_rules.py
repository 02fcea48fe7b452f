"""Contract of every rule, whoever brought it."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import lepton_lab as ll
from lepton_lab.doctor import RULES, Case, Finding, Rule, Threshold, Words, diagnose, preflight, register_rule
from lepton_lab.doctor.words import FIXES, WORDS, say
from lepton_lab.errors import PluginError
from lepton_lab.training import Run

ISSUE = {
    # before training
    "shapes", "label-range", "initial-loss", "cannot-overfit-batch", "input-scale", "class-imbalance", "leakage",
    "duplicates", "output-activation", "dead-at-start", "saturated-at-start", "frozen-parameters",
    "unreached-parameters", "batch-norm-batch", "memory-fit", "missing-values",
    # while training
    "vanishing-gradient", "exploding-gradient", "not-finite", "dead-relu", "saturated-activation",
    "poor-initialisation", "unchanged-weights", "update-ratio-low", "update-ratio-high", "lr-too-low", "lr-too-high",
    "loss-not-decreasing", "plateau", "oscillation", "overfit", "overtraining", "class-errors", "stale-embedding",
    "loader-wait", "low-utilisation", "small-batch", "memory-growth", "keeps-tensors",
}  # fmt: skip
RULE_CLASSES = [entry.value for entry in RULES.entries(plugins=False)]


def test_every_rule_that_was_promised_is_there() -> None:
    assert {rule.name for rule in RULE_CLASSES} >= ISSUE


@pytest.mark.parametrize("rule", RULE_CLASSES, ids=lambda rule: rule.name)
def test_a_rule_says_what_it_reads_and_where_its_numbers_come_from(rule: type[Rule]) -> None:
    assert set(rule.phases) <= {"before", "during"}
    assert rule.phases
    assert rule.reads
    assert all(len(t.source) > 10 and t.value > 0 for t in rule.thresholds.values())
    words = WORDS["en"][rule.name]
    assert words.url.startswith(("https://", "http://"))
    assert words.source
    assert words.no_fix
    assert "(" in words.title or rule.name in ("memory-fit", "lr-too-high", "lr-too-low")


@pytest.mark.parametrize("rule", RULE_CLASSES, ids=lambda rule: rule.name)
def test_a_rule_is_silent_on_a_healthy_run(rule: type[Rule], healthy: Run, digits: ll.DataBundle) -> None:
    reports = [preflight_of(healthy, digits), diagnosis_of(healthy)]
    asked = [report for report in reports if rule.name in report.checked]
    assert len(asked) == len(rule.phases)
    assert [f for report in asked for f in report.find(rule.name)] == []


_kept: dict[str, Any] = {}


def preflight_of(run: Run, digits: ll.DataBundle) -> Any:
    if "before" not in _kept:
        assert run.network is not None
        _kept["before"] = preflight(ll.NetworkSpec.from_dict(run.network), digits)
    return _kept["before"]


def diagnosis_of(run: Run) -> Any:
    if "during" not in _kept:
        _kept["during"] = diagnose(run)
    return _kept["during"]


class Odd(nn.Module):
    """Layers in an unusual order, a shared one, one that returns a tuple, and a dict of modules."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(16, 10)
        self.parts = nn.ModuleDict({"a": nn.Linear(28, 16), "b": nn.Tanh()})
        self.memory = nn.GRU(16, 16, batch_first=True)
        self.shared = nn.Linear(16, 16)
        self.factor = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.parts["b"](self.parts["a"](x.squeeze(1)))
        x, _ = self.memory(x)
        x = self.shared(torch.relu(self.shared(x)))[:, -1]
        return self.last(x) * self.factor


def test_no_rule_raises_on_a_module_without_a_description(digits: ll.DataBundle, train: Any) -> None:
    module = Odd()
    assert preflight(module, digits).failed == {}
    run = train(module, digits, 1, batch_size=128)
    report = diagnose(run)
    assert report.failed == {}
    assert set(report.checked) == {rule.name for rule in RULE_CLASSES if "during" in rule.phases}
    assert diagnose(train(Odd(), digits, 1, probes=False, batch_size=128)).failed == {}


def test_findings_and_their_fixes_survive_json(fading: Run) -> None:
    report = diagnose(fading)
    assert report
    again = type(report).from_json(json.loads(json.dumps(report.to_json(), allow_nan=False)))
    assert [f.to_json() for f in again] == [f.to_json() for f in report]
    assert again[0].fixes == report[0].fixes
    assert str(again) == str(report)


def test_every_finding_has_a_fix_or_says_what_to_do_by_hand(fading: Run) -> None:
    for finding in diagnose(fading):
        assert bool(finding.fixes) != bool(finding.no_fix)
        assert finding.evidence is not None
        assert len(finding.evidence.x) == len(finding.evidence.y) > 0
        assert finding.evidence.y_name


def test_a_second_language_is_a_second_table(monkeypatch: pytest.MonkeyPatch) -> None:
    german = Words("Frühe Schichten lernen kaum", "Bei {layer!r}: {ratio:.1e}", "Weil.", "Quelle", "https://x", "Tun.")
    monkeypatch.setitem(WORDS, "de", {"vanishing-gradient": german})
    monkeypatch.setitem(FIXES, "de", {})
    ll.doctor.set_language("de")
    try:
        said = say("vanishing-gradient", layer="linear_1", ratio=1e-5, fixed=False)
        assert said["title"] == "Frühe Schichten lernen kaum"
        assert said["explanation"] == "Bei 'linear_1': 1.0e-05"
        assert said["no_fix"] == "Tun."
        assert say("plateau", epochs=6, last=1.0, fixed=True)["title"].startswith("The loss stands still")
    finally:
        ll.doctor.set_language("en")
    with pytest.raises(ll.UnknownNameError):
        ll.doctor.set_language("xx")


def test_a_rule_of_ones_own_takes_part(digits: ll.DataBundle) -> None:
    words = Words("Too odd (odd)", "There are {count} layers.", "Why.", "me", "https://example.org", "Nothing.")

    @register_rule(words={"en": words})
    class Layers(Rule):
        name = "test-odd-layers"
        phases = ("before",)
        reads = ("network",)
        thresholds = {"most": Threshold(1, "for this test only")}  # noqa: RUF012

        def check(self, case: Case) -> Iterator[Finding]:
            assert case.spec is not None
            if len(case.spec) > self.limit("most"):
                yield self.finding("info", count=len(case.spec))

    @register_rule(words={"en": words})
    class Broken(Rule):
        name = "test-broken"
        phases = ("before",)
        reads = ("network",)

        def check(self, case: Case) -> Iterator[Finding]:
            raise ZeroDivisionError("oops")
            yield

    try:
        spec = ll.NetworkSpec([ll.Flatten(), ll.Linear(10)], input_shape=digits.sample_shape)
        report = preflight(spec, digits)
        assert [f.explanation for f in report.find("test-odd-layers")] == ["There are 2 layers."]
        assert report.failed == {"test-broken": "ZeroDivisionError: oops"}
        assert "could not be made" in str(report)
    finally:
        for name in ("test-odd-layers", "test-broken"):
            RULES.remove(name)
            WORDS["en"].pop(name)


def test_a_rule_needs_words() -> None:
    with pytest.raises(PluginError, match="words"):

        @register_rule
        class Dumb(Rule):
            name = "test-dumb"
            phases = ("before",)

            def check(self, case: Case) -> Iterator[Finding]:
                yield from ()
