"""What holds for every registered probe, on every kind of module."""

import inspect
import math

import numpy as np
import pytest
import torch
from torch import nn

from lepton_lab import probes as public
from lepton_lab.errors import PluginError, TrainingError, UnknownNameError
from lepton_lab.probes import PROBES, STANDARD, Probe, make_probes, register_probe
from lepton_lab.probes.activations import Dead
from lepton_lab.probes.schedules import every
from tests.probes.networks import NETWORKS, build, data_for, hooks_of

NAMES = PROBES.names()


def test_the_quantities_that_others_build_on_are_there() -> None:
    promised = {
        "grad_norm", "grad_norm_param", "grad_hist", "update_ratio", "weight_norm", "weight_hist", "act_mean",
        "act_std", "act_zero", "act_saturated", "act_hist", "dead", "class_accuracy", "grad_noise", "grad_cosine",
        "feature_maps",
    }  # fmt: skip
    assert promised <= set(NAMES)
    assert set(STANDARD) <= promised


@pytest.mark.parametrize("name", NAMES)
def test_says_what_it_is(name: str) -> None:
    cls = PROBES[name]
    assert cls.name == name
    assert cls.unit
    assert len((inspect.getdoc(cls) or "").split()) >= 5


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", NAMES)
def test_measures_any_module_without_a_trace(name: str, network: str, fit, same) -> None:
    data, plain, probed = data_for(network), build(network), build(network)
    without = fit(plain, data)
    with torch.random.fork_rng():
        run = fit(probed, data, probes=[name])
    assert run.history.events == []
    assert same(plain, probed)
    assert hooks_of(probed) == 0
    assert all(p.grad is None for p in probed.parameters())
    assert [m.training for m in probed.modules()] == [m.training for m in plain.modules()]
    assert run.history["loss"] == without.history["loss"]
    if name == "feature_maps":
        assert run.probes.frames()[0] == 1
        return
    series = run.probes.series(name)
    assert series.values.dtype == np.float32
    assert series.values.shape[:2] == (len(series.steps), len(series.labels))
    assert (np.diff(series.steps) > 0).all()
    assert series.steps[-1] <= 24
    assert len(set(series.labels)) == len(series.labels)
    assert not np.isinf(series.values).any()
    assert np.isfinite(series.values).any() or name == "act_saturated"
    if PROBES[name].edges:
        assert series.values.shape[2] == len(series.edges) - 1
        known = series.values[~np.isnan(series.values).any(2)]
        np.testing.assert_allclose(known.sum(1), 1, atol=1e-5)
    else:
        assert series.values.ndim == 2


@pytest.mark.parametrize("network", NETWORKS)
def test_all_together_change_nothing_either(network: str, fit, same) -> None:
    data, plain, probed = data_for(network), build(network), build(network)
    fit(plain, data)
    run = fit(probed, data, probes=NAMES)
    assert same(plain, probed)
    assert hooks_of(probed) == 0
    assert {*run.probes.quantities(), "feature_maps"} == set(NAMES)


def test_layers_stand_in_the_order_of_the_forward_pass(fit) -> None:
    run = fit(build("odd"), data_for("odd"), probes=["act_mean", "grad_norm"])
    labels = run.probes.series("act_mean").labels
    assert labels[:3] == ("body.a", "body.b", "head")
    assert set(labels[3:]) == {"unused"}
    values = run.probes.latest("act_mean").values
    assert np.isnan(values[3])
    assert np.isfinite(values[:3]).all()


def test_layers_of_a_specification_have_its_names(fit) -> None:
    import lepton_lab as ll

    body = [ll.Conv2d(4, 3, padding=1, activation="relu")]
    network = ll.NetworkSpec([ll.Conv2d(4, 3), ll.Residual(body), ll.Flatten(), ll.Linear(3)], input_shape=(1, 8, 8))
    run = fit(network, data_for("cnn"), probes="standard")
    assert run.probes.series("grad_norm").labels == ("conv2d_1", "residual_1/body/conv2d_1", "linear_1")
    assert run.probes.series("act_zero").labels == (
        "conv2d_1", "residual_1/body/conv2d_1", "residual_1/body/conv2d_1_relu", "linear_1",
    )  # fmt: skip
    assert run.probes.quantities() == sorted(STANDARD)


def test_names_are_looked_up_with_suggestions() -> None:
    from lepton_lab.training import Trainer

    with pytest.raises(UnknownNameError, match="grad_norm"):
        Trainer(nn.Linear(2, 2), probes=["grad_nrom"])
    with pytest.raises(TrainingError, match="asked for twice"):
        Trainer(nn.Linear(2, 2), probes=["dead", "dead"])
    with pytest.raises(TrainingError, match="no probe"):
        make_probes([3])
    assert [p.name for p in make_probes(["standard", "act_hist", "dead"])] == [*STANDARD, "act_hist"]
    assert make_probes(None) == []
    mine = Dead(window=2)
    assert mine in make_probes([mine, "standard"])


@pytest.mark.parametrize("budget", [0, -0.1, 1.5, math.inf])
def test_a_budget_is_a_share(budget: float) -> None:
    from lepton_lab.training import Trainer

    with pytest.raises(TrainingError, match="probe_budget"):
        Trainer(nn.Linear(2, 2), probes="standard", probe_budget=budget)


class Spectral(Probe):
    """Largest singular value of each weight matrix: a user's own probe."""

    name, unit = "spectral", "norm"

    def labels(self, layers):
        return layers.param_labels

    def compute(self, moment):
        return torch.stack(
            [torch.linalg.matrix_norm(p, 2) if p.dim() == 2 else p.new_tensor(torch.nan) for p in moment.before]
        )


def test_a_users_probe_is_measured_like_any_other(fit) -> None:
    module = build("mlp")
    first = float(torch.linalg.matrix_norm(module[0].weight.detach(), 2))
    register_probe(Spectral)
    try:
        run = fit(module, data_for("mlp"), probes=["spectral", Spectral.name][:1])
        assert run.probes.series("spectral")["0.weight"][0] == pytest.approx(first, rel=1e-5)
        mine = type("Mine", (Spectral,), {"name": "grad_norm"})
        with pytest.raises(PluginError, match="taken"):
            register_probe(mine)
    finally:
        PROBES.remove("spectral")
    with pytest.raises(TrainingError, match="subclass of Probe"):
        register_probe(int)


class Fails(Probe):
    """Fails in the way that it is told to."""

    name, unit = "fails", "none"

    def __init__(self, where: str) -> None:
        super().__init__(every(3))
        self.where = where

    def observe(self, layer, output):
        if self.where == "observe":
            raise RuntimeError("no such luck")

    def compute(self, moment):
        if self.where == "compute":
            raise RuntimeError("no such luck")
        return torch.zeros(99)


@pytest.mark.parametrize("where", ["observe", "compute", "shape"])
def test_a_probe_that_fails_is_switched_off_and_the_training_goes_on(where: str, fit, same) -> None:
    plain, probed, data = build("mlp"), build("mlp"), data_for("mlp")
    fit(plain, data)
    run = fit(probed, data, probes=[Fails(where), "grad_norm"])
    assert same(plain, probed)
    assert hooks_of(probed) == 0
    (event,) = run.history.events
    assert event["kind"] == "probe"
    assert "'fails' was switched off" in event["message"]
    assert len(run.probes.series("grad_norm").steps) == 24
    assert "fails" not in run.probes.quantities()


def test_public_names_are_sorted_and_there() -> None:
    assert list(public.__all__) == sorted(public.__all__)
    assert all(getattr(public, name) is not None for name in public.__all__)
