"""Training itself: it learns, in the background, and says what it does."""

import threading

import numpy as np
import pytest
import torch
from torch import nn

from lepton_lab.data import from_arrays
from lepton_lab.errors import CheckpointError, DataError, ShapeError, TrainingError, UnknownNameError
from lepton_lab.network import Linear, NetworkSpec, ReLU
from lepton_lab.training import OPTIMIZERS, RunState, Slots, Trainer, set_place
from lepton_lab.training.schedules import SCHEDULES
from tests.forked import run_python


def test_it_learns_and_records(train, mlp):
    run = train(mlp(), epochs=15, lr=0.01, metrics=["accuracy", "f1"])
    history = run.history
    assert run.state is RunState.FINISHED
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert history["val_accuracy"][-1] > 0.8
    assert set(history.keys()) == {"loss", "accuracy", "f1", "val_loss", "val_accuracy", "val_f1", "lr"}
    status = run.status
    assert (status.epoch, status.step, status.steps, status.eta_s) == (15, 150, 150, None)
    assert status.best_epoch == 1 + history["val_loss"].index(min(history["val_loss"]))
    steps = history.steps.since(0)[1]
    assert steps["step"][-1] == 150
    assert (steps["loss"] > 0).all()
    assert run.evaluate(split="valid")["accuracy"] == pytest.approx(history["val_accuracy"][-1])


def test_start_returns_before_anything_is_built(blobs, mlp):
    event = threading.Event()

    class Slow(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            event.wait(10)
            return self.body(x)

    run = Trainer(Slow(), compile=False).start(blobs, 1, 20, record=False, slots=Slots(1))
    assert not run.state.ended  # the first forward pass waits for the event, `start` did not
    assert run.status.step == 0
    event.set()
    run.wait()
    assert run.state == "finished"


def test_the_first_step_needs_neither_the_compiler_nor_torchmetrics():
    program = (
        "import sys, torch\n"
        "from lepton_lab.training import Trainer\n"
        "data = torch.randn(40, 4), torch.arange(40) % 2\n"
        "run = Trainer(torch.nn.Linear(4, 2), compile=False).fit(data, 1, 8, verbose=0, record=False)\n"
        "assert run.state == 'finished'\n"
        "heavy = 'torch._dynamo', 'torchmetrics', 'matplotlib', 'sympy'\n"
        "print([m for m in heavy if m in sys.modules])\n"
    )
    done = run_python(program)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS.names()))
def test_every_optimizer_learns(train, mlp, optimizer):
    rates = {"sgd": 0.2, "adagrad": 0.1}
    run = train(
        mlp(), epochs=6, optimizer=optimizer, batch_size=200 if optimizer == "lbfgs" else 20, lr=rates.get(optimizer)
    )
    assert run.history["loss"][-1] < run.history["loss"][0]
    assert run.settings["optimizer"] == optimizer


@pytest.mark.parametrize("schedule", sorted(SCHEDULES.names()))
def test_every_schedule_sets_the_rate_of_each_step(train, mlp, schedule):
    options = {"patience": 0} if schedule == "plateau" else {}
    run = train(mlp(), epochs=4, lr=0.01, schedule={"name": schedule, **options}, log_every=1)
    rates = run.history.steps.since(0)[1]["lr"]
    assert len(rates) == 40
    assert rates.max() <= 0.01 + 1e-12
    assert (len(set(rates.tolist())) > 1) == (schedule not in ("constant", "plateau", "step"))


@pytest.mark.parametrize(
    "settings",
    [
        {"precision": "bf16"},
        {"precision": "fp16"},
        {"precision": "auto"},
        {"ema": 0.9},
        {"clip_norm": 0.5},
        {"class_weights": "balanced"},
        {"label_smoothing": 0.1},
        {"accumulate": 3},
        {"deterministic": True},
        {"log_every": 1},
    ],
)
def test_every_setting_trains(train, mlp, settings):
    run = train(mlp(), epochs=8, lr=0.02, **settings)
    assert run.history["val_accuracy"][-1] > 0.6
    assert np.isfinite(run.history.steps.since(0)[1]["grad_norm"]).all()


