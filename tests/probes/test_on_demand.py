"""What can be asked of the present weights, also while a run trains."""

from __future__ import annotations

import sys
import threading

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import lepton_lab as ll
from lepton_lab.data import from_arrays
from lepton_lab.errors import DataError, MissingExtraError, TrainingError, UnknownNameError
from lepton_lab.probes import (
    attention_maps,
    decision_boundary,
    embedding,
    feature_maps,
    filters,
    hessian_top,
    hessian_trace,
    top_samples,
)  # fmt: skip
from lepton_lab.training import LambdaCallback, Slots, Trainer
from tests.probes.networks import NETWORKS, build, data_for, hooks_of


@pytest.mark.parametrize("network", NETWORKS)
def test_feature_maps_of_any_module(network: str) -> None:
    module, data = build(network).train(), data_for(network)
    x, _ = next(data.train.batches(5))
    buffers = [b.clone() for b in module.buffers()]
    rng = torch.get_rng_state()
    maps = feature_maps(module, x)
    assert torch.equal(torch.get_rng_state(), rng)
    assert all(torch.equal(a, b) for a, b in zip(module.buffers(), buffers, strict=True))
    assert hooks_of(module) == 0
    assert module.training
    assert len(maps) >= 2
    assert all(len(m) == 5 and m.device.type == "cpu" and not m.requires_grad for m in maps.values())
    last = list(maps)[-1]
    if network not in ("odd", "lstm", "attention", "encoder"):
        torch.testing.assert_close(maps[last], module.eval()(x).detach())
    only = feature_maps(module, x, [next(iter(maps))])
    assert list(only) == [next(iter(maps))]
    with pytest.raises(UnknownNameError, match="layer"):
        feature_maps(module, x, ["nowhere"])


def test_a_layer_that_is_used_twice_has_two_entries() -> None:
    maps = feature_maps(build("shared"), torch.randn(2, 8))
    assert list(maps) == ["first", "again", "relu", "again#2", "relu#2", "last"]
    assert maps["again"].min() < 0 <= maps["relu"].min()


def test_maps_of_a_run_that_trains_are_of_one_moment() -> None:
    """The two layers are trained to stay equal; a look between the updates of one and the other would see it."""

    class Twins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(8, 3, bias=False), nn.Linear(8, 3, bias=False)
            with torch.no_grad():
                self.b.weight.copy_(self.a.weight)

        def forward(self, x: Tensor) -> Tensor:
            return self.a(x) + self.b(x)

    enough = threading.Event()
    stop_late = LambdaCallback(on_epoch_end=lambda epoch, logs: run.stop() if enough.is_set() else None)
    trainer = Trainer(Twins(), compile=False, threads=1, lr=0.01, callbacks=[stop_late])
    run = trainer.start(data_for("mlp"), 100_000, 8, record=False, slots=Slots(1))
    try:
        x, seen = torch.randn(4, 8), set()
        for _ in range(12):
            maps = feature_maps(run, x)
            assert torch.equal(maps["a"], maps["b"])
            seen.add(float(maps["a"].sum()))
            weights = filters(run)
            assert torch.equal(weights["a"], weights["b"])
        assert len(seen) > 1
        assert run.state == "running"
        run.pause()
        paused = feature_maps(run, x)
        assert torch.equal(paused["a"], paused["b"])
        run.resume()
    finally:
        enough.set()
        run.stop()
    run.wait()
    torch.testing.assert_close(feature_maps(run, x)["a"], run.module.a(x).detach())
    assert hooks_of(run.module) == 0


def test_a_module_that_cannot_be_copied_is_looked_at_between_two_batches() -> None:
    class Holds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inside, self.lock = nn.Linear(8, 3), threading.Lock()

        def forward(self, x: Tensor) -> Tensor:
            return self.inside(x)

    run = Trainer(Holds(), compile=False, threads=1).start(data_for("mlp"), 100_000, 8, record=False, slots=Slots(1))
    try:
        assert feature_maps(run, torch.randn(2, 8))["inside"].shape == (2, 3)
        with pytest.raises(UnknownNameError):
            feature_maps(run, torch.randn(2, 8), ["nowhere"])
        assert not run.state.ended
    finally:
        run.stop()
    run.wait()


