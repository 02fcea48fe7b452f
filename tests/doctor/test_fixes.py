"""Fixes: tried, compared, and pure."""

import json
from typing import Any

import numpy as np
import pytest
import torch

import lepton_lab as ll
from lepton_lab.doctor import Fix, compare, diagnose, preflight, try_fix
from lepton_lab.doctor.data_fixes import change_data
from lepton_lab.training import Run, TrainSettings
from tests.benchmarks.faults.modules import Perceptron
from tests.doctor.conftest import mlp, trained


def test_the_first_fix_of_a_vanishing_gradient_cures_it(fading: Run) -> None:
    finding = diagnose(fading).find("vanishing-gradient")[0]
    after = try_fix(fading, finding).wait(60)
    assert after.parent == {"run": fading.id, "step": 0}
    assert after.settings["epochs"] == fading.settings["epochs"]
    both = compare(fading, after)
    assert "vanishing-gradient" in both.gone
    assert both["val_loss"].better is True
    assert both["accuracy"].better is True
    assert both["problems and warnings"].better is True
    assert "better" in str(both)
    assert "before" in both._repr_html_()
    json.dumps(both.to_json(), allow_nan=False)
    assert len(both.curves["after"]["loss"]) == len(both.curves["after"]["step"]) > 10


def test_a_change_of_settings_forks_where_the_weights_are_of_use(healthy: Run) -> None:
    finding = diagnose(healthy)
    assert finding.healthy
    fix = Fix("Lower the learning rate to 0.0003", "settings", settings={"lr": 3e-4})
    after = try_fix(healthy, _any(), fix, epochs=healthy.status.epoch + 1).wait(60)
    assert after.parent == {"run": healthy.id, "step": healthy.status.step}
    assert after.status.step > healthy.status.step
    assert after.settings["lr"] == 3e-4
    assert after.history["loss"][0] == healthy.history["loss"][0]


def test_a_fork_of_an_ended_run_trains_on(healthy: Run) -> None:
    after = try_fix(healthy, _any(), Fix("Clip", "settings", settings={"clip_norm": 1.0})).wait(60)
    assert after.status.epoch == 2 * healthy.status.epoch


def test_a_learning_rate_too_high_is_cured(digits: ll.DataBundle) -> None:
    run = trained(mlp(32), digits, 2, lr=0.5)
    finding = diagnose(run).find("lr-too-high")[0]
    assert finding.fixes[0].settings == {"lr": 0.001}
    after = try_fix(run, finding).wait(60)
    assert "lr-too-high" in compare(run, after).gone


def test_new_first_weights_are_drawn_for_a_module(digits: ll.DataBundle) -> None:
    module = Perceptron(784, 10, 24, 3, seed=1)
    with torch.no_grad():
        module.hidden[0].weight.fill_(0.01)
        module.hidden[0].bias.zero_()
    finding = preflight(module, digits).find("poor-initialisation")[0]
    run = trained(module, digits, 1)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    after = try_fix(run, finding).wait(60)
    assert after.module is not module
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
    assert after.history["loss"][-1] < run.history["loss"][-1]


def test_a_network_is_not_edited_where_there_is_no_description() -> None:
    fix = Fix("Remove 'x'", "network", edits=({"op": "remove", "path": "x"},))
    with pytest.raises(ll.SpecError, match="from_module"):
        fix.apply(None, TrainSettings(), None)


def test_a_fix_that_is_not_there_is_refused(fading: Run) -> None:
    finding = diagnose(fading)[0]
    with pytest.raises(ll.TrainingError, match="no fix number 9"):
        try_fix(fading, finding, 9)
    with pytest.raises(ll.TrainingError, match="no fix that can be applied"):
        try_fix(fading, finding.changed(fixes=()))


def test_applying_leaves_the_old_things_as_they_are(digits: ll.DataBundle) -> None:
    spec, settings = mlp(16, act="tanh"), TrainSettings()
    fix = Fix(
        "all", "network", edits=({"op": "set", "path": "linear_1", "values": {"activation": "relu"}},),
        settings={"lr": 0.1, "class_weights": [1.0] * 10}, data={"op": "balance", "how": "sampling"},
    )  # fmt: skip
    new_spec, new_settings, new_data = fix.apply(spec, settings, digits)
    assert new_spec is not None
    assert new_data is not None
    assert (spec["linear_1"].activation, new_spec["linear_1"].activation) == ("tanh", "relu")  # type: ignore[attr-defined]
    assert (settings.lr, new_settings.lr) == (None, 0.1)
    assert new_settings.class_weights == (1.0,) * 10
    assert (digits.balance, new_data.balance) == ("", "sampling")
    assert Fix.from_json(json.loads(json.dumps(fix.to_json()))).to_json() == fix.to_json()


def bundle() -> ll.DataBundle:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(80, 3)) * [1, 100, 0.01] + 5).astype(np.float32)
    return ll.from_arrays(
        x[:60], np.arange(60) % 2, validation_data=(x[50:], np.arange(30) % 2), test=0, normalise="none"
    )


def test_data_is_standardised_by_train() -> None:
    changed = change_data(bundle(), {"op": "standardise"})
    x, _ = next(changed.train.batches(60))
    assert torch.allclose(x.mean(0), torch.zeros(3), atol=1e-3)
    assert torch.allclose(x.std(0, unbiased=False), torch.ones(3), atol=1e-2)
    raw = bundle().train.tensors()
    assert raw is not None
    assert torch.allclose(changed.preprocessing(raw[0][:2].numpy()), x[:2], atol=1e-4)


def test_copies_are_removed_from_train_only() -> None:
    data = bundle()
    changed = change_data(data, {"op": "drop_duplicates"})
    assert (len(changed.train), len(changed.valid)) == (50, len(data.valid))  # type: ignore[arg-type]


def test_a_feature_is_blanked_in_all_splits() -> None:
    changed = change_data(bundle(), {"op": "blank_feature", "feature": 1})
    for split in changed.splits.values():
        stored = split.tensors()
        assert stored is not None
        assert (stored[0][:, 1] == 0).all()
        assert (stored[0][:, 0] != 0).any()
    with pytest.raises(ll.DataError):
        change_data(bundle(), {"op": "blank_feature", "feature": 7})


def test_an_unknown_change_of_data_suggests() -> None:
    with pytest.raises(ll.UnknownNameError, match="standardise"):
        change_data(bundle(), {"op": "standardize"})


def test_images_cannot_be_standardised_twice(digits: ll.DataBundle) -> None:
    with pytest.raises(ll.DataError, match="BatchNorm"):
        change_data(digits, {"op": "standardise"})


def _any() -> Any:
    from lepton_lab.doctor import Finding

    return Finding("oscillation", "warning", None, None, "t", "e", "w", "s", "https://x")
