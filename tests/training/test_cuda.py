"""Training on a GPU: the CPU's weights, by eager steps and by CUDA graphs, obeying orders, in every precision."""

import threading

import pytest
import torch
from torch import nn

from lepton_lab.data import from_arrays
from lepton_lab.errors import NonFiniteError
from lepton_lab.training import RunState, Slots, Trainer, turbo
from lepton_lab.training.compiled import GraphSteps

pytestmark = pytest.mark.gpu
DEVICE = "cuda"


@pytest.fixture(autouse=True)
def _exact(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture
def graphs(monkeypatch):
    """How many steps each replay of a graph took."""
    calls, take = [], GraphSteps.__call__

    def counted(self, optimizer, x, y, rates):
        calls.append(len(x))
        return take(self, optimizer, x, y, rates)

    monkeypatch.setattr(GraphSteps, "__call__", counted)
    return calls


def start(module, data, epochs=4, batch_size=10, **settings):
    begin = {k: settings.pop(k) for k in ("resume_from", "folder") if k in settings}
    settings = {"device": DEVICE, "compile": False, "metrics": ["accuracy"], **settings}
    return Trainer(module, **settings).start(data, epochs, batch_size, record=False, slots=Slots(1), **begin)


def fit(module, data, epochs=4, batch_size=10, **settings):
    return start(module, data, epochs, batch_size, **settings).wait(120)


def near(a, b, rtol=1e-3, atol=1e-4):
    for (name, p), q in zip(a.state_dict().items(), b.state_dict().values(), strict=True):
        assert p.device == q.device == torch.device("cpu"), name
        torch.testing.assert_close(p, q, rtol=rtol, atol=atol)


def same(a, b):
    return all(torch.equal(p, q) for p, q in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def until(run, what):
    for _ in range(6000):
        if what(run.status):
            return
        if run.state.ended:
            run.wait(10)
        threading.Event().wait(0.005)
    raise AssertionError(run.status)


def cnn(norm=False):
    torch.manual_seed(0)
    first = nn.Conv2d(3, 8, 3, bias=not norm)  # a normalised bias has no gradient but rounding, which Adam magnifies
    parts = [first, *([nn.BatchNorm2d(8)] if norm else []), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU()]
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(8 * 16, 3))


@pytest.fixture(scope="module")
def images():
    g = torch.Generator().manual_seed(0)
    y = torch.randint(0, 3, (120,), generator=g)
    return from_arrays(torch.randn(120, 3, 8, 8, generator=g) + y[:, None, None, None].float(), y, valid=0.2, test=0)


def test_weights_are_those_of_the_cpu(blobs, mlp):
    a, b = mlp(), mlp()
    first, second = fit(a, blobs, device="cpu", threads=1), fit(b, blobs)
    assert second.status.device.startswith(DEVICE)
    near(a, b)
    assert first.history["loss"] == pytest.approx(second.history["loss"], rel=1e-3)
    assert second.history["accuracy"] == pytest.approx(first.history["accuracy"], abs=0.02)


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam", "lr": 0.01},
        {"optimizer": "adamw", "weight_decay": 0.1},
        {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        {"optimizer": "sgd", "lr": 0.1},
        {"schedule": "one_cycle", "lr": 0.02},
        {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "optimizer_args": {"nesterov": True}},
        {"optimizer": "adamw", "weight_decay": 0.5, "decay_biases": False},
    ],
)
def test_a_graph_gives_the_weights_of_eager_steps(blobs, mlp, graphs, settings):
    a, b = mlp(), mlp()
    first = fit(a, blobs, **settings)
    assert not graphs
    second = fit(b, blobs, compile=True, **settings)
    assert sum(graphs) > 40
    near(a, b)
    assert first.status.step == second.status.step
    assert first.history["loss"] == pytest.approx(second.history["loss"], rel=1e-3)
    one, two = first.snapshot("last").part("optimizer"), second.snapshot("last").part("optimizer")
    assert one.keys() == two.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, two[name], rtol=1e-2, atol=1e-5)


def test_a_graph_takes_over_by_itself_where_enough_steps_are_left(blobs, mlp, graphs):
    a, b = mlp(), mlp()
    fit(a, blobs, 40, compile="auto", lr=1e-4)
    taken = sum(graphs)
    assert 300 < taken < 800
    fit(b, blobs, 40, lr=1e-4)
    near(a, b)
    graphs.clear()
    fit(mlp(), blobs, 2, compile="auto")
    assert not graphs


