"""The evaluation view over the wire: what is sent, when the test set is looked at, and what stays out of traits."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import nn

from lepton_lab.data import DataBundle, from_arrays
from lepton_lab.errors import DataError, TrainingError, UnknownNameError
from lepton_lab.training import Trainer
from lepton_lab.widgets.evaluation_view import EvaluationView


@pytest.fixture(scope="module")
def data() -> DataBundle:
    g = torch.Generator().manual_seed(0)
    x = torch.rand(400, 1, 6, 6, generator=g)
    y = ((x.reshape(400, -1) - 0.5) @ torch.randn(36, 3, generator=g)).argmax(1)
    return from_arrays(x[:200], y[:200], validation_data=(x[200:300], y[200:300]), test_data=(x[300:], y[300:]))


@pytest.fixture(scope="module")
def module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 3))


def test_the_numbers_arrive_as_the_evaluation_has_them(wire, open_view, module, data):
    view = EvaluationView(module, data)
    browser = open_view(view)
    assert browser.ok("result", split="valid") is None
    assert browser.ok("begin", split="valid", again=False) == {"cancelled": False}
    answer = browser.call("result", split="valid")
    result, found = answer.content["result"], view.evaluation
    assert result["samples"] == 100
    assert result["classes"] == list(found.classes)
    assert (answer.array(0, np.int32).reshape(3, 3) == found.confusion).all()
    columns = answer.array(1).reshape(len(result["columns"]), 3)
    assert np.allclose(columns[result["columns"].index("recall")], found.per_class["recall"])
    assert {s["name"]: s["value"] for s in result["summary"]}["accuracy"] == found.score("accuracy").value
    assert wire.of("evaluated")[-1].content["split"] == "valid"
    assert wire.of("progress")[-1].content["share"] <= 1


def test_asking_twice_computes_once(open_view, module, data):
    view = EvaluationView(module, data)
    browser = open_view(view)
    browser.ok("begin", split="valid", again=False)
    first = view.evaluation
    browser.ok("begin", split="valid", again=False)
    assert view.evaluation is first
    browser.ok("begin", split="valid", again=True)
    assert view.evaluation is not first


def test_the_curve_of_a_class_has_exact_counts(open_view, module, data):
    view = EvaluationView(module, data)
    browser = open_view(view)
    browser.ok("begin", split="valid", again=False)
    answer = browser.call("curve", split="valid", which=1)
    found, thresholds = view.evaluation, browser.ok("result", split="valid")["thresholds"]
    place = thresholds.index(0.4)
    truth, score = found.targets == 1, found.values[:, 1]
    assert answer.array(0, np.int32)[place] == ((score >= 0.4) & truth).sum()
    assert answer.array(1, np.int32)[place] == ((score >= 0.4) & ~truth).sum()
    assert len(answer.array(2)) == len(answer.array(3))


def test_a_cell_answers_with_its_samples_and_their_pixels(open_view, module, data):
    view = EvaluationView(module, data)
    browser = open_view(view)
    browser.ok("begin", split="valid", again=False)
    i, j = np.argwhere(view.evaluation.confusion > 1)[0].tolist()
    part = {"sorting": "surest", "start": 0, "count": 2, "which": 0}
    answer = browser.call("cell", split="valid", label=i, predicted=j, **part)
    result = answer.content["result"]
    assert result["total"] == view.evaluation.confusion[i, j]
    assert [s["labels"] for s in result["samples"]] == [[i], [i]]
    assert answer.array(0, np.uint8).size == 2 * 36
    probability = dict(map(tuple, result["samples"][0]["top"]))
    assert probability[j] == pytest.approx(result["samples"][0]["sure"])
    more = browser.call("cell", split="valid", label=i, predicted=j, **part | {"start": 1}).content["result"]
    assert more["samples"][0] == result["samples"][1]


def test_the_test_set_waits_until_somebody_asks(wire, open_view, module, data, fast_pump):
    run = Trainer(module, compile=False, threads=1).fit(data, 1, 50, verbose=0, record=False)
    view = EvaluationView(run)
    browser = open_view(view)
    browser.look()
    assert browser.ok("state")["looks"] == 0
    answer = browser.call("result", split="test").content
    assert answer["result"] is None
    browser.ok("begin", split="test", again=False)
    assert browser.ok("state")["looks"] == run.test_looks == 1
    for kind in ("html", "csv", "svg", "png"):  # reading what was found is no new look
        browser.ok("export", split="test", kind=kind)
    browser.ok("mistakes", split="test", count=5)
    assert run.test_looks == 1
    told = wire.wait(lambda: [m for m in wire.of("state") if m.content["state"]["looks"] == 1])
    assert told[0].content["state"]["step"] == run.status.step


def test_an_evaluation_is_cancelled_between_two_batches(wire, open_view, data):
    began, go_on = threading.Event(), threading.Event()

    class Slow(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.calls = nn.Sequential(nn.Flatten(), nn.Linear(36, 3)), 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if len(x) > 64:  # not the few samples that the loss is tried with
                began.set()
                assert go_on.wait(20)
            return self.inner(x)

    from dataclasses import replace

    twice = torch.arange(100).repeat(6)
    view = EvaluationView(Slow(), replace(data, valid=data.valid.resampled(rows=twice)))
    browser = open_view(view)
    order = browser.send("begin", split="valid", again=False)
    assert began.wait(20)
    assert browser.ok("state")["busy"] == "valid"
    browser.ok("cancel")
    go_on.set()
    answer = wire.wait(lambda: next((m for m in wire.of("answer") if m.content["id"] == order), None))
    assert answer.content["result"] == {"cancelled": True}
    assert view.evaluation is None
    assert browser.ok("state")["busy"] is None


def test_what_a_run_learnt_meanwhile_is_told(wire, open_view, module, data, fast_pump):
    run = Trainer(module, compile=False, threads=1).fit(data, 1, 50, verbose=0, record=False)
    view = EvaluationView(run)
    browser = open_view(view)
    browser.ok("begin", split="valid", again=False)
    before = run.status.step
    run.fork(epochs=1)  # another run: this one stays where it is
    assert browser.ok("state")["step"] == browser.ok("state")["steps"]["valid"] == before
    run.publish(step=before + 10)
    browser.look()
    wire.wait(lambda: [m for m in wire.of("state") if m.content["state"]["step"] == before + 10])


def test_a_regression_sends_its_residuals(open_view):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(200, 4, generator=g)
    y = x.sum(1, keepdim=True)
    data = from_arrays(x[:100], y[:100], validation_data=(x[100:], y[100:]), task="regression")
    view = EvaluationView(nn.Linear(4, 1), data)
    browser = open_view(view)
    browser.ok("begin", split="valid", again=False)
    answer = browser.call("target", split="valid", which=0)
    rows, predicted, truth, error = (answer.array(i, np.int32 if i == 0 else np.float32) for i in range(4))
    assert len(rows) == 100
    assert np.allclose(predicted - truth, error, atol=1e-5)
    sample = browser.ok("sample", split="valid", row=3)["samples"][0]
    assert sample["kind"] == "row"
    assert sample["targets"][0][1] == pytest.approx(float(y[103]), rel=1e-5)


def test_files_and_the_still_picture(open_view, module, data):
    view = EvaluationView(module, data)
    browser = open_view(view)
    assert view.still() is None
    answer = browser.call("export", split="valid", kind="csv").content
    assert not answer["ok"]
    assert "not evaluated" in answer["error"]["title"]
    view.evaluate()
    answer = browser.call("export", split="valid", kind="csv")
    assert answer.content["result"]["name"].endswith("-valid.csv")
    lines = bytes(answer.buffers[0]).decode().splitlines()
    assert len(lines) == 101
    assert bytes(browser.call("export", split="valid", kind="png").buffers[0]).startswith(b"\x89PNG")
    assert "Accuracy" in (view.still() or "")
    assert "<script" not in (view.still() or "")


def test_only_the_split_is_synced(module, data):
    view = EvaluationView(module, data)
    assert {name for name in view.keys if not name.startswith("_")} - {"layout", "tabbable", "tooltip"} == {"split"}


def test_what_cannot_be_shown_is_said_at_once(module, data):
    with pytest.raises(DataError):
        EvaluationView(module)
    with pytest.raises(TrainingError):
        EvaluationView(42)
    with pytest.raises(UnknownNameError):
        EvaluationView(module, data, split="holdout")


def test_orders_that_make_no_sense_are_answered(open_view, module, data):
    browser = open_view(EvaluationView(module, data))
    browser.ok("begin", split="valid", again=False)
    for op, args in (
        ("curve", {"split": "valid", "which": 99}),
        ("sample", {"split": "valid", "row": 10_000}),
        ("export", {"split": "valid", "kind": "pickle"}),
        ("begin", {"split": "holdout", "again": False}),
    ):
        assert browser.call(op, **args).content["error"]["title"], op
