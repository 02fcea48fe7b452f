"""The frame: every page is made when it is looked at, and the address, the state and the pages agree."""

import pytest

from lepton_lab import load_dataset
from lepton_lab.app.app import App
from lepton_lab.app.visit import PAGES


@pytest.fixture(scope="module")
def digits():
    return load_dataset("mnist-sample")


@pytest.fixture
def app(wire, workspace):
    made = App(workspace)
    yield made
    made.close()


def test_it_begins_at_the_start_page_which_is_there_at_once(app, open_view):
    view = open_view(app)
    assert (app.address, app.state["page"], app.state["project"]) == ("start", "start", None)
    view.ok("show", page="start")
    assert len(app.refs["start"]) == 1


@pytest.mark.parametrize("place", [place for place in PAGES if place != "help"])
def test_every_page_can_be_opened(app, open_view, digits, place):
    app.visit.create("Digits", digits)
    if place not in ("inspect", "evaluate"):  # they need a run
        view = open_view(app)
        view.ok("go", page=place)
        view.ok("show", page=place)
        assert app.state["page"] == place
        assert len(app.refs[place]) == 1
        assert view.ok("show", page=place) is None
        assert len(app.refs[place]) == 1


def test_a_reloaded_page_comes_back_to_its_project(app, open_view, workspace, digits, wire):
    project = app.visit.create("Digits", digits, page="data")
    address = app.address
    assert address == f"p/{project}/data"
    again = App(workspace)
    view = open_view(again)
    view.ok("arrive", address=address)
    assert again.state["project"]["title"] == "Digits"
    wire.wait(lambda: again.state["busy"] == "" and again.state["project"]["marks"]["data"])
    again.close()


def test_another_project_gets_views_of_its_own(app, open_view, digits):
    view = open_view(app)
    app.visit.create("One", digits, page="data")
    view.ok("show", page="data")
    (first,) = app.refs["data"]
    app.visit.create("Two", digits, page="data")
    view.ok("show", page="data")
    (second,) = app.refs["data"]
    assert first != second


def test_a_message_can_be_taken_off(app, open_view):
    view = open_view(app)
    view.ok("arrive", address="p/gone/train")
    assert app.state["problem"]["title"]
    view.ok("dismiss")
    assert app.state["problem"] is None
