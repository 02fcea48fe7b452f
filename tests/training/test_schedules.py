"""Schedules as functions of the step agree with torch's schedulers."""

import math

import pytest
import torch
from hypothesis import given, settings, strategies as st

from lepton_lab.errors import TrainingError, UnknownNameError
from lepton_lab.training.schedules import SCHEDULES, Plateau, Span, make_schedule

EPOCHS, PER = 6, 5
STEPS = EPOCHS * PER


def torch_curve(make, per_epoch):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler, rates = make(optimizer), []
    for step in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if not per_epoch or (step + 1) % PER == 0:
            scheduler.step()
    return rates


def our_curve(name, **options):
    schedule = make_schedule(name, options)
    return [schedule(Span(step, STEPS, PER)) for step in range(STEPS)]


LRS = torch.optim.lr_scheduler


@pytest.mark.parametrize(
    ("name", "options", "make", "per_epoch"),
    [
        ("step", {"every": 2, "gamma": 0.5}, lambda o: LRS.StepLR(o, 2, 0.5), True),
        ("exponential", {"gamma": 0.9}, lambda o: LRS.ExponentialLR(o, 0.9), True),
        ("cosine", {}, lambda o: LRS.CosineAnnealingLR(o, STEPS - 1), False),
        ("cosine", {"end": 0.1}, lambda o: LRS.CosineAnnealingLR(o, STEPS - 1, 0.1), False),
        ("linear", {}, lambda o: LRS.LinearLR(o, 1.0, 1e-9, STEPS - 1), False),
    ],
)
def test_the_curve_is_that_of_torch(name, options, make, per_epoch):
    assert our_curve(name, **options) == pytest.approx(torch_curve(make, per_epoch), abs=1e-6)


def test_one_cycle_is_that_of_torch():
    reference = torch_curve(
        lambda o: LRS.OneCycleLR(
            o, 1.0, STEPS, pct_start=0.3, div_factor=25, final_div_factor=1e4, cycle_momentum=False
        ),
        False,
    )
    ours = our_curve("one_cycle")
    assert ours[0] == pytest.approx(reference[0])
    assert ours[-1] == pytest.approx(reference[-1], abs=1e-6)
    assert max(abs(a - b) for a, b in zip(ours, reference, strict=True)) < 0.1  # torch's peak lies one step earlier
    assert max(ours) == pytest.approx(1.0, abs=0.02)


def test_plateau_is_that_of_torch():
    values = [1.0, 0.9, 0.9, 0.9, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5, 0.4]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = LRS.ReduceLROnPlateau(optimizer, factor=0.5, patience=2)
    ours = Plateau(factor=0.5, patience=2)
    for value in values:
        reference.step(value)
        ours.observe(value)
        assert ours.product == optimizer.param_groups[0]["lr"]
    again = Plateau(factor=0.5, patience=2)
    again.load(ours.state())
    assert again.state() == ours.state()


@settings(max_examples=80, deadline=None)
@given(name=st.sampled_from(sorted(SCHEDULES.names())), step=st.integers(0, 10_000), steps=st.integers(1, 5_000))
def test_every_factor_is_finite_and_not_negative(name, step, steps):
    factor = make_schedule(name)(Span(step, steps, max(1, steps // 7)))
    assert math.isfinite(factor)
    assert factor >= 0


def test_warm_up_rises_to_one():
    rates = our_curve("warmup", share=0.5)
    assert rates[:15] == sorted(rates[:15])
    assert rates[15:] == [1.0] * 15


def test_mistakes_are_named():
    with pytest.raises(UnknownNameError, match=r"'cosine'"):
        make_schedule("cosin")
    with pytest.raises(TrainingError, match=r"gama"):
        make_schedule("step", {"gama": 1})
