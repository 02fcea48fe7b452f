"""`GradientMonitor`: readings of probes to the browser, live and stored, thinned, and only what is new."""

import numpy as np
import pytest

import lepton_lab as ll
from lepton_lab.errors import UnknownNameError
from lepton_lab.probes.log import Column, Measurement
from lepton_lab.widgets.gradient_monitor import GradientMonitor
from lepton_lab.widgets.gradient_monitor_rows import histogram_at, rows_of, thinned
from lepton_lab.widgets.gradient_monitor_source import layer_sizes
from lepton_lab.widgets.gradient_monitor_still import colour


@pytest.fixture(autouse=True)
def workspace(monkeypatch, tmp_path):
    monkeypatch.setenv("LEPTON_WORKSPACE", str(tmp_path / "workspace"))
    monkeypatch.setattr("lepton_lab.widgets._bundles.bundle", lambda name: "")
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: "")


def trained(name="probed", probes="standard", epochs=2, record=True, layers=None):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 6)).astype("float32")
    data = ll.from_arrays(x, (x[:, 0] > 0).astype("int64"), valid=0.2, test=0, normalise="none")
    spec = ll.NetworkSpec(layers or [ll.Linear(8, activation="tanh"), ll.Linear(2)], input_shape=(6,))
    trainer = ll.Trainer(spec, lr=0.01, probes=probes, compile=False, probe_budget=None)
    run = trainer.start(data, epochs=epochs, batch_size=16, name=name, record=record)
    return run.wait(60)


def column(quantity, labels=("a", "b"), shape=None):
    return Column(quantity, labels, "norm", shape or (len(labels),))


def test_rows_keep_the_last_order_of_layers_and_leave_gaps():
    first = Measurement(1, 0.0, (column("grad_norm", ("b", "a")),), np.array([2, 1], np.float32))
    gap = Measurement(2, 0.0, (column("weight_norm"),), np.array([5, 6], np.float32))
    last = Measurement(3, 0.1, (column("grad_norm"),), np.array([3, 4], np.float32))
    rows = rows_of([first, gap, last])
    assert rows.labels["grad_norm"] == ("a", "b")
    assert rows.values["grad_norm"][[0, 2]].tolist() == [[1, 2], [3, 4]]
    assert np.isnan(rows.values["grad_norm"][1]).all()
    assert rows.values["weight_norm"][1].tolist() == [5, 6]
    assert rows.steps.tolist() == [1, 2, 3]


def test_long_records_are_thinned_and_end_with_the_newest():
    layout = (column("grad_norm"),)
    all_ = [Measurement(i, 0.0, layout, np.full(2, i, np.float32)) for i in range(1, 1001)]
    few = thinned(all_, most=100)
    assert len(few) <= 51
    assert few[-1].step == 1000
    apart = np.diff([m.step for m in few])
    assert set(apart.tolist()) == {20}
    assert thinned([]) == []


def test_the_histogram_of_a_step_is_the_last_one_up_to_it():
    layout = (column("grad_hist", shape=(2, 3)),)
    found = [Measurement(s, 0.0, layout, np.full(6, s, np.float32)) for s in (5, 10)]
    assert histogram_at(found, "grad_hist", 7)["step"] == 5
    assert histogram_at(found, "grad_hist", None)["values"].shape == (2, 3)
    assert histogram_at(found, "grad_hist", 4) is None
    assert histogram_at(found, "weight_hist", None) is None


def test_catching_up_brings_columns_sizes_cost_and_histograms(wire, open_view):
    run = trained()
    answer = open_view(GradientMonitor(run)).call("catch_up")
    about = answer.content["result"]["run"]
    assert answer.content["result"]["against"] is None
    names = [c["quantity"] for c in about["columns"]]
    assert {"grad_norm", "update_ratio", "weight_norm", "act_std"} <= set(names)
    steps = answer.array(0, np.float64)
    wanted = run.probes.series("grad_norm")
    sent = answer.array(1 + names.index("grad_norm")).reshape(len(steps), 2)
    assert sent[-1].tolist() == wanted.values[-1].tolist()
    assert about["until"] == len(run.probes)
    assert about["sizes"] == {"linear_1": 56, "linear_2": 18}
    assert about["cost"]["measured"] == len(run.probes)
    hist = about["histograms"]["grad_hist"]
    values = answer.array(hist["buffer"]).reshape(2, -1)
    assert values.shape[1] == len(hist["edges"]) - 1
    assert values.sum(1) == pytest.approx([1, 1])


