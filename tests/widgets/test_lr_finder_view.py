"""The search for a learning rate: its curve while it runs, the end of it by order, and 'use this'."""

import threading

import numpy as np
import pytest

import lepton_lab as ll
from lepton_lab.errors import TrainingError
from lepton_lab.training.lr_finder import lr_find
from lepton_lab.widgets.lr_finder_view import LRFinderView


@pytest.fixture(autouse=True)
def _no_front_end(monkeypatch):
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: "export default {}")


@pytest.fixture(scope="module")
def digits():
    return ll.load_dataset("mnist-sample")


@pytest.fixture
def trainer():
    return ll.Trainer(ll.NetworkSpec([ll.Flatten(), ll.Linear(16), ll.ReLU(), ll.Linear(10)], input_shape=(1, 28, 28)))


def test_a_search_gives_the_curve_of_lr_find(wire, open_view, trainer, digits):
    finder = LRFinderView(trainer, digits, steps=40)
    view = open_view(finder)
    view.look()
    answer = view.ok("search")
    expected = lr_find(trainer, digits, steps=40)
    assert answer == {"state": "done", "suggestion": expected.suggestion}
    whole = view.call("catch_up")
    lr, loss = whole.array(0).reshape(2, -1)
    np.testing.assert_allclose(lr, expected.lrs, rtol=1e-6)
    np.testing.assert_allclose(loss, expected.losses, rtol=1e-4)  # one thread or two: sums of another order
    assert finder.state == "done"
    pieces = wire.of("points")
    assert pieces[0].content["from"] == 0
    assert pieces[-1].content["total"] == len(expected.lrs)
    assert finder.still().count("<polyline") == 1


def test_a_search_is_cancelled_and_keeps_what_it_found(wire, open_view, trainer, digits, monkeypatch):
    finder = LRFinderView(trainer, digits, steps=10_000)
    view = open_view(finder)
    tried = threading.Event()
    watch = finder._watch

    def watched(lr, loss):
        if len(finder._points) == 5:
            tried.set()
        return watch(lr, loss)

    monkeypatch.setattr(finder, "_watch", watched)
    order = view.send("search")
    assert tried.wait(20)
    assert finder.state == "searching"
    view.ok("cancel")
    wire.wait(lambda: [m for m in wire.of("answer") if m.content["id"] == order])
    assert finder.state == "cancelled"
    assert finder.suggestion == 0.0
    assert 5 <= view.ok("catch_up")["total"] < 10_000


def test_use_sets_the_rate_of_the_trainer(wire, open_view, trainer, digits):
    taken = []
    finder = LRFinderView(trainer, digits, on_use=taken.append)
    assert open_view(finder).ok("use", lr=0.012345) == 0.0123
    assert trainer.settings.lr == finder.lr == 0.0123
    assert taken == [0.0123]
    assert "lr" in open_view(finder).call("use", lr=-1.0).content["error"]["title"]
    assert finder.lr == 0.0123


def test_a_search_that_fails_says_why(wire, open_view, digits):
    trainer = ll.Trainer(ll.NetworkSpec([ll.Flatten(), ll.Linear(10)], input_shape=(1, 28, 28)), optimizer="lbfgs")
    finder = LRFinderView(trainer, digits)
    assert "step length" in open_view(finder).call("search").content["error"]["title"]
    assert finder.state == "failed"


def test_a_search_needs_a_trainer(wire, digits):
    with pytest.raises(TrainingError, match="Trainer"):
        LRFinderView("adam", digits)
