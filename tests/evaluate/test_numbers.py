"""Every number against scikit-learn, scipy or torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import binomtest
from sklearn import metrics
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from lepton_lab.errors import DataError, UnknownNameError
from lepton_lab.evaluate import evaluate
from lepton_lab.evaluate.calibration import BINS
from lepton_lab.evaluate.curves import THRESHOLDS
from lepton_lab.evaluate.intervals import bootstrap, wilson


def test_classes_against_scikit_learn(classes):
    module, data = classes
    found = evaluate(module, data, "valid")
    p = found.values
    y, said = found.targets, found.predicted
    assert np.allclose(p.sum(1), 1, atol=1e-5)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(y, said)
    frame = found.per_class
    for name, expected in (("precision", precision), ("recall", recall), ("f1", f1), ("support", support)):
        assert np.allclose(frame[name], expected)
    assert (found.confusion == metrics.confusion_matrix(y, said)).all()
    assert found.score("accuracy").value == pytest.approx(metrics.accuracy_score(y, said))
    assert found.score("f1").value == pytest.approx(metrics.f1_score(y, said, average="macro"))
    assert found.score("loss").value == pytest.approx(metrics.log_loss(y, p), rel=1e-5)
    assert found.score("calibration error").value == pytest.approx(
        float(multiclass_calibration_error(torch.tensor(p), torch.tensor(y), 4, n_bins=BINS)), abs=1e-5
    )
    one = [metrics.accuracy_score(y == c, said == c) for c in range(4)]
    assert np.allclose(frame["accuracy"], one)


def test_what_the_network_says_is_what_is_evaluated(classes):
    module, data = classes
    found = evaluate(module, data, "valid")
    x, y = next(data.splits["valid"].batches(10_000))
    with torch.inference_mode():
        expected = module(x).softmax(1)
    assert np.allclose(found.values, expected.numpy(), atol=1e-6)
    assert (found.targets == y.numpy()).all()


@pytest.mark.parametrize("which", range(4))
def test_curves_against_scikit_learn(classes, which):
    found = evaluate(*classes)
    curve, truth, score = found.curve(which), found.targets == which, found.values[:, which]
    assert curve.roc_auc == pytest.approx(metrics.roc_auc_score(truth, score))
    assert curve.average_precision == pytest.approx(metrics.average_precision_score(truth, score))
    at = THRESHOLDS.index(0.3)
    assert curve.found[at] == ((score >= np.float32(0.3)) & truth).sum()
    assert curve.false[at] == ((score >= np.float32(0.3)) & ~truth).sum()
    assert curve.positives == truth.sum()
    assert metrics.auc(curve.roc_x, curve.roc_y) == pytest.approx(curve.roc_auc, abs=0.01)
    assert (np.diff(curve.roc_x) >= 0).all()
    assert (np.diff(curve.pr_x) >= 0).all()


def test_two_classes_from_one_output(binary):
    found = evaluate(*binary)
    assert found.values.shape[1] == 2
    assert np.allclose(found.values.sum(1), 1)
    assert (found.predicted == (found.values[:, 1] > 0.5)).all()
    assert found.score("accuracy").value == pytest.approx(metrics.accuracy_score(found.targets, found.predicted))
    expected = binary_calibration_error(torch.tensor(found.values[:, 1]), torch.tensor(found.targets), n_bins=BINS)
    assert found.calibration.error == pytest.approx(float(expected), abs=1e-5)
    assert found.score("loss").value == pytest.approx(metrics.log_loss(found.targets, found.values[:, 1]), rel=1e-4)


def test_several_labels(labels):
    found = evaluate(*labels)
    truth = found.targets.astype(int)
    assert (found.confusion == metrics.multilabel_confusion_matrix(truth, found.predicted)).all()
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(truth, found.predicted)
    assert np.allclose(found.per_class["precision"], precision)
    assert np.allclose(found.per_class["recall"], recall)
    assert np.allclose(found.per_class["f1"], f1)
    assert found.score("accuracy").value == pytest.approx(1 - metrics.hamming_loss(truth, found.predicted))
    assert found.curve(2).roc_auc == pytest.approx(metrics.roc_auc_score(truth[:, 2], found.values[:, 2]))
    rows = found.cell(1, 0, which=1)
    assert (truth[rows, 1] == 1).all()
    assert (found.predicted[rows, 1] == 0).all()
    assert len(rows) == found.confusion[1, 1, 0]


def test_a_regression(line):
    found = evaluate(*line)
    assert found.score("mae").value == pytest.approx(metrics.mean_absolute_error(found.targets, found.values))
    assert found.score("r2").value == pytest.approx(metrics.r2_score(found.targets, found.values))
    assert found.score("rmse").value == pytest.approx(metrics.mean_squared_error(found.targets, found.values) ** 0.5)
    assert found.score("loss").value == pytest.approx(metrics.mean_squared_error(found.targets, found.values), rel=1e-4)
    for score in found.summary[:4]:
        assert score.low < score.value < score.high
    r = found.residuals(0)
    assert np.allclose(r.error, found.values[:, 0].astype(float) - found.targets[:, 0])
    assert r.count.sum() == len(found)
    assert r.line[0] == pytest.approx(r.error.std(ddof=1), rel=0.1)  # normal errors lie on a line of their deviation
    worst = found.mistakes(3)
    off = np.abs(found.values - found.targets).mean(1)
    assert (off[worst] == np.sort(off)[::-1][:3]).all()
    with pytest.raises(DataError, match="no classes"):
        _ = found.confusion


def test_wilson_against_scipy():
    hits, of = np.array([0, 3, 50, 97, 100]), np.array([10, 10, 100, 100, 100])
    low, high = wilson(hits, of)
    for k, n, a, b in zip(hits, of, low, high, strict=True):
        expected = binomtest(int(k), int(n)).proportion_ci(method="wilson")
        assert (a, b) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert np.isnan(wilson(0, 0)[0])


def test_the_bootstrap_finds_the_known_error_of_a_mean():
    x = np.random.default_rng(0).normal(3.0, 2.0, 2000)
    low, high = bootstrap(len(x), lambda rows: x[rows].mean())
    assert (high - low) / 2 == pytest.approx(1.96 * x.std() / np.sqrt(len(x)), rel=0.1)


def test_intervals_hold_the_value_and_shrink_with_more_samples(classes):
    found = evaluate(*classes)
    for score in found.summary:
        assert score.low <= score.value <= score.high, score.name
    frame = found.per_class
    for name in ("precision", "recall", "f1"):
        assert (frame[f"{name}_low"] <= frame[name]).all()
        assert (frame[name] <= frame[f"{name}_high"]).all()


def test_a_class_that_never_occurs_breaks_nothing(classes):
    module, data = classes
    found = evaluate(module, data)
    found.targets[found.targets == 3] = 0
    curve = found.curve(3)
    assert curve.positives == 0
    assert np.isnan(curve.roc_auc)
    assert np.isnan(found.per_class.loc[found.classes[3], "recall"])
    assert 0 < found.score("recall").value < 1


def test_mistakes_are_the_surest_first(classes):
    found = evaluate(*classes)
    rows = found.mistakes(10)
    assert found.wrong[rows].all()
    assert (np.diff(found.sureness[rows]) <= 0).all()
    assert found.sureness[rows[0]] == found.sureness[found.wrong].max()


def test_the_cells_of_the_matrix_hold_all_samples(classes):
    found = evaluate(*classes)
    for i in range(4):
        for j in range(4):
            rows = found.cell(i, j, order="least sure")
            assert len(rows) == found.confusion[i, j]
            assert (np.diff(found.sureness[rows]) >= 0).all()


def test_names_that_do_not_exist_are_said(classes):
    with pytest.raises(UnknownNameError):
        evaluate(*classes).curve("seven")
    with pytest.raises(UnknownNameError):
        evaluate(*classes).score("acuracy")
