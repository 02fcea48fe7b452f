"""Whether compiling pays: decided by what it cost and brought on this machine before."""

import json

import pytest
from torch import nn

from lepton_lab.training import payback
from lepton_lab.training.blueprint import blueprint_of


def test_it_pays_for_long_trainings_only():
    assert not payback.Estimate(60.0).pays(left=5.0)
    assert not payback.Estimate(60.0).pays(left=60.0)
    assert payback.Estimate(60.0).pays(left=600.0)
    assert payback.Estimate(6.0).pays(left=60.0)
    assert payback.Estimate(6.0, share=0.5).pays(left=20.0)
    assert not payback.Estimate(6.0, share=1.0).pays(left=1e6)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.97])
@pytest.mark.parametrize("cost", [6.0, 75.0])
def test_where_compiling_takes_twice_as_long_no_time_is_lost(cost, share):
    for left in range(1, 2000):
        if payback.Estimate(cost, share).pays(float(left)):
            assert 2 * cost + (left - 2 * cost / 1.25) * share <= left


def test_a_compiler_that_is_late_is_given_up_before_the_training_ends():
    estimate = payback.Estimate(10.0)
    assert estimate.pays(left=200.0, spent=30.0)
    assert not estimate.pays(left=40.0, spent=30.0)


def test_what_is_expected_was_measured_on_networks_of_the_kind(tmp_path):
    def note(name, **about):
        (tmp_path / f"{name}.json").write_text(json.dumps(about))

    assert payback.estimate(tmp_path, "a") == payback.Estimate(20.0)
    note("one", sha256="", seconds=6.0, kind="a")
    assert payback.estimate(tmp_path, "a") == payback.Estimate(6.0)
    assert payback.estimate(tmp_path, "b") == payback.Estimate(20.0)
    note("two", sha256="", seconds=50.0, kind="c")
    (tmp_path / "broken.json").write_text("{")
    assert payback.estimate(tmp_path, "b") == payback.Estimate(50.0)
    payback.note_share(tmp_path / "one.so", 0.4)
    assert payback.estimate(tmp_path, "a") == payback.Estimate(6.0, 0.5)
    payback.note_share(tmp_path / "none.so", 0.4)
    assert not (tmp_path / "none.json").exists()


def test_sizes_do_not_make_a_kind():
    def kind(*layers, optimizer="adam"):
        network = blueprint_of(nn.Sequential(*layers))
        order = {
            "network": network,
            "loss": {"name": "mse"},
            "optimizer": {"name": optimizer},
            "steps": 2,
            "threads": 1,
        }
        return payback.kind_of(order)

    small = kind(nn.Linear(2, 3), nn.ReLU())
    assert small == kind(nn.Linear(20, 30), nn.ReLU())
    assert small != kind(nn.Linear(2, 3), nn.Tanh())
    assert small != kind(nn.Linear(2, 3), nn.ReLU(), optimizer="sgd")
