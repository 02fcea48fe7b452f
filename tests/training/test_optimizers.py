"""Every optimizer: the same weights as torch's own, and a state that goes on where it was."""

import copy

import pytest
import torch
from torch import nn

from lepton_lab.errors import TrainingError, UnknownNameError
from lepton_lab.training.optimizers import OPTIMIZERS, make_optimizer
from lepton_lab.training.updates import FusedOptimizer

NAMES = sorted(OPTIMIZERS.names())
TORCH = {
    "adagrad": torch.optim.Adagrad, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "lbfgs": torch.optim.LBFGS,
    "nadam": torch.optim.NAdam, "radam": torch.optim.RAdam, "rmsprop": torch.optim.RMSprop, "sgd": torch.optim.SGD,
}  # fmt: skip


def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def steps(module, step, count, zero):
    g = torch.Generator().manual_seed(3)
    for _ in range(count):
        x = torch.randn(16, 4, generator=g)

        def closure(x=x):
            zero()
            loss = (module(x) - x.sum(1, keepdim=True)).square().mean()
            loss.backward()
            return loss

        step(closure)


def ours(module, optimizer, count):
    def step(closure):
        if optimizer.closure:
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()

    steps(module, step, count, optimizer.zero_grad)


def same(a, b, **tolerance):
    for p, q in zip(a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(p, q, **tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_are_those_of_torch(name):
    a, b = net(), net()
    ours(a, make_optimizer(name, a.parameters()), 12)
    reference = TORCH[name](b.parameters(), lr=OPTIMIZERS[name].lr)
    steps(b, reference.step, 12, reference.zero_grad)
    same(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adam", {"weight_decay": 0.1}),
        ("adamw", {"weight_decay": 0.1, "betas": [0.8, 0.95]}),
        ("adam", {"amsgrad": True}),
        ("sgd", {"momentum": 0.9}),
        ("sgd", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    ],
)
def test_options_mean_what_they_mean_in_torch(name, options):
    a, b = net(), net()
    optimizer = make_optimizer(name, a.parameters(), lr=0.01, options=options)
    assert isinstance(optimizer, FusedOptimizer)
    ours(a, optimizer, 12)
    reference = TORCH[name](b.parameters(), lr=0.01, **{k: tuple(v) if k == "betas" else v for k, v in options.items()})
    steps(b, reference.step, 12, reference.zero_grad)
    same(a, b, rtol=1e-5, atol=1e-6)


def spared_groups(module, decay):
    weights = [p for p in module.parameters() if p.dim() > 1]
    biases = [p for p in module.parameters() if p.dim() <= 1]
    return [{"params": weights, "weight_decay": decay}, {"params": biases, "weight_decay": 0.0}]


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("name", [n for n in NAMES if n != "lbfgs"])
def test_biases_can_be_spared_from_decay(name, plain):
    a, b, c = net(), net(), net()
    optimizer = make_optimizer(name, a.parameters(), lr=0.01, weight_decay=0.5, decay_biases=False, plain=plain)
    ours(a, optimizer, 8)
    reference = TORCH[name](spared_groups(b, 0.5), lr=0.01)
    steps(b, reference.step, 8, reference.zero_grad)
    same(a, b, rtol=1e-5, atol=1e-6)
    ours(c, make_optimizer(name, c.parameters(), lr=0.01, weight_decay=0.5, plain=plain), 8)
    assert not torch.equal(a[0].bias, c[0].bias)

    optimizer.set_weight_decay(0.2)  # still spares them
    ours(a, optimizer, 8)
    reference.param_groups[0]["weight_decay"] = 0.2
    steps(b, reference.step, 8, reference.zero_grad)
    same(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop"])
def test_a_loaded_state_spares_biases_still(name):
    a = net()
    keywords = {"lr": 0.01, "weight_decay": 0.5, "decay_biases": False}
    first = make_optimizer(name, a.parameters(), **keywords)
    ours(a, first, 5)
    b = copy.deepcopy(a)
    tensors, about = first.state_dict()
    second = make_optimizer(name, b.parameters(), **keywords)
    second.load_state_dict({k: v.clone() for k, v in tensors.items()}, about)
    second.set_weight_decay(0.3)
    first.set_weight_decay(0.3)
    ours(a, first, 5)
    ours(b, second, 5)
    same(a, b, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_a_spared_bias_may_be_without_gradient(name):
    a, b = net(), net()
    optimizer = make_optimizer(name, a.parameters(), lr=0.01, weight_decay=0.5, decay_biases=False)
    reference = TORCH[name](spared_groups(b, 0.5), lr=0.01)
    for module, take in ((a, optimizer.step), (b, reference.step)):
        for p in (module[0].weight, module[0].bias):
            p.grad = torch.ones_like(p)
        take()
    same(a, b, rtol=1e-5, atol=1e-6)


def test_a_users_class_gets_the_spared_biases_in_a_group():
    a = net()
    keywords = {"lr": 0.1, "weight_decay": 0.5, "decay_biases": False}
    optimizer = make_optimizer(torch.optim.Adadelta, a.parameters(), **keywords)
    assert [g["weight_decay"] for g in optimizer.optimizer.param_groups] == [0.5, 0.0]
    with pytest.raises(TrainingError, match=r"built already"):
        make_optimizer(torch.optim.SGD(a.parameters(), lr=0.1), a.parameters(), decay_biases=False)


@pytest.mark.parametrize("name", NAMES)
def test_a_loaded_state_goes_on_with_the_same_bits(name):
    a = net()
    first = make_optimizer(name, a.parameters())
    ours(a, first, 5)
    b = copy.deepcopy(a)
    tensors, about = first.state_dict()
    second = make_optimizer(name, b.parameters())
    second.load_state_dict({k: v.clone() for k, v in tensors.items()}, about)
    ours(a, first, 5)
    ours(b, second, 5)
    same(a, b, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_a_parameter_without_gradient_is_left_alone(name):
    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.spare = nn.Linear(4, 1), nn.Linear(4, 1)

        def forward(self, x):
            return self.used(x)

    torch.manual_seed(0)
    a = Unused()
    b = copy.deepcopy(a)
    spare = a.spare.weight.detach().clone()
    ours(a, make_optimizer(name, a.parameters(), lr=0.01), 6)
    reference = TORCH[name](b.parameters(), lr=0.01)
    steps(b, reference.step, 6, reference.zero_grad)
    same(a, b, rtol=1e-5, atol=1e-6)
    assert torch.equal(a.spare.weight, spare)


def test_users_optimizers_are_taken_as_they_are():
    a = net()
    groups = [{"params": a[0].parameters(), "lr": 0.1}, {"params": a[2].parameters(), "lr": 0.01}]
    optimizer = make_optimizer(torch.optim.SGD(groups), a.parameters())
    optimizer.set_lr(0.2)
    assert [g["lr"] for g in optimizer.optimizer.param_groups] == pytest.approx([0.2, 0.02])
    assert make_optimizer(torch.optim.Adadelta, a.parameters(), lr=0.5).lr == 0.5


def test_mistakes_are_named():
    a = net()
    with pytest.raises(UnknownNameError, match=r"Did you mean 'adam'"):
        make_optimizer("adan", a.parameters())
    with pytest.raises(TrainingError, match=r"no option 'momentum'"):
        make_optimizer("adagrad", a.parameters(), momentum=0.9)
    with pytest.raises(TrainingError, match=r"no parameters to train"):
        make_optimizer("adam", nn.ReLU().parameters())
    with pytest.raises(TrainingError, match=r"nesterov"):
        make_optimizer("sgd", a.parameters(), options={"nesterov": True})
    with pytest.raises(TrainingError, match=r"no optimizer"):
        make_optimizer(7, a.parameters())