def test_a_run_without_probes_says_so_with_empty_columns(wire, open_view):
    about = open_view(GradientMonitor(trained(probes=None))).ok("catch_up")["run"]
    assert about["columns"] == []
    assert about["probes"] == []


def test_only_what_is_new_is_sent_and_nothing_while_nobody_looks(wire, open_view, fast_pump):
    run = trained()
    widget = GradientMonitor(run)
    view = open_view(widget)
    view.look()
    view.ok("catch_up")
    wire.wait(lambda: widget._sent.get("run"))
    wire.clear()
    log = run.probes
    before = len(log)
    last = log.measurements()[0][-1]
    log.append(Measurement(last.step + 1, last.epoch, last.layout, last.values * 0 + 0.5))
    message = wire.wait(lambda: [m for m in wire.of("rows") if m.content["from"] == before])[0]
    assert message.content["until"] == before + 1
    assert message.array(0, np.float64).tolist() == [last.step + 1]
    assert message.array(1)[0] == 0.5
    view.look(False)
    assert not widget.visible


def test_readings_that_were_taken_back_begin_anew(wire, open_view, fast_pump):
    run = trained()
    widget = GradientMonitor(run)
    open_view(widget).look()
    wire.wait(lambda: widget._sent.get("run"))
    run.probes.truncate(3)
    wire.wait(lambda: wire.of("reset"))


def test_a_stored_run_and_a_second_one_beside_it(wire, open_view):
    first, second = trained("first").id, trained("second").id
    view = open_view(GradientMonitor(ll.open_run(first), against=second))
    about = view.ok("catch_up")
    assert [about[side]["name"] for side in ("run", "against")] == ["first", "second"]
    told = view.ok("histogram", quantity="grad_hist", step=1)
    assert told["run"]["step"] == told["against"]["step"] == 1
    assert not view.call("histogram", quantity="nonsense").content["ok"]


def test_the_run_is_chosen_by_its_id(wire, open_view):
    run = trained()
    widget = GradientMonitor()
    view = open_view(widget)
    assert view.ok("catch_up") == {"run": None, "against": None}
    widget.run_id = run.id
    assert view.ok("catch_up")["run"]["name"] == "probed"
    with pytest.raises(UnknownNameError):
        GradientMonitor("no such run")
    widget.run_id = "nor this"
    assert wire.of("error")


def test_sizes_are_known_of_modules_too():
    import torch

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(64, 3)).astype("float32"), np.arange(64) % 2
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2))
    run = ll.Trainer(module, compile=False).start((x, y), epochs=1, record=False).wait(60)
    assert layer_sizes(run) == {"0": 16, "2": 10}


def test_the_still_shows_vanishing_in_blue_and_healthy_in_grey():
    assert colour(1e-9) == "#174f86"
    assert colour(1e-3) == "#eef0ef"
    assert colour(3.0) == "#b13d00"
    assert colour(float("nan")) == "none"
    picture = GradientMonitor(trained()).still()
    assert picture.count("<rect") >= 2
    assert "linear_1" in picture
    assert "<script" not in picture


def test_streams_are_addressed_to_every_view(wire, open_view, fast_pump):
    run = trained()
    widget = GradientMonitor(run)
    open_view(widget).look()
    wire.wait(lambda: widget._sent.get("run"))
    last = run.probes.measurements()[0][-1]
    run.probes.append(Measurement(last.step + 1, last.epoch, last.layout, last.values))
    message = wire.wait(lambda: wire.of("rows"))[0]
    assert "to" not in message.content  # it would name the one view that listens
