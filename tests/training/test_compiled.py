"""Compiled steps: the same weights as eager ones, taken over silently, and only where that pays.

Most tests put the function itself in the place of the library that a process compiles of it, which takes ten seconds.
"""

import json
import threading

import pytest
import torch
from torch import nn

from lepton_lab.data import from_arrays
from lepton_lab.errors import NonFiniteError
from lepton_lab.training import Slots, Trainer, compile_job, compile_process, payback, turbo
from lepton_lab.training.blueprint import blueprint_of, built
from lepton_lab.training.compiled import GraphSteps, flat_arguments
from lepton_lab.training.optimizers import make_optimizer


class Uncompiled:
    """What `LoadedSteps` is, without a library."""

    def __init__(self, order, calls):
        self.calls = calls
        self.run, _ = compile_process._function(order)

    def __call__(self, optimizer, x, y, rates):
        self.calls.append(len(x))
        return self.run(*flat_arguments(optimizer, x, y, rates))


@pytest.fixture
def calls(monkeypatch, tmp_path):
    """Counts calls of compiled functions; a cache of its own."""
    made, orders = [], {}

    class Job:
        done, problem = True, None

        def __init__(self, order, library, *, patient):
            orders[library] = json.loads(json.dumps(order))
            library.parent.mkdir(exist_ok=True)
            library.touch()

        def wait(self):
            pass

        def stop(self):
            pass

    monkeypatch.setattr(compile_job, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(turbo, "CompileJob", Job)
    monkeypatch.setattr(
        turbo, "load_library", lambda library: Uncompiled(orders[library], made) if library.exists() else None
    )
    return made


@pytest.fixture
def libraries(tmp_path):
    return lambda: sorted((tmp_path / "compiled").glob("*.so"))


def fit(module, data, compile, epochs=2, batch_size=20, **settings):  # noqa: A002 - the setting's name
    trainer = Trainer(module, compile=compile, threads=1, metrics=["accuracy"], **settings)
    return trainer.fit(data, epochs, batch_size, verbose=0, record=False, slots=Slots(1))


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "adam", "lr": 0.01},
        {"optimizer": "adam", "weight_decay": 0.1},
        {"optimizer": "adamw", "weight_decay": 0.1},
        {"optimizer": "sgd", "lr": 0.1},
        {"optimizer": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
        {"schedule": "one_cycle", "lr": 0.02},
        {"batch_size": 30},
        {"loss": "mse", "data": "line"},
    ],
)
def test_the_weights_are_those_of_eager_steps(calls, blobs, line, mlp, settings):
    settings = dict(settings)
    data = line if settings.pop("data", "") else blobs
    shape = {"inputs": 4, "outputs": 1} if data is line else {}
    if data is line:
        settings["metrics"] = ["mae"]
    a, b = mlp(**shape), mlp(**shape)
    metrics = settings.pop("metrics", ["accuracy"])
    size = settings.pop("batch_size", 20)
    runs = []
    for module, choice in ((a, False), (b, True)):
        trainer = Trainer(module, compile=choice, threads=1, metrics=metrics, **settings)
        runs.append(trainer.fit(data, 3, size, verbose=0, record=False, slots=Slots(1)))
    assert len(calls) > 2
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-5)
    assert runs[0].history["loss"] == pytest.approx(runs[1].history["loss"], rel=1e-4)
    assert runs[0].status.step == runs[1].status.step


def test_the_optimizers_state_is_shared(calls, blobs, mlp):
    a, b = fit(mlp(), blobs, False), fit(mlp(), blobs, True)
    first, second = a.snapshot("last").part("optimizer"), b.snapshot("last").part("optimizer")
    assert first.keys() == second.keys()
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=1e-3, atol=1e-6)


def test_a_function_is_compiled_once_for_networks_of_one_shape(calls, libraries, blobs, mlp):
    fit(mlp(), blobs, True)
    assert len(libraries()) == 1
    fit(mlp(seed=4), blobs, "auto")
    fit(mlp(), blobs, True, lr=0.5)
    assert len(libraries()) == 1
    fit(mlp(), blobs, True, weight_decay=0.5)
    assert len(libraries()) == 2


