"""What goes on beside a training on a GPU: memory, other runs, views, probes, the doctor, other processes, exports."""

import gc
import threading

import numpy as np
import pytest
import torch
from torch import nn

import lepton_lab as ll
from lepton_lab.data import from_arrays
from lepton_lab.evaluate import evaluate
from lepton_lab.network import LAYERS
from lepton_lab.probes import PROBES, STANDARD, every, feature_maps
from lepton_lab.registry import BUILT_IN
from lepton_lab.training import RunState, Slots, Trainer, compiled
from lepton_lab.training.captures import TURNS
from lepton_lab.training.lr_finder import lr_find
from tests.doctor.conftest import mlp as plain, trained
from tests.forked import run_python
from tests.network.test_layers_contract import batch, example
from tests.probes.networks import hooks_of

pytestmark = pytest.mark.gpu
DEVICE = "cuda"
KINDS = [e.name for e in LAYERS.entries() if e.provider == BUILT_IN]


@pytest.fixture(autouse=True)
def _exact(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


def start(module, data, epochs=4, batch_size=10, slots=None, **settings):
    settings = {"device": DEVICE, "compile": False, "metrics": ["accuracy"], **settings}
    return Trainer(module, **settings).start(data, epochs, batch_size, record=False, slots=slots or Slots(1))


def fit(module, data, epochs=4, batch_size=10, **settings):
    return start(module, data, epochs, batch_size, **settings).wait(120)


def used():
    gc.collect()
    torch.cuda.synchronize()
    return torch.cuda.memory_allocated()


class Raises:
    def __init__(self, at):
        self.at, self.count = at, 0

    def on_epoch_end(self, epoch, logs=None):
        self.count += 1
        if self.count == self.at:
            raise ValueError("enough")


@pytest.mark.parametrize("ending", ["finish", "stop", "exception", "nan"])
def test_nothing_is_left_on_the_gpu(blobs, mlp, ending):
    def go():
        module, settings = mlp(), {"compile": ending != "exception", "probes": ["grad_norm"], "ema": None}
        data = blobs
        if ending == "nan":
            x = torch.randn(200, 8)
            x[130] = float("inf")
            data = from_arrays(x, torch.arange(200) % 3, valid=0, test=0, allow_nan=True)
        callbacks = [Raises(2)] if ending == "exception" else []
        run = start(module, data, 1_000_000 if ending == "stop" else 3, callbacks=callbacks, **settings)
        if ending == "stop":
            while run.status.step < 100:
                threading.Event().wait(0.005)
            run.stop()
        run._done.wait(60)
        run._thread.join(10)
        assert (run.exception() is not None) == (ending in ("exception", "nan"))
        assert all(p.device.type == "cpu" and p.grad is None for p in module.parameters())
        assert hooks_of(module) == 0
        return run

    go()  # libraries keep some memory for themselves from now on
    before = used()
    kept = [go() for _ in range(3)]
    assert used() <= before + 1024
    assert len(kept) == 3
    assert not [t.name for t in threading.enumerate() if t.name.startswith("lepton-run-")]


def test_the_batch_is_halved_where_the_gpu_is_full():
    g = torch.Generator().manual_seed(0)
    data = from_arrays(torch.randn(2048, 64, generator=g), torch.arange(2048) % 3, valid=0, test=0)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(64, 32768), nn.ReLU(), nn.Linear(32768, 3))
    torch.cuda.empty_cache()
    torch.cuda.memory_reserved()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + (512 << 20)) / total)
    try:
        run = fit(module, data, 1, 2048, lr=1e-4)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert run.status.batch_size < 2048
    said = [e for e in run.history.events if e["kind"] == "batch size halved"]
    assert said
    assert run.history.epochs.last()["epoch"] == 1
    assert run.state is RunState.FINISHED


def test_two_runs_at_once_are_as_each_alone(blobs, mlp):
    alone, slots = [mlp(seed=1), mlp(seed=2)], Slots(2)
    for module in alone:
        fit(module, blobs, 60, lr=1e-4)
    both = [mlp(seed=1), mlp(seed=2)]
    runs = [start(both[0], blobs, 60, lr=1e-4, compile=True, slots=slots)]
    runs.append(start(both[1], blobs, 60, lr=1e-4, slots=slots))
    for run in runs:
        run.wait(60)
    for a, b in zip(alone, both, strict=True):
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-4)


