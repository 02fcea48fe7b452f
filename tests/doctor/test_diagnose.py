"""What is seen of a run: named, in which layer, since when."""

import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import lepton_lab as ll
from lepton_lab.doctor import diagnose, preflight
from lepton_lab.doctor.rules.machine import note_memory
from lepton_lab.training import Callback, Run, Trainer
from tests.benchmarks.faults import sick_data, sick_networks
from tests.benchmarks.faults.trial import judge
from tests.benchmarks.faults.worlds import DEVELOPMENT
from tests.doctor.conftest import mlp, trained

TRIALS = {t.name: t for t in (*sick_data.cases(DEVELOPMENT), *sick_networks.cases(DEVELOPMENT))}
DURING = {
    "a rare class that is given up": "class-errors",
    "shuffled labels of images": "loss-not-decreasing",
    "data from a slow disk": "loader-wait",
    "a layer that is silent from the start": "dead-relu",
    "a frozen layer in the middle": "unchanged-weights",
    "one sigmoid layer with large weights": "saturated-activation",
    "a logarithm of negative numbers": "not-finite",
    "Adam at 0.5": "lr-too-high",
    "SGD with momentum at 1": "lr-too-high",
    "Adam at 1e-6": "lr-too-low",
    "Adam at 0.5 on texts": "oscillation",
    "a straight line for round classes": "plateau",
    "90 images, some labels wrong": "overfit",
    "100 texts learned by heart": "overtraining",
    "a callback that keeps tensors": "memory-growth",
}


@pytest.mark.parametrize("name", DURING)
def test_fault_is_named_while_training(name: str) -> None:
    trial = TRIALS[name]
    verdict = judge(trial)
    found = [f for f in verdict.findings if f.rule == DURING[name] and f.since_step is not None] or [
        f for f in verdict.findings if f.rule == DURING[name]
    ]
    assert found, [f.rule for f in verdict.findings]
    assert verdict.error == ""
    if trial.layers:
        assert found[0].layer in trial.layers
    assert verdict.steps is not None


def test_sigmoid_times_eight_is_a_vanishing_gradient_in_the_first_layer(fading: Run) -> None:
    finding = diagnose(fading).find("vanishing-gradient")[0]
    assert finding.severity == "problem"
    assert finding.layer == "linear_1"
    assert finding.since_step is not None
    assert finding.since_step <= 2
    assert "vanishing gradient" in finding.title
    assert finding.fixes[0].label == "Replace Sigmoid by ReLU in 8 layers"


def test_without_probes_the_present_weights_are_read(digits: ll.DataBundle) -> None:
    run = trained(mlp(*[32] * 8, act="sigmoid"), digits, 1, probes=False)
    assert diagnose(run).find("vanishing-gradient")[0].layer == "linear_1"
    assert diagnose(trained(mlp(32), digits, 2, probes=False)).healthy


def test_the_record_alone_is_looked_at_without_touching_weights(fading: Run) -> None:
    report = diagnose(fading, recorded_only=True)
    assert report.find("vanishing-gradient")[0].layer == "linear_1"
    assert report.failed == {}


def test_a_learning_rate_far_too_high_ends_in_nan_and_is_named(digits: ll.DataBundle) -> None:
    run = trained(mlp(32), digits, optimizer="sgd", lr=1e9)
    assert isinstance(run.exception(), ll.NonFiniteError)
    finding = diagnose(run).find("not-finite")[0]
    assert finding.since_step == run.exception().step  # type: ignore[union-attr]
    assert any(fix.settings.get("lr", 1e9) < 1 for fix in finding.fixes)


@pytest.mark.parametrize(
    ("rule", "layer", "settings"),
    [
        ("update-ratio-low", "linear_1", {"optimizer": "adam", "lr": 1e-6}),
        ("update-ratio-high", "linear_3", {"optimizer": "sgd", "lr": 0.5, "weight_decay": 1.0}),
    ],
)
def test_steps_far_too_small_or_large_for_the_weights_are_named(
    digits: ll.DataBundle, rule: str, layer: str, settings: dict[str, Any]
) -> None:
    network = mlp(32, 32, act="tanh" if rule == "update-ratio-high" else "relu")
    finding = diagnose(trained(network, digits, 2, **settings)).find(rule)[0]
    assert finding.layer == layer
    assert finding.evidence is not None
    rates = [fix.settings["lr"] for fix in finding.fixes if "lr" in fix.settings]
    assert rates
    assert all((rate > settings["lr"]) == (rule == "update-ratio-low") for rate in rates)


