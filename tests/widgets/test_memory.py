"""Widgets that were opened, looked at, used and closed leave nothing behind in the kernel."""

from __future__ import annotations

import gc
import math
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lepton_lab as ll
from lepton_lab.training.history import History
from lepton_lab.training.run import Run
from lepton_lab.training.status import RunState
from lepton_lab.widgets._base import Widget

ROUNDS = 50
MOST_KB = 6_000  # in a round of 50; one bundle kept with each widget would be 13,000, one sample set far more

LENET = [ll.Conv2d(6, 5), ll.ReLU(), ll.MaxPool2d(2), ll.Flatten(), ll.Linear(10)]


@pytest.fixture(autouse=True)
def _no_front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    # a text of its own for each widget, twice as long as a real module is: one that stays is seen in the memory
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: f"// {name}\n" + 260_000 * "x")


@pytest.fixture(scope="module")
def data() -> Any:
    return ll.load_dataset("mnist-sample")


@pytest.fixture
def live() -> Run:
    """A run that trains all the time, with 3,000 rows."""
    run = Run(
        settings={"epochs": 3, "lr": 0.1, "optimizer": "adam"},
        data={"name": "digits", "task": "multiclass"},
        history=History(["accuracy"], True),
    )
    run.publish(state=RunState.RUNNING, steps=9_000)
    for at in range(1, 3_001):
        run.history.steps.append((at, at / 1000, at / 100, 1 / at, 0.1, math.nan, 1e4, 0.5))
    run.publish(step=3_000, loss=0.5)
    return run


def monitor(data: Any, run: Run) -> tuple[Widget, Callable[[Any], Any]]:
    return ll.TrainingMonitor(run), lambda view: view.ok("catch_up")


def builder(data: Any, run: Run) -> tuple[Widget, Callable[[Any], Any]]:
    widget = ll.NetworkBuilder(ll.NetworkSpec(LENET, input_shape=data.sample_shape), data=data)
    return widget, lambda view: view.ok("code")


def explorer(data: Any, run: Run) -> tuple[Widget, Callable[[Any], Any]]:
    return ll.DataExplorer(data), lambda view: view.ok("overview")


def resident_kb() -> int:
    """Memory that this process alone holds, from the kernel's own account of it."""
    gc.collect()
    fields = dict(line.split(":", 1) for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:])
    return sum(int(fields[name].split()[0]) for name in ("Private_Clean", "Private_Dirty"))


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("lepton-")}


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="only Linux tells a process's own memory")
@pytest.mark.parametrize("make", [monitor, builder, explorer])
def test_opened_and_closed_widgets_leave_memory_flat(wire, open_view, fast_pump, data, live, make) -> None:
    before, kept = threads(), weakref.WeakSet()

    def round_(times: int) -> tuple[int, int]:
        for _ in range(times):
            widget, use = make(data, live)
            kept.add(widget)
            view = open_view(widget)
            view.look()
            use(view)
            widget.close()
            wire.clear()
        del widget, view, use
        return resident_kb(), len(gc.get_objects())

    round_(ROUNDS // 4)  # imports and caches of the first ones
    first_kb, first = round_(ROUNDS)
    second_kb, second = round_(ROUNDS)
    more_kb = second_kb - first_kb
    for _ in range(2):  # what is kept is kept in every round; a heap that other tests have worn grows in one or another
        if more_kb >= MOST_KB:
            before_kb, (second_kb, second) = second_kb, round_(ROUNDS)
            more_kb = second_kb - before_kb
    for thread in threads() - before - {t for t in threads() if t.name == "lepton-monitor-end"}:
        thread.join(20)
    left = threads() - before
    assert len(left) <= (1 if make is monitor else 0), left  # one waits for the end of the run, for all its monitors
    gc.collect()
    assert len(kept) == 0, [type(widget).__name__ for widget in kept]
    assert second - first < 5 * ROUNDS, f"{second - first} objects more after {ROUNDS} widgets"
    assert more_kb < MOST_KB, f"{more_kb} kB more after {ROUNDS} widgets"
    live.publish(state=RunState.STOPPED)
    live._done.set()
    for thread in left:
        thread.join(20)
    assert threads() <= before
