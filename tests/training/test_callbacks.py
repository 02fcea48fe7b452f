"""Callbacks in Keras's order; one that raises ends its run only; nothing is left behind."""

import gc
import traceback
import weakref

import pytest
import torch
from torch import nn

from lepton_lab.errors import TrainingError, UnknownNameError
from lepton_lab.training import Callback, EarlyStopping, LambdaCallback, RunState, Slots, Trainer


class Log(Callback):
    def __init__(self):
        self.calls = []

    def __getattribute__(self, name):
        if name.startswith("on_"):
            return lambda *a: object.__getattribute__(self, "calls").append((name, *a[:-1]))
        return object.__getattribute__(self, name)


def test_the_order_is_that_of_keras(train, mlp):
    log = Log()
    run = train(mlp(), epochs=2, batch_size=100, callbacks=[log])

    def batch(i):
        return [("on_train_batch_begin", i), ("on_grad_computed", i), ("on_train_batch_end", i)]

    def epoch(i):
        test = [("on_test_begin",), ("on_test_end",)]
        return [("on_epoch_begin", i), *batch(0), *batch(1), *test, ("on_epoch_end", i)]

    assert log.calls == [("on_train_begin",), *epoch(0), *epoch(1), ("on_train_end",)]
    assert log.run is run
    assert log.model is run.module


def test_gradients_are_there_before_they_are_used(train, mlp):
    seen = []

    class Look(Callback):
        def on_grad_computed(self, batch, logs=None):
            seen.append([p.grad.norm().item() for p in self.model.parameters()])
            for p in self.model.parameters():
                p.grad.zero_()

    module = mlp()
    before = [p.clone() for p in module.parameters()]
    train(module, epochs=1, optimizer="sgd", callbacks=[Look()])
    assert len(seen) == 10
    assert all(any(norm > 0 for norm in norms) for norms in seen)
    assert all(torch.equal(p, q) for p, q in zip(module.parameters(), before, strict=True))


def test_logs_are_those_of_the_epoch(train, mlp):
    rows = []
    run = train(mlp(), epochs=2, callbacks=[LambdaCallback(on_epoch_end=lambda epoch, logs: rows.append(logs))])
    assert [row["val_loss"] for row in rows] == run.history["val_loss"]
    with pytest.raises(TrainingError, match=r"on_epoch_end"):
        LambdaCallback(on_epoch_ends=print)


def test_a_callback_that_raises_ends_its_run_only(blobs, mlp):
    class Broken(Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise ZeroDivisionError("mine")

    slots = Slots(2)
    good = Trainer(mlp(), compile=False, threads=1).start(blobs, 3, 20, record=False, slots=slots)
    bad = Trainer(mlp(), compile=False, threads=1, callbacks=[Broken()]).start(blobs, 3, 20, record=False, slots=slots)
    with pytest.raises(ZeroDivisionError, match=r"mine"):
        bad.wait(30)
    assert bad.state is RunState.FAILED
    assert "on_epoch_end" in "".join(traceback.format_exception(bad.exception()))
    assert bad.status.message == "ZeroDivisionError: mine"
    assert good.wait(30).state is RunState.FINISHED
    assert slots.running() == []


def test_keras_early_stopping(train, mlp):
    run = train(
        mlp(), epochs=40, lr=0.3, callbacks=[EarlyStopping("val_accuracy", patience=1, restore_best_weights=True)]
    )
    values = run.history["val_accuracy"]
    assert len(values) < 40
    assert run.evaluate(split="valid")["accuracy"] == pytest.approx(max(values))
    with pytest.raises(UnknownNameError, match=r"val_accuracy"):
        train(mlp(), callbacks=[EarlyStopping("val_acuracy")])


@pytest.mark.parametrize("how", ["finished", "stopped", "failed"])
def test_no_hook_no_gradient_and_no_engine_are_left(blobs, mlp, how, monkeypatch):
    from lepton_lab.training import loop

    engines = []

    class Watched(loop.Engine):
        def __init__(self, *args):
            super().__init__(*args)
            engines.append(weakref.ref(self))

    monkeypatch.setattr(loop, "Engine", Watched)

    class End(Callback):
        def on_train_batch_end(self, batch, logs=None):
            if how == "stopped":
                self.run.stop()
            if how == "failed":
                raise KeyError("x")

    module = mlp()
    threads = torch.get_num_threads()
    run = Trainer(module, compile=False, callbacks=[End()]).start(blobs, 1, 20, record=False, slots=Slots(1))
    assert run._done.wait(30)
    assert run.state == how
    if how == "failed":
        run._error = None
        run.exception()
    gc.collect()
    assert engines[0]() is None
    assert all(p.grad is None for p in module.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in module.modules())
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_memory_that_runs_out_halves_the_batch(blobs):
    class Hungry(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.sizes = nn.Linear(8, 3), []

        def forward(self, x):
            if self.training:
                if len(x) > 30:
                    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
                self.sizes.append(len(x))
            return self.body(x)

    module = Hungry()
    run = Trainer(module, compile=False, threads=1).fit(blobs, 2, 100, verbose=0, record=False, slots=Slots(1))
    assert run.state is RunState.FINISHED
    halved = [e for e in run.history.events if e["kind"] == "batch size halved"]
    assert [(e["old"], e["new"]) for e in halved] == [(100, 50), (50, 25)]
    assert run.status.batch_size == 25
    assert sum(module.sizes) == 400
    assert "25" in run.status.message
    assert run.status.step == run.status.steps == 16


def test_memory_that_runs_out_with_one_sample_is_an_error(blobs):
    class Starved(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Linear(8, 3)

        def forward(self, x):
            if self.training:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")
            return self.body(x)

    with pytest.raises(TrainingError, match=r"one sample"):
        Trainer(Starved(), compile=False, threads=1).fit(blobs, 1, 4, verbose=0, record=False, slots=Slots(1))
