"""The run browser over the wire: the list, what changes in it, and what can be done to a run."""

from __future__ import annotations

import io
import time
import zipfile

import numpy as np
import pytest
import torch
from torch import nn

import lepton_lab as ll
from lepton_lab.data import from_arrays
from lepton_lab.training import Trainer
from lepton_lab.training.status import RunState, RunStatus
from lepton_lab.widgets.run_browser import RunBrowser
from lepton_lab.workspace import Workspace
from lepton_lab.workspace.rows import insert_run
from tests.workspace.hand_driven import HandDriven


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("LEPTON_WORKSPACE", str(tmp_path / "lab"))
    workspace = Workspace()
    yield workspace
    workspace.close()


def add(workspace, run_id, **values):
    status = RunStatus(state=RunState.FINISHED, epoch=3, epochs=3, step=30, loss=0.5, metrics=values.pop("metrics", {}))
    row = {
        "id": run_id, "name": run_id, "state": "finished", "status": status.to_json(), "created": time.time(),
        "settings": {"lr": 0.01, "batch_size": 32}, "data": {"name": "digits"}, "duration": 4.0,
    }  # fmt: skip
    with workspace.database.write() as connection:
        insert_run(connection, row | values)


def read(answer):
    about = answer.content.get("result", answer.content)
    columns = answer.array(0, np.float64).reshape(len(about["columns"]), about["rows"])
    return about, dict(zip(about["columns"], columns, strict=True))


def test_the_listing_has_every_run_as_columns(workspace, open_view):
    add(workspace, "first", created=1.0, metrics={"val_loss": 0.3, "val_accuracy": 0.9}, tags=["good"], star=1)
    add(workspace, "second", created=2.0, metrics={"val_loss": 0.2}, project="other")
    about, numbers = read(open_view(RunBrowser()).call("listing"))
    assert about["texts"]["id"] == ["second", "first"]
    assert about["texts"]["tags"] == [[], ["good"]]
    assert about["texts"]["star"] == [False, True]
    assert about["texts"]["data"] == ["digits", "digits"]
    assert numbers["val_loss"].tolist() == [0.2, 0.3]
    assert np.isnan(numbers["val_accuracy"][0])
    assert numbers["lr"].tolist() == [0.01, 0.01]
    about, _ = read(open_view(RunBrowser(project="other")).call("listing"))
    assert about["texts"]["id"] == ["second"]


def test_ten_thousand_runs_take_one_query(workspace, open_view, monkeypatch):
    blank = {"name": "r", "state": "finished", "created": 1.0, "settings": {"lr": 0.1}}
    with workspace.database.write() as connection:
        for i in range(10_000):
            insert_run(connection, {**blank, "id": f"r{i}", "status": {"state": "finished", "loss": i / 10}})
    browser, asked = open_view(RunBrowser()), []
    rows = workspace.database.rows
    widget = browser.widget
    monkeypatch.setattr(widget.workspace.database, "rows", lambda *args: asked.append(args[0]) or rows(*args))
    about, numbers = read(browser.call("listing"))
    assert about["rows"] == len(numbers["loss"]) == 10_000
    assert [sql.split(" ")[1] for sql in asked] == ["count(*)", "id,"]  # is anything new, and all of them


def test_a_live_run_moves_and_its_end_is_told(workspace, wire, open_view, fast_pump):
    from lepton_lab.workspace import StoreRecorder

    run, recorder = HandDriven("by hand"), StoreRecorder(workspace)
    recorder.attach(run)
    browser = open_view(RunBrowser())
    about, _ = read(browser.call("listing"))
    assert about["texts"]["name"] == ["by hand"]
    browser.look()
    wire.clear()
    run.set_state(RunState.PAUSED)
    wire.wait(lambda: [m for m in wire.of("rows") if m.content["texts"]["state"] == ["paused"]])
    run.set_state(RunState.FINISHED)
    recorder.detach(run)
    wire.wait(lambda: [m for m in wire.of("rows") if m.content["texts"]["state"] == ["finished"]])


def test_nothing_is_sent_where_nothing_changes_or_nobody_looks(workspace, wire, open_view):
    add(workspace, "quiet")
    browser = open_view(RunBrowser())
    browser.ok("listing")
    wire.clear()
    for _ in range(3):
        browser.widget.pulse()
    assert wire.of("rows") == wire.of("moved") == []
    add(workspace, "new")
    browser.widget.pulse()
    assert len(wire.of("moved")) == 1


def test_name_tags_star_and_note_are_kept_and_told(workspace, wire, open_view):
    add(workspace, "run1", tags=["old"])
    browser = open_view(RunBrowser())
    browser.ok("rename", run_id="run1", name="better name ")
    browser.ok("tag", run_id="run1", tags=[" new", "", "kept"])
    browser.ok("star", run_id="run1", on=True)
    browser.ok("note", run_id="run1", text="why")
    run = workspace.open_run("run1")
    assert (run.name, run.tags, run.starred, run.note) == ("better name", ["kept", "new"], True, "why")
    assert wire.of("rows")[-1].content["texts"]["note"] == ["why"]
    answer = browser.call("rename", run_id="run1", name="  ").content
    assert "needs a name" in answer["error"]["title"]


