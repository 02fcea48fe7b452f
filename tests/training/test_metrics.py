"""Metrics: the cheap ones agree with torchmetrics, windows add up to the epoch."""

import pytest
import torch
import torchmetrics

from lepton_lab.errors import TrainingError, UnknownNameError
from lepton_lab.training.metrics import METRICS, MetricSet, Outputs, metric_name

CPU = torch.device("cpu")
G = torch.Generator().manual_seed(0)
OUT, Y = torch.randn(60, 7, generator=G), torch.randint(0, 7, (60,), generator=G)
MULTI = Outputs("multiclass", 7, False, CPU)
BINARY = Outputs("binary", 1, False, CPU)
LABELS = Outputs("multilabel", 4, False, CPU)
VALUES = Outputs("regression", 2, False, CPU)


def run(names, about, out, y, pieces=4):
    metrics = MetricSet(names, about)
    for o, t in zip(out.chunk(pieces), y.chunk(pieces), strict=True):
        metrics.absorb([float(v) for v in metrics.update(o, t)], metrics.elements(o, t))
    return metrics.compute()


C = torchmetrics.functional.classification


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("accuracy", C.multiclass_accuracy(OUT, Y, 7, average="micro")),
        ("top_3_accuracy", C.multiclass_accuracy(OUT, Y, 7, average="micro", top_k=3)),
        ("top_k", C.multiclass_accuracy(OUT, Y, 7, average="micro", top_k=5)),
        ("precision", C.multiclass_precision(OUT, Y, 7)),
        ("recall", C.multiclass_recall(OUT, Y, 7)),
        ("f1", C.multiclass_f1_score(OUT, Y, 7)),
        ("auroc", C.multiclass_auroc(OUT.softmax(1), Y, 7, thresholds=200)),
    ],
)
def test_classes(name, expected):
    assert run([name], MULTI, OUT, Y)[METRICS[name].name] == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize("name", ["accuracy", "precision", "recall", "f1", "auroc"])
def test_two_classes_by_one_output(name):
    out, y = OUT[:, :1], (Y > 3).long()
    functions = {"accuracy": C.binary_accuracy, "precision": C.binary_precision, "recall": C.binary_recall,
                 "f1": C.binary_f1_score, "auroc": lambda p, t: C.binary_auroc(p, t, thresholds=200)}  # fmt: skip
    expected = float(functions[name](out[:, 0].sigmoid(), y))
    assert run([name], BINARY, out, y)[name] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", ["accuracy", "f1"])
def test_many_labels(name):
    out, y = OUT[:, :4], (OUT[:, 3:] > 0).float()
    functions = {"accuracy": lambda p, t: C.multilabel_accuracy(p, t, 4, average="micro"),
                 "f1": lambda p, t: C.multilabel_f1_score(p, t, 4)}  # fmt: skip
    assert run([name], LABELS, out, y)[name] == pytest.approx(float(functions[name](out.sigmoid(), y.long())), abs=1e-6)


def test_quantities():
    out, y = OUT[:, :2].clone(), OUT[:, 2:4].clone()
    found = run(["mae", "mse", "rmse", "r2"], VALUES, out, y)
    R = torchmetrics.functional.regression
    assert found["mae"] == pytest.approx(float(R.mean_absolute_error(out, y)), rel=1e-5)
    assert found["mse"] == pytest.approx(float(R.mean_squared_error(out, y)), rel=1e-5)
    assert found["rmse"] == pytest.approx(float(R.mean_squared_error(out, y, squared=False)), rel=1e-5)
    assert found["r2"] == pytest.approx(float(R.r2_score(out, y)), rel=1e-4)


def test_one_hot_targets_count_samples():
    y = torch.nn.functional.one_hot(Y, 7).float()
    assert run(["accuracy"], MULTI, OUT, y) == run(["accuracy"], MULTI, OUT, Y)


def test_objects_and_functions_of_users():
    def half(output, target):
        return torch.tensor(0.5)

    metrics = [torchmetrics.classification.MulticlassAccuracy(7, average="micro"), half]
    found = run(metrics, MULTI, OUT, Y)
    assert found["half"] == pytest.approx(0.5)
    assert found["multiclass_accuracy"] == pytest.approx(run(["accuracy"], MULTI, OUT, Y)["accuracy"])


def test_mistakes_are_named():
    with pytest.raises(UnknownNameError, match=r"Did you mean 'accuracy'"):
        metric_name("acuracy")
    with pytest.raises(TrainingError, match=r"does not fit a regression"):
        MetricSet(["accuracy"], VALUES)
    with pytest.raises(TrainingError, match=r"no metric"):
        metric_name(3)
