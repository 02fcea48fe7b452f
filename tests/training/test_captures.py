"""Whoever records a graph is alone: others have left before, and wait until it is over."""

import threading

import pytest

from lepton_lab.training.captures import Turns


def test_one_alone_waits_for_all_inside_and_keeps_others_out():
    turns, said = Turns(), []
    leave, entered, alone, over = (threading.Event() for _ in range(4))

    def inside():
        with turns:
            entered.set()
            leave.wait(10)
            said.append("left")

    def one():
        with turns.alone():
            said.append("alone")
            alone.set()
            over.wait(10)
            said.append("over")

    def later():
        with turns:
            said.append("later")

    threads = [threading.Thread(target=part) for part in (inside, one, later)]
    threads[0].start()
    assert entered.wait(10)
    threads[1].start()
    assert not alone.wait(0.05)
    leave.set()
    assert alone.wait(10)
    threads[2].start()
    threads[2].join(0.05)
    assert said == ["left", "alone"]
    over.set()
    for thread in threads:
        thread.join(10)
    assert said == ["left", "alone", "over", "later"]


def test_many_are_inside_at_once():
    turns, both = Turns(), threading.Barrier(2, timeout=10)

    def inside():
        with turns:
            both.wait()

    threads = [threading.Thread(target=inside) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert not both.broken


def test_an_error_lets_the_others_go_on():
    turns = Turns()
    with pytest.raises(ValueError, match="capture"), turns.alone():
        raise ValueError("capture")
    with pytest.raises(ValueError, match="step"), turns:
        raise ValueError("step")
    done = threading.Thread(target=lambda: turns.alone().__enter__(), daemon=True)
    done.start()
    done.join(10)
    assert not done.is_alive()
