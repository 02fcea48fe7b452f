"""A workspace keeps runs in order, and says plainly what is wrong with it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import warnings

import numpy as np
import pandas as pd
import pytest

from lepton_lab.errors import StoreError, UnknownNameError
from lepton_lab.training.recording import default_recorder
from lepton_lab.training.status import RunState
from lepton_lab.workspace import Workspace, compare, current_workspace, open_run, runs, schema
from lepton_lab.workspace.database import Database
from tests.workspace import processes


def finished(by_hand, name, epochs=2, **settings):
    run = by_hand(name, **settings)
    for _ in range(epochs):
        run.train(10)
        run.end_epoch()
    by_hand.end(run)
    return run


def test_the_default_folder_comes_from_the_environment(own_folder, tmp_path, monkeypatch):
    assert Workspace().folder == own_folder
    assert current_workspace() is current_workspace()
    monkeypatch.setenv("LEPTON_WORKSPACE", str(tmp_path / "other"))
    assert current_workspace().folder == tmp_path / "other"
    monkeypatch.delenv("LEPTON_WORKSPACE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Workspace().folder == tmp_path / "lepton-lab"


def test_an_empty_workspace_has_an_empty_table(workspace):
    frame = workspace.runs()
    assert frame.empty
    assert {"name", "state", "loss", "id"} <= set(frame.columns)


def test_runs_are_listed_newest_first_and_by_project(workspace, by_hand):
    finished(by_hand, "a")
    run = by_hand("b", details={"project": "digits"})
    frame = workspace.runs()
    assert frame["name"].tolist() == ["b", "a"]
    assert frame["state"].tolist() == ["running", "finished"]
    assert workspace.runs("digits")["id"].tolist() == [run.id]
    assert workspace.project("digits").runs["name"].tolist() == ["b"]


def test_a_run_is_found_by_id_its_beginning_and_name(workspace, by_hand):
    first, second = finished(by_hand, "same"), finished(by_hand, "same")
    assert workspace.open_run(first.id).id == first.id
    assert workspace.open_run(first.id[:8]).id == first.id
    assert workspace.open_run("same").id == second.id
    with pytest.raises(UnknownNameError, match="Did you mean 'same'"):
        workspace.open_run("sane")


def test_keeping_runs_in_order(workspace, by_hand):
    finished(by_hand, "plain")
    run = workspace.open_run("plain")
    run.rename("better").tag("b", "a").tag("a", "c").untag("b").star()
    run.note = "keep this one"
    again = Workspace(workspace.folder).open_run("better")
    assert (again.tags, again.starred, again.note) == (["a", "c"], True, "keep this one")
    assert not again.star(False).starred
    with pytest.raises(StoreError, match="name"):
        run.name = "  "


def test_delete_refuses_a_live_run(workspace, by_hand):
    live = by_hand("live")
    with pytest.raises(StoreError, match="Stop it first"):
        workspace.open_run("live").delete()
    (live.folder / "file").write_text("x")
    by_hand.end(live)
    workspace.open_run("live").delete()
    assert workspace.runs().empty
    assert not live.folder.exists()
    assert workspace.database.row("SELECT count(*) FROM chunks")[0] == 0
    with pytest.raises(UnknownNameError):
        workspace.delete("live")


def test_compare_shows_curves_and_only_differing_settings(workspace, by_hand):
    finished(by_hand, "slow", 2, lr=0.1, loss={"name": "mse"})
    finished(by_hand, "fast", 3, lr=0.3, loss={"name": "l1"})
    both = workspace.compare("slow", workspace.open_run("fast"))
    assert both.settings().loc["lr"].tolist() == [0.1, 0.3]
    assert both.settings().loc["loss.name"].tolist() == ["mse", "l1"]
    assert "seed" not in both.settings().index
    curves = both.curves("val_loss")
    assert curves["fast"].tolist() == [2.0, 1.0, 2 / 3]
    assert np.isnan(curves["slow"].iloc[2])
    assert both.results()["epoch"].tolist() == [2, 3]
    assert "lr" in repr(both)
    assert "lr" in both._repr_html_()
    assert compare(["slow", "fast"]).settings().equals(both.settings())
    assert compare("slow", open_run("fast")).labels() == both.labels() == runs()["name"].tolist()[::-1]
    assert len(both.plot().axes) == len(workspace.open_run("slow").plot().axes) == 2
    assert both.curves("nothing").isna().all().all()
    finished(by_hand, "slow", 1)
    assert len(set(workspace.compare("slow", workspace.runs()["id"].iloc[-1]).labels())) == 2


def test_a_project_is_remembered(workspace):
    project = workspace.project("digits")
    assert (project.network, project.data, project.settings) == (None, None, {})
    project.network, project.settings = {"layers": []}, {"lr": 0.1}
    project.data = {"loader": "load_dataset", "args": {"name": "digits"}}
    again = Workspace(workspace.folder).project("digits")
    assert again.network == {"layers": []}
    assert again.data["loader"] == "load_dataset"
    assert again.settings == {"lr": 0.1}
    assert workspace.projects()["name"].tolist() == ["digits"]
    with pytest.raises(StoreError, match="needs a name"):
        workspace.project(" ")


def test_csv_reads_back(workspace, by_hand, tmp_path):
    run = finished(by_hand, "out")
    run_json = workspace.open_run("out").to_csv(tmp_path / "csv")[-1]
    steps = pd.read_csv(tmp_path / "csv" / "steps.csv")
    pd.testing.assert_frame_equal(steps, pd.DataFrame(run.history.steps.since(0)[1]).astype(float), check_dtype=False)
    assert pd.read_csv(tmp_path / "csv" / "epochs.csv")["val_loss"].tolist() == [2.0, 1.0]
    assert json.loads(run_json.read_text())["settings"]["lr"] == 0.1
    with pytest.raises(StoreError, match="cannot be written"):
        workspace.open_run("out").to_csv(run_json)


def test_tensorboard_reads_back(workspace, by_hand, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = finished(by_hand, "out / 1")
    folder = workspace.open_run("out / 1").to_tensorboard(tmp_path / "tb")
    events = EventAccumulator(str(folder))
    events.Reload()
    losses = events.Scalars("step/loss")
    assert [e.step for e in losses] == list(range(1, 21))
    np.testing.assert_allclose([e.value for e in losses], run.history.steps.since(0)[1]["loss"])
    assert [(e.step, e.value) for e in events.Scalars("epoch/val_loss")] == [(1, 2.0), (2, 1.0)]


def test_a_newer_store_is_refused_and_left_alone(tmp_path):
    Workspace(tmp_path).close()
    connection = sqlite3.connect(tmp_path / "lepton.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match=r"newer version.*version 99.*pip install -U"):
        Workspace(tmp_path)
    connection = sqlite3.connect(tmp_path / "lepton.db")
    assert connection.execute("PRAGMA user_version").fetchone() == (99,)
    connection.close()


def test_an_older_store_is_brought_up_to_date(tmp_path, monkeypatch):
    Workspace(tmp_path).project("kept")
    now = len(schema.MIGRATIONS)
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, "ALTER TABLE projects ADD COLUMN colour TEXT; "))
    workspace = Workspace(tmp_path)
    assert workspace.database.row("SELECT name, colour FROM projects")["colour"] is None
    assert workspace.database.row("PRAGMA user_version")[0] == now + 1
    monkeypatch.setattr(
        schema, "MIGRATIONS", (*schema.MIGRATIONS, "ALTER TABLE projects ADD COLUMN size TEXT; nonsense")
    )
    with pytest.raises(StoreError):
        Workspace(tmp_path)
    assert workspace.database.row("PRAGMA user_version")[0] == now + 1
    assert "size" not in workspace.database.row("SELECT * FROM projects").keys()  # noqa: SIM118
    workspace.close()


def test_a_folder_that_cannot_be_used(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="Choose a folder that you may write to"):
        Workspace(tmp_path / "file")
    monkeypatch.setenv("LEPTON_WORKSPACE", str(tmp_path / "file" / "deeper"))
    with pytest.warns(RuntimeWarning, match="kept in memory only"):
        assert default_recorder() is None


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "lepton.db").write_bytes(b"something else entirely " * 100)
    with pytest.raises(StoreError, match="Move the file away"):
        Workspace(tmp_path)


def test_a_read_only_store(workspace, by_hand, monkeypatch):
    finished(by_hand, "old")
    connect = Database.connection

    def read_only(self):
        connection = connect(self)
        connection.execute("PRAGMA query_only = 1")
        return connection

    monkeypatch.setattr(Database, "connection", read_only)
    with pytest.raises(StoreError, match="Choose a folder that you may write to"):
        workspace.open_run("old").star()
    assert workspace.open_run("old").state is RunState.FINISHED


def _open_and_write(folder, number):
    workspace = Workspace(folder)
    for i in range(20):
        workspace.project(f"{number}-{i}").settings = {"i": i}
    workspace.close()


def test_many_processes_may_create_one_store_at_once(tmp_path):
    writers = [processes.in_process(_open_and_write, tmp_path / "new", n) for n in range(3)]
    for process in writers:
        process.join(60)
        assert process.exitcode == 0
    assert len(Workspace(tmp_path / "new").projects()) == 60


def test_nothing_warns_on_an_ordinary_day(workspace, by_hand):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        finished(by_hand, "quiet")
        assert workspace.runs()["state"].tolist() == ["finished"]


def test_reading_records_loads_no_torch(workspace):
    code = "import sys, lepton_lab.workspace as w; w.runs(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False"]
