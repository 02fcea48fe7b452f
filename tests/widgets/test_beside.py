"""Looks beside a training: seldom, one at a time, and what they have to load is no part of them."""

import threading
from types import SimpleNamespace

import pytest

from lepton_lab.widgets import _beside
from lepton_lab.widgets._beside import Beside


@pytest.fixture
def clock(monkeypatch):
    found = SimpleNamespace(now=0.0)
    monkeypatch.setattr(_beside, "time", SimpleNamespace(monotonic=lambda: found.now))
    return found


def looked(beside, *mark):
    """Whether a look was begun; waits until it has ended."""
    begun = beside.due(mark)
    while beside.busy:
        threading.Event().wait(0.001)
    return begun


def test_a_look_is_made_where_something_is_new_and_the_last_one_is_a_while_ago(clock):
    made = []
    beside = Beside(lambda: made.append(clock.now), pause_s=4.0, most_share=0.01, failed=made.append)
    assert looked(beside, 1)
    clock.now = 10.0
    assert not looked(beside, 1)
    assert looked(beside, 2)
    clock.now = 13.9
    assert not looked(beside, 3)
    clock.now = 14.0
    assert looked(beside, 3)
    assert made == [0.0, 10.0, 14.0]


def test_a_slow_look_is_made_more_seldom_and_loading_does_not_count(clock):
    def load():
        clock.now += 50.0

    def work():
        clock.now += 0.1

    beside = Beside(work, pause_s=4.0, most_share=0.01, failed=pytest.fail, prepare=load)
    assert looked(beside, 1)
    assert clock.now == pytest.approx(50.1)
    clock.now = 60.0
    assert not looked(beside, 2)
    clock.now = 60.2
    assert looked(beside, 2)
    assert clock.now == pytest.approx(60.3)


def test_what_goes_wrong_is_handed_over_and_the_next_look_is_made(clock):
    errors = []
    beside = Beside(lambda: 1 / 0, pause_s=1.0, most_share=0.5, failed=errors.append)
    assert looked(beside, 1)
    clock.now = 2.0
    assert looked(beside, 2)
    assert [type(error) for error in errors] == [ZeroDivisionError] * 2
