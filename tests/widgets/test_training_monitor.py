"""What a monitor tells a view and what it takes from one: exact messages, orders, runs that end in every way."""

from __future__ import annotations

import json
import math
import queue
import threading

import numpy as np
import pytest

import lepton_lab as ll
from lepton_lab.errors import CheckpointError, NonFiniteError, TrainingError, UnknownNameError
from lepton_lab.training.history import History
from lepton_lab.training.run import Run
from lepton_lab.training.status import RunState
from lepton_lab.widgets.training_monitor import TrainingMonitor, monitor_of
from lepton_lab.workspace import StoredRun, StoreRecorder, Workspace
from tests.workspace.hand_driven import HandDriven

DATA = {"name": "digits", "task": "multiclass"}


@pytest.fixture(autouse=True)
def _no_front_end(monkeypatch):
    monkeypatch.setattr("lepton_lab.widgets._base.bundle", lambda name: "export default {}")


@pytest.fixture
def live(wire):
    """A run of this process that a test drives: its rows, its states, its orders."""
    run = Run(settings={"epochs": 3, "lr": 0.1, "optimizer": "adam"}, data=DATA, history=History(["accuracy"], True))
    run.publish(state=RunState.RUNNING, steps=30)
    return run


def train(run, steps):
    for _ in range(steps):
        at = len(run.history.steps) + 1
        run.history.steps.append((at, at / 10, at / 100, 1 / at, 0.1, math.nan, 1e4, 0.5))
    run.publish(step=len(run.history.steps), loss=0.5)


def end_epoch(run):
    at = len(run.history.epochs) + 1
    run.history.epochs.append((at, 1 / at, 0.5, 2 / at, 0.4, 0.1, 1.0))
    run.publish(epoch=at, best_epoch=at)


def tables(message):
    """The tables of the first run of a message, by name, as columns."""
    found, at = {}, 0
    content = message.content.get("result", message.content)
    for run in content["runs"]:
        for table in run.get("tables", []):
            values = message.array(at).reshape(-1, table["rows"])
            at += 1
            if run is content["runs"][0]:
                found[table["name"]] = table, dict(zip(table["columns"], values, strict=True))
    return found


def network():
    return ll.NetworkSpec([ll.Flatten(), ll.Linear(8), ll.Linear(10)], input_shape=(1, 28, 28))


@pytest.fixture(scope="module")
def digits():
    return ll.load_dataset("mnist-sample")


# --- what a view is told ---------------------------------------------------------------------------------------------


def test_a_view_gets_everything_then_only_what_is_new(live, wire, open_view):
    train(live, 5)
    end_epoch(live)
    monitor = TrainingMonitor(live)
    view = open_view(monitor)
    first = view.call("catch_up")
    table, columns = tables(first)["steps"]
    assert (table["from"], table["rows"], table["complete"]) == (0, 5, 5)
    assert columns["step"].tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(columns["loss"], [1 / i for i in range(1, 6)], rtol=1e-6)
    run = first.content["result"]["runs"][0]
    assert run["status"]["state"] == "running"
    assert run["about"]["data"] == "digits"
    assert run["status"]["best"]["val_loss"] == 2.0
    view.look()
    monitor.pulse()
    wire.clear()
    train(live, 3)
    monitor.pulse()
    message = wire.of("news")[0]
    table, columns = tables(message)["steps"]
    assert (table["from"], table["rows"]) == (5, 3)
    assert columns["step"].tolist() == [6, 7, 8]
    assert "about" not in message.content["runs"][0]
    wire.clear()
    monitor.pulse()
    assert wire.of("news") == []


def test_epochs_know_the_step_at_which_they_ended(live, wire, open_view):
    train(live, 10)
    end_epoch(live)
    view = open_view(TrainingMonitor(live))
    _, columns = tables(view.call("catch_up"))["epochs"]
    assert columns["step"].tolist() == [10]


def test_the_most_important_finding_of_the_doctor_is_told_once(live, wire, open_view):
    monitor = TrainingMonitor(live)
    view = open_view(monitor)
    for at in range(1, 9):
        train(live, 10)
        live.history.epochs.append((at, 1 / at**2, 0.9, 0.3 + 0.3 * abs(at - 3), 0.4, 0.1, 1.0))
    live.publish(epoch=8, best_epoch=3)
    wire.clear()

    def told():
        monitor.pulse()
        return [m.content["finding"] for m in wire.of("news") if m.content.get("finding")]

    found = wire.wait(told)
    assert "overfitting" in found[0]["title"]
    assert found[0]["severity"] == "warning"
    assert "epoch 3" in found[0]["detail"]
    monitor.pulse()
    assert len(told()) == 1
    assert view.ok("catch_up")["finding"] == found[0]