@pytest.mark.parametrize(
    ("settings", "module"),
    [
        ({"deterministic": True}, None),
        ({"clip_norm": 1.0}, None),
        ({"ema": 0.9}, None),
        ({"optimizer": "rmsprop"}, None),
        ({"precision": "bf16"}, None),
        ({"callbacks": [type("C", (), {"on_train_batch_end": lambda self, batch, logs=None: None})()]}, None),
        ({}, "dropout"),
        ({}, "norm"),
        ({}, "frozen"),
        ({}, "own forward"),
        ({"loss": lambda output, y: nn.functional.cross_entropy(output, y)}, None),
    ],
)
def test_what_cannot_be_compiled_trains_eagerly(calls, blobs, mlp, settings, module):
    net = mlp(dropout=0.3 if module == "dropout" else 0.0)
    if module == "norm":
        net.append(nn.BatchNorm1d(3))
    if module == "frozen":
        net[0].weight.requires_grad_(False)
    if module == "own forward":
        net[1].forward = torch.tanh
    assert fit(net, blobs, True, **settings).status.step == 20
    assert calls == []


def test_a_compiler_that_fails_is_not_noticed(blobs, mlp, monkeypatch, tmp_path):
    monkeypatch.setattr(compile_job, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(compile_job.sys, "executable", "/bin/false")
    a, b = fit(mlp(), blobs, True), fit(mlp(), blobs, False)
    assert a.history["loss"] == b.history["loss"]


def test_a_damaged_library_is_not_loaded(tmp_path):
    library = tmp_path / "a.so"
    assert compile_job.load_library(library) is None
    library.write_bytes(b"\x7fELF")
    library.with_suffix(".json").write_text('{"sha256": "0"}')
    assert compile_job.load_library(library) is None


def test_what_still_compiles_is_ended_with_the_run(blobs, mlp, monkeypatch, tmp_path):
    started = []

    class Endless(compile_job.CompileJob):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            started.append(self)

    program = tmp_path / "python"
    program.write_text("#!/bin/sh\ncat > /dev/null\nsleep 600\n")
    program.chmod(0o755)
    monkeypatch.setattr(compile_job, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(compile_job.sys, "executable", str(program))
    monkeypatch.setattr(turbo, "CompileJob", Endless)
    monkeypatch.setattr(turbo, "expected", lambda order: payback.Estimate(0.0))
    monkeypatch.setattr(turbo, "_LOOK", 0.0)
    monkeypatch.setattr(turbo, "usable_cpus", lambda: 2)
    assert fit(mlp(), blobs, "auto").status.step == 20
    assert started[0].done


def test_a_library_does_what_eager_steps_do(blobs, tmp_path, monkeypatch):
    """The one test that really compiles, in a process of its own."""
    monkeypatch.setattr(compile_job, "cache_dir", lambda: tmp_path)
    trained = []
    for choice in (True, False):
        torch.manual_seed(0)
        module = nn.Sequential(nn.Linear(8, 3))
        run = fit(module, blobs, choice, epochs=2, optimizer="sgd", lr=0.1)
        trained.append((module, run))
    (note,) = (tmp_path / "compiled").glob("*.json")
    about = json.loads(note.read_text())
    assert payback.estimate(note.parent, about["kind"]).seconds == about["seconds"]
    assert 1 < about["seconds"] < 600
    (a, first), (b, second) = trained
    torch.testing.assert_close(a[0].weight, b[0].weight, rtol=1e-4, atol=1e-5)
    assert first.history["loss"] == pytest.approx(second.history["loss"], rel=1e-4)


def test_a_blueprint_builds_the_same_network():
    shared = nn.ReLU()
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding="same", bias=False), shared, nn.MaxPool2d(2, stride=1), nn.Conv2d(8, 4, 1), shared,
        nn.Flatten(), nn.LayerNorm(4), nn.Linear(4, 2), nn.LeakyReLU(0.3),
    )  # fmt: skip
    plain = json.loads(json.dumps(blueprint_of(module)))
    assert str(built(plain)) == str(module)
    assert blueprint_of(nn.CrossEntropyLoss(weight=torch.ones(2))) is None
    assert blueprint_of(nn.Sequential(nn.LSTM(2, 2))) is None


