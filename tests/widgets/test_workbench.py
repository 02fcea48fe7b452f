"""The workbench: one shared state, kept by its project, the same for the same name."""

import numpy as np
import pytest

from lepton_lab import Flatten, Linear, NetworkSpec, from_arrays, load_dataset
from lepton_lab.widgets.workbench import Workbench
from lepton_lab.workspace import Workspace


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_WORKSPACE", str(tmp_path / "work"))
    return tmp_path / "work"


@pytest.fixture
def bench(wire):
    made = []

    def make(*args, **keys):
        made.append(Workbench(*args, **keys))
        return made[-1]

    yield make
    for one in made:
        one.close()


def loaded(wire, widget):
    wire.wait(lambda: widget.state["data"] and not widget.state["busy"])


def test_the_same_name_gives_the_same_workbench(bench, tmp_path):
    first = bench("digits")
    first.tab = "network"
    assert bench("digits") is first
    assert first.tab == "network"
    assert bench("other") is not first
    assert bench("digits", workspace=Workspace(tmp_path / "else")) is not first


def test_from_nothing_to_a_trained_network(wire, open_view, bench):
    widget = bench("digits")
    view = open_view(widget)
    assert widget.state["data"] is None
    assert widget.state["waiting"] == "Choose data first"
    assert "no data" in view.call("start").content["error"]["title"]
    assert "mnist-sample" in view.ok("choices")["datasets"]

    view.ok("use_dataset", name="mnist-sample")
    assert widget.state["data"]["name"]
    assert widget.state["waiting"] == ""
    assert widget.network.layers
    for tab in ("data", "network", "train", "inspect", "evaluate", "runs"):
        assert isinstance(view.ok("open_tab", tab=tab), list)
    assert widget.parts["evaluate"] == []
    widget.network = NetworkSpec([Flatten(), Linear(out_features=10)], input_shape=(1, 28, 28), name="tiny")
    view.ok("change", settings={"epochs": 1, "batch_size": 128})
    run = view.ok("start")
    widget.run.wait(60)
    assert widget.run.id == run
    assert widget.tab == "train"
    assert widget._parts.get("monitor").run_id == run
    assert len(widget.parts["evaluate"]) == 1  # nobody has to open the tab again
    assert len(view.ok("open_tab", tab="evaluate")) == 1
    assert widget.state["run"]["ended"] is False or widget.run.state.ended
    widget._tell()
    assert widget.state["run"]["ended"]
    assert widget._work.workspace.runs("digits").iloc[0]["state"] == "finished"


def test_another_kernel_finds_everything_again(wire, open_view, bench, folder):
    first = bench("digits", load_dataset("mnist-sample"))
    first.network = NetworkSpec([Flatten(), Linear(out_features=10)], input_shape=(1, 28, 28), name="mine")
    open_view(first).ok("change", settings={"epochs": 1, "lr": 0.01})
    run = first.train(batch_size=128)
    run.wait(60)
    first.close()  # what is left is the workspace's folder

    second = bench("digits")
    assert second is not first
    loaded(wire, second)
    assert second.network.name == "mine"
    assert second.settings["lr"] == 0.01
    assert second.run.id == run.id
    assert second.tab == "train"


def test_an_edit_in_the_builder_is_kept_and_reaches_the_next_run(wire, open_view, bench):
    widget = bench("digits", load_dataset("mnist-sample"))
    open_view(widget).ok("open_tab", tab="network")
    builder = widget._parts.get("builder")
    before = len(widget.network.layers)
    open_view(builder).ok("edit", edit={"do": "remove", "paths": [widget.network.layers[-1].name]})
    assert len(widget.network.layers) == before - 1
    assert widget._work.project.network["layers"]


def test_a_builder_that_was_open_before_the_data_shows_the_first_network(open_view, bench):
    widget = bench("digits")
    view = open_view(widget)
    view.ok("open_tab", tab="network")
    builder = widget._parts.get("builder")
    assert builder.network.layers == ()
    view.ok("use_dataset", name="mnist-sample")
    assert builder.network == widget.network == widget._work.network
    assert [card["name"] for card in builder.state["layers"]] == [layer.name for layer in widget.network.layers]
    assert builder.state["train"] == ""
    widget.data = from_arrays(np.zeros((40, 1, 8, 8), np.float32), np.arange(40) % 2)
    assert builder.network == widget.network


def test_data_of_another_form_changes_the_input(wire, bench):
    widget = bench("table", load_dataset("mnist-sample"))
    x = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    widget.data = from_arrays(x, (x[:, 0] > 0).astype(np.int64))
    assert widget.network.input_shape == (5,)
    assert widget.state["waiting"]  # convolutions take no table: said, and nothing is thrown away


def test_a_network_of_another_form_takes_the_data_as_its_input(open_view, bench):
    widget = bench("digits", load_dataset("mnist-sample"))
    widget.network = NetworkSpec([Linear(out_features=4), Linear(out_features=10)], input_shape=(5,))
    assert widget.network.input_shape == widget._work.network.input_shape == (1, 28, 28)
    open_view(widget).ok("open_tab", tab="network")
    assert widget.state["waiting"]  # said before Train is pressed
    widget.network = NetworkSpec([Flatten(), Linear(out_features=10)], input_shape=(5,))
    assert not widget.state["waiting"]
    assert widget.train(epochs=1).wait(60).state == "finished"


def test_settings_that_cannot_be_used_are_refused(open_view, bench):
    widget = bench("digits")
    view = open_view(widget)
    assert not view.call("change", settings={"epochs": -1}).content["ok"]
    assert "layers" in str(view.call("change", settings={"layers": 3}).content["error"])
    assert widget.settings["epochs"] == 10


def test_data_that_is_gone_is_said_and_other_data_can_be_chosen(wire, open_view, bench, tmp_path):
    first = bench("lost")
    first._work.project.data = {"loader": "load_table", "args": {"source": str(tmp_path / "gone.csv"), "target": "y"}}
    first.close()
    widget = bench("lost")
    wire.wait(lambda: widget.state["problem"])
    assert "gone.csv" in str(widget.state["problem"])
    open_view(widget).ok("use_dataset", name="mnist-sample")
    assert widget.state["problem"] is None


def test_before_the_first_run_the_doctor_looks_at_the_network(wire, open_view, bench):
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    data = from_arrays(x, (x[:, 0] > 0).astype(np.int64))
    widget = bench("fresh", data, NetworkSpec([Linear(8, activation="relu"), Linear(3)], input_shape=(4,)))
    open_view(widget).ok("open_tab", tab="inspect")
    doctor = widget._parts.get("doctor")
    open_view(doctor).look()
    wire.wait(lambda: doctor.report is not None)
    assert doctor.report.subject
    assert "label-range" in doctor.report.checked
    before = doctor.report
    widget.network = NetworkSpec([Linear(4, activation="relu"), Linear(2)], input_shape=(4,))
    wire.wait(lambda: doctor.report is not None and doctor.report is not before)
    widget.train(epochs=1, probes=None).wait(60)
    assert doctor.run is widget.run
