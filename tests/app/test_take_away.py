"""'Take away' on the wire: what it offers, making a file in the background, cancelling, and what goes wrong."""

from __future__ import annotations

import threading
import zipfile

import pytest

import lepton_lab as ll
from lepton_lab.app import take_away, words_take_away
from lepton_lab.app.take_away import TakeAwayPage
from lepton_lab.errors import SpecError
from lepton_lab.network import zoo


@pytest.fixture(scope="module")
def iris():
    return ll.load_dataset("iris")


@pytest.fixture
def shelf(visit, wire):
    shelf = TakeAwayPage(visit)
    yield shelf
    shelf.close()


@pytest.fixture
def learnt(visit, iris, workspace):
    """A project whose network has been trained; returns a function that trains once more."""
    visit.create("Flowers / 🎉 one", iris, network=zoo.mlp(iris.sample_shape, 3))

    def train(epochs=2):
        run = visit.work.start("thread") if epochs is None else start(epochs)
        visit.use_run(run)
        return run

    def start(epochs):
        visit.change_settings({"epochs": epochs, "probes": None})
        run = visit.work.start("thread").wait()
        return workspace.open_run(run.id)

    train()
    return train


def test_without_a_project_it_leads_to_the_start(shelf, open_view, visit):
    view = open_view(shelf)
    assert shelf.view["empty"] == words_take_away.NO_PROJECT
    view.ok("go", page="start")
    assert visit.page == "start"


def test_before_training_it_says_to_train_first(shelf, open_view, visit, iris):
    visit.create("Flowers", iris)
    assert shelf.view["empty"]["title"] == "Train first"
    open_view(shelf).ok("go", page=shelf.view["empty"]["page"])
    assert visit.page == "train"
    assert open_view(shelf).ok("make", kind="model") is None


def test_makes_a_file_where_the_server_gives_it_out(shelf, open_view, visit, learnt, workspace):
    view = open_view(shelf)
    view.ok("ask", kind="model")
    assert shelf.view["queue"] == ["model"]
    made = view.ok("make", kind="model")
    assert made == {"project": visit.project_id, "name": "Flowers-one-model.zip"}
    path = workspace.folder / "exports" / visit.project_id / made["name"]
    assert ll.load_model(path).classes == ("setosa", "versicolor", "virginica")
    shown = shelf.view["made"]["model"]
    assert shown["size"] == path.stat().st_size
    assert not shown["old"]
    assert shelf.view["queue"] == []
    shares = [m.content["share"] for m in view.wire.of("progress")]
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_another_page_of_the_project_shows_it_too(shelf, open_view, visit, learnt):
    open_view(shelf).ok("make", kind="report")
    other = TakeAwayPage(visit)
    assert other.view["made"]["report"]["name"] == "Flowers-one-report.html"
    other.close()


def test_a_file_of_an_earlier_run_is_old_and_is_replaced(shelf, open_view, visit, learnt, workspace):
    view = open_view(shelf)
    view.ok("make", kind="notebook")
    learnt(epochs=1)
    assert shelf.view["made"]["notebook"]["old"]
    visit.work.project.rename("Other")
    visit.refresh()
    view.ok("make", kind="notebook")
    assert not shelf.view["made"]["notebook"]["old"]
    names = {p.name for p in (workspace.folder / "exports" / visit.project_id).iterdir()}
    assert names == {"Other-notebook.zip", ".made.json"}


def test_everything_names_what_it_leaves_out(shelf, open_view, visit, learnt, workspace, monkeypatch):
    from lepton_lab.export import to_onnx

    def refuse(subject):
        raise SpecError("no such layer in ONNX")

    monkeypatch.setattr(to_onnx, "onnx_files", refuse)
    made = open_view(shelf).ok("make", kind="everything")
    with zipfile.ZipFile(workspace.folder / "exports" / made["project"] / made["name"]) as archive:
        assert {"report.html", "README.md"} < set(archive.namelist())
    assert shelf.view["made"]["everything"]["notes"] == ["onnx is not in it: no such layer in ONNX."]


def test_what_cannot_be_made_is_said_on_its_card(shelf, open_view, visit, learnt, monkeypatch):
    def refuse(*_, **__):
        raise SpecError("layer 'x' has no code")

    monkeypatch.setattr(take_away, "export", refuse)
    view = open_view(shelf)
    assert view.ok("make", kind="python") is None
    problem = shelf.view["problems"]["python"]
    assert problem["title"] == "This network cannot be written down in this form"
    assert "has no code" in problem["detail"]
    monkeypatch.setattr(take_away, "export", lambda *_, **__: 1 / 0)
    view.ok("make", kind="python")
    assert shelf.view["problems"]["python"]["title"] == "This could not be made"
    assert isinstance(shelf.error, ZeroDivisionError)
    learnt(epochs=1)
    assert shelf.view["problems"] == {}


def test_one_can_be_given_up_while_it_is_made_and_while_it_waits(
    shelf, open_view, visit, learnt, workspace, monkeypatch
):
    begun, go_on, real = threading.Event(), threading.Event(), take_away.export

    def slow(kind, *args, progress, **keys):
        begun.set()
        assert go_on.wait(20)
        return real(kind, *args, progress=progress, **keys)

    monkeypatch.setattr(take_away, "export", slow)
    view = open_view(shelf)
    for kind in ("model", "report"):
        view.ok("ask", kind=kind)
        view.send("make", kind=kind)
    assert begun.wait(20)
    assert shelf.view["queue"] == ["model", "report"]
    view.ok("cancel", kind="model")
    view.ok("cancel", kind="report")
    assert shelf.view["stopping"] == ["model", "report"]
    go_on.set()
    view.wire.wait(lambda: not shelf.view["stopping"])
    assert shelf.view["made"] == {}
    assert shelf.view["problems"] == {}
    folder = workspace.folder / "exports" / visit.project_id
    assert not folder.exists() or not list(folder.iterdir())
    assert view.ok("make", kind="model") is not None


def test_an_unknown_kind_is_refused(shelf, open_view, learnt):
    answer = open_view(shelf).call("ask", kind="exe").content
    assert not answer["ok"]


def test_the_project_s_data_are_used_only_where_the_run_had_them(shelf, visit, learnt, iris):
    run = visit.work.run
    assert take_away._same_data(run, visit.work.data) is visit.work.data
    assert take_away._same_data(run, ll.load_dataset("iris", seed=5)) is None
