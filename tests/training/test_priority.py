"""Trainings give way to what else a machine does, where that is asked for."""

import os
import sys
import threading

import pytest

from lepton_lab import LambdaCallback, TrainingError
from lepton_lab.training import Slots, Trainer


@pytest.mark.skipif(sys.platform != "linux", reason="threads have a priority of their own on Linux only")
def test_trainings_give_way_where_that_is_asked_for(monkeypatch, blobs, mlp):
    def priority_of_a_training():
        seen = []

        def look(batch, logs):
            seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

        callback = LambdaCallback(on_train_batch_end=look)
        Trainer(mlp(), callbacks=[callback]).fit(blobs, 1, verbose=0)
        assert len(set(seen)) == 1
        return seen[0]

    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert priority_of_a_training() == own
    monkeypatch.setenv("LEPTON_NICE", str(own + 4))
    assert priority_of_a_training() == own + 4
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


def test_a_priority_that_is_none_is_refused_and_the_next_training_is_not_kept_waiting(monkeypatch, blobs, mlp):
    slots = Slots(1)
    monkeypatch.setenv("LEPTON_NICE", "low")
    with pytest.raises(TrainingError, match=r"LEPTON_NICE.*'low'"):
        Trainer(mlp()).fit(blobs, 1, verbose=0, slots=slots)
    monkeypatch.delenv("LEPTON_NICE")
    assert Trainer(mlp()).start(blobs, 1, slots=slots).wait(60).state == "finished"