def test_deleting_is_all_or_nothing(workspace, wire, open_view):
    from lepton_lab.workspace import StoreRecorder

    add(workspace, "ended")
    run, recorder = HandDriven("live"), StoreRecorder(workspace)
    recorder.attach(run)
    run.set_state(RunState.RUNNING)
    browser = open_view(RunBrowser())
    answer = browser.call("delete", ids=["ended", run.id]).content
    assert "cannot be deleted" in answer["error"]["title"]
    assert len(workspace.runs()) == 2
    assert browser.ok("delete", ids=["ended"]) == 1
    assert wire.of("removed")[-1].content["ids"] == ["ended"]
    run.set_state(RunState.STOPPED)
    recorder.detach(run)
    assert workspace.runs()["name"].tolist() == ["live"]


def test_an_opened_run_is_shown_below(workspace, open_view):
    add(workspace, "run1")
    add(workspace, "run2")
    browser = open_view(RunBrowser())
    widget = browser.widget
    browser.ok("show", run_id="run1")
    first = widget._monitor
    assert (widget.opened, first.run.id) == (first.ref, "run1")
    browser.ok("show", run_id="run2")
    second = widget._monitor
    assert first.comm is None
    assert (widget.opened, second.run.id) == (second.ref, "run2")
    browser.ok("put_away")
    assert widget.opened == ""
    assert second.comm is None
    browser.ok("show", run_id="run1")
    browser.ok("delete", ids=["run1"])
    assert widget.opened == ""
    browser.ok("show", run_id="run2")
    third = widget._monitor
    widget.close()
    assert third.comm is None


def test_who_listens_is_handed_the_run_instead(workspace, open_view):
    add(workspace, "run1")
    browser, opened = open_view(RunBrowser()), []
    browser.widget.on_open(opened.append)
    browser.ok("show", run_id="run1")
    assert [run.id for run in opened] == ["run1"]
    assert browser.widget.opened == ""


@pytest.fixture
def two(workspace):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(120, 4, generator=g)
    y = (x[:, 0] > 0).long()
    data = from_arrays(x[:80], y[:80], validation_data=(x[80:], y[80:]), name="halves")
    network = ll.NetworkSpec([ll.Linear(4), ll.ReLU(), ll.Linear(2)], input_shape=(4,))
    found = []
    for lr in (0.01, 0.1):
        trainer = Trainer(network, lr=lr, compile=False, threads=1)
        found.append(trainer.fit(data, 3, 20, name=f"lr {lr}", verbose=0, recorder=workspace.recorder()))
    return data, found


def test_comparing_curves_and_settings(workspace, open_view, two):
    _, runs = two
    ids = [run.id for run in runs]
    browser = open_view(RunBrowser())
    answer = browser.call("curves", ids=ids, measure="loss")
    curves = answer.content["result"]["curves"]
    assert [(c["id"], c["split"]) for c in curves] == [(i, s) for i in ids for s in ("train", "valid")]
    epochs = runs[0].history.epochs.since(0)[1]
    assert answer.array(0).tolist() == [1, 2, 3]
    assert answer.array(3).tolist() == pytest.approx(epochs["val_loss"].tolist(), rel=1e-6)
    assert browser.ok("measures", ids=ids)[:1] == ["loss"]
    assert "accuracy" in browser.ok("measures", ids=ids)
    settings = dict(map(tuple, browser.ok("differences", ids=ids)["settings"]))
    assert settings["lr"] == [0.01, 0.1]
    browser.widget.selected = ids
    assert [run.name for run in browser.widget.selected_runs] == ["lr 0.01", "lr 0.1"]


def test_a_fork_trains_on_with_other_settings(workspace, open_view, two, monkeypatch):
    _, runs = two
    browser = open_view(RunBrowser())
    asked = {}

    def fork(self, at="last", *, name="", data=None, **changes):
        asked.update(run=self.id, at=at, name=name, **changes)
        return runs[1]

    monkeypatch.setattr("lepton_lab.workspace.stored.StoredRun.fork", fork)
    args = {"at": "best", "name": "again", "changes": {"lr": 0.5, "epochs": 9.0}}
    assert browser.ok("fork", run_id=runs[0].id, **args) == runs[1].id
    assert asked == {"run": runs[0].id, "at": "best", "name": "again", "lr": 0.5, "epochs": 9}
    answer = browser.call("fork", run_id=runs[0].id, at="last", name="", changes={"device": 1}).content
    assert "device" in answer["error"]["title"]


def test_a_live_run_is_stopped(workspace, wire, open_view, two):
    data, _ = two
    trainer = Trainer(nn.Linear(4, 2), compile=False, threads=1)
    run = trainer.start(data, 100_000, 10, recorder=workspace.recorder())
    browser = open_view(RunBrowser())
    browser.ok("stop", run_id=run.id)
    run.wait(20)
    assert run.state is RunState.STOPPED


def test_exports(workspace, open_view, two):
    _, runs = two
    browser = open_view(RunBrowser())
    answer = browser.call("export", ids=[run.id for run in runs])
    with zipfile.ZipFile(io.BytesIO(bytes(answer.buffers[0]))) as archive:
        names = archive.namelist()
        assert "lr-0.01/epochs.csv" in names
        assert "lr-0.1/run.json" in names
        assert archive.read("lr-0.1/epochs.csv").decode().count("\n") == 4
    answer = browser.call("export_table", ids=[runs[1].id, runs[0].id])
    lines = bytes(answer.buffers[0]).decode().splitlines()
    assert [line.split(",")[1] for line in lines[1:]] == ["lr 0.1", "lr 0.01"]


def test_the_still_picture_names_the_runs(workspace):
    add(workspace, "one")
    picture = RunBrowser().still() or ""
    assert "one" in picture
    assert "<script" not in picture
