"""Pause, step, set, stop, fork: each within one batch."""

import threading

import pytest
import torch
from torch import nn

from lepton_lab.errors import UnknownNameError
from lepton_lab.training import Command, RunState, Slots, Trainer


class Gate(nn.Module):
    """Lets batches through one by one, so that a test decides when a batch ends."""

    def __init__(self, body):
        super().__init__()
        self.body, self.count = body, 0
        self.permits, self.arrived = threading.Semaphore(0), threading.Semaphore(0)
        self.armed = False

    def forward(self, x):
        if self.armed and self.training:
            self.count += 1
            self.arrived.release()
            assert self.permits.acquire(timeout=20)
        return self.body(x)


class Arm:
    """Arms the gate when the clock starts, so that the warm-up passes."""

    def on_train_begin(self, logs=None):
        self.model.armed = True


@pytest.fixture
def gated(blobs, mlp):
    def start(**settings):
        gate = Gate(mlp(dropout=0.5))
        trainer = Trainer(gate, compile=False, threads=1, callbacks=[Arm()], **settings)
        run = trainer.start(blobs, settings.pop("epochs", 100), 20, record=False, slots=Slots(1))
        assert gate.arrived.acquire(timeout=20)  # the first batch is inside
        return run, gate

    return start


def until(run, state, gate=None):
    for _ in range(2000):
        if run.state is state:
            return
        run._done.wait(0.01)
    raise AssertionError(f"{run.state}, not {state}: {run.exception()!r}")


def paused_at(run, step):
    """Waits until a run has paused after its step number `step`; one status is looked at as a whole."""
    status = run.status
    for _ in range(2000):
        status = run.status
        if status.step >= step and status.state is RunState.PAUSED:
            break
        run._done.wait(0.01)
    assert (status.step, status.state) == (step, RunState.PAUSED), run.exception()


def finish(run, gate):
    run.stop()
    gate.permits.release(1000)
    run.wait(20)


def test_pause_step_resume_each_take_one_batch(gated):
    run, gate = gated()
    run.pause()
    gate.permits.release()
    until(run, RunState.PAUSED)
    assert run.status.step == gate.count == 1
    run.step()
    assert gate.arrived.acquire(timeout=20)
    gate.permits.release()
    paused_at(run, 2)
    run.step(3)
    gate.permits.release(3)
    paused_at(run, 5)
    assert gate.count == 5
    run.resume()
    gate.permits.release(4)
    for _ in range(500):
        if gate.count >= 9:
            break
        run._done.wait(0.01)
    assert gate.count >= 9
    finish(run, gate)


def test_steps_over_the_end_of_an_epoch_are_all_taken(gated):
    run, gate = gated()
    run.pause()
    gate.permits.release(1000)
    until(run, RunState.PAUSED)
    for count, after in ((8, 9), (3, 12)):  # an epoch has ten batches
        run.step(count)
        paused_at(run, after)
    finish(run, gate)


def test_the_state_is_running_while_single_steps_are_taken(gated):
    run, gate = gated()
    run.pause()
    gate.permits.release()
    until(run, RunState.PAUSED)
    run.step(3)
    for _ in range(3):
        assert gate.arrived.acquire(timeout=20)
        assert run.state is RunState.RUNNING
        gate.permits.release()
    paused_at(run, 4)
    finish(run, gate)


def test_stop_ends_after_the_present_batch(gated):
    run, gate = gated()
    run.stop()
    gate.permits.release()
    run.wait(20)
    assert run.state is RunState.STOPPED
    assert gate.count == 1


def test_set_takes_effect_with_the_next_batch(gated):
    run, gate = gated(lr=0.01)
    run.set(lr=0.5, dropout=0.25, weight_decay=0.125, batch_size=7)
    gate.permits.release()
    assert gate.arrived.acquire(timeout=20)
    assert run.status.lr == 0.5
    assert run.status.batch_size == 7
    assert gate.body[2].p == 0.25
    events = [e for e in run.history.events if e["kind"] == "set"]
    assert events[0]["step"] == 1
    run.pause()
    gate.permits.release()
    until(run, RunState.PAUSED)
    row = run.history.steps.last()
    assert row["lr"] == 0.5
    assert row["epoch"] == pytest.approx((20 + 7) / 200)
    finish(run, gate)


def test_set_refuses_what_it_does_not_know(gated):
    run, gate = gated()
    with pytest.raises(UnknownNameError, match=r"'lr'"):
        run.set(lrr=1)
    assert not run.state.ended
    finish(run, gate)


def test_an_order_that_comes_twice_counts_once(gated):
    run, gate = gated()
    assert run.send(Command("pause", id="a"))
    assert not run.send(Command("pause", id="a"))
    gate.permits.release()
    until(run, RunState.PAUSED)
    run.resume()
    assert not run.send(Command("pause", id="a"))
    gate.permits.release(3)
    finish(run, gate)
    assert not run.send(Command("resume"))


def test_stop_keeps_the_best_weights(blobs, mlp):
    module = mlp()

    class Spoil:
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 2:
                self.run.set(lr=3.0)
            if epoch == 5:
                self.run.stop()

    run = Trainer(module, lr=0.01, compile=False, threads=1, callbacks=[Spoil()]).start(
        blobs, 50, 20, record=False, slots=Slots(1)
    )
    run.wait(30)
    losses = run.history["val_loss"]
    assert min(losses) < losses[-1]
    assert run.evaluate(split="valid")["loss"] == pytest.approx(min(losses), rel=1e-5)