@pytest.mark.parametrize("network", ["encoder", "odd"])  # both draw random numbers, the second one always
def test_looking_does_not_change_what_is_trained(network: str, same) -> None:
    plain, looked = build(network), build(network)
    data, slots = data_for(network), Slots(2)
    Trainer(plain, compile=False, threads=1).start(data, 30, 8, record=False, slots=slots).wait()
    run = Trainer(looked, compile=False, threads=1).start(data, 30, 8, record=False, slots=slots)
    x, _ = next(data.train.batches(4))
    while not run.state.ended:
        feature_maps(run, x)
        filters(run)
    run.wait()
    assert same(plain, looked)


def test_filters(fit) -> None:
    found = filters(build("cnn"))
    assert {k: tuple(v.shape) for k, v in found.items()} == {"0": (4, 1, 3, 3), "5": (3, 36)}
    run = fit(ll.NetworkSpec([ll.Flatten(), ll.Linear(3)], input_shape=(1, 8, 8)), data_for("cnn"), 1)
    assert list(filters(run)) == ["linear_1"]


@pytest.mark.parametrize("network", ["attention", "encoder"])
def test_attention_maps(network: str) -> None:
    module = build(network).eval()
    x, _ = next(data_for(network).train.batches(3))
    (maps,) = attention_maps(module, x).values()
    assert maps.shape == (3, 2, 5, 5)
    torch.testing.assert_close(maps.sum(-1), torch.ones(3, 2, 5))
    if network == "attention":
        h = module.inside(x)
        expected = module.attention(h, h, h, need_weights=True, average_attn_weights=False)[1]
        torch.testing.assert_close(maps, expected)
    assert hooks_of(module) == 0


def test_top_samples_excite_most() -> None:
    data, module = data_for("cnn"), build("cnn")
    found = top_samples(module, data, "2", 1, k=5)
    x, _ = data.train.tensors()
    strength = feature_maps(module, x, ["2"])["2"][:, 1].flatten(1).amax(1)
    values, rows = strength.topk(5)
    assert found.indices.tolist() == rows.tolist()
    torch.testing.assert_close(found.values, values)
    torch.testing.assert_close(found.samples, x[rows])
    with pytest.raises(TrainingError, match="no unit 9"):
        top_samples(module, data, "2", 9)


def test_embedding_by_pca_is_that_of_scikit_learn(fit) -> None:
    from sklearn.decomposition import PCA

    g = torch.Generator().manual_seed(0)
    x = torch.randn(120, 8, generator=g)
    data = from_arrays(x, x.argmax(1) % 3, validation_data=(x[:60], x[:60].argmax(1) % 3), valid=0, test=0)
    run = fit(build("mlp"), data, 2)
    found = embedding(run, "valid", 50)
    assert found.points.shape == (50, 2)
    assert found.layer == "5"
    again = embedding(run, "valid", 50)
    np.testing.assert_array_equal(found.points, again.points)
    everything = embedding(run, (x, x.argmax(1) % 3), 1000)
    hidden = feature_maps(run, x)["4"].numpy()
    reference = PCA(2).fit(hidden)
    np.testing.assert_allclose(np.abs(everything.points), np.abs(reference.transform(hidden)), atol=1e-3)
    np.testing.assert_allclose(everything.explained, reference.explained_variance_ratio_, rtol=1e-3)
    assert run.test_looks == 0
    with pytest.raises(DataError, match="no split 'test'"):
        embedding(run, "test")
    with pytest.raises(UnknownNameError, match="umap"):
        embedding(run, "valid", method="tsne")


def test_umap_says_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtraError, match="umap-learn"):
        embedding(build("mlp"), data_for("mlp"), method="umap")


def test_umap_lays_like_samples_together_and_goes_on_from_an_earlier_map() -> None:
    """With the real umap-learn, which takes half a minute to load for the first time."""
    module = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 3)).requires_grad_(False)
    y = torch.arange(60) % 3
    x = torch.randn(60, 6, generator=torch.Generator().manual_seed(0)) * 0.2 + nn.functional.one_hot(y, 6) * 3.0
    found = embedding(module, (x, y), method="umap")
    assert found.method == "umap"
    assert found.points.shape == (60, 2)
    assert np.isnan(found.explained).all()
    apart = np.linalg.norm(found.points[:, None] - found.points[None], axis=2) + 1e9 * np.eye(60)
    assert (found.targets[apart.argmin(1)] == found.targets).mean() > 0.9
    module[0].weight += 0.01
    later = embedding(module, (x, y), method="umap", start=found.points)
    before, after = ((p - p.mean(0)) / p.std() for p in (found.points, later.points))
    assert np.linalg.norm(after - before, axis=1).mean() < 0.5
    anew = embedding(module, (x, y), method="umap", seed=1).points
    assert np.linalg.norm((anew - anew.mean(0)) / anew.std() - before, axis=1).mean() > 0.5
    assert embedding(module, (x, y), 20, "umap", start=found.points).points.shape == (20, 2)
    with pytest.raises(DataError, match="at least 5"):
        embedding(module, (x, y), 4, "umap")


