"""Weights with and without probes are the same, bit by bit, however a run trains; nothing is left behind."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lepton_lab.data import from_arrays
from lepton_lab.errors import NonFiniteError
from lepton_lab.probes import PROBES, Probe, every
from lepton_lab.training import Callback, LambdaCallback, Run, RunState, Slots, Trainer, engine
from lepton_lab.training.feeds import ResidentFeed
from tests.probes.networks import build, data_for, hooks_of

ALL = PROBES.names()

WAYS = {
    "plain": {},
    "bf16": {"precision": "bf16"},
    "fp16": {"precision": "fp16"},
    "gathered": {"accumulate": 3},
    "gathered fp16": {"accumulate": 2, "precision": "fp16"},
    "clipped": {"clip_norm": 0.05},
    "averaged": {"ema": 0.9},
    "everything": {"accumulate": 2, "clip_norm": 0.1, "ema": 0.9, "precision": "bf16", "schedule": "cosine"},
    "sgd": {"optimizer": "sgd", "momentum": 0.9, "lr": 0.01},
    "torch's": {"optimizer": "rmsprop"},
    "closure": {"optimizer": "lbfgs", "lr": 1e-3},
    "uneven": {"batch_size": 7},
    "deterministic": {"deterministic": True},
}


@pytest.mark.parametrize("network", ["mlp", "cnn"])
@pytest.mark.parametrize("way", WAYS)
def test_the_bits_are_the_same(way: str, network: str, fit, same) -> None:
    data, plain, probed = data_for(network), build(network), build(network)
    without = fit(plain, data, **WAYS[way])
    run = fit(probed, data, probes=ALL, **WAYS[way])
    assert same(plain, probed)
    assert run.history["loss"] == without.history["loss"]
    assert hooks_of(probed) == 0
    assert run.history.events == []
    assert len(run.probes) > 3
    last = run._plan.last, without._plan.last  # type: ignore[union-attr]
    for name, tensor in last[1].tensors.items():  # type: ignore[union-attr]
        assert torch.equal(last[0].tensors[name], tensor), name  # type: ignore[union-attr]


def test_gradients_are_unscaled_and_unclipped(fit) -> None:
    whole = fit(build("frozen"), data_for("frozen"), 1, probes=["grad_norm"], shuffle=False)
    for way in ({"precision": "fp16"}, {"clip_norm": 1e-3}, {"precision": "bf16"}):
        run = fit(build("frozen"), data_for("frozen"), 1, probes=["grad_norm"], shuffle=False, **way)
        a, b = run.probes.series("grad_norm").values[0], whole.probes.series("grad_norm").values[0]
        np.testing.assert_allclose(a, b, rtol=0.03)


def test_gathered_gradients_are_those_of_the_update(fit) -> None:
    one = fit(build("frozen"), data_for("frozen"), 1, 24, probes=["grad_norm"], shuffle=False)
    run = fit(build("frozen"), data_for("frozen"), 1, 8, accumulate=3, probes=["grad_norm"], shuffle=False)
    assert run.probes.series("grad_norm").steps.tolist() == [3, 6, 9, 12]
    a, b = run.probes.series("grad_norm").values, one.probes.series("grad_norm").values
    np.testing.assert_allclose(a, b, rtol=1e-4)


class FourSteps:
    """Stands for compiled steps: four batches in one call that nobody can look into."""

    count = 0
    steps = 4

    def __init__(self, of: engine.Engine) -> None:
        self.engine, self.ready = of, True

    def decide(self) -> bool:
        return True

    def poll(self) -> None: ...

    def settings_changed(self) -> None: ...

    def close(self) -> None: ...

    def advance(self, most: int) -> tuple[list[Tensor], list[Tensor], Tensor] | None:
        feed = self.engine.feed
        assert isinstance(feed, ResidentFeed)
        if feed.samples - feed.position < 4 * feed.batch_size or self.engine.log_every - self.engine.unread() < 4:
            return None
        FourSteps.count += 1
        losses, outputs, targets = [], [], []
        for _ in range(4):
            if self.engine.schedule.changes:
                self.engine.follow_schedule(0)
            x, y = feed.take(feed.batch_size)
            loss, output = self.engine.step(x, y)
            losses.append(loss)
            outputs.append(output)
            targets.append(y)
        return [torch.stack(losses)], outputs, torch.cat(targets)


@pytest.mark.parametrize("settings", [{}, {"optimizer": "sgd", "momentum": 0.9, "schedule": "cosine", "lr": 0.05}])
def test_compiled_steps_are_measured_beside_the_training(settings, fit, same, monkeypatch) -> None:
    monkeypatch.setattr(engine, "Turbo", FourSteps)
    monkeypatch.setattr(engine, "reason_against", lambda e: None)
    data = data_for("frozen")
    plain, probed, eager = build("shared"), build("shared"), build("shared")
    FourSteps.count = 0
    without = fit(plain, data, **settings)
    run = fit(probed, data, probes=ALL, **settings)
    assert FourSteps.count == 10  # five a run: the first step is an eager one, for the norm of its gradients
    assert same(plain, probed)
    assert without.history["loss"] == run.history["loss"]
    assert hooks_of(probed) == 0
    assert run.history.events == []
    monkeypatch.setattr(engine, "reason_against", lambda e: "no")
    reference = fit(eager, data, probes=ALL, **settings)
    assert same(eager, probed)
    for name in set(run.probes.quantities()) - {"class_accuracy", "dead", "grad_noise"}:  # these look back
        aside, beside = run.probes.series(name), reference.probes.series(name)
        both = sorted(set(aside.steps) & set(beside.steps))
        assert len(both) > 2, name
        a = aside.values[np.isin(aside.steps, both)]
        b = beside.values[np.isin(beside.steps, both)]
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4, err_msg=name)


class Compiled(nn.Module):
    """Stands for `torch.compile(module)`: code that calls none of the parts."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._orig_mod = module

    def forward(self, x: Tensor) -> Tensor:
        first, _, last = self._orig_mod
        return nn.functional.linear(
            nn.functional.relu(nn.functional.linear(x, first.weight, first.bias)), last.weight, last.bias
        )


