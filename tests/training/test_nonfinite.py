"""NaN and Inf: the step, the layer, the direction, and the weights of the step before."""

import pytest
import torch
from torch import nn

from lepton_lab.data import from_arrays
from lepton_lab.errors import NonFiniteError
from lepton_lab.training import RunState, Slots, Trainer
from lepton_lab.training.diagnose import find_non_finite


class Fault(nn.Module):
    """Passes on what it gets until its turn; then makes NaN forward, or backward only."""

    def __init__(self, at, direction):
        super().__init__()
        self.at, self.direction = at, direction
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        if not self.training:
            return x
        self.seen += 1
        if int(self.seen) != self.at:
            return x * 1.0
        if self.direction == "forward":
            return x / 0.0 * 0.0
        zero = (x - x).sum(1, keepdim=True)
        return x + zero.sqrt() * 0.0  # the slope of a root at 0 is infinite


class Record:
    def __init__(self):
        self.weights = []

    def on_train_batch_end(self, batch, logs=None):
        self.weights.append([p.detach().clone() for p in self.model.parameters()])


def net(at, direction):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.Tanh(), Fault(at, direction), nn.Linear(16, 3))


@pytest.mark.parametrize("direction", ["forward", "backward"])
@pytest.mark.parametrize("at", [1, 2, 6, 10, 17])
@pytest.mark.parametrize("settings", [{}, {"optimizer": "rmsprop"}, {"clip_norm": 100.0}, {"schedule": "cosine"}])
def test_step_layer_and_direction_are_named_and_the_weights_kept(blobs, settings, at, direction):
    healthy, record = net(10**6, direction), Record()
    start = [p.detach().clone() for p in healthy.parameters()]
    options = {"compile": False, "threads": 1, **settings}
    Trainer(healthy, callbacks=[record], **options).fit(blobs, 2, 20, verbose=0, record=False, slots=Slots(1))
    module = net(at, direction)
    run = Trainer(module, **options).start(blobs, 2, 20, record=False, slots=Slots(1))
    with pytest.raises(NonFiniteError) as caught:
        run.wait(30)
    assert run.state is RunState.FAILED
    assert caught.value.layer == "2"
    assert caught.value.direction == direction
    assert caught.value.step == at
    assert f"at step {at} of epoch {1 + (at - 1) // 10}" in str(caught.value)
    assert "(Fault)" in run.status.message
    expected = record.weights[at - 2] if at > 1 else start
    for p, q in zip(module.parameters(), expected, strict=True):
        assert torch.equal(p, q)
        assert p.grad is None
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in module.modules())


def test_nan_in_the_data_is_said_to_be_in_the_data(mlp):
    x, y = torch.randn(60, 8), torch.arange(60) % 3
    x[50, 3] = float("nan")
    data = from_arrays(x, y, valid=0, test=0, allow_nan=True)
    with pytest.raises(NonFiniteError, match=r"the input.*missing values"):
        Trainer(mlp(), compile=False, threads=1).fit(data, 1, 10, verbose=0, record=False, slots=Slots(1))


def test_an_explosion_names_a_layer(blobs, mlp):
    module = mlp()
    with pytest.raises(NonFiniteError, match=r"layer"):
        Trainer(module, optimizer="sgd", lr=1e30, compile=False, threads=1).fit(
            blobs, 5, 20, verbose=0, record=False, slots=Slots(1)
        )
    assert all(p.isfinite().all() for p in module.parameters())


def test_a_healthy_step_has_no_finding_and_leaves_no_hook(mlp):
    module = mlp()
    loss = nn.functional.cross_entropy
    assert find_non_finite(module, loss, torch.randn(4, 8), torch.tensor([0, 1, 2, 0])) is None
    assert not any(m._forward_hooks for m in module.modules())
