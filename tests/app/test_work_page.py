"""'My work' on the wire: what it lists, what changes live, and what each order does."""

from __future__ import annotations

import pytest

from lepton_lab import load_dataset
from lepton_lab.app import words_work
from lepton_lab.app.work_page import WorkPage
from lepton_lab.training.status import RunState
from lepton_lab.workspace import StoreRecorder, Workspace
from tests.workspace.hand_driven import HandDriven


@pytest.fixture(scope="module")
def iris():
    return load_dataset("iris")


@pytest.fixture
def by_hand(workspace):
    """Starts runs that a test drives; ends those that it left running."""
    started = []

    def start(project, name="first", **settings):
        run, recorder = HandDriven(name, **settings), StoreRecorder(workspace, project=project)
        run.data = {"name": "iris", "samples": {"train": 106, "valid": 44}, "classes": ["a", "b"], "sample_shape": [4]}
        recorder.attach(run)
        started.append((run, recorder))
        return run

    def end(run, state=RunState.FINISHED):
        run.set_state(state)
        next(recorder for other, recorder in started if other is run).detach(run)

    start.end = end
    yield start
    for run, _ in started:
        if not run.status.state.ended:
            end(run, RunState.STOPPED)


def epoch(run, accuracy):
    run.train(2)
    run.history.epochs.append((len(run.history.epochs) + 1, 1.0, 0.5, 1.0, accuracy, 0.1, 1.0))
    run.set_state(RunState.RUNNING, epoch=len(run.history.epochs))


@pytest.fixture
def page(visit, wire):
    page = WorkPage(visit)
    yield page
    page.close()


def titles(listing):
    return [row["title"] for row in listing["projects"]]


def test_an_empty_workspace_has_no_projects(page, open_view):
    assert open_view(page).ok("listing") == {"projects": [], "runs": {}}


def test_a_project_tells_its_data_and_how_its_newest_run_does(page, visit, open_view, by_hand, iris):
    visit.create("Flowers", iris, about={"door": "example"})
    visit.go("work")
    (row,) = open_view(page).ok("listing")["projects"]
    assert (row["title"], row["door"], row["runs"], row["run"], row["network"]) == ("Flowers", "example", 0, None, True)
    assert row["data"] == {"name": "iris", "form": "rows", "samples": 150, "classes": 3}
    run = by_hand("Flowers")
    for accuracy in (0.5, 0.75, 0.7):
        epoch(run, accuracy)
    run.set_state(RunState.FINISHED, best_epoch=2)
    by_hand.end(run)
    (row,) = open_view(page).ok("listing")["projects"]
    assert (row["run"]["state"], row["run"]["live"], row["run"]["epoch"]) == ("finished", False, 3)
    assert (row["run"]["metric"], row["run"]["best"], row["run"]["spark"]) == ("val_accuracy", 0.75, [0.5, 0.75, 0.7])


def test_what_is_used_last_comes_first(page, workspace, open_view, by_hand):
    workspace.project("old")
    workspace.project("new")
    view = open_view(page)
    assert titles(view.ok("listing")) == ["new", "old"]
    by_hand("old")
    assert titles(view.ok("listing")) == ["old", "new"]


def test_a_live_run_moves_in_the_view(page, workspace, open_view, by_hand, wire, fast_pump):
    workspace.project("Digits")
    workspace.project("quiet")
    view = open_view(page)
    view.ok("listing")
    view.look()
    run = by_hand("Digits")
    epoch(run, 0.5)
    wire.wait(lambda: any(_epochs(m, "Digits") == [1] for m in wire.of("moved")))
    wire.clear()
    epoch(run, 0.9)
    moved = wire.wait(lambda: next((m for m in wire.of("moved") if _epochs(m, "Digits") == [2]), None))
    assert [row["title"] for row in moved.content["projects"]] == ["Digits"]  # what did not change is not sent
    assert len(moved.content["ids"]) == 2


def _epochs(message, title):
    rows = message.content["projects"]
    return [row["run"]["epoch"] for row in rows if row["title"] == title and row["run"]]


def test_an_unfolded_project_has_its_runs(page, workspace, open_view, by_hand, wire):
    project = workspace.project("Digits")
    first, second = by_hand("Digits", "one"), by_hand("Digits", "two")
    page.unfolded = [project.id, "gone"]
    view = open_view(page)
    rows = view.ok("listing")["runs"]
    assert {i: [row["name"] for row in found] for i, found in rows.items()} == {project.id: ["two", "one"]}
    view.ok("star_run", run_id=first.id, on=True)
    view.ok("rename_run", run_id=second.id, name=" better ")
    rows = view.ok("listing")["runs"][project.id]
    assert [(row["name"], row["star"]) for row in rows] == [("better", False), ("one", True)]
    assert not view.call("rename_run", run_id=second.id, name=" ").content["ok"]
    assert "Stop it first" in str(view.call("delete_run", run_id=first.id).content["error"])
    by_hand.end(first)
    view.ok("delete_run", run_id=first.id)
    assert [row["name"] for row in view.ok("listing")["runs"][project.id]] == ["better"]


