"""What a run measures arrives in the store, and orders arrive at the run."""

from __future__ import annotations

import sqlite3
import threading
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from lepton_lab.errors import StoreError, TrainingError, UnknownNameError
from lepton_lab.training.history import History
from lepton_lab.training.status import RunState
from lepton_lab.workspace import Workspace, chunks, recording
from lepton_lab.workspace.database import Database


def until(condition, seconds=3.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)


def test_a_run_is_read_as_it_was_measured(workspace, by_hand):
    run = by_hand("first", lr=0.25)
    run.train(100)
    run.end_epoch()
    run.history.add_event("oom", "batch halved", batch_size=16)
    by_hand.end(run)
    stored = workspace.open_run("first")
    assert stored.state is RunState.FINISHED
    assert stored.status == run.status
    assert stored.settings == run.settings
    assert stored.versions["python"]
    assert stored.history.events == run.history.events
    assert stored.history["val_loss"] == run.history["val_loss"] == [2.0]
    assert stored.history.history == run.history.history
    for kind in ("steps", "epochs"):
        _, expected = getattr(run.history, kind).since(0)
        _, found = getattr(stored.history, kind).since(0)
        assert list(found) == list(expected)
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values)
    assert run.folder == stored.folder
    assert stored.wait(1) is stored


def test_the_history_is_visible_within_300_ms_and_grows(workspace, by_hand):
    run = by_hand()
    stored = workspace.open_run(run.id)
    for rows in (5, 17, 4200):
        run.train(rows - len(run.history.steps))
        start = time.monotonic()
        until(lambda rows=rows: len(stored.history.steps) == rows)
        assert time.monotonic() - start < 0.6
    after, new = stored.history.steps.since(4198)
    assert (after, new["step"].tolist()) == (4200, [4199.0, 4200.0])
    with pytest.raises(StoreError, match="read only"):
        stored.history.steps.append([0.0])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.booleans()), max_size=12))
def test_a_feed_gives_every_row_once(workspace, by_hand, actions):
    run = by_hand()
    rec = recording.Recording(workspace.database, run, {})
    rec._registered = True  # the fixture's recorder entered it; this one writes when the test says so
    feed, cursor = workspace.open_run(run.id).feed, None
    steps, epochs, events = [], [], []
    by_hand.end(run)
    run.set_state(RunState.RUNNING)
    rec._rows, rec._events = {"steps": 0, "epochs": 0}, 0
    for rows, epoch, look in actions:
        run.train(rows)
        if epoch:
            run.end_epoch()
            run.history.add_event("epoch", "over")
        assert rec.write()
        if look:
            update = feed.since(cursor)
            cursor = update.cursor
            steps += update.steps.get("step", np.array([])).tolist()
            epochs += update.epochs.get("epoch", np.array([])).tolist()
            events += update.events
    update = feed.since(cursor)
    steps += update.steps.get("step", np.array([])).tolist()
    epochs += update.epochs.get("epoch", np.array([])).tolist()
    events += update.events
    assert steps == list(range(1, len(run.history.steps) + 1))
    assert epochs == list(range(1, len(run.history.epochs) + 1))
    assert events == run.history.events
    assert feed.since(update.cursor).empty


def test_a_feed_says_when_rows_were_taken_back(workspace, by_hand):
    run = by_hand("again")
    run.train(50)
    by_hand.end(run, RunState.INTERRUPTED)
    feed = workspace.open_run("again").feed
    first = feed.since()
    later = by_hand("again", run_id=run.id, history=run.history.truncated(30, 0))
    later.train(1)
    by_hand.end(later)
    update = feed.since(first.cursor)
    assert update.reset
    assert update.steps["step"].tolist() == list(range(1, 32))
    assert not feed.since(update.cursor).reset
    stored = workspace.open_run("again")
    assert len(stored.history.steps) == 31
    assert len(workspace.runs()) == 1


@pytest.mark.parametrize(("order", "args"), [("pause", {}), ("set", {"lr": 0.5}), ("stop", {}), ("step", {"count": 2})])
def test_an_order_arrives_once_and_is_answered(workspace, by_hand, order, args):
    run = by_hand()
    taken = []

    def train():
        until(lambda: run.controls.pending)
        taken.extend(run.controls.take())

    thread = threading.Thread(target=train)
    thread.start()
    start = time.monotonic()
    getattr(workspace.open_run(run.id), order)(
        *args.values() if order == "step" else (), **args if order == "set" else {}
    )
    assert time.monotonic() - start < 0.6
    thread.join()
    assert [(c.name, dict(c.args)) for c in taken] == [(order, args)]
    time.sleep(0.2)
    assert not run.controls.take()


def test_orders_that_cannot_be_followed(workspace, by_hand):
    run = by_hand()
    stored = workspace.open_run(run.id)
    with pytest.raises(UnknownNameError, match="setting"):
        stored.set(learning_rate=1)
    by_hand.end(run)
    with pytest.raises(TrainingError, match="has ended"):
        stored.pause()


