"""A visit: addresses, projects, and what others change meanwhile."""

import pytest

from lepton_lab import Flatten, Linear, NetworkSpec, load_dataset
from lepton_lab.app.visit import PAGES, STEPS, Visit
from lepton_lab.errors import TrainingError, UnknownNameError


@pytest.fixture(scope="module")
def digits():
    return load_dataset("mnist-sample")


def loaded(wire, visit):
    wire.wait(lambda: not visit.busy)


@pytest.mark.parametrize("place", [place for place in PAGES if place not in STEPS])
def test_a_page_is_found_again_by_its_address(visit, place):
    visit.go(place)
    other = Visit(visit.workspace)
    other.visit(visit.address)
    assert other.page == place


@pytest.mark.parametrize("place", STEPS)
def test_a_project_is_found_again_by_its_address(wire, visit, digits, place):
    visit.create("Ziffern 0–9 ✎", digits, page=place)
    other = Visit(visit.workspace)
    other.visit(visit.address)
    loaded(wire, other)
    assert (other.page, other.title) == (place, "Ziffern 0–9 ✎")
    assert other.work.data.fingerprint == digits.fingerprint
    assert other.work.network == visit.work.network


def test_what_follows_the_question_mark_survives(visit):
    visit.go("new/table", {"upload": "a b&c", "sheet": "ä"})
    other = Visit(visit.workspace)
    other.visit(visit.address)
    assert other.query == {"upload": "a b&c", "sheet": "ä"}


@pytest.mark.parametrize("address", ["", "nowhere", "p", "p/", "p/none/train", "train", "#/p/../../etc/passwd", "?a"])
def test_an_address_that_leads_nowhere_leads_to_the_start(visit, address):
    visit.visit(address)
    assert visit.page == "start"
    assert visit.work is None


def test_a_missing_project_is_said(visit):
    visit.visit("p/gone/train")
    assert visit.problem["title"] == "There is no such project here"
    visit.go("work")
    assert visit.problem is None


def test_titles_are_made_unique(visit, digits):
    first, second = visit.create("Digits", digits), visit.create("Digits", digits)
    assert first != second
    assert set(visit.workspace.projects()["name"]) == {"Digits", "Digits 2"}


def test_two_browsers_see_the_same_project(wire, visit, digits):
    visit.create("Digits", digits)
    other = Visit(visit.workspace)
    other.visit(visit.address)
    loaded(wire, other)
    heard = []
    end = other.on_change(heard.append)
    other.refresh()
    assert heard == []
    network = NetworkSpec([Flatten(), Linear(10)], input_shape=digits.sample_shape)
    visit.use_network(network)
    visit.workspace.project_by_id(visit.project_id).rename("Figures")
    other.refresh()
    assert heard == ["network"]
    assert other.work.network == network
    assert other.title == "Figures"
    end()
    visit.use_network(NetworkSpec([Flatten(), Linear(12)], input_shape=digits.sample_shape))
    other.refresh()
    assert heard == ["network"]


def test_a_project_that_somebody_deleted_is_left(visit, digits):
    visit.create("Digits", digits)
    visit.workspace.project_by_id(visit.project_id).delete()
    visit.refresh()
    assert (visit.page, visit.work) == ("start", None)
    assert visit.problem is not None


def test_a_run_of_one_browser_is_shown_in_the_other(wire, visit, digits, monkeypatch):
    monkeypatch.setattr("lepton_lab.workspace.elsewhere.ensure_worker", lambda *_: False)  # it stays in the queue
    visit.create("Digits", digits, page="network")
    other = Visit(visit.workspace)
    other.visit(visit.address)
    loaded(wire, other)
    run = visit.train(epochs=2)
    assert visit.page == "train"
    assert (run.project, str(run.state), run.settings["epochs"]) == ("Digits", "queued", 2)
    other.refresh()
    assert other.work.run.id == run.id


def test_without_data_nothing_is_trained(visit, digits):
    visit.create("Digits", digits)
    visit.work.data = None
    with pytest.raises(TrainingError, match="no data"):
        visit.train()
    with pytest.raises(UnknownNameError):
        visit.go("trian")