def test_a_module_that_the_user_compiled_is_looked_at_without_its_compiled_code(fit, same) -> None:
    data = data_for("frozen")
    plain, probed, eager = build("frozen"), build("frozen"), build("frozen")
    fit(Compiled(plain), data)
    run = fit(Compiled(probed), data, probes=ALL)
    other = fit(eager, data, probes=ALL)
    assert same(plain, probed)
    assert hooks_of(probed) == 0
    for name in ("act_mean", "grad_norm"):
        a, b = run.probes.series(name), other.probes.series(name)
        assert a.labels == b.labels
        np.testing.assert_allclose(a.values[0], b.values[0], rtol=1e-5)


def test_a_part_that_the_user_compiled_is_watched_from_outside(fit, same) -> None:
    class Part(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self._orig_mod = module

        def forward(self, x: Tensor) -> Tensor:
            assert not self.training or hooks_of(self._orig_mod) == 0
            return self._orig_mod(x)

    def net() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(Part(nn.Sequential(nn.Linear(8, 8), nn.ReLU())), nn.Linear(8, 3))

    plain, probed, data = net(), net(), data_for("mlp")
    fit(plain, data)
    ordered = [PROBES[name]() for name in ("act_mean", "grad_norm", "act_hist", "dead")]
    run = fit(probed, data, probes=ordered)
    assert same(plain, probed)
    assert run.probes.series("act_mean").labels == ("0", "1")
    assert run.probes.series("grad_norm").labels == ("0._orig_mod.0", "1")


def test_nothing_is_left_after_a_failure(fit) -> None:
    class Breaks(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last, self.calls = nn.Linear(8, 8), nn.Linear(8, 3), 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            if self.calls > 12:
                raise RuntimeError("broken on purpose")
            return self.last(self.first(x))

    module = Breaks()
    with pytest.raises(RuntimeError, match="on purpose"):
        fit(module, data_for("mlp"), probes=ALL)
    assert hooks_of(module) == 0
    assert all(p.grad is None for p in module.parameters())


@pytest.mark.parametrize("settings", [{}, {"accumulate": 2}])
def test_nothing_is_left_after_nan(settings, fit) -> None:
    module, data = build("frozen"), data_for("frozen")
    x, y = data.train.tensors()
    x = x.clone()
    x[70] = float("nan")
    bad = from_arrays(x, y, valid=0, test=0, allow_nan=True)
    with pytest.raises(NonFiniteError):
        fit(module, bad, shuffle=False, probes="standard", **settings)
    assert hooks_of(module) == 0


def test_nothing_is_left_after_a_stop_and_a_resumed_run_goes_on_measuring(same) -> None:
    data, module = data_for("mlp"), build("mlp")
    stopper = LambdaCallback(on_epoch_end=lambda epoch, logs: runs[0].stop() if epoch == 1 else None)
    trainer = Trainer(module, probes="standard", probe_budget=None, compile=False, threads=1, callbacks=[stopper])
    runs: list[Run] = [trainer.start(data, 5, 8, record=False, slots=Slots(1))]
    run = runs[0].wait()
    assert run.state is RunState.STOPPED
    assert hooks_of(module) == 0
    before = len(run.probes)
    run.resume()
    run.wait()
    steps = run.probes.series("grad_norm").steps
    assert (np.diff(steps) > 0).all()
    assert len(run.probes) > before
    assert steps[-1] == run.status.step


def test_a_fork_keeps_what_was_measured_before_it(fit) -> None:
    run = fit(build("mlp"), data_for("mlp"), 2, probes=["grad_norm"])
    fork = run.fork(epochs=3, lr=1e-4).wait()
    assert len(fork.probes.series("grad_norm").steps) == 36
    assert len(run.probes.series("grad_norm").steps) == 24


def test_callbacks_still_see_the_gradients(fit) -> None:
    seen: list[tuple[int, bool]] = []

    class Looks(Callback):
        def on_grad_computed(self, batch, logs=None):
            seen.append((batch, all(p.grad is not None for p in self.model.parameters())))

    fit(build("mlp"), data_for("mlp"), 1, callbacks=[Looks()], probes="standard")
    assert seen == [(i, True) for i in range(12)]


def test_hooks_hang_on_measured_steps_only(fit) -> None:
    class Counts(Callback):
        def __init__(self) -> None:
            self.found: list[int] = []

        def on_train_batch_begin(self, batch, logs=None):
            self.found.append(hooks_of(self.model))

    counts = Counts()
    fit(build("mlp"), data_for("mlp"), callbacks=[counts], probes=[PROBES["act_mean"](every(5))])
    assert counts.found == [0] * 24


def test_a_copy_of_the_optimizer_makes_its_next_update() -> None:
    from lepton_lab.training.optimizers import make_optimizer
    from lepton_lab.training.probing import _Twin

    module = build("frozen").requires_grad_(True)
    for name in ("adam", "adamw", "sgd"):
        optimizer = make_optimizer(name, module.parameters(), lr=0.1, momentum=0.9 if name == "sgd" else None)
        for _ in range(2):
            for p in module.parameters():
                p.grad = torch.randn_like(p)
            optimizer.step()
        state = copy.deepcopy(optimizer.state)
        before = [p.detach().clone() for p in module.parameters()]
        grads = [torch.randn_like(p) for p in module.parameters()]
        twin = _Twin(optimizer, module)
        twin.step(list(grads), 0.1)
        assert all(torch.equal(p, q) for p, q in zip(module.parameters(), before, strict=True))
        assert all(torch.equal(a, b) for k in state for a, b in zip(state[k], optimizer.state[k], strict=True))
        for p, g in zip(module.parameters(), grads, strict=True):
            p.grad = g
        optimizer.step()
        assert all(torch.equal(p, q) for p, q in zip(module.parameters(), twin.params, strict=True))
        optimizer.zero_grad()


def test_a_probe_without_schedule_measures_what_it_can_afford(fit) -> None:
    run = fit(build("mlp"), data_for("mlp"), 30, probes="standard", probe_budget=0.05)
    cost = run.probes.cost()
    assert cost.budget == 0.05
    assert cost.measured == len(run.probes)
    assert 1 <= cost.measured < run.status.step / 3
    assert cost.spacing > 3
    assert cost.seconds > 0
    assert isinstance(PROBES["dead"](), Probe)