def test_a_network_that_puts_out_nan_has_no_map() -> None:
    module = nn.Sequential(nn.Linear(8, 4), nn.Linear(4, 3))
    with torch.no_grad():
        module[0].bias[0] = float("nan")
    with pytest.raises(DataError, match="NaN"):
        embedding(module, torch.randn(20, 8))


def test_decision_boundary_of_a_line(fit) -> None:
    module = nn.Linear(2, 2)
    with torch.no_grad():
        module.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        module.bias.zero_()
    found = decision_boundary(module, ((-2, 2), (-1, 1)), 21)
    assert found.scores.shape == (21, 21, 2)
    assert (found.classes[:, found.x < -0.01] == 1).all()
    assert (found.classes[:, found.x > 0.01] == 0).all()
    assert found.y[0] == -1
    x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    run = fit(
        nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2)), from_arrays(x, (x[:, 1] > 0).long()), 40, lr=0.02
    )
    learnt = decision_boundary(run, ((-2, 2), (-2, 2)), 20)
    np.testing.assert_allclose(learnt.scores.sum(2), 1, atol=1e-5)
    assert (learnt.classes == (learnt.y > 0)[:, None]).mean() > 0.9
    with pytest.raises(TrainingError, match="two inputs"):
        decision_boundary(build("mlp"), ((0, 1), (0, 1)))
    for bad in (((1, 0), (0, 1)), (1, 2), "no"):
        with pytest.raises(TrainingError):
            decision_boundary(module, bad)  # type: ignore[arg-type]


def hessian(module: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """The whole Hessian, by autograd's own function on one flat vector."""
    names, shapes = zip(*[(n, p.shape) for n, p in module.named_parameters()], strict=True)
    flat = torch.cat([p.detach().flatten() for p in module.parameters()])

    def loss(vector: Tensor) -> Tensor:
        parts = vector.split([s.numel() for s in shapes])
        weights = {n: p.reshape(s) for n, p, s in zip(names, parts, shapes, strict=True)}
        return F.cross_entropy(torch.func.functional_call(module, weights, (x,)), y)

    return torch.autograd.functional.hessian(loss, flat)


@pytest.mark.parametrize("of_a_run", [False, True])
def test_curvature_is_that_of_the_whole_hessian(of_a_run: bool, fit) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 6), nn.Tanh(), nn.Linear(6, 3))
    data = data_for("mlp")
    batch = next(data.train.batches(32))
    thing = fit(module, data, 1) if of_a_run else module
    whole = hessian(module, *batch)
    values = torch.linalg.eigvalsh(whole)
    top = hessian_top(thing, None, batch, iterations=300, tolerance=1e-6)
    assert float(top) == pytest.approx(float(values[values.abs().argmax()]), rel=0.02)
    trace = hessian_trace(thing, F.cross_entropy, batch, samples=400)
    assert float(trace) == pytest.approx(float(whole.trace()), abs=4 * trace.error + 1e-4)
    assert trace.error < 0.2 * abs(float(whole.trace()))
    assert all(p.grad is None for p in module.parameters())


@pytest.mark.parametrize("network", ["cnn", "lstm", "attention", "encoder"])
def test_curvature_of_any_module(network: str) -> None:
    module = build(network).train()
    found = hessian_top(module, None, next(data_for(network).train.batches(16)), iterations=5)
    assert found.value != 0
    assert module.training


def test_curvature_needs_parameters() -> None:
    with pytest.raises(TrainingError, match="does not depend"):
        hessian_top(nn.Flatten(), None, (torch.randn(4, 3), torch.tensor([0, 1, 2, 0])))


def test_only_runs_and_modules_have_weights() -> None:
    with pytest.raises(TrainingError, match="no weights"):
        feature_maps("run", torch.zeros(1))  # type: ignore[arg-type]