@pytest.mark.parametrize("settings", [{}, {"accumulate": 1, "ema": 0.9}, {"precision": "bf16"}])
def test_the_norm_of_all_gradients_is_measured_once_a_reading(settings):
    x, y = torch.randn(60, 8), torch.arange(60) % 3
    module = nn.Linear(8, 3)
    weight, bias = (p.detach().clone().requires_grad_() for p in module.parameters())
    trainer = Trainer(module, optimizer="sgd", lr=0.1, shuffle=False, compile=False, log_every=3, **settings)
    run = trainer.fit(from_arrays(x, y, valid=0, test=0), 2, 6, verbose=0, record=False, slots=Slots(1))
    norms = []
    for x_i, y_i in 2 * list(zip(x.split(6), y.split(6), strict=True)):
        grads = torch.autograd.grad(nn.functional.cross_entropy(x_i @ weight.T + bias, y_i), (weight, bias))
        norms.append(float(torch.cat([g.flatten() for g in grads]).norm()))
        with torch.no_grad():
            weight -= 0.1 * grads[0]
            bias -= 0.1 * grads[1]
    steps = run.history.steps.since(0)[1]
    assert steps["step"].tolist() == [3, 6, 9, 10, 13, 16, 19, 20]
    expected = [norms[i] for i in (0, 3, 6, 9, 10, 13, 16, 19)]
    assert steps["grad_norm"].tolist() == pytest.approx(expected, rel=0.03 if settings.get("precision") else 1e-5)


def test_accumulated_gradients_are_those_of_the_big_batch(train, mlp):
    a, b = mlp(), mlp()
    train(a, epochs=2, batch_size=60, shuffle=False, optimizer="sgd", lr=0.1)
    train(b, epochs=2, batch_size=15, shuffle=False, optimizer="sgd", lr=0.1, accumulate=4)
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-6)


def test_the_average_is_that_of_the_weights_and_of_the_running_statistics(train):
    module = nn.Sequential(nn.Linear(8, 3), nn.BatchNorm1d(3))
    seen = []

    class Watch:
        def on_train_batch_end(self, batch, logs=None):
            seen.append({name: t.detach().clone() for name, t in self.model.state_dict().items()})

    first = {name: t.detach().clone() for name, t in module.state_dict().items()}
    train(module, epochs=2, lr=0.05, ema=0.9, callbacks=[Watch()])
    last = module.state_dict()
    for name in ("0.weight", "1.weight", "1.running_mean", "1.running_var"):
        shadow = first[name]
        for n, now in enumerate(seen, 1):
            decay = min(0.9, (1 + n) / (10 + n))
            shadow = shadow * decay + now[name] * (1 - decay)
        torch.testing.assert_close(last[name], shadow, rtol=1e-4, atol=1e-5)
    assert last["1.num_batches_tracked"] == len(seen)


def test_a_softmax_at_the_end_changes_nothing(train, mlp):
    plain, soft = mlp(), nn.Sequential(*mlp(), nn.Softmax(1))
    a, b = train(plain, epochs=3), train(soft, epochs=3)
    assert a.history.history == b.history.history
    for p, q in zip(plain.parameters(), soft.parameters(), strict=True):
        assert torch.equal(p, q)
    x = torch.randn(5, 8)
    assert torch.allclose(b.predict(x).sum(1), torch.ones(5))
    assert torch.allclose(a.predict(x), b.predict(x), atol=1e-6)


def test_a_softmax_inside_forward_is_noticed(train, mlp):
    class Soft(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = mlp()

        def forward(self, x):
            return torch.softmax(self.body(x), 1)

    a, b = train(mlp(), epochs=3), train(Soft(), epochs=3)
    assert a.history["loss"] == pytest.approx(b.history["loss"], rel=1e-4)


def test_regression(train, line):
    run = train(nn.Linear(4, 1), data=line, epochs=60, lr=0.05, metrics=["mae", "r2"])
    assert run.history["val_r2"][-1] > 0.99
    assert run.evaluate(split="valid")["mae"] < 0.2
    assert run.predict(torch.zeros(2, 4)).shape == (2, 1)


def test_seeds_decide_everything(train, mlp):
    spec = NetworkSpec([Linear(8, activation="relu"), Linear(3)], input_shape=(8,))
    a, b, c = (train(spec, seed=seed) for seed in (1, 1, 2))
    assert a.history["loss"] == b.history["loss"] != c.history["loss"]
    assert a.module is not b.module


def test_a_test_look_is_counted(train, mlp):
    run = train(mlp())
    assert run.test_looks == 0
    run.evaluate()
    run.evaluate()
    assert run.test_looks == 2
    with pytest.raises(DataError, match=r"has no trial split"):
        run.evaluate(split="trial")


def test_early_stopping_keeps_the_best(train, mlp):
    run = train(mlp(), epochs=50, lr=0.3, patience=2)
    losses = run.history["val_loss"]
    best = losses.index(min(losses))
    assert run.state is RunState.FINISHED
    assert len(losses) == best + 4 < 50
    assert "stopped early" in run.status.message
    assert run.evaluate(split="valid")["loss"] == pytest.approx(min(losses), rel=1e-5)


def test_channels_last_trains_the_same(train):
    g = torch.Generator().manual_seed(0)
    x, y = torch.randn(60, 3, 8, 8, generator=g), torch.arange(60) % 3
    data = from_arrays(x, y, valid=0, test=0)

    def net():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))

    a, b = net(), net()
    ra, rb = train(a, data=data, channels_last=True), train(b, data=data, channels_last=False)
    assert ra.history["loss"] == pytest.approx(rb.history["loss"], rel=1e-4)
    assert a[0].weight.is_contiguous()