@pytest.mark.parametrize("norm", [False, True])
def test_a_graph_of_a_convolutional_network_gives_the_weights_of_eager_steps(images, graphs, norm):
    a, b = cnn(norm), cnn(norm)
    fit(a, images, 8, channels_last=True)
    fit(b, images, 8, channels_last=True, compile=True)
    assert graphs
    near(a, b, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("norm", [False, True])
def test_a_graph_in_mixed_precision_gives_the_weights_of_eager_steps(images, graphs, norm):
    a, b, full = cnn(norm), cnn(norm), cnn(norm)
    fit(a, images, 4, precision="bf16")
    fit(b, images, 4, precision="bf16", compile=True)
    fit(full, images, 4)
    assert graphs
    far = [(p - q).abs().max().item() for p, q in zip(a.parameters(), b.parameters(), strict=True)]
    rounded = [(p - q).abs().max().item() for p, q in zip(a.parameters(), full.parameters(), strict=True)]
    assert max(far) < 0.5 * max(rounded)
    assert b(torch.randn(2, 3, 8, 8)).dtype is torch.float32


def test_a_step_that_cannot_be_captured_leaves_the_weights_and_trains_eagerly(blobs, mlp, graphs, monkeypatch):
    def fails(body, device):
        body()
        raise RuntimeError("operation not permitted when stream is capturing")

    a, b = mlp(), mlp()
    monkeypatch.setattr("lepton_lab.training.compiled._capture", fails)
    fit(a, blobs, compile=True)
    fit(b, blobs)
    assert not graphs
    near(a, b)


def test_deterministic_runs_have_the_same_bits(blobs, mlp, graphs):
    a, b, c = mlp(0.2), mlp(0.2), mlp(0.2)
    fit(a, blobs, deterministic=True, compile=True)
    fit(b, blobs, deterministic=True)
    assert same(a, b)
    assert not graphs
    fit(c, blobs)
    near(a, c)


def test_orders_are_obeyed_beside_graphs(blobs, mlp, graphs):
    run = start(mlp(), blobs, 1_000_000, compile=True)
    until(run, lambda s: s.step > 300)
    assert graphs
    run.pause()
    until(run, lambda s: s.state is RunState.PAUSED)
    for count in (1, 3, 25):
        before = run.status.step
        run.step(count)
        until(run, lambda s, before=before: s.step != before and s.state is RunState.PAUSED)
        assert run.status.step == before + count
    run.resume()
    taken = len(graphs)
    until(run, lambda s: len(graphs) > taken)
    run.set(lr=0.5)
    until(run, lambda s: s.lr == 0.5)
    taken = len(graphs)
    until(run, lambda s: len(graphs) > taken + 5)  # a rate is an argument of the graph
    for changes in ({"batch_size": 25}, {"weight_decay": 0.1}):
        run.set(**changes)
        until(run, lambda s: s.batch_size == 25)
        until(run, lambda s, taken=len(graphs): len(graphs) > taken + 5)  # captured anew  # noqa: B008
    run.stop()
    run.wait(30)
    assert run.state is RunState.STOPPED


def test_dropout_that_is_switched_on_ends_the_graph(blobs, mlp, graphs):
    run = start(mlp(0.0), blobs, 1_000_000, compile=True)
    until(run, lambda s: len(graphs) > 5)
    run.set(dropout=0.5)
    until(run, lambda s: any(e["kind"] == "set" for e in run.history.events))
    taken, step = len(graphs), run.status.step
    until(run, lambda s: s.step > step + 200)
    assert len(graphs) == taken
    run.stop()
    run.wait(30)


def test_a_checkpoint_goes_on_exactly_and_loads_on_the_cpu(blobs, mlp, tmp_path):
    whole, part, again, cpu = (mlp(0.2) for _ in range(4))
    fit(whole, blobs, 4, deterministic=True)
    half = fit(part, blobs, 2, deterministic=True, folder=tmp_path)
    assert list((tmp_path / "checkpoints").glob("*"))
    snapshot = half.snapshot("last")
    assert all(t.device.type == "cpu" for t in snapshot.tensors.values())
    fit(again, blobs, 4, deterministic=True, resume_from=snapshot)
    assert same(whole, again)
    run = fit(cpu, blobs, 4, device="cpu", threads=1, resume_from=snapshot)
    assert run.status.step == 80
    assert run.history["loss"][-1] < 1.0


def test_a_fork_starts_from_the_weights_and_leaves_its_parent(blobs, mlp):
    run = start(mlp(), blobs, 1_000_000, compile=True)
    until(run, lambda s: s.step > 100)
    child = run.fork(epochs=run.status.epoch + 3, lr=1e-9)
    run.stop()
    run.wait(30)
    child.wait(60)
    assert child.state is RunState.FINISHED
    assert child.history["loss"][-1] < 1.0


@pytest.mark.parametrize("precision", ["bf16", "fp16", "auto"])
@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_mixed_precision_learns(blobs, images, mlp, precision, network):
    module, data = (mlp(), blobs) if network == "mlp" else (cnn(norm=True), images)
    run = fit(module, data, 12, precision=precision, lr=0.01)
    losses = run.history["loss"]
    assert losses[-1] < 0.7 * losses[0]
    assert all(t.isfinite().all() for t in module.state_dict().values())


def test_an_update_that_fp16_leaves_out_is_no_nan(line):
    torch.manual_seed(0)
    module = nn.Linear(4, 1)
    with torch.no_grad():
        module.weight.fill_(100.0)  # the scaled gradients overflow at first
    run = fit(module, line, 3, precision="fp16", optimizer="sgd", lr=1e-4, metrics=["mae"])
    assert run.state is RunState.FINISHED
    assert module.weight.isfinite().all()
    assert not torch.equal(module.weight, torch.full((1, 4), 100.0))


@pytest.mark.parametrize(
    "settings",
    [
        {"ema": 0.9},
        {"clip_norm": 0.1},
        {"accumulate": 3},
        {"optimizer": "rmsprop"},
        {"optimizer": "lbfgs", "lr": 0.01},
    ],
)
def test_what_a_step_can_do_more_is_done_as_on_the_cpu(blobs, mlp, settings):
    a, b = mlp(), mlp()
    epochs, size = (1, 100) if "lbfgs" in settings.values() else (2, 10)  # each of its steps waits for the device often
    fit(a, blobs, epochs, size, device="cpu", threads=1, **settings)
    fit(b, blobs, epochs, size, **settings)
    near(a, b, rtol=1e-2, atol=2e-3)


def test_batch_statistics_are_those_of_the_cpu(images):
    a, b = cnn(norm=True), cnn(norm=True)
    fit(a, images, 2, device="cpu", threads=1)
    fit(b, images, 2, channels_last=True)
    near(a, b, rtol=2e-2, atol=5e-3)


@pytest.mark.parametrize("compile", [False, True])
def test_nan_is_found_at_its_step_and_layer(mlp, compile, graphs):  # noqa: A002 - the setting's name
    x, y = torch.randn(200, 8), torch.arange(200) % 3
    x[130] = float("inf")
    data, module = from_arrays(x, y, valid=0, test=0, allow_nan=True), mlp()
    with pytest.raises(NonFiniteError, match="the input, forward, at step 14"):
        fit(module, data, shuffle=False, compile=compile)
    assert bool(graphs) is compile
    assert all(p.isfinite().all() for p in module.parameters())


def test_nan_inside_names_its_layer(blobs):
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 8), nn.Softplus(), nn.Linear(8, 3))
    with torch.no_grad():
        module[2].weight.mul_(3e38)
    with pytest.raises(NonFiniteError) as caught:
        fit(module, blobs, lr=1.0)
    assert caught.value.layer in ("2", "loss")


def test_augmented_images_are_those_of_the_cpu(images):
    light = images.with_augmentation("light")
    a, b = cnn(), cnn()
    fit(a, light, 2, device="cpu", threads=1)
    fit(b, light, 2)
    near(a, b, rtol=1e-2, atol=2e-3)


def test_rates_of_a_schedule_reach_the_graph_in_order(blobs, mlp, graphs, monkeypatch):
    seen, take = [], turbo.Turbo._rates

    def noted(self, calls):
        rates = take(self, calls)
        seen.extend(rate for part in rates for rate in part.tolist())
        return rates

    monkeypatch.setattr(turbo.Turbo, "_rates", noted)
    fit(mlp(), blobs, 4, compile=True, schedule="linear", lr=0.1)
    assert sum(graphs) == len(seen)
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen)