def test_what_was_known_at_a_step_is_told_afterwards(digits: ll.DataBundle) -> None:
    run = trained(mlp(32), digits, 2, optimizer="adam", lr=0.5)
    last = run.status.step
    assert diagnose(run, upto=1).find("lr-too-high") == []
    found = [step for step in range(8, last + 1, 8) if diagnose(run, upto=step).find("lr-too-high")]
    assert found
    assert found[0] < last


class Signals(Callback):
    """Says when the second epoch begins."""

    def __init__(self) -> None:
        self.there = threading.Event()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            self.there.set()


def test_a_run_that_trains_is_looked_at_and_goes_on_undisturbed(digits: ll.DataBundle) -> None:
    spec = mlp(*[24] * 8, act="sigmoid").insert(ll.Dropout(0.3), before="linear_9")
    signals = Signals()
    settings: dict[str, Any] = {"threads": 1, "compile": False, "seed": 3, "log_every": 4}
    run = Trainer(spec, callbacks=[signals], **settings).start(digits, epochs=5, record=False)
    assert signals.there.wait(60)
    report = diagnose(run)
    assert report.find("vanishing-gradient")[0].layer == "linear_1"
    assert report.failed == {}
    preflight(mlp(8).insert(ll.Dropout(0.5), after="linear_1"), digits)
    run.wait(60)
    alone = Trainer(spec, **settings).start(digits, epochs=5, record=False).wait(60)
    weights = alone.weights("last")
    assert all(torch.equal(v, weights[k]) for k, v in run.weights("last").items())


def test_a_stored_run_is_looked_at_in_another_handle(digits: ll.DataBundle) -> None:
    data = ll.load_dataset("mnist-sample")
    trainer = ll.Trainer(
        mlp(*[24] * 8, act="sigmoid"), probes="standard", probe_budget=None, compile=False, threads=1, log_every=4
    )
    run = trainer.start(data, epochs=2, batch_size=64)
    run.wait(60)
    stored = ll.open_run(run.id)
    report = diagnose(stored)
    assert report.failed == {}
    assert report.find("vanishing-gradient")[0].layer == "linear_1"
    assert report.find("loss-not-decreasing")


def test_memory_that_grows_is_told_from_memory_that_settles(healthy: Run) -> None:
    mib = 2**20
    for step in range(1, 20):
        note_memory(healthy, step, (500 + (100 if step > 3 else 0)) * mib)
    assert diagnose(healthy).find("memory-growth") == []


def test_a_small_batch_is_told_where_much_time_is_left(digits: ll.DataBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    from lepton_lab.doctor.rules import machine

    run = trained(mlp(16), digits, 1, probes=False)
    run.publish(eta_s=600.0)
    times = iter([0.010, 0.012])
    monkeypatch.setattr(machine, "_best", lambda work, count: next(times))
    finding = diagnose(run).find("small-batch")[0]
    assert finding.severity == "info"
    assert finding.fixes[0].settings == {"batch_size": 128}
    run.publish(eta_s=3.0)
    assert diagnose(run).find("small-batch") == []


def test_a_device_with_little_to_do_is_told(digits: ll.DataBundle, monkeypatch: pytest.MonkeyPatch) -> None:
    from lepton_lab.doctor.rules import machine
    from lepton_lab.training import RunState

    run = trained(mlp(16), digits, 1, probes=False)
    monkeypatch.setattr(machine, "device_share", lambda device: 0.12)
    assert diagnose(run).find("low-utilisation") == []
    run.publish(state=RunState.RUNNING)
    assert diagnose(run).find("low-utilisation")[0].explanation == "The device is busy 12% of the time."
    run.publish(state=RunState.FINISHED)


def test_exploding_gradients_are_named_in_their_first_layer(digits: ll.DataBundle) -> None:
    module = nn.Sequential(nn.Flatten(), *[nn.Linear(784 if i == 0 else 32, 32) for i in range(6)], nn.Linear(32, 10))
    with torch.no_grad():
        for layer in module[1:]:
            layer.weight.mul_(6)
    run = trained(module, digits, 1, optimizer="sgd", lr=1e-6)
    finding = diagnose(run).find("exploding-gradient")[0]
    assert finding.layer == "1"
    assert finding.fixes[0].settings == {"clip_norm": 1.0}


def test_a_regression_that_learns_is_healthy() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4)).astype(np.float32)
    data = ll.from_arrays(x, (x[:, :1] - x[:, 1:2]).astype(np.float32), valid=0.2, test=0, task="regression")
    run = trained(mlp(16, shape=(4,), outputs=1).remove("flatten_1"), data, 12)
    assert diagnose(run).healthy, str(diagnose(run))