def test_messages_are_json_though_values_are_missing(live, wire, open_view):
    train(live, 1)
    live.publish(metrics={"accuracy": math.nan}, eta_s=math.inf)
    answer = open_view(TrainingMonitor(live)).call("catch_up")
    assert "NaN" not in json.dumps(answer.content)
    assert answer.content["result"]["runs"][0]["status"]["metrics"] == {"accuracy": None}


def test_a_long_run_is_two_thousand_points_a_series(live, wire, open_view):
    count = 50_000
    at = np.arange(1, count + 1, dtype=float)
    loss = 1 / at
    loss[33_333] = 77.0
    live.history.steps.extend({"step": at, "epoch": at / 100, "time": at, "loss": loss})
    view = open_view(TrainingMonitor(live))
    answer = view.call("catch_up")
    table, columns = tables(answer)["steps"]
    assert 2 * table["rows"] <= 2000
    assert columns["high loss"].max() == 77.0
    assert sum(len(b) for b in answer.buffers) < 100_000
    fine = view.call("detail", run=live.id, table="steps", first=33_300, last=33_400)
    assert fine.content["result"]["level"] == 0
    rows = fine.array(0).reshape(len(fine.content["result"]["columns"]), -1)
    assert rows[0].tolist() == at[33_300:33_400].tolist()
    assert rows[fine.content["result"]["columns"].index("loss")].max() == 77.0


def test_rows_that_were_taken_back_begin_a_new_generation(live, wire, open_view):
    train(live, 5)
    monitor = TrainingMonitor(live)
    open_view(monitor).look()
    monitor.pulse()
    before = wire.of("news")[-1].content["runs"][0]["generation"]
    live.history = live.history.truncated(2, 0)
    train(live, 1)
    monitor.pulse()
    message = wire.of("news")[-1]
    assert message.content["runs"][0]["generation"] == before + 1
    assert message.content["runs"][0]["anew"]
    assert tables(message)["steps"][1]["step"].tolist() == [1, 2, 3]


def test_a_view_that_draws_slowly_hears_less_often_but_at_once_of_a_new_state(live, wire, open_view, fast_pump):
    train(live, 5)
    monitor = TrainingMonitor(live)
    view = open_view(monitor)
    view.look()
    wire.wait(lambda: wire.of("news"))
    assert monitor._apart() == 0
    content = {"kind": "view", "view": view.view, "visible": True, "apart": 0.7}
    monitor._receive(monitor, content, [])
    assert monitor._apart() == 0.7
    live.publish(state=RunState.PAUSED)
    assert monitor._apart() == 0
    wire.wait(lambda: wire.of("news")[-1].content["runs"][0]["status"]["state"] == "paused")
    assert monitor._apart() == 0.7


def test_nothing_is_sent_while_nobody_looks_and_the_gap_is_filled_after(live, wire, open_view, fast_pump):
    monitor = TrainingMonitor(live)
    view = open_view(monitor)
    train(live, 2)
    view.look()
    wire.wait(lambda: [m for m in wire.of("news") if "steps" in tables(m)])
    view.look(False)
    for thread in [t for t in threading.enumerate() if t.name == "lepton-views"]:
        thread.join(5)
    wire.clear()
    train(live, 4)
    assert wire.messages == []
    view.look()
    message = wire.wait(lambda: wire.of("news"))[0]
    assert tables(message)["steps"][1]["step"].tolist() == [3, 4, 5, 6]
    assert set(wire.threads[-1:]) == {"lepton-views"}


# --- orders ----------------------------------------------------------------------------------------------------------


def test_orders_go_to_the_run_at_once(live, wire, open_view):
    view = open_view(TrainingMonitor(live))
    view.ok("pause")
    view.ok("go_on")
    view.ok("step", count=3)
    view.ok("set", changes={"lr": 0.01, "batch_size": 64.0})
    view.ok("stop")
    orders = [(c.name, dict(c.args)) for c in live.controls.take()]
    assert orders == [
        ("pause", {}), ("resume", {}), ("step", {"count": 3}), ("set", {"lr": 0.01, "batch_size": 64}), ("stop", {}),
    ]  # fmt: skip