def test_a_project_is_renamed_copied_and_a_taken_name_is_refused(page, workspace, open_view, wire):
    project = workspace.project("Digits")
    view = open_view(page)
    view.ok("rename", project_id=project.id, title="Zahlen")
    copy = view.ok("duplicate", project_id=project.id)
    assert sorted(titles(view.ok("listing"))) == ["Zahlen", "Zahlen (copy)"]
    assert workspace.project_by_id(copy).name == "Zahlen (copy)"
    answer = view.call("rename", project_id=copy, title="Zahlen").content
    assert not answer["ok"]
    assert "already a project called 'Zahlen'" in answer["error"]["title"]
    assert wire.of("moved")[-1].content["ids"] == [copy, project.id]  # other views hear of it


def test_deleting_says_what_goes_and_waits_for_a_run_to_stop(page, workspace, open_view, by_hand, wire):
    project = workspace.project("Digits")
    upload = workspace.folder / "uploads" / "abc123"
    upload.mkdir(parents=True)
    (upload / "rows.csv").write_bytes(b"x" * 1000)
    exports = workspace.folder / "exports" / project.id
    exports.mkdir(parents=True)
    (exports / "model.safetensors").write_bytes(b"x" * 500)
    project.about = {"door": "table", "upload": "abc123"}
    run = by_hand("Digits", "live")
    view = open_view(page)
    gone = view.ok("gone_with", project_id=project.id)
    assert (gone["runs"], gone["live"], gone["exports"], gone["uploads"]) == (1, ["live"], 1, 1)
    assert gone["bytes"] >= 1500
    answer = view.call("delete", project_id=project.id).content
    assert not answer["ok"]
    assert "Stop that run first" in answer["error"]["fix"]
    by_hand.end(run, RunState.STOPPED)
    view.ok("delete", project_id=project.id)
    assert view.ok("listing")["projects"] == []
    assert not upload.exists()
    assert not exports.exists()
    error = view.call("open_project", project_id=project.id).content["error"]
    assert (error["title"], error["fix"]) == (words_work.GONE, words_work.GONE_FIX)


def test_an_upload_that_a_copy_uses_stays(page, workspace, open_view):
    upload = workspace.folder / "uploads" / "abc123"
    upload.mkdir(parents=True)
    project = workspace.project("Digits")
    project.about = {"upload": "abc123"}
    view = open_view(page)
    copy = view.ok("duplicate", project_id=project.id)
    assert view.ok("gone_with", project_id=project.id)["uploads"] == 0
    view.ok("delete", project_id=project.id)
    assert upload.exists()
    assert view.ok("gone_with", project_id=copy)["uploads"] == 1


def test_a_stop_ends_what_waits(page, workspace, open_view):
    from lepton_lab.workspace.queue import enqueue

    project = workspace.project("Digits")
    enqueue(workspace.database, name="waits", network={}, data={}, settings={"epochs": 3}, project="Digits")
    view = open_view(page)
    assert view.ok("listing")["projects"][0]["run"]["state"] == "queued"
    view.ok("stop", project_id=project.id)
    assert view.ok("listing")["projects"][0]["run"]["state"] == "stopped"


def test_two_runs_are_compared_in_plain_words(page, workspace, open_view, by_hand):
    workspace.project("Digits")
    one, two = by_hand("Digits", "one", batch_size=32), by_hand("Digits", "two", batch_size=64)
    two.settings["lr"] = 0.5
    for run in (one, two):
        by_hand.end(run)
    found = dict(open_view(page).ok("differences", run_ids=[one.id, two.id])["settings"])
    assert found["samples at a time (batch size)"] == ["32", "64"]
    assert not any(name.startswith(("data.", "versions")) for name in found)


def test_opening_goes_to_the_project_and_to_the_run(page, visit, workspace, open_view, by_hand, iris):
    project_id = visit.create("Flowers", iris)
    first = by_hand("Flowers", "one")
    by_hand("Flowers", "two")
    visit.go("work")
    view = open_view(page)
    view.ok("open_project", project_id=project_id)
    assert (visit.project_id, visit.page, visit.work.run.name) == (project_id, "train", "two")
    visit.go("work")
    view.ok("open_run", project_id=project_id, run_id=first.id)
    assert (visit.project_id, visit.page, visit.work.run.id) == (project_id, "train", first.id)
    view.ok("start_new")
    assert visit.page == "start"


def test_another_process_that_deletes_is_noticed(page, workspace, open_view, wire, fast_pump):
    workspace.project("Digits")
    view = open_view(page)
    assert titles(view.ok("listing")) == ["Digits"]
    view.look()
    Workspace(workspace.folder).project("Digits").delete()
    wire.wait(lambda: any(m.content["ids"] == [] for m in wire.of("moved")))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lr", "step size (learning rate)"),
        ("network.conv2d_1.out_channels", "conv2d_1: out channels"),
        ("clip_norm", "clip norm"),
    ],
)
def test_settings_have_plain_names(name, says):
    assert words_work.setting(name) == says


def test_values_are_texts():
    found = [words_work.value(v) for v in (None, True, 0.001, ["a", "b"], [], "adam")]
    assert found == ["–", "yes", "0.001", "a, b", "none", "adam"]