def test_graphs_are_captured_while_dropout_draws_in_another_thread(blobs, mlp):
    slots = Slots(2)
    noisy = start(mlp(0.5), blobs, 1_000_000, slots=slots)
    while noisy.status.step < 50:
        threading.Event().wait(0.005)
    for seed in range(8):
        assert start(mlp(seed=seed), blobs, 2, compile=True, slots=slots).wait(60).state is RunState.FINISHED
    assert noisy.state is RunState.RUNNING
    noisy.stop()
    assert noisy.wait(30).exception() is None


def test_nobody_is_inside_while_a_graph_is_captured(monkeypatch, blobs, mlp):
    seen, take = [], compiled._capture

    def watched(body, device):
        def noted():
            seen.append((TURNS._closed, len(TURNS._inside)))
            body()

        return take(noted, device)

    monkeypatch.setattr(compiled, "_capture", watched)
    fit(mlp(), blobs, compile=True)
    assert seen == [(True, 0)] * 2


def test_views_of_a_run_with_graphs(blobs, mlp):
    module = mlp()
    run = start(module, blobs, 1_000_000, compile=True)
    while run.status.step < 100:
        threading.Event().wait(0.005)
    x = blobs.test.tensors()[0][:5]
    for _ in range(5):
        assert all(t.device.type == "cpu" and t.isfinite().all() for t in feature_maps(run, x).values())
    step = run.status.step
    while run.status.step < step + 200:
        threading.Event().wait(0.005)
    run.stop()
    run.wait(30)
    maps = list(feature_maps(run, x).values())
    with torch.no_grad():
        torch.testing.assert_close(maps[-1], module.eval()(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("compile", [False, True])
def test_probes_measure_what_they_measure_on_the_cpu(blobs, mlp, compile):  # noqa: A002 - the setting's name
    def probed(spacing, **settings):
        probes = [PROBES[name](every(spacing)) for name in STANDARD]
        return fit(mlp(), blobs, 2, probes=probes, probe_budget=None, **settings)

    plain = mlp()
    fit(plain, blobs, 2, compile=compile)
    near = probed(1, device="cpu", threads=1)
    far = probed(5, compile=compile)  # a GPU's next step is chosen at a reading, when the time of the last is known
    for p, q in zip(plain.parameters(), far.module.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-4)
    assert not [e for e in far.history.events if e["kind"] == "probe"]
    for name in ("grad_norm", "weight_norm", "update_ratio"):
        a, b = near.probes.series(name), far.probes.series(name)
        assert len(b.steps) > 1
        common, i, j = np.intersect1d(a.steps, b.steps, return_indices=True)
        assert len(common) >= len(b.steps) - 1  # the first one has no update before it
        np.testing.assert_allclose(a.values[i], b.values[j], rtol=2e-2, atol=1e-4)


def test_the_doctor_looks_at_a_run(blobs, mlp):
    assert isinstance(list(ll.preflight(mlp(), blobs, device=DEVICE)), list)
    run = trained(plain(*[32] * 8, act="sigmoid"), ll.load_dataset("mnist-sample"), 1, device=DEVICE)
    assert run.status.device.startswith(DEVICE)
    assert ll.diagnose(run).find("vanishing-gradient")[0].layer == "linear_1"


def test_rates_are_tried(blobs, mlp):
    found = lr_find(Trainer(mlp(), device=DEVICE), blobs, steps=40, batch_size=20)
    assert len(found.lrs) > 5
    assert all(np.isfinite(found.losses))


@pytest.mark.parametrize("views", [None, "mirror+shift"])
def test_scores_and_predictions_are_the_cpus(views):
    g = torch.Generator().manual_seed(0)
    y = torch.randint(0, 3, (90,), generator=g)
    data = from_arrays(torch.randn(90, 1, 8, 8, generator=g) + y[:, None, None, None], y, valid=0.2, test=0.2)
    spec = ll.NetworkSpec([ll.Conv2d(4, 3), ll.ReLU(), ll.Flatten(), ll.Linear(3)], input_shape=(1, 8, 8))
    run = fit(spec, data)
    x = data.test.tensors()[0]
    far, scores = run.predict(x, views=views).cpu(), run.evaluate(views=views)
    run.module.cpu()
    run._plan.settings = run._plan.settings.changed(device="cpu")
    torch.testing.assert_close(far, run.predict(x, views=views), rtol=1e-4, atol=1e-5)
    assert scores["loss"] == pytest.approx(run.evaluate(views=views)["loss"], rel=1e-4)
    assert len(evaluate(run, data)) == len(data.valid)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_does_on_the_gpu_what_it_does_on_the_cpu(kind):
    _, network = example(kind)
    x, found = batch(network.input), []
    for device in ("cpu", DEVICE):
        module = network.build(seed=0).eval().to(device)
        if kind in ("RNN", "GRU", "LSTM"):
            module.train()  # cuDNN differentiates these in training mode only
        here = x.to(device).requires_grad_(x.is_floating_point())
        y = module(here)
        (y * torch.linspace(-1, 1, y.numel(), device=device).reshape(y.shape)).sum().backward()
        grads = [p.grad.cpu() for p in module.parameters() if p.grad is not None]
        found.append((y.detach().cpu(), grads))
    (a, grads_a), (b, grads_b) = found
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
    assert len(grads_a) == len(grads_b)
    for p, q in zip(grads_a, grads_b, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-2, atol=1e-3 * max(1.0, float(p.abs().max())))


_ELSEWHERE = """
import torch
from torch import nn
from lepton_lab.training import Slots, Trainer
net = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
x, y = torch.randn(200, 8), torch.arange(200) % 3
run = Trainer(net, device="DEVICE", compile=True).fit((x, y), 2, 10, verbose=0, record=False, slots=Slots(1))
print(run.status.device, run.state)
"""


def test_a_process_beside_this_one_trains_too(blobs, mlp):
    fit(mlp(), blobs, 1)  # this process has opened the GPU
    done = run_python(_ELSEWHERE.replace("DEVICE", DEVICE))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(torch.empty(0, device=DEVICE).device), "finished"]


def test_a_worker_trains_on_the_gpu_and_is_read_from_here(tmp_path, monkeypatch, blobs, mlp):
    from lepton_lab.workspace import Workspace, connect, elsewhere, launch
    from tests.workspace import trains

    monkeypatch.setenv("LEPTON_WORKSPACE", str(tmp_path / "lab"))
    monkeypatch.setattr(elsewhere, "ensure_worker", lambda w: launch.ensure_worker(w, "--idle", "0.5"))
    connect()
    fit(mlp(), blobs, 1)
    workspace = Workspace()
    try:
        trains.trainer(device=DEVICE).start(trains.digits(), 2, 64, where="worker", name="far")
        run = workspace.open_run("far").wait(120)
        assert run.state is RunState.FINISHED
        assert run.status.device.startswith(DEVICE)
    finally:
        workspace.close()


def test_weights_of_the_moment_are_shared(tmp_path, monkeypatch):
    from lepton_lab.workspace import StoreRecorder, Workspace, live
    from tests.workspace import trains

    monkeypatch.setattr(live, "LIVE_S", 0.02)
    monkeypatch.setattr(live, "_COST", 0)
    workspace = Workspace(tmp_path / "lab")
    trainer = Trainer(trains.network(), device=DEVICE)
    run = trainer.start(trains.digits(), 100_000, 64, recorder=StoreRecorder(workspace))
    reader = live.LiveWeights(run.folder)
    for _ in range(3000):
        if (step := reader.step()) is not None and step > 100:
            break
        threading.Event().wait(0.01)
    _, weights = reader.read()
    run.stop()
    run.wait(60)
    for thread in threading.enumerate():
        if thread.name == "lepton-live-weights":
            thread.join(30)
    workspace.close()
    assert step > 100
    assert all(t.isfinite().all() for t in weights.values())


@pytest.mark.parametrize("kind", ["model", "python", "onnx"])
def test_a_run_is_taken_away(tmp_path, kind):
    if kind == "onnx":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("onnxscript")
    from tests.workspace import trains

    data = trains.digits()
    run = fit(trains.network(), data, 1, 64)
    made = getattr(ll, f"export_{kind}")(run, tmp_path / kind, data=data)
    assert made.path.exists()
    if kind == "onnx":
        assert made.difference < 1e-4
    if kind == "model":
        model = ll.load_model(made.path)
        x, _ = next(data.test.batches(4))
        with torch.no_grad():
            said = model.module(x).softmax(1)
        torch.testing.assert_close(said, run.predict(x).cpu(), rtol=1e-3, atol=1e-4)