def test_an_order_is_answered_with_the_state_that_it_led_to(live, wire, open_view):
    def obey():
        live.controls.wait()
        live.controls.take()
        live.publish(state=RunState.PAUSED)

    live.controls.pending = False
    thread = threading.Thread(target=obey)
    monitor = TrainingMonitor(live)
    view = open_view(monitor)
    view.look()
    thread.start()
    view.ok("pause")
    thread.join()
    states = lambda: [r["status"]["state"] for m in wire.of("news") for r in m.content["runs"] if "status" in r]  # noqa: E731
    wire.wait(lambda: "paused" in states())


def test_wrong_orders_say_why(live, wire, open_view):
    view = open_view(TrainingMonitor(live))
    assert "batch_size" in view.call("set", changes={"batch_size": 0}).content["error"]["title"]
    assert "momentum" in view.call("set", changes={"momentum": 0.5}).content["error"]["title"]
    assert "not recorded" in view.call("describe", note="x").content["error"]["title"]
    live.publish(state=RunState.FINISHED)
    assert "has ended" in view.call("pause").content["error"]["title"]


def test_people_write_on_a_run_and_every_view_reads_it(wire, open_view, own_run):
    monitor = TrainingMonitor(own_run)
    view, other = open_view(monitor), open_view(monitor)
    view.look()
    view.ok("describe", name="lenet", note="good", star=True, tags=["a", " b "])
    about = other.ok("catch_up")["runs"][0]["about"]
    assert (about["name"], about["note"], about["star"], about["tags"]) == ("lenet", "good", True, ["a", "b"])
    told = [r["about"]["name"] for m in wire.of("news") for r in m.content["runs"] if "about" in r]
    assert told[-1] == "lenet"
    view.ok("describe", tags=["b"])
    assert ll.open_run("lenet").tags == ["b"]


@pytest.fixture
def own_run(live):
    recorder = StoreRecorder(Workspace())
    live._recorder = recorder
    recorder.attach(live)
    yield live
    live.publish(state=RunState.STOPPED)
    recorder.detach(live)


# --- starting, forking, resuming --------------------------------------------------------------------------------------


def test_train_is_possible_or_says_why_not(wire, open_view, digits):
    start = lambda *args, **keys: open_view(TrainingMonitor(*args, **keys)).ok("catch_up")["start"]  # noqa: E731
    assert start(ll.Trainer(network()), digits)["why"] == ""
    assert "no data" in start(ll.Trainer(network()))["why"]
    broken = ll.NetworkSpec([ll.Conv2d(8, 3), ll.Linear(10)], input_shape=(784,))
    assert "Conv2d" in start(broken, digits)["why"]
    monitor = TrainingMonitor(network(), digits)
    monitor.blocked = "The data is still loading."
    assert open_view(monitor).ok("catch_up")["start"]["why"] == "The data is still loading."
    assert "still loading" in open_view(monitor).call("start").content["error"]["title"]
    assert start()["can"] is False
    with pytest.raises(UnknownNameError, match="epochs"):
        TrainingMonitor(network(), digits, epoch=3)


def test_start_fork_and_compare(wire, open_view, digits):
    monitor = TrainingMonitor(ll.Trainer(network(), lr=0.01), digits, epochs=1, batch_size=64)
    view = open_view(monitor)
    view.ok("set_plan", changes={"lr": 0.02})
    first = view.ok("start")
    assert monitor.run_id == first
    assert monitor.run.wait().settings["lr"] == 0.02
    view.ok("fork", at="last", name="lower", changes={"lr": 0.001, "epochs": 2})
    second = wire.wait(lambda: monitor.run_id != first and monitor.run_id)
    assert monitor.compare == [first]
    assert monitor.run.wait().settings["lr"] == 0.001
    assert monitor.run.parent["run"] == first
    view.ok("show", run=first)
    assert (monitor.run_id, monitor.compare) == (first, [second])
    view.ok("remove", run=second)
    assert monitor.compare == []
    assert [c["name"] for c in view.ok("candidates")] == ["lower"]
    view.ok("add", run=second)
    assert monitor.compare == [second]
    assert [r["id"] for r in view.ok("catch_up")["runs"]] == [first, second]
    assert "metrics" in view.call("fork", changes={"metrics": []}).content["error"]["title"]


