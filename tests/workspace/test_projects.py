"""Projects keep their id through everything that is done to them, in two processes at once too."""

from __future__ import annotations

import sqlite3

import pytest

from lepton_lab.errors import StoreError
from lepton_lab.training.status import RunState
from lepton_lab.workspace import Workspace, schema
from tests.workspace import processes


@pytest.fixture
def digits(workspace):
    project = workspace.project("Digits")
    project.network, project.settings = {"layers": []}, {"lr": 0.1}
    project.data = {"loader": "load_dataset", "args": {"name": "mnist"}}
    project.about = {"door": "example"}
    return project


def trained(by_hand, project, name="first", epochs=2):
    run = by_hand(name, details={"project": project})
    for _ in range(epochs):
        run.train(2)
        run.end_epoch()
    by_hand.end(run)
    return run


def test_the_id_is_stable_short_and_fit_for_an_address(workspace, digits):
    assert digits.id.isalnum()
    assert len(digits.id) <= 12
    assert workspace.project("Digits").id == digits.id
    assert workspace.project("other").id != digits.id
    found = Workspace(workspace.folder).project_by_id(digits.id)
    assert (found.name, found.about, found.network) == ("Digits", {"door": "example"}, {"layers": []})
    assert found.created <= found.updated
    assert workspace.project_by_id("nothing") is None
    assert workspace.project_by_id("Digits") is None


def test_the_listing_tells_of_the_newest_run(workspace, digits, by_hand):
    workspace.project("empty")
    trained(by_hand, "Digits")
    run = by_hand("second", details={"project": "Digits"})
    for value in (0.9, 0.95, 0.93):
        run.train(1)
        run.history.epochs.append((len(run.history.epochs) + 1, 1, 0.5, 1, value, 0.1, 1.0))
    run.set_state(RunState.FINISHED, epoch=3, best_epoch=2)
    by_hand.end(run)
    digits.about = None  # the last changed comes first
    table = workspace.projects()
    assert table["name"].tolist() == ["Digits", "empty"]
    row, empty = table.iloc[0], table.iloc[1]
    assert (row["id"], row["runs"], row["run"], row["run_name"]) == (digits.id, 2, run.id, "second")
    assert (row["state"], row["epoch"], row["epochs"]) == ("finished", 3, 3)
    assert (row["metric"], row["best"]) == ("val_accuracy", pytest.approx(0.95))
    assert row["updated"].timestamp() == pytest.approx(digits.updated, abs=1e-3)
    assert (empty["runs"], empty["run"]) == (0, "")
    assert Workspace(workspace.folder / "nobody").projects().empty


def test_renaming_keeps_the_id_and_takes_the_runs_along(workspace, digits, by_hand):
    run = trained(by_hand, "Digits")
    workspace.project("taken")
    other = Workspace(workspace.folder).project("Digits")
    digits.rename("  Zahlen ")
    assert (digits.name, other.name, workspace.project("Zahlen").id) == ("Zahlen", "Zahlen", digits.id)
    assert digits.runs["id"].tolist() == [run.id]
    other.settings = {"lr": 0.2}  # whoever has it open goes on writing to it
    assert workspace.project_by_id(digits.id).settings == {"lr": 0.2}
    with pytest.raises(StoreError, match="already a project called 'taken'"):
        digits.rename("taken")
    with pytest.raises(StoreError, match="needs a name"):
        digits.rename(" ")
    digits.rename("Zahlen")
    assert digits.name == "Zahlen"


def test_a_run_that_waits_or_trains_follows_a_rename(workspace, digits, by_hand):
    run = by_hand("live", details={"project": "Digits"})
    digits.rename("Zahlen")
    run.train(3)
    run.end_epoch()
    by_hand.end(run)
    assert digits.runs["name"].tolist() == ["live"]
    again = by_hand("live", run_id=run.id, details={"project": "Digits"})  # what a worker knew when it took the run
    assert workspace.open_run(again.id).project == "Zahlen"


def test_a_duplicate_has_everything_but_the_runs(workspace, digits, by_hand):
    trained(by_hand, "Digits")
    copy = digits.duplicate()
    assert copy.name == "Digits (copy)"
    assert copy.id != digits.id
    for part in ("network", "data", "settings", "about"):
        assert getattr(copy, part) == getattr(digits, part)
    assert copy.runs.empty
    copy.settings = {"lr": 1.0}
    assert digits.settings == {"lr": 0.1}
    assert [copy.duplicate().name, digits.duplicate("mine").name] == ["Digits (copy 2)", "mine"]
    with pytest.raises(StoreError, match="already a project called 'mine'"):
        digits.duplicate("mine")