def test_several_runs_wait_in_line(blobs, mlp):
    slots = Slots(1)
    runs = [
        Trainer(mlp(), compile=False, threads=1).start(blobs, 100_000, 20, record=False, slots=slots) for _ in range(3)
    ]
    until(runs[0], RunState.RUNNING)
    assert [r.state for r in runs[1:]] == [RunState.QUEUED] * 2
    assert slots.queue() == [runs[1].id, runs[2].id]
    runs[1].stop()
    runs[1].wait(10)
    assert runs[1].state is RunState.STOPPED
    runs[2].set(lr=0.125)
    runs[0].stop()
    runs[0].wait(10)
    until(runs[2], RunState.RUNNING)
    for _ in range(500):
        if runs[2].status.lr == 0.125:
            break
        runs[2]._done.wait(0.01)
    assert runs[2].status.lr == 0.125
    runs[2].stop()
    runs[2].wait(10)
    assert slots.running() == []


def test_two_slots_train_at_once(blobs, mlp):
    slots = Slots(2)
    runs = [
        Trainer(mlp(), compile=False, threads=1).start(blobs, 100_000, 20, record=False, slots=slots) for _ in range(2)
    ]
    for run in runs:
        until(run, RunState.RUNNING)
        run.stop()
    for run in runs:
        run.wait(10)


def test_a_fork_goes_on_from_there_with_other_settings(train, mlp):
    run = train(mlp(), epochs=3, lr=0.01)
    before = {k: v.clone() for k, v in run.module.state_dict().items()}
    fork = run.fork(lr=0.001, epochs=5).wait()
    assert fork.parent == {"run": run.id, "step": 30}
    assert len(fork.history.epochs) == 5
    assert fork.history["loss"][:3] == run.history["loss"]
    assert fork.history["lr"][3:] == [0.001, 0.001]
    assert all(torch.equal(v, before[k]) for k, v in run.module.state_dict().items())


def size(module, dims):
    return sum(p.square().sum().item() for p in module.parameters() if (p.dim() > 1) == (dims > 1))


@pytest.mark.parametrize("optimizer", ["adamw", "sgd", "rmsprop"])
def test_a_fork_has_the_weight_decay_that_it_was_given(train, mlp, optimizer):
    run = train(mlp(), epochs=2, optimizer=optimizer, lr=0.01, weight_decay=0.0)
    same, less, spared = (
        run.fork(epochs=6, **changes).wait().module
        for changes in ({"weight_decay": 0.0}, {"weight_decay": 2.0}, {"weight_decay": 2.0, "decay_biases": False})
    )
    assert size(less, 2) < 0.8 * size(same, 2)
    assert size(spared, 2) < 0.8 * size(same, 2)
    assert size(less, 1) < 0.8 * size(spared, 1)


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "nadam"])
def test_forks_leave_each_other_alone(train, mlp, optimizer):
    run = train(mlp(), epochs=2, optimizer=optimizer, lr=0.01)
    first, second = (run.fork(epochs=4).wait() for _ in range(2))
    assert first.history["loss"] == second.history["loss"]


def test_a_fork_has_the_options_of_the_optimizer_that_it_was_given(train, mlp):
    run = train(mlp(), epochs=2, optimizer="rmsprop", lr=0.01)
    slow, usual = (run.fork(epochs=3, **changes).wait().module for changes in ({"optimizer_args": {"alpha": 0.1}}, {}))
    assert not torch.equal(slow[0].weight, usual[0].weight)


def test_a_fork_keeps_what_was_set_meanwhile_and_it_does_not_change(blobs, mlp):
    run = Trainer(mlp(), compile=False, threads=1, lr=0.01).start(blobs, 100_000, 20, record=False, slots=Slots(1))
    until(run, RunState.RUNNING)
    run.set(batch_size=25, lr=0.02, weight_decay=0.5)
    while run.status.batch_size != 25:
        run._done.wait(0.01)
    run.stop()
    run.wait(10)
    fork = run.fork(at="last", weight_decay=0.1, epochs=run.status.epoch + 2).wait()
    assert (fork.status.batch_size, fork.status.lr) == (25, 0.02)
    other = run.fork(at="last", lr=0.03, batch_size=50, epochs=run.status.epoch + 2).wait()
    assert (other.status.batch_size, other.status.lr) == (50, 0.03)


def test_a_fork_of_the_best_weights_begins_a_history_of_its_own(train, mlp):
    run = train(mlp(), epochs=3, lr=0.01, monitor="loss")
    fork = run.fork("best", lr=0.001, epochs=2).wait()
    assert fork.parent == {"run": run.id, "step": 10 * run.status.best_epoch}
    assert fork.history.epochs.since(0)[1]["epoch"].tolist() == [1, 2]
    steps = fork.history.steps.since(0)[1]["step"].tolist()
    assert steps == sorted(set(steps))
    assert fork.history["loss"][0] < run.history["loss"][0]


def test_a_fork_without_changes_is_the_same_training(train, mlp):
    whole = train(mlp(dropout=0.2), epochs=5)
    part = train(mlp(dropout=0.2), epochs=3)
    fork = part.fork(epochs=5).wait()
    assert fork.history["loss"] == whole.history["loss"]


def test_a_run_is_forked_while_it_trains(blobs, mlp):
    slots = Slots(2)
    run = Trainer(mlp(), compile=False, threads=1).start(blobs, 100_000, 20, record=False, slots=slots)
    until(run, RunState.RUNNING)
    fork = run.fork(at="last", epochs=0)
    fork.wait(10)
    assert fork.parent["run"] == run.id
    assert not run.state.ended
    run.stop()
    run.wait(10)