def test_a_full_disk_delays_the_record_and_nothing_else(workspace, by_hand, monkeypatch):
    run = by_hand()
    until(lambda: workspace.open_run(run.id).state is RunState.RUNNING)
    append, full = chunks.append, threading.Event()

    def refuse(*args):
        full.set()
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(chunks, "append", refuse)
    monkeypatch.setattr(recording, "_RETRY_S", 0.05)
    run.train(10)
    assert full.wait(2)
    until(lambda: len(run.history.events) == 1)
    run.train(10)
    time.sleep(0.3)
    assert len(run.history.events) == 1
    assert "disk is full" in run.history.events[0]["message"]
    monkeypatch.setattr(chunks, "append", append)
    until(lambda: len(run.history.events) == 2)
    by_hand.end(run)
    stored = workspace.open_run(run.id)
    assert len(stored.history.steps) == 20
    assert stored.history.events == run.history.events


def test_a_really_full_database(workspace, by_hand, monkeypatch):
    run = by_hand()
    monkeypatch.setattr(recording, "_RETRY_S", 0.05)
    connect = Database.connection
    limit = {"pages": 60}

    def limited(self):
        connection = connect(self)
        connection.execute(f"PRAGMA max_page_count = {limit['pages']}")
        return connection

    monkeypatch.setattr(Database, "connection", limited)
    rng = np.random.default_rng(0)
    for _ in range(10_000):
        run.history.steps.append(rng.normal(size=8))
    until(lambda: any("full" in e["message"] for e in run.history.events))
    limit["pages"] = 1_000_000
    by_hand.end(run)
    until(lambda: len(workspace.open_run(run.id).history.steps) == 10_000)


def test_a_failed_run_keeps_its_message(workspace, by_hand):
    run = by_hand("bad")
    run.error = ValueError("the loss is NaN")
    by_hand.end(run, RunState.FAILED)
    stored = workspace.open_run("bad")
    with pytest.raises(TrainingError, match="the loss is NaN"):
        stored.wait(1)


def test_two_writers_share_a_folder(workspace, by_hand, own_folder):
    runs = [by_hand(f"run {i}") for i in range(4)]

    def drive(run):
        for _ in range(20):
            run.train(25)
            time.sleep(0.01)

    threads = [threading.Thread(target=drive, args=(run,)) for run in runs]
    for thread in threads:
        thread.start()
    other = Workspace(own_folder)
    for i in range(50):
        other.project(f"p{i % 5}").settings = {"i": i}
    for thread in threads:
        thread.join()
    for run in runs:
        by_hand.end(run)
        assert len(other.open_run(run.id).history.steps) == 500
    assert sorted(other.projects()["name"]) == [f"p{i}" for i in range(5)]
    other.close()


def test_the_pump_ends_with_its_last_run(by_hand):
    run = by_hand()
    by_hand.end(run)
    until(lambda: not any(t.name == "lepton-lab-recorder" for t in threading.enumerate()))


def test_a_fork_of_the_history_is_written_whole(workspace, by_hand):
    first = by_hand("first")
    first.train(40)
    by_hand.end(first)
    history = History.restore(
        first.history.to_json(), *(getattr(first.history, k).since(0)[1] for k in ("steps", "epochs"))
    )
    second = by_hand("second", history=history, parent={"run": first.id, "step": 40})
    second.train(5)
    by_hand.end(second)
    assert len(workspace.open_run("second").history.steps) == 45
    assert workspace.open_run("second").parent == {"run": first.id, "step": 40}
    assert workspace.open_run("second").fingerprint() == "abc"
    assert workspace.runs().set_index("name").loc["second", "parent"] == first.id


def test_a_locked_store_does_not_hold_a_start_up(workspace, by_hand, monkeypatch):
    monkeypatch.setattr(recording, "_RETRY_S", 0.05)
    other = sqlite3.connect(workspace.database.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    run = by_hand("patient")
    run.train(10)
    assert time.monotonic() - began < 2
    assert run.folder is not None
    time.sleep(0.2)
    assert workspace.runs().empty
    other.execute("ROLLBACK")
    other.close()
    until(lambda: not workspace.runs().empty and len(workspace.open_run("patient").history.steps) == 10)
    assert [e["kind"] for e in run.history.events] == ["recording", "recording"]


def test_a_folder_that_vanished_leaves_the_run_in_memory(workspace, by_hand, own_folder):
    (own_folder / "runs").write_text("a file in its place")
    with pytest.warns(RuntimeWarning, match="keeps no checkpoints"):
        run = by_hand("no folder")
    assert run.folder is None
    by_hand.end(run)
    assert workspace.open_run("no folder").state is RunState.FINISHED


def test_an_order_that_nobody_knows_is_refused(workspace, by_hand):
    run = by_hand()
    with workspace.database.write() as connection:
        order = "INSERT INTO commands (id, run, name, args, created) VALUES (?, ?, ?, ?, 0)"
        connection.executemany(order, [("x", run.id, "explode", "{}"), ("y", run.id, "set", "no json")])

    def errors():
        return [row["error"] for row in workspace.database.rows("SELECT error FROM commands ORDER BY id")]

    until(lambda: None not in errors())
    assert "explode" in errors()[0]
    run.train(3)
    until(lambda: len(workspace.open_run(run.id).history.steps) == 3)


def test_a_run_has_ended_for_readers_only_when_all_of_it_is_written(workspace, by_hand):
    run = by_hand()
    run.train(5)
    run.set_state(RunState.FINISHED)
    until(lambda: len(workspace.open_run(run.id).history.steps) == 5)
    assert not workspace.open_run(run.id).state.ended
    run.train(5)
    by_hand.end(run)
    assert workspace.open_run(run.id).state is RunState.FINISHED
    assert len(workspace.open_run(run.id).history.steps) == 10
