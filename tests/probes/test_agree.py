"""Every quantity is computed twice: by the probes while a run trains, and here by plain autograd on the same batch."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from torch import nn
from torch.nn import functional as F

from lepton_lab.probes import PROBES
from lepton_lab.probes.activations import Dead
from lepton_lab.probes.gradients import GradNoise
from lepton_lab.probes.histograms import MAGNITUDES, SIGNED, magnitudes, signed
from tests.probes.networks import NETWORKS, build, data_for

BATCH = 8


class Reference:
    """One eager step by hand: outputs of layers by hooks that copy, gradients by `autograd.grad`, SGD by hand."""

    def __init__(self, module: nn.Module, x: torch.Tensor, y: torch.Tensor, lr: float) -> None:
        self.outputs: dict[str, list[torch.Tensor]] = {}
        handles = [
            m.register_forward_hook(lambda m, i, o, name=name: self._keep(name, o))
            for name, m in module.named_modules()
        ]
        self.output = module(x)
        for handle in handles:
            handle.remove()
        self.named = dict(module.named_parameters())
        trained = {n: p for n, p in self.named.items() if p.requires_grad}
        found = torch.autograd.grad(F.cross_entropy(self.output, y), list(trained.values()), allow_unused=True)
        self.grads = {n: g for n, g in zip(trained, found, strict=True) if g is not None}
        self.before = {n: p.detach().clone() for n, p in self.named.items()}
        self.change = {
            n: -lr * self.grads[n] if n in self.grads else torch.zeros_like(p) for n, p in self.named.items()
        }

    def _keep(self, name: str, output: object) -> None:
        while isinstance(output, tuple):
            output = output[0]
        self.outputs.setdefault(name, []).append(output.detach().double().clone())

    def of_layer(self, owner: str, values: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        return [v.double().flatten() for n, v in values.items() if n.rpartition(".")[0] == owner]


def first_batch(network: str) -> tuple[torch.Tensor, torch.Tensor]:
    return next(data_for(network).train.batches(BATCH))


def measured(network: str, fit, quantity: str, lr: float = 0.1):
    """The first step by the probes, and by hand; dropout and other noise draw the same numbers."""
    module = build(network)
    twin = copy.deepcopy(module)
    run = fit(
        module,
        data_for(network),
        1,
        BATCH,
        probes=[quantity],
        optimizer="sgd",
        lr=lr,
        shuffle=False,
        channels_last=False,
    )
    torch.manual_seed(0)
    if network == "odd":  # draws also where the engine tries the module with two samples
        twin.eval()
        twin(first_batch(network)[0][:2])
    twin.train()
    return run.probes.series(quantity), Reference(twin, *first_batch(network), lr)


ROUNDING = 1e-6
"""Gradients below are rounding: 1e-7 of the largest ones, which are about 1."""


def norm(parts: list[torch.Tensor]) -> float:
    return float(torch.cat(parts).norm()) if parts else float("nan")


@pytest.mark.parametrize("network", NETWORKS)
def test_gradient_norms(network: str, fit) -> None:
    series, reference = measured(network, fit, "grad_norm")
    for label in series.labels:
        owner = label if label in {n.rpartition(".")[0] for n in reference.named} else ""
        assert series[label][0] == pytest.approx(
            norm(reference.of_layer(owner, reference.grads)), rel=1e-4, abs=ROUNDING, nan_ok=True
        )
    series, reference = measured(network, fit, "grad_norm_param")
    assert set(series.labels) == set(reference.named)
    for label in series.labels:
        expected = float(reference.grads[label].norm()) if label in reference.grads else float("nan")
        assert series[label][0] == pytest.approx(expected, rel=1e-4, abs=ROUNDING, nan_ok=True)


@pytest.mark.parametrize("network", NETWORKS)
def test_weights_and_updates(network: str, fit) -> None:
    for quantity in ("weight_norm", "update_ratio"):
        series, reference = measured(network, fit, quantity)
        for label in series.labels:
            owner = label if label in {n.rpartition(".")[0] for n in reference.named} else ""
            size = norm(reference.of_layer(owner, reference.before))
            expected = size if quantity == "weight_norm" else norm(reference.of_layer(owner, reference.change)) / size
            assert series[label][0] == pytest.approx(expected, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("network", NETWORKS)
def test_activations(network: str, fit) -> None:
    reductions = {
        "act_mean": lambda y: y.mean(),
        "act_std": lambda y: y.std(correction=0),
        "act_zero": lambda y: (y == 0).double().mean(),
    }
    for quantity, reduce in reductions.items():
        series, reference = measured(network, fit, quantity)
        for label in series.labels:
            seen = reference.outputs.get(label)
            expected = float(reduce(torch.cat([y.flatten() for y in seen]))) if seen else float("nan")
            assert series[label][0] == pytest.approx(expected, rel=1e-3, abs=1e-4, nan_ok=True), (quantity, label)


def test_saturation(fit) -> None:
    series, reference = measured("mlp", fit, "act_saturated")
    tanh = reference.outputs["1"][0]
    assert series["1"][0] == pytest.approx(float((tanh.abs() > 0.97).double().mean()), abs=1e-6)
    assert np.isnan(series["0"]).all()
    strong = nn.Sequential(nn.Linear(8, 16), nn.Sigmoid(), nn.Linear(16, 3))
    with torch.no_grad():
        strong[0].weight.mul_(40)
    run = fit(strong, data_for("mlp"), probes=["act_saturated"])
    assert run.probes.series("act_saturated")["1"][0] > 0.6


@pytest.mark.parametrize("network", ["mlp", "cnn", "shared", "odd"])
@pytest.mark.parametrize("quantity", ["grad_hist", "weight_hist", "act_hist"])
def test_histograms(network: str, quantity: str, fit) -> None:
    series, reference = measured(network, fit, quantity)
    edges = np.array(series.edges)
    for i, label in enumerate(series.labels):
        owner = label if label in {n.rpartition(".")[0] for n in reference.named} else ""
        if quantity == "act_hist":
            parts = [y.flatten() for y in reference.outputs.get(label, [])]
        else:
            parts = reference.of_layer(owner, reference.grads if quantity == "grad_hist" else reference.before)
        if not parts:
            assert np.isnan(series.values[0, i]).all()
            continue
        values = torch.cat(parts).numpy()
        values = np.abs(values) if quantity == "grad_hist" else values
        counts = np.histogram(values, edges)[0]
        # a bias before a batch norm has a gradient of 0 but for rounding, and rounding falls into any bin
        noise = np.count_nonzero(np.abs(values) < ROUNDING) if quantity == "grad_hist" else 0
        assert np.abs(series.values[0, i] - counts / counts.sum()).max() <= (1.5 + noise) / len(values), label


@given(st.lists(st.floats(width=32, allow_nan=False, allow_subnormal=False), min_size=1, max_size=60))
@settings(max_examples=150, deadline=None)
def test_bins_are_those_that_numpy_finds(values: list[float]) -> None:
    x = torch.tensor(values, dtype=torch.float32)
    size = magnitudes([x], [0], 1)[0].numpy() * len(values)
    np.testing.assert_allclose(size, np.histogram(x.abs().numpy(), MAGNITUDES)[0], atol=1e-3)
    both = signed([x], [0], 1)[0].numpy() * len(values)
    below = -np.nextafter(np.array(SIGNED[1:14]), 0)  # a bin of negative numbers holds the edge farther from 0
    edges = np.array([-np.inf, *(-below), *SIGNED[14:]])
    np.testing.assert_allclose(both, np.histogram(x.double().numpy(), edges)[0], atol=1e-3)


def test_what_is_not_finite_falls_into_the_last_bin() -> None:
    x = torch.tensor([float("inf"), float("nan"), 0.0, -0.0])
    assert magnitudes([x], [0], 1)[0, [0, -1]].tolist() == [0.5, 0.5]
    assert np.isnan(magnitudes([x], [1], 2)[0].numpy()).all()


def test_class_accuracy(fit) -> None:
    data = data_for("frozen")
    run = fit(build("frozen"), data, 20, BATCH, probes=["class_accuracy"], lr=1e-12, shuffle=False, log_every=12)
    x, y = next(data.train.batches(len(data.train)))
    predicted = build("frozen")(x).argmax(1)
    series = run.probes.series("class_accuracy")
    assert series.labels == tuple(str(c) for c in data.classes)
    expected = [float((predicted[y == c] == c).float().mean()) for c in range(3)]
    whole_epochs = series.values[(series.steps - 1) % 12 == 0][1:]  # the first one has its own batch only
    assert len(whole_epochs) > 5
    np.testing.assert_allclose(whole_epochs[-1], expected, atol=0.12)


def test_cosine_to_the_step_before(fit) -> None:
    module, lr = build("frozen"), 0.05
    twin = copy.deepcopy(module)
    data = data_for("frozen")
    run = fit(module, data, 1, BATCH, probes=["grad_cosine"], optimizer="sgd", lr=lr, shuffle=False)
    batches = list(data.train.batches(BATCH))
    flat = []
    for x, y in batches[:4]:
        reference = Reference(twin, x, y, lr)
        flat.append(torch.cat([g.flatten() for g in reference.grads.values()]))
        with torch.no_grad():
            for n, p in twin.named_parameters():
                p += reference.change[n]
    series = run.probes.series("grad_cosine")
    assert series.steps[:2].tolist() == [2, 4]
    for row, step in enumerate(series.steps[:2]):
        expected = F.cosine_similarity(flat[step - 2], flat[step - 1], dim=0)
        assert series.values[row, 0] == pytest.approx(float(expected), abs=1e-4)


def test_noise_scale(fit) -> None:
    module, lr = build("frozen"), 0.05
    twin = copy.deepcopy(module)
    run = fit(module, data_for("frozen"), 1, BATCH, probes=["grad_noise"], optimizer="sgd", lr=lr, shuffle=False)
    x, y = first_batch("frozen")
    whole = Reference(twin, x, y, lr).grads
    halves = [Reference(twin, x[i : i + 4], y[i : i + 4], lr).grads for i in (0, 4)]
    small = sum(float(torch.cat([g.flatten() for g in h.values()]).square().sum()) for h in halves) / 2
    big = float(torch.cat([g.flatten() for g in whole.values()]).square().sum())
    signal = (8 * big - 4 * small) / (8 - 4)
    noise = (small - big) / (1 / 4 - 1 / 8)
    expected = noise / signal if signal > 0 else float("nan")
    assert run.probes.series("grad_noise").values[0, 0] == pytest.approx(expected, rel=1e-3, nan_ok=True)


def test_noise_scale_of_a_known_distribution() -> None:
    """Gradients G + noise of covariance Σ: the estimate over many batches comes near tr(Σ) / |G|²."""
    g = torch.Generator().manual_seed(0)
    probe, size = PROBES["grad_noise"](), 16
    assert isinstance(probe, GradNoise)

    class Layers:
        device = torch.device("cpu")

    class Moment:
        layers = Layers()
        halves = None

    probe.begin(Layers())  # type: ignore[arg-type]
    mean, moment = torch.full((50,), 0.2), Moment()
    numerator = denominator = 0.0
    for _ in range(400):
        samples = mean + torch.randn(size, 50, generator=g)
        moment.halves = (([samples[:8].mean(0)], 8), ([samples[8:].mean(0)], 8))
        probe._averages = None
        probe.compute(moment)  # type: ignore[arg-type]
        noise, signal = probe._averages.tolist()
        numerator, denominator = numerator + noise, denominator + signal
    assert numerator / denominator == pytest.approx(50 / float(mean.square().sum()), rel=0.1)


def test_dead_units_need_a_whole_window(fit) -> None:
    module = nn.Sequential(nn.Linear(8, 10), nn.ReLU(), nn.Linear(10, 3))
    with torch.no_grad():
        module[0].bias[:4] = -1e4
    run = fit(module, data_for("mlp"), 2, BATCH, probes=[Dead(window=5)], lr=1e-4)
    series = run.probes.series("dead")
    assert np.isnan(series.values[:4]).all()
    assert series["1"][4:].min() >= 0.4
    assert series["1"][-1] == pytest.approx(0.4, abs=0.11)
    assert (series["0"][4:] == 0).all()
    assert (series["2"][4:] == 0).all()