@pytest.fixture
def slow_fork(monkeypatch):
    """Lets a test say when a fork comes to its end, and how: by a run or an error put into the queue."""
    ends, begun = queue.Queue(), []

    def fork(self, at, **changes):
        begun.append((at, changes))
        end = ends.get(timeout=20)
        if isinstance(end, Exception):
            raise end
        return end

    monkeypatch.setattr(Run, "fork", fork)
    return ends, begun


def fork_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("lepton-forks")]


def test_a_fork_is_answered_before_it_is_made_and_made_once(live, wire, open_view, slow_fork):
    ends, begun = slow_fork
    monitor = TrainingMonitor(live)
    view, other = open_view(monitor), open_view(monitor)
    view.look()
    order = {"kind": "order", "id": "once", "op": "fork", "args": {"name": "child", "changes": {"lr": 0.01}}}
    for _ in range(3):  # sent again because no answer was heard
        monitor._receive(monitor, order, [])
    answers = [m.content for m in wire.of("answer") if m.content["id"] == "once"]
    assert [answer["ok"] for answer in answers] == [True] * 3
    assert wire.of("news")[-1].content["forking"] == {"pending": 1, "failed": None}
    assert other.ok("catch_up")["forking"]["pending"] == 1  # a page that was opened meanwhile
    child = Run(settings={"epochs": 3}, data=DATA, history=History(["accuracy"], True), name="child")
    ends.put(child)
    wire.wait(lambda: monitor.run_id == child.id)
    wire.wait(lambda: wire.of("news")[-1].content.get("forking") == {"pending": 0, "failed": None})
    assert begun == [("last", {"name": "child", "lr": 0.01})]
    assert monitor.compare == [live.id]


def test_a_fork_that_fails_says_why_to_every_view_that_missed_it_too(live, wire, open_view, slow_fork):
    ends, begun = slow_fork
    monitor = TrainingMonitor(live)
    view, late = open_view(monitor), open_view(monitor)
    view.look()
    view.ok("fork")
    view.ok("fork", at="7")
    ends.put(CheckpointError("there are no weights yet", do="Wait for the end of an epoch"))
    ends.put(ZeroDivisionError("division by zero"))
    told = wire.wait(lambda: [f for m in wire.of("news") if (f := m.content.get("forking")) and f["pending"] == 0])
    told = told[-1]["failed"]
    assert (told["title"], told["number"]) == ("division by zero", 2)
    failures = [f["failed"] for m in wire.of("news") if (f := m.content.get("forking")) and f["failed"]]
    assert (failures[0]["title"], failures[0]["fix"]) == ("there are no weights yet", "Wait for the end of an epoch")
    assert late.ok("catch_up")["forking"] == {"pending": 0, "failed": told}
    assert isinstance(monitor.last_error, ZeroDivisionError)
    assert [at for at, _ in begun] == ["last", 7]
    assert monitor.run_id == live.id


def test_a_monitor_that_is_closed_while_it_forks_keeps_nothing(live, wire, open_view, slow_fork):
    ends, begun = slow_fork
    monitor = TrainingMonitor(live)
    view = open_view(monitor)
    view.ok("fork")
    view.ok("fork")
    wire.wait(lambda: begun)
    monitor.close()
    ends.put(Run(settings={"epochs": 3}, data=DATA, history=History(["accuracy"], True)))
    for thread in fork_threads():
        thread.join(10)
    assert fork_threads() == []
    assert len(begun) == 1
    assert (monitor._readers, monitor.run_id) == ({}, live.id)


def test_a_builder_is_asked_for_its_network_at_the_start(wire, open_view, digits):
    class Builder:
        network = None
        data = digits

    builder = Builder()
    monitor = TrainingMonitor(builder, epochs=1)
    assert "no network" in open_view(monitor).ok("catch_up")["start"]["why"]
    builder.network = network()
    run_id = open_view(monitor).ok("start")
    assert monitor.run.wait().network == builder.network.to_dict()
    assert run_id == monitor.run_id


