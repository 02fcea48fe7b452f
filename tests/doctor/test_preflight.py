"""What is seen before training."""

import dataclasses
import random
import time
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import lepton_lab as ll
from lepton_lab.doctor import preflight
from lepton_lab.doctor.rules.start import OneBatch
from lepton_lab.training import TrainSettings
from tests.benchmarks.faults import sick_data, sick_networks
from tests.benchmarks.faults.worlds import DEVELOPMENT
from tests.doctor.conftest import mlp

BEFORE = {
    "pixels from 0 to 255": "input-scale",
    "features of very different size": "input-scale",
    "a rare class among images": "class-imbalance",
    "a column that is the answer": "leakage",
    "a pixel that is the answer": "leakage",
    "validation images in train": "duplicates",
    "missing values": "missing-values",
    "fewer outputs than classes": "label-range",
    "no Flatten before Linear": "shapes",
    "a layer of the wrong width": "shapes",
    "a vocabulary far too large": "stale-embedding",
    "a network larger than the memory": "memory-fit",
    "weights far too large": "initial-loss",
    "one sigmoid layer with large weights": "saturated-at-start",
    "a layer that is silent from the start": "dead-at-start",
    "all units of a layer equal": "poor-initialisation",
    "a frozen layer in the middle": "frozen-parameters",
    "a layer that is never called": "unreached-parameters",
    "detach() in the middle": "unreached-parameters",
    "a module that keeps its outputs": "keeps-tensors",
    "a module that ignores its input": "cannot-overfit-batch",
    "ReLU before the loss": "output-activation",
    "nll without LogSoftmax": "output-activation",
    "a regression that ends in a sigmoid": "output-activation",
    "batch normalisation with two samples": "batch-norm-batch",
}
TRIALS = {t.name: t for t in (*sick_data.cases(DEVELOPMENT), *sick_networks.cases(DEVELOPMENT))}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials end when they are done, not when a busy machine runs out of time."""
    limits = dict(OneBatch.thresholds)
    limits["seconds"] = dataclasses.replace(limits["seconds"], value=120.0)
    monkeypatch.setattr(OneBatch, "thresholds", limits)


@pytest.mark.parametrize("name", BEFORE)
def test_fault_is_named_with_its_layer_before_training(name: str) -> None:
    trial = TRIALS[name]
    setup = trial.make()
    size = setup.settings.get("batch_size", 32)
    report = preflight(setup.model, setup.data, batch_size=size, loss=setup.settings.get("loss", "auto"))
    assert report.failed == {}
    found = report.find(BEFORE[name])
    assert found, str(report)
    if trial.layers and BEFORE[name] not in ("initial-loss", "cannot-overfit-batch"):
        assert found[0].layer in trial.layers


def test_a_fix_of_a_shape_makes_the_network_fit(digits: ll.DataBundle) -> None:
    broken = ll.NetworkSpec([ll.Linear(16, activation="relu"), ll.Linear(10)], input_shape=digits.sample_shape)
    finding = preflight(broken, digits)[0]
    spec, _, _ = finding.fixes[0].apply(broken, TrainSettings(), digits)
    assert spec is not None
    assert preflight(spec, digits).find("shapes") == []


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("pixels from 0 to 255", "input-scale"),
        ("features of very different size", "input-scale"),
        ("a rare class among images", "class-imbalance"),
        ("a column that is the answer", "leakage"),
        ("a pixel that is the answer", "leakage"),
        ("validation images in train", "duplicates"),
        ("missing values", "missing-values"),
        ("fewer outputs than classes", "label-range"),
        ("ReLU before the loss", "output-activation"),
        ("nll without LogSoftmax", "output-activation"),
        ("batch normalisation with two samples", "batch-norm-batch"),
    ],
)
def test_every_fix_that_is_offered_cures_its_finding(name: str, rule: str) -> None:
    setup = TRIALS[name].make()
    settings = TrainSettings(loss=setup.settings.get("loss", "auto"), batch_size=setup.settings.get("batch_size", 32))
    finding = preflight(setup.model, setup.data, settings).find(rule)[0]
    assert finding.fixes
    for fix in finding.fixes:
        spec, changed, data = fix.apply(setup.model, settings, setup.data)
        assert data is not None
        assert preflight(spec, data, changed).find(rule) == [], fix.label


def test_everything_is_put_back(digits: ll.DataBundle) -> None:
    module = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 10)
    )
    module[2].eval()
    module[1].weight.grad = torch.ones_like(module[1].weight)
    kept = {k: v.clone() for k, v in module.state_dict().items()}
    modes = [m.training for m in module.modules()]
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].copy()  # type: ignore[union-attr]
    preflight(module, digits)
    assert all(torch.equal(v, kept[k]) for k, v in module.state_dict().items())
    assert [m.training for m in module.modules()] == modes
    assert torch.equal(module[1].weight.grad, torch.ones_like(module[1].weight))
    assert module[5].weight.grad is None
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.array_equal(np.random.get_state()[1], states[2])  # type: ignore[arg-type]
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())


class Uncopyable(nn.Module):
    """Cannot be copied, so that it has to be measured itself."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.BatchNorm1d(10))

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        raise TypeError("no copies")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.inner(x)