def test_deleting_takes_runs_and_files_and_leaves_those_of_others(workspace, digits, by_hand):
    run, stray = trained(by_hand, "Digits"), trained(by_hand, "other")
    uploads = workspace.folder / "uploads"
    for name in ("shared", "own", "named", "unrelated"):
        (uploads / name).mkdir(parents=True)
    (workspace.folder / "exports" / digits.id).mkdir(parents=True)
    digits.about = {"door": "images", "upload": "own"}
    digits.data = {"loader": "load_images", "args": {"folder": str(uploads / "named" / "pictures")}}
    with_copy = workspace.project("shares")
    with_copy.about = {"upload": "shared"}
    workspace.project("shares too").about = {"upload": "shared"}
    with_copy.delete()
    digits.delete()
    assert sorted(p.name for p in uploads.iterdir()) == ["shared", "unrelated"]
    assert not (workspace.folder / "exports" / digits.id).exists()
    assert not workspace.run_folder(run.id).exists()
    assert workspace.run_folder(stray.id).exists()
    assert workspace.runs()["id"].tolist() == [stray.id]
    assert workspace.project_by_id(digits.id) is None
    assert digits.network is None
    for late in (lambda: digits.rename("x"), digits.delete, lambda: setattr(digits, "settings", {})):
        with pytest.raises(StoreError, match="no longer there"):
            late()


def test_an_upload_that_climbs_is_left_alone(workspace, tmp_path):
    (tmp_path / "precious").mkdir()
    (workspace.folder / "uploads").mkdir()
    project = workspace.project("odd")
    project.about = {"upload": "../../precious"}
    project.data = {"loader": "load_images", "args": {"folder": f"{workspace.folder}/uploads/../../precious"}}
    project.delete()
    assert (tmp_path / "precious").exists()


def test_a_project_that_trains_is_not_deleted(workspace, digits, by_hand):
    run = by_hand("live", details={"project": "Digits"})
    with pytest.raises(StoreError, match=r"its run 'live' is running\. Stop that run first"):
        digits.delete()
    assert digits.runs["id"].tolist() == [run.id]
    by_hand.end(run, RunState.STOPPED)
    digits.delete()
    assert workspace.projects().empty


def _rename_and_write(folder, project_id, number):
    project = Workspace(folder).project_by_id(project_id)
    for i in range(15):
        project.rename(f"{number} {i}")
        project.settings = {"by": number}
    project.duplicate()


def test_two_processes_work_on_one_project(workspace, digits, by_hand):
    run = trained(by_hand, "Digits")
    writers = [processes.in_process(_rename_and_write, workspace.folder, digits.id, n) for n in range(2)]
    for process in writers:
        process.join(60)
        assert process.exitcode == 0
    assert digits.name in ("0 14", "1 14")
    assert digits.runs["id"].tolist() == [run.id]
    assert workspace.projects()["id"].nunique() == 3


@pytest.mark.parametrize("version", [1, 2])
def test_a_store_without_ids_gets_them(tmp_path, version, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:version])
        old = Workspace(tmp_path)
        with old.database.write() as connection:
            for name in ("one", "two"):
                insert = "INSERT INTO projects (name, settings, created, updated) VALUES (?, '{\"lr\":0.5}', 1.0, 2.0)"
                connection.execute(insert, (name,))
                run = "INSERT INTO runs (id, project, name, state, created) VALUES (?, ?, 'r', 'finished', 3.0)"
                connection.execute(run, (f"run of {name}", name))
        old.close()
    assert sqlite3.connect(tmp_path / "lepton.db").execute("PRAGMA user_version").fetchone() == (version,)
    workspace = Workspace(tmp_path)
    assert workspace.database.row("PRAGMA user_version")[0] == len(schema.MIGRATIONS)
    table = workspace.projects().set_index("name")
    assert table["id"].nunique() == 2
    assert table.loc["two", "run"] == "run of two"
    project = workspace.project_by_id(table.loc["one", "id"])
    assert (project.name, project.settings, project.about, project.updated) == ("one", {"lr": 0.5}, None, 2.0)
    assert workspace.project("one").id == project.id
    workspace.close()
