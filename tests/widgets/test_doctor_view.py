"""The doctor's view: findings of a real sick run, a fix that is tried beside it, adopting and discarding."""

import numpy as np
import pytest

from lepton_lab import Linear, NetworkSpec, from_arrays
from lepton_lab.training import Trainer
from lepton_lab.widgets.doctor_view import DoctorView


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 8)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] > 0).astype(np.int64)
    return from_arrays(x, y, valid=0.2)


@pytest.fixture
def sick(data, tmp_path, monkeypatch):
    """Eight sigmoids in a row: the first layers hardly learn."""
    monkeypatch.setenv("LEPTON_WORKSPACE", str(tmp_path))
    layers = [Linear(out_features=16, activation="sigmoid") for _ in range(8)] + [Linear(out_features=2)]
    spec = NetworkSpec(layers, input_shape=(8,), name="deep")
    run = Trainer(spec, lr=3e-3, probes="standard").start(data, 8, 16, record=False)
    return run.wait(60)


def told(wire):
    return wire.wait(lambda: next((m.content for m in reversed(wire.of("report")) if m.content["report"]), None))


def test_a_sick_run_is_named_and_healed(wire, open_view, fast_pump, sick, data):
    widget = DoctorView(sick, data)
    view = open_view(widget)
    adopted = []
    widget.on_run(adopted.append)
    view.look()
    found = told(wire)
    finding = next(f for f in found["report"]["findings"] if f["rule"] == "vanishing-gradient")
    assert finding["layer"]
    assert finding["fixes"]
    assert finding["evidence"]["y"]

    view.ok("try_fix", rule=finding["rule"], layer=finding["layer"], fix=0)
    trial = view.ok("catch_up")["trials"][0]
    widget._trials[trial["key"]].run.wait(60)
    view.ok("look")
    result = view.ok("catch_up")["trials"][0]["result"]
    assert "vanishing-gradient" in result["gone"]
    assert {"before", "after"} == set(result["curves"])
    assert next(r for r in result["rows"] if r["what"] == "val_loss")["better"] is True

    view.ok("adopt", key=trial["key"])
    assert [run.id for run in adopted] == [trial["run"]]
    assert widget.run_id == trial["run"]


def test_a_trial_can_be_discarded(wire, open_view, sick, data):
    widget = DoctorView(sick, data)
    view = open_view(widget)
    view.ok("look")
    finding = next(f for f in widget.report if f.fixes)
    view.ok("try_fix", rule=finding.rule, layer=finding.layer, fix=0)
    trial = view.ok("catch_up")["trials"][0]
    tried = widget._trials[trial["key"]].run
    view.ok("discard", key=trial["key"])
    tried.wait(60)
    assert view.ok("catch_up")["trials"] == []
    assert not view.call("adopt", key=trial["key"]).content["ok"]


def test_without_a_run_it_says_nothing_and_looks_before_training(wire, open_view, data):
    widget = DoctorView()
    view = open_view(widget)
    view.look()
    assert view.ok("catch_up") == {"run": None, "report": None, "trials": [], "looking": False}
    assert "no run" in view.call("try_fix", rule="x", layer=None, fix=0).content["error"]["title"]
    widget.before(NetworkSpec([Linear(out_features=2)], input_shape=(8,)), data)
    found = told(wire)
    assert found["run"] is None
    assert len(found["report"]["checked"]) > 5


def test_what_is_put_aside_stays_so(wire, sick, data):
    widget = DoctorView(sick, data)
    widget.hidden = ["vanishing-gradient/linear_1"]
    widget.run = sick
    assert widget.hidden == ["vanishing-gradient/linear_1"]
    assert widget.still() is None
    widget._look(force=True)
    assert "Vanishing" in widget.still() or "vanishing" in widget.still()