def test_only_one_run_trains_a_module(blobs, mlp):
    trainer = Trainer(mlp(), compile=False)
    run = trainer.start(blobs, 10_000, 20, record=False, slots=Slots(1))
    with pytest.raises(TrainingError, match=r"already"):
        trainer.start(blobs, 1, record=False)
    run.stop()
    run.wait()


def test_elsewhere_takes_plain_data_only(blobs, mlp):
    seen = []
    set_place("elsewhere", seen.append)
    try:
        with pytest.raises(TrainingError, match=r"plain descriptions"):
            Trainer(mlp()).start(blobs, where="elsewhere")
        with pytest.raises(TrainingError, match=r"cannot be loaded again"):
            Trainer(NetworkSpec([Linear(3)], input_shape=(8,))).start(blobs, where="elsewhere")
        with pytest.raises(UnknownNameError, match=r"elsewhere"):
            Trainer(mlp()).start(blobs, where="elsewher")
    finally:
        set_place("elsewhere", None)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"optimizer": "adamm"}, UnknownNameError, "Did you mean 'adam'"),
        ({"loss": "crossentropy"}, UnknownNameError, "cross_entropy"),
        ({"metrics": ["acuracy"]}, UnknownNameError, "accuracy"),
        ({"schedule": "cosin"}, UnknownNameError, "cosine"),
        ({"precison": "bf16"}, UnknownNameError, "precision"),
        ({"precision": "bf17"}, UnknownNameError, "bf16"),
        ({"lr": -1}, TrainingError, "not negative"),
        ({"lr": float("inf")}, TrainingError, "finite"),
        ({"ema": 1.0}, TrainingError, "below 1"),
        ({"batch_size": 0}, TrainingError, "at least 1"),
        ({"class_weights": "equal"}, UnknownNameError, "balanced"),
    ],
)
def test_mistakes_are_named_at_once(mlp, options, error, text):
    with pytest.raises(error, match=text):
        Trainer(mlp(), **options)
    with pytest.raises(TrainingError, match=r"nn.Module or a NetworkSpec"):
        Trainer("resnet")


def test_data_that_does_not_fit_names_the_layer(train):
    with pytest.raises(ShapeError, match=r"layer '2' \(Linear\).*last axis to be 5.*\(N, 4\)") as caught:
        train(nn.Sequential(nn.Linear(8, 4), nn.ReLU(), nn.Linear(5, 3)))
    assert caught.value.path == "2"
    with pytest.raises(ShapeError, match=r"layer '0'.*in_channels|layer '0'.*3 input channels"):
        train(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten()))
    with pytest.raises(UnknownNameError, match=r"val_loss"):
        train(nn.Linear(8, 3), monitor="val_los")
    with pytest.raises(TrainingError, match=r"does not fit a multiclass"):
        train(nn.Linear(8, 3), metrics=["mae"])


def test_weights_of_another_architecture_are_refused(train, mlp):
    run = train(mlp())
    with pytest.raises(CheckpointError, match=r"layer '3'.*another architecture"):
        train(mlp(inputs=8, outputs=3)[:1], resume_from=run.snapshot("last"))


def test_settings_travel_as_plain_data(train):
    import json

    from lepton_lab.training import TrainSettings, start_spec

    spec = NetworkSpec([Linear(8), ReLU(), Linear(3)], input_shape=(8,))
    run = train(spec, schedule={"name": "step", "every": 1}, optimizer={"name": "adam", "betas": [0.8, 0.9]})
    settings = json.loads(json.dumps(run.settings))
    assert TrainSettings.from_json(settings).to_json() == run.settings
    again = start_spec(json.loads(json.dumps(run.network)), run._plan.data, settings, record=False).wait()
    assert again.history["loss"] == run.history["loss"]
    with pytest.raises(TrainingError, match=r"newer version"):
        TrainSettings.from_json({**settings, "schema_version": 99})


def test_the_learning_rate_finder_leaves_the_module_alone(blobs, mlp):
    module = mlp()
    before = [p.clone() for p in module.parameters()]
    found = Trainer(module).lr_find(blobs, steps=40, batch_size=20, end=10.0)
    assert float(torch.tensor(1e-40) * 1.0) > 0, "the user's own thread takes small numbers for zero now"
    assert 1e-6 <= found.suggestion <= 1.0
    assert list(found.lrs) == sorted(found.lrs)
    assert list(found.to_frame().columns) == ["lr", "loss"]
    assert all(torch.equal(p, q) for p, q in zip(module.parameters(), before, strict=True))
    with pytest.raises(TrainingError, match=r"range"):
        Trainer(module).lr_find(blobs, start=1.0, end=0.1)