def test_a_compiler_that_is_late_is_ended_while_the_training_goes_on(blobs, mlp, monkeypatch, tmp_path):
    stopped, ended = [], threading.Event()

    class Late:
        done, problem, seconds = False, None, 1e9

        def __init__(self, order, library, *, patient):
            assert patient

        def stop(self):
            stopped.append(ended.is_set())

    monkeypatch.setattr(compile_job, "cache_dir", lambda: tmp_path)
    monkeypatch.setattr(turbo, "CompileJob", Late)
    monkeypatch.setattr(turbo, "_LOOK", 0.0)
    monkeypatch.setattr(turbo, "usable_cpus", lambda: 2)
    monkeypatch.setattr(turbo, "expected", lambda order: payback.Estimate(1e-6))
    last = type("Last", (), {"on_train_end": lambda self, logs=None: ended.set()})()
    assert fit(mlp(), blobs, "auto", epochs=20, log_every=10, callbacks=[last]).status.step == 200
    assert stopped == [False]


@pytest.mark.parametrize(("cost", "started"), [(1e-4, 1), (1e6, 0)])
def test_a_compiler_is_started_where_the_time_left_is_worth_it(
    calls, libraries, blobs, mlp, monkeypatch, cost, started
):
    monkeypatch.setattr(turbo, "_LOOK", 0.0)
    monkeypatch.setattr(turbo, "usable_cpus", lambda: 2)
    monkeypatch.setattr(turbo, "expected", lambda order: payback.Estimate(cost))
    run = fit(mlp(), blobs, "auto", epochs=20, log_every=10)
    assert run.status.step == 200
    assert len(libraries()) == started
    assert bool(calls) is bool(started)


@pytest.mark.parametrize(("compiled", "kept"), [(0.5, True), (2.0, False)])
def test_the_quicker_kind_of_steps_is_kept(monkeypatch, compiled, kept):
    now, trial, step = [0.0], turbo.Trial(), 0
    monkeypatch.setattr(turbo.time, "perf_counter", lambda: now[0])
    taken = []
    while not trial.decided:
        taken.append(trial.compiled_next(step))
        count, seconds = (5, compiled) if taken[-1] else (1, 1.0)
        step, now[0] = step + count, now[0] + count * seconds
    assert taken[-1] is kept
    assert {True, False} == set(taken)
    assert step < 300


def test_compiled_steps_that_are_slower_are_given_up(calls, blobs, mlp, monkeypatch):
    now = [0.0]
    fit(mlp(), blobs, True)
    calls.clear()
    take = Uncompiled.__call__

    def slow(self, *args):
        now[0] += 100.0
        return take(self, *args)

    monkeypatch.setattr(Uncompiled, "__call__", slow)
    monkeypatch.setattr(turbo.time, "perf_counter", lambda: now[0])
    run = fit(mlp(), blobs, "auto", epochs=60)
    assert run.status.step == 600
    assert 25 < len(calls) < 80  # two turns of 50 steps, two a call


def test_slow_steps_are_taken_one_a_call(calls, blobs, mlp, monkeypatch):
    monkeypatch.setattr(turbo, "_SHORT", 0.0)
    fit(mlp(), blobs, True)
    assert set(calls) == {1}


def test_nan_in_a_compiled_call_is_explained_by_eager_steps(calls):
    x, y = torch.randn(200, 8), torch.arange(200) % 3
    x[130] = float("inf")
    data = from_arrays(x, y, valid=0, test=0, allow_nan=True)
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 3))
    with pytest.raises(NonFiniteError, match=r"the input, forward, at step 14") as caught:
        fit(module, data, True, batch_size=10, shuffle=False)
    assert len(calls) > 2
    assert caught.value.step == 14
    assert all(p.isfinite().all() for p in module.parameters())