def test_a_run_that_is_gone_is_resumed(wire, open_view, digits):
    run = ll.Trainer(network()).start(digits, epochs=2, batch_size=64)
    run.wait()
    stored = ll.open_run(run.id)
    stored.workspace.database.connection().execute(
        "UPDATE runs SET state = 'running', pid = 999999999, ended = NULL WHERE id = ?", (run.id,)
    )
    monitor = TrainingMonitor(ll.open_run(run.id))
    view = open_view(monitor)
    assert view.ok("catch_up")["runs"][0]["status"]["state"] == "interrupted"
    assert view.ok("revive") == run.id
    assert isinstance(monitor.run, Run)
    assert monitor.run.wait().state == RunState.FINISHED


def test_a_run_of_another_process_is_steered(wire, open_view, monkeypatch):
    hand = HandDriven("far")
    recorder = StoreRecorder(Workspace())
    recorder.attach(hand)
    hand.train(3)
    monitor = TrainingMonitor(ll.open_run(hand.id))
    assert isinstance(monitor.run, StoredRun)
    view = open_view(monitor)
    view.ok("pause")
    assert hand.controls.wait(10)
    assert [c.name for c in hand.controls.take()] == ["pause"]
    hand.set_state(RunState.STOPPED)
    recorder.detach(hand)
    assert [r["status"]["state"] for r in view.ok("catch_up")["runs"]] == ["stopped"]


def test_two_views_of_one_run_see_the_same(live, wire, open_view):
    train(live, 7)
    one, two = open_view(TrainingMonitor(live)), open_view(TrainingMonitor(live))
    first, second = one.call("catch_up"), two.call("catch_up")
    assert first.content["result"]["runs"] == second.content["result"]["runs"]
    assert [bytes(b) for b in first.buffers] == [bytes(b) for b in second.buffers]


# --- ends ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (NonFiniteError("NaN or Inf appeared first in 'linear', forward"), "nan"),
        (TrainingError("memory ran out with a batch of one sample"), "memory"),
        (ZeroDivisionError("division by zero"), "error"),
    ],
)
def test_a_failure_is_told_with_its_cause(live, wire, open_view, error, cause):
    live._error = error
    live.publish(state=RunState.FAILED, message=str(error))
    about = open_view(TrainingMonitor(live)).ok("catch_up")["runs"][0]["about"]
    assert about["error"]["cause"] == cause
    assert about["error"]["title"] in str(error)


def test_nan_is_forked_with_a_lower_rate(wire, open_view, digits):
    monitor = TrainingMonitor(ll.Trainer(network(), optimizer="sgd", lr=1e30), digits, epochs=1)
    view = open_view(monitor)
    failed = view.ok("start")
    with pytest.raises(NonFiniteError):
        monitor.run.wait()
    assert view.ok("catch_up")["runs"][0]["about"]["error"]["cause"] == "nan"
    view.ok("fork", at="last", changes={"lr": 0.01})
    wire.wait(lambda: monitor.run_id != failed)
    assert monitor.compare == [failed]
    assert monitor.run.wait().state == RunState.FINISHED


def test_a_deleted_run_leaves_the_charts(wire, open_view, digits, monkeypatch):
    monkeypatch.setattr("lepton_lab.widgets.training_monitor_reader._LOOK_S", -1.0)
    first = ll.Trainer(network()).fit(digits, epochs=1, batch_size=64, verbose=0)
    second = ll.Trainer(network()).fit(digits, epochs=1, batch_size=64, verbose=0)
    monitor = TrainingMonitor(ll.open_run(first.id), compare=[second.id])
    view = open_view(monitor)
    assert len(view.ok("catch_up")["runs"]) == 2
    ll.open_run(second.id).delete()
    monitor.pulse()
    assert len(view.ok("catch_up")["runs"]) == 1
    assert monitor.compare == []


def test_the_still_picture_has_the_curves_and_no_script(live):
    train(live, 30)
    end_epoch(live)
    live.name = "<script>alert(1)</script>"
    picture = TrainingMonitor(live).still()
    assert picture.count("<polyline") >= 2
    assert "<script" not in picture
    assert len(picture) < 60_000


def test_a_run_shows_itself_once(live, wire):
    assert monitor_of(live) is monitor_of(live)
    kept = monitor_of(live)
    kept.close()
    assert monitor_of(live) is not kept


def test_closing_lets_go_of_the_runs(live, wire, open_view):
    monitor = TrainingMonitor(live)
    open_view(monitor).look()
    monitor.close()
    assert monitor._readers == {}