def test_a_module_that_cannot_be_copied_is_put_back(digits: ll.DataBundle) -> None:
    module = Uncopyable().eval()
    kept = {k: v.clone() for k, v in module.state_dict().items()}
    assert preflight(module, digits).failed == {}
    assert all(torch.equal(v, kept[k]) for k, v in module.state_dict().items())
    assert not module.training
    assert all(p.grad is None for p in module.parameters())


def test_it_can_be_broken_off(digits: ll.DataBundle) -> None:
    asked = iter([False, False, False])
    report = preflight(mlp(16), digits, stop=lambda: next(asked, True))
    assert not report.complete
    assert len(report.checked) < 5
    assert "broken off" in str(report)


def test_breaking_off_reaches_the_longest_check(digits: ll.DataBundle) -> None:
    deep = mlp(*[256] * 12, act="sigmoid")
    started = time.monotonic()
    report = preflight(deep, digits, stop=lambda: time.monotonic() > started + 0.2)
    assert not report.complete or len(report.checked) > 0


def test_it_takes_what_can_be_trained(digits: ll.DataBundle) -> None:
    model = ll.Sequential([ll.Flatten(), ll.Linear(7)])
    assert preflight(model, digits).find("label-range")
    trainer = ll.Trainer(mlp(16), batch_size=1)
    assert preflight(trainer, digits).phase == "before"
    x, y = next(digits.train.batches(300))
    assert preflight(mlp(16), (x.numpy(), y.numpy())).find("shapes") == []
    with pytest.raises(ll.TrainingError):
        preflight("a text", digits)


def test_expected_first_loss_of_a_guess_is_quiet_with_label_smoothing_and_weights(digits: ll.DataBundle) -> None:
    report = preflight(mlp(32), digits, label_smoothing=0.1, class_weights="balanced")
    assert report.find("initial-loss") == []


def test_a_last_batch_of_one_sample_is_seen_with_batch_normalisation() -> None:
    x, y = np.random.default_rng(0).normal(size=(65, 4)).astype(np.float32), np.arange(65) % 2
    data = ll.from_arrays(x, y, valid=0, test=0)
    spec = ll.NetworkSpec([ll.Linear(8), ll.BatchNorm(), ll.ReLU(), ll.Linear(2)], input_shape=(4,))
    found = preflight(spec, data, batch_size=32).find("batch-norm-batch")
    assert found[0].severity == "problem"
    assert found[0].layer == "batch_norm_1"
    assert found[0].fixes[0].settings == {"batch_size": 33}