def test_steps_that_are_replayed_as_a_graph(blobs, mlp):
    a, b = mlp(), mlp()
    x, y = (t[:100].reshape(5, 20, *t.shape[1:]) for t in blobs.train.tensors())
    loss = nn.functional.cross_entropy
    first, second = make_optimizer("adam", a.parameters()), make_optimizer("adam", b.parameters())

    def capture(body, device):
        for _ in range(4):
            body()
        return body

    a[2].p = b[2].p = 0.0
    graph = GraphSteps(b, loss, second, x, y, capture)
    losses, _ = graph(second, x, y, torch.full((5,), 1e-3))
    for i in range(5):
        value = loss(a(x[i]), y[i])
        assert value.item() == pytest.approx(losses[i].item(), rel=1e-5)
        value.backward()
        first.step()
        first.zero_grad()
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-6)


def test_what_a_graph_tries_changes_no_running_averages():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
    optimizer = make_optimizer("sgd", module.parameters(), options={"momentum": 0.9, "nesterov": True})
    before = {name: value.clone() for name, value in module.state_dict().items()}

    def capture(body, device):
        body()
        assert not torch.equal(module[1].running_mean, before["1.running_mean"])
        return body

    x, y = torch.randn(2, 8, 4), torch.arange(16).reshape(2, 8) % 3
    buffers = list(module.buffers())
    graph = GraphSteps(module, nn.functional.cross_entropy, optimizer, x, y, capture, buffers=buffers)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    graph(optimizer, x, y, torch.full((2,), 0.1))
    assert module[1].num_batches_tracked == 2


def test_single_steps_are_single_beside_compiled_ones(calls, blobs, mlp):
    fit(mlp(), blobs, True)
    run = Trainer(mlp(), compile="auto", threads=1, metrics=["accuracy"]).start(
        blobs, 100_000, 20, record=False, slots=Slots(1)
    )
    while run.status.step < 50:
        run._done.wait(0.01)
    run.pause()
    while (status := run.status).state != "paused":
        run._done.wait(0.005)
    for count in (1, 3, 7, 12):  # an epoch has ten steps: some go over its end
        before = status.step
        run.step(count)
        while (status := run.status).step == before or status.state != "paused":
            run._done.wait(0.005)
        assert status.step == before + count
    run.stop()
    run.wait(10)


def test_orders_are_obeyed_within_one_call(calls, blobs, mlp):
    fit(mlp(), blobs, True)
    run = Trainer(mlp(), compile="auto", threads=1, metrics=["accuracy"]).start(
        blobs, 100_000, 20, record=False, slots=Slots(1)
    )
    while run.status.step < 50:
        run._done.wait(0.01)
    run.set(batch_size=25, lr=0.5)
    while run.status.batch_size != 25:
        run._done.wait(0.01)
    run.stop()
    run.wait(10)
    assert run.status.lr == 0.5


@pytest.mark.parametrize("settings", [{}, {"schedule": "one_cycle", "lr": 0.02}])
def test_an_order_hands_back_what_was_gathered_for_later_calls(calls, blobs, mlp, monkeypatch, settings):
    fit(mlp(), blobs, True)  # compiles
    calls.clear()
    eager, compiled = mlp(), mlp()
    usual = Uncompiled.__call__

    def call(self, optimizer, x, y, rates):
        result = usual(self, optimizer, x, y, rates)
        if len(calls) == 2:
            run.pause()
        return result

    monkeypatch.setattr(Uncompiled, "__call__", call)
    trainer = Trainer(compiled, compile=True, threads=1, metrics=["accuracy"], **settings)
    run = trainer.start(blobs, 3, 20, record=False, slots=Slots(1))
    while run.status.state != "paused":
        run._done.wait(0.005)
    assert run.status.step == 5  # an eager one, and two calls of two
    lr = run.status.lr
    run.resume()
    run.wait(30)
    assert run.status.step == 30
    assert len(calls) >= 12

    reference = fit(eager, blobs, False, epochs=3, log_every=5, **settings)
    assert lr == pytest.approx(reference.history.steps.to_frame()["lr"][0])
    for p, q in zip(eager.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-5)
