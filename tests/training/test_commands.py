"""Orders, states and slots, without a training."""

import threading

import pytest

from lepton_lab.errors import TrainingError, UnknownNameError
from lepton_lab.training import Command, Controls, RunState, RunStatus, Slots


def test_an_order_counts_once_however_often_it_is_sent():
    controls, command = Controls(), Command("pause", id="x")
    assert controls.send(command)
    assert not controls.send(Command("pause", id="x"))
    assert controls.pending
    assert controls.take() == [command]
    assert not controls.pending
    assert not controls.send(command)


@pytest.mark.parametrize(
    ("args", "error"),
    [
        ({"learning_rate": 1.0}, UnknownNameError),
        ({"lr": -1.0}, TrainingError),
        ({"lr": float("nan")}, TrainingError),
        ({"lr": "0.1"}, TrainingError),
        ({"batch_size": 0}, TrainingError),
        ({"batch_size": 1.5}, TrainingError),
        ({"dropout": 1.0}, TrainingError),
        ({"dropout": True}, TrainingError),
    ],
)
def test_orders_that_make_no_sense_are_refused(args, error):
    with pytest.raises(error):
        Command("set", args)


def test_an_unknown_order_suggests_one():
    with pytest.raises(UnknownNameError, match=r"'pause'"):
        Command("puase")


def test_status_travels_as_plain_data():
    status = RunStatus(state=RunState.PAUSED, epoch=2, metrics={"accuracy": 0.5}, loss=0.25)
    data = status.to_json()
    assert data["state"] == "paused"
    assert RunStatus.from_json({**data, "of_a_newer_version": 1}) == status
    assert RunState.FAILED.ended
    assert not RunState.PAUSED.ended


def test_slots_are_given_in_the_order_of_the_line():
    slots, order = Slots(1), []
    names = ["a", "b", "c"]
    for name in names:
        slots.join(name)

    def work(name):
        assert slots.enter(name, lambda: False)
        order.append(name)
        assert slots.running() == [name]
        slots.leave(name)

    threads = [threading.Thread(target=work, args=(name,)) for name in reversed(names)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(10)
    assert order == names
    assert slots.queue() == []


def test_who_gives_up_leaves_the_line():
    slots = Slots(1)
    slots.join("a")
    slots.join("b")
    assert slots.enter("a", lambda: False)
    assert not slots.enter("b", lambda: True)
    assert slots.queue() == []
    slots.leave("a")
    with pytest.raises(TrainingError, match=r"at least 1"):
        slots.resize(0)
